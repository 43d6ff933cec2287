//! What is found without sorting is what is found with it.

use proptest::prelude::*;

use super::rule;
use crate::config::strategy::DriftDetection;
use crate::drift::measure::{Distances, distances, of_columns};
use crate::drift::*;
use crate::random::Stream;

/// The same by the functions that look at one sample after the other.
fn plainly(reference: &[f64], current: &[f64], rule: &DriftDetection) -> Distances {
    let bins = Bins::of(reference.iter().copied(), rule.bins);
    let [reference_counts, current_counts] = [reference, current].map(|values| bins.counts(values.iter().copied()));
    let (now, then) = (shares(&current_counts, rule.smoothing), shares(&reference_counts, rule.smoothing));
    let (psi, kl) = (stability(&now, &then), divergence(&now, &then));
    let binned = measure::Binned { bins, reference: reference_counts, current: current_counts };
    Distances { psi, kl, ks: kolmogorov_smirnov(reference, current), binned }
}

/// Values of a kind: few different ones, many ties, or none; some missing.
fn sample(longest: usize) -> impl Strategy<Value = Vec<f64>> {
    let grid = prop_oneof![Just(1.0), Just(0.25), Just(1e-3), Just(1e-9)];
    let value = prop_oneof![8 => (-4.0..4.0_f64).boxed(), 1 => Just(f64::NAN).boxed(), 1 => prop::sample::select(vec![-1e6, -0.0, 0.0, 3e9]).boxed()];
    (grid, prop::collection::vec(value, 0..longest))
        .prop_map(|(grid, values)| values.iter().map(|v: &f64| (v / grid).round() * grid).collect())
}

proptest! {
    #[test]
    fn distances_are_those_of_sorted_samples(reference in sample(700), current in sample(300), bins in 2_u32..14) {
        let rule = DriftDetection { bins, ..rule() };
        prop_assert_eq!(distances(&reference, &current, &rule), plainly(&reference, &current, &rule));
    }

    #[test]
    fn samples_far_from_each_other_are_no_exception(reference in sample(300), current in sample(200), by in prop::sample::select(vec![-1e4, 5.0, 1e12]), times in prop::sample::select(vec![0.0, 1e-4, 10.0])) {
        let moved: Vec<f64> = current.iter().map(|v| by + times * v).collect();
        prop_assert_eq!(distances(&reference, &moved, &rule()), plainly(&reference, &moved, &rule()));
    }

    #[test]
    fn a_sketch_is_within_half_of_a_1024th(reference in sample(5_000), current in sample(400)) {
        let present: Vec<f64> = reference.iter().copied().filter(|v| !v.is_nan()).collect();
        let mut sorted = present.clone();
        sorted.sort_by(f64::total_cmp);
        let kept = order_statistics(&sorted);
        let sketch = Sketch::new(&kept, present.len() as u64);
        let (near, exact) = (sketch.distance(&current), kolmogorov_smirnov(&reference, &current));
        prop_assert_eq!(near.is_some(), exact.is_some());
        if let (Some(near), Some(exact)) = (near, exact) {
            let off = (near.distance - exact.distance).abs();
            prop_assert!(off <= 1.0 / 2048.0 + 1e-12, "{} is not {}", near.distance, exact.distance);
            prop_assert!(present.len() > 1025 || off < 1e-12);
        }
        for t in &current {
            let share = present.iter().filter(|v| **v <= *t).count() as f64 / present.len().max(1) as f64;
            prop_assert!(t.is_nan() || (sketch.share(*t) - share).abs() <= 1.0 / 2048.0 + 1e-12);
        }
    }
}

#[test]
fn long_columns_of_all_kinds_in_parallel() {
    let rule = rule();
    let mut stream = Stream::new(&[11]);
    let mut draw = |n: usize, kind: usize, shift: f64| -> Vec<f32> {
        let one = |stream: &mut Stream| match kind {
            0 => stream.normal() + shift,
            1 => (2.0 * stream.normal() + shift).exp(),
            2 => (3.0 * stream.uniform()).floor(),
            3 if stream.uniform() < 0.97 => 0.0,
            3 => stream.normal(),
            4 => f64::NAN,
            5 => 7.0 + shift,
            _ => 1e6 * (stream.normal() + shift).round() + 1e-6 * stream.normal(),
        };
        (0..n).map(|_| one(&mut stream) as f32).collect()
    };
    let columns: Vec<[Vec<f32>; 2]> = (0..7).map(|kind| [draw(30_000, kind, 0.0), draw(5_000, kind, 0.3)]).collect();
    let found = of_columns(7, |c| columns[c][0].as_slice().into(), |c| columns[c][1].as_slice().into(), &rule);
    for (kind, (found, column)) in found.iter().zip(&columns).enumerate() {
        let [reference, current] = column.each_ref().map(|values| values.iter().map(|v| f64::from(*v)).collect::<Vec<f64>>());
        assert_eq!(*found, plainly(&reference, &current, &rule), "column {kind}");
    }
}

#[test]
fn a_sketch_keeps_all_of_few_values_and_the_ends_of_many() {
    let values: Vec<f64> = (0..3_000).map(f64::from).collect();
    assert_eq!(order_statistics(&values[..1_025]), values[..1_025]);
    let kept = order_statistics(&values);
    assert_eq!((kept.len(), kept[0], kept[1_024]), (1_025, 0.0, 2_999.0));
    assert!(kept.windows(2).all(|w| (2.0..=3.0).contains(&(w[1] - w[0]))));
    assert!(order_statistics(&[]).is_empty());
    let sketch = Sketch::new(&kept, 3_000);
    assert_eq!((sketch.share(-1.0), sketch.share(2_999.0)), (0.0, 1.0));
    assert_eq!(sketch.distance(&[f64::NAN]), None);
}
