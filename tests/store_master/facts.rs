//! Everything that is not a bar: fundamentals, metadata, universe, attempts, spans without data, series state.

use std::time::Duration;

use chrono::NaiveDate;
use nightdesk::market::{
    Actions, AssetClass, Bars, Candle, ContractId, Facet, Fundamentals, Instrument, METRICS, Metadata, SourceId, Split, Symbol, Timeframe,
    Universe,
};
use nightdesk::store::master::{Attempt, CandleBatch, EmptySpan, SeriesUpdate};

use crate::{Desk, START, aapl, batch, minutes};

fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

fn day(d: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 3, d).unwrap()
}

#[tokio::test]
async fn fundamentals_are_columns_by_date() {
    let desk = Desk::new();
    let writer = desk.writer();
    let mut values = [None; METRICS.len()];
    (values[0], values[36]) = (Some(3e12), Some(0.15));
    let first = Fundamentals { date: day(1), values, notes: vec!["peg_ratio: not in the answer".into()] };
    writer.fundamentals(symbol("AAPL"), first.clone(), SourceId::Yahoo).await.unwrap();
    let second = Fundamentals { date: day(2), ..first.clone() };
    writer.fundamentals(symbol("AAPL"), second.clone(), SourceId::Yahoo).await.unwrap();
    // Read again on the same day: what is new is added, what is missing stays.
    let (mut later, mut both) = ([None; METRICS.len()], values);
    (later[1], both[1]) = (Some(2e12), Some(2e12));
    writer.fundamentals(symbol("AAPL"), Fundamentals { values: later, ..second.clone() }, SourceId::Yahoo).await.unwrap();

    let reader = desk.reader();
    let (latest, source) = reader.latest_fundamentals(symbol("AAPL")).unwrap().unwrap();
    assert_eq!((latest, source), (Fundamentals { values: both, ..second }, SourceId::Yahoo));
    let columns = reader.fundamentals(symbol("AAPL"), day(1), day(9)).unwrap();
    assert_eq!((columns.date, columns.metrics.len()), (vec![day(1), day(2)], 37));
    assert_eq!(columns.metrics[36], [0.15, 0.15]);
    assert!(columns.metrics[1][0].is_nan() && columns.metrics[1][1] == 2e12);
    assert_eq!(reader.facet_age(symbol("AAPL"), Facet::Fundamentals).unwrap(), Some(START + 86_400));
    assert_eq!(reader.facet_age(symbol("AAPL"), Facet::Actions).unwrap(), None);
}

#[tokio::test]
async fn metadata_is_never_erased_by_ignorance() {
    let desk = Desk::new();
    let writer = desk.writer();
    let full = Metadata { name: Some("Apple".into()), employees: Some(7), first_trade_date: Some(day(1)), ..Metadata::default() };
    writer.metadata(symbol("AAPL"), full.clone(), SourceId::Yahoo).await.unwrap();
    let zone = Some("US/Eastern".into());
    let ib = Metadata { name: Some("APPLE INC".into()), time_zone: zone, ib_contract_id: Some(265_598), ..Metadata::default() };
    writer.metadata(symbol("AAPL"), ib, SourceId::Ib).await.unwrap();
    writer.contract(ContractId { symbol: symbol("AAPL"), con_id: 265_598 }).await.unwrap();
    let reader = desk.reader();
    let want = Metadata { time_zone: Some("US/Eastern".into()), ib_contract_id: Some(265_598), ..full };
    assert_eq!(reader.symbol_metadata(symbol("AAPL")).unwrap(), Some((want, SourceId::Yahoo)), "IB fills gaps only");
    assert_eq!(reader.contract(symbol("AAPL")).unwrap().unwrap().con_id, 265_598);
    assert_eq!(reader.search_symbols("appl", 5).unwrap()[0].symbol, symbol("AAPL"));
}

#[tokio::test]
async fn yahoos_words_replace_those_of_ib_and_newer_ones_the_older() {
    let desk = Desk::new();
    let writer = desk.writer();
    let named = |n: &str| Metadata { name: Some(n.into()), ..Metadata::default() };
    let mut read = Vec::new();
    for (name, source) in
        [("KO INC", SourceId::Ib), ("COCA-COLA CO", SourceId::Ib), ("Coca-Cola", SourceId::Yahoo), ("Cola", SourceId::Yahoo)]
    {
        writer.metadata(symbol("KO"), named(name), source).await.unwrap();
        let (m, from) = desk.reader().symbol_metadata(symbol("KO")).unwrap().unwrap();
        read.push((m.name.unwrap_or_default(), from));
    }
    let want = [("KO INC", SourceId::Ib), ("COCA-COLA CO", SourceId::Ib), ("Coca-Cola", SourceId::Yahoo), ("Cola", SourceId::Yahoo)];
    assert_eq!(read, want.map(|(n, s)| (n.to_owned(), s)));
}

#[tokio::test]
async fn the_universe_keeps_the_history_of_sectors() {
    let desk = Desk::new();
    let writer = desk.writer();
    let member = |s: &str, sector: &str| Instrument {
        symbol: symbol(s),
        asset: if s.ends_with("-USD") { AssetClass::Crypto } else { AssetClass::Stock },
        sector: sector.into(),
        name: format!("{s} Inc."),
    };
    let before = vec![member("META", "Technology"), member("AAPL", "Technology"), member("BTC-USD", "Crypto")];
    writer.sync_universe(Universe { instruments: before }).await.unwrap();
    desk.clock.advance(Duration::from_hours(240));
    let after = vec![member("AAPL", "Technology"), member("META", "Communication")];
    writer.sync_universe(Universe { instruments: after.clone() }).await.unwrap();
    writer.sync_universe(Universe { instruments: after }).await.unwrap();

    let reader = desk.reader();
    let sector_of_meta = |d| reader.sector_mapping(d).unwrap().into_iter().find(|(s, _)| *s == symbol("META")).unwrap().1;
    assert_eq!((sector_of_meta(day(2)), sector_of_meta(day(12))), ("Technology".into(), "Communication".into()));
    let active: Vec<_> = reader.active_symbols().unwrap().iter().map(|s| s.symbol).collect();
    assert_eq!(active, [symbol("AAPL"), symbol("META")]);
    assert_eq!(reader.symbols_by_sector("Communication").unwrap(), [symbol("META")]);
    assert_eq!(reader.sectors().unwrap(), [("Communication".to_owned(), 1), ("Technology".to_owned(), 1)]);
    let retired = &reader.search_symbols("btc", 5).unwrap()[0];
    assert!(!retired.active && retired.asset == AssetClass::Crypto && retired.sector.as_deref() == Some("Crypto"));
}

#[tokio::test]
async fn empty_spans_join_and_count() {
    let desk = Desk::new();
    let writer = desk.writer();
    let span = |start, end, asked_at| EmptySpan { series: aapl(), source: SourceId::Ib, start, end, asked_at, times: 1 };
    let other = EmptySpan { source: SourceId::Yahoo, ..span(5, 50, 1) };
    writer.empty_spans(vec![span(0, 10, 1), span(20, 30, 1), other, span(40, 40, 1)]).await.unwrap();
    assert_eq!(desk.reader().empty_spans(aapl()).unwrap(), [span(0, 10, 1), span(20, 30, 1), other]);
    // Adjacent on both sides: one span, not asked again. Overlapping: asked again.
    writer.empty_spans(vec![span(10, 20, 2)]).await.unwrap();
    writer.empty_spans(vec![span(25, 35, 3)]).await.unwrap();
    assert_eq!(desk.reader().empty_spans(aapl()).unwrap(), [EmptySpan { times: 2, ..span(0, 35, 3) }, other]);
}

#[tokio::test]
async fn attempts_are_kept_twenty_a_series() {
    let desk = Desk::new();
    let writer = desk.writer();
    let attempt = |i: i64| Attempt {
        run_id: 1,
        at: i,
        series: aapl(),
        source: SourceId::Ib,
        window: (i, i + 1),
        outcome: "data".into(),
        bars: 3,
        millis: 20,
        message: (i % 2 == 0).then(|| "note".into()),
    };
    let elsewhere = Attempt { series: crate::series("MSFT", Timeframe::D1), ..attempt(0) };
    writer.attempts(vec![elsewhere.clone()]).await.unwrap();
    writer.attempts((0..30).map(attempt).collect()).await.unwrap();
    let reader = desk.reader();
    let kept: Vec<Attempt> = (10..30).rev().map(attempt).collect();
    assert_eq!(reader.attempts(aapl(), 99).unwrap(), kept);
    assert_eq!(reader.attempts(elsewhere.series, 99).unwrap(), [elsewhere]);
}

#[tokio::test]
async fn series_state_remembers_success_through_failure() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(5))).await.unwrap();
    let update = SeriesUpdate { series: aapl(), attempted_at: 10, error: None, gaps: Some(3), derived_from: Some(Timeframe::M1) };
    let failed = SeriesUpdate { attempted_at: 20, error: Some("pacing".into()), gaps: None, derived_from: None, ..update.clone() };
    writer.series(vec![update, failed]).await.unwrap();
    let reader = desk.reader();
    let state = reader.series_state(aapl()).unwrap().unwrap();
    assert_eq!((state.attempted_at, state.succeeded_at, state.error.as_deref()), (Some(20), Some(10), Some("pacing")));
    assert_eq!((state.gaps, state.derived_from, state.rows), (3, Some(Timeframe::M1), 5));
    assert_eq!(reader.series_states().unwrap(), [state]);
    let available = reader.data_availability(aapl().symbol).unwrap();
    assert_eq!((available[0].rows, available[0].timeframe), (5, Timeframe::M1));
    assert_eq!(reader.timeframes().unwrap(), [Timeframe::M1]);
    let coverage = reader.coverage().unwrap();
    assert_eq!((coverage.len(), coverage[0].active), (17, 0));
    writer.set_meta("k".into(), "v".into()).await.unwrap();
    assert!(reader.db_metadata().unwrap().contains(&("k".into(), "v".into())));
}

#[tokio::test]
async fn an_obsolete_history_is_marked_until_all_of_it_is_replaced() {
    let desk = Desk::new();
    let writer = desk.writer();
    let due = || desk.reader().rebase_due().unwrap();
    let run = writer.begin_run(None, "{}".into()).await.unwrap();
    let of = |bars: Bars| CandleBatch { run_id: run, ..batch(bars) };
    let half = |c: Candle| Candle { open: c.open / 2.0, high: c.high / 2.0, low: c.low / 2.0, close: c.close / 2.0, ..c };
    let halved = |n: i64| minutes(n).into_iter().map(half);
    writer.candles(of(minutes(6))).await.unwrap();
    assert_eq!(due(), []);
    // A vendor that serves an overlap at half the price has re-based all that lies before it, too.
    writer.candles(of(halved(6).skip(4).collect())).await.unwrap();
    assert_eq!(due(), [aapl()]);
    writer.candles(of(halved(6).skip(1).collect())).await.unwrap();
    assert_eq!(due(), [aapl()], "the first bar is still on the old basis");
    writer.swap(of(halved(6).collect()), (START, START + 360), vec![], vec![]).await.unwrap();
    assert_eq!(due(), []);

    let split = |day_: u32| Actions { splits: vec![Split { ex_date: day(day_), numerator: 2.0, denominator: 1.0 }], dividends: vec![] };
    let symbol = symbol("AAPL");
    writer.actions(symbol, split(1), SourceId::Yahoo, run).await.unwrap();
    assert_eq!(due(), [], "the bars are no older than the split");
    desk.clock.advance(Duration::from_hours(9 * 24));
    writer.actions(symbol, split(9), SourceId::File, run).await.unwrap();
    assert_eq!(due(), [aapl()], "whoever says so");
}

#[tokio::test]
async fn bars_that_nobody_serves_again_are_adjusted_or_hidden_and_never_deleted() {
    let desk = Desk::new();
    let writer = desk.writer();
    let old = writer.begin_run(None, "{}".into()).await.unwrap();
    writer.candles(CandleBatch { run_id: old, ..batch(minutes(8)) }).await.unwrap();
    let imported = Candle { volume: f64::NAN, ..crate::bar(START - 60, 77.0) };
    writer.candles(CandleBatch { source: SourceId::File, run_id: old, ..batch(vec![imported]) }).await.unwrap();
    desk.clock.advance(Duration::from_hours(20 * 24));
    let new = writer.begin_run(None, "{}".into()).await.unwrap();
    let split = Split { ex_date: day(8), numerator: 3.0, denominator: 2.0 };
    writer.actions(symbol("AAPL"), Actions { splits: vec![split], dividends: vec![] }, SourceId::Yahoo, new).await.unwrap();
    assert_eq!(desk.reader().rebase_due().unwrap(), [aapl()]);
    // The source serves the last five minutes but one.
    let split_of =
        |c: Candle| Candle { open: c.open / 1.5, high: c.high / 1.5, low: c.low / 1.5, close: c.close / 1.5, volume: c.volume * 1.5, ..c };
    let served: Bars = minutes(8).into_iter().skip(3).filter(|b| b.ts != START + 300).map(split_of).collect();
    let (report, _) = writer.swap(CandleBatch { run_id: new, ..batch(served) }, (START - 60, START + 480), vec![], vec![]).await.unwrap();
    assert_eq!((report.kept, report.adjusted, report.written.revised), (5, 5, 4));
    let bars = desk.reader().bars(aapl(), (i64::MIN, i64::MAX), false).unwrap();
    let want: Bars = std::iter::once(imported).chain(minutes(8)).map(split_of).collect();
    assert!(bars.len() == 9 && bars.iter().zip(&want).all(|(a, b)| a.same_content(b)), "{bars:?}");
    assert_eq!(desk.reader().provenance(aapl()).unwrap(), [(SourceId::Ib, 8), (SourceId::File, 1)], "each keeps its source");
    let noted = desk.reader().open_issues(9).unwrap();
    assert!(noted.len() == 1 && !noted[0].issue.severity.hides() && noted[0].issue.message.contains("5 bars"), "{noted:?}");
    assert_eq!(desk.reader().rebase_due().unwrap(), []);
    // A second time nothing is left to adjust.
    let none = CandleBatch { run_id: new, ..batch(vec![]) };
    assert_eq!(writer.swap(none.clone(), (i64::MIN, i64::MAX), vec![], vec![]).await.unwrap().0.adjusted, 0);

    // A vendor that halves what it serves without a split that would say so: what it no longer serves is hidden.
    let halved: Bars =
        bars[4..].iter().map(|c| Candle { open: c.open / 2.0, high: c.high / 2.0, low: c.low / 2.0, close: c.close / 2.0, ..*c }).collect();
    let (report, found) = writer.swap(CandleBatch { bars: halved, ..none }, (i64::MIN, i64::MAX), vec![], vec![]).await.unwrap();
    assert_eq!((report.kept, report.adjusted, found.opened), (4, 0, 1));
    assert_eq!(desk.reader().stamps(aapl(), (i64::MIN, i64::MAX)).unwrap().len(), 9);
    assert_eq!(desk.reader().bars(aapl(), (i64::MIN, i64::MAX), false).unwrap().len(), 5);
}
