//! The list of all subjects of drift, with the selected one in words below it.

use ratatui::layout::Rect;

use super::{banner, nothing};
use crate::console::app::{App, hushed, verdict};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::console::view::canvas::{Canvas, Panel};
use crate::console::view::widget::{self, Fact};
use crate::console::view::{detail, issues, job};
use crate::drift::Level;
use crate::drift::views::{DriftView, SubjectKind, SubjectRow};

/// Draws the page.
pub fn draw(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let view = app.drift_view();
    let title = format!("Drift of {}", app.watched());
    let Some(page) = app.drift_page() else {
        let inner = c.panel(area, &Panel { title: &title, focused: true, ..Panel::default() });
        job::pending(c, app, app.drift.list.error.as_deref(), inner);
        return;
    };
    if page.subjects.is_empty() {
        let inner = c.panel(area, &Panel { title: &title, focused: true, ..Panel::default() });
        detail::empty(c, inner, &nothing(app, view.or(Some(&page.view))));
        return;
    }
    let shown = view.unwrap_or(&page.view);
    let low = area.height < 20;
    let lines = told(shown);
    let kept = if low { 1 } else { lines.len() as u16 };
    let below = if low { 0 } else { (area.height / 4).clamp(6, 8) };
    let [head, table, facts] = widget::rows(area, [kept, area.height.saturating_sub(kept + below), below]);
    for ((text, role), y) in lines.iter().zip(head.y..head.bottom()) {
        c.line(Rect { x: head.x + 1, y, width: head.width.saturating_sub(2), height: 1 }, &[(text, c.s(*role))]);
    }
    issues::table(c, &app.drift.table, &title, table);
    if below > 0 {
        selected(c, app, facts);
    }
}

/// What concerns all, and what was compared with what.
fn told(view: &DriftView) -> Vec<(String, Role)> {
    let mut lines: Vec<(String, Role)> = banner(view).into_iter().collect();
    let model = view.model.as_ref().map_or_else(String::new, |m| format!("model {}, {}", m.model_id, m.state));
    let n = view.counts;
    lines.push((
        format!(
            "{} subjects: {} drifted, {} warned, {} stable, {} without a verdict",
            n.subjects, n.drifted, n.warning, n.stable, n.without
        ),
        Role::Text,
    ));
    let to = view.session.map_or_else(String::new, |s| format!(" to {s}"));
    let [rows, reference] = [view.rows.into(), view.reference_rows].map(fmt::thousands);
    lines.push((format!("{} sessions{to}: {rows} rows against {reference} of {model}", view.window_sessions), Role::Dim));
    lines
}

fn selected(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let Some(row) = app.subject_row() else {
        let inner = c.panel(area, &Panel { title: "Subject", ..Panel::default() });
        detail::empty(c, inner, "No subject passes the filter.");
        return;
    };
    let panel = Panel { title: &row.subject, summary: kind(row.kind), context: "enter opens it", ..Panel::default() };
    let inner = c.panel(area, &panel);
    let facts = facts(c, app, row);
    detail::facts(c, inner, &facts);
}

/// What a subject is, in words.
fn kind(kind: SubjectKind) -> &'static str {
    match kind {
        SubjectKind::Feature => "feature",
        SubjectKind::DataSet => "all features together",
        SubjectKind::Prediction => "what the model says",
        SubjectKind::Performance => "what its answers are worth",
    }
}

/// Verdict, figures and test of a subject in words.
fn facts(c: &Canvas<'_>, app: &App, row: &SubjectRow) -> Vec<Fact<'static>> {
    let (text, dim) = (c.s(Role::Text), c.s(Role::Dim));
    let (glyph, word, role) = verdict(row.verdict);
    let since = row.alarm.as_ref().map_or_else(String::new, |a| {
        let hush = hushed(a, app.now()).map_or_else(String::new, |(_, w)| format!(", {w}"));
        let quiet = if a.quiet_nights > 0 {
            format!(", {} since", fmt::count(a.quiet_nights.into(), "quiet night", "quiet nights"))
        } else {
            String::new()
        };
        format!(", alarm since {}{quiet}{hush}", a.since)
    });
    let note = if row.note.is_empty() { String::new() } else { format!(": {}", row.note) };
    let style = if role == Role::Dim { text } else { c.s(role) };
    let mut facts: Vec<Fact<'static>> = vec![("verdict", format!("{glyph} {word}{since}{note}"), style)];
    if row.kind == SubjectKind::Performance {
        facts.push(("value", worth(row), text));
        return facts;
    }
    facts.extend(row.psi.map(|_| ("figures", measures(row), text)));
    facts.extend(row.z.map(|z| ("test", test(row, z), text)));
    facts.push(("rows", fmt::thousands(row.rows.into()), dim));
    facts
}

/// The value of a performance subject against its bounds.
pub fn worth(row: &SubjectRow) -> String {
    let known = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), fmt::figure);
    format!("{}, warned of below {}, critical below {}", known(row.value), known(row.warning_below), known(row.critical_below))
}

/// PSI, KL and KS with where each stands on its levels.
fn measures(row: &SubjectRow) -> String {
    let level = |at: usize| match row.levels[at] {
        Some(Level::Shifting) => " (shifting)",
        Some(Level::Drifted) => " (drifted)",
        _ => "",
    };
    let known = |v: Option<f64>| v.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"));
    let p = row.ks_p.map_or_else(|| "-".to_owned(), fmt::chance);
    format!("PSI {}{}, KL {}{}, KS {} p {p} iid{}", known(row.psi), level(0), known(row.kl), level(1), known(row.ks), level(2))
}

/// The calibrated test in words.
fn test(row: &SubjectRow, z: f64) -> String {
    let p = row.p.map_or_else(|| "-".to_owned(), fmt::chance);
    let adjusted = row.p_adjusted.map_or_else(String::new, |p| format!(", {} with all of its family tested at once", fmt::chance(p)));
    format!("z {z:.1} against the reference's own windows, p {p}{adjusted}")
}
