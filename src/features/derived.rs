//! The columns of the category derived: made of other features. Read by the engine.

use std::ops::Range;

use super::frame::{ColumnFn, Frame, fill, floored, leading, over, ratio};
use super::ranges::{order, sign, sign_beyond};
use super::recursive::Track;
use super::window::{self, Pairs};
use super::{momentum, statistical};

/// An oscillator this near its middle, on a scale of 100, is in its middle.
const MIDDLE: f64 = 1e-9;

/// Name and column of each feature of the category.
pub(super) const COLUMNS: &[(&str, ColumnFn)] = &[
    ("rsi_divergence_20", |f, r, o| with_close(f, f.track(Track::Rsi14), r, o)),
    ("macd_divergence_20", |f, r, o| with_close(f, f.track(Track::MacdHistogram), r, o)),
    ("obv_divergence_20", obv_divergence_20),
    ("oscillator_agreement", oscillator_agreement),
    ("trend_agreement", trend_agreement),
    ("mtf_agreement", mtf_agreement),
    ("bb_squeeze_ratio", |f, r, o| fill(r, o, |t| squeeze(f, t))),
    ("bb_squeeze_days", bb_squeeze_days),
    ("ema_alignment", ema_alignment),
    ("momentum_quality_60", momentum_quality_60),
    ("momentum_acceleration_10", |f, r, o| fill(r, o, |t| roc_10(f, t) - roc_10(f, t - 10))),
    ("vol_regime_pctile_252", vol_regime_pctile_252),
    ("vol_term_structure", |f, r, o| fill(r, o, |t| ((f.hist_vol10[t] + 1e-9) / (f.hist_vol60[t] + 1e-9)).ln())),
    ("breakout_up_20", |f, r, o| breakout(f, &f.high20, r, o)),
    ("breakout_down_20", |f, r, o| breakout(f, &f.low20, r, o)),
    ("mean_reversion_score", mean_reversion_score),
    ("volume_confirmed_move", volume_confirmed_move),
    ("adx_direction", adx_direction),
    ("overnight_intraday_tilt_20", overnight_intraday_tilt_20),
];

/// Pearson's correlation of the last 20 closes with a series.
fn with_close(f: &Frame<'_>, series: &[f64], rows: Range<usize>, out: &mut [f64]) {
    window::pairs(f.close, series, 20, rows, out, |p: Pairs| p.correlation());
}

/// Each row's on-balance volume counts from its own window's first bar: a level does not change a correlation.
fn obv_divergence_20(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let signed: Vec<f64> = std::iter::once(f64::NAN)
        .chain(f.close.array_windows().zip(&f.volume[1..]).map(|([before, now], v)| sign(now - before) * v))
        .collect();
    window::pairs_with_walk(f.close, &signed, 20, rows, out, |p: Pairs| p.correlation());
}

fn oscillator_agreement(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let column = |name: &str| {
        let mut column = vec![f64::NAN; rows.len()];
        if let Some((_, of)) = momentum::COLUMNS.iter().find(|(known, _)| *known == name) {
            of(f, rows.clone(), &mut column);
        }
        column
    };
    let [stochastic, cci, williams, mfi] = ["stochastic_k", "cci_20", "williams_r", "mfi_14"].map(column);
    let (rsi, first) = (f.track(Track::Rsi14), rows.start);
    fill(rows.clone(), out, |t| {
        let i = t - first;
        let votes = [rsi[t] - 50.0, stochastic[i] - 50.0, cci[i], roc_10(f, t), williams[i] + 50.0, mfi[i] - 50.0];
        votes.into_iter().map(|vote| sign_beyond(vote, MIDDLE)).sum::<f64>() / 6.0
    });
}

fn trend_agreement(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let (histogram, stop) = (f.track(Track::MacdHistogram), f.track(Track::Supertrend));
    let (plus, minus) = (f.track(Track::PlusDi), f.track(Track::MinusDi));
    fill(rows, out, |t| {
        let close = f.close[t];
        let averages = order(close, f.sma20[t]) + order(close, f.sma50[t]) + order(close, f.sma200[t]);
        // The histogram is a difference of averages of the close: it is rounded on the close's scale.
        let macd = order(close + histogram[t], close);
        (averages + macd + order(plus[t], minus[t]) + order(close, stop[t])) / 6.0
    });
}

fn mtf_agreement(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    fill(rows, out, |t| [5, 21, 63, 126].iter().map(|n| sign(f.close[t] - f.close[t - n])).sum::<f64>() / 4.0);
}

/// Width of the Bollinger band over that of the Keltner channel; below 1 is a squeeze.
fn squeeze(f: &Frame<'_>, t: usize) -> f64 {
    ratio(2.0 * f.sd20[t], 1.5 * f.track(Track::Atr20)[t], 1.0)
}

fn bb_squeeze_days(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let first = rows.start - 19;
    let ratios = leading(&rows, 19, |t| squeeze(f, t));
    fill(rows, out, |t| (0..20).take_while(|back| ratios[t - back - first] < 1.0).count() as f64 / 20.0);
}

fn ema_alignment(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let emas = [Track::Ema5, Track::Ema10, Track::Ema20, Track::Ema50].map(|track| f.track(track));
    fill(rows, out, |t| {
        let [a, b, c, d] = emas.map(|ema| ema[t]);
        let pairs = [(a, b), (a, c), (a, d), (b, c), (b, d), (c, d)];
        pairs.into_iter().map(|(shorter, longer)| order(shorter, longer)).sum::<f64>() / 6.0
    });
}

fn momentum_quality_60(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let signs = leading(&rows, 59, |t| sign(f.close[t] - f.close[t - 1]));
    window::mean(&signs, 60, 59..signs.len(), out);
    for (cell, t) in out.iter_mut().zip(rows) {
        *cell *= sign(f.close[t] - f.close[t - 60]);
    }
}

fn roc_10(f: &Frame<'_>, t: usize) -> f64 {
    100.0 * (f.close[t] / f.close[t - 10] - 1.0)
}

/// A day whose return equals the one that leaves the window has yesterday's volatility but for rounding, hence the
/// tolerance.
fn vol_regime_pctile_252(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let today: Vec<f64> = f.hist_vol20[rows.clone()].iter().map(|vol| vol * (1.0 + 1e-9)).collect();
    window::share(&f.hist_vol20, &today, 252, rows, out, |vol, today| vol <= today);
}

/// The close against yesterday's 20-bar extreme in units of yesterday's ATR14; 0 while that is 0.
fn breakout(f: &Frame<'_>, extreme: &[f64], rows: Range<usize>, out: &mut [f64]) {
    let atr = f.track(Track::Atr14);
    fill(rows, out, |t| ratio(f.close[t] - extreme[t - 1], atr[t - 1], 0.0));
}

fn mean_reversion_score(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    statistical::efficiency_ratio_20(f, rows.clone(), out);
    for (cell, t) in out.iter_mut().zip(rows) {
        *cell = -ratio(f.close[t] - f.sma20[t], f.sd20[t], 0.0) * (1.0 - *cell);
    }
}

fn volume_confirmed_move(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    statistical::return_zscore_20(f, rows.clone(), out);
    for (cell, t) in out.iter_mut().zip(rows) {
        *cell *= (floored(f.volume[t]) / floored(f.volume20[t - 1])).ln();
    }
}

fn adx_direction(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let (adx, plus, minus) = (f.track(Track::Adx), f.track(Track::PlusDi), f.track(Track::MinusDi));
    fill(rows, out, |t| adx[t] / 100.0 * order(plus[t], minus[t]));
}

/// Where the last 20 bars' move came from, overnight or by day, in deviations of the whole; 0 if flat.
fn overnight_intraday_tilt_20(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let intraday = over(window::sum, &f.intraday, 20, &rows);
    let mut sd = vec![0.0; rows.len()];
    window::spread(&f.log_return, 20, rows.clone(), &mut sd, |s| s.sd(1));
    window::sum(&f.overnight, 20, rows, out);
    for ((cell, intraday), sd) in out.iter_mut().zip(intraday).zip(sd) {
        *cell = ratio(*cell - intraday, sd * 20f64.sqrt(), 0.0);
    }
}
