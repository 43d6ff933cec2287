//! The columns of the category `momentum`: speed of price changes. Read by the engine.

use std::ops::Range;

use super::frame::{ColumnFn, Frame, copy, fill, leading, over, ratio};
use super::ranges::order;
use super::recursive::Track;
use super::window;

/// Name and column of each feature of the category.
pub(super) const COLUMNS: &[(&str, ColumnFn)] = &[
    ("rsi_7", |f, rows, out| copy(f.track(Track::Rsi7), rows, out)),
    ("rsi_14", |f, rows, out| copy(f.track(Track::Rsi14), rows, out)),
    ("rsi_21", |f, rows, out| copy(f.track(Track::Rsi21), rows, out)),
    ("rsi_28", |f, rows, out| copy(f.track(Track::Rsi28), rows, out)),
    ("stochastic_k", |f, rows, out| {
        let fast = leading(&rows, 2, |i| fast_k(f, i));
        window::mean(&fast, 3, 2..fast.len(), out);
    }),
    ("stochastic_d", stochastic_d),
    ("roc_5", |f, rows, out| rate_of_change(f, 5, rows, out)),
    ("roc_10", |f, rows, out| rate_of_change(f, 10, rows, out)),
    ("roc_20", |f, rows, out| copy(&f.roc20, rows, out)),
    ("williams_r", |f, rows, out| {
        fill(rows, out, |i| -100.0 * ratio(f.high14[i] - f.close[i], f.high14[i] - f.low14[i], 0.5));
    }),
    ("mfi_14", money_flow),
    ("cci_20", commodity_channel),
    ("ultimate_oscillator", ultimate),
    ("momentum_10_atr", |f, rows, out| momentum_in_atr(f, 10, rows, out)),
    ("momentum_20_atr", |f, rows, out| momentum_in_atr(f, 20, rows, out)),
    ("stoch_rsi_k", stochastic_rsi),
    ("balance_of_power_14", |f, rows, out| {
        let power = leading(&rows, 13, |i| ratio(f.close[i] - f.open[i], f.high[i] - f.low[i], 0.0));
        window::mean(&power, 14, 13..power.len(), out);
    }),
    ("tsi_25_13", |f, rows, out| copy(f.track(Track::Tsi), rows, out)),
    ("aroon_oscillator_25", |f, rows, out| {
        let mut since_high = vec![0.0; out.len()];
        window::latest_age(f.high, 26, rows.clone(), &mut since_high, |a, b| a > b);
        window::latest_age(f.low, 26, rows, out, |a, b| a < b);
        for (cell, since_high) in out.iter_mut().zip(since_high) {
            *cell = 100.0 / 25.0 * (*cell - since_high);
        }
    }),
    ("intraday_momentum_14", |f, rows, out| {
        let (mut rises, mut sizes) = (vec![0.0; out.len()], vec![0.0; out.len()]);
        let rise = leading(&rows, 13, |i| (f.close[i] - f.open[i]).max(0.0));
        let size = leading(&rows, 13, |i| (f.close[i] - f.open[i]).abs());
        window::sum(&rise, 14, 13..rise.len(), &mut rises);
        window::sum(&size, 14, 13..size.len(), &mut sizes);
        fill(0..out.len(), out, |i| 100.0 * ratio(rises[i], sizes[i], 0.5));
    }),
];

/// Where the close lies between the extremes of 14 bars, 0 to 100.
fn fast_k(f: &Frame<'_>, i: usize) -> f64 {
    100.0 * ratio(f.close[i] - f.low14[i], f.high14[i] - f.low14[i], 0.5)
}

fn stochastic_d(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let fast = leading(&rows, 4, |i| fast_k(f, i));
    let mut slow = vec![0.0; out.len() + 2];
    window::mean(&fast, 3, 2..fast.len(), &mut slow);
    window::mean(&slow, 3, 2..slow.len(), out);
}

fn stochastic_rsi(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    // On a flat price the RSI stands still but for rounding.
    const FLAT: f64 = 1e-12;
    let rsi = f.track(Track::Rsi14);
    let (top, bottom) = (over(window::max, rsi, 14, &rows), over(window::min, rsi, 14, &rows));
    fill(0..out.len(), out, |i| {
        let range = top[i] - bottom[i];
        if range <= FLAT * top[i] { 50.0 } else { 100.0 * (rsi[rows.start + i] - bottom[i]) / range }
    });
}

fn rate_of_change(f: &Frame<'_>, n: usize, rows: Range<usize>, out: &mut [f64]) {
    fill(rows, out, |i| 100.0 * (f.close[i] / f.close[i - n] - 1.0));
}

fn momentum_in_atr(f: &Frame<'_>, n: usize, rows: Range<usize>, out: &mut [f64]) {
    let atr = f.track(Track::Atr14);
    fill(rows, out, |i| ratio(f.close[i] - f.close[i - n], atr[i], 0.0));
}

fn money_flow(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    // Bars of the other direction count as 0 times their volume, so that an unknown one is not passed over.
    let flow = |on: fn(f64, f64) -> bool| {
        let part = leading(&rows, 13, |i| f.typical[i] * f.volume[i] * f64::from(on(f.typical[i], f.typical[i - 1])));
        over(window::sum, &part, 14, &(13..part.len()))
    };
    // Two typical prices that are equal differ by the rounding of their thirds.
    let (rising, falling) = (flow(|now, before| order(now, before) > 0.0), flow(|now, before| order(now, before) < 0.0));
    fill(0..out.len(), out, |i| 100.0 * ratio(rising[i], rising[i] + falling[i], 0.5));
}

fn commodity_channel(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    const N: usize = 20;
    let mean = over(window::mean, &f.typical, N, &rows);
    let mut deviation = vec![0.0; rows.len()];
    for oldest in (0..N).map(|back| rows.start + 1 + back - N) {
        for ((sum, value), mean) in deviation.iter_mut().zip(&f.typical[oldest..]).zip(&mean) {
            *sum += (value - mean).abs();
        }
    }
    fill(0..out.len(), out, |i| ratio(f.typical[rows.start + i] - mean[i], 0.015 * deviation[i] / N as f64, 0.0));
}

fn ultimate(f: &Frame<'_>, rows: Range<usize>, out: &mut [f64]) {
    let pressure = leading(&rows, 27, |i| f.close[i] - f.low[i].min(f.close[i - 1]));
    let share = |n: usize| {
        let bought = over(window::sum, &pressure, n, &(27..pressure.len()));
        let ranges = over(window::sum, &f.true_range, n, &rows);
        bought.into_iter().zip(ranges).map(|(bought, range)| ratio(bought, range, 0.5)).collect::<Vec<_>>()
    };
    let (short, middle, long) = (share(7), share(14), share(28));
    fill(0..out.len(), out, |i| 100.0 * (4.0 * short[i] + 2.0 * middle[i] + long[i]) / 7.0);
}
