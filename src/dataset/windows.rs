//! Near-raw channels of bars, for models that read windows of them and find their own features.
//!
//! Six numbers a bar, all free of scale: what the 179 features are made of, not the features. A channel is brought to one scale
//! by a [`Normaliser`] of the fold, fitted on bars before the fold's bound. Training and the scanner call this module.

use chrono::NaiveDate;

use super::Normaliser;
use crate::market::DailyBars;

/// Names of the channels, in order.
pub const CHANNELS: [&str; 6] = ["return", "gap", "upper_range", "lower_range", "volume", "volume_change"];

/// Bars that the usual volume is taken over.
const USUAL: usize = 20;

/// The channels of all symbols' bars, one behind the other, each row [`CHANNELS`] wide, and where each symbol begins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Channels {
    /// Row by row, finite.
    pub values: Vec<f32>,
    /// Number of the first bar of each symbol.
    pub first: Vec<usize>,
    /// Date of each bar.
    pub date: Vec<NaiveDate>,
}

impl Channels {
    /// The channels of symbols whose bars are given in the order of the universe.
    pub fn of(bars: &[DailyBars]) -> Self {
        let mut out = Self::default();
        for bars in bars {
            out.first.push(out.date.len());
            out.date.extend(&bars.date);
            for bar in 0..bars.len() {
                out.values.extend(channels(bars, bar));
            }
        }
        out
    }

    /// How many bars there are, of all symbols.
    pub const fn len(&self) -> usize {
        self.date.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.date.is_empty()
    }

    /// Limits and scale of each channel, from all bars before `bound`.
    pub fn scale(&self, bound: NaiveDate, winsor_percent: f64) -> Normaliser {
        let known: Vec<usize> = (0..self.len()).filter(|&bar| self.date[bar] < bound).collect();
        Normaliser::fit(&self.values, CHANNELS.len(), &known, winsor_percent)
    }

    /// All channels at one scale.
    pub fn scaled(&self, scale: &Normaliser) -> Vec<f32> {
        let mut values = self.values.clone();
        values.chunks_exact_mut(CHANNELS.len()).for_each(|row| scale.apply(row));
        values
    }
}

/// Log return from the close before; log gap from it to the open; high and low over the larger and the smaller of open and
/// close, in logs; log of the volume over the mean of the 20 before, and its change from the day before. What has no value (a
/// first bar, no volume) is 0: no news.
fn channels(bars: &DailyBars, bar: usize) -> [f32; CHANNELS.len()] {
    let (open, close) = (bars.open[bar], bars.close[bar]);
    let before = bar.checked_sub(1).map_or(f64::NAN, |b| bars.close[b]);
    let usual = |bar: usize| {
        let past = &bars.volume[bar.saturating_sub(USUAL)..bar];
        past.iter().sum::<f64>() / past.len() as f64
    };
    let volume = (bars.volume[bar] / usual(bar)).ln();
    let change = bar.checked_sub(1).map_or(f64::NAN, |b| (bars.volume[bar] / bars.volume[b]).ln());
    let raw = [
        (close / before).ln(),
        (open / before).ln(),
        (bars.high[bar] / open.max(close)).ln(),
        (open.min(close) / bars.low[bar]).ln(),
        volume,
        change,
    ];
    raw.map(|v| if v.is_finite() { v as f32 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use chrono::Days;
    use proptest::prelude::*;

    use super::*;

    fn bars(closes: &[f64], price: f64, volume: f64) -> DailyBars {
        let day = |i: usize| NaiveDate::from_ymd_opt(2020, 1, 1).unwrap() + Days::new(i as u64);
        DailyBars {
            date: (0..closes.len()).map(day).collect(),
            open: closes.iter().map(|c| c * price * 0.99).collect(),
            high: closes.iter().map(|c| c * price * 1.02).collect(),
            low: closes.iter().map(|c| c * price * 0.97).collect(),
            close: closes.iter().map(|c| c * price).collect(),
            volume: closes.iter().map(|c| c * volume).collect(),
        }
    }

    #[test]
    fn channels_say_what_their_names_say() {
        let out = Channels::of(&[bars(&[100.0], 1.0, 1.0), bars(&[100.0, 110.0], 1.0, 1.0)]);
        assert_eq!((out.len(), &out.first[..]), (3, &[0, 1][..]));
        let row = |i: usize| &out.values[i * CHANNELS.len()..(i + 1) * CHANNELS.len()];
        let close = |a: f32, b: f64| assert!((f64::from(a) - b).abs() < 1e-6, "{a} {b}");
        assert_eq!(row(1), row(0), "symbols do not see each other");
        close(row(1)[0], 0.0);
        close(row(2)[0], 1.1_f64.ln());
        close(row(2)[1], (1.1_f64 * 0.99).ln());
        close(row(2)[2], 1.02_f64.ln());
        close(row(2)[3], (0.99_f64 / 0.97).ln());
        close(row(2)[4], 1.1_f64.ln());
        close(row(2)[5], 1.1_f64.ln());
        let flat = DailyBars { volume: vec![0.0, 0.0], ..bars(&[1.0, 1.0], 1.0, 1.0) };
        assert!(Channels::of(&[flat]).values.iter().all(|v| v.is_finite()), "no volume is no news");
    }

    #[test]
    fn the_scale_knows_nothing_from_the_bound_on() {
        let mut closes: Vec<f64> = (0..60).map(|i| 100.0 + f64::from(i % 7)).collect();
        let bound = NaiveDate::from_ymd_opt(2020, 1, 1).unwrap() + Days::new(40);
        let before = Channels::of(&[bars(&closes, 1.0, 1.0)]).scale(bound, 0.5);
        closes[40..].iter_mut().for_each(|c| *c *= 10.0);
        assert_eq!(Channels::of(&[bars(&closes, 1.0, 1.0)]).scale(bound, 0.5), before);
    }

    proptest! {
        #[test]
        fn units_do_not_matter(closes in prop::collection::vec(1.0..500.0_f64, 2..40)) {
            let (a, b) = (Channels::of(&[bars(&closes, 1.0, 1.0)]), Channels::of(&[bars(&closes, 7.3, 1000.0)]));
            prop_assert!(a.values.iter().zip(&b.values).all(|(x, y)| (x - y).abs() < 1e-5));
        }
    }
}
