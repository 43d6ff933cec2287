//! The page of a training run: one HTML file that holds everything it shows and asks the network for nothing.
//!
//! [`RunReport::read`] takes what the strategy's database keeps of a run; [`RunReport::charts`] and [`RunReport::page`] are pure.
//! `nightdesk report` calls them and writes the files.

mod drawn;
mod drift;
mod html;
mod notes;
mod page;
mod stored;
mod tables;
mod trading;

pub use drift::Watched;

use crate::charts::{ChartError, Strip};
use crate::engine::{Learning, Training, Watching};
use crate::market::{Strategy, Universe};
use crate::store::StoreError;
use crate::store::master::ReadPool;
use crate::store::model::{HoldoutReading, ModelKind, ModelReader};
use crate::train::model_views::ModelDetail;
use crate::train::orchestrator::Scores;
use crate::train::progress::TrainingView;
use crate::trainer::Trainer;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Run or model cannot be read.
    #[error("the training run cannot be read: {0}")]
    Run(String),
    /// What is known of drift cannot be read.
    #[error("the drift of the run cannot be read: {0}")]
    Drift(String),
    /// A chart cannot be drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
}

/// Where a report is read from.
#[derive(Clone, Copy)]
pub struct Sources<'a> {
    /// Who knows of runs and models.
    pub trainer: &'a Trainer,
    /// Who knows of drift.
    pub watching: &'a dyn Watching,
    /// The strategy's database.
    pub reader: &'a ModelReader,
    /// The market data.
    pub master: &'a ReadPool,
    /// The symbols.
    pub universe: &'a Universe,
}

/// Everything that is on record of a training run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunReport {
    /// The run as it was last shown.
    pub view: TrainingView,
    /// Its ensemble; `None` before the verdict.
    pub model: Option<ModelDetail>,
    /// The ensemble's figures; `None` before the verdict, or where another version of the program wrote them in a form that this
    /// one does not read.
    pub scores: Option<Scores>,
    /// Reference distributions that were frozen with the ensemble.
    pub baselines: usize,
    /// The newest look at drift from them; `None` where nobody has looked, or another model of the strategy is watched.
    pub drift: Option<Watched>,
    /// Daily bars that are stored of the universe.
    pub stored: Vec<Strip>,
    /// Configurations that were tried up to this run, its own among them.
    pub trials: usize,
    /// The look at the hold-out that the run took.
    pub holdout: Option<HoldoutReading>,
    /// Readings of some of the same dates by others before.
    pub held_before: usize,
    /// Simulators made the data.
    pub demo: bool,
    /// When the page was made, UTC seconds.
    pub made_at: i64,
}

impl RunReport {
    /// Reads what is known of a run; `None` where there is no such run. Costs a hash of the model's file.
    pub fn read(sources: &Sources<'_>, (strategy, run_id): (Strategy, i64), made_at: i64) -> Result<Option<Self>, ReportError> {
        let Sources { trainer, watching, reader, master, universe } = *sources;
        let Some(view) = trainer.training(strategy, Training::Run(run_id)).map_err(ReportError::Run)? else { return Ok(None) };
        let ensemble = reader.models_of(run_id)?.into_iter().find(|m| m.kind == ModelKind::Ensemble);
        let detail = ensemble.as_ref().map(|m| trainer.model(strategy, m.model_id)).transpose().map_err(ReportError::Run)?;
        let baselines = ensemble.as_ref().map(|m| reader.drift_baselines(m.model_id)).transpose()?;
        let readings = reader.holdout_readings()?;
        let holdout = readings.iter().find(|h| h.run_id == run_id).cloned();
        let trials = reader.trials()?.iter().filter(|t| t.run_id <= run_id).count();
        Ok(Some(Self {
            view,
            model: detail.flatten(),
            scores: ensemble.and_then(|m| serde_json::from_value(m.metrics).ok()),
            baselines: baselines.map_or(0, |b| b.len()),
            drift: Watched::read(watching, strategy, run_id)?,
            stored: stored::strips(master, universe, made_at)?,
            trials,
            held_before: holdout.as_ref().map_or(0, |own| before(own, &readings)),
            holdout,
            demo: reader.is_demo()?,
            made_at,
        }))
    }

    /// A figure of the ensemble by the name under which it is stored.
    fn metric(&self, name: &str) -> Option<&crate::train::model_views::Metric> {
        self.scores.as_ref()?.metrics.iter().find(|m| m.name == name)
    }
}

/// Readings by others before `own` that share a date with it.
fn before(own: &HoldoutReading, readings: &[HoldoutReading]) -> usize {
    let shares = |other: &&HoldoutReading| other.first_date <= own.last_date && own.first_date <= other.last_date;
    readings.iter().take_while(|other| other.run_id != own.run_id).filter(shares).count()
}
