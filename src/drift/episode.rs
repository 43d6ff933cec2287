//! Episodes: an alarm is given once, and not again until nights have been quiet.
//!
//! One subject has at most one episode at a time. [`step`] is a night; [`Episode::ack`] and [`Episode::snooze`] are a person's word
//! on it. Times are UTC seconds and come from the caller.

use serde::{Deserialize, Serialize};

use super::verdict::{DatasetVerdict, Judgement};

/// How bad an alarm is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "lowercase")]
pub enum Severity {
    /// A subject or the data set has drifted, or performance is below its band.
    Drifted,
    /// So much that the model should not be relied on.
    Critical,
}

/// What a night found about a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finding {
    /// There was no verdict: nothing follows from the night.
    Unknown,
    /// No alarm; a warning is none.
    Quiet,
    /// An alarm.
    Alarm(Severity),
}

/// A stretch of nights with an alarm, and the quiet ones that it takes to end it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// When it began.
    pub began: i64,
    /// The worst so far.
    pub severity: Severity,
    /// Quiet nights in a row.
    pub quiet: u32,
    /// Who took note of it, and has no need of hearing of it again unless it gets worse.
    pub acked: bool,
    /// Until when it is silent unless it gets worse; an alarm after that is given again.
    pub snoozed_until: Option<i64>,
}

/// What a night made of the episode of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The episode, if one is open.
    pub episode: Option<Episode>,
    /// What is to be told.
    pub told: Option<Told>,
}

/// What is to be told of an episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The alarm: the episode began, got worse, or goes on after a person's snooze.
    Alarm(Severity),
    /// It is over.
    Ended,
}

impl Finding {
    /// Of a subject's verdict.
    pub fn of(verdict: Judgement) -> Self {
        match verdict {
            Judgement::Insufficient { .. } | Judgement::Uncalibrated(_) => Self::Unknown,
            Judgement::Stable | Judgement::Warning => Self::Quiet,
            Judgement::Drifted => Self::Alarm(Severity::Drifted),
        }
    }

    /// Of the data set's verdict.
    pub fn of_dataset(verdict: DatasetVerdict) -> Self {
        match verdict {
            DatasetVerdict::Insufficient => Self::Unknown,
            DatasetVerdict::Stable => Self::Quiet,
            DatasetVerdict::Warning => Self::Alarm(Severity::Drifted),
            DatasetVerdict::Critical => Self::Alarm(Severity::Critical),
        }
    }
}

impl Episode {
    fn begin(now: i64, severity: Severity) -> Self {
        Self { began: now, severity, quiet: 0, acked: false, snoozed_until: None }
    }

    /// A person took note: silent until it gets worse or is over.
    #[must_use]
    pub fn ack(self) -> Self {
        Self { acked: true, snoozed_until: None, ..self }
    }

    /// Silent until a time, unless it gets worse.
    #[must_use]
    pub fn snooze(self, until: i64) -> Self {
        Self { snoozed_until: Some(until), ..self }
    }

    /// Whether a person has silenced it.
    pub fn silent(&self, now: i64) -> bool {
        self.acked || self.snoozed_until.is_some_and(|until| now < until)
    }
}

/// A night at `now`. An episode ends with the `hysteresis`th quiet night in a row; a night without a verdict neither counts as
/// quiet nor breaks the row.
pub fn step(episode: Option<Episode>, finding: Finding, now: i64, hysteresis: u32) -> Step {
    match (episode, finding) {
        (episode, Finding::Unknown) => Step { episode, told: None },
        (None, Finding::Quiet) => Step { episode: None, told: None },
        (None, Finding::Alarm(severity)) => Step { episode: Some(Episode::begin(now, severity)), told: Some(Told::Alarm(severity)) },
        (Some(open), Finding::Quiet) if open.quiet + 1 >= hysteresis => Step { episode: None, told: Some(Told::Ended) },
        (Some(open), Finding::Quiet) => Step { episode: Some(Episode { quiet: open.quiet + 1, ..open }), told: None },
        (Some(open), Finding::Alarm(severity)) => again(Episode { quiet: 0, ..open }, severity, now),
    }
}

/// An alarm within an open episode.
fn again(open: Episode, severity: Severity, now: i64) -> Step {
    if severity > open.severity {
        // What a person silenced was not this.
        let worse = Episode { severity, acked: false, snoozed_until: None, ..open };
        return Step { episode: Some(worse), told: Some(Told::Alarm(severity)) };
    }
    let reminded = !open.acked && open.snoozed_until.is_some_and(|until| now >= until);
    let episode = if reminded { Episode { snoozed_until: None, ..open } } else { open };
    Step { episode: Some(episode), told: reminded.then_some(Told::Alarm(severity)) }
}
