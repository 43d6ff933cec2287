//! The `meta` block of a chart.

use serde_json::{Map, Value, json};

use super::chart::Interval;
use super::rows::{View, narrow};
use crate::market::{AssetClass, Calendar, DAY, Metadata, Session};
use crate::sources::Window;

const RANGES: [&str; 11] = ["1d", "5d", "1mo", "3mo", "6mo", "1y", "2y", "5y", "10y", "ytd", "max"];

/// Trading before the open begins 5 h 30 min, trading after the close ends 4 h away.
const PRE_S: i64 = 19_800;
const POST_S: i64 = 14_400;

/// Builds the block. `range` is the parameter as sent, empty for a request by periods.
pub(super) fn block(view: &View<'_>, interval: &Interval, window: Window, range: &str) -> Value {
    let about = view.feed.profile(view.instrument, view.now).metadata;
    let stock = view.instrument.asset == AssetClass::Stock;
    let year = view.daily(view.now - 365 * DAY, view.now + DAY);
    let (offset, abbreviation) = offset(view, view.now);
    let mut meta = Map::new();
    let mut put = |key: &str, value: Value| meta.insert(key.to_owned(), value);
    put("currency", json!("USD"));
    put("symbol", json!(view.instrument.symbol.as_str()));
    put("exchangeName", json!(about.exchange));
    put("fullExchangeName", json!(full_exchange(&about)));
    put("instrumentType", json!(about.quote_type));
    put("firstTradeDate", json!(view.open(view.feed.first_trade_date(view.instrument))));
    put("hasPrePostMarketData", json!(stock));
    put("gmtoffset", json!(offset));
    put("timezone", json!(abbreviation));
    put("exchangeTimezoneName", json!(view.zone().name()));
    put("longName", json!(about.name));
    put("shortName", json!(about.name));
    put("priceHint", json!(2));
    if let Some(last) = year.last() {
        let high = year.iter().map(|b| b.high).fold(f64::MIN, f64::max);
        let low = year.iter().map(|b| b.low).fold(f64::MAX, f64::min);
        put("regularMarketTime", json!(view.last_trade(crate::market::ts_to_date(last.ts))));
        put("regularMarketPrice", json!(last.close));
        put("regularMarketDayHigh", json!(last.high));
        put("regularMarketDayLow", json!(last.low));
        put("regularMarketVolume", json!(last.volume.round() as i64));
        put("fiftyTwoWeekHigh", json!(high));
        put("fiftyTwoWeekLow", json!(low));
    }
    if let Some(before) = view.daily(window.start - 10 * DAY, window.start.div_euclid(DAY) * DAY).last() {
        put("chartPreviousClose", json!(narrow(before.close)));
    }
    put("currentTradingPeriod", current_period(view));
    if interval.timeframe.is_intraday() {
        put("scale", json!(3));
        let sessions = view.calendar().sessions(window.start, window.end.min(view.now));
        put("tradingPeriods", sessions.map(|s| json!([period(view, s.open, s.close)])).collect());
    }
    put("dataGranularity", json!(interval.granularity));
    put("range", json!(range));
    put("validRanges", json!(RANGES));
    Value::Object(meta)
}

/// Fields whose absence ruins the typed reading of the whole answer (fault `missing-meta`).
pub(super) const FRAGILE: [&str; 3] = ["fullExchangeName", "priceHint", "instrumentType"];

fn full_exchange(about: &Metadata) -> &str {
    match about.exchange.as_deref() {
        Some("NMS") => "NasdaqGS",
        Some("NYQ") => "NYSE",
        Some(other) => other,
        None => "Unknown",
    }
}

/// The zone's offset in seconds and its abbreviation at `ts`.
fn offset(view: &View<'_>, ts: i64) -> (i32, String) {
    use chrono::Offset;
    let local = chrono::DateTime::from_timestamp(ts, 0).unwrap_or_default().with_timezone(&view.zone());
    (local.offset().fix().local_minus_utc(), local.format("%Z").to_string())
}

fn period(view: &View<'_>, start: i64, end: i64) -> Value {
    let (gmtoffset, timezone) = offset(view, start);
    json!({ "timezone": timezone, "start": start, "end": end, "gmtoffset": gmtoffset })
}

/// The session of today, or the next one.
fn current_period(view: &View<'_>) -> Value {
    let calendar = view.calendar();
    let today = calendar.session_on(view.date(view.now));
    let Some(Session { open, close, .. }) = today.or_else(|| calendar.next_open(view.now)) else { return Value::Null };
    let (before, after) = if calendar == Calendar::Xnys { (PRE_S, POST_S) } else { (0, 0) };
    json!({
        "pre": period(view, open - before, open),
        "regular": period(view, open, close),
        "post": period(view, close, close + after),
    })
}
