//! The columns of the category `multi_timeframe`: weeks of 5, months of 21 and quarters of 63 bars that end today, and the
//! market beside the symbol. Read by the engine.

use std::ops::Range;

use super::frame::{ColumnFn, Frame, copy, fill, leading, over, ratio};
use super::ranges::{highs, lows, over_range, position, sign};
use super::recursive::Track;
use super::window::{self, Line, Pairs};

/// Name and column of each feature of the category.
pub(super) const COLUMNS: &[(&str, ColumnFn)] = &[
    ("weekly_range_pct", |f, r, o| range_pct(f, 5, r, o)),
    ("weekly_return_prev", |f, r, o| previous_return(f, 5, r, o)),
    ("weekly_position", |f, r, o| position(f, 5, r, o)),
    ("weekly_rsi_14", |f, r, o| copy(f.track(Track::WeeklyRsi14), r, o)),
    ("weekly_macd_hist_pct", |f, r, o| percent_of_close(f, Track::WeeklyMacdHistogram, r, o)),
    ("monthly_range_pct", |f, r, o| range_pct(f, 21, r, o)),
    ("monthly_return_prev", |f, r, o| previous_return(f, 21, r, o)),
    ("monthly_candle_body", monthly_candle_body),
    ("monthly_rsi_6", |f, r, o| copy(f.track(Track::MonthlyRsi6), r, o)),
    ("monthly_macd_hist_pct", |f, r, o| percent_of_close(f, Track::MonthlyMacdHistogram, r, o)),
    ("quarterly_range_pct", |f, r, o| range_pct(f, 63, r, o)),
    ("quarterly_return_prev", |f, r, o| previous_return(f, 63, r, o)),
    ("quarterly_position", |f, r, o| position(f, 63, r, o)),
    ("weekly_daily_range_ratio", weekly_daily_range_ratio),
    ("weekly_trend_r2_13", |f, r, o| window::line::<5>(&f.log_close, 13, r, o, |l: Line| l.r2())),
    ("beta_60", |f, r, o| beside_market(f, r, o, |p| p.beta())),
    ("market_corr_60", |f, r, o| beside_market(f, r, o, |p| p.correlation())),
    ("idiosyncratic_vol_60", |f, r, o| beside_market(f, r, o, |p| (f.sessions_a_year * p.residual() / (p.n - 2) as f64).sqrt())),
    ("amihud_ratio_21_126", amihud_ratio_21_126),
    ("corwin_schultz_spread_20", corwin_schultz_spread_20),
];

/// `(HHn-LLn)/C`.
fn range_pct(f: &Frame<'_>, n: usize, rows: Range<usize>, out: &mut [f64]) {
    over_range(f, n, rows, out, |t, high, low| (high - low) / f.close[t]);
}

/// The log return of the n bars before the last n.
fn previous_return(f: &Frame<'_>, n: usize, rows: Range<usize>, out: &mut [f64]) {
    fill(rows, out, |t| (f.close[t - n] / f.close[t - 2 * n]).ln());
}

fn percent_of_close(f: &Frame<'_>, track: Track, rows: Range<usize>, out: &mut [f64]) {
    let values = f.track(track);
    fill(rows, out, |t| 100.0 * values[t] / f.close[t]);
}

fn monthly_candle_body(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    over_range(f, 21, rows, out, |t, high, low| ratio(f.close[t] - f.open[t - 20], high - low, 0.0));
}

/// Mean range of the last four weeks over what four weeks of independent days would have; 0 before the price first moves.
fn weekly_daily_range_ratio(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let from = rows.start - 15..rows.end;
    let week: Vec<f64> = highs(f, 5, &from).into_iter().zip(lows(f, 5, &from)).map(|(high, low)| high - low).collect();
    let (atr, first) = (f.track(Track::Atr14), from.start);
    fill(rows, out, |t| {
        let i = t - first;
        ratio((week[i] + week[i - 5] + week[i - 10] + week[i - 15]) / 4.0, atr[t] * 5f64.sqrt(), 0.0)
    });
}

/// What `of` makes of the last 60 returns beside the market's.
fn beside_market(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64], of: impl Fn(Pairs) -> f64) {
    match f.market {
        Some(market) => window::pairs(&f.log_return, market, 60, rows, out, of),
        None => out.fill(f64::NAN),
    }
}

/// Amihud's illiquidity of a month against that of half a year, over the days that traded; 0 where either is 0.
fn amihud_ratio_21_126(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let back = 125;
    let traded = leading(&rows, back, |t| sign(f.volume[t]));
    let illiquid = leading(&rows, back, |t| ratio(f.log_return[t].abs(), f.close[t] * f.volume[t], 0.0));
    let own = back..traded.len();
    let mean = |n: usize| {
        let (sums, days) = (over(window::sum, &illiquid, n, &own), over(window::sum, &traded, n, &own));
        sums.into_iter().zip(days).map(|(sum, days)| ratio(sum, days, 0.0)).collect::<Vec<f64>>()
    };
    for ((cell, month), half_year) in out.iter_mut().zip(mean(21)).zip(mean(126)) {
        *cell = if month == 0.0 || half_year == 0.0 { 0.0 } else { (month / half_year).ln() };
    }
}

/// Corwin and Schultz 2012: the spread that explains why two days' range is less than twice one day's variance. A gap
/// overnight is taken out by moving today's range to yesterday's close; a negative estimate counts as 0.
fn corwin_schultz_spread_20(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let k = 3.0 - 2.0 * 2f64.sqrt();
    let spread = leading(&rows, 19, |t| {
        let (high1, low1, close1) = (f.high[t - 1], f.low[t - 1], f.close[t - 1]);
        let gap = if close1 < f.low[t] {
            f.low[t] - close1
        } else if close1 > f.high[t] {
            f.high[t] - close1
        } else {
            0.0
        };
        let (high, low) = (f.high[t] - gap, f.low[t] - gap);
        let squares = (high / low).ln().powi(2) + (high1 / low1).ln().powi(2);
        let both = (high.max(high1) / low.min(low1)).ln().powi(2);
        let alpha = ((2.0 * squares).sqrt() - squares.sqrt()) / k - (both / k).sqrt();
        let estimate = 2.0 * (alpha.exp() - 1.0) / (1.0 + alpha.exp());
        if estimate < 0.0 { 0.0 } else { estimate }
    });
    window::mean(&spread, 20, 19..spread.len(), out);
}
