//! `nightdesk drift`: a look at the drift of the models in service, and what it found.

use serde_json::json;

use crate::cli::{Context, Exit, Failure, night, output};
use crate::control::Client;
use crate::drift::OF_KS_P;
use crate::drift::views::{AlarmView, SubjectKind, SubjectRow};
use crate::engine::{Query, Reply};
use crate::market::Strategy;
use crate::scan::WatchSpec;
use crate::store::scheduler::Job;

/// Chances below this are told as such.
const LEAST_P: f64 = 1e-99;
/// Subjects that are shown unless all are asked for, beside the data set and those with an alarm.
const SHOWN: usize = 12;

pub(super) fn run(arguments: &night::Watched, all: bool, context: &Context) -> Result<Exit, Failure> {
    night::run(Job::Drift, arguments, context, async |client, strategy| tell(client, strategy, all).await)
}

/// The same for who has an engine at hand, for both strategies.
pub(in crate::cli) async fn foreground(client: &Client, context: &Context) -> Result<Exit, Failure> {
    let told = async |client: &Client, strategy| tell(client, strategy, false).await;
    night::foreground(client, context, (Job::Drift, WatchSpec::default()), false, told).await
}

async fn tell(client: &Client, strategy: Strategy, all: bool) -> Option<night::Told> {
    let Ok(Reply::Drift(page)) = client.query(Query::Drift { strategy }).await else { return None };
    let view = &page.view;
    let mut lines = Vec::new();
    if let Some(model) = &view.model {
        let session = view.session.map_or_else(String::new, |s| format!(", session {s}"));
        lines.push(format!(
            "model {} of run {} ({}), {} rows of {} sessions against {} rows of training{session}",
            model.model_id, model.run_id, model.state, view.rows, view.window_sessions, view.reference_rows
        ));
    }
    lines.extend(view.halted.as_ref().map(|h| format!("new signals are halted: {}", h.reason)));
    let measured: Vec<&SubjectRow> = page.subjects.iter().filter(|s| s.kind != SubjectKind::Performance).collect();
    let stands_out = |(place, s): (usize, &&SubjectRow)| all || place < SHOWN || s.alarm.is_some() || s.kind == SubjectKind::DataSet;
    let shown: Vec<&SubjectRow> = measured.iter().enumerate().filter(|(k, s)| stands_out((*k, s))).map(|(_, s)| *s).collect();
    if measured.iter().any(|s| s.psi.is_some()) {
        let p = format!("KS p ({OF_KS_P})");
        lines.push(format!("{:<28} {:<13} {:>7} {:>7} {:>6} {p:>22} {:>7}  note", "subject", "verdict", "PSI", "KL", "KS", "z"));
    }
    lines.extend(shown.iter().map(|s| row(s)));
    if shown.len() < measured.len() {
        lines.push(format!("{} more, --all shows them", measured.len() - shown.len()));
    }
    let worth = page.subjects.iter().filter(|s| s.kind == SubjectKind::Performance);
    lines.extend(worth.map(performance));
    Some((lines, json!(page)))
}

fn figure(value: Option<f64>, digits: usize) -> String {
    value.map_or_else(|| "-".to_owned(), |v| format!("{v:.digits$}"))
}

fn row(s: &SubjectRow) -> String {
    let alarm = s.alarm.as_ref().map_or_else(String::new, |a| format!("alarm since {}{} ", a.since, taken(a)));
    let (psi, kl, ks, z) = (figure(s.psi, 3), figure(s.kl, 3), figure(s.ks, 3), figure(s.z, 2));
    let p = s.ks_p.map_or_else(|| "-".to_owned(), |p| if p < LEAST_P { format!("<{LEAST_P:.0e}") } else { format!("{p:.1e}") });
    format!("{:<28} {:<13} {psi:>7} {kl:>7} {ks:>6} {p:>22} {z:>7}  {alarm}{}", s.subject, s.verdict.to_string(), s.note)
}

/// What a person did about an alarm.
fn taken(alarm: &AlarmView) -> String {
    match (&alarm.acked_by, alarm.snoozed_until) {
        (Some(who), _) => format!(", acknowledged by {who}"),
        (None, Some(until)) => format!(", snoozed to {} UTC", output::second(until)),
        (None, None) => String::new(),
    }
}

fn performance(s: &SubjectRow) -> String {
    let bounds = match (s.warning_below, s.critical_below) {
        (Some(warning), Some(critical)) => format!(", warned of below {warning:.4}, critical below {critical:.4}"),
        _ => String::new(),
    };
    let value = s.value.map_or_else(String::new, |v| format!(" {v:.4}"));
    let note = if s.note.is_empty() { String::new() } else { format!(" ({})", s.note) };
    let alarm = s.alarm.as_ref().map_or_else(String::new, |a| format!(", alarm since {}{}", a.since, taken(a)));
    format!("{:<28} {:<13}{value}{bounds}{alarm}{note}", s.subject.replace('_', " "), s.verdict.to_string())
}
