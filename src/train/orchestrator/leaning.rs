//! Step 10: what the models lean on, and the baselines that drift is measured from, which step 12 freezes with the models.
//!
//! Importance is asked of the last block's models on that block's rows, which they have not seen: on rows that it learnt, a
//! model leans on what it remembers.

use std::sync::Arc;

use serde_json::{Value, json};

use super::error::TrainError;
use super::verdict::Judging;
use crate::config::strategy::ModelName;
use crate::dataset::windows::CHANNELS;
use crate::drift;
use crate::features::registry;
use crate::store::model::DriftBaseline;
use crate::train::attribution::{self, Attribution, TestRows, integrated_gradients, permutation_importance};
use crate::train::metrics::{Probabilities, nats};
use crate::train::models::{self, BaseModel, Inputs, NamedTensor, Windows};
use crate::train::pipeline::fit_seed;
use crate::train::pipeline::fitting::{FittingError, on_windows};
use crate::train::pipeline::prepared::{Forms, Prepared};

/// What step 10 found.
#[derive(Default)]
pub struct Leaning {
    /// What each model leans on.
    pub models: Vec<(ModelName, Attribution)>,
}

impl Leaning {
    /// In a few words.
    pub fn note(&self) -> String {
        let first = self.models.first().and_then(|(model, a)| Some((model, a.features.first()?)));
        first.map_or_else(String::new, |(model, f)| format!("{model} leans on {} most", f.name))
    }

    /// What a model leans on, as JSON.
    pub fn of_model(&self, name: ModelName) -> Value {
        self.models.iter().find(|(model, _)| *model == name).map_or_else(|| json!([]), |(_, a)| json!([a]))
    }

    /// What each of the models leans on, as JSON.
    pub fn of_ensemble(&self) -> Value {
        json!(self.models.iter().map(|(_, a)| a).collect::<Vec<_>>())
    }
}

/// Does the step.
pub fn lean(judging: &Judging<'_>) -> Result<Leaning, TrainError> {
    let (run, data) = (judging.run, judging.data);
    let profile = judging.terms.profile;
    let block = data.splits.blocks.last().ok_or_else(|| TrainError::NoBlocks("there is none".to_owned()))?;
    let forms = Forms::of(&profile.models);
    let prepared = judging.kitchen.prepare(&judging.kitchen.stopping(block)?, &block.test, forms);
    let (mut found, all) = (Vec::new(), profile.models.len());
    let work = |model: ModelName| {
        run.go_on()?;
        let one = judging.fits.last.get(&(model, 0));
        let Some(one) = one else { return Ok(None) };
        let asked = Asked { judging, prepared: &prepared, model };
        asked.attribute(one.weights.clone()).map(|a| Some((model, a))).map_err(|e| TrainError::of_fit(model, e))
    };
    judging.crew.each(profile.models.clone(), work, |made| {
        found.extend(made);
        run.board.parts(crate::config::strategy::Step::Attribution, found.len(), all);
        Ok(())
    })?;
    found.sort_by_key(|(model, _)| profile.models.iter().position(|m| m == model));
    Ok(Leaning { models: found })
}

/// Baselines of all features on the `rows` that the models in question learnt from, and of the answers and decisions out of
/// fold.
pub fn baselines(judging: &Judging<'_>, rows: &[usize]) -> Vec<DriftBaseline> {
    let (set, rule) = (&judging.data.set, &judging.run.order.rules.drift_detection);
    let s = &set.samples;
    let dates: Vec<_> = rows.iter().map(|r| s.date[*r]).collect();
    let names: Vec<String> = set.columns.iter().map(|i| registry()[*i].name.clone()).collect();
    let column = |number: usize| rows.iter().map(|r| f64::from(s.row(*r)[number])).collect();
    let mut out = drift::of_columns(&dates, &names, column, rule);
    let judged = &judging.decided.judged;
    let dates: Vec<_> = judged.iter().map(|r| r.date).collect();
    let answers: Vec<Probabilities> = judged.iter().map(|r| r.p).collect();
    let decisions: Vec<_> = judged.iter().map(|r| r.decision).collect();
    out.extend(drift::of_answers(&dates, &answers, &decisions, rule));
    out.into_iter().map(|frozen| DriftBaseline { sketch: frozen.sketch, ..frozen.baseline }).collect()
}

/// One model of the last block, asked about its test rows.
struct Asked<'a> {
    judging: &'a Judging<'a>,
    prepared: &'a Prepared,
    model: ModelName,
}

impl Asked<'_> {
    fn attribute(&self, weights: Vec<NamedTensor>) -> Result<Attribution, FittingError> {
        let (run, terms) = (self.judging.run, self.judging.terms);
        let rule = &run.order.rules.attribution;
        let loaded = models::load(self.model, terms.ensemble, terms.shape(), weights)?;
        let (names, columns, values) = self.rows();
        let inputs = attribution::Inputs { names: &names, columns: &columns };
        let s = &self.judging.data.set.samples;
        let of = |row: &usize| (s.date[*row], s.symbol[*row], s.class[*row]);
        let mut test = (Vec::new(), Vec::new(), Vec::new());
        for (date, symbol, class) in self.prepared.test.iter().map(of) {
            test.0.push(date);
            test.1.push(symbol);
            test.2.push(class);
        }
        let rows = TestRows { values: &values, dates: &test.0, symbols: &test.1, classes: &test.2 };
        let predict = |values: &[f32]| self.ask(loaded.as_ref(), values);
        let seed = fit_seed(run.order.seed, self.model, 0, u32::MAX);
        let importance = permutation_importance(&inputs, &rows, predict, rule, seed)?;
        let centred = |values: &[f32]| self.ask(loaded.as_ref(), values).map(|all| all.iter().map(log_odds).collect());
        let gradients = |values: &[f32], class| Ok(loaded.input_gradients(&self.inputs(values), class, terms.compute)?);
        let gradients = integrated_gradients::<FittingError>(&inputs, &values, centred, gradients, rule)?;
        Ok(Attribution::new(&self.model.to_string(), &names, &importance, gradients.as_ref(), rule.top_features as usize))
    }

    fn ask(&self, model: &dyn BaseModel, values: &[f32]) -> Result<Vec<Probabilities>, FittingError> {
        // Nothing is kept of a part of this step, so there is nothing to wait for.
        if self.judging.run.order.stop.gently.is_cancelled() {
            return Err(models::FitError::Cancelled(self.model).into());
        }
        self.judging.terms.ask(model, &self.inputs(values))
    }

    /// Names, the name of each column, and the rows as the model reads them.
    fn rows(&self) -> (Vec<String>, Vec<usize>, Vec<f32>) {
        if !on_windows(self.model) {
            let names: Vec<String> = self.judging.data.set.columns.iter().map(|i| registry()[*i].name.clone()).collect();
            let columns = (0..names.len()).collect();
            return (names, columns, self.prepared.table.test.table.to_vec());
        }
        let (windows, sessions) = (&self.prepared.windows.test.windows, self.sessions());
        let columns = (0..sessions).flat_map(|_| 0..CHANNELS.len()).collect();
        let window = |last: &u32| {
            let end = (*last as usize + 1) * CHANNELS.len();
            windows.series[end - sessions * CHANNELS.len()..end].iter().copied()
        };
        (CHANNELS.map(str::to_owned).to_vec(), columns, windows.last.iter().flat_map(window).collect())
    }

    /// Sessions of the model's window.
    fn sessions(&self) -> usize {
        let ensemble = self.judging.terms.ensemble;
        (if self.model == ModelName::Gru { ensemble.gru.window_sessions } else { ensemble.tcn.window_sessions }) as usize
    }

    /// Rows as [`Self::rows`] gives them, in the model's form. Each window has a series of its own, so that it can be moved.
    fn inputs(&self, values: &[f32]) -> Inputs {
        if !on_windows(self.model) {
            return Inputs { width: self.judging.data.set.samples.width, table: values.to_vec().into(), ..Inputs::default() };
        }
        let sessions = self.sessions();
        let rows = values.len() / (sessions * CHANNELS.len());
        let last = (1..=rows).map(|row| (row * sessions - 1) as u32).collect();
        Inputs { windows: Windows { channels: CHANNELS.len(), series: Arc::new(values.to_vec()), last }, ..Inputs::default() }
    }
}

/// `ln p_k - mean ln p`: contributions to it add up, and a gradient of it does not vanish where a model is sure.
fn log_odds(p: &Probabilities) -> Probabilities {
    let logs = p.map(|v| -nats(v));
    let mean = logs.iter().sum::<f64>() / logs.len() as f64;
    logs.map(|v| v - mean)
}
