//! Data without a signal, and data with a known one: what a pipeline is tried on before its results are believed.
//!
//! A circular shift of the labels keeps their autocorrelation and how symbols move together, and cuts their link to the
//! features; a random walk with clustered volatility lets HOLD be predicted and direction not; a planted drift must be
//! found. Every training run refits on the first two; tests use all.

use chrono::NaiveDate;
use rayon::prelude::*;

use crate::market::DailyBars;
use crate::random::Stream;

/// One offset for all symbols, at least `least` rows from either end of the shortest series: one, so that what moves
/// together keeps moving together. `None` where the shortest is too short.
pub fn shift_offset(rows: &[usize], least: usize, seed: u64) -> Option<usize> {
    let room = rows.iter().min()?.checked_sub(2 * least)?;
    Some(least + Stream::new(&[seed]).below(room + 1))
}

/// Moves each value `offset` rows later; the last ones come first.
pub fn circular_shift<T>(series: &mut [T], offset: usize) {
    if !series.is_empty() {
        series.rotate_right(offset % series.len());
    }
}

/// Puts values in a random order (Durstenfeld 1964). Understates chance on overlapping labels: by it alone nothing is
/// judged.
pub fn shuffle<T>(values: &mut [T], seed: u64) {
    let mut stream = Stream::new(&[seed]);
    for i in (1..values.len()).rev() {
        values.swap(i, stream.below(i + 1));
    }
}

/// A price process whose volatility clusters and whose direction nobody can know, but for a drift that is planted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Walk {
    /// Typical standard deviation of a session's log return.
    pub sigma: f64,
    /// Share of the log volatility's deviation that stays from one session to the next, below 1.
    pub persistence: f64,
    /// Standard deviation of a session's change of log volatility.
    pub shock: f64,
    /// Drift of a session in its standard deviations, in the direction of the last [`MEMORY`] sessions; 0 plants nothing.
    pub planted: f64,
}

/// Sessions whose return decides on the direction of a planted drift.
pub const MEMORY: usize = 20;

/// Steps of a session, from which its high and low come.
const STEPS: usize = 16;

/// Share of a session's variance that passes overnight.
const OVERNIGHT: f64 = 0.2;

impl Default for Walk {
    /// A large share: 1.6 % a day, volatility that halves or doubles within weeks, no drift.
    fn default() -> Self {
        Self { sigma: 0.016, persistence: 0.95, shock: 0.2, planted: 0.0 }
    }
}

impl Walk {
    /// A drift of 0.2 standard deviations a day: what a sound pipeline finds in six symbols and ten years.
    pub fn planted() -> Self {
        Self { planted: 0.2, ..Self::default() }
    }

    /// Bars of one symbol on `dates`. Without a drift the price is a martingale with log-normal steps, so that barriers at
    /// equal distance are equally likely. The same keys give the same bars.
    pub fn bars(&self, dates: &[NaiveDate], keys: &[u64]) -> DailyBars {
        let mut stream = Stream::new(keys);
        let spread = self.shock / (1.0 - self.persistence.powi(2)).sqrt();
        let mut level = spread * stream.normal();
        let mut price = 100.0_f64;
        let mut bars = DailyBars::default();
        for (t, date) in dates.iter().enumerate() {
            level = self.persistence * level + self.shock * stream.normal();
            let sigma = self.sigma * level.exp();
            let past = t.checked_sub(MEMORY + 1).map_or(1.0, |then| bars.close[t - 1] / bars.close[then]);
            let drift = if past == 1.0 { 0.0 } else { self.planted * sigma * (past - 1.0).signum() };
            price *= step(&mut stream, sigma, drift, OVERNIGHT);
            let (open, mut high, mut low) = (price, price, price);
            for _ in 0..STEPS {
                price *= step(&mut stream, sigma, drift, (1.0 - OVERNIGHT) / STEPS as f64);
                (high, low) = (high.max(price), low.min(price));
            }
            bars.date.push(*date);
            for (column, value) in [(&mut bars.open, open), (&mut bars.high, high), (&mut bars.low, low), (&mut bars.close, price)] {
                column.push(value);
            }
            bars.volume.push((1e6 * (0.5 * level + 0.3 * stream.normal()).exp()).round());
        }
        bars
    }
}

/// Walks in place of a universe's bars: each symbol has one on its own dates.
pub fn in_place_of(bars: &[DailyBars], walk: &Walk, seed: u64) -> Vec<DailyBars> {
    bars.par_iter().enumerate().map(|(symbol, bars)| walk.bars(&bars.date, &[seed, symbol as u64])).collect()
}

/// The factor of a step that carries `share` of a session's variance and drift.
fn step(stream: &mut Stream, sigma: f64, drift: f64, share: f64) -> f64 {
    ((drift - 0.5 * sigma * sigma) * share + sigma * share.sqrt() * stream.normal()).exp()
}

#[cfg(test)]
mod tests {
    use chrono::Days;
    use proptest::prelude::*;

    use super::*;

    fn dates(n: u64) -> Vec<NaiveDate> {
        (0..n).map(|i| NaiveDate::from_ymd_opt(2000, 1, 3).unwrap() + Days::new(i)).collect()
    }

    fn log_returns(bars: &DailyBars) -> Vec<f64> {
        bars.close.windows(2).map(|w| (w[1] / w[0]).ln()).collect()
    }

    fn correlation(pairs: &[(f64, f64)]) -> f64 {
        let n = pairs.len() as f64;
        let (ma, mb) = (pairs.iter().map(|p| p.0).sum::<f64>() / n, pairs.iter().map(|p| p.1).sum::<f64>() / n);
        let s = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>();
        s(&|p| (p.0 - ma) * (p.1 - mb)) / (s(&|p| (p.0 - ma).powi(2)) * s(&|p| (p.1 - mb).powi(2))).sqrt()
    }

    #[test]
    fn a_walk_clusters_and_has_no_direction() {
        let r = log_returns(&Walk::default().bars(&dates(6000), &[11]));
        let lagged = |f: fn(f64) -> f64| r.windows(2).map(|w| (f(w[0]), f(w[1]))).collect::<Vec<_>>();
        assert!(correlation(&lagged(|x| x)).abs() < 0.05);
        assert!(correlation(&lagged(f64::abs)) > 0.1);
    }

    #[test]
    fn a_planted_drift_follows_the_last_month() {
        let after = |walk: Walk| {
            let bars = walk.bars(&dates(6000), &[12]);
            let r = log_returns(&bars);
            let signed = |t: usize| r[t] * (bars.close[t] / bars.close[t - MEMORY] - 1.0).signum();
            (MEMORY..r.len()).map(signed).sum::<f64>() / (r.len() - MEMORY) as f64 / 0.016
        };
        assert!(after(Walk::default()).abs() < 0.06);
        // The mean volatility is exp(spread^2 / 2) = 1.23 of the typical one.
        assert!((0.17..0.33).contains(&after(Walk::planted())), "{}", after(Walk::planted()));
    }

    proptest! {
        #[test]
        fn bars_are_sound_and_repeat(seed: u64) {
            let bars = Walk::planted().bars(&dates(120), &[seed]);
            prop_assert_eq!(&bars, &Walk::planted().bars(&dates(120), &[seed]));
            for t in 0..bars.len() {
                let (low, high) = (bars.low[t], bars.high[t]);
                prop_assert!(low > 0.0 && high.is_finite() && bars.volume[t] >= 0.0);
                prop_assert!([bars.open[t], bars.close[t]].iter().all(|p| (low..=high).contains(p)));
            }
        }

        #[test]
        fn a_shift_keeps_its_distance_and_all_values(n in 10_usize..60, least in 1_usize..5, seed: u64) {
            let offset = shift_offset(&[n, n + 7], least, seed).unwrap();
            prop_assert!((least..=n - least).contains(&offset));
            let mut shifted: Vec<usize> = (0..n).collect();
            circular_shift(&mut shifted, offset);
            prop_assert!((0..n).all(|i| shifted[(i + offset) % n] == i));
            shuffle(&mut shifted, seed);
            shifted.sort_unstable();
            prop_assert!(shifted.iter().copied().eq(0..n));
        }
    }

    #[test]
    fn too_short_a_series_is_not_shifted() {
        assert_eq!((shift_offset(&[800, 599], 300, 1), shift_offset(&[], 1, 1), shift_offset(&[600], 300, 9)), (None, None, Some(300)));
    }
}
