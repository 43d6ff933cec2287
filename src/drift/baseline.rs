//! Baselines: the reference distribution of a subject, and how far its own windows stray from it.

use chrono::NaiveDate;
use rayon::prelude::*;
use serde::Serialize;

use super::bins::Bins;
use super::distance::{divergence, shares, stability};
use super::ks::{KolmogorovSmirnov, ascending};
use super::sketch::{Sketch, order_statistics};
use crate::config::strategy::DriftDetection;
use crate::labels::Class;
use crate::store::model::DriftBaseline;
use crate::train::metrics::Probabilities;
use crate::train::normal;
use crate::train::sharpe::variance;

/// A window exactly like the rest of the period counts as this far from it: its logarithm is asked for.
const LEAST_STABILITY: f64 = 1e-12;
/// Windows whose ln PSI deviate by less are alike: what is left is the smoothing of counts and a few rows more or less a window.
/// Those of features that do vary deviate by tenths and more.
const LEAST_DEVIATION: f64 = 0.01;

/// A baseline with the order statistics that the Kolmogorov-Smirnov distance and the curve of the distribution need.
#[derive(Clone, Debug, PartialEq)]
pub struct Frozen {
    /// Bins, counts, and how far the reference's own windows strayed.
    pub baseline: DriftBaseline,
    /// [`order_statistics`] of the values that were there, ascending.
    pub sketch: Vec<f64>,
}

impl Frozen {
    /// The distribution of the values that were there, to half of a 1,024th.
    pub fn sketch(&self) -> Sketch<'_> {
        let missing = self.baseline.counts.last().copied().unwrap_or(0.0) as u64;
        Sketch::new(&self.sketch, self.baseline.rows.saturating_sub(missing))
    }

    /// Distance of current values from the reference; see [`Sketch::distance`] for how exact it is.
    pub fn kolmogorov_smirnov(&self, current: &[f64]) -> Option<KolmogorovSmirnov> {
        self.sketch().distance(current)
    }
}

/// Why a distance cannot be judged by the reference's own windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, strum::Display)]
#[serde(rename_all = "snake_case")]
pub enum Uncalibrated {
    /// The reference is no longer than a window.
    #[strum(to_string = "the reference period is too short to hold a window and a rest to compare it with")]
    NoWindow,
    /// One window has no spread.
    #[strum(to_string = "the reference period holds one window only, and a spread takes two")]
    OneWindow,
    /// All windows strayed alike, as those of a constant do.
    #[strum(to_string = "all windows of the reference period are alike, so that nothing tells a usual distance from an unusual one")]
    NoSpread,
}

impl Uncalibrated {
    /// What keeps the shifts from a baseline from being judged; `None` where they can be.
    pub fn of(baseline: &DriftBaseline) -> Option<Self> {
        match baseline.windows {
            0 => Some(Self::NoWindow),
            1 => Some(Self::OneWindow),
            _ if usual(baseline).is_none() => Some(Self::NoSpread),
            _ => None,
        }
    }
}

/// How far current values lie from a baseline.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Shift {
    /// Current values, missing ones among them.
    pub rows: usize,
    /// Population stability index.
    pub psi: f64,
    /// Kullback-Leibler divergence of the current from the reference, nats.
    pub kl: f64,
    /// ln PSI in standard deviations above the mean of the reference's windows; `None` where these were too few or all
    /// alike.
    pub z: Option<f64>,
    /// The chance of a `z` at least as large without drift.
    pub p: Option<f64>,
}

/// Rows of a reference by their session.
struct Sessions {
    /// Number of each row's session, ascending with the date.
    of_row: Vec<u32>,
    count: usize,
}

impl Sessions {
    fn new(dates: &[NaiveDate]) -> Self {
        let mut axis = dates.to_vec();
        axis.sort_unstable();
        axis.dedup();
        let of_row = dates.iter().map(|d| axis.partition_point(|a| a < d) as u32).collect();
        Self { of_row, count: axis.len() }
    }
}

/// Baselines of columns, in parallel. `dates` has the session of each row, `column` the values of the subject of a
/// number, one a row: columns are asked for one by one, so that they need not all be in memory as doubles. No rows, no
/// baselines.
pub fn of_columns(
    dates: &[NaiveDate],
    subjects: &[String],
    column: impl Fn(usize) -> Vec<f64> + Sync,
    rule: &DriftDetection,
) -> Vec<Frozen> {
    let sessions = Sessions::new(dates);
    let of = |(number, subject): (usize, &String)| {
        let values = column(number);
        let sorted = ascending(&values);
        let bins = Bins::of_ascending(&sorted, rule.bins);
        let baseline = freeze(subject, &values, &bins, &sessions, rule)?;
        Some(Frozen { baseline, sketch: order_statistics(&sorted) })
    };
    subjects.par_iter().enumerate().filter_map(of).collect()
}

/// Baselines of what a model says, from its out-of-fold answers and decisions: `p_buy`, `p_sell` and `mix`.
pub fn of_answers(dates: &[NaiveDate], answers: &[Probabilities], decisions: &[Class], rule: &DriftDetection) -> Vec<Frozen> {
    let names = ["p_buy", "p_sell"].map(str::to_owned);
    let sides = [Class::Buy, Class::Sell];
    let mut frozen = of_columns(dates, &names, |side| answers.iter().map(|p| p[sides[side].index()]).collect(), rule);
    let decided: Vec<f64> = decisions.iter().map(|d| d.index() as f64).collect();
    // One bin a class, in column order. Classes have no order that a sketch could keep.
    let mix = freeze("mix", &decided, &Bins::between(&[1.0, 2.0]), &Sessions::new(dates), rule);
    frozen.extend(mix.map(|baseline| Frozen { baseline, sketch: Vec::new() }));
    frozen
}

/// Time and memory grow with rows plus sessions times bins: each value is binned once, windows are differences of running
/// sums.
fn freeze(subject: &str, values: &[f64], bins: &Bins, sessions: &Sessions, rule: &DriftDetection) -> Option<DriftBaseline> {
    let width = bins.count();
    let mut running = vec![0.0; (sessions.count + 1) * width];
    for (value, session) in values.iter().zip(&sessions.of_row) {
        running[(*session as usize + 1) * width + bins.of_value(*value)] += 1.0;
    }
    for i in width..running.len() {
        running[i] += running[i - width];
    }
    let counts = running[sessions.count * width..].to_vec();
    let logarithms = strays(&running, &counts, sessions.count, rule);
    let mean = (!logarithms.is_empty()).then(|| logarithms.iter().sum::<f64>() / logarithms.len() as f64);
    (!values.is_empty()).then(|| DriftBaseline {
        subject: subject.to_owned(),
        rows: values.len() as u64,
        edges: bins.edges().to_vec(),
        counts,
        windows: logarithms.len() as u32,
        mean,
        deviation: (logarithms.len() > 1).then(|| variance(&logarithms).sqrt()),
        window_sessions: rule.window_sessions,
        smoothing: rule.smoothing,
        sketch: Vec::new(),
    })
}

/// ln PSI of each window from the rest of the period. `running` has the counts of all sessions before each.
fn strays(running: &[f64], counts: &[f64], sessions: usize, rule: &DriftDetection) -> Vec<f64> {
    let (width, long) = (counts.len(), rule.window_sessions as usize);
    if long >= sessions {
        // No rest to compare a window with.
        return Vec::new();
    }
    let stray = |start: usize| {
        let at = |session: usize| &running[session * width..(session + 1) * width];
        let inside: Vec<f64> = at(start + long).iter().zip(at(start)).map(|(after, before)| after - before).collect();
        let rest: Vec<f64> = counts.iter().zip(&inside).map(|(all, inside)| all - inside).collect();
        stability(&shares(&inside, rule.smoothing), &shares(&rest, rule.smoothing)).max(LEAST_STABILITY).ln()
    };
    (0..=sessions - long).step_by(rule.step_sessions.max(1) as usize).map(stray).collect()
}

/// Mean and standard deviation of the windows' ln PSI, if they tell windows apart.
fn usual(baseline: &DriftBaseline) -> Option<(f64, f64)> {
    baseline.mean.zip(baseline.deviation).filter(|(_, deviation)| *deviation > LEAST_DEVIATION)
}

/// How far `current` lies from what `baseline` froze, with the smoothing that its windows were compared with.
pub fn compare(baseline: &DriftBaseline, current: &[f64], smoothing: f64) -> Shift {
    let bins = Bins::between(&baseline.edges);
    let (now, then) = (shares(&bins.counts(current.iter().copied()), smoothing), shares(&baseline.counts, smoothing));
    let psi = stability(&now, &then);
    let z = usual(baseline).map(|(mean, deviation)| (psi.max(LEAST_STABILITY).ln() - mean) / deviation);
    // The upper tail as the lower one of -z: 1 minus the chance below loses all digits where it matters.
    Shift { rows: current.len(), psi, kl: divergence(&now, &then), z, p: z.map(|z| normal::cdf(-z)) }
}
