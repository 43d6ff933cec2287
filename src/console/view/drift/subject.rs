//! The page of one subject: the verdict, how its values lie against the reference, the last nights, who reads it and what
//! moves with it.

use ratatui::layout::Rect;

use super::{bins, list, nights};
use crate::console::app::{App, SubjectPart, hushed, verdict};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::console::view::canvas::{Canvas, Panel};
use crate::console::view::{detail, job, widget};
use crate::drift::monitor::EXPECTED_ACCURACY;
use crate::drift::views::{Consumer, SubjectDetail, SubjectKind};

/// Smallest page with all parts at once.
const ALL_PARTS: (u16, u16) = (100, 30);
/// Narrowest part with the cumulated distributions beside the bins.
const BESIDE: u16 = 76;
/// How to get from one part to another.
const PARTS: &str = "h l other parts";
/// Cells of a name among consumers and correlated subjects.
const NAME: u16 = 26;

/// Draws the page.
pub fn draw(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let subject = app.drift.subject.as_deref().unwrap_or("subject");
    let Some(shown) = app.shown_subject() else {
        let title = format!("Drift of {subject} in {}", app.watched());
        let inner = c.panel(area, &Panel { title: &title, focused: true, ..Panel::default() });
        job::pending(c, app, app.drift.detail.error.as_deref(), inner);
        return;
    };
    let head = header(c, app, shown, area);
    let rest = Rect { y: area.y + head, height: area.height.saturating_sub(head), ..area };
    let part = app.drift.part;
    if area.width >= ALL_PARTS.0 && area.height >= ALL_PARTS.1 {
        let company = (rest.height / 4).clamp(6, 10);
        let history = (rest.height / 4).clamp(7, 12);
        let [top, middle, below] = widget::rows(rest, [rest.height.saturating_sub(company + history), history, company]);
        if shown.bins.is_empty() {
            nights::draw(c, shown, part != SubjectPart::Company, Rect { height: top.height + middle.height, ..top });
        } else {
            shape(c, shown, part == SubjectPart::Shape, top);
            nights::draw(c, shown, part == SubjectPart::History, middle);
        }
        company_of(c, shown, part == SubjectPart::Company, below);
        return;
    }
    match part {
        SubjectPart::Shape if !shown.bins.is_empty() => shape(c, shown, true, rest),
        SubjectPart::Shape | SubjectPart::History => nights::draw(c, shown, true, rest),
        SubjectPart::Company => company_of(c, shown, true, rest),
    }
}

/// Verdict, figures and calibration in as many lines as the page can spare; returns the lines used.
fn header(c: &mut Canvas<'_>, app: &App, shown: &SubjectDetail, area: Rect) -> u16 {
    let inner = Rect { x: area.x + 1, width: area.width.saturating_sub(2), ..area };
    let (glyph, word, role) = verdict(shown.row.verdict);
    let since = shown.row.alarm.as_ref().map_or_else(String::new, |a| format!(" since {}", a.since));
    let verdict = format!("{glyph} {word}{since}");
    let x = c.line(Rect { height: 1, ..inner }, &[(&verdict, c.theme.strong(if role == Role::Dim { Role::Text } else { role }))]);
    let hush = shown.row.alarm.as_ref().and_then(|a| hushed(a, app.now())).map(|(mark, words)| format!("{mark} {words}"));
    let facts: Vec<String> = hush.into_iter().chain(figures(shown)).collect();
    // The first line goes on behind the verdict.
    let first = inner.right().saturating_sub(x + 2);
    let lines = if area.height >= 19 { 3 } else { 2 };
    let mut filled = widget::filled(&facts, inner.width);
    let (mut y, mut at) = (inner.y, x + 2);
    if let Some(beside) =
        widget::filled(&facts, first).first().filter(|l| unicode_width::UnicodeWidthStr::width(l.as_str()) <= usize::from(first))
    {
        let kept = beside.matches("  ").count() + 1;
        filled = widget::filled(facts.get(kept..).unwrap_or_default(), inner.width);
        filled.insert(0, beside.clone());
    } else {
        filled.insert(0, String::new());
    }
    filled.push(calibration(app, shown));
    for line in filled.iter().take(lines) {
        c.line(Rect { x: at, y, width: inner.right().saturating_sub(at), height: 1 }, &[(line, c.s(Role::Text))]);
        (y, at) = (y + 1, inner.x);
    }
    y - area.y
}

/// The figures, a piece each, the most telling first.
fn figures(shown: &SubjectDetail) -> Vec<String> {
    let row = &shown.row;
    let mut out = Vec::new();
    if row.kind == SubjectKind::Performance {
        out.push(format!("value {}", list::worth(row)));
    }
    let [shifting, drifted] = shown.levels;
    out.extend(row.psi.map(|v| format!("PSI {v:.3} (drifted from {drifted:.2}, shifting from {shifting:.2})")));
    out.extend(row.kl.map(|v| format!("KL {v:.3}")));
    out.extend(row.ks.map(|v| format!("KS D {v:.3} p {} iid", row.ks_p.map_or_else(|| "-".to_owned(), fmt::chance))));
    let n = fmt::thousands(row.rows.into());
    out.push(match row.kind {
        SubjectKind::Performance => format!("n {n}"),
        SubjectKind::DataSet => format!("{n} features"),
        SubjectKind::Feature | SubjectKind::Prediction => format!("n {n} / {}", fmt::thousands(shown.reference_rows)),
    });
    if !row.note.is_empty() {
        out.push(row.note.clone());
    }
    out
}

/// What is usual for it, or why that is not known.
fn calibration(app: &App, shown: &SubjectDetail) -> String {
    let sessions = app.drift_view().map_or(0, |v| v.window_sessions);
    match (shown.row.kind, shown.usual_psi) {
        (SubjectKind::Performance, _) if shown.row.subject == EXPECTED_ACCURACY => {
            format!("bounds from validation of model {}; what its own probabilities promise, not what came", shown.model.model_id)
        }
        (SubjectKind::Performance, _) => format!("bounds from validation of model {}; labels that have matured only", shown.model.model_id),
        (SubjectKind::DataSet, _) => {
            let [warned, critical] = shown.levels.map(|share| 100.0 * share);
            format!("warned of from {warned:.0}% of the features that drift together, critical from {critical:.0}%")
        }
        (SubjectKind::Prediction, _) => "chance is measured anew each night, by windows of validation as long as this one".to_owned(),
        (_, Some([usual, warned])) => {
            let windows = fmt::count(shown.windows.into(), "window", "windows");
            format!("usual PSI of {sessions}-session windows: {usual:.2}, warned from {warned:.2}; {windows}")
        }
        (_, None) if shown.windows > 1 => "not calibrated: all windows of the reference are alike".to_owned(),
        (_, None) => {
            let windows = fmt::count(shown.windows.into(), "window", "windows");
            format!("not calibrated: {windows} of the reference are too few to tell chance from drift by")
        }
    }
}

fn shape(c: &mut Canvas<'_>, shown: &SubjectDetail, focused: bool, area: Rect) {
    let beside = area.width >= BESIDE;
    let left = if beside { Rect { width: area.width * 3 / 5, ..area } } else { area };
    bins::distribution(c, shown, if focused { PARTS } else { "" }, left);
    if beside {
        bins::cumulated(c, shown, Rect { x: left.right(), width: area.width - left.width, ..area });
    }
}

/// Who reads it, and what moves with it.
fn company_of(c: &mut Canvas<'_>, shown: &SubjectDetail, focused: bool, area: Rect) {
    let left = Rect { width: area.width / 2, ..area };
    let right = Rect { x: left.right(), width: area.width - left.width, ..area };
    let panel = Panel {
        title: "Consumers",
        summary: "loss it saves, nats   rank",
        context: if focused { PARTS } else { "" },
        focused,
        ..Panel::default()
    };
    let inner = c.panel(left, &panel);
    if shown.consumers.is_empty() {
        let text = match shown.row.kind {
            SubjectKind::Feature => "No base model of it is known.",
            SubjectKind::DataSet => "All base models see it.",
            SubjectKind::Prediction => "Said by the ensemble: decisions are made of it.",
            SubjectKind::Performance => "Judged on the ensemble's answers: no model reads it.",
        };
        detail::empty(c, inner, text);
    }
    for (consumer, y) in shown.consumers.iter().zip(inner.y..inner.bottom()) {
        reader(c, consumer, Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 });
    }
    let inner = c.panel(right, &Panel { title: "Correlated alerts", summary: "same window", focused, ..Panel::default() });
    if shown.correlated.is_empty() {
        let feature = shown.row.kind == SubjectKind::Feature;
        detail::empty(c, inner, if feature { "Nothing else stands out with it." } else { "Told of features only." });
    }
    let name = NAME.min(inner.width.saturating_sub(22));
    for (other, y) in shown.correlated.iter().zip(inner.y..inner.bottom()) {
        let (glyph, _, role) = verdict(other.verdict);
        let x = c.put(inner.x + 1, y, 1, glyph, c.s(role)) + 1;
        c.line(Rect { x, y, width: name, height: 1 }, &[(&other.subject, c.s(Role::Text))]);
        let psi = other.psi.map_or_else(|| "PSI    - ".to_owned(), |v| format!("PSI {v:.2} "));
        let r = format!(" r {:+.2}", other.correlation);
        let rest = Rect { x: x + name + 1, y, width: inner.right().saturating_sub(x + name + 1), height: 1 };
        c.line(rest, &[(&psi, c.s(Role::Text)), (&r, c.s(Role::Dim))]);
    }
}

fn reader(c: &mut Canvas<'_>, consumer: &Consumer, area: Rect) {
    let right = match (consumer.importance, consumer.rank) {
        (Some(loss), Some(rank)) => format!("{} {rank:>6}", fmt::figure(loss)),
        (Some(loss), None) => fmt::figure(loss),
        (None, _) => "not among its first".to_owned(),
    };
    c.line(area, &[(&consumer.model, c.s(Role::Text))]);
    let style = c.s(if consumer.importance.is_some() { Role::Text } else { Role::Dim });
    c.right(area.x + consumer.model.len() as u16 + 1, area.right(), area.y, &right, style);
}
