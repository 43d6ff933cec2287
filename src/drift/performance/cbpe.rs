//! What answers whose outcome has not come yet are expected to be worth, from their own probabilities.
//!
//! Confidence-based performance estimation, as `NannyML` has it for two classes, with all classes: a calibrated model is right as
//! often as it says. It takes the model's word, so it shows what follows from other inputs, and not that the link between
//! inputs and outcomes is lost: what has matured shows that.

use crate::labels::Class;
use crate::train::metrics::{Confusion, Probabilities, nats};

/// What is expected of answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expected {
    /// How many answers.
    pub rows: usize,
    /// Expected counts: of each decision, the summed probabilities of the outcomes.
    pub confusion: Confusion,
    /// Share of right decisions.
    pub accuracy: f64,
    /// Standard deviation of the realised share around it, of independent outcomes. Overlapping labels make it larger.
    pub accuracy_error: f64,
    /// Mean log loss, nats: the mean entropy of the answers.
    pub log_loss: f64,
    /// Standard deviation of the realised loss around it, of independent outcomes.
    pub log_loss_error: f64,
}

impl Expected {
    /// Mean recall of the classes of the expected counts; `None` unless each is expected at all.
    pub fn balanced_accuracy(&self) -> Option<f64> {
        self.confusion.balanced_accuracy()
    }
}

/// What is expected of calibrated answers with their decisions; `None` of no answers.
pub fn expected(answers: impl IntoIterator<Item = (Probabilities, Class)>) -> Option<Expected> {
    let (mut confusion, mut rows) = (Confusion::default(), 0_usize);
    let (mut right, mut right_variance, mut loss, mut loss_variance) = (0.0, 0.0, 0.0, 0.0);
    for (p, decision) in answers {
        rows += 1;
        for outcome in Class::ALL {
            confusion.0[outcome.index()][decision.index()] += p[outcome.index()];
        }
        let sure = p[decision.index()];
        right += sure;
        right_variance += sure * (1.0 - sure);
        let moment = |power: i32| p.iter().map(|v| v * nats(*v).powi(power)).sum::<f64>();
        let entropy = moment(1);
        loss += entropy;
        loss_variance += (moment(2) - entropy * entropy).max(0.0);
    }
    let n = rows as f64;
    (rows > 0).then(|| Expected {
        rows,
        confusion,
        accuracy: right / n,
        accuracy_error: right_variance.sqrt() / n,
        log_loss: loss / n,
        log_loss_error: loss_variance.sqrt() / n,
    })
}
