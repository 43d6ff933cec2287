//! What changed between two snapshots: per field, per row of a list, per cell of the heat map. The control server
//! sends deltas to consoles that follow from outside; applying one to the older snapshot gives the newer one.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Alert, CellState, HostStats, JobView, Market, ProcessView, RunProgress, RunView, SchedulerView, SeriesCell, Snapshot};
use crate::drift::views::DriftView;
use crate::market::{Instrument, SourceId};
use crate::scan::views::SignalsView;
use crate::sources::SourceStatus;
use crate::store::scheduler::JobRun;
use crate::train::progress::{Standing, TrainingView};

/// The way from snapshot `from` to snapshot `to` of one engine. A field that is absent has not changed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delta {
    /// Identity of the engine process.
    pub epoch: String,
    /// [`Snapshot::seq`] it applies to.
    pub from: u64,
    /// [`Snapshot::seq`] it leads to.
    pub to: u64,
    /// When the newer snapshot was made, UTC milliseconds.
    pub at_ms: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<Arc<ProcessView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    demo: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    loading: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    instruments: Option<Arc<Vec<Instrument>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cells: Option<Patch<Cell>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sources: Option<Patch<SourceStatus>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active: Option<ActiveChange>,
    #[serde(skip_serializing_if = "Option::is_none")]
    runs: Option<Patch<RunView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scheduler: Option<Arc<SchedulerView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jobs: Option<Patch<JobView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_runs: Option<Patch<JobRun>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    training: Option<Patch<TrainingView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    standings: Option<Patch<Standing>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drift: Option<Patch<DriftView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    signals: Option<Patch<SignalsView>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alerts: Option<Patch<Alert>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    host: Option<HostStats>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    quarantined: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issues: Option<u64>,
}

/// What happened to the active run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ActiveChange {
    /// There is none any more.
    None,
    /// Another one, or something besides its progress changed.
    Run(Arc<RunView>),
    /// Only its progress moved.
    Progress(RunProgress),
}

/// How a list changes: rows come in at its front, it is cut to a length, and some rows get a new value. Lists of runs
/// grow at the front and fall off at the end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Patch<T> {
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    front: Vec<T>,
    len: usize,
    set: Vec<(usize, T)>,
}

/// A cell without the names of its fields: a run touches hundreds of cells a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cell(CellState, Option<i64>, Option<i64>, u32, Option<SourceId>);

impl From<&SeriesCell> for Cell {
    fn from(c: &SeriesCell) -> Self {
        Self(c.state, c.last_ts, c.late_since, c.gaps, c.source)
    }
}

impl From<&Cell> for SeriesCell {
    fn from(&Cell(state, last_ts, late_since, gaps, source): &Cell) -> Self {
        Self { state, last_ts, late_since, gaps, source }
    }
}

/// Why a delta does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeltaError {
    /// It starts at another snapshot: one in between was missed.
    #[error("a step is missing between the screen's state and the daemon's")]
    Gap,
    /// It tells of another process.
    #[error("the daemon was started anew")]
    OtherEpoch,
    /// It names rows that its own length excludes.
    #[error("the step names rows that do not exist")]
    Malformed,
}

impl Delta {
    /// What leads from `a` to `b`; `None` when they are of different processes.
    pub fn between(a: &Snapshot, b: &Snapshot) -> Option<Self> {
        (a.epoch == b.epoch).then(|| Self {
            epoch: b.epoch.clone(),
            from: a.seq,
            to: b.seq,
            at_ms: b.at_ms,
            process: changed_arc(&a.process, &b.process),
            demo: changed(&a.demo, &b.demo),
            loading: changed(&a.loading, &b.loading),
            instruments: changed_arc(&a.market.instruments, &b.market.instruments),
            cells: cells(&a.market, &b.market),
            sources: Patch::of_arcs(&a.sources, &b.sources),
            active: ActiveChange::between(a.active.as_ref(), b.active.as_ref()),
            runs: Patch::of_arcs(&a.runs, &b.runs),
            scheduler: changed_arc(&a.scheduler, &b.scheduler),
            jobs: Patch::of_arcs(&a.jobs, &b.jobs),
            job_runs: Patch::of_arcs(&a.job_runs, &b.job_runs),
            training: Patch::of_arcs(&a.training, &b.training),
            standings: Patch::of_arcs(&a.standings, &b.standings),
            drift: Patch::of_arcs(&a.drift, &b.drift),
            signals: Patch::of_arcs(&a.signals, &b.signals),
            alerts: Patch::of_arcs(&a.alerts, &b.alerts),
            host: changed(&a.host, &b.host),
            log_seq: changed(&a.log_seq, &b.log_seq),
            quarantined: changed(&a.quarantined, &b.quarantined),
            issues: changed(&a.issues, &b.issues),
        })
    }

    /// Leads `state` on. After an error `state` is what it was, or partly led on: fetch a whole snapshot.
    pub fn apply(self, state: &mut Snapshot) -> Result<(), DeltaError> {
        if state.epoch != self.epoch {
            return Err(DeltaError::OtherEpoch);
        }
        if state.seq != self.from {
            return Err(DeltaError::Gap);
        }
        (state.seq, state.at_ms) = (self.to, self.at_ms);
        set(&mut state.process, self.process);
        set(&mut state.demo, self.demo);
        set(&mut state.loading, self.loading);
        if self.instruments.is_some() || self.cells.is_some() {
            let market = Arc::make_mut(&mut state.market);
            set(&mut market.instruments, self.instruments);
            if let Some(patch) = self.cells {
                patch.map(|c| SeriesCell::from(&c)).apply(&mut market.cells)?;
            }
        }
        lead(&mut state.sources, self.sources)?;
        if let Some(change) = self.active {
            change.apply(&mut state.active)?;
        }
        lead(&mut state.runs, self.runs)?;
        set(&mut state.scheduler, self.scheduler);
        lead(&mut state.jobs, self.jobs)?;
        lead(&mut state.job_runs, self.job_runs)?;
        lead(&mut state.training, self.training)?;
        lead(&mut state.standings, self.standings)?;
        lead(&mut state.drift, self.drift)?;
        lead(&mut state.signals, self.signals)?;
        lead(&mut state.alerts, self.alerts)?;
        set(&mut state.host, self.host);
        set(&mut state.log_seq, self.log_seq);
        set(&mut state.quarantined, self.quarantined);
        set(&mut state.issues, self.issues);
        Ok(())
    }
}

impl ActiveChange {
    fn between(a: Option<&Arc<RunView>>, b: Option<&Arc<RunView>>) -> Option<Self> {
        match (a, b) {
            (None, None) => None,
            (Some(_), None) => Some(Self::None),
            (None, Some(b)) => Some(Self::Run(Arc::clone(b))),
            (Some(a), Some(b)) if a == b => None,
            (Some(a), Some(b)) => {
                let moved = RunView { progress: b.progress.clone(), ..RunView::clone(a) };
                Some(if moved == **b { Self::Progress(b.progress.clone()) } else { Self::Run(Arc::clone(b)) })
            }
        }
    }

    fn apply(self, active: &mut Option<Arc<RunView>>) -> Result<(), DeltaError> {
        match self {
            Self::None => *active = None,
            Self::Run(run) => *active = Some(run),
            Self::Progress(progress) => Arc::make_mut(active.as_mut().ok_or(DeltaError::Malformed)?).progress = progress,
        }
        Ok(())
    }
}

impl<T: Clone + PartialEq> Patch<T> {
    /// Rows that come in at the front between two looks; more are sent one by one.
    const MOST_IN_FRONT: usize = 3;

    fn of_arcs(a: &Arc<Vec<T>>, b: &Arc<Vec<T>>) -> Option<Self> {
        if Arc::ptr_eq(a, b) { None } else { Self::between(a, b) }
    }

    fn between(a: &[T], b: &[T]) -> Option<Self> {
        if a == b {
            return None;
        }
        let differ = |k: usize| (k..b.len()).filter(move |&i| a.get(i - k) != Some(&b[i]));
        let k = (0..=Self::MOST_IN_FRONT.min(b.len())).min_by_key(|&k| k + differ(k).count()).unwrap_or(0);
        let set = differ(k).map(|i| (i, b[i].clone())).collect();
        Some(Self { front: b[..k].to_vec(), len: b.len(), set })
    }

    fn apply(self, rows: &mut Vec<T>) -> Result<(), DeltaError> {
        rows.splice(0..0, self.front);
        rows.truncate(self.len);
        for (i, row) in self.set {
            match i.cmp(&rows.len()) {
                Ordering::Less => rows[i] = row,
                Ordering::Equal => rows.push(row),
                Ordering::Greater => return Err(DeltaError::Malformed),
            }
        }
        if rows.len() == self.len { Ok(()) } else { Err(DeltaError::Malformed) }
    }
}

impl<T> Patch<T> {
    fn map<U>(self, mut f: impl FnMut(T) -> U) -> Patch<U> {
        let front = self.front.into_iter().map(&mut f).collect();
        Patch { front, len: self.len, set: self.set.into_iter().map(|(i, row)| (i, f(row))).collect() }
    }
}

/// Cells have fixed places, so they are compared place by place.
fn cells(a: &Arc<Market>, b: &Arc<Market>) -> Option<Patch<Cell>> {
    if Arc::ptr_eq(a, b) || a.cells == b.cells {
        return None;
    }
    let differing = b.cells.iter().enumerate().filter(|(i, cell)| a.cells.get(*i) != Some(cell));
    Some(Patch { front: Vec::new(), len: b.cells.len(), set: differing.map(|(i, cell)| (i, Cell::from(cell))).collect() })
}

fn changed<T: Copy + PartialEq>(a: &T, b: &T) -> Option<T> {
    (a != b).then_some(*b)
}

fn changed_arc<T: PartialEq>(a: &Arc<T>, b: &Arc<T>) -> Option<Arc<T>> {
    (!Arc::ptr_eq(a, b) && a != b).then(|| Arc::clone(b))
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn lead<T: Clone + PartialEq>(rows: &mut Arc<Vec<T>>, patch: Option<Patch<T>>) -> Result<(), DeltaError> {
    patch.map_or(Ok(()), |p| p.apply(Arc::make_mut(rows)))
}

#[cfg(test)]
mod tests;
