//! Drift as panes, pages and commands show it: what is watched, how far it has moved, and what was done about it.
//!
//! Whoever watches makes these from the strategy's database; the engine puts [`DriftView`] into its snapshot and passes the
//! rest on as answers to queries.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{Level, Verdict};
use crate::market::Strategy;
use crate::train::model_views::ModelState;

/// What a subject of drift is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, utoipa::ToSchema, strum::Display, strum::EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum SubjectKind {
    /// A feature that the models see.
    #[default]
    Feature,
    /// The share of all features that have drifted.
    DataSet,
    /// What the models say: `p_buy`, `p_sell`, or `mix`, the shares of decisions.
    Prediction,
    /// What their answers were worth: `skill`, `direction`, `balanced_accuracy`; `expected_accuracy` before labels mature.
    Performance,
}

/// The model whose drift is watched: the champion, else the shadow, else the newest one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct WatchedModel {
    /// Its key.
    pub model_id: i64,
    /// The training run it came from.
    pub run_id: i64,
    /// Where it stands.
    pub state: ModelState,
    /// The last session it has learnt from.
    pub trained_to: NaiveDate,
}

/// An episode of drift: from its alarm until enough quiet nights have passed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AlarmView {
    /// Session of the night it began in.
    pub since: NaiveDate,
    /// The worst verdict so far.
    pub verdict: Verdict,
    /// Quiet nights in a row up to now.
    pub quiet_nights: u32,
    /// Who has taken note of it.
    pub acked_by: Option<String>,
    /// When, UTC seconds.
    pub acked_at: Option<i64>,
    /// Until when it keeps silent, UTC seconds.
    pub snoozed_until: Option<i64>,
}

impl AlarmView {
    /// Whether a person still has to look at it at `now`, UTC seconds.
    pub fn calls(&self, now: i64) -> bool {
        self.acked_at.is_none() && self.snoozed_until.is_none_or(|until| until <= now)
    }
}

/// One subject in the newest night that judged it. Figures are `None` where there was no verdict.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubjectRow {
    /// A feature's name, or one of the names of [`SubjectKind`].
    pub subject: String,
    /// What it is.
    pub kind: SubjectKind,
    /// The verdict.
    pub verdict: Verdict,
    /// Current values, missing ones among them.
    pub rows: u32,
    /// Population stability index.
    pub psi: Option<f64>,
    /// Kullback-Leibler divergence of the current from the reference, nats.
    pub kl: Option<f64>,
    /// Distance of Kolmogorov and Smirnov.
    pub ks: Option<f64>,
    /// Its p for independent values: optimistic.
    pub ks_p: Option<f64>,
    /// Where these stand on the configured levels.
    pub levels: [Option<Level>; 3],
    /// ln PSI in standard deviations of the reference's own windows.
    pub z: Option<f64>,
    /// Chance of so large a z without drift.
    pub p: Option<f64>,
    /// The same with all features tested at once (Benjamini and Hochberg).
    pub p_adjusted: Option<f64>,
    /// Of a performance subject: its value, and the bounds below which it is warned of and critical.
    pub value: Option<f64>,
    /// Warned of below this.
    pub warning_below: Option<f64>,
    /// Critical below this.
    pub critical_below: Option<f64>,
    /// The open episode.
    pub alarm: Option<AlarmView>,
    /// PSI of the last nights, or the value of a performance subject; oldest first, at most 12.
    pub trend: Vec<Option<f32>>,
    /// Why there is no verdict, or what stands out, in a few words; empty when there is nothing to say.
    pub note: String,
}

/// How many subjects have which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VerdictCounts {
    /// All.
    pub subjects: u32,
    /// Too few rows, or nothing to calibrate by.
    pub without: u32,
    /// Stable.
    pub stable: u32,
    /// Warned of.
    pub warning: u32,
    /// Drifted or critical.
    pub drifted: u32,
}

/// New signals of a model are halted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HaltView {
    /// Which model.
    pub model_id: i64,
    /// Since, UTC seconds.
    pub since: i64,
    /// Why, in a sentence.
    pub reason: String,
}

/// The drift of one strategy, small enough for the first screen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DriftView {
    /// Whose.
    pub strategy: Strategy,
    /// What is watched; `None` before anything was trained.
    pub model: Option<WatchedModel>,
    /// The newest session that was judged.
    pub session: Option<NaiveDate>,
    /// When that was, UTC seconds.
    pub at: Option<i64>,
    /// Sessions of the current window.
    pub window_sessions: u32,
    /// Rows in it.
    pub rows: u32,
    /// Rows of the reference period.
    pub reference_rows: u64,
    /// Whether alarms come from the calibrated test; else from the levels.
    pub calibrated: bool,
    /// Subjects by verdict.
    pub counts: VerdictCounts,
    /// Of all features together.
    pub dataset: Verdict,
    /// Share of the features that have drifted.
    pub dataset_share: Option<f64>,
    /// The open episode of the data set, whose alarm stands for those of its features.
    #[serde(default)]
    pub dataset_alarm: Option<AlarmView>,
    /// Whether new signals are halted.
    pub halted: Option<HaltView>,
    /// The subjects that stand out most, worst first: at most 40, and all others than features that have an open alarm.
    pub worst: Vec<SubjectRow>,
    /// How it stands, in a sentence.
    pub words: String,
}

impl DriftView {
    /// How a strategy stands whose drift was never looked at.
    pub fn unwatched(strategy: Strategy, words: &str) -> Self {
        Self {
            strategy,
            model: None,
            session: None,
            at: None,
            window_sessions: 0,
            rows: 0,
            reference_rows: 0,
            calibrated: true,
            counts: VerdictCounts::default(),
            dataset: Verdict::Insufficient,
            dataset_share: None,
            dataset_alarm: None,
            halted: None,
            worst: Vec::new(),
            words: words.to_owned(),
        }
    }
}

/// The drift of one strategy with all subjects.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DriftPage {
    /// In short.
    pub view: DriftView,
    /// All subjects, worst first.
    pub subjects: Vec<SubjectRow>,
}

/// A bin of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct BinView {
    /// Its lower edge, which belongs to it; `None` for the first bin, and for that of missing values.
    pub from: Option<f64>,
    /// Its upper edge; `None` for the last bin, and for that of missing values.
    pub to: Option<f64>,
    /// Holds missing values.
    pub missing: bool,
    /// Share of the reference in it.
    pub reference: f64,
    /// Share of the current values in it.
    pub current: f64,
    /// What it adds to PSI.
    pub term: f64,
}

/// A night in the history of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DriftNight {
    /// Session.
    pub session: NaiveDate,
    /// The verdict.
    pub verdict: Verdict,
    /// PSI, or the value of a performance subject.
    pub value: Option<f64>,
    /// It alarmed.
    pub alarmed: bool,
}

/// Who reads a feature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Consumer {
    /// Name of the base model.
    pub model: String,
    /// Log loss that shuffling the feature costs, nats; `None` where it is not among the model's first features.
    pub importance: Option<f64>,
    /// Its place among the model's features, from 1.
    pub rank: Option<u32>,
}

/// Another subject that moves with one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Correlated {
    /// Its name.
    pub subject: String,
    /// Its verdict.
    pub verdict: Verdict,
    /// Its PSI.
    pub psi: Option<f64>,
    /// Rank correlation (Spearman) of both features over the current window.
    pub correlation: f64,
}

/// Everything the page of a drifting subject shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct SubjectDetail {
    /// Whose.
    pub strategy: Strategy,
    /// What is watched.
    pub model: WatchedModel,
    /// The newest night.
    pub row: SubjectRow,
    /// PSI from which it is shown as shifting, and as drifted; of the data set the share of features.
    pub levels: [f64; 2],
    /// PSI that the windows of the reference reached: their median, and where they are warned of; `None` where it cannot be
    /// calibrated.
    pub usual_psi: Option<[f64; 2]>,
    /// Windows of the reference period that this comes from.
    pub windows: u32,
    /// Values that its distribution was frozen from.
    pub reference_rows: u64,
    /// The distributions; none of a performance subject.
    pub bins: Vec<BinView>,
    /// Order statistics of the reference, ascending at equal ranks, at most 129.
    pub reference: Vec<f64>,
    /// The same of the current values.
    pub current: Vec<f64>,
    /// The last nights, oldest first, at most 90.
    pub history: Vec<DriftNight>,
    /// The base models; none of what is no feature.
    pub consumers: Vec<Consumer>,
    /// Other subjects that stand out in the same window, the most correlated first, at most 8.
    pub correlated: Vec<Correlated>,
}
