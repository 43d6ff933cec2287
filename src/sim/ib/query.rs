//! Checks a historical request as the gateway does, with its codes and texts, and turns it into a window.

use chrono::{DateTime, Months, NaiveDateTime, TimeZone};
use chrono_tz::Tz;

use super::request::History;
use crate::market::{AssetClass, Calendar, DAY, Timeframe};

/// The gateway's answer to a bad request: code and text.
pub(super) type Refusal = (i32, String);

/// A bar size that IB serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BarSize {
    /// Under a minute, in seconds: legal and paced, but the simulated market has no such bars.
    Seconds(u32),
    /// A minute or more.
    Frame(Timeframe),
}

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// Prices with volume.
    Trades,
    /// Quotes: prices without volume.
    Quotes,
    /// Trading hours instead of bars.
    Schedule,
    /// Accepted, but there is nothing to show for stocks and crypto here.
    Nothing,
}

/// A historical request that passed all checks.
#[derive(Clone, Debug)]
pub(super) struct Query {
    pub bar: BarSize,
    pub show: Show,
    /// First instant wanted.
    pub start: i64,
    /// First instant not wanted.
    pub end: i64,
}

const BAR_SIZES: [(&str, BarSize); 22] = [
    ("1 secs", BarSize::Seconds(1)),
    ("5 secs", BarSize::Seconds(5)),
    ("10 secs", BarSize::Seconds(10)),
    ("15 secs", BarSize::Seconds(15)),
    ("30 secs", BarSize::Seconds(30)),
    ("1 min", BarSize::Frame(Timeframe::M1)),
    ("2 mins", BarSize::Frame(Timeframe::M2)),
    ("3 mins", BarSize::Frame(Timeframe::M3)),
    ("5 mins", BarSize::Frame(Timeframe::M5)),
    ("10 mins", BarSize::Frame(Timeframe::M10)),
    ("15 mins", BarSize::Frame(Timeframe::M15)),
    ("20 mins", BarSize::Frame(Timeframe::M20)),
    ("30 mins", BarSize::Frame(Timeframe::M30)),
    ("1 hour", BarSize::Frame(Timeframe::H1)),
    ("2 hours", BarSize::Frame(Timeframe::H2)),
    ("3 hours", BarSize::Frame(Timeframe::H3)),
    ("4 hours", BarSize::Frame(Timeframe::H4)),
    ("8 hours", BarSize::Frame(Timeframe::H8)),
    ("1 day", BarSize::Frame(Timeframe::D1)),
    ("1 week", BarSize::Frame(Timeframe::W1)),
    ("1W", BarSize::Frame(Timeframe::W1)),
    ("1 month", BarSize::Frame(Timeframe::Mo1)),
];

const BAD_END: &str = "End Date/Time: The date, time, or time-zone entered is invalid. The correct format is yyyymmdd hh:mm:ss xx/xxxx \
    where yyyymmdd and xx/xxxx are optional. E.g.: 20031126 15:59:00 US/Eastern  Note that there is a space between the date and time, \
    and between the time and time-zone.  If no date is specified, current date is assumed. If no time-zone is specified, local \
    time-zone is assumed(deprecated).  You can also provide yyyymmddd-hh:mm:ss time is in UTC. Note that there is a dash between the \
    date and time in UTC notation.";

/// Error 321 with its cause.
pub(super) fn invalid(cause: &str) -> Refusal {
    (321, format!("Error validating request.-'bM' : cause - {cause}"))
}

/// Checks `request` for an instrument of `asset` at `now` (UTC seconds).
pub(super) fn check(request: &History, asset: AssetClass, now: i64) -> Result<Query, Refusal> {
    let duration = duration(&request.duration)?;
    let bar = bar_size(&request.bar_size)?;
    let show = show(request, asset, bar)?;
    let end = if request.end.is_empty() { now } else { end_instant(&request.end).ok_or_else(|| (10314, BAD_END.to_owned()))? };
    if request.keep_up_to_date && !request.end.is_empty() {
        return Err(invalid("End date not supported with keep up to date"));
    }
    Ok(Query { bar, show, start: duration.before(end, asset.calendar(), bar), end })
}

fn bar_size(text: &str) -> Result<BarSize, Refusal> {
    let month = [("1M", BarSize::Frame(Timeframe::Mo1))];
    BAR_SIZES.iter().chain(&month).find(|b| b.0 == text).map(|b| b.1).ok_or_else(|| {
        invalid(
            "Historical data bar size setting is invalid. Legal ones are: 1 secs, 5 secs, 10 secs, 15 secs, 30 secs, 1 min, 2 mins, \
             3 mins, 5 mins, 10 mins, 15 mins, 20 mins, 30 mins, 1 hour, 2 hours, 3 hours, 4 hours, 8 hours, 1 day, 1W, 1M",
        )
    })
}

fn show(request: &History, asset: AssetClass, bar: BarSize) -> Result<Show, Refusal> {
    let what = request.what.as_str();
    if asset == AssetClass::Crypto && what == "TRADES" {
        return Err((10299, "Expected what to show is AGGTRADES, please use that instead of TRADES.".into()));
    }
    match what {
        "AGGTRADES" if asset == AssetClass::Crypto => Ok(Show::Trades),
        "ADJUSTED_LAST" if !request.end.is_empty() => Err(invalid("End date not supported with adjusted last")),
        "TRADES" | "ADJUSTED_LAST" => Ok(Show::Trades),
        "MIDPOINT" | "BID" | "ASK" | "BID_ASK" => Ok(Show::Quotes),
        "SCHEDULE" if bar == BarSize::Frame(Timeframe::D1) => Ok(Show::Schedule),
        "SCHEDULE" => Err(invalid("Historical data query bar size must be 1 day for schedule")),
        "HISTORICAL_VOLATILITY" | "OPTION_IMPLIED_VOLATILITY" | "FEE_RATE" => Ok(Show::Nothing),
        _ => Err(invalid(&format!("What to show value of {what} rejected."))),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Duration {
    Seconds(i64),
    Days(usize),
    Weeks(i64),
    Months(u32),
}

fn duration(text: &str) -> Result<Duration, Refusal> {
    let shape = || invalid("Duration format must be: integer{SPACE}unit (S|D|W|M|Y)");
    let (number, unit) = text.split_once(' ').ok_or_else(shape)?;
    let n: i64 = number.parse().map_err(|_| shape())?;
    let wrong = || invalid("Historical data requested duration is invalid.");
    let years = |unit: &str| invalid(&format!("Historical data requests for durations longer than {unit} must be made in years."));
    if n < 1 {
        return Err(wrong());
    }
    match unit {
        "S" if n < 30 => Err(wrong()),
        "S" if n > DAY => Err(invalid("Historical data request for greater than 86400 seconds rejected.")),
        "S" => Ok(Duration::Seconds(n)),
        "D" if n > 365 => Err(years("365 days")),
        "D" => Ok(Duration::Days(n as usize)),
        "W" if n > 52 => Err(years("52 weeks")),
        "W" => Ok(Duration::Weeks(n)),
        "M" if n > 12 => Err(years("12 months")),
        "M" => Ok(Duration::Months(n as u32)),
        // The protocol's deepest history is 68 years.
        "Y" if n > 68 => Err(wrong()),
        "Y" => Ok(Duration::Months(n as u32 * 12)),
        _ => Err(shape()),
    }
}

impl Duration {
    /// The first instant of a window of this length that ends at `end`. Days are trading days.
    fn before(self, end: i64, calendar: Calendar, bar: BarSize) -> i64 {
        let intraday = !matches!(bar, BarSize::Frame(t) if !t.is_intraday());
        match self {
            Self::Seconds(s) => end - s,
            // Around the clock a day is 24 hours; its daily bars are counted as sessions.
            Self::Days(n) if intraday && calendar == Calendar::Continuous => end - n as i64 * DAY,
            Self::Days(n) => {
                // Sessions come at least every five days (long weekends), so this reaches far enough back.
                let far = end - (n as i64 * 2 + 10) * DAY;
                let opens: Vec<i64> = calendar.sessions(far, end).map(|s| s.open).collect();
                let first = opens.len().saturating_sub(n);
                opens.get(first).map_or(far, |&open| if intraday { open } else { open.div_euclid(DAY) * DAY })
            }
            Self::Weeks(n) => end - n * 7 * DAY,
            Self::Months(n) => {
                let at = DateTime::from_timestamp(end, 0).unwrap_or_default();
                at.checked_sub_months(Months::new(n)).unwrap_or_default().timestamp()
            }
        }
    }
}

/// `YYYYMMDD HH:MM:SS [zone]` or `YYYYMMDD-HH:MM:SS` (UTC); without a zone New York's time is meant.
fn end_instant(text: &str) -> Option<i64> {
    if let Ok(utc) = NaiveDateTime::parse_from_str(text, "%Y%m%d-%H:%M:%S") {
        return Some(utc.and_utc().timestamp());
    }
    let mut parts = text.splitn(3, ' ');
    let (date, clock) = (parts.next()?, parts.next()?);
    let local = NaiveDateTime::parse_from_str(&format!("{date} {clock}"), "%Y%m%d %H:%M:%S").ok()?;
    let zone: Tz = parts.next().map_or(Ok(chrono_tz::US::Eastern), str::parse).ok()?;
    Some(zone.from_local_datetime(&local).earliest()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(bar: &str, duration: &str) -> History {
        History { bar_size: bar.into(), duration: duration.into(), what: "TRADES".into(), format_date: 2, ..History::default() }
    }

    fn at(text: &str) -> i64 {
        text.parse::<DateTime<chrono::Utc>>().unwrap().timestamp()
    }

    #[test]
    fn wrong_requests_get_the_gateways_texts() {
        let now = at("2026-11-20T18:00:00Z");
        let code = |r: &History| check(r, AssetClass::Stock, now).unwrap_err();
        for (duration, words) in [
            ("", "integer{SPACE}unit"),
            ("5D", "integer{SPACE}unit"),
            ("5 X", "integer{SPACE}unit"),
            ("0 D", "duration is invalid"),
            ("10 S", "duration is invalid"),
            ("86401 S", "greater than 86400 seconds"),
            ("366 D", "must be made in years"),
            ("53 W", "must be made in years"),
            ("13 M", "must be made in years"),
        ] {
            let (code, text) = code(&request("1 min", duration));
            assert_eq!(code, 321);
            assert!(text.starts_with("Error validating request.-'bM' : cause - ") && text.contains(words), "{duration}: {text}");
        }
        assert!(code(&request("4 mins", "1 D")).1.contains("Legal ones are"));
        let end = |end: &str| check(&History { end: end.into(), ..request("1 min", "1 D") }, AssetClass::Stock, now);
        assert_eq!(end("tomorrow").unwrap_err().0, 10314);
        assert_eq!(end("20261119 10:00:00 Weird/Zone").unwrap_err().0, 10314);
        assert_eq!(end("20261119 10:00:00 US/Eastern").unwrap().end, at("2026-11-19T15:00:00Z"));
        assert_eq!(end("20261119-10:00:00").unwrap().end, at("2026-11-19T10:00:00Z"));
        assert_eq!(end("20261119 10:00:00 UTC").unwrap().end, at("2026-11-19T10:00:00Z"));
        assert_eq!(check(&request("1 min", "1 D"), AssetClass::Crypto, now).unwrap_err().0, 10299);
        let what = |what: &str| check(&History { what: what.into(), ..request("1 min", "1 D") }, AssetClass::Stock, now);
        assert!(what("LAST").unwrap_err().1.contains("What to show value of LAST rejected."));
        assert!(what("SCHEDULE").is_err());
    }

    #[test]
    fn days_are_trading_days() {
        let now = at("2026-11-20T18:00:00Z");
        let start = |bar: &str, duration: &str| check(&request(bar, duration), AssetClass::Stock, now).unwrap().start;
        assert_eq!(start("5 mins", "1 D"), at("2026-11-20T14:30:00Z"));
        assert_eq!(start("5 mins", "5 D"), at("2026-11-16T14:30:00Z"));
        assert_eq!(start("1 day", "2 D"), at("2026-11-19T00:00:00Z"));
        assert_eq!(start("1 day", "1 Y"), at("2025-11-20T18:00:00Z"));
    }
}
