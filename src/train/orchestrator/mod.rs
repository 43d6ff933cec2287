//! A training run: twelve steps from the rules in force to models on record, or to the reasons why none may give signals.
//!
//! One run of a strategy works at a time, in this process or another. What it does is shown through a [`TrainingView`] and kept
//! in the strategy's database; each finished fit is kept in the model folder, so that the same run goes on from there after it
//! was stopped or killed. The train job and `nightdesk train` call [`train`]. It blocks, and uses the threads that
//! `orchestrator.threads` gives it.

mod board;
mod curves;
mod data;
mod desk;
mod error;
mod fits;
mod incumbent;
mod leaning;
mod record;
mod scores;
mod verdict;

use std::path::Path;
use std::sync::Arc;

use crate::config::strategy::{ProfileName, Step, StrategySettings};
use crate::dataset::windows::Channels;
use crate::ingest::pipeline::Stop;
use crate::market::{Clock, Strategy, Universe};
use crate::store::master::ReadPool;
use crate::train::pipeline::crew::Crew;
use crate::train::pipeline::fitting::{Terms, on_windows};
use crate::train::pipeline::pooled::{Outcomes, Pool, decide};
use crate::train::pipeline::prepared::Kitchen;
use crate::train::progress::{TrainingState, TrainingView};
use crate::train::stack::Combination;
use board::Board;
use data::Data;
use desk::{Begun, Desk};
use fits::{Fits, Keep};

pub use curves::{Curves, Tenth, Week};
pub use error::TrainError;
pub use scores::{Part, Scores};

/// What a run is made of, and who is told.
pub struct TrainOrder<'a> {
    /// Whose models.
    pub strategy: Strategy,
    /// Its rules.
    pub rules: &'a StrategySettings,
    /// Its symbols.
    pub universe: &'a Universe,
    /// The market data.
    pub master: &'a ReadPool,
    /// Folder of the databases and models.
    pub data_dir: &'a Path,
    /// Data come from simulators.
    pub demo: bool,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What is trained.
    pub profile: ProfileName,
    /// Seed of all randomness.
    pub seed: u32,
    /// Finished fits are thrown away where the run is to be done again from their step or an earlier one.
    pub rerun_from: Option<Step>,
    /// The run of the train job, where an engine has one.
    pub job_run: Option<i64>,
    /// Who asked for it.
    pub actor: &'a str,
    /// Ends it: gently, after the fits at work; or at once, within a step of each. What was finished is kept either way.
    pub stop: &'a Stop,
    /// Hears of every change.
    pub told: &'a (dyn Fn(&TrainingView) + Sync),
}

/// Does a training run to its end, and gives what it last showed. A verdict against the models is a normal end.
pub fn train(order: &TrainOrder<'_>) -> Result<TrainingView, TrainError> {
    let desk = Desk::open(order)?;
    let Begun { view, identity, compute, configured_s } = desk.begin()?;
    let number = view.run_id;
    let board = Board::new(view, Arc::clone(&order.clock), order.told);
    let run = Run { order, desk: &desk, board: &board, number, compute: &compute, identity: &identity };
    let end = run.all_steps(configured_s);
    match &end {
        Ok(()) => {}
        Err(e) => {
            let state = if matches!(e, TrainError::Stopped) { TrainingState::Cancelled } else { TrainingState::Failed };
            board.finish(state, e.to_string());
            // What ended the run is told, not that it could not be recorded: the next run finds this one lost.
            if let Err(e) = desk.end(&board.view(), None, Some(&e.to_string())) {
                tracing::error!(target: "train", run = number, error = %e, "The end of the run could not be recorded");
            }
        }
    }
    desk.close();
    end.map(|()| board.view())
}

/// One run on its way.
struct Run<'a> {
    order: &'a TrainOrder<'a>,
    desk: &'a Desk<'a>,
    board: &'a Board<'a>,
    number: i64,
    compute: &'a crate::train::models::Compute,
    identity: &'a crate::store::model::TrainingIdentity,
}

impl Run<'_> {
    fn all_steps(&self, configured_s: f64) -> Result<(), TrainError> {
        self.board.change(|view| {
            view.steps[0].seconds = configured_s;
        });
        let data = self.data()?;
        self.go_on()?;
        let settings = &self.order.rules.orchestrator;
        let at_once = if self.compute.is_gpu() { 1 } else { settings.models_at_once };
        let crew = Crew::new(settings.threads, at_once)?;
        self.fit_and_judge(&data, &crew)
    }

    /// Steps 7 to 12.
    fn fit_and_judge(&self, data: &Data, crew: &Crew) -> Result<(), TrainError> {
        let (order, rules) = (self.order, self.order.rules);
        let profile = rules.ensemble.profiles.get(order.profile);
        let windows = profile.models.iter().any(|m| on_windows(*m));
        let channels = Channels::of(if windows { &data.set.bars } else { &[] });
        let kitchen = Kitchen { data: &data.set, channels: &channels, rules, seed: u64::from(order.seed) };
        let terms =
            Terms { ensemble: &rules.ensemble, profile, width: data.set.samples.width, compute: self.compute, stop: &order.stop.now };
        let tasks = fits::plan(&data.splits, profile);
        self.board.plan(&tasks, (data.splits.blocks.len() as u32, crew.workers()), profile.max_epochs);

        self.board.begin(Step::BaseModels);
        let priors = data.priors(&kitchen)?;
        // What a fit depends on beside the run's identity: rows from aside.
        let mut identity = self.identity.clone();
        identity.snapshot = format!("{}+{}", identity.snapshot, data.set.summary.aside);
        let save = || self.desk.save(&self.board.view());
        let keep = Keep { folder: self.desk.folder(), run_id: self.number, identity: &identity };
        let fits = Fits {
            kitchen: &kitchen,
            splits: &data.splits,
            priors: &priors,
            terms,
            crew,
            seed: order.seed,
            board: self.board,
            keep,
            gently: &order.stop.gently,
            save: &save,
        };
        let made = fits.run()?;
        let note =
            if made.found > 0 { format!("{} fits, {} found finished", tasks.len(), made.found) } else { format!("{} fits", tasks.len()) };
        self.board.done(Step::BaseModels, note);

        self.go_on()?;
        self.board.begin(Step::MetaLearner);
        let pool = Pool::new(&data.set, &data.splits, &priors, Outcomes::Real);
        let decided = decide(&pool, &data.set, &made.answers, rules, u64::from(order.seed))?;
        let combination = scores::combination(&decided, &profile.models);
        self.board.change(|view| view.combination.clone_from(&combination));
        self.board
            .done(Step::MetaLearner, if decided.stacked.ships == Combination::Meta { "meta-learner ships" } else { "the mean ships" });

        self.go_on()?;
        let judged = verdict::Judging { run: self, data, kitchen: &kitchen, terms, crew, pool: &pool, decided: &decided, fits: &made };
        let scored = judged.validate()?;
        let leaning = judged.attribute()?;
        let report = judged.gates(&scored)?;
        self.go_on()?;
        record::Recording { judging: &judged, scored: &scored, leaning: &leaning, report: &report }.record()
    }

    /// Ends the run between two parts of it, if it was told to.
    fn go_on(&self) -> Result<(), TrainError> {
        if self.order.stop.gently.is_cancelled() { Err(TrainError::Stopped) } else { Ok(()) }
    }
}
