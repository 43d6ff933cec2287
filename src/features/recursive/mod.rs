//! The recursive half of the features: operators whose value depends on every bar since the first stored one.
//!
//! [`Recursions`] holds them all. It runs over a slice of bars from the first stored one or from a saved state, and gives
//! the same bits either way: every operator sees the same numbers in the same order. Called by the engine.

mod direction;
mod flow;
mod mean;
pub(super) mod state;
mod tracks;

use std::ops::Range;

use direction::{Directional, Kama, Sar, Supertrend};
pub(super) use flow::close_location;
use flow::{Chaikin, On, VolumeIndex, VolumeOscillator};
use mean::{Macd, Mean, Rsi, Tsi};
use state::{State, state};
pub(super) use tracks::{Track, Tracks};

use crate::market::DailyBars;

/// Bars of a week and of a month, the strides of the sub-series.
pub(super) const WEEK: usize = 5;
/// See [`WEEK`].
pub(super) const MONTH: usize = 21;

/// A mean true range up to this share of the close is what a flat price leaves of older moves: it counts as 0, so that
/// nothing is measured in units of rounding.
const FLAT: f64 = 1e-12;

/// The same for a mean range that others are divided by: it fades with every flat bar but never ends, and what moves first
/// after a halt would be measured in units of it. The millionth part lies below the least daily range of what trades.
const STILL: f64 = 1e-6;

/// What the recursions read of one bar.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Bar {
    high: f64,
    low: f64,
    close: f64,
    volume: f64,
}
state!(Bar { high, low, close, volume });

impl Bar {
    /// What lies before the first bar.
    const UNKNOWN: Self = Self { high: f64::NAN, low: f64::NAN, close: f64::NAN, volume: f64::NAN };
}

/// The largest of the bar's range and its distances from the close before; NaN on the first bar (Wilder 1978).
pub(super) fn true_range(high: f64, low: f64, close_before: f64) -> f64 {
    // `max` passes over a NaN.
    if close_before.is_nan() { f64::NAN } else { (high - low).max((high - close_before).abs()).max((low - close_before).abs()) }
}

/// A state that does not belong to these operators.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "a saved state of the recursive features has {found} bytes instead of {expected}: it was made by another version; compute the features anew"
)]
pub struct StateError {
    /// Bytes given.
    pub found: usize,
    /// Bytes that a state has.
    pub expected: usize,
}

/// RSI and MACD of every n-th close: one pair of operators for each phase, so that each bar has a sub-series that ends
/// with it.
#[derive(Clone, Debug, PartialEq)]
struct Strided<const PHASES: usize> {
    rsi: [Rsi; PHASES],
    macd: [Macd; PHASES],
}

impl<const PHASES: usize> State for Strided<PHASES> {
    fn visit(&mut self, number: &mut dyn FnMut(&mut f64)) {
        self.rsi.visit(number);
        self.macd.visit(number);
    }
}

impl<const PHASES: usize> Strided<PHASES> {
    fn new(rsi: &Rsi, macd: &Macd) -> Self {
        Self { rsi: std::array::from_fn(|_| rsi.clone()), macd: std::array::from_fn(|_| macd.clone()) }
    }

    /// RSI and MACD histogram.
    fn next(&mut self, bar: f64, close: f64) -> (f64, f64) {
        let phase = bar as usize % PHASES;
        let (line, signal) = self.macd[phase].next(close);
        (self.rsi[phase].next(close), line - signal)
    }
}

/// All recursive operators of one symbol, after the bars they have seen.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recursions {
    /// How many bars they have seen.
    bars: f64,
    previous: Bar,
    rsi: [Rsi; 4],
    atr: [Mean; 5],
    ema: [Mean; 5],
    macd: Macd,
    tsi: Tsi,
    directional: Directional,
    sar: Sar,
    supertrend: Supertrend,
    kama: Kama,
    typical: Mean,
    range: Mean,
    force: Mean,
    chaikin: Chaikin,
    negative: VolumeIndex,
    positive: VolumeIndex,
    volume: VolumeOscillator,
    weekly: Strided<WEEK>,
    monthly: Strided<MONTH>,
}
state!(Recursions {
    bars,
    previous,
    rsi,
    atr,
    ema,
    macd,
    tsi,
    directional,
    sar,
    supertrend,
    kama,
    typical,
    range,
    force,
    chaikin,
    negative,
    positive,
    volume,
    weekly,
    monthly,
});

impl Recursions {
    /// Before the first stored bar.
    pub(super) fn new() -> Self {
        Self {
            bars: 0.0,
            previous: Bar::UNKNOWN,
            rsi: [7, 14, 21, 28].map(Rsi::new),
            atr: [7, 10, 14, 20, 21].map(Mean::wilder),
            ema: [5, 10, 20, 50, 200].map(Mean::exponential),
            macd: Macd::new(12, 26, 9),
            tsi: Tsi::new(),
            directional: Directional::new(),
            sar: Sar::new(),
            supertrend: Supertrend::new(),
            kama: Kama::new(),
            typical: Mean::exponential(20),
            range: Mean::exponential(10),
            force: Mean::exponential(13),
            chaikin: Chaikin::new(),
            negative: VolumeIndex::new(On::Less),
            positive: VolumeIndex::new(On::More),
            volume: VolumeOscillator::new(),
            weekly: Strided::new(&Rsi::new(14), &Macd::new(12, 26, 9)),
            monthly: Strided::new(&Rsi::new(6), &Macd::new(3, 6, 3)),
        }
    }

    /// Goes on over `rows` of `bars` and writes their values into the same rows of `tracks`.
    pub(super) fn run(&mut self, bars: &DailyBars, rows: Range<usize>, tracks: &mut Tracks) {
        for row in rows {
            let bar = Bar { high: bars.high[row], low: bars.low[row], close: bars.close[row], volume: bars.volume[row] };
            self.step(&bar, &mut |track, value| tracks.put(track, row, value));
        }
    }

    fn step(&mut self, bar: &Bar, put: &mut impl FnMut(Track, f64)) {
        let previous = self.previous;
        let change = bar.close - previous.close;
        let range = true_range(bar.high, bar.low, previous.close);
        for (track, rsi) in [Track::Rsi7, Track::Rsi14, Track::Rsi21, Track::Rsi28].into_iter().zip(&mut self.rsi) {
            put(track, rsi.next(bar.close));
        }
        let atr: [f64; 5] = std::array::from_fn(|i| {
            let mean = self.atr[i].next(range);
            if mean <= FLAT * bar.close { 0.0 } else { mean }
        });
        for (track, value) in [Track::Atr7, Track::Atr10, Track::Atr14, Track::Atr20, Track::Atr21].into_iter().zip(atr) {
            put(track, value);
        }
        for (track, mean) in [Track::Ema5, Track::Ema10, Track::Ema20, Track::Ema50, Track::Ema200].into_iter().zip(&mut self.ema) {
            put(track, mean.next(bar.close));
        }
        self.follow(bar, &previous, range, atr[1], put);
        put(Track::Tsi, self.tsi.next(change));
        put(Track::TypicalEma20, self.typical.next((bar.high + bar.low + bar.close) / 3.0));
        let mean = self.range.next(bar.high - bar.low);
        put(Track::RangeEma10, if mean <= STILL * bar.close { 0.0 } else { mean });
        put(Track::ForceEma13, self.force.next(change * bar.volume));
        put(Track::ChaikinOscillator, self.chaikin.next(bar));
        put(Track::NegativeVolume, self.negative.next(bar, &previous));
        put(Track::PositiveVolume, self.positive.next(bar, &previous));
        put(Track::VolumeOscillator, self.volume.next(bar.volume));
        self.bars += 1.0;
        self.previous = *bar;
    }

    /// The trend followers and the sub-series.
    fn follow(&mut self, bar: &Bar, previous: &Bar, range: f64, atr10: f64, put: &mut impl FnMut(Track, f64)) {
        let (line, signal) = self.macd.next(bar.close);
        put(Track::Macd, line);
        put(Track::MacdSignal, signal);
        put(Track::MacdHistogram, line - signal);
        let (plus, minus, adx) = self.directional.next(bar, previous, range);
        put(Track::PlusDi, plus);
        put(Track::MinusDi, minus);
        put(Track::Adx, adx);
        put(Track::Sar, self.sar.next(bar, previous));
        put(Track::Supertrend, self.supertrend.next(bar, previous, atr10));
        put(Track::Kama, self.kama.next(bar.close));
        let (rsi, histogram) = self.weekly.next(self.bars, bar.close);
        put(Track::WeeklyRsi14, rsi);
        put(Track::WeeklyMacdHistogram, histogram);
        let (rsi, histogram) = self.monthly.next(self.bars, bar.close);
        put(Track::MonthlyRsi6, rsi);
        put(Track::MonthlyMacdHistogram, histogram);
    }

    /// The state as little-endian f64s.
    pub(super) fn save(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.clone().visit(&mut |number| bytes.extend_from_slice(&number.to_le_bytes()));
        bytes
    }

    /// The operators in the state that [`save`](Self::save) gave.
    pub(super) fn load(bytes: &[u8]) -> Result<Self, StateError> {
        let mut loaded = Self::new();
        let mut expected = 0;
        loaded.visit(&mut |_| expected += size_of::<f64>());
        if bytes.len() != expected {
            return Err(StateError { found: bytes.len(), expected });
        }
        let (numbers, _) = bytes.as_chunks();
        let mut numbers = numbers.iter();
        loaded.visit(&mut |number| *number = numbers.next().map_or(f64::NAN, |bytes| f64::from_le_bytes(*bytes)));
        Ok(loaded)
    }
}

#[cfg(test)]
mod tests;
