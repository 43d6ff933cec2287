//! What in a snapshot is worth an alert, and which of it has been told: one alert a cause until the cause is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::engine::{AlertLevel, Snapshot};
use crate::store::scheduler::{JobRun, JobState};
use crate::webhook::{Event, Notice};

/// How long an alert of the engine must last.
const LASTING: Duration = Duration::from_mins(1);
/// How long a bad end must stand: its next attempt may be queued a moment later.
const SETTLED: Duration = Duration::from_secs(3);

/// Seconds before the process's start in which ends count as its own: it finds lost runs a moment before it begins.
const BOOT: i64 = 10;

/// Causes by their keys.
#[derive(Default)]
pub(super) struct Causes {
    known: BTreeMap<String, Cause>,
    /// What ended or was paused before is old news, UTC seconds.
    since: Option<i64>,
}

struct Cause {
    due: Instant,
    told: bool,
    notice: Notice,
}

impl Causes {
    /// Takes in what is there now, and forgets what is not.
    pub fn observe(&mut self, snapshot: &Snapshot, now: Instant) {
        if snapshot.loading {
            return;
        }
        let start = match snapshot.process.started_at {
            0 => snapshot.at_ms.div_euclid(1000),
            started => started,
        };
        let since = *self.since.get_or_insert(start - BOOT);
        let mut before = std::mem::take(&mut self.known);
        for (key, notice, hold) in present(snapshot, since) {
            let cause = match before.remove(&key) {
                Some(cause) => Cause { notice, ..cause },
                None => Cause { due: now + hold, told: false, notice },
            };
            self.known.insert(key, cause);
        }
    }

    /// What is to be told by now, oldest first.
    pub fn due(&self, now: Instant) -> Vec<(String, Notice)> {
        let mut due: Vec<_> = self.known.iter().filter(|(_, c)| !c.told && c.due <= now).collect();
        due.sort_by_key(|(_, c)| c.due);
        due.into_iter().map(|(key, c)| (key.clone(), c.notice.clone())).collect()
    }

    /// When the next cause will be due.
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        self.known.values().filter(|c| !c.told && c.due > now).map(|c| c.due).min()
    }

    /// The cause has been told.
    pub fn settled(&mut self, key: &str) {
        if let Some(cause) = self.known.get_mut(key) {
            cause.told = true;
        }
    }
}

/// Everything worth an alert: its key, what to say, and how long it must last.
fn present(s: &Snapshot, since: i64) -> Vec<(String, Notice, Duration)> {
    let runs = s.job_runs.iter().filter_map(|run| {
        let event = match run.state {
            JobState::Failed => Event::RunFailed,
            JobState::TimedOut => Event::RunTimedOut,
            JobState::Lost => Event::RunLost,
            _ => return None,
        };
        let at = run.ended_at.filter(|at| *at >= since)?;
        // An attempt that is made up for needs nobody; a process that died does.
        if run.state != JobState::Lost && s.job_runs.iter().any(|next| follows(next, run)) {
            return None;
        }
        let why = run.error.as_deref().unwrap_or("no reason given");
        let text = format!("{} run {} {}: {why}", run.job, run.id, run.state);
        Some((run_key(run.id), Notice { event, at, run: Some(run.id), text }, SETTLED))
    });
    let pauses = s.jobs.iter().filter_map(|view| {
        let pause = view.paused.as_ref().filter(|p| p.at >= since)?;
        let text = format!("{} is paused by {}: {}", view.job, pause.by, pause.reason);
        Some((format!("paused:{}", view.job), Notice { event: Event::JobPaused, at: pause.at, run: None, text }, Duration::ZERO))
    });
    // Runs and pauses are told above, with more care.
    let told_above = |key: &str| key.starts_with("paused:") || s.job_runs.iter().any(|r| key == run_key(r.id));
    let alerts = s.alerts.iter().filter(|a| a.level == AlertLevel::Bad && !told_above(&a.key)).map(|a| {
        let (event, hold) = if a.key.starts_with("late:") { (Event::RunLate, Duration::ZERO) } else { (Event::Alert, LASTING) };
        (a.key.clone(), Notice { event, at: a.since, run: None, text: a.text.clone() }, hold)
    });
    runs.chain(pauses).chain(alerts).collect()
}

fn run_key(id: i64) -> String {
    format!("run:{id}")
}

/// Whether `next` is another attempt at what `run` was to do.
fn follows(next: &JobRun, run: &JobRun) -> bool {
    next.job == run.job && next.scheduled_for == run.scheduled_for && next.attempt == run.attempt + 1 && next.id > run.id
}

#[cfg(test)]
#[path = "causes_tests.rs"]
mod tests;
