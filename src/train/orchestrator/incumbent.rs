//! The champion's answers on the rows a candidate is judged by.
//!
//! Where it answered a row out of fold itself, that answer counts; newer rows it is asked about now. Rows of its own hold-out it
//! has learnt from since, which favours it: a candidate is not made champion by that.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::error::TrainError;
use super::verdict::Judging;
use crate::dataset::windows::Channels;
use crate::features::registry as feature_registry;
use crate::market::{Regime, Symbol};
use crate::store::StoreError;
use crate::store::model::ModelKind;
use crate::train::ensemble::{Ensemble, EnsembleError, Rows};
use crate::train::gates::Incumbent;
use crate::train::metrics::Probabilities;
use crate::train::pipeline::fitting::on_windows;
use crate::train::registry::{self, ModelHeader, RegistryError, rules};

/// Who must be beaten. A champion that gives no signals, because it expired or learnt with other features, need not be.
pub fn answers(judging: &Judging<'_>) -> Result<Incumbent, TrainError> {
    let (run, now) = (judging.run, judging.run.order.clock.now());
    let found = run.desk.with(|db| {
        let reader = db.reader();
        // A run that was cut short after its models were promoted is not held against itself.
        let Some(champion) = reader.champion(ModelKind::Ensemble)?.filter(|c| c.run_id != run.number) else { return Ok(None) };
        let opened = rules::gives_signals(&champion, now).map_err(RegistryError::from);
        let opened = opened.and_then(|()| registry::open(reader, run.desk.folder(), &champion));
        let stored = reader.fold_predictions(champion.model_id)?;
        Ok::<_, StoreError>(Some((opened, stored)))
    })?;
    let Some((opened, stored)) = found else { return Ok(Incumbent::Vacant) };
    let champion = match opened.map(Ensemble::new) {
        Ok(Ok(champion)) => champion,
        Ok(Err(why)) => return Ok(vacant(&why.to_string())),
        Err(RegistryError::Store(e)) => return Err(e.into()),
        Err(why) => return Ok(vacant(&why.to_string())),
    };
    ask(judging, &champion, &stored)
}

fn vacant(why: &str) -> Incumbent {
    tracing::warn!(target: "train", why, "The champion gives no signals, so nothing has to be better than it");
    Incumbent::Vacant
}

fn ask(judging: &Judging<'_>, champion: &Ensemble, stored: &HashMap<(Symbol, NaiveDate), Probabilities>) -> Result<Incumbent, TrainError> {
    let judged = &judging.decided.judged;
    let known: Vec<Option<Probabilities>> = judged.iter().map(|r| stored.get(&(r.symbol, r.date)).copied()).collect();
    let asked: Vec<usize> = (0..judged.len()).filter(|i| known[*i].is_none()).collect();
    let rows: Vec<usize> = asked.iter().map(|i| judging.pool.rows[judging.decided.at[*i]]).collect();
    let answers = match judging.ask(champion, &rows) {
        Ok(answers) => answers,
        // It serves all the same, so that nothing takes its place unjudged: it answered no row, and the gate says so.
        Err(TrainError::Ensemble(why @ EnsembleError::Feature(_))) => {
            tracing::warn!(target: "train", why = %why, "The champion cannot be asked about rows without this feature; bring it back to [features] names");
            return Ok(Incumbent::Answers(Vec::new()));
        }
        Err(e) => return Err(e),
    };
    let mut all = known;
    for (i, p) in asked.into_iter().zip(answers) {
        all[i] = Some(p);
    }
    Ok(Incumbent::Answers(all.into_iter().flatten().collect()))
}

impl Judging<'_> {
    /// What an ensemble says of sample rows.
    pub fn ask(&self, ensemble: &Ensemble, rows: &[usize]) -> Result<Vec<Probabilities>, TrainError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let set = &self.data.set;
        let s = &set.samples;
        let columns = self.columns_of(ensemble.header())?;
        let table: Vec<f32> = rows.iter().flat_map(|r| columns.iter().map(|c| s.row(*r)[*c])).collect();
        let windows = ensemble.header().models.iter().any(|m| on_windows(m.name));
        let channels = Channels::of(if windows { &set.bars } else { &[] });
        let end = |r: &usize| channels.first[s.symbol[*r] as usize] as u32 + s.bar[*r];
        let last: Vec<u32> = if windows { rows.iter().map(end).collect() } else { Vec::new() };
        let regimes: Vec<Regime> = rows.iter().map(|r| s.regime[*r]).collect();
        let rows = Rows { table: &table, series: &channels.values, last: &last, regimes: &regimes };
        Ok(ensemble.answer(&rows, self.run.compute)?)
    }

    /// Where the features that a file's models see stand in a row of the data set; refused where one is not in it.
    fn columns_of(&self, header: &ModelHeader) -> Result<Vec<usize>, EnsembleError> {
        let columns = &self.data.set.columns;
        let place = |name: &String| columns.iter().position(|i| feature_registry()[*i].name == *name);
        let of = |name: &String| place(name).ok_or_else(|| EnsembleError::Feature(name.clone()));
        header.features.iter().map(of).collect()
    }
}
