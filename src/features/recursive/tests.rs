use chrono::NaiveDate;
use proptest::prelude::*;
use strum::IntoEnumIterator;

use super::*;

/// Bars that walk by `moves`; volume is unknown where a move says so.
fn bars(moves: &[(f64, f64, bool)]) -> DailyBars {
    let mut bars = DailyBars::default();
    let mut close = 100.0;
    for &(step, width, known) in moves {
        let open = close;
        close *= 1.0 + step;
        bars.date.push(NaiveDate::default());
        bars.open.push(open);
        bars.high.push(open.max(close) * (1.0 + width));
        bars.low.push(open.min(close) * (1.0 - width));
        bars.close.push(close);
        bars.volume.push(if known { 1e6 * width } else { f64::NAN });
    }
    bars
}

fn whole(bars: &DailyBars) -> Tracks {
    let mut tracks = Tracks::new(bars.len());
    Recursions::new().run(bars, 0..bars.len(), &mut tracks);
    tracks
}

fn bits(column: &[f64]) -> Vec<u64> {
    column.iter().map(|value| value.to_bits()).collect()
}

fn moves(length: std::ops::Range<usize>) -> impl Strategy<Value = Vec<(f64, f64, bool)>> {
    prop::collection::vec((-0.05..0.05_f64, 0.0..0.03_f64, prop::bool::weighted(0.99)), length)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_saved_state_goes_on_with_the_same_bits(moves in moves(2..400), share in 0.0..1.0_f64) {
        let bars = bars(&moves);
        let all = whole(&bars);
        let stop = (share * bars.len() as f64) as usize;
        let mut split = Tracks::new(bars.len());
        let mut first = Recursions::new();
        first.run(&bars, 0..stop, &mut split);
        let mut second = Recursions::load(&first.save()).unwrap();
        prop_assert_eq!(second.save(), first.save());
        second.run(&bars, stop..bars.len(), &mut split);
        for track in Track::iter() {
            prop_assert_eq!(bits(all.get(track)), bits(split.get(track)), "{:?}", track);
        }
    }

    #[test]
    fn the_future_changes_nothing_before_it(moves in moves(2..300), share in 0.0..1.0_f64) {
        let keep = (share * moves.len() as f64) as usize;
        let (all, cut) = (whole(&bars(&moves)), whole(&bars(&moves[..keep])));
        for track in Track::iter() {
            prop_assert_eq!(bits(&all.get(track)[..keep]), bits(cut.get(track)), "{:?}", track);
        }
    }
}

#[test]
fn each_series_starts_where_its_operator_is_full_and_has_no_gap_after() {
    let moves: Vec<_> = (0..220).map(|i| (0.01 * f64::from(i).sin(), 0.01 + 0.001 * f64::from(i % 7), true)).collect();
    let tracks = whole(&bars(&moves));
    let start = |track| tracks.get(track).iter().position(|value| value.is_finite());
    let expected = [
        (Track::Rsi7, 7),
        (Track::Atr21, 21),
        (Track::Ema200, 199),
        (Track::MacdHistogram, 33),
        (Track::Tsi, 37),
        (Track::PlusDi, 14),
        (Track::Adx, 27),
        (Track::Sar, 1),
        (Track::Supertrend, 10),
        (Track::Kama, 10),
        (Track::TypicalEma20, 19),
        (Track::RangeEma10, 9),
        (Track::ForceEma13, 13),
        (Track::ChaikinOscillator, 0),
        (Track::NegativeVolume, 49),
        (Track::VolumeOscillator, 25),
        (Track::WeeklyRsi14, 70),
        (Track::WeeklyMacdHistogram, 165),
        (Track::MonthlyRsi6, 126),
        (Track::MonthlyMacdHistogram, 147),
    ];
    for (track, bar) in expected {
        assert_eq!(start(track), Some(bar), "{track:?}");
        assert!(tracks.get(track)[bar..].iter().all(|value| value.is_finite()), "{track:?} has a gap");
    }
}

#[test]
fn a_sub_series_ends_with_its_bar() {
    let moves: Vec<_> = (0..200).map(|i| (0.02 * (f64::from(i) * 1.7).sin(), 0.01, true)).collect();
    let bars = bars(&moves);
    let tracks = whole(&bars);
    for last in 165..170 {
        let mut rsi = Rsi::new(14);
        let weekly: Vec<_> = bars.close[last % WEEK..=last].iter().step_by(WEEK).map(|close| rsi.next(*close)).collect();
        assert_eq!(Some(&tracks.get(Track::WeeklyRsi14)[last]), weekly.last());
    }
}

#[test]
fn a_state_of_another_length_is_refused() {
    let saved = Recursions::new().save();
    assert_eq!(Recursions::load(&saved[8..]), Err(StateError { found: saved.len() - 8, expected: saved.len() }));
}

#[test]
fn a_long_flat_price_leaves_no_range_to_measure_in() {
    let mut moves = vec![(0.0, 0.0, true); 400];
    moves[..20].fill((0.02, 0.01, true));
    let tracks = whole(&bars(&moves));
    let atr = tracks.get(Track::Atr10);
    assert!(atr[19] > 1.0 && atr[100] > 0.0);
    assert_eq!(atr[399], 0.0);
}
