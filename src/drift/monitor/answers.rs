//! What the model says of the window's rows that it has not learnt from, against what it said out of fold.

use chrono::NaiveDate;

use super::MIX;
use super::night::Subject;
use super::window::{Window, measure};
use crate::config::strategy::DriftDetection;
use crate::dataset::recent::RowAt;
use crate::drift::{Bins, Family, Measured, compare_mix, of_columns};
use crate::labels::Class;
use crate::scan::{WatchError, WatchOrder};
use crate::store::model::{DriftBaseline, FoldPrediction, Model, ModelReader};
use crate::train::asking::Asking;
use crate::train::calibrate::by_lift;
use crate::train::ensemble::Ensemble;
use crate::train::metrics::Probabilities;
use crate::train::models::Compute;
use crate::train::pipeline::pooled::resampling;
use crate::train::registry::{self, ModelFolder, RegistryError};

/// What was asked.
pub struct Said {
    /// `p_buy`, `p_sell` and `mix`; none where the model could not be asked.
    pub subjects: Vec<Subject>,
    /// Why it could not.
    pub why_none: Option<String>,
}

/// Asks the model about all rows of the window after the last date it knows of.
pub fn said(reader: &ModelReader, order: &WatchOrder<'_>, model: &Model, window: &Window) -> Result<Said, WatchError> {
    let none = |why: String| Ok(Said { subjects: Vec::new(), why_none: Some(format!("model {} cannot be asked: {why}", model.model_id)) });
    let ensemble = match registry::open(reader, &ModelFolder::new(order.data_dir, order.strategy), model) {
        Err(RegistryError::Store(e)) => return Err(e.into()),
        Err(e) => return none(e.to_string()),
        Ok(saved) => match Ensemble::new(saved) {
            Err(e) => return none(e.to_string()),
            Ok(ensemble) => ensemble,
        },
    };
    let failed = |cause| WatchError::Model { model_id: model.model_id, cause };
    let asking = Asking::new(&ensemble, &window.recent).map_err(failed)?;
    let rows: Vec<RowAt> = window.rows(0).filter(|row| window.recent.date(*row) > model.trained_to).collect();
    let answers = asking.ask(&rows, &Compute::processor(rayon::current_num_threads())).map_err(failed)?;
    let (prior, edge) = (&ensemble.header().prior, order.rules.ensemble.min_edge);
    let known: Vec<(NaiveDate, Probabilities)> =
        rows.iter().zip(&answers).filter_map(|(row, p)| Some((window.recent.date(*row), (*p)?))).collect();
    let decided: Vec<(NaiveDate, Class)> = known.iter().map(|(date, p)| (*date, by_lift(p, prior, edge))).collect();
    let out_of_fold = reader.out_of_fold(model.model_id)?;
    let mut subjects = sides(&out_of_fold, &known, &order.rules.drift_detection);
    subjects.extend(mix(&out_of_fold, order, &decided));
    Ok(Said { subjects, why_none: None })
}

/// P(BUY) and P(SELL) against those out of fold. There are as many sessions as there have been since the model learnt, so chance is
/// measured anew by windows of that length; a frozen baseline has those of another one.
fn sides(out_of_fold: &[FoldPrediction], known: &[(NaiveDate, Probabilities)], rule: &DriftDetection) -> Vec<Subject> {
    let mut dates: Vec<NaiveDate> = known.iter().map(|(date, _)| *date).collect();
    dates.sort_unstable();
    dates.dedup();
    let sessions = dates.len().max(1) as u32;
    let same_length = DriftDetection { window_sessions: sessions, step_sessions: rule.step_sessions.min(sessions), ..rule.clone() };
    let reference: Vec<NaiveDate> = out_of_fold.iter().map(|p| p.date).collect();
    let of = |(name, side): (&str, Class)| {
        let column = |_| out_of_fold.iter().map(|p| p.p[side.index()]).collect();
        let frozen = of_columns(&reference, &[name.to_owned()], column, &same_length).pop()?;
        let values: Vec<f64> = known.iter().map(|(_, p)| p[side.index()]).collect();
        Some(measure(&DriftBaseline { sketch: frozen.sketch, ..frozen.baseline }, &values, Family::Answers))
    };
    [("p_buy", Class::Buy), ("p_sell", Class::Sell)].into_iter().filter_map(of).collect()
}

/// The mix of decisions against that out of fold; `None` where nothing is kept of either.
fn mix(out_of_fold: &[FoldPrediction], order: &WatchOrder<'_>, decided: &[(NaiveDate, Class)]) -> Option<Subject> {
    let reference: Vec<(NaiveDate, Class)> = out_of_fold.iter().map(|p| (p.date, p.decision)).collect();
    let (rule, draws) = (&order.rules.drift_detection, resampling(order.rules, u64::from(order.rules.ensemble.seed)));
    let found = compare_mix(&reference, decided, rule.smoothing, draws)?;
    let measured = Measured { subject: MIX.to_owned(), family: Family::Answers, shift: found.shift, ks: None, uncalibrated: None };
    let counts = Bins::between(&[1.0, 2.0]).counts(decided.iter().map(|(_, class)| class.index() as f64));
    Some(Subject { measured, counts, sketch: Vec::new() })
}
