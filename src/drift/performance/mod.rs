//! Performance drift: whether what has matured since is still what validation promised.
//!
//! [`Band`] is what periods as long as the one looked at gave in validation, drawn in blocks of dates; [`Band::judge`] finds the
//! place of the newest sessions in it. Outcomes take weeks to come; until then [`expected`] tells what the model's own
//! probabilities promise, in units that the band has too.

mod cbpe;
mod statistics;

use chrono::{Months, NaiveDate};
use serde::Serialize;

pub use cbpe::{Expected, expected};
pub use statistics::Statistic;

use crate::config::strategy::DriftDetection;
use crate::drift::episode::{Finding, Severity};
use crate::labels::Class;
use crate::train::bootstrap::{ByDate, Estimate, Resampling};
use crate::train::metrics::Probabilities;

/// One answer of a model whose outcome is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Matured {
    /// Date of the decision.
    pub date: NaiveDate,
    /// What came.
    pub class: Class,
    /// Calibrated probabilities.
    pub p: Probabilities,
    /// What was decided. BUY and SELL are signals.
    pub decision: Class,
    /// Shares of the classes where the model learnt.
    pub prior: Probabilities,
    /// Return of the decision after costs, as a fraction; 0 for HOLD.
    pub net: f64,
}

/// What validation gave in periods of some length.
#[derive(Clone, Debug)]
pub struct Band {
    /// Dates of a period.
    sessions: usize,
    /// Dates of validation.
    dates: usize,
    estimates: Vec<(Statistic, Estimate)>,
}

/// Where one statistic stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Reading {
    /// Which.
    pub statistic: Statistic,
    /// Of the newest sessions; `None` where their rows leave it undefined.
    pub live: Option<f64>,
    /// Of all of validation.
    pub validation: Option<f64>,
    /// What validation's periods gave at the warning quantile, in the middle, and as far from the top.
    pub band: Option<[f64; 3]>,
    /// Share of validation's periods that gave as little, never 0.
    pub quantile: Option<f64>,
}

/// What is said of a model's performance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "verdict", content = "why")]
pub enum Standing {
    /// Too few signals have matured.
    Insufficient {
        /// Signals there were.
        signals: usize,
        /// Signals it takes.
        needed: usize,
    },
    /// Too few sessions have matured: figures of a few days vary so much that one of many looks would cry wolf.
    Short {
        /// Sessions there were.
        sessions: usize,
        /// Sessions it takes.
        needed: usize,
    },
    /// Validation is shorter than a period, or leaves every statistic undefined, so there is nothing to compare with.
    NoBand,
    /// Within the band.
    Stable,
    /// Below the warning quantile.
    Warning,
    /// Below the critical quantile.
    Critical,
    /// Below the warning quantile in every verdict for that many months.
    Lasting {
        /// Months.
        months: u32,
    },
}

/// A model's performance in the newest sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct Performance {
    /// What is said of it.
    pub standing: Standing,
    /// First and last date of the rows that were judged; `None` without rows.
    pub dates: Option<(NaiveDate, NaiveDate)>,
    /// Rows of these dates.
    pub rows: usize,
    /// Of them, decisions for BUY or SELL.
    pub signals: usize,
    /// All statistics; none where there are too few signals.
    pub readings: Vec<Reading>,
}

impl Standing {
    /// Whether it is a warning or worse.
    pub fn warns(self) -> bool {
        matches!(self, Self::Warning | Self::Critical | Self::Lasting { .. })
    }

    /// What follows for the episode.
    pub fn finding(self) -> Finding {
        match self {
            Self::Insufficient { .. } | Self::Short { .. } | Self::NoBand => Finding::Unknown,
            Self::Stable => Finding::Quiet,
            Self::Warning => Finding::Alarm(Severity::Drifted),
            Self::Critical | Self::Lasting { .. } => Finding::Alarm(Severity::Critical),
        }
    }
}

impl Band {
    /// From the out-of-fold rows of validation. Costs a pass over the dates for each draw, and over the rows for the AUC.
    pub fn of(validation: &[Matured], rule: &DriftDetection, resampling: Resampling) -> Self {
        let sessions = rule.performance_sessions as usize;
        let by_date = ByDate::new(validation.iter().map(|r| r.date), resampling).drawing(sessions);
        let estimates = Statistic::ALL.map(|s| (s, s.estimate(validation, &by_date)));
        Self { sessions, dates: by_date.dates(), estimates: estimates.into() }
    }

    /// What validation's periods gave of a statistic below which a share `q` of them lies; `None` where that means nothing.
    pub fn bound(&self, statistic: Statistic, q: f64) -> Option<f64> {
        let of = |(s, e): &(Statistic, Estimate)| if *s == statistic { e.bound(q) } else { None };
        self.estimates.iter().find_map(of).filter(|_| self.dates >= self.sessions)
    }

    /// Judges the newest sessions of `matured` rows, in any order, on the night of `today`. `warned_since` is the night since which
    /// every verdict warned ([`warned_since`]).
    pub fn judge(&self, matured: &[Matured], (warned_since, today): (Option<NaiveDate>, NaiveDate), rule: &DriftDetection) -> Performance {
        let rows = newest(matured, self.sessions);
        let (first, last) = (rows.iter().map(|r| r.date).min(), rows.iter().map(|r| r.date).max());
        let signals = rows.iter().filter(|r| r.decision != Class::Hold).count();
        let needed = rule.performance_min_signals as usize;
        let mut found = Performance {
            standing: Standing::Insufficient { signals, needed },
            dates: first.zip(last),
            rows: rows.len(),
            signals,
            readings: Vec::new(),
        };
        if signals >= needed {
            found.readings = self.estimates.iter().map(|(s, e)| self.reading(*s, e, &rows, rule)).collect();
            found.standing = standing(&found.readings, warned_since.map(|since| (since, today)), rule);
        }
        found
    }

    fn reading(&self, statistic: Statistic, estimate: &Estimate, rows: &[Matured], rule: &DriftDetection) -> Reading {
        let edge = rule.performance_warning_quantile;
        let [low, middle, high] = [edge, 0.5, 1.0 - edge].map(|q| self.bound(statistic, q));
        let live = statistic.of(rows);
        let quantile = live.filter(|_| middle.is_some()).map(|live| estimate.p_below(live));
        let band = low.zip(middle).zip(high).map(|((low, middle), high)| [low, middle, high]);
        Reading { statistic, live, validation: estimate.value, band, quantile }
    }
}

/// The quantile below which one of the judged statistics is critical by itself: Bonferroni's share of
/// [`DriftDetection::performance_critical_quantile`], because the worst of several is looked at and what follows is grave.
pub fn critical_alone(rule: &DriftDetection) -> f64 {
    rule.performance_critical_quantile / Statistic::ALL.iter().filter(|s| s.is_judged()).count() as f64
}

fn standing(readings: &[Reading], since: Option<(NaiveDate, NaiveDate)>, rule: &DriftDetection) -> Standing {
    let judged = readings.iter().filter(|r| r.statistic.is_judged()).filter_map(|r| r.quantile);
    let Some(least) = judged.min_by(f64::total_cmp) else { return Standing::NoBand };
    let months = rule.performance_critical_months;
    let lasts = since.is_some_and(|(since, last)| since.checked_add_months(Months::new(months)).is_some_and(|until| until <= last));
    match least {
        q if q < critical_alone(rule) => Standing::Critical,
        q if q < rule.performance_warning_quantile && lasts => Standing::Lasting { months },
        q if q < rule.performance_warning_quantile => Standing::Warning,
        _ => Standing::Stable,
    }
}

/// Rows of the newest `sessions` dates.
fn newest(rows: &[Matured], sessions: usize) -> Vec<Matured> {
    let mut dates: Vec<NaiveDate> = rows.iter().map(|r| r.date).collect();
    dates.sort_unstable();
    dates.dedup();
    let first = dates.len().saturating_sub(sessions);
    let Some(first) = dates.get(first) else { return Vec::new() };
    rows.iter().filter(|r| r.date >= *first).copied().collect()
}

/// The date since which every verdict warned, of verdicts by date in ascending order; dates without a verdict do not break the row.
pub fn warned_since(history: &[(NaiveDate, Standing)]) -> Option<NaiveDate> {
    let verdicts = history.iter().rev().filter(|(_, s)| s.finding() != Finding::Unknown);
    verdicts.take_while(|(_, s)| s.warns()).last().map(|(date, _)| *date)
}

#[cfg(test)]
mod tests;
