//! The market regime of each symbol and day, from that symbol's past alone.
//!
//! `dataset` writes it beside each row; samplers, loss weights, metrics by regime and drift by regime go by it. Signals
//! are scored in the regime of their day, which is why nothing here may look ahead.

use std::collections::VecDeque;

use crate::config::strategy::RegimeLabeling;
use crate::market::Regime;

/// What one day shows of its symbol, each against that symbol's past.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measures {
    /// Log return of the last month (`volatility_sessions`) over what the deviation of the year before leads one to expect.
    pub z: f64,
    /// Log return of the day over the deviation of the year before it.
    pub day_z: f64,
    /// Close over the highest close of `drawdown_sessions`, less one.
    pub drawdown: f64,
    /// Where the month's volatility stands among those of the year, 0 to 1.
    pub rank: f64,
    /// What a month's move is expected to be: the year's deviation times the root of the month.
    pub expected: f64,
}

/// The regime of each day; `None` before there is history enough (272 bars with the shipped rule). `close` are one
/// symbol's adjusted closes from the first stored bar on.
pub fn regimes(close: &[f64], rule: &RegimeLabeling) -> Vec<Option<Regime>> {
    regimes_of(close, &measures(close, rule), rule)
}

/// The same from the [`measures`] of `close`, for who needs both.
pub fn regimes_of(close: &[f64], measures: &[Option<Measures>], rule: &RegimeLabeling) -> Vec<Option<Regime>> {
    confirmed(&daily(close, measures, rule), rule)
}

/// What each day shows; `None` before there is history enough.
pub fn measures(close: &[f64], rule: &RegimeLabeling) -> Vec<Option<Measures>> {
    let (month, year, high) = (rule.volatility_sessions as usize, rule.percentile_sessions as usize, rule.drawdown_sessions as usize);
    let returns: Vec<f64> = std::iter::once(f64::NAN).chain(close.windows(2).map(|w| (w[1] / w[0]).ln())).collect();
    let short = rolling_deviation(&returns, month);
    let long = rolling_deviation(&returns, year);
    let root = (month as f64).sqrt();
    (0..close.len())
        .map(|t| {
            if t < month + year || t + 1 < high {
                return None;
            }
            let highest = close[t + 1 - high..=t].iter().copied().fold(f64::MIN, f64::max);
            Some(Measures {
                z: standardised((close[t] / close[t - month]).ln(), long[t - month] * root),
                day_z: standardised(returns[t], long[t - 1]),
                drawdown: close[t] / highest - 1.0,
                rank: rank_of_last(&short[t + 1 - year..=t]),
                expected: long[t] * root,
            })
        })
        .collect()
}

/// The regime each day shows by itself, before a change of state needs confirmation.
fn daily(close: &[f64], measures: &[Option<Measures>], rule: &RegimeLabeling) -> Vec<Option<Regime>> {
    // Crash days near enough for a recovery from them; its low is looked for from the first of them on.
    let mut crashes: VecDeque<usize> = VecDeque::new();
    let day = |(t, m): (usize, &Option<Measures>)| {
        let m = (*m)?;
        let crash = m.z <= rule.crash_z || (m.drawdown <= rule.crash_drawdown && m.z <= rule.crash_drawdown_z);
        if crash {
            crashes.push_back(t);
        }
        while crashes.front().is_some_and(|first| t - first > rule.recovery_sessions as usize) {
            crashes.pop_front();
        }
        let recovery = crashes.front().is_some_and(|&first| {
            let low = close[first..=t].iter().copied().fold(f64::MAX, f64::min);
            close[t] >= low * (1.0 + rule.recovery_rise_sigma * m.expected) && m.drawdown <= rule.recovery_drawdown
        });
        let shows = |regime: Regime| match regime {
            Regime::Crash => crash,
            Regime::Recovery => recovery,
            Regime::HighVolatility => m.rank >= rule.high_percentile,
            Regime::LowVolatility => m.rank <= rule.low_percentile,
            Regime::Normal => true,
        };
        Some(rule.order.iter().copied().find(|r| shows(*r)).unwrap_or(Regime::Normal))
    };
    measures.iter().enumerate().map(day).collect()
}

/// A state is left after so many consecutive days outside it, for what the last of them shows; some are entered at once.
fn confirmed(daily: &[Option<Regime>], rule: &RegimeLabeling) -> Vec<Option<Regime>> {
    let mut state: Option<Regime> = None;
    let mut outside = 0;
    daily
        .iter()
        .map(|&shown| {
            let now = shown?;
            outside = if state == Some(now) { 0 } else { outside + 1 };
            if state.is_none() || outside >= rule.leave_after_days || (outside > 0 && rule.immediate.contains(&now)) {
                state = Some(now);
                outside = 0;
            }
            state
        })
        .collect()
}

/// Sample deviation (n - 1) of the last `n` values of each row; NaN while one of them is missing. Each window is
/// summed by itself, so that a row's value does not depend on where the series begins.
fn rolling_deviation(values: &[f64], n: usize) -> Vec<f64> {
    let deviation = |w: &[f64]| {
        let mean = w.iter().sum::<f64>() / n as f64;
        (w.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1) as f64).sqrt()
    };
    (0..values.len()).map(|t| if t + 1 < n { f64::NAN } else { deviation(&values[t + 1 - n..=t]) }).collect()
}

/// `value / deviation`; a price that never moved has not moved by any measure.
fn standardised(value: f64, deviation: f64) -> f64 {
    if value == 0.0 { 0.0 } else { value / deviation }
}

/// Share of the values that the last one is not below, as TA-Lib's PERCENTRANK counts; a month without any move is the
/// calmest there is.
fn rank_of_last(values: &[f64]) -> f64 {
    match values.last() {
        Some(&last) if last > 0.0 => values.iter().filter(|v| **v <= last).count() as f64 / values.len() as f64,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests;
