//! `/v8/finance/chart`: intervals, look-back walls, rows, events, and the damage that faults do to them.

use chrono::{Datelike, Months, NaiveDate};
use serde_json::{Map, Value, json};

use super::http::{Request, Response};
use super::rows::{Row, View, narrow};
use super::{World, errors, meta};
use crate::market::{AssetClass, DAY, Symbol, Timeframe};
use crate::sim::FaultName;
use crate::sources::Window;

/// Sums of days that are no timeframe of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    FiveDays,
    Quarter,
}

/// A bar size by Yahoo's name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interval {
    pub timeframe: Timeframe,
    pub group: Option<Group>,
    /// What `meta.dataGranularity` says.
    pub granularity: &'static str,
    /// Days back that are served, and days a request may span.
    walls: Option<(i64, i64)>,
}

impl Interval {
    fn parse(text: &str) -> Option<Self> {
        use Timeframe::{D1, H1, H4, M1, M2, M5, M15, M30, M90, Mo1, W1};
        let plain = |timeframe, granularity, walls| Self { timeframe, group: None, granularity, walls };
        let daily = |group, granularity| Self { timeframe: D1, group: Some(group), granularity, walls: None };
        Some(match text {
            "1m" => plain(M1, "1m", Some((30, 8))),
            "2m" => plain(M2, "2m", Some((60, 60))),
            "5m" => plain(M5, "5m", Some((60, 60))),
            "15m" => plain(M15, "15m", Some((60, 60))),
            "30m" => plain(M30, "30m", Some((60, 60))),
            "90m" => plain(M90, "90m", Some((60, 60))),
            "60m" | "1h" => plain(H1, "1h", Some((730, 730))),
            "4h" => plain(H4, "4h", Some((730, 730))),
            "1d" => plain(D1, "1d", None),
            "1wk" => plain(W1, "1wk", None),
            "1mo" => plain(Mo1, "1mo", None),
            "5d" => daily(Group::FiveDays, "5d"),
            "3mo" => daily(Group::Quarter, "3mo"),
            _ => return None,
        })
    }
}

/// Answers a chart request.
pub(super) fn answer(world: &World, request: &Request, ticker: &str) -> Response {
    let symbol = Symbol::new(ticker).ok();
    let Some(instrument) = symbol.and_then(|s| world.feed.instrument(s)) else { return errors::delisted() };
    if world.faults.strike(FaultName::Delisted, symbol) {
        return errors::delisted();
    }
    let name = request.param("interval").unwrap_or("1d");
    let Some(interval) = Interval::parse(name) else { return errors::bad_interval(name) };
    let view = View { feed: &world.feed, instrument, now: world.clock.now() };
    let window = match window(request, &view) {
        Ok(window) => window,
        Err(refusal) => return refusal,
    };
    if world.faults.strike(FaultName::WindowRefused, symbol) {
        let (days, _) = interval.walls.unwrap_or((30, 8));
        return errors::too_far_back(name, window.start, window.end, days);
    }
    if let Some(refusal) = beyond_walls(name, &interval, window, view.now) {
        return refusal;
    }
    if window.end <= view.open(view.feed.first_trade_date(instrument)) {
        return errors::before_listing(window.start, window.end);
    }
    let body = body(world, &view, &interval, window, request);
    Response::json(200, &body).with("cache-control", "public, max-age=10, stale-while-revalidate=20")
}

fn beyond_walls(name: &str, interval: &Interval, window: Window, now: i64) -> Option<Response> {
    let (back, span) = interval.walls?;
    if window.start < now - back * DAY {
        return Some(errors::too_far_back(name, window.start, window.end, back));
    }
    (window.end.min(now) - window.start > span * DAY).then(|| errors::too_long(name, window.start, window.end, span))
}

/// The window asked for: `period1` and `period2`, or a range that ends now.
fn window(request: &Request, view: &View<'_>) -> Result<Window, Response> {
    let number = |key: &str| request.param(key).map(|v| v.parse::<i64>().map_err(|_| errors::bad_input(&format!("{key}={v}")))).transpose();
    let window = match (number("period1")?, number("period2")?) {
        (Some(start), end) => Window { start, end: end.unwrap_or(view.now) },
        (None, _) => Window { start: range_start(request.param("range").unwrap_or("1mo"), view)?, end: view.now + 1 },
    };
    if window.start >= window.end {
        return Err(errors::bad_input("start date cannot be after end date"));
    }
    Ok(window)
}

fn range_start(range: &str, view: &View<'_>) -> Result<i64, Response> {
    let today = view.date(view.now);
    let months = |n| today.checked_sub_months(Months::new(n)).unwrap_or(today);
    // A range of days counts sessions, ending with the last one that began.
    let sessions = |n: usize| {
        let begun: Vec<NaiveDate> = view.calendar().sessions(view.now - 20 * DAY, view.now).map(|s| s.date).collect();
        begun.iter().rev().nth(n - 1).copied().unwrap_or(today)
    };
    let first = match range {
        "1d" => sessions(1),
        "5d" => sessions(5),
        "1mo" => months(1),
        "3mo" => months(3),
        "6mo" => months(6),
        "1y" => months(12),
        "2y" => months(24),
        "5y" => months(60),
        "10y" => months(120),
        "ytd" => today.with_ordinal(1).unwrap_or(today),
        "max" => view.feed.first_trade_date(view.instrument),
        other => return Err(errors::bad_input(&format!("range={other} is not supported"))),
    };
    Ok(view.midnight(first))
}

fn body(world: &World, view: &View<'_>, interval: &Interval, window: Window, request: &Request) -> Value {
    let symbol = Some(view.instrument.symbol);
    let mut meta = meta::block(view, interval, window, request.param("range").unwrap_or_default());
    if world.faults.strike(FaultName::MissingMeta, symbol)
        && let Some(fields) = meta.as_object_mut()
    {
        fields.retain(|key, _| !meta::FRAGILE.contains(&key.as_str()));
    }
    let rows = view.rows(interval, window);
    let intraday = interval.timeframe.is_intraday();
    let mut result = Map::new();
    result.insert("meta".into(), meta);
    if rows.is_empty() {
        let nothing = if intraday { json!({ "quote": [{}] }) } else { json!({ "quote": [{}], "adjclose": [{}] }) };
        result.insert("indicators".into(), nothing);
    } else {
        result.insert("timestamp".into(), rows.iter().map(|r| r.ts).collect());
        let events = events(view, window, request.param("events").unwrap_or_default());
        if events.as_object().is_some_and(|e| !e.is_empty()) {
            result.insert("events".into(), events);
        }
        let mut indicators = json!({ "quote": [columns(world, view, &rows)] });
        if !intraday {
            indicators["adjclose"] = json!([{ "adjclose": view.adjusted(&rows) }]);
        }
        result.insert("indicators".into(), indicators);
    }
    json!({ "chart": { "result": [result], "error": null } })
}

/// The five columns, with the faults of the day applied.
fn columns(world: &World, view: &View<'_>, rows: &[Row]) -> Value {
    let strikes = |name| world.faults.strike(name, Some(view.instrument.symbol));
    let middle = rows.len() / 2;
    let (null_ohl, null_bar) = (strikes(FaultName::NullOhlc), strikes(FaultName::NullBar));
    let (zero, float) = (strikes(FaultName::ZeroVolume), strikes(FaultName::FloatVolume));
    let hundredfold = strikes(FaultName::Hundredfold);
    let crypto = view.instrument.asset == AssetClass::Crypto;
    let price = |pick: fn(&Row) -> f64, nullable: bool| -> Value {
        let one = |(i, row): (usize, &Row)| {
            let gone = (null_bar && i == middle) || (null_ohl && nullable && i % 7 == 3);
            let scale = if hundredfold && i == middle { 100.0 } else { 1.0 };
            if gone { Value::Null } else { json!(narrow(pick(row) * scale)) }
        };
        rows.iter().enumerate().map(one).collect()
    };
    let volume = |(i, row): (usize, &Row)| {
        if null_bar && i == middle {
            return Value::Null;
        }
        // For crypto Yahoo counts money, not coins.
        let units = if crypto { row.bar.volume * row.bar.close } else { row.bar.volume };
        let whole = if zero { 0 } else { units.max(0.0).round() as u64 };
        if float { json!(whole as f64 + 0.5) } else { json!(whole) }
    };
    json!({
        "open": price(|r| r.bar.open, true),
        "high": price(|r| r.bar.high, true),
        "low": price(|r| r.bar.low, true),
        "close": price(|r| r.bar.close, false),
        "volume": rows.iter().enumerate().map(volume).collect::<Vec<_>>(),
    })
}

/// Splits and dividends by the second their session opens.
fn events(view: &View<'_>, window: Window, wanted: &str) -> Value {
    let actions = view.actions(window);
    let mut out = Map::new();
    if wanted.contains("div") && !actions.dividends.is_empty() {
        let one = |d: &crate::market::Dividend| {
            let at = view.open(d.ex_date);
            (at.to_string(), json!({ "amount": d.amount, "date": at }))
        };
        out.insert("dividends".into(), Value::Object(actions.dividends.iter().map(one).collect()));
    }
    if wanted.contains("split") && !actions.splits.is_empty() {
        let one = |s: &crate::market::Split| {
            let at = view.open(s.ex_date);
            let ratio = format!("{}:{}", s.numerator, s.denominator);
            (at.to_string(), json!({ "date": at, "numerator": s.numerator, "denominator": s.denominator, "splitRatio": ratio }))
        };
        out.insert("splits".into(), Value::Object(actions.splits.iter().map(one).collect()));
    }
    Value::Object(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_minutes_answer_as_one_hour() {
        assert_eq!(Interval::parse("60m").map(|i| i.granularity), Some("1h"));
        assert!(Interval::parse("10m").is_none());
    }

    #[test]
    fn walls_are_measured_from_the_virtual_clock() {
        let minute = Interval::parse("1m").unwrap();
        let now = 1_750_000_000;
        let status = |start: i64, end: i64| beyond_walls("1m", &minute, Window { start, end }, now).map(|r| r.status);
        assert_eq!(status(now - 7 * DAY, now), None);
        assert_eq!(status(now - 9 * DAY, now), Some(422));
        assert_eq!(status(now - 31 * DAY, now - 30 * DAY), Some(422));
    }
}
