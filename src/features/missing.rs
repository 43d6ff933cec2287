//! Why a feature has no value. A missing value is NaN in every block and file; the reason follows from the feature and
//! the row, so it is stored nowhere.

use super::registry::{Feature, Needs};

/// Why a value is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, strum::Display, strum::EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Missing {
    /// The symbol has fewer bars up to that day than the feature looks back on.
    ShortHistory,
    /// A day of its window has no market return: the benchmark, or every stock, had no bar.
    NoBenchmark,
    /// Fewer than five symbols of the strategy traded, or today's 20-bar return is unknown.
    SmallUniverse,
    /// A day of its window has an unknown volume; a recursive feature starts anew after it.
    UnknownVolume,
    /// The formula gave no finite number.
    NotFinite,
}

/// Why `value`, of `feature` on the bar with absolute index `bar` (0 is the first stored bar), is missing; `None` when it
/// is not. `volume` holds the volumes up to and including that bar, as many of the last as are at hand; the last
/// `lookback + 1` suffice.
pub fn missing(feature: &Feature, value: f64, bar: usize, volume: &[f64]) -> Option<Missing> {
    if value.is_finite() {
        return None;
    }
    let window = &volume[volume.len().saturating_sub(feature.lookback + 1)..];
    Some(match feature.needs {
        _ if bar < feature.lookback => Missing::ShortHistory,
        Needs::Benchmark => Missing::NoBenchmark,
        Needs::Universe => Missing::SmallUniverse,
        Needs::None if feature.reads_volume && window.iter().any(|v| v.is_nan()) => Missing::UnknownVolume,
        Needs::None => Missing::NotFinite,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::registry::feature;

    #[test]
    fn each_reason_follows_from_feature_and_row() {
        let why = |name, bar, volume: &[f64]| missing(feature(name).unwrap(), f64::NAN, bar, volume);
        assert_eq!(missing(feature("rsi_14").unwrap(), 50.0, 3, &[]), None);
        assert_eq!(why("rsi_14", 13, &[]), Some(Missing::ShortHistory));
        assert_eq!(why("rsi_14", 14, &[f64::NAN]), Some(Missing::NotFinite));
        assert_eq!(why("beta_60", 60, &[]), Some(Missing::NoBenchmark));
        assert_eq!(why("cs_rank_return_20", 20, &[]), Some(Missing::SmallUniverse));
        let mut volume = [1.0; 100];
        volume[79] = f64::NAN;
        assert_eq!(why("cmf_20", 99, &volume), Some(Missing::NotFinite), "the unknown volume has left the window");
        volume[80] = f64::NAN;
        assert_eq!(why("cmf_20", 99, &volume), Some(Missing::UnknownVolume));
    }
}
