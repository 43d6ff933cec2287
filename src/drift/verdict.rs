//! The verdicts of a night: which subjects have drifted, and whether the data set has.
//!
//! A feature has drifted where its distance is unusual among those of the reference's own windows, after allowing for the number
//! of features that are looked at (Benjamini and Hochberg), and large enough to matter. Features are one family of tests; what
//! the model says is another.

use serde::Serialize;

use super::baseline::{Shift, Uncalibrated};
use super::discovery::benjamini_hochberg;
use super::ks::KolmogorovSmirnov;
use super::level::{Level, Levels};
use crate::config::strategy::{DriftDetection, DriftMode};

/// A single test warns below this chance; drift is judged by the false discovery rate of all.
const WARNING_P: f64 = 0.05;

/// What a subject belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// What the model sees. Shares of these make the verdict on the data set.
    Features,
    /// What the model says: P(BUY), P(SELL), the mix of decisions.
    Answers,
}

/// What was measured of one subject.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// A feature's name, or `p_buy`, `p_sell`, `mix`.
    pub subject: String,
    /// Which tests it is judged together with.
    pub family: Family,
    /// How far it lies from its baseline.
    pub shift: Shift,
    /// Distance of the distribution functions; `None` of classes and where all is missing.
    pub ks: Option<KolmogorovSmirnov>,
    /// Why the shift has no p, if its baseline gives none.
    pub uncalibrated: Option<Uncalibrated>,
}

/// What is said of one subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict", content = "why")]
pub enum Judgement {
    /// Too few rows: there are no figures.
    Insufficient {
        /// Rows there were.
        rows: usize,
        /// Rows it takes.
        needed: usize,
    },
    /// The baseline does not tell a usual distance from an unusual one. Never an alarm.
    Uncalibrated(Uncalibrated),
    /// Nothing unusual.
    Stable,
    /// Unusual by itself, not among so many tests, or not large. No alarm.
    Warning,
    /// It has drifted.
    Drifted,
}

/// Figures of a subject with enough rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// Distances by bins, and their place among the reference's windows.
    pub shift: Shift,
    /// Distance of the distribution functions.
    pub ks: Option<KolmogorovSmirnov>,
    /// p adjusted for all tests of the family; `None` where there is no p.
    pub adjusted: Option<f64>,
    /// What the distances are called.
    pub levels: Levels,
}

/// One subject with its verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// Its name.
    pub subject: String,
    /// Which tests it was judged together with.
    pub family: Family,
    /// What is said of it.
    pub verdict: Judgement,
    /// Its figures; `None` below the least number of rows.
    pub figures: Option<Figures>,
}

/// What is said of the data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "lowercase")]
pub enum DatasetVerdict {
    /// No feature could be judged.
    Insufficient,
    /// Fewer features drifted than it takes.
    Stable,
    /// The data set has drifted.
    Warning,
    /// So much that the model should not be relied on.
    Critical,
}

/// A night's verdicts.
#[derive(Clone, Debug, PartialEq)]
pub struct Night {
    /// In the order they were given in.
    pub subjects: Vec<Judged>,
    /// Features that were judged: with enough rows and, where tests decide, with a calibrated baseline.
    pub features: usize,
    /// Of them, those that drifted.
    pub drifted: usize,
    /// On the features together.
    pub dataset: DatasetVerdict,
}

impl Night {
    /// Share of the judged features that drifted; `None` if none was judged.
    pub fn share(&self) -> Option<f64> {
        (self.features > 0).then(|| self.drifted as f64 / self.features as f64)
    }
}

/// Judges what was measured in one night.
pub fn judge(measured: &[Measured], rule: &DriftDetection) -> Night {
    let mut adjusted = vec![None; measured.len()];
    for family in [Family::Features, Family::Answers] {
        let tested = |m: &Measured| m.family == family && enough(m, rule) && m.uncalibrated.is_none();
        let (at, p): (Vec<usize>, Vec<f64>) =
            measured.iter().enumerate().filter(|(_, m)| tested(m)).filter_map(|(i, m)| Some((i, m.shift.p?))).unzip();
        for (at, adjusted_p) in at.into_iter().zip(benjamini_hochberg(&p)) {
            adjusted[at] = Some(adjusted_p);
        }
    }
    let subjects: Vec<Judged> = measured.iter().zip(adjusted).map(|(m, adjusted)| judge_one(m, adjusted, rule)).collect();
    let of = |family: &Judged| family.family == Family::Features;
    let judged = |v: Judgement| matches!(v, Judgement::Stable | Judgement::Warning | Judgement::Drifted);
    let features = subjects.iter().filter(|s| of(s) && judged(s.verdict)).count();
    let drifted = subjects.iter().filter(|s| of(s) && s.verdict == Judgement::Drifted).count();
    let mut night = Night { subjects, features, drifted, dataset: DatasetVerdict::Insufficient };
    night.dataset = match night.share() {
        None => DatasetVerdict::Insufficient,
        Some(share) if share >= rule.dataset_critical_share => DatasetVerdict::Critical,
        Some(share) if share >= rule.dataset_warning_share => DatasetVerdict::Warning,
        Some(_) => DatasetVerdict::Stable,
    };
    night
}

fn enough(measured: &Measured, rule: &DriftDetection) -> bool {
    measured.shift.rows >= rule.min_rows as usize
}

fn judge_one(measured: &Measured, adjusted: Option<f64>, rule: &DriftDetection) -> Judged {
    let (subject, family, shift) = (measured.subject.clone(), measured.family, measured.shift);
    if !enough(measured, rule) {
        let verdict = Judgement::Insufficient { rows: shift.rows, needed: rule.min_rows as usize };
        return Judged { subject, family, verdict, figures: None };
    }
    let levels = Levels::of(shift.psi, shift.kl, measured.ks, rule);
    let verdict = match rule.mode {
        DriftMode::Levels => match levels.worst() {
            Level::Fine => Judgement::Stable,
            Level::Shifting => Judgement::Warning,
            Level::Drifted => Judgement::Drifted,
        },
        DriftMode::Calibrated => calibrated(measured, adjusted, rule),
    };
    Judged { subject, family, verdict, figures: Some(Figures { shift, ks: measured.ks, adjusted, levels }) }
}

fn calibrated(measured: &Measured, adjusted: Option<f64>, rule: &DriftDetection) -> Judgement {
    let shift = &measured.shift;
    let (None, Some(p)) = (measured.uncalibrated, shift.p) else {
        return Judgement::Uncalibrated(measured.uncalibrated.unwrap_or(Uncalibrated::NoSpread));
    };
    let rejected = adjusted.is_some_and(|q| q <= rule.fdr_q);
    // PSI above exp(mean + sigma * sd) of the reference's windows is a z above sigma.
    let unusual = p < WARNING_P || shift.z.is_some_and(|z| z > rule.warning_sigma);
    match (rejected && shift.psi >= rule.min_alarm_psi, rejected || unusual) {
        (true, _) => Judgement::Drifted,
        (false, true) => Judgement::Warning,
        (false, false) => Judgement::Stable,
    }
}
