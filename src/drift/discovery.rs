//! Many tests at once: the false discovery rate.

/// Adjusted p of each test (Benjamini and Hochberg 1995): those at most q are the discoveries of which a share of q at
/// most is expected to be false. NaN counts as 1.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let value = |i: usize| if p[i].is_nan() { 1.0 } else { p[i] };
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| value(*a).total_cmp(&value(*b)));
    let mut adjusted = vec![1.0; p.len()];
    let mut least = 1.0_f64;
    for (rank, &i) in order.iter().enumerate().rev() {
        least = least.min(value(i) * p.len() as f64 / (rank + 1) as f64);
        adjusted[i] = least;
    }
    adjusted
}
