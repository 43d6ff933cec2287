//! What was decided against what came, and the metrics that follow from those counts alone.

use crate::labels::Class;

const K: usize = Class::COUNT;

/// Weighted counts: rows are outcomes, columns are decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Confusion(pub [[f64; K]; K]);

impl Confusion {
    /// Counts outcomes with their decisions and weights.
    pub fn of(rows: impl IntoIterator<Item = (Class, Class, f64)>) -> Self {
        let mut counts = Self::default();
        for (outcome, decision, weight) in rows {
            counts.0[outcome.index()][decision.index()] += weight;
        }
        counts
    }

    /// Weight of all rows.
    pub fn total(&self) -> f64 {
        self.0.iter().flatten().sum()
    }

    /// Weight of an outcome.
    pub fn came(&self, class: Class) -> f64 {
        self.0[class.index()].iter().sum()
    }

    /// Weight of a decision.
    pub fn decided(&self, class: Class) -> f64 {
        self.0.iter().map(|row| row[class.index()]).sum()
    }

    /// Weight of decisions for a class that came.
    pub fn right(&self, class: Class) -> f64 {
        self.0[class.index()][class.index()]
    }

    /// Share of decisions that were right.
    pub fn accuracy(&self) -> Option<f64> {
        ratio(Class::ALL.iter().map(|k| self.right(*k)).sum(), self.total())
    }

    /// Share of an outcome that was decided for.
    pub fn recall(&self, class: Class) -> Option<f64> {
        ratio(self.right(class), self.came(class))
    }

    /// Share of a decision that was right.
    pub fn precision(&self, class: Class) -> Option<f64> {
        ratio(self.right(class), self.decided(class))
    }

    /// Mean recall of the classes; `None` unless all came. Chance is 1/3.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        mean_of(|k| self.recall(k))
    }

    /// Mean over classes of the harmonic mean of precision and recall; `None` unless each came or was decided for.
    pub fn macro_f1(&self) -> Option<f64> {
        mean_of(|k| ratio(2.0 * self.right(k), self.came(k) + self.decided(k)))
    }

    /// Correlation of decisions and outcomes (Gorodkin 2004, `R_K`); `None` where either never varies.
    pub fn mcc(&self) -> Option<f64> {
        let (n, right) = (self.total(), Class::ALL.iter().map(|k| self.right(*k)).sum::<f64>());
        let both = |f: &dyn Fn(Class) -> f64| Class::ALL.iter().map(|k| f(*k)).sum::<f64>();
        let chance = both(&|k| self.came(k) * self.decided(k));
        let spread = (n * n - both(&|k| self.came(k).powi(2))) * (n * n - both(&|k| self.decided(k).powi(2)));
        ratio(right * n - chance, spread.sqrt())
    }

    /// Agreement beyond what the margins give by chance (Cohen 1960).
    pub fn kappa(&self) -> Option<f64> {
        let n = self.total();
        let chance = Class::ALL.iter().map(|k| self.came(*k) * self.decided(*k)).sum::<f64>() / (n * n);
        ratio(self.accuracy()? - chance, 1.0 - chance)
    }

    /// Share of the decisions for `side` that came true among those whose outcome was not HOLD.
    pub fn directional_precision(&self, side: Class) -> Option<f64> {
        let column = |outcome: Class| self.0[outcome.index()][side.index()];
        ratio(self.right(side), column(Class::Buy) + column(Class::Sell))
    }

    /// Share of `side` among the outcomes that were not HOLD: what directional precision is without any knowledge.
    pub fn directional_base(&self, side: Class) -> Option<f64> {
        ratio(self.came(side), self.came(Class::Buy) + self.came(Class::Sell))
    }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn mean_of(value: impl Fn(Class) -> Option<f64>) -> Option<f64> {
    Class::ALL.into_iter().map(value).sum::<Option<f64>>().map(|sum| sum / K as f64)
}
