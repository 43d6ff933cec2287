//! What a person does about the alarms of drift, why it cannot be done, and what copying and exporting take from a subject.

use super::drift::verdict;
use super::overlay::Deed;
use super::{App, Effect, Gate};
use crate::console::action::Action;
use crate::console::fmt;
use crate::drift::views::SubjectKind;
use crate::engine::Command;

/// How long an alarm is kept silent by one key, hours.
const SNOOZE_HOURS: u32 = 24;

impl App {
    /// Why something cannot be done about drift; `None` when it can.
    pub(super) fn drift_refusal(&self, action: Action) -> Option<&str> {
        let row = self.subject_row();
        let alarm = row.and_then(|r| r.alarm.as_ref());
        match action {
            Action::Acknowledge | Action::Snooze if row.is_none() => Some("No subject is selected"),
            Action::Acknowledge | Action::Snooze if alarm.is_none() => Some("It has no open alarm"),
            Action::Acknowledge if alarm.is_some_and(|a| a.acked_at.is_some()) => Some("Its alarm is acknowledged already"),
            Action::Snooze if alarm.is_some_and(|a| a.acked_at.is_some()) => Some("Its alarm is acknowledged: it keeps silent already"),
            Action::ShowValues if row.is_none_or(|r| r.kind != SubjectKind::Feature) => Some("Only features have values to show"),
            Action::LiftHalt if self.drift_view().is_none_or(|v| v.halted.is_none()) => Some("Its signals are not halted"),
            Action::FeatureDrift if self.features.selected().is_none() => Some("No feature is selected"),
            _ => None,
        }
    }

    /// Takes note of the selected subject's alarm, or keeps it silent for a day.
    pub(super) fn hush(&mut self, action: Action, fx: &mut Vec<Effect>) {
        let Some(subject) = self.subject_row().map(|r| r.subject.clone()) else { return };
        let strategy = self.watched();
        if action == Action::Acknowledge {
            let what = format!("acknowledge {subject}");
            self.command(Command::Acknowledge { strategy, subject }, &what, fx);
        } else {
            let what = format!("snooze {subject}");
            self.command(Command::Snooze { strategy, subject, hours: SNOOZE_HOURS }, &what, fx);
        }
    }

    pub(super) fn ask_lift_halt(&mut self) {
        let Some((strategy, halt)) = self.drift_view().and_then(|v| Some((v.strategy, v.halted.as_ref()?))) else { return };
        let body = vec![
            format!("New signals of model {} are halted since {} UTC: {}", halt.model_id, fmt::minute(halt.since), halt.reason),
            "Lifted, it gives signals from the next scan on. What halted it has not gone away by that.".to_owned(),
        ];
        let gate = Gate::Keys(vec![('y', "let it give signals", Deed::LiftHalt { strategy })]);
        self.ask(format!("Let {strategy} give signals again"), body, gate);
    }

    /// The subject that has the focus as a line of text.
    pub(super) fn subject_text(&self) -> Option<String> {
        let row = self.subject_row()?;
        let figure = row.psi.map(|v| format!(" PSI {v:.3}")).or_else(|| row.value.map(|v| format!(" {}", fmt::figure(v))));
        Some(format!("{} {} {}{}", self.watched(), row.subject, verdict(row.verdict).1, figure.unwrap_or_default()))
    }

    /// What a subject's page shows as CSV: the bins, or the nights of what has none.
    pub(super) fn subject_csv(&self) -> Option<String> {
        let detail = self.shown_subject()?;
        let edge = |v: Option<f64>| v.map(|v| v.to_string()).unwrap_or_default();
        if detail.bins.is_empty() {
            let nights = detail.history.iter().map(|n| format!("{},{},{}\n", n.session, n.verdict, edge(n.value)));
            return Some(std::iter::once("session,verdict,value\n".to_owned()).chain(nights).collect());
        }
        let bins = detail.bins.iter();
        let bins = bins.map(|b| format!("{},{},{},{},{},{}\n", edge(b.from), edge(b.to), b.missing, b.reference, b.current, b.term));
        Some(std::iter::once("from,to,missing,reference,current,psi_term\n".to_owned()).chain(bins).collect())
    }
}
