//! What a model must show before it may give signals: the gates G0 to G11 over typed evidence, each with its figures and
//! a sentence, and the verdict that follows.
//!
//! A gate whose evidence is missing fails and says so; nothing passes for want of something to judge by. A training run
//! calls [`judge`] at its end, and the pages and commands of a run show the [`Report`].

mod champion;
mod check;
mod control;
mod decisions;
mod economics;
mod evidence;
mod integrity;
mod reliability;
mod skill;

use serde::{Deserialize, Serialize};

use crate::config::strategy::PromotionGates;
use crate::labels::Class;
use crate::train::bootstrap::Resampling;
use check::Check;
use evidence::Pool;

pub use evidence::{Economics, Estimates, Evidence, Incumbent, Integrity, Judged, NullKind, NullRun, Trade};

/// The gates, in order of reports.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Gate {
    /// The data and the procedure are sound.
    Integrity,
    /// There is enough to judge by.
    Size,
    /// Better than the prior. Necessary, not sufficient.
    Skill,
    /// Tells BUY from SELL.
    Direction,
    /// Recalls more than chance.
    BalancedAccuracy,
    /// Precision and recall together beat what chance reaches.
    MacroF1,
    /// BUY decisions are right more often than the base rate.
    PrecisionBuy,
    /// SELL decisions are.
    PrecisionSell,
    /// Finds a share of the BUYs and the SELLs.
    Recall,
    /// Probabilities mean what they say.
    Calibration,
    /// Harmful in no regime.
    Regimes,
    /// Earns after costs, luck deducted.
    Economics,
    /// Better than the model in service.
    Champion,
    /// The pipeline finds nothing where nothing is.
    NullControl,
    /// Too good to be true.
    LeakAlarm,
}

impl Gate {
    /// The code in configuration and reports; both sides of precision have one.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Integrity => "G0",
            Self::Size => "G1",
            Self::Skill => "G2",
            Self::Direction => "G2b",
            Self::BalancedAccuracy => "G3",
            Self::MacroF1 => "G4",
            Self::PrecisionBuy | Self::PrecisionSell => "G5",
            Self::Recall => "G6",
            Self::Calibration => "G7",
            Self::Regimes => "G8",
            Self::Economics => "G9",
            Self::Champion => "G10",
            Self::NullControl => "G11",
            Self::LeakAlarm => "leak",
        }
    }

    /// What it means that the gate is passed, and that it is not.
    const fn meaning(self) -> (&'static str, &'static str) {
        match self {
            Self::Integrity => ("Data and procedure are sound", "Data or procedure are not sound"),
            Self::Size => ("There is enough to judge by", "There is too little to judge by"),
            Self::Skill => ("Better than always saying the usual frequencies", "No better than always saying the usual frequencies"),
            Self::Direction => ("Tells BUY from SELL", "Does not tell BUY from SELL"),
            Self::BalancedAccuracy => {
                ("Recognises the outcomes more often than chance", "Recognises the outcomes no more often than chance")
            }
            Self::MacroF1 => ("Decisions are better than chance reaches", "Decisions are no better than chance reaches"),
            Self::PrecisionBuy => ("BUY decisions beat the base rate", "BUY decisions do not beat the base rate"),
            Self::PrecisionSell => ("SELL decisions beat the base rate", "SELL decisions do not beat the base rate"),
            Self::Recall => ("Finds BUYs and SELLs", "Finds too few BUYs or SELLs"),
            Self::Calibration => ("Probabilities mean what they say", "Probabilities do not mean what they say"),
            Self::Regimes => ("Harmful in no regime", "Harmful in a regime"),
            Self::Economics => ("Earns after costs beyond what luck explains", "Does not earn enough after costs"),
            Self::Champion => ("Better than the champion", "Not shown to be better than the champion"),
            Self::NullControl => ("Finds nothing where nothing is", "Finds signals where none are: the pipeline leaks"),
            Self::LeakAlarm => ("Not too good to be true", "Too good to be true: a feature probably knows the future"),
        }
    }
}

/// How a gate came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// Passed.
    Pass,
    /// Not passed, or without evidence.
    Fail,
    /// Not passed, but only this side gives no signals.
    Muted,
    /// There is nothing it could be about.
    NotApplicable,
}

/// What a gate found. Its figures are those of the first comparison that failed, or of the first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct GateResult {
    /// Which gate.
    pub gate: Gate,
    /// How it came out.
    pub status: Status,
    /// The measured figure.
    pub value: Option<f64>,
    /// The side of its bootstrap interval that was judged, where one was.
    pub bound: Option<f64>,
    /// What the rules ask for.
    pub threshold: Option<f64>,
    /// In words.
    pub sentence: String,
}

/// What becomes of a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// It may become champion.
    Promote,
    /// It passed, and gives paper signals for so many more sessions.
    Shadow {
        /// Sessions left.
        sessions_left: u32,
    },
    /// It gives no signals; the sentences of the gates it did not pass.
    Reject {
        /// Gate by gate.
        reasons: Vec<String>,
    },
}

/// All gates and the verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// In the order of [`Gate`].
    pub results: Vec<GateResult>,
    /// What follows.
    pub verdict: Verdict,
    /// Sides that give no signals although the model passed.
    pub muted: Vec<Class>,
}

impl GateResult {
    /// Passed if all comparisons are; a failure tells those that are not. No comparison at all is a failure.
    fn of(gate: Gate, checks: &[Check]) -> Self {
        let passed = !checks.is_empty() && checks.iter().all(|c| c.passed);
        let told: Vec<&Check> = checks.iter().filter(|c| passed || !c.passed).collect();
        let (good, bad) = gate.meaning();
        let words: Vec<&str> = told.iter().map(|c| c.words.as_str()).collect();
        let head = told.first();
        Self {
            gate,
            status: if passed { Status::Pass } else { Status::Fail },
            value: head.and_then(|c| c.value),
            bound: head.and_then(|c| c.bound),
            threshold: head.and_then(|c| c.threshold),
            sentence: format!("{}: {}.", if passed { good } else { bad }, words.join("; ")),
        }
    }

    /// A failure for want of evidence.
    fn missing(gate: Gate, what: &str) -> Self {
        let sentence = format!("Cannot be judged: {what}.");
        Self { gate, status: Status::Fail, value: None, bound: None, threshold: None, sentence }
    }
}

/// Judges a candidate. `resampling` says how bounds are drawn.
pub fn judge(evidence: &Evidence, rule: &PromotionGates, resampling: Resampling) -> Report {
    let pool = Pool::new(&evidence.rows, resampling);
    let nulls = evidence.nulls.as_deref();
    let mut results = vec![integrity::integrity(evidence), integrity::size(&pool, rule)];
    results.extend([skill::skill(&pool, rule), skill::direction(&pool, nulls, rule)]);
    results.extend([skill::balanced_accuracy(&pool, nulls, rule), skill::macro_f1(&pool, nulls, rule)]);
    results.extend(decisions::precision(&pool, rule));
    results.extend([decisions::recall(&pool, rule), reliability::calibration(&pool, rule), reliability::regimes(&pool, rule)]);
    results.push(economics::economics(evidence.economics.as_ref(), evidence.trials.as_deref(), rule));
    results.push(champion::champion(&pool, evidence.incumbent.as_ref(), rule));
    results.extend([control::null_control(nulls, rule), integrity::leak_alarm(&pool, rule)]);
    let muted = |gate, side| results.iter().any(|r| r.gate == gate && r.status == Status::Muted).then_some(side);
    let muted = [muted(Gate::PrecisionBuy, Class::Buy), muted(Gate::PrecisionSell, Class::Sell)].into_iter().flatten().collect();
    Report { verdict: verdict(&results, evidence.shadow_sessions, rule), results, muted }
}

/// Whether a refit without a signal gets past G2b and G9, which is what the null control counts. Pass the nulls that the
/// candidate is held against.
pub fn null_passes(evidence: &Evidence, rule: &PromotionGates, resampling: Resampling) -> bool {
    let earns = economics::economics(evidence.economics.as_ref(), evidence.trials.as_deref(), rule).status == Status::Pass;
    // Trading is quickly judged, and few refits earn; the bounds of the direction are not.
    earns && skill::direction(&Pool::new(&evidence.rows, resampling), evidence.nulls.as_deref(), rule).status == Status::Pass
}

/// Sides that G5 mutes, or fails: the backtest of the candidate trades by the others only. None where neither has a lift: such a model is rejected.
pub fn muted(rows: &[Judged], rule: &PromotionGates, resampling: Resampling) -> Vec<Class> {
    let sides = [Class::Buy, Class::Sell].into_iter().zip(decisions::precision(&Pool::new(rows, resampling), rule));
    sides.filter(|(_, side)| side.status == Status::Muted).map(|(side, _)| side).collect()
}

/// Figures with their bootstrap distributions, for pages and records.
pub fn estimates(rows: &[Judged], resampling: Resampling) -> Estimates {
    let pool = Pool::new(rows, resampling);
    Estimates {
        skill: pool.skill(|_| true),
        directional_skill: pool.directional_skill(),
        auc: pool.directional_auc(),
        balanced_accuracy: pool.of_decisions(crate::train::metrics::Confusion::balanced_accuracy),
        hold_auc: pool.hold_auc(),
    }
}

/// Whether a refit without a signal gets past G9: the half of [`null_passes`] that needs no other refit.
pub fn earns(economics: &Economics, trials: &[f64], rule: &PromotionGates) -> bool {
    economics::economics(Some(economics), Some(trials), rule).status == Status::Pass
}

fn verdict(results: &[GateResult], shadow_sessions: u32, rule: &PromotionGates) -> Verdict {
    let failed = results.iter().filter(|r| r.status == Status::Fail);
    let reasons: Vec<String> = failed.map(|r| format!("{} {}", r.gate.code(), r.sentence)).collect();
    match rule.shadow_sessions.saturating_sub(shadow_sessions) {
        _ if !reasons.is_empty() => Verdict::Reject { reasons },
        0 => Verdict::Promote,
        sessions_left => Verdict::Shadow { sessions_left },
    }
}

#[cfg(test)]
mod tests;
