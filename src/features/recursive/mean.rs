//! Recursive means and the oscillators made of them: Wilder's and exponential means, RSI, MACD, TSI.

use super::state::state;

/// `y += weight * (x - y)`, started with the mean of the first `n` values. NaN until then; a NaN input starts it anew.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::features) struct Mean {
    n: f64,
    weight: f64,
    seen: f64,
    value: f64,
}
state!(Mean { seen, value });

impl Mean {
    /// Wilder's mean, weight 1/n (RMA, Wilder 1978).
    pub(super) fn wilder(n: u32) -> Self {
        let n = f64::from(n);
        Self { n, weight: 1.0 / n, seen: 0.0, value: 0.0 }
    }

    /// Exponential mean, weight 2/(n + 1).
    pub(super) fn exponential(n: u32) -> Self {
        let n = f64::from(n);
        Self { n, weight: 2.0 / (n + 1.0), seen: 0.0, value: 0.0 }
    }

    /// The same mean, started with its first value instead of the mean of the first n.
    pub(super) fn started_at_once(self) -> Self {
        Self { n: 1.0, ..self }
    }

    pub(super) fn next(&mut self, x: f64) -> f64 {
        if x.is_nan() {
            (self.seen, self.value) = (0.0, 0.0);
            return f64::NAN;
        }
        if self.seen == self.n {
            self.value += self.weight * (x - self.value);
            return self.value;
        }
        self.seen += 1.0;
        self.value += x;
        if self.seen < self.n {
            return f64::NAN;
        }
        self.value /= self.n;
        self.value
    }
}

/// `100 AG / (AG + AL)`: Wilder means of rises and falls; 50 when nothing moved (Wilder 1978).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rsi {
    previous: f64,
    gain: Mean,
    loss: Mean,
}
state!(Rsi { previous, gain, loss });

impl Rsi {
    pub(super) fn new(n: u32) -> Self {
        Self { previous: f64::NAN, gain: Mean::wilder(n), loss: Mean::wilder(n) }
    }

    pub(super) fn next(&mut self, price: f64) -> f64 {
        let change = price - self.previous;
        self.previous = price;
        // `max` would turn an unknown change into 0.
        let (up, down) = if change.is_nan() { (change, change) } else { (change.max(0.0), (-change).max(0.0)) };
        let (gain, loss) = (self.gain.next(up), self.loss.next(down));
        if gain + loss == 0.0 { 50.0 } else { 100.0 * gain / (gain + loss) }
    }
}

/// Difference of two exponential means and the mean of that difference; each is seeded with its own first values
/// (Appel). TA-Lib seeds the fast mean later.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Macd {
    fast: Mean,
    slow: Mean,
    signal: Mean,
}
state!(Macd { fast, slow, signal });

impl Macd {
    pub(super) fn new(fast: u32, slow: u32, signal: u32) -> Self {
        Self { fast: Mean::exponential(fast), slow: Mean::exponential(slow), signal: Mean::exponential(signal) }
    }

    /// The line, and its signal.
    pub(super) fn next(&mut self, price: f64) -> (f64, f64) {
        let line = self.fast.next(price) - self.slow.next(price);
        (line, self.signal.next(line))
    }
}

/// True strength index: `100 EMA13(EMA25(change)) / EMA13(EMA25(|change|))`, 0 when nothing moved (Blau).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tsi {
    change: [Mean; 2],
    size: [Mean; 2],
}
state!(Tsi { change, size });

impl Tsi {
    pub(super) fn new() -> Self {
        let twice = [Mean::exponential(25), Mean::exponential(13)];
        Self { change: twice.clone(), size: twice }
    }

    pub(super) fn next(&mut self, change: f64) -> f64 {
        let twice = |means: &mut [Mean; 2], x| {
            let once = means[0].next(x);
            means[1].next(once)
        };
        let (change, size) = (twice(&mut self.change, change), twice(&mut self.size, change.abs()));
        if size == 0.0 { 0.0 } else { 100.0 * change / size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_starts_with_the_plain_mean_and_anew_after_a_gap() {
        let mut mean = Mean::exponential(3);
        assert!(mean.next(1.0).is_nan() && mean.next(2.0).is_nan());
        assert_eq!([mean.next(6.0), mean.next(5.0)], [3.0, 4.0]);
        assert!(mean.next(f64::NAN).is_nan() && mean.next(1.0).is_nan() && mean.next(1.0).is_nan());
        assert_eq!(mean.next(1.0), 1.0);
        assert_eq!(Mean::wilder(4).started_at_once().next(7.0), 7.0);
    }

    #[test]
    fn rsi_counts_from_the_first_change_and_is_neutral_on_a_flat_price() {
        let mut rsi = Rsi::new(2);
        let given = [10.0, 11.0, 10.0, 13.0].map(|price| rsi.next(price));
        assert!(given[0].is_nan() && given[1].is_nan());
        assert_eq!(given[2..], [50.0, 100.0 * 1.75 / 2.0]);
        let mut flat = Rsi::new(2);
        assert_eq!([7.0; 3].map(|price| flat.next(price))[2], 50.0);
    }

    #[test]
    fn macd_and_tsi_start_where_their_last_mean_is_full() {
        let (mut macd, mut tsi) = (Macd::new(12, 26, 9), Tsi::new());
        let rows: Vec<_> = (0..40).map(|i| (macd.next(f64::from(i * i)), tsi.next(if i == 0 { f64::NAN } else { 1.0 }))).collect();
        assert_eq!(rows.iter().position(|r| r.0.0.is_finite()), Some(25));
        assert_eq!(rows.iter().position(|r| r.0.1.is_finite()), Some(33));
        assert_eq!(rows.iter().position(|r| r.1.is_finite()), Some(37));
        assert_eq!(rows[39].1, 100.0);
    }
}
