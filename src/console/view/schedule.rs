//! Pane 3: per job when it runs next, how it went last and what it does now, a line each. What is well is quiet.

use ratatui::layout::{Position, Rect};

use super::canvas::{Canvas, Panel, Piece};
use super::{detail, spinner, widget};
use crate::console::app::{App, Pane, job_state};
use crate::console::fmt;
use crate::console::hit::Hit;
use crate::console::theme::Role;
use crate::engine::JobView;
use crate::store::scheduler::{JobRun, JobState};

/// Narrowest pane that shows times of day beside countdowns.
const WIDE: u16 = 58;
/// Narrowest pane that has room for sessions and durations.
const WIDEST: u16 = 100;

/// Glyph, word and role of a job: what it does now, else what holds it, else how it went last.
pub fn mark(app: &App, job: &JobView) -> (&'static str, &'static str, Role) {
    if let Some(run) = &job.active {
        let (glyph, word, role) = job_state(run);
        return (if run.state == JobState::Running { spinner(app) } else { glyph }, word, role);
    }
    if job.missing.is_some() {
        return ("◇", "missing", Role::Dim);
    }
    if let Some(pause) = &job.paused {
        // A job that its own failures paused wants a look; one that a person paused does not.
        let own = pause.by == "schedule";
        return ("‖", "paused", if own { Role::Warn } else { Role::Stale });
    }
    job.last.as_ref().map_or(("○", "never ran", Role::Dim), job_state)
}

/// Why no tick of any job leads to a run now: glyph, sentence, role.
pub fn stopped(app: &App) -> Option<(&'static str, String, Role)> {
    let (scheduler, now) = (&app.snap().scheduler, app.now());
    if !scheduler.on {
        let by = if scheduler.by.is_empty() { String::new() } else { format!(" by {}", scheduler.by) };
        return Some(("‖", format!("off {}{by}", fmt::age(now - scheduler.since)), Role::Warn));
    }
    scheduler.held.as_ref().map(|why| ("▲", format!("held: {why}"), Role::Bad))
}

/// Time worked, of the time it may take, and the role: close to its time-out a run wants a look.
pub fn elapsed(job: &JobView, run: &JobRun, now: i64) -> (String, Role) {
    let (took, may) = (run.seconds(now).unwrap_or(0), i64::from(job.timeout_s));
    let role = if may > 0 && took * 5 >= may * 4 { Role::Warn } else { Role::Focus };
    (format!("{} of {}", brief(took), brief(may)), role)
}

/// A duration in five cells: narrow panes have no room for the seconds of hours.
fn brief(seconds: i64) -> String {
    if seconds < 3_600 { fmt::clock(seconds) } else { fmt::age(seconds) }
}

/// What a queued run waits for.
fn waiting(run: &JobRun, now: i64) -> String {
    match run.not_before.filter(|at| *at > now) {
        Some(at) if run.attempt > 1 => format!("try {} in {}", run.attempt, fmt::countdown(at, now)),
        Some(at) => format!("starts in {}", fmt::countdown(at, now)),
        None => "waits".into(),
    }
}

/// When a job runs next, as a countdown, or why it does not.
pub fn countdown(app: &App, job: &JobView) -> (String, Role) {
    let scheduler = &app.snap().scheduler;
    if job.missing.is_some() {
        return ("not built yet".into(), Role::Dim);
    }
    if job.paused.is_some() {
        return ("paused".into(), Role::Stale);
    }
    if !scheduler.on {
        return ("off".into(), Role::Dim);
    }
    if scheduler.held.is_some() {
        return ("held".into(), Role::Bad);
    }
    match job.next.map(|at| (at, fmt::until(at, app.now()))) {
        Some((at, _)) if at <= app.now() => ("due".into(), Role::Focus),
        Some((_, text)) => (format!("in {text}"), Role::Text),
        None => ("-".into(), Role::Dim),
    }
}

/// The pane.
pub fn pane(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let snap = app.snap();
    let focused = app.focus == Pane::Schedule;
    let stopped = stopped(app).filter(|_| !snap.jobs.is_empty());
    let legend: Vec<Piece<'_>> =
        stopped.iter().flat_map(|(glyph, text, role)| [(*glyph, c.s(*role)), (" ", c.s(*role)), (text.as_str(), c.s(*role))]).collect();
    let summary = if area.width - 2 < WIDE { "last  next" } else { "UTC" };
    let panel = Panel { title: Pane::Schedule.title(), summary, legend: &legend, focused, ..Panel::default() };
    let inner = c.panel(area, &panel);
    if snap.jobs.is_empty() {
        let text = if app.loading() { "Reading the schedule." } else { "The engine has not told its schedule yet." };
        detail::empty(c, inner, text);
        return;
    }
    let headed = inner.width >= WIDE && usize::from(inner.height) > snap.jobs.len();
    let [head, list] = widget::rows(inner, [u16::from(headed), inner.height]);
    if headed {
        heading(c, head);
    }
    c.drawn.note(list, Hit::Rows(Pane::Schedule, 0));
    if focused {
        c.drawn.page = list.height.into();
    }
    for (job, y) in snap.jobs.iter().zip(list.y..list.bottom()) {
        let selected = focused && app.job == job.job;
        if selected {
            c.drawn.selection = Some(Position::new(list.x, y));
        }
        row(c, app, job, Rect { y, height: 1, ..list }, selected);
    }
}

fn heading(c: &mut Canvas<'_>, area: Rect) {
    let mut text = format!("   {:<11}  {:<11}  {:>10}", "job", "next", "");
    if area.width >= WIDEST {
        text.push_str("  session   ");
    }
    text.push_str("  last run");
    c.line(area, &[(&text, c.s(Role::Dim))]);
}

fn row(c: &mut Canvas<'_>, app: &App, job: &JobView, area: Rect, selected: bool) {
    let (glyph, word, role) = mark(app, job);
    let name = match (selected, job.missing.is_some()) {
        (true, _) => c.theme.strong(Role::Focus),
        (false, true) => c.s(Role::Dim),
        (false, false) => c.s(Role::Text),
    };
    let pointer = if selected { "›" } else { " " };
    let label = format!(" {:<11} ", job.job);
    let x = c.line(area, &[(pointer, name), (glyph, c.s(role)), (&label, name)]);
    let rest = Rect { x, width: area.right().saturating_sub(x), ..area };
    if area.width < WIDE {
        narrow(c, app, job, rest);
    } else {
        wide(c, app, job, word, rest);
    }
}

/// How the last run went and when the next comes, or what runs now.
fn narrow(c: &mut Canvas<'_>, app: &App, job: &JobView, area: Rect) {
    let now = app.now();
    let (right, role) = match &job.active {
        Some(run) if run.state == JobState::Running => elapsed(job, run, now),
        Some(run) => (waiting(run, now), Role::Focus),
        None => countdown(app, job),
    };
    if job.active.is_none() && job.missing.is_none() {
        let took = job.last.as_ref().map_or_else(|| "-".into(), |r| r.seconds(now).map_or_else(|| "-".into(), brief));
        c.put(area.x, area.y, area.width, &took, c.s(Role::Dim));
    }
    c.right(area.x, area.right() - 1, area.y, &right, c.s(role));
}

fn wide(c: &mut Canvas<'_>, app: &App, job: &JobView, word: &str, area: Rect) {
    let now = app.now();
    if let Some(why) = &job.missing {
        c.line(area, &[(" ", c.s(Role::Dim)), (why, c.s(Role::Dim))]);
        return;
    }
    let (count, role) = countdown(app, job);
    let next = format!(" {:<11}  ", job.next.map_or_else(|| "-".into(), fmt::day_minute));
    let count = format!("{count:<10}  ");
    let widest = area.width + 15 >= WIDEST;
    let session = if widest { format!("{:<10}  ", job.next_session.map_or_else(|| "-".into(), |s| s.to_string())) } else { String::new() };
    let (last, last_role) = match &job.active {
        Some(run) if run.state == JobState::Running => {
            let (text, role) = elapsed(job, run, now);
            (format!("run {} {text}", run.id), role)
        }
        Some(run) => (format!("run {} {}", run.id, waiting(run, now)), Role::Focus),
        None => (last(job, word, now), Role::Text),
    };
    let quiet = c.s(Role::Dim);
    let end = c.line(area, &[(&next, c.s(Role::Text)), (&count, c.s(role)), (&session, quiet), (&last, c.s(last_role))]);
    let spark = spark(job, 10);
    if widest && usize::from(area.right().saturating_sub(end)) > spark.chars().count() + 1 {
        c.right(end, area.right() - 1, area.y, &spark, quiet);
    }
}

/// The last run in words: `succeeded 02:11, 8h13 ago`.
fn last(job: &JobView, word: &str, now: i64) -> String {
    let Some(run) = &job.last else { return word.to_owned() };
    let took = run.seconds(now).map_or_else(String::new, |s| format!(" {}", fmt::clock(s)));
    let ago = run.ended_at.map_or_else(String::new, |at| format!(", {} ago", fmt::age(now - at)));
    format!("{}{took}{ago}", job_state(run).1)
}

/// Durations of the last runs, oldest first, against the longest of them.
pub fn spark(job: &JobView, width: usize) -> String {
    let longest = job.durations.iter().copied().max().unwrap_or(0).max(1);
    // In hundredths of the longest: the sparkline's samples are small numbers.
    let samples: Vec<u16> = job.durations.iter().map(|s| (u64::from(*s) * 100 / u64::from(longest)) as u16).collect();
    widget::spark(&samples, 100.0, width.min(samples.len()))
}
