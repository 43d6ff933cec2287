//! Drift: pane 5, the list of all subjects, and the page of one.

mod bins;
mod list;
mod nights;
mod subject;

use ratatui::layout::{Position, Rect};

use super::canvas::{Canvas, Panel, Piece};
use super::{detail, heatmap, schedule, signals, widget};
use crate::console::action::Action;
use crate::console::app::{App, Pane, hushed, verdict};
use crate::console::fmt;
use crate::console::hit::Hit;
use crate::console::theme::Role;
use crate::drift::Verdict;
use crate::drift::views::{DriftView, SubjectKind, SubjectRow};
use crate::store::scheduler::Job;

pub use list::draw as list;
pub use subject::draw as subject;

/// Nights of a sparkline.
const NIGHTS: usize = 12;
/// PSI that fills a sparkline: twice what is taken for a shift of half a deviation, whatever the subject.
const PSI_FULL: f32 = 0.4;
/// Narrowest pane with names in full.
const ROOMY: u16 = 62;
/// Narrowest pane with words for what was done about an alarm.
const WORDY: u16 = 90;

/// Draws pane 5.
pub fn pane(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let focused = app.focus == Pane::Drift;
    let view = app.drift_view();
    let summary = view.map(|v| summary(v, usize::from(area.width.saturating_sub(15)))).unwrap_or_default();
    let told = signals::in_short(app);
    let legend: Vec<Piece<'_>> = told.iter().map(|(text, role)| (text.as_str(), c.s(*role))).collect();
    let night = view.and_then(|v| v.session).map(|s| format!("as of {s}")).unwrap_or_default();
    let panel = Panel { title: Pane::Drift.title(), summary: &summary, legend: &legend, context: &night, focused };
    let inner = c.panel(area, &panel);
    let Some(view) = view.filter(|v| v.session.is_some() && v.model.is_some()) else {
        detail::empty(c, inner, &nothing(app, view));
        return;
    };
    let banner = banner(view);
    let lines = u16::from(banner.is_some());
    let headed = u16::from(inner.height > lines + 3);
    let [top, head, rows] = widget::rows(inner, [lines, headed, inner.height]);
    if let Some((text, role)) = banner {
        c.line(Rect { x: top.x + 1, width: top.width.saturating_sub(2), ..top }, &[(&text, c.s(role))]);
    }
    if headed > 0 {
        heading(c, head);
    }
    let first = heatmap::window(app.picked_row(), view.worst.len(), rows.height.into());
    c.drawn.note(rows, Hit::Rows(Pane::Drift, first));
    for ((i, row), y) in view.worst.iter().enumerate().skip(first).zip(rows.y..rows.bottom()) {
        let selected = focused && i == app.picked_row();
        line(c, app, row, selected, Rect { y, height: 1, ..rows });
        if selected {
            c.drawn.selection = Some(Position::new(rows.x, y));
        }
    }
    if focused {
        c.drawn.page = rows.height.into();
    }
}

/// How many subjects have which verdict: the longest text that fits.
fn summary(view: &DriftView, room: usize) -> String {
    let n = view.counts;
    let strategy = view.strategy;
    if view.session.is_none() {
        return strategy.to_string();
    }
    let verdicts = match (n.drifted, n.warning) {
        (0, 0) if n.stable > 0 => format!("{} stable", n.stable),
        (0, 0) => "no verdict yet".to_owned(),
        (drifted, warned) => format!("{drifted} drifted  {warned} warned"),
    };
    let full = format!("{strategy}  {} watched  {verdicts}", n.subjects);
    if full.len() <= room { full } else { format!("{strategy}  {verdicts}") }
}

/// What concerns all subjects at once, the gravest first.
fn banner(view: &DriftView) -> Option<(String, Role)> {
    let share = view.dataset_share.map_or_else(String::new, |s| format!(": {:.0}% of the features", s * 100.0));
    if let Some(halt) = &view.halted {
        let text = format!("✗ signals of model {} halted: {}, since {}", halt.model_id, halt.reason, fmt::day_minute(halt.since));
        return Some((text, Role::Bad));
    }
    match view.dataset {
        Verdict::Critical => Some((format!("◆ the data set is critical{share}"), Role::Bad)),
        Verdict::Drifted => Some((format!("✗ the data set has drifted{share}"), Role::Bad)),
        Verdict::Warning => Some((format!("▲ the data set shifts{share}"), Role::Warn)),
        _ if view.counts.subjects > 0 && view.counts.without == view.counts.subjects => {
            if view.worst.iter().all(|r| r.verdict == Verdict::Uncalibrated) {
                return Some(("◇ no verdicts: the reference is too short to calibrate by".to_owned(), Role::Stale));
            }
            let rows = fmt::count(view.rows.into(), "row", "rows");
            Some((format!("○ no verdicts: {rows} in {} sessions, {}", view.window_sessions, view.words), Role::Text))
        }
        _ if !view.calibrated => Some(("◇ not calibrated: alarms come from the levels".to_owned(), Role::Stale)),
        _ => None,
    }
}

/// Why there is nothing to show, and what comes next.
fn nothing(app: &App, view: Option<&DriftView>) -> String {
    let key = app.keymap.shown(Action::Train);
    match (app.job_view(Job::Drift), view) {
        _ if app.loading() => "Reading what is watched.".into(),
        (Some(job), None) if job.missing.is_some() => format!("No drift monitor here: {}", job.missing.as_deref().unwrap_or_default()),
        (_, None) => "The engine has told nothing of drift yet.".into(),
        (_, Some(v)) => match &v.model {
            None => format!("No model of {}, so nothing to watch: {}. {key} trains one.", v.strategy, v.words.trim_end_matches('.')),
            Some(m) => format!(
                "Model {} of {}, trained to {}, is watched. No night was looked at yet. {}",
                m.model_id,
                v.strategy,
                m.trained_to,
                next_look(app)
            ),
        },
    }
}

/// When drift is looked at next.
fn next_look(app: &App) -> String {
    let Some(job) = app.job_view(Job::Drift) else { return String::new() };
    if job.active.is_some() {
        return "The first look is under way.".to_owned();
    }
    let (when, _) = schedule::countdown(app, job);
    let session = job.next_session.map_or_else(String::new, |s| format!(", for the session of {s}"));
    match job.next {
        Some(_) => format!("The next look: {when}{session}."),
        None => format!("No look is planned: {when}."),
    }
}

fn heading(c: &mut Canvas<'_>, area: Rect) {
    let name = usize::from(name_width(area.width));
    let text = if area.width < ROOMY {
        format!("   {:<name$} {:>4} {:>4} {:>5} {NIGHTS} nights", "subject", "PSI", "KL", "KS p")
    } else {
        format!("   {:<name$} {:>6} {:>6} {:>6} {NIGHTS} nights", "subject", "PSI", "KL", "KS p")
    };
    c.line(Rect { height: 1, ..area }, &[(&text, c.s(Role::Dim))]);
}

/// Cells for a subject's name, beside marks, figures and sparkline.
fn name_width(width: u16) -> u16 {
    let rest = 3 + NIGHTS as u16 + 1 + if width < ROOMY { 16 } else { 21 };
    width.saturating_sub(rest).clamp(8, 26)
}

/// A subject in a line: marks, name, figures, sparkline, and where there is room what was done about its alarm.
fn line(c: &mut Canvas<'_>, app: &App, row: &SubjectRow, selected: bool, area: Rect) {
    let (glyph, _, role) = verdict(row.verdict);
    let hush = row.alarm.as_ref().and_then(|a| hushed(a, app.now()));
    let style = if selected { c.theme.strong(Role::Focus) } else { c.s(Role::Text) };
    let name = usize::from(name_width(area.width));
    let mut x = c.put(area.x, area.y, 1, if selected { "›" } else { " " }, style);
    x = c.put(x, area.y, 1, glyph, if row.verdict == Verdict::Critical { c.theme.strong(role) } else { c.s(role) });
    x = c.put(x, area.y, 1, hush.as_ref().map_or(" ", |(mark, _)| mark), c.s(Role::Dim));
    c.line(Rect { x, width: name as u16, ..area }, &[(&row.subject, style)]);
    x += name as u16;
    let (width, text) = figures(row, area.width < ROOMY);
    let figure_style = if row.verdict.judged() { c.s(if role == Role::Dim { Role::Text } else { role }) } else { c.s(Role::Dim) };
    c.right(x, x + width, area.y, &text, figure_style);
    x = c.put(x + width, area.y, 1, " ", style);
    x = c.put(x, area.y, area.right().saturating_sub(x), &trend(row), c.s(Role::Dim));
    if area.width >= WORDY {
        let since = row.alarm.as_ref().map_or_else(|| row.note.clone(), |a| format!("since {}", a.since));
        let words = hush.map_or_else(String::new, |(_, w)| format!(", {w}"));
        c.line(Rect { x: x + 2, width: area.right().saturating_sub(x + 2), ..area }, &[(&since, c.s(Role::Dim)), (&words, c.s(Role::Dim))]);
    }
}

/// The figures of a subject and the cells they take: PSI, KL and the p of KS, or the value against its warning bound.
fn figures(row: &SubjectRow, narrow: bool) -> (u16, String) {
    let width = if narrow { 16 } else { 21 };
    match row.verdict {
        Verdict::Insufficient => return (width, format!("{} rows", fmt::thousands(row.rows.into()))),
        Verdict::Uncalibrated if row.psi.is_none() && row.value.is_none() => return (width, verdict(row.verdict).1.to_owned()),
        _ => {}
    }
    if row.kind == SubjectKind::Performance {
        let bound = row.warning_below.map_or_else(String::new, |w| {
            let sign = if row.value.is_some_and(|v| v < w) { "<" } else { "≥" };
            format!(" {sign} {w:.3}")
        });
        return (width, format!("{}{bound}", row.value.map_or_else(|| "-".to_owned(), |v| format!("{v:.3}"))));
    }
    let dash = || "-".to_owned();
    if row.kind == SubjectKind::DataSet {
        return (width, row.value.map_or_else(dash, |share| format!("{:.0}% of features", 100.0 * share)));
    }
    let p = row.ks_p.map_or_else(dash, fmt::chance);
    if !narrow {
        let [psi, kl] = [row.psi, row.kl].map(|v| v.map_or_else(dash, |v| format!("{v:.3}")));
        return (width, format!("{psi:>6} {kl:>6} {p:>6}"));
    }
    let psi = row.psi.map_or_else(dash, |v| format!("{v:.2}"));
    let kl = row.kl.map_or_else(dash, |v| short(&format!("{v:.3}")));
    (width, format!("{psi:>4} {kl:>4} {:>5}", row.ks_p.map_or_else(dash, tiny)))
}

/// A chance in five cells. Digits of an exponent are never cut: `1e-2` for `1e-20` would say another thing.
fn tiny(p: f64) -> String {
    if p < 1e-9 {
        return "<1e-9".to_owned();
    }
    let text = fmt::chance(p);
    text.strip_prefix("0.").map_or_else(|| text.clone(), |rest| format!(".{rest}"))
}

/// A number under one in a cell less: `.142`.
fn short(text: &str) -> String {
    text.strip_prefix("0.").map_or_else(|| text.chars().take(4).collect(), |rest| format!(".{rest}"))
}

/// The last nights as a sparkline on a scale that is the same every night: PSI up to [`PSI_FULL`], the value of performance
/// from its critical bound, at the second step, over the warning bound, at the fourth. A night without a figure is blank.
fn trend(row: &SubjectRow) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let share = |v: f32| match (row.kind, row.critical_below, row.warning_below) {
        (SubjectKind::Performance, Some(critical), Some(warning)) if warning > critical => {
            (2.0 + 2.0 * (f64::from(v) - critical) / (warning - critical)) / 8.0
        }
        (SubjectKind::Performance, ..) => f64::from(v),
        _ => f64::from(v / PSI_FULL),
    };
    let cell = |v: &Option<f32>| v.map_or(' ', |v| LEVELS[((share(v) * 8.0).ceil() as usize).clamp(1, 8) - 1]);
    let cells: String = row.trend.iter().rev().take(NIGHTS).rev().map(cell).collect();
    format!("{cells:>NIGHTS$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparklines_have_one_scale_and_leave_blank_what_is_not_known() {
        let psi = |trend: Vec<Option<f32>>| super::trend(&SubjectRow { trend, ..SubjectRow::default() });
        assert_eq!(psi(vec![Some(0.0), Some(0.2), None, Some(0.4), Some(9.0)]), "       ▁▄ ██");
        let worth = SubjectRow {
            kind: SubjectKind::Performance,
            critical_below: Some(0.01),
            warning_below: Some(0.03),
            trend: vec![Some(-0.5), Some(0.01), Some(0.03), Some(0.07)],
            ..SubjectRow::default()
        };
        assert_eq!(trend(&worth), "        ▁▂▄█");
    }

    #[test]
    fn figures_take_the_cells_they_say() {
        let row = SubjectRow { verdict: Verdict::Drifted, psi: Some(0.31), kl: Some(0.142), ks_p: Some(3.2e-5), ..SubjectRow::default() };
        assert_eq!(figures(&row, true), (16, "0.31 .142  3e-5".into()));
        assert_eq!(figures(&row, false), (21, " 0.310  0.142   3e-5".into()));
        let few = SubjectRow { rows: 312, ..SubjectRow::default() };
        assert_eq!(figures(&few, true).1, "312 rows");
    }
}
