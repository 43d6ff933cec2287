//! How far two binned distributions lie apart.

/// Shares of bins from counts, `smoothing` added to each before they are normalised, so that they are a distribution
/// and none is 0.
pub fn shares(counts: &[f64], smoothing: f64) -> Vec<f64> {
    let total: f64 = counts.iter().map(|n| n + smoothing).sum();
    counts.iter().map(|n| (n + smoothing) / total).collect()
}

/// Kullback-Leibler divergence of `current` from `reference` in nats: the sum of c ln(c / r). Infinite where the reference has
/// nothing and the current something.
pub fn divergence(current: &[f64], reference: &[f64]) -> f64 {
    current.iter().zip(reference).filter(|(c, _)| **c > 0.0).map(|(c, r)| c * (c / r).ln()).sum()
}

/// What each bin adds to [`stability`].
pub fn stability_terms(current: &[f64], reference: &[f64]) -> Vec<f64> {
    let term = |(c, r): (&f64, &f64)| if c == r { 0.0 } else { (c - r) * (c / r).ln() };
    current.iter().zip(reference).map(term).collect()
}

/// Population stability index: the divergences of the two from each other, added; symmetric and at least 0.
pub fn stability(current: &[f64], reference: &[f64]) -> f64 {
    stability_terms(current, reference).iter().sum()
}
