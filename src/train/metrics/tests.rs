//! The published fixture, and properties that hold for any rows.

use proptest::prelude::*;

use super::direction::{buy_share, directional_surprise};
use super::*;
use crate::labels::sampling::class_shares;

/// Twelve rows with values computed independently.
fn fixture() -> Vec<(Class, Probabilities)> {
    let y = [2, 0, 1, 2, 2, 0, 1, 1, 0, 2, 1, 0];
    let p = [
        [0.2, 0.3, 0.5],
        [0.6, 0.3, 0.1],
        [0.3, 0.4, 0.3],
        [0.1, 0.2, 0.7],
        [0.4, 0.35, 0.25],
        [0.5, 0.2, 0.3],
        [0.2, 0.6, 0.2],
        [0.3, 0.3, 0.4],
        [0.2, 0.5, 0.3],
        [0.1, 0.3, 0.6],
        [0.25, 0.5, 0.25],
        [0.45, 0.35, 0.2],
    ];
    y.iter().zip(p).map(|(k, p)| (Class::ALL[*k], p)).collect()
}

fn near(got: Option<f64>, want: f64) {
    let got = got.unwrap();
    assert!((got / want - 1.0).abs() <= 1e-15, "{got} is not {want}");
}

fn unweighted(rows: &[(Class, Probabilities)]) -> impl Iterator<Item = (Class, Probabilities, f64)> {
    rows.iter().map(|(class, p)| (*class, *p, 1.0))
}

#[test]
fn losses_of_the_fixture() {
    let rows = fixture();
    let loss = log_loss(unweighted(&rows)).unwrap();
    near(Some(loss), 0.823_591_405_240_699_6);
    let prior = class_shares(rows.iter().map(|(class, _)| (*class, 1.0)));
    let reference = log_loss(rows.iter().map(|(class, _)| (*class, prior, 1.0))).unwrap();
    near(Some(reference), 1.098_612_288_668_109_6);
    near(skill(loss, reference), 0.250_334_796_237_195_23);
    near(brier(unweighted(&rows)), 0.467_083_333_333_333_3);
    let weights = [0.8, 1.0, 1.3, 2.0, 1.5].into_iter().cycle();
    near(log_loss(rows.iter().zip(weights).map(|((class, p), w)| (*class, *p, w))), 0.867_864_030_948_548_7);
}

#[test]
fn decisions_of_the_fixture() {
    let counts = Confusion::of(fixture().iter().map(|(class, p)| (*class, most_probable(p), 1.0)));
    assert_eq!(counts.0, [[3.0, 1.0, 0.0], [0.0, 3.0, 1.0], [1.0, 0.0, 3.0]]);
    for metric in [counts.accuracy(), counts.balanced_accuracy(), counts.macro_f1()] {
        near(metric, 0.75);
    }
    near(counts.mcc(), 0.625);
    near(counts.kappa(), 0.625);
    // Four BUYs were decided; three came, none ended in SELL. Of four SELLs one ended in BUY.
    near(counts.directional_precision(Class::Buy), 1.0);
    near(counts.directional_precision(Class::Sell), 0.75);
    near(counts.directional_base(Class::Sell), 0.5);
}

#[test]
fn ranking_and_calibration_of_the_fixture() {
    let rows = fixture();
    near(one_vs_rest(&rows), 0.838_541_666_666_666_6);
    near(ece_equal_width(&rows, 10), 0.2375);
    // From the definition: two bins a class, cut at the first change of value from the middle on.
    let halves = ece_equal_mass(&rows, 2).unwrap();
    let by_hand = Class::ALL.map(|k| {
        let mut of_class: Vec<_> = rows.iter().map(|(class, p)| (p[k.index()], *class == k)).collect();
        of_class.sort_by(|a, b| a.0.total_cmp(&b.0));
        let cut = (6..12).find(|i| of_class[*i].0 > of_class[i - 1].0).unwrap();
        let gap = |part: &[(f64, bool)]| part.iter().map(|(p, came)| f64::from(u8::from(*came)) - p).sum::<f64>().abs();
        (gap(&of_class[..cut]) + gap(&of_class[cut..])) / 12.0
    });
    assert!((halves - by_hand.iter().sum::<f64>() / 3.0).abs() < 1e-15);
}

#[test]
fn undefined_is_none() {
    assert_eq!(log_loss([]), None);
    assert_eq!(one_vs_rest(&[(Class::Buy, [0.2, 0.3, 0.5])]), None);
    assert_eq!(auc([(f64::NAN, true), (0.5, false)]), None);
    assert_eq!(Confusion::default().mcc(), None);
    assert_eq!(Confusion::of([(Class::Buy, Class::Buy, 1.0)]).balanced_accuracy(), None);
    assert_eq!((ece_equal_mass(&[], 10), ece_equal_width(&[], 10)), (None, None));
    let constant: Vec<_> = fixture().into_iter().map(|(class, _)| (class, [0.3, 0.3, 0.4])).collect();
    assert_eq!(calibration_slope(&constant), None);
    assert_eq!(quantile(&[], 0.5), None);
    assert_eq!(
        (log_loss([(Class::Buy, [1.0, 0.0, 0.0], 1.0)]), directional_surprise(Class::Hold, &[0.2, 0.5, 0.3])),
        (Some(-FLOOR.ln()), None)
    );
}

#[test]
fn the_slope_undoes_sharpening() {
    // Each probability vector comes in ten rows whose outcomes have those shares exactly: slope 1.
    let cells = [[0.5, 0.3, 0.2], [0.2, 0.5, 0.3], [0.3, 0.1, 0.6], [0.3, 0.3, 0.4]];
    let calibrated: Vec<(Class, Probabilities)> = cells
        .iter()
        .flat_map(|p| Class::ALL.into_iter().flat_map(|k| std::iter::repeat_n((k, *p), (p[k.index()] * 10.0_f64).round() as usize)))
        .collect();
    assert!((calibration_slope(&calibrated).unwrap() - 1.0).abs() < 1e-7);
    assert!(ece_equal_mass(&calibrated, 4).unwrap() < 1e-12);
    for power in [0.5, 2.0, 4.0] {
        let sharper: Vec<_> = calibrated
            .iter()
            .map(|(class, p)| {
                let raised = p.map(|v| v.powf(power));
                (*class, raised.map(|v| v / raised.iter().sum::<f64>()))
            })
            .collect();
        assert!((calibration_slope(&sharper).unwrap() - 1.0 / power).abs() < 1e-7);
    }
}

#[test]
fn quantiles_lie_on_the_line_between_neighbours() {
    let values = [1.0, 2.0, 4.0, 8.0];
    for (q, want) in [(0.0, 1.0), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
        assert!((quantile(&values, q).unwrap() - want).abs() < 1e-12);
    }
}

fn probabilities() -> impl Strategy<Value = Probabilities> {
    prop::array::uniform3(0.01..1.0_f64).prop_map(|p| p.map(|v| v / p.iter().sum::<f64>()))
}

fn any_rows() -> impl Strategy<Value = Vec<(Class, Probabilities)>> {
    prop::collection::vec((prop::sample::select(Class::ALL.to_vec()), probabilities()), 1..60)
}

proptest! {
    #[test]
    fn moving_probability_to_what_came_lowers_every_loss(rows in any_rows(), share in 0.01..0.99_f64) {
        let better: Vec<_> = rows.iter().map(|(class, p)| {
            let mut q = p.map(|v| v * (1.0 - share));
            q[class.index()] += share;
            (*class, q)
        }).collect();
        prop_assert!(log_loss(unweighted(&better)) < log_loss(unweighted(&rows)));
        prop_assert!(brier(unweighted(&better)) < brier(unweighted(&rows)));
    }

    #[test]
    fn the_area_is_the_share_of_pairs_in_order(rows in prop::collection::vec((0_u8..6, any::<bool>()), 2..40)) {
        let (mut won, mut pairs) = (0.0, 0.0);
        for (a, _) in rows.iter().filter(|r| r.1) {
            for (b, _) in rows.iter().filter(|r| !r.1) {
                pairs += 1.0;
                won += match a.cmp(b) { std::cmp::Ordering::Greater => 1.0, std::cmp::Ordering::Equal => 0.5, std::cmp::Ordering::Less => 0.0 };
            }
        }
        let got = auc(rows.iter().map(|(s, y)| (f64::from(*s), *y)));
        prop_assert_eq!(got.is_some(), pairs > 0.0);
        prop_assert!(got.is_none_or(|area| (area - won / pairs).abs() < 1e-12));
        // A rising transformation of the score changes nothing.
        prop_assert_eq!(got, auc(rows.iter().map(|(s, y)| (f64::from(*s).exp(), *y))));
    }

    #[test]
    fn a_weight_counts_like_repeated_rows(rows in prop::collection::vec((0_u8..6, any::<bool>(), 0_usize..4), 1..20)) {
        let weighted = Ranking::new(rows.iter().enumerate().map(|(i, r)| (i, f64::from(r.0), r.1))).auc(|i| rows[i].2 as f64);
        let repeated = auc(rows.iter().flat_map(|r| std::iter::repeat_n((f64::from(r.0), r.1), r.2)));
        prop_assert_eq!(weighted.is_some(), repeated.is_some());
        prop_assert!((weighted.unwrap_or(0.0) - repeated.unwrap_or(0.0)).abs() < 1e-12);
    }

    #[test]
    fn metrics_stay_in_their_ranges(rows in any_rows()) {
        let counts = Confusion::of(rows.iter().map(|(class, p)| (*class, most_probable(p), 1.0)));
        for metric in [counts.accuracy(), counts.balanced_accuracy(), counts.macro_f1(), ece_equal_mass(&rows, 10), ece_equal_width(&rows, 10)] {
            prop_assert!(metric.is_none_or(|m| (0.0..=1.0 + 1e-12).contains(&m)));
        }
        prop_assert!(counts.mcc().is_none_or(|m| m.abs() <= 1.0 + 1e-12));
        let mut reversed = rows.clone();
        reversed.reverse();
        let gap = ece_equal_mass(&rows, 5).unwrap() - ece_equal_mass(&reversed, 5).unwrap();
        prop_assert!(gap.abs() < 1e-12, "the order of rows matters");
        prop_assert!(rows.iter().all(|(_, p)| buy_share(p) > 0.0 && buy_share(p) < 1.0));
    }
}
