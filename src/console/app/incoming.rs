//! What comes from the engine: snapshots, answers and acknowledgements.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::table::Row;
use super::{App, Effect, Overlay, Page, Slot, ToastLevel, pages};
use crate::console::fmt;
use crate::engine::{Ack, AlertLevel, Reply, RunView, Snapshot};
use crate::store::master::RunState;

impl App {
    pub(super) fn on_snapshot(&mut self, snapshot: Arc<Snapshot>, fx: &mut Vec<Effect>) -> bool {
        let before = std::mem::replace(&mut self.live, snapshot);
        let now = self.live.clone();
        if now.log_seq > self.logs.last() {
            fx.push(Effect::ReadLogs(self.logs.last()));
        }
        // A first or re-loaded state is no news: its alerts are on the line already.
        if before.at_ms > 0 && !before.loading && !now.loading && before.epoch == now.epoch {
            self.announce(&before, &now, fx);
        }
        if self.source.is_none_or(|s| now.sources.iter().all(|x| x.source != s)) {
            self.source = now.sources.first().map(|s| s.source);
        }
        if self.alert.as_ref().is_some_and(|key| now.alerts.iter().all(|a| a.key != *key)) {
            self.alert = None;
        }
        if self.quitting && now.active.is_none() {
            fx.push(Effect::Quit);
        }
        self.refresh_pages(&before, &now, fx);
        if self.is_frozen() {
            return true;
        }
        if self.heat.cursor.is_none() || !self.heat.filter.is_empty() || !Arc::ptr_eq(&before.market.instruments, &now.market.instruments) {
            self.heat.refresh(&now.market);
        }
        true
    }

    /// Asks the open page's question again when its answer may have changed.
    fn refresh_pages(&mut self, before: &Snapshot, now: &Snapshot, fx: &mut Vec<Effect>) {
        match self.page() {
            Some(Page::Series)
                if !self.detail.waiting
                    && (self.heat.cell(&before.market) != self.heat.cell(&now.market) || before.issues != now.issues) =>
            {
                self.ask_series(fx);
            }
            Some(Page::Issues) if before.issues != now.issues || before.quarantined != now.quarantined => self.ask_issues(fx),
            Some(Page::Runs) => {
                let newest = |s: &Snapshot| s.runs.first().map(|r| r.id);
                if newest(before) != newest(now) {
                    self.ask_runs(fx);
                }
                self.rebuild_runs();
            }
            _ => {}
        }
    }

    fn announce(&mut self, before: &Snapshot, now: &Snapshot, fx: &mut Vec<Effect>) {
        let known: HashSet<&str> = before.alerts.iter().map(|a| a.key.as_str()).collect();
        for alert in now.alerts.iter().filter(|a| !known.contains(a.key.as_str())) {
            let level = if alert.level == AlertLevel::Bad { ToastLevel::Bad } else { ToastLevel::Warn };
            self.say(level, alert.text.clone());
            if !self.terminal_focused {
                fx.push(Effect::Notify(alert.text.clone()));
            }
        }
        let ended: HashSet<i64> = before.runs.iter().map(|r| r.id).collect();
        for run in now.runs.iter().filter(|r| !ended.contains(&r.id)) {
            let (level, text) = ending(run);
            if !self.terminal_focused {
                fx.push(Effect::Notify(text.clone()));
            }
            self.say(level, text);
        }
    }

    pub(super) fn on_answer(&mut self, slot: Slot, generation: u64, result: Result<Reply, String>) -> bool {
        let odd = || "the engine answered another question".to_owned();
        let newest = match slot {
            Slot::Series => {
                let result = result.and_then(|r| if let Reply::Series(d) = r { Ok(d) } else { Err(odd()) });
                self.detail.answer(generation, result)
            }
            Slot::Runs => {
                let result = result.and_then(|r| if let Reply::Runs(v) = r { Ok(v) } else { Err(odd()) });
                let newest = self.runs.answer(generation, result);
                self.rebuild_runs();
                newest
            }
            Slot::Issues => {
                let result = result.and_then(|r| if let Reply::Issues(v) = r { Ok(v) } else { Err(odd()) });
                let newest = self.issues.answer(generation, result);
                let rows: Vec<Row> = self.issues.value.iter().flatten().map(pages::issue_row).collect();
                self.issues_table.replace(rows);
                newest
            }
            Slot::Plan => {
                let result = result.and_then(|r| if let Reply::Plan(p) = r { Ok(p) } else { Err(odd()) });
                match self.overlays.last_mut() {
                    Some(Overlay::Plan(form)) => form.plan.answer(generation, result),
                    _ => false,
                }
            }
        };
        if newest && let Some(why) = self.slot_error(slot) {
            let text = format!("The engine could not answer: {why}");
            self.say(ToastLevel::Bad, text);
        }
        newest
    }

    fn slot_error(&self, slot: Slot) -> Option<&str> {
        match slot {
            Slot::Series => self.detail.error.as_deref(),
            Slot::Runs => self.runs.error.as_deref(),
            Slot::Issues => self.issues.error.as_deref(),
            // The form shows it in place.
            Slot::Plan => None,
        }
    }

    /// The run history: what the snapshot knows, newest first, then what only the database knows.
    fn rebuild_runs(&mut self) {
        let now = self.now();
        let snap = self.live.clone();
        let fresh: Vec<&RunView> = snap.active.as_deref().into_iter().chain(snap.runs.iter()).collect();
        let known: HashSet<i64> = fresh.iter().map(|r| r.id).collect();
        let mut rows: Vec<Row> = fresh.into_iter().map(|r| pages::run_row(r, now)).collect();
        let older = self.runs.value.iter().flatten().filter(|r| !known.contains(&r.id));
        rows.extend(older.map(|r| pages::record_row(r, now)));
        self.runs_table.replace(rows);
    }

    pub(super) fn on_ack(&mut self, what: &str, result: Result<Ack, String>) -> bool {
        match result {
            Ok(ack) => self.say(ToastLevel::Info, ack.message),
            Err(why) => {
                self.quitting = false;
                self.say(ToastLevel::Bad, format!("{what}: {why}"));
            }
        }
        true
    }

    pub(super) fn on_exported(&mut self, result: Result<PathBuf, String>) -> bool {
        match result {
            Ok(path) => self.say(ToastLevel::Ok, format!("Written to {}", path.display())),
            Err(why) => self.say(ToastLevel::Bad, format!("export: {why}")),
        }
        true
    }
}

/// How a run ended, in a sentence.
fn ending(run: &RunView) -> (ToastLevel, String) {
    let (_, word, _) = pages::run_state(run.state);
    let level = match run.state {
        RunState::Succeeded => ToastLevel::Ok,
        RunState::Cancelled | RunState::Running => ToastLevel::Info,
        RunState::Partial => ToastLevel::Warn,
        RunState::Failed | RunState::Lost => ToastLevel::Bad,
    };
    let text = run.summary.as_ref().map_or_else(
        || format!("Run {} {word}", run.id),
        |s| {
            let failed = if s.series_failed > 0 { format!(", {} failed", s.series_failed) } else { String::new() };
            format!(
                "Run {} {word}: {} new in {}{failed}",
                run.id,
                fmt::count(s.inserted + s.derived, "bar", "bars"),
                fmt::clock(s.seconds.round() as i64)
            )
        },
    );
    (level, text)
}
