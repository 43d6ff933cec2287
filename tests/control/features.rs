//! What a console learns of the features of a strategy, from one in the process and one outside.

use nightdesk::control::Client;
use nightdesk::engine::{FeatureDetail, FeatureList, Query, QueryError, Reply};
use nightdesk::features::nightly::{Desk, Freshness, ROWS, bring_up_to_date};
use nightdesk::market::Strategy;
use nightdesk::store::master::ReadPool;
use nightdesk::store::model::ModelDb;
use tokio_util::sync::CancellationToken;

use crate::house::House;
use crate::support::{daily, symbol};

const STRATEGY: Strategy = Strategy::Turbomode;

async fn list(client: &Client) -> FeatureList {
    match client.query(Query::Features { strategy: STRATEGY }).await.unwrap() {
        Reply::Features(list) => *list,
        other => panic!("{other:?}"),
    }
}

async fn detail(client: &Client, name: &str) -> FeatureDetail {
    match client.query(Query::Feature { strategy: STRATEGY, name: name.into() }).await.unwrap() {
        Reply::Feature(detail) => *detail,
        other => panic!("{other:?}"),
    }
}

/// Makes the features of all symbols, as the nightly step does.
fn build(house: &House) {
    let dir = house.desk.dir.path();
    let master = ReadPool::new(&dir.join("market_data.db"));
    let mut db = ModelDb::open(&dir.join(STRATEGY.database_file()), STRATEGY, true, house.desk.clock.clone()).unwrap();
    let (instruments, stop) = (&house.desk.universe.instruments, CancellationToken::new());
    let desk = Desk { master: &master, instruments, benchmark: None, dividends: true, progress: &|_, _| (), rows: ROWS, stop: &stop };
    bring_up_to_date(&mut db, &desk, false).unwrap();
    db.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn features_are_told_with_their_values_and_why_they_are_missing() {
    let mut house = House::open(&["AAPL", "MSFT"]).await;
    let (inside, outside) = (house.desk.client(), house.attach(house.endpoint()).await);
    let empty = list(&outside).await;
    assert!(empty.features.len() == 179 && empty.cache.is_none(), "what each is needs no cache");
    assert!(empty.trouble.unwrap().contains("`nightdesk features build --strategy turbomode`"));
    assert!(detail(&outside, "rsi_14").await.symbols.is_empty());
    house.desk.ingest(daily()).await;
    build(&house);
    let full = list(&outside).await;
    assert_eq!(full, list(&inside).await);
    let cache = full.cache.unwrap();
    assert!(cache.symbols == 2 && cache.rows > 490 && cache.state != Some(Freshness::CutShort), "{cache:?}");
    let share = |name: &str| full.features.iter().find(|f| f.name == name).unwrap().missing.unwrap();
    assert!(share("rsi_14") < 0.1 && share("cs_rank_return_20") > 0.999, "{} {}", share("rsi_14"), share("cs_rank_return_20"));
    let rsi = detail(&outside, "rsi_14").await;
    assert_eq!(rsi, detail(&inside, "rsi_14").await);
    assert_eq!(rsi.symbols.iter().map(|s| s.symbol).collect::<Vec<_>>(), [symbol("AAPL"), symbol("MSFT")]);
    for last in &rsi.symbols {
        assert!(last.value.is_some_and(|v| (0.0..=100.0).contains(&v)) && last.recent.len() == 60, "{last:?}");
        assert_eq!((last.at, last.recent.last(), &last.reason), (cache.newest, Some(&last.value), &None));
    }
    assert_eq!((rsi.last.values, rsi.year.values + rsi.year.missing), (2, cache.rows));
    let rank = detail(&outside, "cs_rank_return_20").await;
    assert!(rank.symbols.iter().all(|s| s.value.is_none() && s.reason.as_deref() == Some("too few symbols traded that day")));
    let db = rusqlite::Connection::open(house.desk.dir.path().join(STRATEGY.database_file())).unwrap();
    db.execute("DELETE FROM db_metadata WHERE key = 'features.snapshot'", []).unwrap();
    assert_eq!(list(&outside).await.cache.unwrap().state, Some(Freshness::CutShort));
    assert_eq!(detail(&outside, "rsi_14").await.state, Some(Freshness::CutShort));
    let unknown = outside.query(Query::Feature { strategy: STRATEGY, name: "rsi_15".into() }).await;
    assert_eq!(unknown, Err(QueryError::Failed("there is no feature rsi_15".into())));
    house.close().await;
}
