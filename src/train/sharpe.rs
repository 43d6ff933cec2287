//! What a series of returns is worth, and how much of it is luck.
//!
//! Returns are fractions a period (a session), Sharpe ratios are per period unless a name says annual. The economic gate
//! and the table of a backtest call these.

use super::metrics::mean;
use super::normal;

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// What the Sharpe ratio of returns and its uncertainty follow from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Track {
    /// Mean over standard deviation, per period.
    pub sharpe: f64,
    /// Third standardised moment.
    pub skew: f64,
    /// Fourth standardised moment, not in excess: 3 is normal.
    pub kurtosis: f64,
    /// Returns there are.
    pub periods: usize,
}

impl Track {
    /// Of returns; `None` of fewer than two, or without variation.
    pub fn of(returns: &[f64]) -> Option<Self> {
        let n = returns.len() as f64;
        let average = average(returns)?;
        let moment = |power: i32| returns.iter().map(|r| (r - average).powi(power)).sum::<f64>() / n;
        let variance = moment(2);
        // Returns that differ by rounding only have not varied.
        let varies = returns.len() > 1 && variance.sqrt() > 1e-12 * average.abs() && variance > 0.0;
        varies.then(|| Self {
            sharpe: average / (variance * n / (n - 1.0)).sqrt(),
            skew: moment(3) / variance.powf(1.5),
            kurtosis: moment(4) / variance.powi(2),
            periods: returns.len(),
        })
    }

    /// The chance that the true Sharpe ratio exceeds `benchmark`, both per period (Bailey and López de Prado 2012).
    /// `None` where the moments leave no variance to judge by.
    pub fn probabilistic(&self, benchmark: f64) -> Option<f64> {
        let variance = 1.0 - self.skew * self.sharpe + (self.kurtosis - 1.0) / 4.0 * self.sharpe.powi(2);
        let periods = self.periods.checked_sub(1)? as f64;
        (variance > 0.0).then(|| normal::cdf((self.sharpe - benchmark) * periods.sqrt() / variance.sqrt()))
    }

    /// The chance that the true Sharpe ratio exceeds what the best of `trials` without any skill would reach, where the
    /// trials' Sharpe ratios per period have variance `variance` (Bailey and López de Prado 2014).
    pub fn deflated(&self, trials: usize, variance: f64) -> Option<f64> {
        self.probabilistic(variance.sqrt() * expected_maximum(trials))
    }
}

/// About the expected largest of `n` independent standard normal values (Bailey and López de Prado 2014, equation 1); 0
/// for a single one, which is not chosen among others.
pub fn expected_maximum(n: usize) -> f64 {
    if n < 2 {
        return 0.0;
    }
    let n = n as f64;
    (1.0 - EULER) * normal::quantile(1.0 - 1.0 / n) + EULER * normal::quantile(1.0 - 1.0 / (n * std::f64::consts::E))
}

/// Sample variance (n - 1); 0 of fewer than two values.
pub fn variance(values: &[f64]) -> f64 {
    let Some(average) = average(values) else { return 0.0 };
    values.iter().map(|v| (v - average).powi(2)).sum::<f64>() / (values.len().max(2) - 1) as f64
}

/// Sharpe ratio a year of `periods` periods.
pub fn annual_sharpe(returns: &[f64], periods: f64) -> Option<f64> {
    Track::of(returns).map(|track| track.sharpe * periods.sqrt())
}

/// Standard deviation of the mean that allows for autocorrelation up to `lags` (Newey and West 1987, Bartlett's weights).
pub fn newey_west_error(returns: &[f64], lags: usize) -> Option<f64> {
    let average = average(returns)?;
    let n = returns.len() as f64;
    let covariance =
        |lag: usize| returns.iter().zip(returns.get(lag..).unwrap_or(&[])).map(|(a, b)| (a - average) * (b - average)).sum::<f64>() / n;
    let weighed = |lag: usize| 2.0 * (1.0 - lag as f64 / (lags + 1) as f64) * covariance(lag);
    Some(((covariance(0) + (1..=lags).map(weighed).sum::<f64>()) / n).max(0.0).sqrt())
}

/// Lags for [`newey_west_error`] by sample size: `4 (n / 100)^(2/9)`, rounded down (Newey and West 1994).
pub fn newey_west_lags(n: usize) -> usize {
    (4.0 * (n as f64 / 100.0).powf(2.0 / 9.0)) as usize
}

/// Sharpe ratio a year of `periods` periods, its deviation corrected for autocorrelation (Lo 2002).
pub fn newey_west_sharpe(returns: &[f64], periods: f64) -> Option<f64> {
    let error = newey_west_error(returns, newey_west_lags(returns.len()))?;
    Track::of(returns)
        .and_then(|_| Some(average(returns)? / (error * (returns.len() as f64).sqrt()) * periods.sqrt()))
        .filter(|s| s.is_finite())
}

/// Mean over the root of the mean squared shortfall below 0, a year of `periods` periods (Sortino and Price 1994);
/// `None` without a loss.
pub fn annual_sortino(returns: &[f64], periods: f64) -> Option<f64> {
    let shortfall = mean(returns.iter().map(|r| (r.min(0.0).powi(2), 1.0)))?.sqrt();
    (shortfall > 0.0).then_some(average(returns)? / shortfall * periods.sqrt())
}

/// The deepest fall of equity that compounds returns.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drawdown {
    /// Share of the high that was lost, 0 to 1.
    pub depth: f64,
    /// Longest run of periods below a high.
    pub longest: usize,
}

/// The deepest and the longest fall of equity that starts at 1.
pub fn drawdown(returns: &[f64]) -> Drawdown {
    let (mut equity, mut high, mut under) = (1.0_f64, 1.0_f64, 0);
    returns.iter().fold(Drawdown::default(), |worst, r| {
        equity *= 1.0 + r;
        under = if equity < high { under + 1 } else { 0 };
        high = high.max(equity);
        Drawdown { depth: worst.depth.max(1.0 - equity / high), longest: worst.longest.max(under) }
    })
}

/// Growth a year of `periods` periods; `None` of no returns or lost equity.
pub fn annual_growth(returns: &[f64], periods: f64) -> Option<f64> {
    let equity: f64 = returns.iter().map(|r| 1.0 + r).product();
    (equity > 0.0 && !returns.is_empty()).then(|| equity.powf(periods / returns.len() as f64) - 1.0)
}

/// Annual growth over the depth of the drawdown (Young 1991); `None` without a fall.
pub fn calmar(returns: &[f64], periods: f64) -> Option<f64> {
    let depth = drawdown(returns).depth;
    annual_growth(returns, periods).filter(|_| depth > 0.0).map(|growth| growth / depth)
}

fn average(values: &[f64]) -> Option<f64> {
    mean(values.iter().map(|v| (*v, 1.0)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(got: f64, want: f64, digits: i32) {
        assert!((got - want).abs() <= 0.5 * 10.0_f64.powi(-digits), "{got} is not {want}");
    }

    #[test]
    fn the_published_deflated_ratios() {
        let track = Track { sharpe: 2.5 / 250.0_f64.sqrt(), skew: -3.0, kurtosis: 10.0, periods: 1250 };
        let variance: f64 = 0.5 / 250.0;
        near(variance.sqrt() * expected_maximum(100), 0.113_172_0, 7);
        near(track.deflated(100, variance).unwrap(), 0.900_396_8, 7);
        near(track.deflated(46, variance).unwrap(), 0.950_501_7, 7);
        let normal = Track { skew: 0.0, kurtosis: 3.0, ..track };
        near(normal.deflated(88, variance).unwrap(), 0.950_490_8, 7);
        for (n, want) in [(8, 1.459_014_1), (10, 1.574_598_3), (100, 2.530_602_9), (1000, 3.255_121_5)] {
            near(expected_maximum(n), want, 7);
        }
    }

    #[test]
    fn one_trial_is_not_deflated() {
        let track = Track::of(&[0.01, -0.005, 0.02, 0.0]).unwrap();
        assert_eq!(track.deflated(1, 0.0), track.probabilistic(0.0));
        assert_eq!(variance(&[0.3]), 0.0);
    }

    #[test]
    fn moments_by_hand() {
        let track = Track::of(&[1.0, 2.0, 3.0, 6.0]).unwrap();
        // Mean 3, deviations -2 -1 0 3: squares 14, cubes 18, fourth powers 98.
        assert!((track.sharpe - 3.0 / (14.0_f64 / 3.0).sqrt()).abs() < 1e-15);
        assert!((track.skew - 4.5 / 3.5_f64.powf(1.5)).abs() < 1e-15);
        assert!((track.kurtosis - 24.5 / 12.25).abs() < 1e-15);
        assert_eq!((Track::of(&[0.1; 5]), Track::of(&[0.1])), (None, None));
    }

    #[test]
    fn newey_west_by_hand() {
        // Deviations 1, -1, 1, -1 about 0: covariances 1 at lag 0, -3/4 at lag 1, weight 1/2.
        let error = newey_west_error(&[1.0, -1.0, 1.0, -1.0], 1).unwrap();
        assert!((error - (0.25_f64 / 4.0).sqrt()).abs() < 1e-15);
        assert_eq!((newey_west_lags(100), newey_west_lags(1000)), (4, 6));
        let steady: Vec<f64> = (0..400).map(|i| 0.001 + 0.01 * f64::from(i / 20 % 2 * 2 - 1)).collect();
        assert!(newey_west_sharpe(&steady, 252.0) < annual_sharpe(&steady, 252.0), "runs of gains are worth less");
    }

    #[test]
    fn falls_by_hand() {
        let returns = [0.1, -0.5, 0.2, 0.5, 0.5];
        let fall = drawdown(&returns);
        assert!((fall.depth - 0.5).abs() < 1e-15);
        assert_eq!(fall.longest, 3);
        let growth = annual_growth(&returns, 5.0).unwrap();
        assert!((growth - (1.1 * 0.5 * 1.2 * 1.5 * 1.5 - 1.0)).abs() < 1e-15);
        assert!((calmar(&returns, 5.0).unwrap() - growth / 0.5).abs() < 1e-15);
        assert!((annual_sortino(&returns, 5.0).unwrap() - 0.16 / 0.05_f64.sqrt() * 5.0_f64.sqrt()).abs() < 1e-14);
        assert_eq!((annual_sortino(&[0.1], 252.0), calmar(&[0.1], 252.0), annual_growth(&[-1.0], 252.0)), (None, None, None));
    }

    proptest! {
        #[test]
        fn more_trials_and_more_variance_deflate_more(returns in prop::collection::vec(-0.05..0.06_f64, 10..80), n in 2_usize..500) {
            let track = Track::of(&returns).unwrap();
            let p = |n: usize, v: f64| track.deflated(n, v).unwrap();
            prop_assert!(p(n + 1, 0.01) <= p(n, 0.01));
            prop_assert!(p(n, 0.02) <= p(n, 0.01));
            prop_assert!((0.0..=1.0).contains(&p(n, 0.01)));
        }

        #[test]
        fn the_ratio_does_not_depend_on_the_unit(returns in prop::collection::vec(-0.05..0.06_f64, 10..80), unit in 0.1..10.0_f64) {
            let scaled: Vec<f64> = returns.iter().map(|r| r * unit).collect();
            let (a, b) = (Track::of(&returns).unwrap(), Track::of(&scaled).unwrap());
            prop_assert!((a.sharpe - b.sharpe).abs() < 1e-9 && (a.skew - b.skew).abs() < 1e-6);
        }
    }
}
