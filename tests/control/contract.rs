//! What every client promises, wherever its engine runs.

use nightdesk::control::{Client, LinkView};
use nightdesk::engine::{Command, CommandError, Envelope, LogFilter, LogLevel, Query, QueryError, Reply};
use nightdesk::market::{SourceId, Timeframe};
use nightdesk::store::master::{Resolution, RunState};

use crate::house::{House, same_state};
use crate::support::{daily, series};

fn envelope(id: &str, command: Command) -> Envelope {
    Envelope { id: id.into(), actor: "test".into(), command }
}

/// Runs an ingest through `client` and looks at it from all sides.
async fn holds(client: &Client, name: &str) {
    let ingest = envelope(name, Command::Ingest { spec: daily() });
    let ack = client.send(ingest.clone()).await.unwrap();
    let run = ack.run_id.unwrap();
    assert_eq!(client.send(ingest).await.unwrap(), ack, "{name}: the same command again is the same run");
    let mut state = client.state();
    let ended = tokio::time::timeout(std::time::Duration::from_secs(30), state.wait_for(|s| s.runs.iter().any(|r| r.id == run))).await;
    let ended = ended.unwrap().unwrap().runs.iter().find(|r| r.id == run).unwrap().clone();
    assert_eq!(ended.state, RunState::Succeeded, "{name}: {:?}", ended.summary);
    let Reply::Runs(runs) = client.query(Query::Runs { limit: 9 }).await.unwrap() else { panic!("{name}: no runs") };
    assert_eq!(runs[0].id, run, "{name}");
    let unknown = Command::ResolveIssue { id: 999, resolution: Resolution::Accepted, note: "none".into() };
    assert!(matches!(client.send(envelope("unknown", unknown)).await, Err(CommandError::Refused(_))), "{name}");
    let elsewhere = Query::Series { series: series("ZZZ", Timeframe::D1) };
    assert!(matches!(client.query(elsewhere).await, Err(QueryError::Failed(t)) if t.contains("ZZZ")), "{name}");
    let probe = client.send(envelope(&format!("{name}-probe"), Command::Probe { source: SourceId::Ib })).await.unwrap();
    assert_eq!(probe.run_id, None, "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_outside_is_as_good_as_one_inside() {
    let house = House::open(&["AAPL", "MSFT"]).await;
    let inside = house.desk.client();
    let (socket, port) = (house.attach(house.endpoint()).await, house.attach(house.port()).await);
    assert_eq!(inside.link(), LinkView::Local);
    for (name, client) in [("inside", &inside), ("socket", &socket), ("port", &port)] {
        holds(client, name).await;
    }
    for client in [&socket, &port] {
        assert_eq!(client.link(), LinkView::Attached { pid: std::process::id(), read_only: None });
        same_state(&inside.state(), &client.state()).await;
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_have_the_same_answers() {
    let mut house = House::open(&["AAPL", "BTC-USD"]).await;
    house.desk.ingest(daily()).await;
    let (inside, outside) = (house.desk.client(), house.attach(house.endpoint()).await);
    let questions = [
        Query::Series { series: series("AAPL", Timeframe::D1) },
        Query::Series { series: series("BTC-USD", Timeframe::W1) },
        Query::Series { series: series("NONE", Timeframe::D1) },
        Query::Plan { spec: daily() },
        Query::Issues { limit: 50 },
        Query::Runs { limit: 1 },
        Query::Runs { limit: 0 },
        Query::Run { run_id: 404 },
        Query::ConfigChanges { limit: 5 },
    ];
    for question in questions {
        assert_eq!(outside.query(question.clone()).await, inside.query(question.clone()).await, "{question:?}");
    }
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_mirrored_with_its_numbers() {
    let house = House::open(&["AAPL"]).await;
    let logs = &house.desk.engine.logs;
    (0..600).for_each(|i| logs.push(i, LogLevel::Info, "engine", format!("Before {i}")));
    let outside = house.attach(house.endpoint()).await;
    (0..3).for_each(|i| logs.push(i, LogLevel::Warn, "ib", format!("After {i}")));
    let everything = LogFilter { level: LogLevel::Trace, source: None, text: None, after: 0, limit: 10_000 };
    let want = house.desk.client().logs(&everything);
    assert_eq!(want.0.len(), 603);
    let mut state = outside.state();
    let wait = state.wait_for(|_| outside.logs(&everything).0.len() == want.0.len());
    drop(tokio::time::timeout(std::time::Duration::from_secs(10), wait).await.unwrap());
    assert_eq!(outside.logs(&everything), want);
    let warnings = LogFilter { level: LogLevel::Warn, source: Some("ib".into()), text: Some("AFTER".into()), after: 601, limit: 1 };
    assert_eq!(outside.logs(&warnings), house.desk.client().logs(&warnings));
    house.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_has_stopped_is_gone() {
    let house = House::open(&["AAPL"]).await;
    let (inside, outside) = (house.desk.client(), house.attach(house.endpoint()).await);
    let House { desk, server } = house;
    let dir = desk.stop().await;
    assert_eq!(inside.link_changed(&LinkView::Local).await, LinkView::Gone);
    for client in [&inside, &outside] {
        let refused = client.send(envelope("late", Command::Refresh)).await.unwrap_err();
        assert!(matches!(refused, CommandError::Gone | CommandError::Refused(_)), "{refused:?}");
        assert!(client.query(Query::Runs { limit: 1 }).await.is_err());
    }
    server.stop(std::time::Duration::from_secs(5)).await;
    drop(dir);
}
