//! Step 12: the hold-out for what passed, the models on record, the champion's place, and errors to be learnt again.

use chrono::NaiveDate;
use serde_json::json;

use super::error::TrainError;
use super::fits::One;
use super::leaning::{Leaning, baselines};
use super::verdict::{Judging, Scored};
use crate::config::strategy::{ModelName, Step};
use crate::dataset::Normaliser;
use crate::features::registry as feature_registry;
use crate::labels::Class;
use crate::labels::splits::{Block, Proof};
use crate::store::model::{DriftBaseline, FoldPrediction, HoldoutFigures, Model, ModelDb, ModelKind, TestBlock, TestRecord};
use crate::train::ensemble::{Ensemble, sizes};
use crate::train::gates::{Judged, Report, Verdict, estimates};
use crate::train::metrics::Probabilities;
use crate::train::model_views::ModelState;
use crate::train::models::NamedTensor;
use crate::train::pipeline::economics::trade;
use crate::train::pipeline::fit_seed;
use crate::train::pipeline::pooled::{Outcomes, Pool, judged_row, lift, resampling};
use crate::train::pipeline::prepared::{All, Forms, Learn, Prepared};
use crate::train::progress::TrainingState;
use crate::train::registry::{self, Actor, BaseModel, ModelHeader, RegistryError, SavedModels, Scored as Registered, weight_name};
use crate::train::sharpe::Track;

/// What is put on record.
pub struct Recording<'a> {
    pub judging: &'a Judging<'a>,
    pub scored: &'a Scored,
    pub leaning: &'a Leaning,
    pub report: &'a Report,
}

/// Final models on their way into a file.
struct Ready {
    prepared: Prepared,
    weights: Vec<(ModelName, u32, Vec<NamedTensor>)>,
    trained_to: NaiveDate,
}

impl Recording<'_> {
    /// Does the step and ends the run.
    pub fn record(&self) -> Result<(), TrainError> {
        let run = self.judging.run;
        run.board.begin(Step::Record);
        let first = self.first_fit()?;
        let passed = !matches!(self.report.verdict, Verdict::Reject { .. });
        let mut report = self.report.clone();
        let ready = if passed {
            match self.read_holdout(&first)? {
                Some(reason) => {
                    report.verdict = Verdict::Reject { reasons: vec![reason] };
                    first
                }
                None => self.refit()?,
            }
        } else {
            first
        };
        run.go_on()?;
        let saved = self.saved(&ready)?;
        let (state, outcome) = self.register(&saved, &report)?;
        run.board.done(Step::Record, outcome.clone());
        run.board.finish(state, outcome.clone());
        run.desk.end(&run.board.view(), Some(&report.results), None)?;
        // After the end: learnt errors change what a run of the same data learns from, and this one must not be one of them.
        if let Err(e) = self.replay() {
            tracing::warn!(target: "train", run = run.number, error = %e, "Its errors will not be learnt again");
        }
        tracing::info!(target: "train", strategy = %run.order.strategy, run = run.number, state = %state, outcome, "The training run ended");
        // The run came to its verdict: nothing goes on from its fits, and what is left of them is tidied up by the next run.
        if let Err(e) = run.desk.forget_fits(run.number) {
            tracing::warn!(target: "train", run = run.number, error = %e, "The finished fits could not be removed");
        }
        Ok(())
    }

    /// The final models of step 7, which know nothing of the hold-out.
    fn first_fit(&self) -> Result<Ready, TrainError> {
        let j = self.judging;
        let learn = j.kitchen.stopping(&j.data.splits.holdout)?;
        let trained_to = match &learn {
            Learn::Stopping(early) => self.known_to(&early.fit),
            Learn::All(all) => self.known_to(&all.rows),
        };
        let prepared = j.kitchen.prepare(&learn, &[], self.forms());
        let weights = self.each(|model, seed| self.one(model, seed).map(|one| one.weights.clone()));
        Ok(Ready { prepared, weights, trained_to })
    }

    fn forms(&self) -> Forms {
        Forms::of(&self.judging.terms.profile.models)
    }

    /// The last date that any of the rows knows of: the end of its horizon, and not its decision, which lies weeks before.
    fn known_to(&self, rows: &[usize]) -> NaiveDate {
        let s = &self.judging.data.set.samples;
        rows.iter().map(|r| s.matured[*r]).max().unwrap_or(NaiveDate::MIN)
    }

    fn one(&self, model: ModelName, seed: u32) -> Option<&One> {
        self.judging.fits.ready.get(&(model, seed))
    }

    /// Something of each final fit, in the order of the profile.
    fn each(&self, of: impl Fn(ModelName, u32) -> Option<Vec<NamedTensor>>) -> Vec<(ModelName, u32, Vec<NamedTensor>)> {
        let profile = self.judging.terms.profile;
        let fits = profile.models.iter().flat_map(|m| (0..profile.seeds).map(move |seed| (*m, seed)));
        fits.filter_map(|(model, seed)| Some((model, seed, of(model, seed)?))).collect()
    }

    /// Reads the locked hold-out, which is logged before it is done. The reason why the candidate is rejected after all, if it
    /// is significantly worse than saying the usual frequencies there.
    fn read_holdout(&self, first: &Ready) -> Result<Option<String>, TrainError> {
        let (j, run) = (self.judging, self.judging.run);
        let (rules, seed) = (run.order.rules, u64::from(run.order.seed));
        let (block, s) = (&j.data.splits.holdout, &j.data.set.samples);
        let reading = run.desk.with(|db| match db.reader().holdout_reading_of(run.number)? {
            // An attempt that was cut short has read it for this candidate.
            Some(reading) => Ok(reading),
            None => db.log_holdout_reading(run.number, run.order.actor, (block.first, block.last), block.test.len() as u64),
        })?;
        let ensemble = Ensemble::new(self.saved(first)?)?;
        let answers = j.ask(&ensemble, &block.test)?;
        let pool = Pool::of_holdout(&j.data.set, &j.data.splits, ensemble.header().prior);
        let rows: Vec<Judged> = answers.iter().enumerate().map(|(i, p)| judged_row(&pool, &j.data.set, i, p, rules)).collect();
        let at: Vec<usize> = (0..rows.len()).collect();
        let backtest = trade(&j.data.set, &pool, (&rows, &at), Outcomes::Real, (rules, &self.scored.muted))?;
        let e = estimates(&rows, resampling(rules, seed));
        let figures = HoldoutFigures {
            skill: e.skill.value,
            direction: e.directional_skill.value,
            auc: e.auc.value,
            sharpe: Track::of(&backtest.net).map(|t| t.sharpe),
        };
        run.desk.with(|db| db.finish_holdout_reading(reading, &figures))?;
        tracing::info!(target: "train", rows = s.len(), auc = figures.auc, skill = figures.skill, "The hold-out was read");
        let upper = e.directional_skill.bound(1.0 - rules.promotion_gates.bound_quantile);
        let harmful = upper.is_none_or(|bound| bound < 0.0);
        Ok(harmful.then(|| {
            let figure = |v: Option<f64>| v.map_or("unknown".to_owned(), |v| format!("{v:.3}"));
            format!(
                "hold-out Contradicts the tests: on the last {} rows, which nothing was chosen on, the directional log-loss skill is {} with an upper bound of {}.",
                rows.len(),
                figure(figures.direction),
                figure(upper)
            )
        }))
    }

    /// Fits all models once more on all rows, the hold-out's too, as long as was found good before: what goes into service
    /// should know the last year.
    fn refit(&self) -> Result<Ready, TrainError> {
        let (j, run) = (self.judging, self.judging.run);
        let s = &j.data.set.samples;
        let rows: Vec<usize> = (0..s.len()).collect();
        let bound = s.matured.iter().max().and_then(NaiveDate::succ_opt).unwrap_or(NaiveDate::MAX);
        let trained_to = self.known_to(&rows);
        let prepared = j.kitchen.prepare(&Learn::All(All { rows, bound }), &[], self.forms());
        let tasks = self.each(|model, seed| self.one(model, seed).map(|_| Vec::new()));
        let (all, mut weights) = (tasks.len(), Vec::new());
        let fit = |(model, seed, _): (ModelName, u32, Vec<NamedTensor>)| {
            run.go_on()?;
            let epochs = self.one(model, seed).map_or(1, |one| one.best_epoch.max(1));
            let key = fit_seed(run.order.seed, model, u32::MAX, seed);
            let made = j.terms.fit(model, &prepared, key, Some(epochs), &|_| {}).map_err(|e| TrainError::of_fit(model, e))?;
            Ok((model, seed, made.model.weights().to_vec()))
        };
        j.crew.each(tasks, fit, |made| {
            weights.push(made);
            run.board.parts(Step::Record, weights.len(), all);
            Ok::<_, TrainError>(())
        })?;
        let models = &j.terms.profile.models;
        weights.sort_by_key(|(model, seed, _)| (models.iter().position(|m| m == model), *seed));
        Ok(Ready { prepared, weights, trained_to })
    }

    /// What goes into the file.
    fn saved(&self, ready: &Ready) -> Result<SavedModels, TrainError> {
        let (j, run) = (self.judging, self.judging.run);
        let (order, set, fold) = (run.order, &j.data.set, &ready.prepared.fold);
        let size = sizes(&order.rules.ensemble)?;
        let profile = j.terms.profile;
        let model = |name: &ModelName| BaseModel { name: *name, seeds: profile.seeds, sizes: size.clone() };
        let names = |i: &usize| feature_registry()[*i].name.clone();
        let header = ModelHeader {
            strategy: order.strategy,
            run_id: run.number,
            definition: set.summary.definition.clone(),
            features: set.columns.iter().map(names).collect(),
            normaliser: if self.forms().table { ready.prepared.features.clone() } else { self.plain_scale() },
            channels: self.forms().windows.then(|| ready.prepared.channels.clone()),
            models: profile.models.iter().map(model).collect(),
            combination: j.decided.stacked.ships,
            meta: j.decided.meta.clone(),
            calibration: j.decided.calibration,
            muted: self.scored.muted.clone(),
            prior: fold.natural,
            rules: order.rules.row_hash(),
            config_version: order.rules.metadata.version,
            config_hash: order.rules.hash(),
            seed: order.seed,
            snapshot: set.summary.snapshot.clone(),
            trained_to: ready.trained_to,
            environment: json!({ "device": run.compute.words(), "versions": run.compute.versions() }),
        };
        let tensors = ready.weights.iter().flat_map(|(model, seed, weights)| {
            weights.iter().map(|w| NamedTensor { name: weight_name(*model, *seed, &w.name), ..w.clone() })
        });
        Ok(SavedModels { header, weights: tensors.collect() })
    }

    /// A scale for a table that no model sees.
    fn plain_scale(&self) -> Normaliser {
        let s = &self.judging.data.set.samples;
        Normaliser::fit(&s.features, s.width, &self.judging.data.splits.holdout.train, 0.0)
    }

    /// Puts the models on record, and the ensemble in service if it may be.
    fn register(&self, saved: &SavedModels, report: &Report) -> Result<(TrainingState, String), TrainError> {
        let (run, order) = (self.judging.run, self.judging.run.order);
        let days = order.rules.promotion_gates.expiry_days;
        let scored = self.registered()?;
        // An attempt that was cut short may have put them on record: then its verdict stands.
        let before = run.desk.with(|db| db.reader().models_of(run.number))?.into_iter().find(|m| m.kind == ModelKind::Ensemble);
        let verdict = before.as_ref().map_or_else(|| report.verdict.clone(), stored_verdict);
        let beside = self.beside(!matches!(verdict, Verdict::Reject { .. }));
        run.desk.with(|db| {
            let model = match before {
                Some(model) => model,
                None => registry::register(db, run.desk.folder(), saved, scored, &verdict, days)?,
            };
            db.put_drift_baselines(model.model_id, &beside.0)?;
            db.put_fold_predictions(model.model_id, &beside.1, &beside.2, &self.judging.data.set.summary.snapshot)?;
            registry::tidy_predictions(db, run.order.clock.now())?;
            self.outcome(db, &model, &verdict)
        })
    }

    fn outcome(&self, db: &mut ModelDb, model: &Model, verdict: &Verdict) -> Result<(TrainingState, String), TrainError> {
        let (run, now) = (self.judging.run, self.judging.run.order.clock.now());
        match verdict {
            Verdict::Reject { reasons } => {
                // Each reason begins with its gate's code; the gates tell the rest.
                let mut codes: Vec<&str> = reasons.iter().filter_map(|r| r.split(' ').next()).collect();
                codes.dedup();
                Ok((TrainingState::Rejected, format!("No champion from this run, gates not met: {}", codes.join(", "))))
            }
            Verdict::Shadow { sessions_left } => Ok((
                TrainingState::Shadow,
                format!("Model {} passed the gates and gives paper signals for {sessions_left} sessions first", model.model_id),
            )),
            Verdict::Promote => {
                let serving = db.reader().champion(ModelKind::Ensemble)?.is_some_and(|c| c.model_id == model.model_id);
                // One that a person has moved since an attempt that was cut short stays where it is.
                if !serving && model.state == ModelState::Shadow {
                    match registry::promote(db, run.desk.folder(), model.model_id, Actor::Program, "passed the gates", now) {
                        Ok(()) => {}
                        Err(RegistryError::Store(e)) => return Err(e.into()),
                        // Trying again would be refused again: it is told, and a person decides.
                        Err(why) => {
                            let told = format!("Model {} passed the gates and does not serve: {why}", model.model_id);
                            return Ok((TrainingState::Shadow, told));
                        }
                    }
                }
                Ok((TrainingState::Promoted, format!("Model {} passed the gates and is champion", model.model_id)))
            }
        }
    }

    /// What is stored with the models: baselines of drift, and their answers out of fold with what these were given on. Those
    /// of rejected models too: without a champion the newest candidate is what a backtest can show.
    fn beside(&self, passed: bool) -> (Vec<DriftBaseline>, Vec<FoldPrediction>, TestRecord) {
        let j = self.judging;
        let prediction = |(row, at): (&Judged, &usize)| FoldPrediction {
            symbol: row.symbol,
            date: row.date,
            fold: j.pool.block[*at],
            p: row.p,
            decision: row.decision,
            edge: lift(row),
            regime: row.regime,
        };
        let predictions: Vec<FoldPrediction> = j.decided.judged.iter().zip(&j.decided.at).map(prediction).collect();
        let record = self.test_record(&predictions);
        if !passed {
            return (baselines(j, &j.data.splits.holdout.train), predictions, record);
        }
        // What went into service has learnt from all rows.
        let all: Vec<usize> = (0..j.data.set.samples.len()).collect();
        (baselines(j, &all), predictions, record)
    }

    /// The test blocks with the proof of their purge: base models learnt from training rows, the meta-learner and the
    /// calibration from earlier blocks.
    fn test_record(&self, predictions: &[FoldPrediction]) -> TestRecord {
        let (j, rules) = (self.judging, self.judging.run.order.rules);
        let (data, matured) = (j.data, &j.data.set.samples.matured);
        let block = |(k, (b, proof)): (usize, (&Block, &Proof))| TestBlock {
            first: b.first,
            last: b.last,
            learnt_to: proof.latest_matured.max(j.pool.folds[k].learn.iter().map(|at| matured[j.pool.rows[*at]]).max()),
            predictions: predictions.iter().filter(|p| p.fold as usize == k).count(),
        };
        TestRecord {
            rules: rules.row_hash(),
            muted: self.scored.muted.clone(),
            embargo: data.splits.embargo,
            blocks: data.splits.blocks.iter().zip(&data.proof).enumerate().map(block).collect(),
        }
    }

    fn registered(&self) -> Result<Vec<Registered>, TrainError> {
        let view = self.judging.run.board.view();
        let metrics = serde_json::to_value(&self.scored.scores)?;
        let ensemble = Registered { kind: ModelKind::Ensemble, metrics, attribution: self.leaning.of_ensemble() };
        let base = view.models.iter().map(|m| Registered {
            kind: ModelKind::Base(m.name),
            metrics: json!({ "loss": m.loss, "skill": m.skill, "auc": m.auc, "seconds": m.seconds }),
            attribution: self.leaning.of_model(m.name),
        });
        Ok(base.chain([ensemble]).collect())
    }

    /// Confident errors on rows that have matured are learnt again by the next run.
    fn replay(&self) -> Result<(), TrainError> {
        let (j, run) = (self.judging, self.judging.run);
        let rows: Vec<(usize, Class, Probabilities)> =
            j.decided.judged.iter().zip(&j.decided.at).map(|(r, at)| (j.pool.rows[*at], r.decision, r.p)).collect();
        let model = format!("run {}", run.number);
        run.desk.with(|db| crate::dataset::learn_errors(db, &j.data.set, run.order.rules, &rows, &model, run.order.clock.now()))?;
        Ok(())
    }
}

/// The verdict on a model that is on record.
fn stored_verdict(model: &Model) -> Verdict {
    match model.state {
        ModelState::Rejected | ModelState::Candidate => Verdict::Reject { reasons: vec![model.state_reason.clone()] },
        _ if model.shadow_sessions > 0 => Verdict::Shadow { sessions_left: model.shadow_sessions },
        _ => Verdict::Promote,
    }
}
