//! Recursive trend followers: directional movement, parabolic SAR, Supertrend, Kaufman's adaptive mean.

use super::Bar;
use super::mean::Mean;
use super::state::state;
use crate::features::ranges::{ROUNDING, sign_beyond};

/// Directional movement and its strength (Wilder 1978): DI from bar 14, ADX from bar 27.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Directional {
    changes: f64,
    plus: f64,
    minus: f64,
    range: f64,
    adx: Mean,
}
state!(Directional { changes, plus, minus, range, adx });

impl Directional {
    const N: f64 = 14.0;

    pub(super) fn new() -> Self {
        Self { changes: 0.0, plus: 0.0, minus: 0.0, range: 0.0, adx: Mean::wilder(14) }
    }

    /// +DI, -DI and ADX, each from 0 to 100. Wilder's sums begin with the first 13 changes as they are.
    pub(super) fn next(&mut self, bar: &Bar, previous: &Bar, true_range: f64) -> (f64, f64, f64) {
        if true_range.is_nan() {
            return (f64::NAN, f64::NAN, f64::NAN);
        }
        let (up, down) = (bar.high - previous.high, previous.low - bar.low);
        // Two equal moves of rounded prices differ by rounding; neither counts.
        let more = sign_beyond(up - down, ROUNDING * bar.high);
        let plus = if more > 0.0 && up > 0.0 { up } else { 0.0 };
        let minus = if more < 0.0 && down > 0.0 { down } else { 0.0 };
        let full = self.changes + 1.0 >= Self::N;
        for (sum, x) in [(&mut self.plus, plus), (&mut self.minus, minus), (&mut self.range, true_range)] {
            *sum += if full { x - *sum / Self::N } else { x };
        }
        if !full {
            self.changes += 1.0;
            return (f64::NAN, f64::NAN, f64::NAN);
        }
        let of_range = |sum: f64| if self.range == 0.0 { 0.0 } else { 100.0 * sum / self.range };
        let (plus, minus) = (of_range(self.plus), of_range(self.minus));
        let dx = if plus + minus == 0.0 { 0.0 } else { 100.0 * (plus - minus).abs() / (plus + minus) };
        (plus, minus, self.adx.next(dx))
    }
}

/// Parabolic stop and reverse, acceleration 0.02 by 0.02 to 0.20 (Wilder 1978, as TA-Lib): from bar 1.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sar {
    /// 1 long, -1 short, 0 before the second bar.
    side: f64,
    stop: f64,
    extreme: f64,
    acceleration: f64,
}
state!(Sar { side, stop, extreme, acceleration });

impl Sar {
    const STEP: f64 = 0.02;
    const MOST: f64 = 0.2;

    pub(super) fn new() -> Self {
        Self { side: 0.0, stop: 0.0, extreme: 0.0, acceleration: Self::STEP }
    }

    /// The stop of this bar.
    pub(super) fn next(&mut self, bar: &Bar, previous: &Bar) -> f64 {
        if previous.close.is_nan() {
            return f64::NAN;
        }
        // The first bar with a stop is compared with itself instead of with the bar before it, as TA-Lib does.
        let mut before = *previous;
        if self.side == 0.0 {
            let (up, down) = (bar.high - previous.high, previous.low - bar.low);
            self.side = if sign_beyond(down - up, ROUNDING * bar.high) > 0.0 && down > 0.0 { -1.0 } else { 1.0 };
            (self.stop, self.extreme) = if self.side > 0.0 { (previous.low, bar.high) } else { (previous.high, bar.low) };
            before = *bar;
        }
        if self.side > 0.0 { self.long(bar, &before) } else { self.short(bar, &before) }
    }

    fn long(&mut self, bar: &Bar, before: &Bar) -> f64 {
        if bar.low <= self.stop {
            let stop = self.extreme.max(before.high).max(bar.high);
            (self.side, self.extreme, self.acceleration) = (-1.0, bar.low, Self::STEP);
            self.stop = (stop + self.acceleration * (self.extreme - stop)).max(before.high).max(bar.high);
            return stop;
        }
        let stop = self.stop;
        if bar.high > self.extreme {
            self.extreme = bar.high;
            self.acceleration = (self.acceleration + Self::STEP).min(Self::MOST);
        }
        self.stop = (stop + self.acceleration * (self.extreme - stop)).min(before.low).min(bar.low);
        stop
    }

    fn short(&mut self, bar: &Bar, before: &Bar) -> f64 {
        if bar.high >= self.stop {
            let stop = self.extreme.min(before.low).min(bar.low);
            (self.side, self.extreme, self.acceleration) = (1.0, bar.high, Self::STEP);
            self.stop = (stop + self.acceleration * (self.extreme - stop)).min(before.low).min(bar.low);
            return stop;
        }
        let stop = self.stop;
        if bar.low < self.extreme {
            self.extreme = bar.low;
            self.acceleration = (self.acceleration + Self::STEP).min(Self::MOST);
        }
        self.stop = (stop + self.acceleration * (self.extreme - stop)).max(before.high).max(bar.high);
        stop
    }
}

/// Supertrend(10, 3): the band of 3 ATR around the middle that the close has not crossed. From where the ATR starts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Supertrend {
    /// 1 up, -1 down, 0 before the ATR starts.
    side: f64,
    upper: f64,
    lower: f64,
}
state!(Supertrend { side, upper, lower });

impl Supertrend {
    const WIDTH: f64 = 3.0;

    pub(super) fn new() -> Self {
        Self { side: 0.0, upper: 0.0, lower: 0.0 }
    }

    /// The active band: the lower one in a rising trend, the upper one in a falling trend.
    pub(super) fn next(&mut self, bar: &Bar, previous: &Bar, atr10: f64) -> f64 {
        if atr10.is_nan() {
            return f64::NAN;
        }
        let middle = f64::midpoint(bar.high, bar.low);
        let (upper, lower) = (middle + Self::WIDTH * atr10, middle - Self::WIDTH * atr10);
        if self.side == 0.0 {
            (self.upper, self.lower) = (upper, lower);
            self.side = if bar.close > middle { 1.0 } else { -1.0 };
        } else {
            if upper < self.upper || previous.close > self.upper {
                self.upper = upper;
            }
            if lower > self.lower || previous.close < self.lower {
                self.lower = lower;
            }
            if self.side > 0.0 && bar.close < self.lower {
                self.side = -1.0;
            } else if self.side < 0.0 && bar.close > self.upper {
                self.side = 1.0;
            }
        }
        if self.side > 0.0 { self.lower } else { self.upper }
    }
}

/// Kaufman's adaptive moving average over 10 changes, between the weights of a 2 and a 30 day mean: from bar 10,
/// started with the close of bar 9. Without any change it stays where it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kama {
    /// The last eleven closes, oldest first; NaN where there was no bar.
    closes: [f64; 11],
    value: f64,
}
state!(Kama { closes, value });

impl Kama {
    const FAST: f64 = 2.0 / 3.0;
    const SLOW: f64 = 2.0 / 31.0;

    pub(super) fn new() -> Self {
        Self { closes: [f64::NAN; 11], value: 0.0 }
    }

    pub(super) fn next(&mut self, close: f64) -> f64 {
        self.closes.copy_within(1.., 0);
        self.closes[10] = close;
        if self.closes[0].is_nan() {
            self.value = close;
            return f64::NAN;
        }
        let path: f64 = self.closes.windows(2).map(|pair| (pair[1] - pair[0]).abs()).sum();
        let efficiency = if path == 0.0 { 0.0 } else { (close - self.closes[0]).abs() / path };
        self.value += (efficiency * (Self::FAST - Self::SLOW) + Self::SLOW).powi(2) * (close - self.value);
        self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(high: f64, low: f64, close: f64) -> Bar {
        Bar { high, low, close, volume: 0.0 }
    }

    #[test]
    fn directional_movement_of_a_steady_rise_is_all_plus() {
        let mut directional = Directional::new();
        let bars: Vec<_> = (0..40).map(|i| bar(f64::from(i) + 2.0, f64::from(i), f64::from(i) + 1.0)).collect();
        let given: Vec<_> = bars.windows(2).map(|pair| directional.next(&pair[1], &pair[0], 2.0)).collect();
        assert_eq!(given.iter().position(|r| r.0.is_finite()), Some(13), "bar 14 is the 14th change");
        assert_eq!(given.iter().position(|r| r.2.is_finite()), Some(26), "bar 27");
        assert_eq!(given[30], (50.0, 0.0, 100.0));
    }

    #[test]
    fn sar_follows_a_rise_and_turns_with_the_bar_that_touches_it() {
        let mut sar = Sar::new();
        let bars = [bar(11.0, 10.0, 10.5), bar(12.0, 11.0, 11.5), bar(13.0, 12.0, 12.5), bar(13.0, 9.0, 9.5)];
        let given: Vec<_> = bars.windows(2).map(|pair| sar.next(&pair[1], &pair[0])).collect();
        assert_eq!(given[0], 10.0);
        assert_eq!(given[1], 10.0 + 0.02 * (12.0 - 10.0));
        assert_eq!(given[2], 13.0, "the highest high of the trend that ended");
    }

    #[test]
    fn supertrend_flips_when_the_close_crosses_the_active_band() {
        let mut trend = Supertrend::new();
        let up = trend.next(&bar(11.0, 9.0, 10.5), &bar(11.0, 9.0, 10.0), 1.0);
        assert_eq!(up, 7.0);
        assert_eq!(trend.next(&bar(10.0, 8.0, 8.5), &bar(11.0, 9.0, 10.5), 1.0), 7.0, "a lower band never falls");
        assert_eq!(trend.next(&bar(7.0, 5.0, 6.0), &bar(10.0, 8.0, 8.5), 1.0), 9.0, "the upper band, ratcheted down");
    }

    #[test]
    fn kama_moves_fast_on_a_straight_path_and_rests_on_a_flat_one() {
        let mut kama = Kama::new();
        let given: Vec<_> = (0..12).map(|i| kama.next(f64::from(i))).collect();
        assert!(given[9].is_nan());
        assert_eq!(given[10], 9.0 + (2.0_f64 / 3.0).powi(2));
        let mut flat = Kama::new();
        assert_eq!([5.0; 12].map(|close| flat.next(close))[11], 5.0);
    }
}
