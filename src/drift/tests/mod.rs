//! The reference values of the drift metrics, and what baselines promise.

mod episodes;
mod exact;
mod persistence;
mod verdicts;

use chrono::{Days, NaiveDate};
use proptest::prelude::*;

use super::*;
use crate::config::strategy::{DriftDetection, StrategySettings};
use crate::labels::Class;
use crate::market::Strategy as Side;
use crate::random::Stream;
use crate::train::normal;

fn rule() -> DriftDetection {
    StrategySettings::shipped(Side::Turbomode).unwrap().drift_detection
}

fn day(n: usize) -> NaiveDate {
    NaiveDate::from_ymd_opt(2015, 1, 1).unwrap() + Days::new(n as u64)
}

fn near(got: f64, want: f64, digits: i32) {
    assert!((got - want).abs() <= 0.5 * 10.0_f64.powi(-digits), "{got} is not {want}");
}

/// Root of the Jensen-Shannon divergence in bits.
fn jensen_shannon(a: &[f64], b: &[f64]) -> f64 {
    let middle: Vec<f64> = a.iter().zip(b).map(|(a, b)| f64::midpoint(*a, *b)).collect();
    (f64::midpoint(divergence(a, &middle), divergence(b, &middle)) / std::f64::consts::LN_2).sqrt()
}

#[test]
fn distances_of_given_shares() {
    let r = [0.1; 10];
    let c = [0.05, 0.05, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.15, 0.15];
    near(stability(&c, &r), 0.109_861_228_866_810_95, 16);
    near(divergence(&c, &r), 0.052_324_814_376_454_74, 16);
    near(divergence(&r, &c), 0.057_536_414_490_356_2, 16);
    near(jensen_shannon(&c, &r), 0.139_706_751_011_393_13, 15);
    let (r, c) = ([0.4, 0.3, 0.2, 0.1], [0.1, 0.2, 0.3, 0.4]);
    near(stability(&c, &r), 0.912_869_638_293_567_3, 15);
    near(divergence(&c, &r), 0.456_434_819_146_783_5, 15);
    let (r, c) = (shares(&[50.0, 30.0, 20.0, 0.0], 0.5), shares(&[10.0, 20.0, 40.0, 30.0], 0.5));
    near(stability(&c, &r), 1.997_457_831_607_504_5, 15);
    near(divergence(&c, &r), 1.258_051_061_187_680_7, 15);
}

#[test]
fn distances_of_normal_populations() {
    let edges: Vec<f64> = (1..10).map(|k| normal::quantile(f64::from(k) / 10.0)).collect();
    // Quantiles of equal mass: their distribution function is off by 1 / 2n at most.
    let grid: Vec<f64> = (0..20_000).map(|i| normal::quantile((f64::from(i) + 0.5) / 20_000.0)).collect();
    for (mean, sd, psi, kl, d) in [
        (0.1, 1.0, 0.009_587, 0.004_792, 0.039_878),
        (0.25, 1.0, 0.059_816, 0.029_848, 0.099_476),
        (0.5, 1.0, 0.237_749, 0.117_903, 0.197_413),
        (1.0, 1.0, 0.926_142, 0.447_170, 0.382_925),
        (0.0, 1.25, 0.063_755, 0.033_129, 0.053_771),
        (0.0, 1.5, 0.193_543, 0.102_192, 0.096_790),
        (0.0, 2.0, 0.490_754, 0.260_577, 0.161_337),
        (0.0, 0.5, 0.845_404, 0.302_260, 0.161_337),
    ] {
        let below: Vec<f64> = edges.iter().map(|e| normal::cdf((e - mean) / sd)).chain([1.0]).collect();
        let c: Vec<f64> = below.iter().scan(0.0, |before, p| Some(p - std::mem::replace(before, *p))).collect();
        near(stability(&c, &[0.1; 10]), psi, 6);
        near(divergence(&c, &[0.1; 10]), kl, 6);
        let moved: Vec<f64> = grid.iter().map(|x| mean + sd * x).collect();
        near(kolmogorov_smirnov(&grid, &moved).unwrap().distance, d, 4);
    }
}

#[test]
fn two_samples() {
    let x: Vec<f64> = (0..100).map(|i| f64::from(i) / 100.0).collect();
    let y: Vec<f64> = (0..80).map(|i| 1.1 * f64::from(i) / 80.0 + 0.05).collect();
    let found = kolmogorov_smirnov(&x, &y).unwrap();
    near(found.distance, 0.1425, 15);
    assert!((found.p - 0.303_793_011_650_675_96).abs() < 0.002, "{}", found.p);
    let x = [0, 0, 0, 1, 1, 2, 3, 3, 3, 4].map(f64::from);
    let y = [0, 1, 1, 1, 2, 2, 4, 4, 5, 5, 6].map(f64::from);
    let found = kolmogorov_smirnov(&y, &x).unwrap();
    near(found.distance, 0.354_545_454_545_454_55, 15);
    // Of ten and eleven values the limit law is no better than this.
    assert!((found.p - 0.453_126_654_289_634_7).abs() < 0.02, "{}", found.p);
    let with_missing = [f64::NAN, 1.0, 2.0];
    assert_eq!(kolmogorov_smirnov(&with_missing, &[2.0, 1.0]), Some(KolmogorovSmirnov { distance: 0.0, p: 1.0 }));
    assert_eq!(kolmogorov_smirnov(&[f64::NAN], &[1.0]), None);
    assert!(kolmogorov_smirnov(&[0.0; 900], &[1.0; 900]).unwrap().p < 1e-300);
}

#[test]
fn false_discoveries() {
    let p = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.324, 0.4262, 0.5719, 0.6528, 0.759, 1.0];
    let want = [
        0.0015, 0.003, 0.0095, 0.035_625, 0.0603, 0.063_857, 0.063_857, 0.0645, 0.0765, 0.486, 0.581_182, 0.714_875, 0.753_231, 0.813_214,
        1.0,
    ];
    let adjusted = benjamini_hochberg(&p);
    for (got, want) in adjusted.iter().zip(want) {
        near(*got, want, 6);
    }
    assert_eq!(adjusted.iter().filter(|q| **q <= 0.05).count(), 4);
    let mut mixed: Vec<f64> = p.to_vec();
    mixed.rotate_left(6);
    let mut back = benjamini_hochberg(&mixed);
    back.rotate_right(6);
    assert_eq!(back, adjusted);
    assert_eq!(benjamini_hochberg(&[f64::NAN, 0.01]), [1.0, 0.02]);
}

#[test]
fn bins_are_deciles_and_open_to_the_right() {
    let bins = Bins::of((0..=100).map(f64::from), 10);
    assert_eq!(bins.edges(), [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0]);
    assert_eq!([-5.0, 9.9, 10.0, 89.9, 90.0, 1e9, f64::NAN].map(|v| bins.of_value(v)), [0, 0, 1, 8, 9, 9, 10]);
    // numpy.quantile of 0..11 at .1 and .2 is 1.1 and 2.2; half of these values are 0, which merges five edges.
    let merged = Bins::of((0..12).map(f64::from).chain([0.0; 11]).chain([f64::NAN]), 10);
    assert_eq!(merged.edges()[0], 0.0);
    assert!(merged.edges().windows(2).all(|w| w[0] < w[1]) && merged.edges().len() == 5, "{merged:?}");
    near(Bins::of((0..12).map(f64::from), 10).edges()[1], 2.2, 12);
    // A rare signal keeps a bin, although all deciles are 0.
    let rare = Bins::of([0.0; 99].into_iter().chain([1.0]), 10);
    assert_eq!((rare.edges(), rare.counts([0.0, 1.0, 1.0, f64::NAN])), (&[0.0, 1.0][..], vec![0.0, 1.0, 2.0, 1.0]));
    assert_eq!(Bins::of([], 10).count(), 2);
}

/// `symbols` rows a session that share most of an AR(1) path.
fn persistent(sessions: usize, symbols: usize, rho: f64, seed: u64) -> (Vec<NaiveDate>, Vec<f64>) {
    let mut stream = Stream::new(&[seed]);
    let mut common = stream.normal();
    let mut rows = (Vec::new(), Vec::new());
    for session in 0..sessions {
        common = rho * common + (1.0 - rho * rho).sqrt() * stream.normal();
        for _ in 0..symbols {
            rows.0.push(day(session));
            rows.1.push(common + 0.3 * stream.normal());
        }
    }
    rows
}

#[test]
fn a_baseline_by_hand() {
    // Six sessions of one row; windows of two sessions at 0, 2 and 4.
    let two = DriftDetection { bins: 2, window_sessions: 2, step_sessions: 2, ..rule() };
    let values = [1.0, 5.0, 2.0, f64::NAN, 6.0, 7.0];
    let order = [3, 0, 5, 1, 4, 2];
    let dates = order.map(day);
    let name = ["gap".to_owned()];
    let found = of_columns(&dates, &name, |_| order.map(|i| values[i]).to_vec(), &two);
    let found: Vec<_> = found.into_iter().map(|f| f.baseline).collect();
    assert_eq!((found.len(), found[0].rows, &found[0].edges, &found[0].counts), (1, 6, &vec![5.0], &vec![2.0, 3.0, 1.0]));
    let psi = |inside: [f64; 3]| {
        let rest = [2.0 - inside[0], 3.0 - inside[1], 1.0 - inside[2]];
        stability(&shares(&inside, 0.5), &shares(&rest, 0.5)).ln()
    };
    let logs = [psi([1.0, 1.0, 0.0]), psi([1.0, 0.0, 1.0]), psi([0.0, 2.0, 0.0])];
    let mean = logs.iter().sum::<f64>() / 3.0;
    near(found[0].mean.unwrap(), mean, 12);
    near(found[0].deviation.unwrap(), (logs.iter().map(|l| (l - mean).powi(2)).sum::<f64>() / 2.0).sqrt(), 12);
    let shift = compare(&found[0], &[f64::NAN, f64::NAN], 0.5);
    let (c, r) = (shares(&[0.0, 0.0, 2.0], 0.5), shares(&[2.0, 3.0, 1.0], 0.5));
    assert_eq!((shift.rows, shift.psi, shift.kl), (2, stability(&c, &r), divergence(&c, &r)));
    near(shift.p.unwrap(), 1.0 - normal::cdf(shift.z.unwrap()), 12);
}

#[test]
fn too_short_a_reference_has_no_windows() {
    let of = |sessions: usize| {
        let (dates, values) = persistent(sessions, 3, 0.5, 1);
        let found = of_columns(&dates, &["x".to_owned()], |_| values.clone(), &rule());
        found.first().map(|f| &f.baseline).map(|b| (b.windows, b.mean.is_some(), b.deviation.is_some()))
    };
    let found = [0, 5, 63, 64, 84].map(of);
    assert_eq!(found, [None, Some((0, false, false)), Some((0, false, false)), Some((1, true, false)), Some((2, true, true))]);
}

#[test]
fn a_calibrated_shift_speaks_of_a_fault_and_not_of_persistence() {
    let (dates, values) = persistent(1200, 6, 0.9, 7);
    let frozen = of_columns(&dates, &["x".to_owned()], |_| values.clone(), &rule()).remove(0).baseline;
    assert_eq!(frozen.windows, 55);
    let quiet = (0..20).filter(|seed| {
        let shift = compare(&frozen, &persistent(63, 6, 0.9, 100 + seed).1, 0.5);
        assert!(shift.psi > 0.0);
        shift.p.unwrap() > 0.01
    });
    assert!(quiet.count() >= 17);
    let unit_error: Vec<f64> = persistent(63, 6, 0.9, 100).1.iter().map(|v| 10.0 * v).collect();
    assert!(compare(&frozen, &unit_error, 0.5).p.unwrap() < 0.01);
    assert!(compare(&frozen, &[0.7; 378], 0.5).p.unwrap() < 1e-3, "a stuck value");
}

#[test]
fn answers_have_three_baselines() {
    let (dates, values) = persistent(130, 4, 0.5, 3);
    let answers: Vec<[f64; 3]> = values.iter().map(|v| normal::cdf(*v)).map(|p| [0.5 * (1.0 - p), 0.5, 0.5 * p]).collect();
    let decisions: Vec<Class> = (0..values.len()).map(|i| Class::ALL[usize::from(i % 4 > 0) + usize::from(i % 4 > 2)]).collect();
    let found = of_answers(&dates, &answers, &decisions, &rule());
    assert_eq!(found.iter().map(|f| f.sketch.len()).collect::<Vec<_>>(), [520, 520, 0]);
    let found: Vec<_> = found.into_iter().map(|f| f.baseline).collect();
    assert_eq!(found.iter().map(|b| b.subject.as_str()).collect::<Vec<_>>(), ["p_buy", "p_sell", "mix"]);
    assert_eq!((&found[2].edges, &found[2].counts), (&vec![1.0, 2.0], &vec![130.0, 260.0, 130.0, 0.0]));
    assert!(found.iter().all(|b| b.windows == 4 && b.deviation.is_some()));
    assert!(found[0].edges.len() == 9 && found[0].counts[..10].iter().all(|n| *n == 52.0));
}

proptest! {
    #[test]
    fn counts_add_up_and_distances_are_none_below_zero(values in prop::collection::vec(prop::option::weighted(0.9, -3..3_i32), 1..200)) {
        let values: Vec<f64> = values.iter().map(|v| v.map_or(f64::NAN, f64::from)).collect();
        let dates: Vec<NaiveDate> = (0..values.len()).map(|i| day(i / 2)).collect();
        let short = DriftDetection { window_sessions: 10, step_sessions: 5, bins: 4, ..rule() };
        let found = of_columns(&dates, &["x".to_owned()], |_| values.clone(), &short).remove(0).baseline;
        prop_assert_eq!(found.counts.iter().sum::<f64>() as usize, values.len());
        prop_assert_eq!(found.counts.last().copied(), Some(values.iter().filter(|v| v.is_nan()).count() as f64));
        prop_assert_eq!(found.counts.len(), found.edges.len() + 2);
        let shift = compare(&found, &values[..values.len().div_ceil(2)], 0.5);
        prop_assert!(shift.psi >= 0.0 && shift.kl >= -1e-15 && shift.psi >= shift.kl - 1e-12);
        prop_assert_eq!(compare(&found, &values, 0.5).psi, 0.0);
    }

    #[test]
    fn a_distance_does_not_depend_on_the_order_of_samples(x in prop::collection::vec(-3..3_i32, 1..40), y in prop::collection::vec(-3..3_i32, 1..40)) {
        let [x, y] = [x, y].map(|v| v.into_iter().map(f64::from).collect::<Vec<_>>());
        let (a, b) = (kolmogorov_smirnov(&x, &y).unwrap(), kolmogorov_smirnov(&y, &x).unwrap());
        prop_assert_eq!(a, b);
        let at = |values: &[f64], t: f64| values.iter().filter(|v| **v <= t).count() as f64 / values.len() as f64;
        let direct = (-3..3).map(f64::from).map(|t| (at(&x, t) - at(&y, t)).abs()).fold(0.0, f64::max);
        prop_assert!((a.distance - direct).abs() < 1e-15 && (0.0..=1.0).contains(&a.p));
    }
}
