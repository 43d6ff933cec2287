//! The columns of the category `market_structure`: place within longer ranges, breadth of moves, the universe. Read by
//! the engine.

use std::ops::Range;

use super::frame::{ColumnFn, Frame, copy, fill, leading};
use super::ranges::{highs, lows, order, over_range};
use super::recursive::Track;
use super::window::{self, Line};

/// Bars of a year.
const YEAR: usize = 252;

/// Name and column of each feature of the category.
pub(super) const COLUMNS: &[(&str, ColumnFn)] = &[
    ("trend_tstat_50", |f, r, o| window::line::<1>(&f.log_close, 50, r, o, |l: Line| l.t_statistic())),
    ("consecutive_up_days", |f, r, o| run(f, r, o, |now, before| now > before)),
    ("consecutive_down_days", |f, r, o| run(f, r, o, |now, before| now < before)),
    ("dist_52w_high", |f, r, o| over_range(f, YEAR, r, o, |t, high, _| f.close[t] / high - 1.0)),
    ("dist_52w_low", |f, r, o| over_range(f, YEAR, r, o, |t, _, low| f.close[t] / low - 1.0)),
    ("days_since_52w_high", |f, r, o| year_age(f.high, r, o, |a, b| a > b)),
    ("days_since_52w_low", |f, r, o| year_age(f.low, r, o, |a, b| a < b)),
    ("ma_alignment", ma_alignment),
    ("hh_ll_balance_20", hh_ll_balance_20),
    ("up_day_fraction_20", up_day_fraction_20),
    ("above_sma50_fraction_60", above_sma50_fraction_60),
    ("relative_strength_20", relative_strength_20),
    ("cs_rank_return_20", cs_rank_return_20),
    ("resistance_touches_60", resistance_touches_60),
    ("support_touches_60", support_touches_60),
];

/// How many closes in a row, up to ten, `follow` the one before, over ten.
fn run(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64], follow: fn(f64, f64) -> bool) {
    fill(rows, out, |t| (0..10).take_while(|back| follow(f.close[t - back], f.close[t - back - 1])).count() as f64 / 10.0);
}

fn year_age(x: &[f64], rows: Range<usize>, out: &mut [f64], beats: fn(f64, f64) -> bool) {
    window::latest_age(x, YEAR, rows, out, beats);
    for age in out {
        *age /= YEAR as f64;
    }
}

fn ma_alignment(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    fill(rows, out, |t| {
        let means = [f.close[t], f.sma5[t], f.sma10[t], f.sma20[t], f.sma50[t], f.sma100[t], f.sma200[t]];
        means.array_windows().map(|&[shorter, longer]| order(shorter, longer)).sum::<f64>() / 6.0
    });
}

fn hh_ll_balance_20(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let steps = leading(&rows, 19, |t| f64::from(f.high[t] > f.high[t - 1]) - f64::from(f.low[t] < f.low[t - 1]));
    window::mean(&steps, 20, 19..steps.len(), out);
}

fn up_day_fraction_20(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let ups = leading(&rows, 19, |t| f64::from(f.close[t] > f.close[t - 1]));
    window::mean(&ups, 20, 19..ups.len(), out);
}

fn above_sma50_fraction_60(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let above = leading(&rows, 59, |t| f64::from(order(f.close[t], f.sma50[t]) > 0.0));
    window::mean(&above, 60, 59..above.len(), out);
}

fn relative_strength_20(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let Some(market) = f.market else { return out.fill(f64::NAN) };
    window::sum(market, 20, rows.clone(), out);
    for (cell, t) in out.iter_mut().zip(rows) {
        *cell = (f.close[t] / f.close[t - 20]).ln() - *cell;
    }
}

fn cs_rank_return_20(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    match f.rank {
        Some(rank) => copy(rank, rows, out),
        None => out.fill(f64::NAN),
    }
}

fn resistance_touches_60(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let mut limit = highs(f, 60, &rows);
    limit.iter_mut().zip(&f.track(Track::Atr14)[rows.clone()]).for_each(|(limit, atr)| *limit -= 0.5 * atr);
    window::share(f.high, &limit, 60, rows, out, |high, limit| high >= limit);
}

fn support_touches_60(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let mut limit = lows(f, 60, &rows);
    limit.iter_mut().zip(&f.track(Track::Atr14)[rows.clone()]).for_each(|(limit, atr)| *limit += 0.5 * atr);
    window::share(f.low, &limit, 60, rows, out, |low, limit| low <= limit);
}
