//! Step 7: every model of the profile on every block, with every seed, and the final fit; what was finished before is taken
//! from its checkpoint.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::board::{Board, Figures, FitKey};
use super::error::TrainError;
use crate::config::strategy::{ModelName, Profile, Step};
use crate::labels::Class;
use crate::labels::splits::{Block, Splits};
use crate::store::model::TrainingIdentity;
use crate::train::ensemble::mean_of;
use crate::train::metrics::direction::buy_share;
use crate::train::metrics::{Probabilities, auc, log_loss, skill};
use crate::train::models::{Epoch, FitReport, NamedTensor};
use crate::train::pipeline::crew::Crew;
use crate::train::pipeline::fit_seed;
use crate::train::pipeline::fitting::Terms;
use crate::train::pipeline::prepared::{Forms, Kitchen, Prepared};
use crate::train::progress::Curve;
use crate::train::registry::{self, Checkpoint, ModelFolder, read_checkpoint, write_checkpoint};

/// Where finished fits are kept.
pub struct Keep<'a> {
    /// The strategy's model folder.
    pub folder: &'a ModelFolder,
    /// The run.
    pub run_id: i64,
    /// What its fits depend on, rows from aside included.
    pub identity: &'a TrainingIdentity,
}

/// What the fits are made of.
pub struct Fits<'a> {
    /// Rows.
    pub kitchen: &'a Kitchen<'a>,
    /// Blocks.
    pub splits: &'a Splits,
    /// Class shares of the rows that each block's models learn from.
    pub priors: &'a [Probabilities],
    /// How models are fitted.
    pub terms: Terms<'a>,
    /// Threads.
    pub crew: &'a Crew,
    /// Seed of the run.
    pub seed: u32,
    /// Who is told.
    pub board: &'a Board<'a>,
    /// Where finished fits are kept.
    pub keep: Keep<'a>,
    /// Begins no further fit.
    pub gently: &'a CancellationToken,
    /// Called after each fit: the record of the run is brought up to date.
    pub save: &'a (dyn Fn() + Sync),
}

/// A fitted model of one seed.
#[derive(Clone)]
pub struct One {
    /// Its weights.
    pub weights: Vec<NamedTensor>,
    /// The epoch they are of.
    pub best_epoch: u32,
}

/// All fits of a run.
#[derive(Default)]
pub struct AllFits {
    /// Answers of each model of the profile on the rows of all blocks, in order of time, the mean over seeds.
    pub answers: Vec<Vec<Probabilities>>,
    /// Models of the last block, by name and seed: they have not seen its rows, so what they lean on can be asked.
    pub last: HashMap<(ModelName, u32), One>,
    /// Final models: of all rows before the hold-out.
    pub ready: HashMap<(ModelName, u32), One>,
    /// How many fits were taken from checkpoints.
    pub found: usize,
}

/// The models of a profile, the costly first: the last fit of a block should not be a long one that runs alone.
fn by_cost(models: &[ModelName]) -> Vec<ModelName> {
    const COSTLY: [ModelName; 8] = [
        ModelName::Tcn,
        ModelName::Gru,
        ModelName::TabM,
        ModelName::RealMlp,
        ModelName::Trees,
        ModelName::ResNet,
        ModelName::Mlp,
        ModelName::Softmax,
    ];
    COSTLY.into_iter().filter(|m| models.contains(m)).collect()
}

/// All fits of a profile in the order in which they are begun, with the rows that each learns from.
pub fn plan(splits: &Splits, profile: &Profile) -> Vec<(FitKey, u64)> {
    let models = by_cost(&profile.models);
    let blocks = splits.blocks.iter().chain([&splits.holdout]).enumerate();
    let fits = blocks.flat_map(|(k, block)| models.iter().map(move |m| (k as u32, *m, block.train.len() as u64)));
    fits.flat_map(|(block, model, rows)| (0..profile.seeds).map(move |seed| (FitKey { model, block, seed }, rows))).collect()
}

/// A block's rows while fits of it are at work or to come.
struct Shelf {
    prepared: Mutex<(Option<Arc<Prepared>>, usize)>,
}

/// One finished fit on its way to the results.
struct Finished {
    key: FitKey,
    checkpoint: Checkpoint,
    report: FitReport,
    found: bool,
}

impl Fits<'_> {
    /// Does them all.
    pub fn run(&self) -> Result<AllFits, TrainError> {
        let profile = self.terms.profile;
        let tasks = plan(self.splits, profile);
        let (all, blocks) = (tasks.len(), self.splits.blocks.len());
        let per_block = profile.models.len() * profile.seeds as usize;
        let shelves: Vec<Shelf> = (0..=blocks).map(|_| Shelf { prepared: Mutex::new((None, per_block)) }).collect();
        let mut done: HashMap<FitKey, Vec<Probabilities>> = HashMap::new();
        let mut out = AllFits::default();
        self.board.parts(Step::BaseModels, 0, all);
        let work = |(key, _): (FitKey, u64)| self.one(key, &shelves[key.block as usize]);
        let sink = |fit: Finished| {
            out.found += usize::from(fit.found);
            let one = || One { weights: fit.checkpoint.weights.clone(), best_epoch: fit.report.best_epoch };
            if fit.key.block as usize + 1 == blocks {
                out.last.insert((fit.key.model, fit.key.seed), one());
            }
            if fit.key.block as usize == blocks {
                out.ready.insert((fit.key.model, fit.key.seed), one());
            }
            done.insert(fit.key, fit.checkpoint.answers);
            let figures = self.figures(fit.key.model, &done);
            self.board.fit_done(fit.key, &fit.report, fit.found, figures);
            self.board.parts(Step::BaseModels, done.len(), all);
            (self.save)();
            Ok(())
        };
        self.crew.each(tasks, work, sink)?;
        out.answers =
            profile.models.iter().map(|m| (0..blocks).flat_map(|k| self.of_block(*m, k, &done).unwrap_or_default()).collect()).collect();
        Ok(out)
    }

    fn one(&self, key: FitKey, shelf: &Shelf) -> Result<Finished, TrainError> {
        if self.gently.is_cancelled() {
            return Err(TrainError::Stopped);
        }
        let fold = (key.block < self.splits.blocks.len() as u32).then_some(key.block + 1);
        let stored = registry::FitKey { model: key.model, fold, seed: key.seed };
        let rows = self.block(key.block).1.len();
        let finished = match read_checkpoint(self.keep.folder, self.keep.run_id, self.keep.identity, stored) {
            Ok(Some(checkpoint)) if checkpoint.answers.len() == rows => {
                let report = report_of(&checkpoint.curve, &checkpoint.weights);
                self.board.fit_found(&checkpoint.curve);
                Ok(Finished { key, checkpoint, report, found: true })
            }
            Ok(_) => self.fit(key, fold, shelf),
            Err(why) => {
                tracing::warn!(target: "train", model = %key.model, why = %why, "A checkpoint is not used, the fit is done again");
                self.fit(key, fold, shelf)
            }
        };
        let mut shelf = shelf.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        shelf.1 -= 1;
        if shelf.1 == 0 {
            shelf.0 = None;
        }
        finished
    }

    fn fit(&self, key: FitKey, fold: Option<u32>, shelf: &Shelf) -> Result<Finished, TrainError> {
        let prepared = self.prepared(key.block, shelf)?;
        self.board.fit_begins(key, self.terms.profile.max_epochs);
        let curve = Mutex::new(Curve {
            model: key.model,
            fold,
            seed: key.seed,
            train: Vec::new(),
            stop: Vec::new(),
            best: 0,
            epochs: self.terms.profile.max_epochs,
            live: false,
        });
        let told = |epoch: Epoch| {
            let mut curve = curve.lock().unwrap_or_else(PoisonError::into_inner);
            curve.train.push(epoch.train_loss as f32);
            curve.stop.extend(epoch.stop_loss.map(|v| v as f32));
            self.board.epoch(key, epoch);
        };
        let seed = fit_seed(self.seed, key.model, key.block, key.seed);
        let made = self.terms.fit(key.model, &prepared, seed, None, &told).map_err(|e| TrainError::of_fit(key.model, e))?;
        let curve = Curve { best: made.report.best_epoch, ..curve.into_inner().unwrap_or_else(PoisonError::into_inner) };
        let checkpoint = Checkpoint { curve, weights: made.model.weights().to_vec(), answers: made.answers };
        write_checkpoint(self.keep.folder, self.keep.run_id, self.keep.identity, &checkpoint)?;
        tracing::info!(
            target: "train", model = %key.model, fold = key.block + 1, seed = key.seed, epochs = made.report.epochs,
            best = made.report.best_epoch, stop_loss = made.report.stop_loss, "A fit is done"
        );
        Ok(Finished { key, checkpoint, report: made.report, found: false })
    }

    /// The block itself, and the rows its models are asked about: none of the hold-out.
    fn block(&self, number: u32) -> (&Block, &[usize]) {
        self.splits.blocks.get(number as usize).map_or((&self.splits.holdout, &[]), |b| (b, &b.test))
    }

    /// The rows of a block, prepared by whoever needs them first and shared by all its fits.
    fn prepared(&self, block: u32, shelf: &Shelf) -> Result<Arc<Prepared>, TrainError> {
        let mut shelf = shelf.prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(prepared) = &shelf.0 {
            return Ok(Arc::clone(prepared));
        }
        let forms = Forms::of(&self.terms.profile.models);
        let (of, test) = self.block(block);
        let made = Arc::new(self.kitchen.prepare(&self.kitchen.stopping(of)?, test, forms));
        shelf.0 = Some(Arc::clone(&made));
        Ok(made)
    }

    /// The answers of a model on a block, if all its seeds are done.
    fn of_block(&self, model: ModelName, block: usize, done: &HashMap<FitKey, Vec<Probabilities>>) -> Option<Vec<Probabilities>> {
        let of = |seed: u32| done.get(&FitKey { model, block: block as u32, seed }).cloned();
        (0..self.terms.profile.seeds).map(of).collect::<Option<Vec<_>>>().map(|answers| mean_of(&answers))
    }

    /// What a model is worth on the blocks it has answered.
    fn figures(&self, model: ModelName, done: &HashMap<FitKey, Vec<Probabilities>>) -> Figures {
        let class = |row: &usize| self.kitchen.data.samples.class[*row];
        let mut rows: Vec<(Class, Probabilities, Probabilities)> = Vec::new();
        for (k, (block, prior)) in self.splits.blocks.iter().zip(self.priors).enumerate() {
            let Some(answers) = self.of_block(model, k, done) else { continue };
            rows.extend(block.test.iter().zip(answers).map(|(row, p)| (class(row), p, *prior)));
        }
        let loss = log_loss(rows.iter().map(|(class, p, _)| (*class, *p, 1.0)));
        let prior = log_loss(rows.iter().map(|(class, _, prior)| (*class, *prior, 1.0)));
        let sided = rows.iter().filter(|(class, ..)| *class != Class::Hold);
        Figures {
            loss,
            skill: loss.zip(prior).and_then(|(loss, prior)| skill(loss, prior)),
            auc: auc(sided.map(|(class, p, _)| (buy_share(p), *class == Class::Buy))),
        }
    }
}

/// What the curve of a finished fit tells of it.
fn report_of(curve: &Curve, weights: &[NamedTensor]) -> FitReport {
    let at = |losses: &[f32]| curve.best.checked_sub(1).and_then(|i| losses.get(i as usize)).map(|v| f64::from(*v));
    FitReport {
        epochs: curve.train.len() as u32,
        best_epoch: curve.best,
        train_loss: at(&curve.train).unwrap_or(f64::NAN),
        stop_loss: at(&curve.stop),
        parameters: weights.iter().map(|w| w.values.len()).sum(),
    }
}
