//! What the daemon tells the service manager (`sd_notify`): ready, reloading, stopping, a line of status, and a sign of
//! life for its watchdog. Without a manager nothing is sent.

use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use crate::engine::{Pulse, Snapshot};
use crate::market::Clock;
use crate::store::scheduler::Job;

/// Longest wait before a change is seen in the status line.
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// Patience where no watchdog sets it; silence is then told in the log.
const USUAL_PATIENCE: Duration = Duration::from_mins(1);
/// Watchdogs with less patience than this are not kept.
const LEAST_PATIENCE: Duration = Duration::from_millis(40);

/// The engine works; also said when a reload is over.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// The configuration is being read. `ready` must follow.
pub(super) fn reloading() {
    // Without the time stamp systemd takes the `ready` of before for the answer, or waits for ever.
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(e) => tracing::warn!(target: "cli", error = %e, "The monotonic clock cannot be read"),
    }
}

/// The daemon is on its way out.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// Keeps the status line true, and the watchdog quiet while owner and writer answer within half its patience.
pub(super) async fn attend(state: watch::Receiver<Arc<Snapshot>>, pulse: Pulse, clock: Arc<dyn Clock>) {
    let patience = sd_notify::watchdog_enabled().filter(|p| *p >= LEAST_PATIENCE).unwrap_or(USUAL_PATIENCE);
    let mut tick = interval((patience / 4).min(STATUS_EVERY));
    tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let (mut said, mut silent) = (String::new(), None);
    loop {
        tick.tick().await;
        let status = status(&state.borrow(), clock.now());
        if status != said {
            tell(&[NotifyState::Status(&status)]);
            said = status;
        }
        match pulse.beat(patience / 2).await {
            Ok(()) => {
                tell(&[NotifyState::Watchdog]);
                if silent.take().is_some() {
                    tracing::warn!(target: "cli", "The engine answers again");
                }
            }
            Err(who) if silent != Some(who) => {
                tracing::error!(target: "cli", "{who}; no word to the watchdog until it does");
                silent = Some(who);
            }
            Err(_) => {}
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(e) = sd_notify::notify(states) {
        tracing::debug!(target: "cli", error = %e, "The service manager was not reached");
    }
}

/// One line: what runs, what is next, what needs a person.
fn status(s: &Snapshot, now: i64) -> String {
    let work = if let Some(run) = &s.active {
        let p = &run.progress;
        format!("run {}: {}, {} of {} series", run.id, p.phase, p.series_done, p.series_total)
    } else if let Some(run) = s.job_runs.iter().find(|r| !r.state.ended()) {
        format!("run {}: {} {}", run.id, run.job, run.state)
    } else {
        "idle".to_owned()
    };
    let next: Option<(i64, Job)> = s.jobs.iter().filter_map(|j| Some((j.next?, j.job))).min();
    let next = match next {
        Some((at, job)) => format!("; next {job} in {} min", (at - now).max(0) / 60),
        None => String::new(),
    };
    let needs = if s.alerts.is_empty() { String::new() } else { format!("; {} need you", s.alerts.len()) };
    work + &next + &needs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Alert, AlertLevel};

    #[test]
    fn the_status_line_says_what_runs_and_what_needs_a_person() {
        let mut s = Snapshot::default();
        assert_eq!(status(&s, 0), "idle");
        let alert = Alert { key: "disk".into(), level: AlertLevel::Bad, text: "full".into(), since: 0, series: None };
        s.alerts = Arc::new(vec![alert]);
        assert_eq!(status(&s, 0), "idle; 1 need you");
    }
}
