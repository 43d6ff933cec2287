//! Rows of a batch: which, in what order, and what of them is left out.

use burn::tensor::Tensor;
use proptest::prelude::*;

use super::*;
use crate::train::models::batches::{Resident, even_parts, shuffle};
use crate::train::models::noise::Noise;
use crate::train::models::quantiles::{quantile, sorted_columns};

#[test]
fn a_window_ends_at_its_rows_last_bar() {
    let toy = toy(20, 1);
    let compute = Compute::processor(1);
    let rows = Resident::new(&toy.inputs, Some(WINDOW as usize), compute.device());
    let sessions = rows.batch(&[3, 11]);
    assert_eq!(sessions.len(), WINDOW as usize);
    for (session, bars) in sessions.into_iter().enumerate() {
        let values = bars.try_into_vec_as::<f32>().unwrap();
        let bar = |row: usize| &toy.inputs.windows.series[(row + session) * SHAPE.channels..][..SHAPE.channels];
        assert_eq!(values, [bar(3), bar(11)].concat());
    }
}

#[test]
fn a_stride_shows_each_window_once_in_as_many_epochs() {
    let toy = toy(50, 1);
    let compute = Compute::processor(1);
    let windows = Resident::new(&toy.inputs, Some(WINDOW as usize), compute.device());
    let mut seen: Vec<u32> = (1..=3).flat_map(|epoch| windows.shown(epoch, 3)).collect();
    seen.sort_unstable();
    assert_eq!(seen, (0..50).collect::<Vec<_>>());
    assert!(windows.shown(1, 3).windows(2).all(|pair| pair[1] - pair[0] == 3));
    let table = Resident::new(&toy.inputs, None, compute.device());
    assert_eq!(table.shown(1, 3).len(), 50, "a table is shown whole");
}

proptest! {
    #[test]
    fn parts_are_even_and_leave_nothing_out(rows in 0_u32..500, most in 1_usize..100) {
        let all: Vec<u32> = (0..rows).collect();
        let parts: Vec<&[u32]> = even_parts(&all, most).collect();
        prop_assert_eq!(parts.concat(), all.clone());
        let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
        if let (Some(least), Some(largest)) = (lengths.iter().min(), lengths.iter().max()) {
            prop_assert!(*largest <= most && largest - least <= 1);
        }
    }

    #[test]
    fn shuffling_keeps_every_row(rows in 0_u32..300, seed in any::<u64>()) {
        let mut shuffled: Vec<u32> = (0..rows).collect();
        shuffle(&mut shuffled, &mut Stream::new(&[seed]));
        shuffled.sort_unstable();
        prop_assert_eq!(shuffled, (0..rows).collect::<Vec<_>>());
    }

    #[test]
    fn dropout_leaves_its_share_out_and_keeps_the_mean(share in 0.0_f64..0.9, seed in any::<u64>()) {
        let compute = Compute::processor(1);
        let ones: Tensor<2> = Tensor::ones([100, 100], compute.device());
        let mut noise = Noise::training(share, Stream::new(&[seed]), compute.device());
        let kept = noise.dropped(ones).try_into_vec_as::<f32>().unwrap();
        let out = kept.iter().filter(|v| **v == 0.0).count() as f64 / 1e4;
        prop_assert!((out - share).abs() < 0.03, "{} of {}", out, share);
        let mean = kept.iter().sum::<f32>() / 1e4;
        prop_assert!((mean - 1.0).abs() < 0.15, "{}", mean);
    }

    #[test]
    fn quantiles_rise_within_the_values(mut values in proptest::collection::vec(-1e3_f32..1e3, 1..50)) {
        let inputs = Inputs { width: 1, table: values.clone().into(), ..Inputs::default() };
        values.sort_unstable_by(f32::total_cmp);
        let sorted = &sorted_columns(&inputs)[0];
        prop_assert_eq!(sorted, &values);
        let at: Vec<f32> = (0..=10).map(|tenth| quantile(sorted, f64::from(tenth) / 10.0)).collect();
        prop_assert!(at.is_sorted());
        prop_assert_eq!((at[0], at[10]), (values[0], values[values.len() - 1]));
    }
}
