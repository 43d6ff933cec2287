//! Steps 2 to 6: from the market data to rows, weights and blocks, by the code that `nightdesk dataset` shows.

use tokio_util::sync::CancellationToken;

use super::error::TrainError;
use super::{Run, TrainOrder};
use crate::config::strategy::Step;
use crate::dataset::{DataSet, DatasetError, Order, Phase, build};
use crate::features::nightly::{self, Desk};
use crate::labels::sampling;
use crate::labels::splits::{Proof, Splits};
use crate::train::metrics::Probabilities;
use crate::train::pipeline::prepared::{Kitchen, Learn};

/// What a run learns from.
pub struct Data {
    /// Rows.
    pub set: DataSet,
    /// Blocks.
    pub splits: Splits,
    /// The proof that nothing is learnt from what is tested.
    pub proof: Vec<Proof>,
    /// Values that are no numbers; 0, or nothing is trained.
    pub not_finite: usize,
}

/// The id of the market data as it is now.
pub fn snapshot(order: &TrainOrder<'_>) -> Result<String, TrainError> {
    let quiet = |_, _| {};
    let desk = Desk {
        master: order.master,
        instruments: &order.universe.instruments,
        benchmark: order.rules.features.benchmark,
        dividends: order.rules.features.uses_dividends(),
        progress: &quiet,
        rows: nightly::ROWS,
        stop: &CancellationToken::new(),
    };
    Ok(nightly::snapshot_id(&desk).map_err(DatasetError::from)?)
}

impl Data {
    /// Class shares of the rows that each block's models learn from, the final fit's last.
    pub fn priors(&self, kitchen: &Kitchen<'_>) -> Result<Vec<Probabilities>, TrainError> {
        let class = |row: &usize| (self.set.samples.class[*row], 1.0);
        let of = |block| match kitchen.stopping(block)? {
            Learn::Stopping(early) => Ok(sampling::class_shares(early.fit.iter().map(class))),
            Learn::All(all) => Ok(sampling::class_shares(all.rows.iter().map(class))),
        };
        self.splits.blocks.iter().chain([&self.splits.holdout]).map(of).collect()
    }
}

impl Run<'_> {
    /// Makes the data set, step by step.
    pub(super) fn data(&self) -> Result<Data, TrainError> {
        let (order, board) = (self.order, self.board);
        board.begin(Step::Data);
        board.done(Step::Data, format!("market data {}", self.identity.snapshot));
        self.go_on()?;
        board.begin(Step::Features);
        let in_rows = std::sync::atomic::AtomicBool::new(false);
        let told = |phase: Phase, done: usize, all: usize| match phase {
            Phase::Features => board.parts(Step::Features, done, all),
            Phase::Rows => {
                if !in_rows.swap(true, std::sync::atomic::Ordering::Relaxed) {
                    board.done(Step::Features, "up to date");
                    board.begin(Step::Labels);
                }
                board.parts(Step::Labels, done, all);
            }
        };
        let set = self.desk.with(|db| {
            let making = Order {
                strategy: order.strategy,
                rules: order.rules,
                universe: order.universe,
                master: order.master,
                training: true,
                now: order.clock.now(),
                progress: &told,
                stop: &order.stop.gently,
            };
            build(db, &making).map_err(TrainError::from)
        })?;
        if set.summary.snapshot != self.identity.snapshot {
            return Err(TrainError::Dataset(DatasetError::Changed));
        }
        let rows = set.samples.len();
        board.done(Step::Labels, format!("{rows} rows, {:.0} that do not overlap", set.summary.all.n_eff));
        self.sample(&set);
        self.split(set)
    }

    /// Drawing and weighing happen inside each fold; the step tells what they will come to.
    fn sample(&self, set: &DataSet) {
        self.board.begin(Step::Sampling);
        let heaviest = set.summary.regimes.iter().zip(&set.summary.emphasis).max_by(|a, b| a.1.effective.total_cmp(&b.1.effective));
        let heaviest = heaviest.map(|(g, e)| format!("{} counts {:.1} times; ", g.name, e.effective)).unwrap_or_default();
        let aside = format!("{} rare events and {} errors from aside", set.archive.len(), set.replay.len());
        self.board.done(Step::Sampling, heaviest + &aside);
    }

    fn split(&self, set: DataSet) -> Result<Data, TrainError> {
        self.board.begin(Step::Splits);
        let not_finite = set.samples.features.iter().filter(|v| !v.is_finite()).count();
        if not_finite > 0 {
            return Err(TrainError::NotFinite(not_finite));
        }
        let none = || TrainError::NoBlocks(set.summary.no_blocks.clone().unwrap_or_else(|| "there are no rows".to_owned()));
        let splits = set.splits.clone().ok_or_else(none)?;
        let proof = splits.proof(&set.samples.lifetimes(), &set.sessions, &self.order.rules.validation);
        if let Some(broken) = proof.iter().find(|p| !p.holds()) {
            return Err(TrainError::Purge(broken.first));
        }
        let (blocks, embargo) = (splits.blocks.len(), splits.embargo);
        self.board.done(Step::Splits, format!("{blocks} test blocks and a hold-out, {embargo} sessions of embargo, purge proved"));
        self.desk.save(&self.board.view());
        Ok(Data { set, splits, proof, not_finite })
    }
}
