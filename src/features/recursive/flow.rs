//! Recursions over units traded: accumulation/distribution, negative and positive volume index, volume oscillator.
//! An unknown volume (NaN) starts each of them anew.

use super::Bar;
use super::mean::Mean;
use super::state::state;

/// `(2C - H - L) / (H - L)`: 1 at the high, -1 at the low, 0 on a bar without range.
pub(in crate::features) fn close_location(high: f64, low: f64, close: f64) -> f64 {
    if high == low { 0.0 } else { (2.0 * close - high - low) / (high - low) }
}

/// `EMA3(AD) - EMA10(AD)` of the accumulation/distribution line; both means start with its first value (Chaikin, as
/// TA-Lib ADOSC).
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Chaikin {
    line: f64,
    fast: Mean,
    slow: Mean,
}
state!(Chaikin { line, fast, slow });

impl Chaikin {
    pub(super) fn new() -> Self {
        Self { line: 0.0, fast: Mean::exponential(3).started_at_once(), slow: Mean::exponential(10).started_at_once() }
    }

    pub(super) fn next(&mut self, bar: &Bar) -> f64 {
        self.line += close_location(bar.high, bar.low, bar.close) * bar.volume;
        let spread = self.fast.next(self.line) - self.slow.next(self.line);
        if self.line.is_nan() {
            self.line = 0.0;
        }
        spread
    }
}

/// Which bars an index of volume takes part in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum On {
    /// Those with less volume than the bar before: negative volume index (Fosback).
    Less,
    /// Those with more: positive volume index.
    More,
}

/// An index that starts at 1 and takes the price ratio of the bars it takes part in; given as distance from its
/// 50-day mean, `I / EMA50(I) - 1`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct VolumeIndex {
    on: On,
    level: f64,
    mean: Mean,
}
state!(VolumeIndex { level, mean });

impl VolumeIndex {
    pub(super) fn new(on: On) -> Self {
        Self { on, level: 1.0, mean: Mean::exponential(50) }
    }

    pub(super) fn next(&mut self, bar: &Bar, previous: &Bar) -> f64 {
        if bar.volume.is_nan() {
            self.level = 1.0;
            return self.mean.next(f64::NAN);
        }
        let takes_part = match self.on {
            On::Less => bar.volume < previous.volume,
            On::More => bar.volume > previous.volume,
        };
        if takes_part {
            self.level *= bar.close / previous.close;
        }
        self.level / self.mean.next(self.level) - 1.0
    }
}

/// Percentage volume oscillator, `100 (EMA12(V) - EMA26(V)) / EMA26(V)`; 0 when nothing traded.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct VolumeOscillator {
    fast: Mean,
    slow: Mean,
}
state!(VolumeOscillator { fast, slow });

impl VolumeOscillator {
    pub(super) fn new() -> Self {
        Self { fast: Mean::exponential(12), slow: Mean::exponential(26) }
    }

    pub(super) fn next(&mut self, volume: f64) -> f64 {
        let (fast, slow) = (self.fast.next(volume), self.slow.next(volume));
        if slow == 0.0 { 0.0 } else { 100.0 * (fast - slow) / slow }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(close: f64, volume: f64) -> Bar {
        Bar { high: close + 1.0, low: close - 1.0, close, volume }
    }

    #[test]
    fn the_volume_indices_take_their_bars_only_and_start_anew_after_an_unknown_volume() {
        let (mut less, mut more) = (VolumeIndex::new(On::Less), VolumeIndex::new(On::More));
        let bars = [bar(10.0, 100.0), bar(11.0, 90.0), bar(22.0, 95.0)];
        let start = Bar::UNKNOWN;
        for (i, today) in bars.iter().enumerate() {
            let previous = if i == 0 { &start } else { &bars[i - 1] };
            assert!(less.next(today, previous).is_nan() && more.next(today, previous).is_nan());
        }
        assert_eq!((less.level, more.level), (1.1, 2.0));
        assert!(less.next(&bar(9.0, f64::NAN), &bars[2]).is_nan());
        assert_eq!(less, VolumeIndex::new(On::Less));
    }

    #[test]
    fn the_chaikin_oscillator_starts_at_zero_and_anew_after_an_unknown_volume() {
        let mut chaikin = Chaikin::new();
        let high = Bar { high: 2.0, low: 1.0, close: 2.0, volume: 8.0 };
        assert_eq!(chaikin.next(&high), 0.0);
        assert!((chaikin.next(&high) - 8.0 * (0.5 - 2.0 / 11.0)).abs() < 1e-15);
        assert!(chaikin.next(&Bar { volume: f64::NAN, ..high }).is_nan());
        assert_eq!(chaikin, Chaikin::new());
    }
}
