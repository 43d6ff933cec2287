//! What vendors, companies and checks do to a history that was there already.

use nightdesk::features::nightly::NoFeatures;
use nightdesk::market::{Actions, Dividend, SourceId, Split, date_to_ts};
use nightdesk::store::master::{CandleBatch, Issue, Resolution, Scope, Severity};

use crate::{House, bar, bars, daily, date, symbol};

/// AAA's bar of a day with another close.
async fn revise(house: &mut House, day: &str) {
    let mut bar = bar("AAA", date(day));
    bar.close += 0.25;
    bar.high += 0.25;
    house.put("AAA", vec![bar]).await;
}

async fn pays(house: &House, day: &str, amount: f64) {
    let actions = Actions { dividends: vec![Dividend { ex_date: date(day), amount }], ..Actions::default() };
    house.writer.actions(symbol("AAA"), actions, SourceId::Yahoo, 1).await.unwrap();
}

#[tokio::test]
async fn a_revision_in_this_month_goes_on_from_the_checkpoint() {
    let mut house = House::built().await;
    house.day(date("2024-05-16")).await;
    house.tail();
    let before = house.last("AAA", "rsi_14");
    revise(&mut house, "2024-05-10").await;
    house.tail();
    assert_ne!(house.last("AAA", "rsi_14").to_bits(), before.to_bits());
    house.assert_same_as_anew();
}

#[tokio::test]
async fn a_revision_of_last_month_goes_on_from_the_checkpoint_before() {
    let mut house = House::built().await;
    for day in ["2024-05-30", "2024-05-31", "2024-06-03"] {
        house.day(date(day)).await;
        house.tail();
    }
    revise(&mut house, "2024-05-31").await;
    house.tail();
    house.assert_same_as_anew();
    house.day(date("2024-06-04")).await;
    house.tail();
    house.assert_same_as_anew();
}

#[tokio::test]
async fn a_revision_years_back_recomputes_all_and_says_why() {
    let mut house = House::built().await;
    revise(&mut house, "2023-02-07").await;
    house.whole("the history of AAA before 2024-05 has changed");
    house.assert_same_as_anew();
    house.day(date("2024-05-16")).await;
    house.tail();
}

#[tokio::test]
async fn a_dividend_of_today_is_a_tail_and_a_late_one_is_not() {
    let mut house = House::built().await;
    house.day(date("2024-05-16")).await;
    pays(&house, "2024-05-16", 0.75).await;
    house.tail();
    house.assert_same_as_anew();
    // Its ex-date lies ahead: nothing changes yet.
    pays(&house, "2024-09-02", 0.5).await;
    assert_eq!(house.tail().rows_written, 0);
    pays(&house, "2023-11-01", 0.75).await;
    house.whole("the history of AAA");
    house.assert_same_as_anew();
    house.day(date("2024-05-17")).await;
    house.tail();
    house.assert_same_as_anew();
}

#[tokio::test]
async fn features_without_dividends_are_others() {
    let mut house = House::built().await;
    pays(&house, "2024-02-01", 5.0).await;
    house.whole("the history of AAA");
    let with = house.last("AAA", "price_vs_sma_200");
    house.dividends = false;
    house.whole("definitions");
    assert_ne!(house.last("AAA", "price_vs_sma_200"), with);
    house.assert_same_as_anew();
}

#[tokio::test]
async fn a_split_takes_the_symbol_out_until_its_history_is_swapped() {
    let mut house = House::built().await;
    house.day(date("2024-05-16")).await;
    house.tail();
    // The history was brought before the split by a run that is on record.
    house.writer.begin_run(Some(1), "{}".into()).await.unwrap();
    let split = Split { ex_date: date("2024-05-16"), numerator: 4.0, denominator: 1.0 };
    let actions = Actions { splits: vec![split], ..Actions::default() };
    house.writer.actions(symbol("AAA"), actions, SourceId::Yahoo, 1).await.unwrap();
    let report = house.whole("the history of AAA");
    let [(gone, NoFeatures::Blocked(why))] = &report.without[..] else { panic!("{report:?}") };
    assert!(*gone == symbol("AAA") && why.contains("split"), "{why}");
    assert!(house.db.reader().feature_months(symbol("AAA")).unwrap().is_empty());
    house.assert_same_as_anew();

    let mut history = bars("AAA", date("2023-01-02"), date("2024-05-16"));
    for b in &mut history {
        (b.open, b.high, b.low, b.close, b.volume) = (b.open / 4.0, b.high / 4.0, b.low / 4.0, b.close / 4.0, b.volume * 4.0);
    }
    let window = (history[0].ts, date_to_ts(date("2024-05-17")));
    let batch = CandleBatch { series: daily("AAA"), source: SourceId::Yahoo, run_id: 99, bars: history, replace: None };
    house.writer.swap(batch, window, Vec::new(), Vec::new()).await.unwrap();
    let report = house.whole("the history of AAA");
    assert!(report.without.is_empty() && house.last("AAA", "rsi_14").is_finite());
    house.assert_same_as_anew();
}

#[tokio::test]
async fn a_hidden_bar_leaves_no_trace_and_a_blocked_series_no_features() {
    let mut house = House::built().await;
    house.day(date("2024-05-16")).await;
    let at = date_to_ts(date("2024-05-09"));
    let find = |scope, severity| Issue { check: 7, severity, series: daily("AAA"), scope, message: "a jump".into() };
    house.writer.issues(vec![find(Scope::Bars { from: at, to: at }, Severity::Exclude)], None).await.unwrap();
    house.tail();
    house.assert_same_as_anew();
    let row = nightdesk::features::nightly::read_features(house.db.reader(), symbol("AAA"), (at, at + 1)).unwrap();
    assert!(row.ts.is_empty(), "a bar that is hidden has no features");

    house.writer.issues(vec![find(Scope::Series, Severity::Critical)], None).await.unwrap();
    let report = house.whole("the history of AAA");
    assert_eq!(report.without, [(symbol("AAA"), NoFeatures::Blocked("a jump".into()))]);
    house.assert_same_as_anew();
    let open = house.pool.ask(|r| r.open_issues(9)).unwrap();
    for issue in open {
        house.writer.resolve(issue.id, Resolution::Accepted, String::new()).await.unwrap();
    }
    assert!(house.whole("the history of AAA").without.is_empty());
    house.assert_same_as_anew();
}

#[tokio::test]
async fn bars_that_go_away_take_their_features_with_them() {
    let mut house = House::built().await;
    house.day(date("2024-06-03")).await;
    house.tail();
    let replace = Some((date_to_ts(date("2024-06-01")), date_to_ts(date("2024-07-01"))));
    let batch = CandleBatch { series: daily("AAA"), source: SourceId::Yahoo, run_id: 50, bars: Vec::new(), replace };
    house.writer.candles(batch).await.unwrap();
    house.tail();
    house.assert_same_as_anew();
}

#[tokio::test]
async fn a_symbol_that_comes_back_after_a_long_halt_is_computed_right() {
    let mut house = House::new().await;
    // It traded for a year, was halted for ten years, and is back since today: sixty of its bars reach back for ten years.
    house.instruments.push(crate::instrument("OLD"));
    house.put("OLD", bars("OLD", date("2012-01-02"), date("2013-12-31"))).await;
    house.night();
    house.day(date("2024-05-16")).await;
    house.whole("OLD had so few bars of late");
    house.assert_same_as_anew();
}
