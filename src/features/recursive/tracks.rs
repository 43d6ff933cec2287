//! The series that the recursions give, one value a bar.

/// Which recursive series.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::EnumCount, strum::EnumIter)]
pub(in crate::features) enum Track {
    /// RSI over 7 changes; the next three alike.
    Rsi7,
    Rsi14,
    Rsi21,
    Rsi28,
    /// Wilder mean of the true range over 7 bars; the next four alike.
    Atr7,
    Atr10,
    Atr14,
    Atr20,
    Atr21,
    /// Exponential mean of the close over 5 bars; the next four alike.
    Ema5,
    Ema10,
    Ema20,
    Ema50,
    Ema200,
    /// MACD(12, 26, 9) line, in price units like the next two.
    Macd,
    MacdSignal,
    /// Line less signal.
    MacdHistogram,
    /// TSI(25, 13), from -100 to 100.
    Tsi,
    /// +DI14, from 0 to 100 like the next two.
    PlusDi,
    MinusDi,
    Adx,
    /// Parabolic stop and reverse, a price.
    Sar,
    /// Supertrend(10, 3), a price.
    Supertrend,
    /// KAMA(10), a price.
    Kama,
    /// EMA20 of the typical price.
    TypicalEma20,
    /// EMA10 of the bar's range.
    RangeEma10,
    /// EMA13 of change times volume.
    ForceEma13,
    /// ADOSC(3, 10), in units traded.
    ChaikinOscillator,
    /// Negative volume index over its EMA50, less 1; the next alike for the positive one.
    NegativeVolume,
    PositiveVolume,
    /// PVO(12, 26), percent.
    VolumeOscillator,
    /// RSI14 of every fifth close, counted back from the bar.
    WeeklyRsi14,
    /// MACD(12, 26, 9) histogram of every fifth close, in price units.
    WeeklyMacdHistogram,
    /// RSI6 of every 21st close.
    MonthlyRsi6,
    /// MACD(3, 6, 3) histogram of every 21st close, in price units.
    MonthlyMacdHistogram,
}

/// One column of `rows` values a [`Track`]; NaN where the recursions did not run or have no value yet.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::features) struct Tracks {
    rows: usize,
    values: Vec<f64>,
}

impl Tracks {
    pub(in crate::features) fn new(rows: usize) -> Self {
        Self { rows, values: vec![f64::NAN; rows * <Track as strum::EnumCount>::COUNT] }
    }

    pub(super) fn put(&mut self, track: Track, row: usize, value: f64) {
        self.values[track as usize * self.rows + row] = value;
    }

    /// The column of `track`.
    pub(in crate::features) fn get(&self, track: Track) -> &[f64] {
        let start = track as usize * self.rows;
        &self.values[start..start + self.rows]
    }
}
