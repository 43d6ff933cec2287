//! Kernels against the formulas as a textbook writes them, against slices of themselves, and on flat windows.

use proptest::prelude::*;

use super::*;

/// A named kernel with its parameters filled in: the whole column, NaN before the first full window.
type Column = (&'static str, fn(&[f64], usize, Range<usize>, &mut [f64]));

const COLUMNS: [Column; 19] = [
    ("sum", sum),
    ("mean", mean),
    ("sd0", |x, n, rows, out| spread(x, n, rows, out, |s| s.sd(0))),
    ("sd1", |x, n, rows, out| spread(x, n, rows, out, |s| s.sd(1))),
    ("zscore", |x, n, rows, out| spread(x, n, rows, out, |s| if s.squares == 0.0 { 0.0 } else { (s.newest - s.mean) / s.sd(1) })),
    ("skew", |x, n, rows, out| shape(x, n, rows, out, |s| s.skewness())),
    ("kurtosis", |x, n, rows, out| shape(x, n, rows, out, |s| s.kurtosis())),
    ("share", |x, n, rows, out| share(x, &x[rows.clone()], n, rows, out, |value, newest| value <= newest)),
    ("max", max),
    ("min", min),
    ("age of max", |x, n, rows, out| latest_age(x, n, rows, out, |a, b| a > b)),
    ("age of min", |x, n, rows, out| latest_age(x, n, rows, out, |a, b| a < b)),
    ("drawdown", worst_drawdown),
    ("slope", |x, n, rows, out| line::<1>(x, n, rows, out, |l| l.slope())),
    ("r2", |x, n, rows, out| line::<1>(x, n, rows, out, |l| l.r2())),
    ("t", |x, n, rows, out| line::<1>(x, n, rows, out, |l| l.t_statistic())),
    ("correlation", |x, n, rows, out| pairs(x, &twin(x), n, rows, out, |p| p.correlation())),
    ("beta", |x, n, rows, out| pairs(x, &twin(x), n, rows, out, |p| p.beta())),
    ("walk", |x, n, rows, out| pairs_with_walk(x, &twin(x), n, rows, out, |p| p.correlation())),
];

/// A second column that a value of the first decides alone.
fn twin(x: &[f64]) -> Vec<f64> {
    x.iter().map(|x| (x * 12.9898).sin() + x * 0.01).collect()
}

fn powers(x: &[f64], k: i32) -> f64 {
    let mean = x.iter().sum::<f64>() / x.len() as f64;
    x.iter().map(|x| (x - mean).powi(k)).sum()
}

fn products(x: &[f64], y: &[f64]) -> f64 {
    let (mx, my) = (x.iter().sum::<f64>() / x.len() as f64, y.iter().sum::<f64>() / y.len() as f64);
    x.iter().zip(y).map(|(x, y)| (x - mx) * (y - my)).sum()
}

/// The textbook's answer for one window.
fn naive(name: &str, w: &[f64]) -> f64 {
    let n = w.len() as f64;
    let newest = w[w.len() - 1];
    let mean = w.iter().sum::<f64>() / n;
    let times: Vec<f64> = (0..w.len()).map(|i| i as f64).collect();
    let other = twin(w);
    let sd = |ddof: f64| (powers(w, 2) / (n - ddof)).sqrt();
    let slope = products(&times, w) / powers(&times, 2);
    let best = |better: fn(f64, f64) -> bool| {
        let at = (0..w.len()).rev().find(|&i| !w.iter().any(|&v| better(v, w[i]))).unwrap();
        (w.len() - 1 - at) as f64
    };
    match name {
        "sum" => w.iter().sum(),
        "mean" => mean,
        "sd0" => sd(0.0),
        "sd1" => sd(1.0),
        "zscore" => (newest - mean) / sd(1.0),
        "skew" => (n * (n - 1.0)).sqrt() / (n - 2.0) * (powers(w, 3) / n) / (powers(w, 2) / n).powf(1.5),
        "kurtosis" => (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * (n * powers(w, 4) / powers(w, 2).powi(2) - 3.0) + 6.0),
        "share" => w.iter().filter(|v| **v <= newest).count() as f64 / n,
        "max" => w.iter().copied().fold(f64::MIN, f64::max),
        "min" => w.iter().copied().fold(f64::MAX, f64::min),
        "age of max" => best(|a, b| a > b),
        "age of min" => best(|a, b| a < b),
        "drawdown" => (0..w.len()).map(|i| w[i] / w[..=i].iter().copied().fold(0.0, f64::max) - 1.0).fold(0.0, f64::min),
        "slope" => slope,
        "r2" => products(&times, w).powi(2) / (powers(&times, 2) * powers(w, 2)),
        "t" => {
            let errors: f64 = times.iter().zip(w).map(|(t, v)| (v - mean - slope * (t - (n - 1.0) / 2.0)).powi(2)).sum();
            slope / (errors / (n - 2.0) / powers(&times, 2)).sqrt()
        }
        "correlation" => products(w, &other) / (powers(w, 2) * powers(&other, 2)).sqrt(),
        "beta" => products(w, &other) / powers(&other, 2),
        "walk" => {
            let walk: Vec<f64> = (1..=w.len()).map(|steps| 1e3 + other[..steps].iter().sum::<f64>()).collect();
            products(w, &walk) / (powers(w, 2) * powers(&walk, 2)).sqrt()
        }
        _ => f64::NAN,
    }
}

fn whole(column: Column, x: &[f64], n: usize) -> Vec<f64> {
    let mut out = vec![f64::NAN; x.len()];
    column.1(x, n, n - 1..x.len(), &mut out[n - 1..]);
    out
}

/// Prices with ties: cents on a short scale.
fn prices() -> impl Strategy<Value = Vec<f64>> {
    prop::collection::vec((900u32..1100).prop_map(|cents| f64::from(cents) / 10.0), 40..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn kernels_give_the_textbooks_figures(x in prices(), n in 4usize..40) {
        for column in COLUMNS {
            let got = whole(column, &x, n);
            for t in n - 1..x.len() {
                let window = &x[t + 1 - n..=t];
                if powers(window, 2) == 0.0 { continue }
                let wanted = naive(column.0, window);
                let near = (got[t] - wanted).abs() <= 1e-9 * wanted.abs().max(1.0);
                prop_assert!(near, "{} of {n} at {t}: {} for {wanted}", column.0, got[t]);
            }
        }
    }

    #[test]
    fn a_slice_of_the_tail_gives_the_same_bits(x in prices(), n in 4usize..40, cut in 0.0..1.0) {
        for column in COLUMNS {
            let all = whole(column, &x, n);
            let row = n - 1 + (cut * (x.len() - n) as f64) as usize;
            let tail = whole(column, &x[row + 1 - n..], n);
            for (t, value) in tail.iter().enumerate().skip(n - 1) {
                prop_assert_eq!(value.to_bits(), all[row + 1 - n + t].to_bits(), "{} of {} at {}", column.0, n, t);
            }
        }
    }

    #[test]
    fn flat_windows_are_flat_on_every_scale(level in 1e-12..1e12f64, n in 4usize..40) {
        let x = vec![level; 64];
        for column in COLUMNS {
            let wanted = match column.0 {
                "sum" => n as f64 * level,
                "mean" | "max" | "min" => level,
                "share" => 1.0,
                _ => 0.0,
            };
            for value in &whole(column, &x, n)[n - 1..] {
                prop_assert!((value - wanted).abs() <= 1e-12 * wanted, "{} of {n} x {level}: {value}", column.0);
            }
            prop_assert!(column.0 != "mean" || whole(column, &x, n)[n] == level, "The mean of equal values is that value");
        }
    }
}

#[test]
fn values_that_differ_by_rounding_are_flat_at_any_size() {
    for level in [1e-9, 1.0, 1e9] {
        let x: Vec<f64> = (0..40).map(|i| level * (1.0 + f64::EPSILON * f64::from(i % 3))).collect();
        for column in COLUMNS.iter().filter(|c| ["sd1", "zscore", "skew", "kurtosis", "r2", "correlation"].contains(&c.0)) {
            assert!(whole(*column, &x, 20)[19..].iter().all(|v| *v == 0.0), "{} at {level}", column.0);
        }
    }
}

#[test]
fn small_moves_are_not_flat_at_any_size() {
    for level in [1e-9, 1.0, 1e9] {
        let x: Vec<f64> = (0..40).map(|i| level * (1.0 + 1e-9 * f64::from(i % 3))).collect();
        assert!(whole(COLUMNS[3], &x, 20)[19..].iter().all(|sd| *sd > 0.0), "{level}");
    }
}

#[test]
fn an_unknown_value_makes_its_windows_unknown_and_no_other() {
    let mut x: Vec<f64> = (0..60).map(|i| f64::from(i * 37 % 11)).collect();
    x[30] = f64::NAN;
    for column in COLUMNS.iter().filter(|c| ["sum", "mean", "sd1", "skew", "kurtosis", "r2", "t", "correlation", "beta"].contains(&c.0)) {
        for (t, value) in whole(*column, &x, 10).iter().enumerate().skip(9) {
            assert_eq!(value.is_nan(), (30..40).contains(&t), "{} at {t}", column.0);
        }
    }
}

#[test]
fn a_line_takes_every_nth_value_and_ends_at_the_row() {
    let x: Vec<f64> = (0..90).map(|i| f64::from(i * i % 97)).collect();
    let mut got = vec![0.0; 90 - 60];
    line::<5>(&x, 13, 60..90, &mut got, |l| l.r2());
    for (row, value) in (60..90).zip(got) {
        let points: Vec<f64> = (0..13).map(|i| x[row - 60 + 5 * i]).collect();
        assert!((value - naive("r2", &points)).abs() < 1e-12, "{row}");
    }
}

#[test]
fn a_multiple_of_a_column_leaves_no_residual_of_it_and_another_column_does() {
    let x: Vec<f64> = (0..80).map(|i| f64::from(i * 37 % 11) / 700.0).collect();
    let triple: Vec<f64> = x.iter().map(|x| 3.0 * x + 0.1).collect();
    let mut out = [1.0; 21];
    pairs(&triple, &x, 60, 59..80, &mut out, |p| p.residual());
    assert_eq!(out, [0.0; 21]);
    pairs(&twin(&x), &x, 60, 59..80, &mut out, |p| p.residual());
    assert!(out.iter().all(|left| *left > 0.0), "{out:?}");
}
