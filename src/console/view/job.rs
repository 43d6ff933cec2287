//! The page of one job: its schedule and state, the ticks ahead, its history with durations.

use ratatui::layout::Rect;

use super::canvas::{Canvas, Panel};
use super::widget::{self, Fact};
use super::{detail, issues, schedule, spinner};
use crate::console::action::Action;
use crate::console::app::{App, cause, job_state};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::engine::{JobDetail, JobView, PlannedTick};
use crate::store::scheduler::Job;

/// Narrowest page that shows the ticks beside the facts.
const BESIDE: u16 = 76;

/// Draws the page.
pub fn draw(c: &mut Canvas<'_>, app: &App, job: Job, area: Rect) {
    let detail = app.job_detail.value.as_deref().filter(|d| d.view.job == job);
    let Some(view) = app.job_view(job).or(detail.map(|d| &d.view)) else {
        let inner = c.panel(area, &Panel { title: "Job", focused: true, ..Panel::default() });
        let text = if app.loading() { "Reading the schedule." } else { "The engine has not told its schedule yet. esc goes back." };
        detail::empty(c, inner, text);
        return;
    };
    let tall = area.height >= 30;
    let facts_height = if tall { 11 } else { (area.height / 2).min(9) };
    let ticks = area.width >= BESIDE;
    let why = if area.height >= 18 { 4 } else { 0 };
    let [top, table, bottom] = widget::rows(area, [facts_height, area.height - facts_height - why, why]);
    let left = if ticks { Rect { width: top.width - (top.width / 2).clamp(34, 64), ..top } } else { top };
    head(c, app, view, left);
    if ticks {
        upcoming(c, app, detail, Rect { x: left.right(), width: top.width - left.width, ..top });
    }
    history(c, app, detail, table);
    if why > 0 {
        reason(c, app, detail, bottom);
    }
}

fn head(c: &mut Canvas<'_>, app: &App, job: &JobView, area: Rect) {
    let title = format!("Job {}", job.job);
    let (on, role) = if app.snap().scheduler.on { ("scheduler on", Role::Dim) } else { ("scheduler OFF", Role::Warn) };
    let inner = c.panel(area, &Panel { title: &title, summary: on, focused: true, ..Panel::default() });
    if role == Role::Warn {
        c.right(area.x + 2, area.right() - 2, area.y, &format!(" {on} "), c.s(role));
    }
    let facts = facts(c, app, job);
    detail::facts(c, inner, &facts);
}

fn facts(c: &Canvas<'_>, app: &App, job: &JobView) -> Vec<Fact<'static>> {
    let (now, text, dim) = (app.now(), c.s(Role::Text), c.s(Role::Dim));
    let mut facts: Vec<Fact<'static>> = vec![state(c, app, job)];
    let (count, role) = schedule::countdown(app, job);
    let session = job.next_session.map_or_else(String::new, |s| format!(", for the session of {s}"));
    match job.next {
        Some(at) => facts.push(("next", format!("{} UTC, {count}{session}", fmt::minute(at)), c.s(role))),
        None if job.missing.is_none() => facts.push(("next", count, c.s(role))),
        None => {}
    }
    if let Some(run) = &job.last {
        let (glyph, word, role) = job_state(run);
        let took = run.seconds(now).map_or_else(String::new, |s| format!(" in {}", fmt::clock(s)));
        let ago = run.ended_at.map_or_else(String::new, |at| format!(", {} ago", fmt::age(now - at)));
        facts.push(("last", format!("{glyph} run {} {word}{took}{ago}", run.id), c.s(role)));
    }
    if !job.durations.is_empty() {
        facts.push(("durations", durations(job), text));
    }
    if job.failures_in_row > 0 {
        facts.push(("in a row", fmt::count(job.failures_in_row.into(), "failed tick", "failed ticks"), c.s(Role::Bad)));
    }
    facts.push(("schedule", job.words.clone(), text));
    facts.push(("cron", format!("{}  {}", job.cron, job.zone), dim));
    facts.push(("may take", fmt::clock(job.timeout_s.into()), dim));
    facts
}

/// What the job does, or what keeps it from its ticks.
fn state(c: &Canvas<'_>, app: &App, job: &JobView) -> Fact<'static> {
    let now = app.now();
    let (glyph, word, role) = schedule::mark(app, job);
    if let Some(run) = &job.active {
        let (took, took_role) = if run.started_at.is_some() { schedule::elapsed(job, run, now) } else { (String::new(), role) };
        return ("now", format!("{glyph} run {} {word} {took}", run.id), c.s(took_role));
    }
    if let Some(why) = &job.missing {
        return ("state", format!("{glyph} {why}"), c.s(role));
    }
    if let Some(pause) = &job.paused {
        let text = format!("{glyph} paused {} ago by {}: {}", fmt::age(now - pause.at), pause.by, pause.reason);
        return ("state", text, c.s(role));
    }
    if let Some((glyph, text, role)) = schedule::stopped(app) {
        let key = app.keymap.shown(if app.snap().scheduler.on { Action::ConfirmClock } else { Action::Scheduler });
        return ("state", format!("{glyph} scheduler {text} ({key} changes that)"), c.s(role));
    }
    ("state", "● on".into(), c.s(Role::Ok))
}

/// Sparkline, median and longest of the last durations.
fn durations(job: &JobView) -> String {
    let mut sorted = job.durations.clone();
    sorted.sort_unstable();
    let clock = |s: Option<&u32>| fmt::clock(s.copied().unwrap_or(0).into());
    let (median, longest) = (clock(sorted.get(sorted.len() / 2)), clock(sorted.last()));
    format!("{}  median {median}, longest {longest}", schedule::spark(job, 10))
}

fn upcoming(c: &mut Canvas<'_>, app: &App, detail: Option<&JobDetail>, area: Rect) {
    let legend = [("○", c.s(Role::Text)), (" run  · ", c.s(Role::Dim)), ("no run, and why", c.s(Role::Dim))];
    let inner = c.panel(area, &Panel { title: "Ticks ahead", summary: "UTC", legend: &legend, ..Panel::default() });
    let Some(detail) = detail else {
        pending(c, app, app.job_detail.error.as_deref(), inner);
        return;
    };
    if detail.next.is_empty() {
        detail::empty(c, inner, "No tick lies ahead.");
    }
    for (tick, y) in detail.next.iter().zip(inner.y..inner.bottom()) {
        let line = Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 };
        let (glyph, words, role) = outlook(tick, app.now());
        let at = format!(" {}  ", fmt::day_minute(tick.at));
        c.line(line, &[(glyph, c.s(role)), (&at, c.s(role)), (&words, c.s(role))]);
    }
}

/// What will come of a tick: a run for a session, or nothing, and why.
fn outlook(tick: &PlannedTick, now: i64) -> (&'static str, String, Role) {
    let until = fmt::until(tick.at, now);
    match (&tick.skip, tick.session) {
        (Some(why), _) => ("·", why.clone(), Role::Dim),
        (None, Some(session)) => ("○", format!("{until:>6}  {session}"), Role::Text),
        (None, None) => ("○", format!("{until:>6}"), Role::Text),
    }
}

fn history(c: &mut Canvas<'_>, app: &App, detail: Option<&JobDetail>, area: Rect) {
    if detail.is_none() {
        let inner = c.panel(area, &Panel { title: "History", ..Panel::default() });
        pending(c, app, app.job_detail.error.as_deref(), inner);
        return;
    }
    issues::table(c, &app.history_table, "History", area);
}

/// The selected run's reason in full: tables cut it.
fn reason(c: &mut Canvas<'_>, app: &App, detail: Option<&JobDetail>, area: Rect) {
    let run = app.history_table.selected.and_then(|id| app.job_run(id));
    let title = run.map_or_else(|| "Run".to_owned(), |r| format!("Run {}", r.id));
    let inner = c.panel(area, &Panel { title: &title, context: "enter opens its story", ..Panel::default() });
    let Some(run) = run else {
        match detail {
            None => pending(c, app, app.job_detail.error.as_deref(), inner),
            Some(d) if d.runs.is_empty() => detail::empty(c, inner, "This job has not run yet."),
            Some(_) => detail::empty(c, inner, "No run passes the filter."),
        }
        return;
    };
    let (glyph, word, role) = job_state(run);
    let tick = run.scheduled_for.map_or_else(String::new, |at| format!(" for the tick of {} UTC", fmt::minute(at)));
    let why = run.error.as_ref().map_or_else(String::new, |e| format!(": {e}"));
    let text = format!("{glyph} {word}, {}{tick}{why}", cause(run));
    let x = inner.x + 1;
    c.wrapped(Rect { x, width: inner.width.saturating_sub(2), ..inner }, &text, c.s(role));
}

/// What stands where an answer belongs that has not come.
pub fn pending(c: &mut Canvas<'_>, app: &App, error: Option<&str>, area: Rect) {
    let text = match error {
        Some(why) => why.to_owned(),
        None if app.lost().is_some() => "The daemon does not answer; this comes when it is back.".to_owned(),
        None => format!("{} asking the engine", spinner(app)),
    };
    detail::empty(c, area, &text);
}
