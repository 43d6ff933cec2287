//! The columns of the category `volatility`: size of price changes. Read by the engine.

use std::f64::consts::LN_2;
use std::ops::Range;

use super::frame::{ColumnFn, Frame, copy, fill, leading, over, ratio};
use super::recursive::Track;
use super::window;

/// Name and column of each feature of the category.
pub(super) const COLUMNS: &[(&str, ColumnFn)] = &[
    ("atr_7_pct", |f, rows, out| range_percent(f, f.track(Track::Atr7), rows, out)),
    ("atr_14_pct", |f, rows, out| range_percent(f, f.track(Track::Atr14), rows, out)),
    ("atr_21_pct", |f, rows, out| range_percent(f, f.track(Track::Atr21), rows, out)),
    ("bb_width_20", |f, rows, out| fill(rows, out, |i| 4.0 * f.sd20[i] / f.sma20[i])),
    ("bb_position_20", |f, rows, out| {
        fill(rows, out, |i| ratio(f.close[i] - (f.sma20[i] - 2.0 * f.sd20[i]), 4.0 * f.sd20[i], 0.5));
    }),
    ("keltner_position", |f, rows, out| {
        let (middle, atr) = (f.track(Track::TypicalEma20), f.track(Track::Atr10));
        fill(rows, out, |i| ratio(f.close[i] - (middle[i] - 2.0 * atr[i]), 4.0 * atr[i], 0.5));
    }),
    ("donchian_position_20", |f, rows, out| {
        fill(rows, out, |i| ratio(f.close[i] - f.low20[i], f.high20[i] - f.low20[i], 0.5));
    }),
    ("chaikin_volatility_10", |f, rows, out| {
        let range = f.track(Track::RangeEma10);
        fill(rows, out, |i| 100.0 * (ratio(range[i], range[i - 10], 1.0) - 1.0));
    }),
    ("hist_vol_10", |f, rows, out| copy(&f.hist_vol10, rows, out)),
    ("hist_vol_20", |f, rows, out| copy(&f.hist_vol20, rows, out)),
    ("hist_vol_60", |f, rows, out| copy(&f.hist_vol60, rows, out)),
    ("parkinson_vol_20", |f, rows, out| {
        let squares = leading(&rows, 19, |i| (f.high[i] / f.low[i]).ln().powi(2));
        window::mean(&squares, 20, 19..squares.len(), out);
        for cell in out {
            *cell = (f.sessions_a_year * *cell / (4.0 * LN_2)).sqrt();
        }
    }),
    ("yang_zhang_vol_20", yang_zhang),
    ("overnight_vol_share_20", |f, rows, out| {
        let (overnight, intraday) = (variance(&f.overnight, &rows), variance(&f.intraday, &rows));
        fill(0..out.len(), out, |i| ratio(overnight[i], overnight[i] + intraday[i], 0.5));
    }),
    ("vol_of_vol_20_60", |f, rows, out| window::spread(&f.hist_vol20, 60, rows, out, |s| ratio(s.sd(1), s.mean, 0.0))),
];

/// A mean range in percent of the close.
fn range_percent(f: &Frame<'_>, atr: &[f64], rows: Range<usize>, out: &mut [f64]) {
    fill(rows, out, |i| 100.0 * atr[i] / f.close[i]);
}

/// Sample variance of the last 20 values.
fn variance(x: &[f64], rows: &Range<usize>) -> Vec<f64> {
    let mut variance = vec![0.0; rows.len()];
    window::spread(x, 20, rows.clone(), &mut variance, |s| s.variance(1));
    variance
}

/// Yang and Zhang 2000: overnight, open-to-close and Rogers-Satchell variances over 20 bars, annualised.
fn yang_zhang(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    const K: f64 = 0.34 / (1.34 + 21.0 / 19.0);
    let within = leading(&rows, 19, |i| {
        let (o, h, l, c) = (f.open[i], f.high[i], f.low[i], f.close[i]);
        (h / c).ln() * (h / o).ln() + (l / c).ln() * (l / o).ln()
    });
    let within = over(window::mean, &within, 20, &(19..within.len()));
    let (overnight, intraday) = (variance(&f.overnight, &rows), variance(&f.intraday, &rows));
    fill(0..out.len(), out, |i| {
        let daily = overnight[i] + K * intraday[i] + (1.0 - K) * within[i];
        // `max` would turn an unknown variance into 0.
        (f.sessions_a_year * if daily < 0.0 { 0.0 } else { daily }).sqrt()
    });
}
