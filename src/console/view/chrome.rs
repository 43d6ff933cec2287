//! What frames every screen: header, the NEEDS YOU line, footer, toasts, and the card of a screen that is too small.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use super::canvas::Canvas;
use super::{SMALLEST, alert_look, signals, spinner};
use crate::console::action::{ACTIONS, Action, Context};
use crate::console::app::{App, Page, ToastLevel};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::control::LinkView;

/// Where the operator is, as a trail.
fn trail(app: &App) -> String {
    let name = |page: &Page| match page {
        Page::Series => app.heat.cursor.map_or_else(|| "series".into(), |s| s.to_string()),
        Page::Source(id) => format!("source {id}"),
        Page::Job(job) => format!("job {job}"),
        Page::Run(id) => format!("run {id}"),
        Page::Runs => "Runs".into(),
        Page::Issues => "Data quality".into(),
        Page::Features => "Features".into(),
        Page::Training => app.training().map_or_else(|| "training run".into(), |t| format!("training run {}", t.run_id)),
        Page::Models => format!("Models of {}", app.models.strategy),
        Page::Drift => app.watched().to_string(),
        Page::Subject => app.drift.subject.clone().unwrap_or_else(|| "subject".into()),
        Page::Signals => format!("Signals of {}", app.watched()),
        Page::Signal(id) => app.shown_signal(*id).map_or_else(|| format!("signal {id}"), |d| format!("{} {id}", d.row.symbol)),
        Page::Sectors => "sectors".into(),
        Page::Feature => app.features.selected().map_or_else(|| "feature".into(), |f| f.name.clone()),
    };
    let pane = app.focus.title().split_once(' ').map_or("", |(_, t)| t);
    let root = if app.zoom || !app.pages.is_empty() { pane } else { "Overview" };
    let mut out = root.to_owned();
    for page in &app.pages {
        out.push_str(" › ");
        out.push_str(&name(page));
    }
    out
}

/// The state of the way to the engine: glyph and word, worst first.
fn link(app: &App) -> (String, Role) {
    if app.link == LinkView::Gone {
        return ("✗ ENGINE STOPPED".into(), Role::Bad);
    }
    if let Some((seconds, ..)) = app.lost() {
        return (format!("○ LOST {}", fmt::clock(seconds)), Role::Bad);
    }
    if let Some((at, waiting)) = app.frozen() {
        return (format!("‖ FROZEN at {} (+{waiting})", fmt::second(at.div_euclid(1000))), Role::Stale);
    }
    if let Some(age) = app.stale() {
        return (format!("◐ STALE {}", fmt::age(age)), Role::Stale);
    }
    if app.loading() {
        return (format!("{} LOADING", spinner(app)), Role::Focus);
    }
    if app.quitting {
        return (format!("{} STOPPING", spinner(app)), Role::Warn);
    }
    match &app.link {
        LinkView::Attached { pid, read_only: Some(_) } => (format!("◇ READ-ONLY pid {pid}"), Role::Warn),
        LinkView::Attached { pid, read_only: None } => (format!("● ATTACHED pid {pid}"), Role::Ok),
        _ => ("● LIVE".into(), Role::Ok),
    }
}

/// The first line.
pub fn header(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let snap = app.live();
    let utc = format!("{} UTC ", fmt::second(app.now()));
    let local = app.zone.show(app.now_ms);
    let times = if local.is_empty() { utc.clone() } else { format!("{local}  {utc}") };
    let host = snap.host;
    let low = if host.disk_low { "▲ LOW " } else { "" };
    let machine = format!(
        "cpu {:>3.0}%  mem {:>4}  db {:>4}  free {low}{:>4}  │  ",
        host.cpu * 100.0,
        fmt::bytes(host.rss),
        fmt::bytes(host.database),
        fmt::bytes(host.disk_free)
    );
    let (state, role) = link(app);
    let demo = if snap.demo { " DEMO " } else { "" };
    let place = trail(app);
    let pieces = [
        (" NIGHTDESK ", c.theme.strong(Role::Text)),
        (demo, c.theme.selected(Role::Warn)),
        (if snap.demo { " " } else { "" }, c.s(Role::Text)),
        (place.as_str(), c.s(Role::Text)),
        ("   ", c.s(Role::Text)),
        (state.as_str(), c.theme.strong(role)),
    ];
    let x = c.line(area, &pieces);
    // What does not fit beside the state goes: first the machine, then local time.
    let room = usize::from(area.right().saturating_sub(x + 2));
    let full = format!("{machine}{times}");
    let role = if host.disk_low { Role::Warn } else { Role::Dim };
    for (text, style) in [(&full, c.s(role)), (&times, c.s(Role::Dim)), (&utc, c.s(Role::Dim))] {
        if text.width() <= room {
            c.right(x, area.right(), area.y, text, style);
            return;
        }
    }
}

/// The second line: what needs the operator, worst first; when nothing does, how the signals stand, if they are to be told.
pub fn needs(c: &mut Canvas<'_>, app: &App, signals: bool, area: Rect) {
    let alerts = &app.snap().alerts;
    if let Some((_, attempt, cause)) = app.lost() {
        c.line(area, &[(&lost(app, attempt, cause, area.width), c.theme.selected(Role::Bad))]);
        return;
    }
    if app.loading() {
        c.line(area, &[(" reading the state of all series", c.s(Role::Dim))]);
        return;
    }
    let area = app.read_only().map_or(area, |why| {
        let x = c.line(area, &[(" ◇ READ-ONLY ", c.theme.strong(Role::Warn)), (why, c.s(Role::Warn))]) + 2;
        Rect { x, width: area.right().saturating_sub(x), ..area }
    });
    if alerts.is_empty() {
        let x = c.line(area, &[(" · ALL QUIET", c.s(Role::Dim)), ("  nothing needs you", c.s(Role::Dim))]);
        if signals {
            signals::quietly(c, app, Rect { x: x + 3, width: area.right().saturating_sub(x + 4), ..area });
        }
        return;
    }
    let hint = format!("{} next ", app.keymap.shown(Action::NextAlert));
    let room = Rect { width: area.width.saturating_sub(hint.width() as u16 + 2), ..area };
    let head = format!(" NEEDS YOU {}", alerts.len());
    let mut x = c.line(room, &[(&head, c.theme.strong(Role::Warn))]);
    for alert in alerts.iter() {
        let rest = Rect { x: x + 3, width: room.right().saturating_sub(x + 3), ..room };
        if rest.width < 12 {
            break;
        }
        let (glyph, role) = alert_look(alert.level);
        let walked = if app.alert.as_ref() == Some(&alert.key) { "›" } else { "" };
        let style = if walked.is_empty() { c.s(role) } else { c.theme.strong(role) };
        x = c.line(rest, &[(walked, style), (glyph, style), (" ", c.s(Role::Text)), (&alert.text, style)]);
    }
    c.right(x, area.right(), area.y, &hint, c.s(Role::Dim));
}

/// What a lost daemon means and asks for: the longest text that fits, since for how long stands above it.
fn lost(app: &App, attempt: u32, cause: &str, width: u16) -> String {
    let start = if app.live().demo { "`nightdesk --demo --daemon`" } else { "`nightdesk --daemon`" };
    let texts = [
        format!(" The daemon does not answer, try {attempt}: {cause}. {start} on this folder starts one; below is the last that came. "),
        format!(" The daemon does not answer, try {attempt}: {cause}. {start} on this folder starts one. "),
        format!(" No answer, try {attempt}: {start} on this folder starts a daemon. "),
    ];
    let fits = texts.into_iter().find(|t| t.width() <= usize::from(width));
    fits.unwrap_or_else(|| format!(" No answer: {start} starts a daemon "))
}

/// The last line: what works now, from the action table. Where not all fits, whole hints go; those of what has the
/// focus and those that lead away stay longest.
pub fn footer(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let mut hints = hints(app);
    let mut by_rank: Vec<usize> = (0..hints.len()).collect();
    by_rank.sort_by_key(|i| hints[*i].rank);
    let mut room = area.width.saturating_sub(1);
    for i in by_rank {
        let width = hints[i].width();
        hints[i].kept = width <= room;
        room -= if hints[i].kept { width } else { 0 };
    }
    let mut x = area.x + 1;
    for hint in hints.iter().filter(|h| h.kept) {
        x = c.put(x, area.y, hint.width(), &hint.key, c.theme.strong(Role::Text));
        x = c.put(x + 1, area.y, hint.width(), hint.label, c.s(Role::Dim)) + 2;
    }
}

/// A key of the footer with what it does.
struct Hint {
    key: String,
    label: &'static str,
    /// The lowest are kept longest.
    rank: u8,
    kept: bool,
}

impl Hint {
    /// With the space that parts it from the next one.
    fn width(&self) -> u16 {
        (self.key.width() + self.label.width() + 3) as u16
    }
}

/// All hints: the keys of what has the focus come before those that work everywhere.
fn hints(app: &App) -> Vec<Hint> {
    let esc = !app.pages.is_empty() || app.zoom;
    let specs = app.contexts().iter().flat_map(|context| ACTIONS.iter().filter(move |s| s.context == *context));
    let mut out = Vec::new();
    for spec in specs.filter(|s| !s.label.is_empty()) {
        if (spec.action == Action::Back && !esc) || app.refusal(spec.action).is_some() {
            continue;
        }
        let rank = match spec.action {
            Action::Help | Action::Back => 0,
            Action::Quit if !esc => 0,
            Action::Freeze | Action::Zoom => 3,
            Action::Open => 1,
            _ if spec.context == Context::Global => 2,
            _ => 1,
        };
        let label = if spec.action == Action::Quit && app.attached() { "detach" } else { spec.label };
        out.push(Hint { key: app.keymap.shown(spec.action), label, rank, kept: false });
        if spec.action == Action::Filter && !esc {
            out.push(Hint { key: "1-6".into(), label: "pane", rank: 2, kept: false });
        }
    }
    out
}

/// The messages, top right.
pub fn toasts(c: &mut Canvas<'_>, app: &App, body: Rect) {
    let width = body.width.min(64).saturating_sub(2);
    let mut y = body.y;
    for toast in app.toasts.iter() {
        let (glyph, role) = match toast.level {
            ToastLevel::Ok => ("✓", Role::Ok),
            ToastLevel::Info => ("▸", Role::Focus),
            ToastLevel::Warn => ("▲", Role::Warn),
            ToastLevel::Bad => ("✗", Role::Bad),
        };
        let count = if toast.count > 1 { format!(" (x{})", toast.count) } else { String::new() };
        let tail = if toast.until.is_none() { "  esc" } else { "" };
        let text = format!(" {glyph} {}{count}{tail} ", toast.text);
        let lines = super::canvas::wrap(&text, width.saturating_sub(2));
        let widest = lines.iter().map(|l| l.width()).max().unwrap_or(0) as u16;
        let area = Rect { x: body.right().saturating_sub(widest + 3), y, width: widest + 2, height: lines.len() as u16 };
        if area.bottom() > body.bottom() {
            break;
        }
        c.clear(area);
        for (line, row) in lines.iter().zip(area.y..) {
            c.put(area.x, row, 1, "┆", c.s(role));
            c.put(area.x + 1, row, area.width, line, c.s(role));
        }
        y = area.bottom();
    }
    if app.toasts.overflow > 0 && y < body.bottom() {
        let text = format!(" +{} more, see 6 Logs ", app.toasts.overflow);
        c.right(body.x, body.right() - 1, y, &text, c.s(Role::Dim));
    }
}

/// The screen of a terminal that is too small: still the news.
pub fn card(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let size = format!("need {}x{}, have {}x{}", SMALLEST.0, SMALLEST.1, area.width, area.height);
    let alerts = app.snap().alerts.len();
    let runs = app.working();
    let (state, role) = link(app);
    let news = format!("NEEDS YOU {alerts}, runs {runs}");
    let lines: [(&str, Role); 4] = [
        (if app.live().demo { "NIGHTDESK DEMO" } else { "NIGHTDESK" }, Role::Text),
        (&size, Role::Dim),
        (&news, if alerts > 0 { Role::Warn } else { Role::Text }),
        (&state, role),
    ];
    for ((text, role), y) in lines.into_iter().zip(area.y..area.bottom()) {
        c.put(area.x, y, area.width, text, c.s(role));
    }
}
