//! Which bar sizes Yahoo serves, how far back, and how much of it one request may ask for.
//!
//! The walls are Yahoo's own (measured 2026-08: 8 days a request and 30 days back for one minute, 60 and 730 days for
//! longer bars), each drawn one day tighter because Yahoo measures them against its own clock on arrival.

use crate::market::calendar::{bucket_date, bucket_end};
use crate::market::{DAY, Timeframe, date_to_ts, ts_to_date};
use crate::sources::Window;

/// Yahoo's name of a bar size; `None` where it has none.
pub(super) const fn interval(timeframe: Timeframe) -> Option<&'static str> {
    Some(match timeframe {
        Timeframe::M1 => "1m",
        Timeframe::M2 => "2m",
        Timeframe::M5 => "5m",
        Timeframe::M15 => "15m",
        Timeframe::M30 => "30m",
        Timeframe::H1 => "60m",
        Timeframe::M90 => "90m",
        Timeframe::D1 => "1d",
        Timeframe::W1 => "1wk",
        Timeframe::Mo1 => "1mo",
        _ => return None,
    })
}

/// The bar size that `meta.dataGranularity` names.
pub(super) fn granularity(text: &str) -> Option<Timeframe> {
    let text = if text == "1h" { "60m" } else { text };
    Timeframe::ALL.into_iter().find(|&t| interval(t) == Some(text))
}

/// Days back from now that are safe to ask for; `None` where the history is unlimited.
const fn days_back(timeframe: Timeframe) -> Option<i64> {
    match timeframe {
        Timeframe::M1 => Some(29),
        Timeframe::H1 => Some(729),
        t if t.is_intraday() => Some(59),
        _ => None,
    }
}

/// Days that one request may span; `None` where one request may ask for everything.
const fn days_per_request(timeframe: Timeframe) -> Option<i64> {
    if matches!(timeframe, Timeframe::M1) { Some(7) } else { None }
}

/// The earliest instant served at `now`.
pub(super) fn earliest(timeframe: Timeframe, now: i64) -> Option<i64> {
    days_back(timeframe).map(|days| now - days * DAY)
}

/// Cuts `span` into windows of one request each, oldest first.
pub(super) fn windows(timeframe: Timeframe, span: Window) -> Vec<Window> {
    if interval(timeframe).is_none() || span.start >= span.end {
        return Vec::new();
    }
    let step = days_per_request(timeframe).map_or(span.end - span.start, |days| days * DAY);
    let mut out = Vec::new();
    let mut start = span.start;
    while start < span.end {
        let end = (start + step).min(span.end);
        out.push(Window { start, end });
        start = end;
    }
    out
}

/// The `period1` and `period2` that make Yahoo return whole bars for `window`: weeks and months are widened to their
/// buckets, because Yahoo aggregates only what lies between the two instants.
pub(super) fn periods(timeframe: Timeframe, window: Window) -> Window {
    if !matches!(timeframe, Timeframe::W1 | Timeframe::Mo1) {
        return window;
    }
    let first = bucket_date(timeframe, ts_to_date(window.start));
    let last = bucket_date(timeframe, ts_to_date((window.end - 1).max(window.start)));
    Window { start: date_to_ts(first), end: date_to_ts(bucket_end(timeframe, last)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hours_are_called_sixty_minutes() {
        assert_eq!(granularity("1h"), Some(Timeframe::H1));
        assert_eq!(granularity("60m"), Some(Timeframe::H1));
        assert_eq!(granularity("3mo"), None);
        assert_eq!(interval(Timeframe::H4), None);
    }

    #[test]
    fn weeks_and_months_are_asked_for_whole() {
        // Wednesday 2024-10-02 to Tuesday 2024-10-08.
        let w = periods(Timeframe::W1, Window { start: 1_727_827_200, end: 1_728_345_600 });
        assert_eq!((ts_to_date(w.start).to_string(), ts_to_date(w.end).to_string()), ("2024-09-30".into(), "2024-10-14".into()));
        let m = periods(Timeframe::Mo1, Window { start: 1_727_827_200, end: 1_728_345_600 });
        assert_eq!((ts_to_date(m.start).to_string(), ts_to_date(m.end).to_string()), ("2024-10-01".into(), "2024-11-01".into()));
    }

    proptest! {
        #[test]
        fn windows_tile_the_span_within_the_limit(
            start in 0i64..2_000_000_000, len in 1i64..400 * DAY, tf in proptest::sample::select(Timeframe::ALL.to_vec())
        ) {
            let span = Window { start, end: start + len };
            let cut = windows(tf, span);
            if interval(tf).is_none() {
                prop_assert!(cut.is_empty());
            } else {
                prop_assert_eq!(cut.first().map(|w| w.start), Some(span.start));
                prop_assert_eq!(cut.last().map(|w| w.end), Some(span.end));
                prop_assert!(cut.windows(2).all(|w| w[0].end == w[1].start));
                prop_assert!(tf != Timeframe::M1 || cut.iter().all(|w| w.end - w.start <= 7 * DAY));
            }
        }
    }
}
