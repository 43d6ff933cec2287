//! The market regime of each symbol and day, from that symbol's past alone.
//!
//! `dataset` writes it beside each row; samplers, loss weights, metrics by regime and drift by regime go by it. Signals
//! are scored in the regime of their day, which is why nothing here may look ahead.

use serde::{Deserialize, Serialize};

/// Returns a year, the window of the long deviation, of the volatility's rank and of the high-water mark.
const YEAR: usize = 252;
/// Returns a month, the window of the short deviation and of the move that is judged.
const MONTH: usize = 20;

/// A state of the market, in the order of columns and of weights in configuration.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, strum::Display, strum::EnumString, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Regime {
    /// Volatility in the lowest part of its year.
    LowVolatility,
    /// None of the others.
    Normal,
    /// Volatility in the highest part of its year.
    HighVolatility,
    /// A fall far outside what the year before made likely.
    Crash,
    /// Up from the low of a recent crash, and still below the high-water mark.
    Recovery,
}

impl Regime {
    /// How many there are.
    pub const COUNT: usize = 5;
    /// All, in column order.
    pub const ALL: [Self; Self::COUNT] = [Self::LowVolatility, Self::Normal, Self::HighVolatility, Self::Crash, Self::Recovery];

    /// The column of this regime.
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// Thresholds of the regimes, tested in the order crash, recovery, high, low.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RegimeRule {
    /// A crash is a 20-day move of at most this many deviations (negative).
    pub crash_z: f64,
    /// Or a drawdown from the year's highest close of at most this (negative) ...
    pub crash_drawdown: f64,
    /// ... together with a 20-day move of at most this many deviations.
    pub crash_drawdown_z: f64,
    /// A recovery follows a crash day by this many sessions at most.
    pub recovery_sessions: usize,
    /// In a recovery the drawdown is still at most this (negative).
    pub recovery_drawdown: f64,
    /// Volatility ranks from this share of the year on are high.
    pub high_rank: f64,
    /// Volatility ranks up to this share of the year are low.
    pub low_rank: f64,
    /// Consecutive days outside a state before it is left. A crash is entered at once.
    pub confirm_days: usize,
}

impl Default for RegimeRule {
    fn default() -> Self {
        Self {
            crash_z: -2.0,
            crash_drawdown: -0.20,
            crash_drawdown_z: -1.0,
            recovery_sessions: 60,
            recovery_drawdown: -0.05,
            high_rank: 0.80,
            low_rank: 0.20,
            confirm_days: 3,
        }
    }
}

/// The regime of each day; `None` before there is history enough (272 returns). `close` are one symbol's adjusted closes from
/// the first stored bar on.
pub fn regimes(close: &[f64], rule: &RegimeRule) -> Vec<Option<Regime>> {
    confirmed(&daily(close, rule), rule.confirm_days)
}

/// The regime each day shows by itself, before a change of state needs confirmation.
pub fn daily(close: &[f64], rule: &RegimeRule) -> Vec<Option<Regime>> {
    let returns: Vec<f64> = std::iter::once(f64::NAN).chain(close.windows(2).map(|w| (w[1] / w[0]).ln())).collect();
    let short = rolling_deviation(&returns, MONTH);
    let long = rolling_deviation(&returns, YEAR);
    let mut last_crash: Option<usize> = None;
    (0..close.len())
        .map(|t| {
            // The move of the last month is measured in the deviation of the year before that month.
            let before = t.checked_sub(MONTH).map_or(f64::NAN, |b| long[b]);
            if before.is_nan() {
                return None;
            }
            let month = (MONTH as f64).sqrt();
            let z = standardised((close[t] / close[t - MONTH]).ln(), before * month);
            let drawdown = close[t] / close[t + 1 - YEAR..=t].iter().copied().fold(f64::MIN, f64::max) - 1.0;
            if z <= rule.crash_z || (drawdown <= rule.crash_drawdown && z <= rule.crash_drawdown_z) {
                last_crash = Some(t);
                return Some(Regime::Crash);
            }
            let rank = rank_of_last(&short[t + 1 - YEAR..=t]);
            let recovering = last_crash.is_some_and(|crash| {
                let low = close[crash..=t].iter().copied().fold(f64::MAX, f64::min);
                t - crash <= rule.recovery_sessions && close[t] >= low * (1.0 + long[t] * month) && drawdown <= rule.recovery_drawdown
            });
            Some(match rank {
                _ if recovering => Regime::Recovery,
                r if r >= rule.high_rank => Regime::HighVolatility,
                r if r <= rule.low_rank => Regime::LowVolatility,
                _ => Regime::Normal,
            })
        })
        .collect()
}

/// A state is left after `days` consecutive days outside it, for what the last of them shows; a crash at once.
fn confirmed(daily: &[Option<Regime>], days: usize) -> Vec<Option<Regime>> {
    let mut state: Option<Regime> = None;
    let mut outside = 0;
    daily
        .iter()
        .map(|&shown| {
            let Some(now) = shown else { return state };
            outside = if state == Some(now) { 0 } else { outside + 1 };
            if state.is_none() || now == Regime::Crash || outside >= days {
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

/// Where the last value stands among all, 0 to 1; equal values share their ranks.
fn rank_of_last(values: &[f64]) -> f64 {
    let Some(&last) = values.last() else { return f64::NAN };
    let below = values.iter().filter(|v| **v < last).count() as f64;
    let equal = values.iter().filter(|v| **v == last).count() as f64;
    (below + 0.5 * equal) / values.len() as f64
}

#[cfg(test)]
mod tests;
