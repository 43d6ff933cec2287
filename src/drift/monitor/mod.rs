//! A night's look at drift: what the model in service sees, says and was worth, against what it was trained on.
//!
//! [`look`] reads the newest sessions ([`window`]), measures features and answers against the model's baselines, judges matured
//! predictions against validation ([`worth`]), steps the episodes of alarms ([`episodes`]), and records all of it with what
//! follows from a critical verdict in one transaction. The drift job calls it. Nothing here promotes a model.

mod answers;
mod episodes;
mod night;
mod window;
mod worth;

pub use window::thinned;

use crate::scan::choice::answering;
use crate::scan::{WatchError, WatchOrder};
use crate::store::model::ModelDb;

/// Subject of the share of features that have drifted, and of all statistics of performance together.
pub const DATA_SET: &str = "data_set";
/// Subject of the mix of decisions.
pub const MIX: &str = "mix";
/// Subject of the accuracy that the probabilities of open answers promise.
pub const EXPECTED_ACCURACY: &str = "expected_accuracy";
/// See [`DATA_SET`].
pub const PERFORMANCE: &str = "performance";

/// What a look came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// In a sentence.
    pub words: String,
    /// Lines for the story of the run.
    pub told: Vec<String>,
    /// A challenger is owed.
    pub challenger: bool,
}

/// Looks at the drift of a strategy's model. Blocks, and uses all cores.
pub fn look(db: &mut ModelDb, order: &WatchOrder<'_>) -> Result<Looked, WatchError> {
    let Some(model) = answering(db.reader())? else {
        return Ok(Looked {
            words: "nothing was trained yet, so there is nothing to drift from".to_owned(),
            told: vec![],
            challenger: false,
        });
    };
    let baselines = db.reader().drift_baselines(model.model_id)?;
    if baselines.is_empty() {
        let words = format!("model {} has no baselines: a newer training makes some", model.model_id);
        return Ok(Looked { words, told: vec![], challenger: false });
    }
    let window = window::Window::read(db, order, &model, &baselines)?;
    let seen = window.features(&baselines);
    let said = answers::said(db.reader(), order, &model, &window)?;
    let worth = worth::worth(db.reader(), order, &model, &window)?;
    if order.stop.is_cancelled() {
        return Err(WatchError::Stopped);
    }
    night::record(db, order, &model, &night::Found { window: &window, seen, said, worth })
}
