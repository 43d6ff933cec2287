//! One comparison of a gate: a figure, what it must be, and the words for both.

use crate::train::bootstrap::Estimate;

/// A figure that was compared with what the rules ask for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Check {
    /// The figure; `None` where the rows leave it undefined.
    pub value: Option<f64>,
    /// The side of its bootstrap interval that was compared.
    pub bound: Option<f64>,
    /// What it was compared with.
    pub threshold: Option<f64>,
    /// Whether it is as it must be. What is undefined never is.
    pub passed: bool,
    /// In words, without a full stop.
    pub words: String,
}

impl Check {
    /// The lower bound of an estimate exceeds `threshold`.
    pub fn lower_bound(name: &str, estimate: &Estimate, quantile: f64, threshold: f64) -> Self {
        let (value, bound) = (estimate.value, estimate.bound(quantile));
        let Some((value, low)) = value.zip(bound) else { return Self::undefined(name, value, threshold) };
        let words = format!(
            "{name} is {}, at least {} with {} confidence; that must exceed {}",
            figure(value),
            figure(low),
            percent(1.0 - quantile),
            figure(threshold)
        );
        Self { value: Some(value), bound, threshold: Some(threshold), passed: low > threshold, words }
    }

    /// The upper bound of an estimate is not below `threshold`.
    pub fn upper_bound(name: &str, estimate: &Estimate, quantile: f64, threshold: f64) -> Self {
        let (value, bound) = (estimate.value, estimate.bound(1.0 - quantile));
        let Some((value, high)) = value.zip(bound) else { return Self::undefined(name, value, threshold) };
        let words = format!(
            "{name} is {}, at most {} with {} confidence; that must not lie below {}",
            figure(value),
            figure(high),
            percent(1.0 - quantile),
            figure(threshold)
        );
        Self { value: Some(value), bound, threshold: Some(threshold), passed: high >= threshold, words }
    }

    /// A figure exceeds `threshold`.
    pub fn above(name: &str, value: Option<f64>, threshold: f64) -> Self {
        Self::compared(name, value, threshold, "more than", |v| v > threshold)
    }

    /// A figure is `threshold` or more.
    pub fn at_least(name: &str, value: Option<f64>, threshold: f64) -> Self {
        Self::compared(name, value, threshold, "at least", |v| v >= threshold)
    }

    /// A figure is `threshold` or less.
    pub fn at_most(name: &str, value: Option<f64>, threshold: f64) -> Self {
        Self::compared(name, value, threshold, "at most", |v| v <= threshold)
    }

    /// Something that is so or is not.
    pub fn fact(passed: bool, words: impl Into<String>) -> Self {
        Self { value: None, bound: None, threshold: None, passed, words: words.into() }
    }

    /// Adds what is worth knowing beside the comparison, if it is known.
    pub fn aside(mut self, note: Option<String>) -> Self {
        if let Some(note) = note {
            self.words = format!("{} ({note})", self.words);
        }
        self
    }

    fn compared(name: &str, value: Option<f64>, threshold: f64, relation: &str, is: impl Fn(f64) -> bool) -> Self {
        let Some(v) = value.filter(|v| v.is_finite()) else { return Self::undefined(name, None, threshold) };
        let words = format!("{name} is {}; {relation} {} is needed", figure(v), figure(threshold));
        Self { value, bound: None, threshold: Some(threshold), passed: is(v), words }
    }

    fn undefined(name: &str, value: Option<f64>, threshold: f64) -> Self {
        let words = format!("{name} cannot be measured on these rows");
        Self { value, bound: None, threshold: Some(threshold), passed: false, words }
    }
}

/// A number for a sentence: whole numbers as they are, others with three decimals, small ones with four.
pub(super) fn figure(value: f64) -> String {
    if value.fract() == 0.0 && value.abs() < 1e15 {
        format!("{value:.0}")
    } else if value.abs() < 5e-5 {
        "0.0000".to_owned()
    } else if value.abs() < 0.1 {
        format!("{value:.4}")
    } else {
        format!("{value:.3}")
    }
}

/// A share for a sentence.
pub(super) fn percent(share: f64) -> String {
    let hundredths = (share * 1000.0).round() / 10.0;
    format!("{hundredths} %")
}
