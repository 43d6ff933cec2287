//! Returns, sigmas, medians, runs and missing sessions: the arithmetic the census and the checks share.

use crate::market::{Calendar, Candle, DAY, Timeframe};

/// Returns that a trailing sigma looks back on (sixty sessions).
pub(super) const WINDOW: usize = 60;

/// Log return of each close on the one before; NaN at the first bar and where either close is not positive.
pub(super) fn log_returns(bars: &[Candle]) -> Vec<f64> {
    let mut out = Vec::with_capacity(bars.len());
    let mut before = f64::NAN;
    for b in bars {
        let both = before > 0.0 && b.close > 0.0;
        out.push(if both { (b.close / before).ln() } else { f64::NAN });
        before = b.close;
    }
    out
}

/// Whether a log return is a move of more than `jump` (0.4 = 40%), up or down by the same ratio: +40% and its undoing,
/// -28.6%, count alike.
pub(super) fn is_jump(log_return: f64, jump: f64) -> bool {
    log_return.abs() > (1.0 + jump).ln()
}

/// Standard deviation (n - 1) of the [`WINDOW`] values before `i`, NaN ones left out; `None` with fewer than `least`
/// (at least 2).
pub(super) fn trailing_sigma(values: &[f64], i: usize, least: usize) -> Option<f64> {
    trailing_moments(values, i, least).map(|(_, sigma)| sigma)
}

/// Mean and standard deviation of the [`WINDOW`] values before `i`, as for [`trailing_sigma`].
pub(super) fn trailing_moments(values: &[f64], i: usize, least: usize) -> Option<(f64, f64)> {
    let window = &values[i.saturating_sub(WINDOW)..i];
    let known = || window.iter().copied().filter(|v| !v.is_nan());
    let n = known().count();
    if n < least.max(2) {
        return None;
    }
    let mean = known().sum::<f64>() / n as f64;
    let variance = known().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1) as f64;
    Some((mean, variance.sqrt()))
}

/// Robust sigma of the [`WINDOW`] values before `i`: 1.4826 times the median absolute deviation from the median.
pub(super) fn trailing_robust_sigma(values: &[f64], i: usize, least: usize) -> Option<f64> {
    let mut window: Vec<f64> = values[i.saturating_sub(WINDOW)..i].iter().copied().filter(|v| !v.is_nan()).collect();
    if window.len() < least.max(2) {
        return None;
    }
    let centre = median(&mut window)?;
    for v in &mut window {
        *v = (*v - centre).abs();
    }
    median(&mut window).map(|mad| 1.4826 * mad)
}

/// Median of finite values, which are reordered; `None` when there are none.
pub(super) fn median(values: &mut [f64]) -> Option<f64> {
    if values.is_empty() {
        return None;
    }
    let (middle, odd) = (values.len() / 2, values.len() % 2 == 1);
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if odd {
        return Some(upper);
    }
    below.iter().copied().max_by(f64::total_cmp).map(|lower| f64::midpoint(lower, upper))
}

/// Maximal runs `first..=last` in which each bar is `same` as the one before it, of at least `least` bars.
pub(super) fn runs(bars: &[Candle], least: usize, same: impl Fn(&Candle, &Candle) -> bool) -> Vec<(usize, usize)> {
    let mut out = Vec::new();
    let mut start = 0;
    for i in 1..=bars.len() {
        if i < bars.len() && same(&bars[i - 1], &bars[i]) {
            continue;
        }
        if i - start >= least {
            out.push((start, i - 1));
        }
        start = i;
    }
    out
}

/// A run of calendar sessions (or weeks, or months) without a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hole {
    /// First stamp a bar could have had.
    pub(super) from: i64,
    /// Last stamp a bar could have had.
    pub(super) to: i64,
    /// How many sessions, weeks or months.
    pub(super) count: usize,
}

/// Holes between the first and the last of ascending `bars`. Intraday, a session is missing when it has no bar at
/// all: a minute without a trade is no hole.
pub(super) fn holes(calendar: Calendar, timeframe: Timeframe, bars: &[Candle]) -> Vec<Hole> {
    let (Some(first), Some(last)) = (bars.first(), bars.last()) else { return Vec::new() };
    let mut out: Vec<Hole> = Vec::new();
    let (mut next, mut adjoining) = (0, false);
    let mut visit = |from: i64, to: i64| {
        next += bars[next..].iter().take_while(|b| b.ts < from).count();
        if bars.get(next).is_some_and(|b| b.ts <= to) {
            adjoining = false;
            return;
        }
        match out.last_mut() {
            Some(hole) if adjoining => (hole.to, hole.count) = (to, hole.count + 1),
            _ => out.push(Hole { from, to, count: 1 }),
        }
        adjoining = true;
    };
    if timeframe.is_intraday() {
        calendar.sessions(first.ts, last.ts + 1).for_each(|s| visit(s.open, s.close - 1));
    } else if timeframe == Timeframe::D1 {
        for s in calendar.sessions(first.ts, last.ts + DAY) {
            let stamp = crate::market::date_to_ts(s.date);
            visit(stamp, stamp);
        }
    } else {
        let end = calendar.bar_close(timeframe, last.ts).unwrap_or(last.ts);
        calendar.expected(timeframe, first.ts, end).into_iter().for_each(|ts| visit(ts, ts));
    }
    out
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::market::date_to_ts;

    fn bar(ts: i64, close: f64) -> Candle {
        Candle { ts, open: close, high: close, low: close, close, volume: 1.0, is_final: true }
    }

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3.0]), Some(3.0));
        assert_eq!(median(&mut [4.0, 1.0]), Some(2.5));
        assert_eq!(median(&mut [5.0, 1.0, 3.0]), Some(3.0));
        assert_eq!(median(&mut [9.0, 1.0, 3.0, 5.0]), Some(4.0));
    }

    #[test]
    fn sigmas_look_back_only_and_skip_unknown_values() {
        let mut values = vec![f64::NAN; 3];
        values.extend((0..40).map(|i| if i % 2 == 0 { 0.01 } else { -0.01 }));
        values.push(9.0);
        let i = values.len() - 1;
        let plain = trailing_sigma(&values, i, 20).unwrap();
        assert!((plain - 0.010_127_393_670_836_667).abs() < 1e-15, "{plain}");
        assert!((trailing_robust_sigma(&values, i, 20).unwrap() - 0.014_826).abs() < 1e-12);
        assert_eq!(trailing_sigma(&values, 10, 20), None);
        assert_eq!(trailing_robust_sigma(&values, 2, 2), None);
    }

    #[test]
    fn a_jump_is_symmetric_in_ratio() {
        assert!(is_jump(1.41f64.ln(), 0.4) && is_jump((1.0f64 / 1.41).ln(), 0.4));
        assert!(!is_jump(1.39f64.ln(), 0.4) && !is_jump(f64::NAN, 0.4));
    }

    #[test]
    fn holes_follow_the_calendar() {
        let d = |m, day| date_to_ts(NaiveDate::from_ymd_opt(2024, m, day).unwrap());
        // Good Friday 2024-03-29 is no hole, Tuesday to Thursday of the next week are.
        let bars = [bar(d(3, 28), 1.0), bar(d(4, 1), 1.0), bar(d(4, 5), 1.0)];
        let found = holes(Calendar::Xnys, Timeframe::D1, &bars);
        assert_eq!(found, [Hole { from: d(4, 2), to: d(4, 4), count: 3 }]);
        let weekly = [bar(d(3, 25), 1.0), bar(d(4, 15), 1.0)];
        assert_eq!(holes(Calendar::Xnys, Timeframe::W1, &weekly), [Hole { from: d(4, 1), to: d(4, 8), count: 2 }]);
        let open = d(3, 28) + 13 * 3_600 + 1_800;
        let minutes = [bar(open, 1.0), bar(open + 60, 1.0), bar(d(4, 2) + 14 * 3_600, 1.0)];
        let found = holes(Calendar::Xnys, Timeframe::M1, &minutes);
        assert_eq!(found.iter().map(|h| h.count).collect::<Vec<_>>(), [1]);
        assert!(holes(Calendar::Continuous, Timeframe::D1, &[bar(d(3, 1), 1.0), bar(d(3, 2), 1.0)]).is_empty());
    }

    #[test]
    fn runs_of_equal_bars() {
        let bars: Vec<Candle> = [1.0, 2.0, 2.0, 2.0, 3.0, 3.0].into_iter().zip(0..).map(|(c, ts)| bar(ts, c)).collect();
        assert_eq!(runs(&bars, 2, |a, b| a.close == b.close), [(1, 3), (4, 5)]);
        assert_eq!(runs(&bars, 3, |a, b| a.close == b.close), [(1, 3)]);
        assert!(runs(&[], 1, |_, _| true).is_empty());
    }
}
