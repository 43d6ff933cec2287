//! The rules of `bars`, one at a time.

use super::*;
use crate::market::{AssetClass, Instrument, Symbol};
use crate::sources::Window;

/// 2024-10-02 09:30 in New York.
const OPEN: i64 = 1_727_875_800;

fn row(ts: i64, p: f64, volume: f64) -> Row {
    Row { ts, open: Some(p), high: Some(p + 1.0), low: Some(p - 1.0), close: Some(p), volume: Some(volume) }
}

fn chart(granularity: &str, rows: Vec<Row>) -> Chart {
    Chart { symbol: "AAPL".into(), granularity: granularity.into(), zone: "America/New_York".into(), rows, ..Chart::default() }
}

fn request(timeframe: Timeframe) -> CandleRequest {
    let instrument =
        Instrument { symbol: Symbol::new("AAPL").unwrap(), asset: AssetClass::Stock, sector: "Technology".into(), name: "Apple".into() };
    CandleRequest { instrument, timeframe, window: Window { start: 1_727_000_000, end: 1_729_000_000 } }
}

fn fetched(outcome: Outcome<Fetched>) -> Fetched {
    match outcome {
        Outcome::Data(f) => f,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_row_without_all_prices_is_never_a_bar() {
    let mut rows = vec![row(OPEN, 100.0, 5.0), row(OPEN + 60, 101.0, 5.0), row(OPEN + 120, 0.0, 5.0), row(OPEN + 180, 102.0, 0.0)];
    rows[1].open = None;
    let f = fetched(bars(&chart("1m", rows), &request(Timeframe::M1), OPEN + 86_400));
    assert_eq!(f.bars.iter().map(|b| b.ts).collect::<Vec<_>>(), [OPEN, OPEN + 180]);
    assert!(f.bars[1].volume.is_nan(), "a volume of 0 is not known");
    assert_eq!(f.notes, ["2 rows without a full set of prices were dropped"]);
}

#[test]
fn only_session_anchored_bars_are_taken() {
    let close = OPEN + 23_400;
    let rows =
        vec![row(OPEN - 1800, 1.5, 5.0), row(OPEN, 2.5, 5.0), row(OPEN + 1800, 3.5, 5.0), row(OPEN + 3600, 4.5, 5.0), row(close, 5.5, 0.0)];
    let f = fetched(bars(&chart("1h", rows), &request(Timeframe::H1), close));
    assert_eq!(f.bars.iter().map(|b| b.ts).collect::<Vec<_>>(), [OPEN, OPEN + 3600]);
    assert_eq!(f.notes, ["1 rows outside trading hours were dropped", "1 rows off the session's bar boundaries were dropped"]);
}

#[test]
fn the_live_day_is_one_bar_however_often_it_is_polled() {
    let midnight = 1_727_827_200;
    let rows = vec![row(OPEN - 86_400, 99.0, 5.0), row(OPEN, 100.0, 5.0), row(OPEN + 7_203, 101.0, 9.0)];
    let f = fetched(bars(&chart("1d", rows), &request(Timeframe::D1), OPEN + 7_210));
    assert_eq!(f.bars.len(), 2);
    assert!(f.bars[0].is_final);
    assert_eq!((f.bars[1].ts, f.bars[1].close, f.bars[1].volume, f.bars[1].is_final), (midnight, 101.0, 9.0, false));
}

#[test]
fn the_live_row_of_a_week_or_a_minute_extends_its_bar() {
    let monday = 1_727_654_400;
    let week = vec![row(monday + 4 * 3600, 90.0, 50.0), row(OPEN + 7_203, 101.0, 9.0)];
    let f = fetched(bars(&chart("1wk", week), &request(Timeframe::W1), OPEN + 7_210));
    assert_eq!(f.bars.len(), 1);
    let b = f.bars[0];
    assert_eq!((b.ts, b.open, b.high, b.low, b.close, b.volume), (monday, 90.0, 102.0, 89.0, 101.0, 59.0));
    let minutes = vec![row(OPEN, 100.0, 5.0), row(OPEN + 23, 100.5, 0.0)];
    let f = fetched(bars(&chart("1m", minutes), &request(Timeframe::M1), OPEN + 30));
    assert_eq!((f.bars.len(), f.bars[0].ts, f.bars[0].close, f.bars[0].volume, f.bars[0].is_final), (1, OPEN, 100.5, 5.0, false));
}

#[test]
fn dates_are_the_exchanges_across_daylight_saving() {
    // The answer's gmtoffset would be today's; both rows are 09:30 in New York, in winter and in summer time.
    let rows = vec![row(1_730_467_800, 1.5, 1.0), row(1_730_730_600, 2.5, 1.0)];
    let r = CandleRequest { window: Window { start: 1_730_000_000, end: 1_731_000_000 }, ..request(Timeframe::D1) };
    let f = fetched(bars(&chart("1d", rows), &r, 1_735_000_000));
    let dates: Vec<String> = f.bars.iter().map(|b| ts_to_date(b.ts).to_string()).collect();
    assert_eq!(dates, ["2024-11-01", "2024-11-04"]);
}

#[test]
fn an_answer_to_another_question_is_refused() {
    let coarser = bars(&chart("3mo", vec![row(OPEN, 1.5, 1.0)]), &request(Timeframe::D1), OPEN);
    assert!(matches!(coarser, Outcome::Schema(f) if f.message.contains("3mo")));
    let other = Chart { symbol: "MSFT".into(), ..chart("1d", vec![row(OPEN, 1.5, 1.0)]) };
    assert!(matches!(bars(&other, &request(Timeframe::D1), OPEN), Outcome::Schema(f) if f.message.contains("MSFT")));
}

#[test]
fn nothing_outside_the_window_is_returned() {
    let r = CandleRequest { window: Window { start: OPEN + 60, end: OPEN + 120 }, ..request(Timeframe::M1) };
    let rows = (0..5).map(|k| row(OPEN + 60 * k, 100.0, 5.0)).collect();
    let f = fetched(bars(&chart("1m", rows), &r, OPEN + 86_400));
    assert_eq!(f.bars.iter().map(|b| b.ts).collect::<Vec<_>>(), [OPEN + 60]);
}
