//! The console's state and its pure `update`: messages in, effects out as data. It draws nothing, waits for nothing
//! and asks nobody for the time.

mod act;
mod alarms;
mod asked;
mod drift;
mod features;
mod form;
mod heat;
mod history;
mod incoming;
mod keys;
mod leave;
mod link;
mod logs;
mod models;
mod moves;
mod msg;
mod news;
mod nights;
mod overlay;
mod pages;
mod questions;
mod rows;
mod signal_rows;
mod signals;
mod story;
mod table;
mod toast;
mod train_form;
mod training;

use std::sync::Arc;

pub use asked::Asked;
pub use drift::{Drift, SubjectPart, hushed, verdict};
pub use features::Features;
pub use form::{Field, PlanForm};
pub use heat::{Heat, STATES, wants_a_look, word};
pub use history::{cause, job_state, news};
pub use logs::LogPane;
pub use models::{ModelPart, Models};
pub use msg::{Effect, Export, Msg, Slot};
pub use overlay::{Confirm, Entry, Gate, Overlay, Palette, Prompt, PromptFor};
pub use pages::{Page, Pane, run_state, scope, severity};
pub use signal_rows::{ended_by, side, so_far};
pub use signals::{Signals, SignalsPart};
pub use story::Line;
pub use table::Table;
pub use toast::{ToastLevel, Toasts};
pub use train_form::{TrainField, TrainForm};
pub use training::{Part, Trainings, model_state, training_state};

use super::action::Context;
use super::hit::Drawn;
use super::keymap::{Keymap, KeymapError};
use super::zone::{Zone, ZoneError};
use crate::config::ConsoleSettings;
use crate::control::LinkView;
use crate::engine::{JobDetail, RunDetail, RunSummary, RunView, SeriesDetail, Snapshot};
use crate::market::{SourceId, Strategy};
use crate::store::master::{RunRecord, StoredIssue};
use crate::store::scheduler::{Job, JobRun, JobState};

/// A snapshot older than this is stale: the engine publishes at least every five seconds, so two beats were missed.
pub const STALE_MS: i64 = 12_000;

/// Settings that the console cannot work with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AppError {
    /// Keys.
    #[error(transparent)]
    Keys(#[from] KeymapError),
    /// Time zone.
    #[error(transparent)]
    Zone(#[from] ZoneError),
}

/// The state of the console.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "five independent switches of the screen, not a state machine")]
pub struct App {
    pub(super) keymap: Keymap,
    pub(super) zone: Zone,
    pub(super) reduce_motion: bool,
    live: Arc<Snapshot>,
    frozen: Option<(Arc<Snapshot>, i64)>,
    pub(super) link: LinkView,
    /// When the newest snapshot came.
    pub(super) received_ms: i64,
    pub(super) now_ms: i64,
    pub(super) focus: Pane,
    pub(super) zoom: bool,
    pub(super) pages: Vec<Page>,
    pub(super) overlays: Vec<Overlay>,
    pub(super) toasts: Toasts,
    pub(super) heat: Heat,
    pub(super) source: Option<SourceId>,
    /// The job selected in the pane.
    pub(super) job: Job,
    pub(super) logs: LogPane,
    pub(super) detail: Asked<Box<SeriesDetail>>,
    pub(super) runs: Asked<Vec<RunRecord>>,
    pub(super) job_runs: Asked<Vec<JobRun>>,
    pub(super) runs_table: Table,
    pub(super) run_detail: Asked<Box<RunDetail>>,
    /// The summary of the ingest run whose page is open, with its number.
    summary: Option<(i64, RunSummary)>,
    pub(super) job_detail: Asked<Box<JobDetail>>,
    pub(super) history_table: Table,
    pub(super) issues: Asked<Vec<StoredIssue>>,
    pub(super) issues_table: Table,
    pub(super) features: Features,
    pub(super) trainings: Trainings,
    pub(super) models: Models,
    pub(super) drift: Drift,
    pub(super) signals: Signals,
    /// The strategy whose drift and signals are shown, once one was chosen.
    watching: Option<Strategy>,
    /// First line shown of a run's story.
    pub(super) scroll: usize,
    /// Key of the alert that was walked to last.
    pub(super) alert: Option<String>,
    pub(super) spinner: usize,
    pub(super) mouse: bool,
    terminal_focused: bool,
    notices: news::Notices,
    /// Quit once no run is active any more.
    pub(super) quitting: bool,
    interrupted_at: Option<i64>,
    drawn: Drawn,
}

impl App {
    /// A console that has seen no snapshot yet.
    pub fn new(settings: &ConsoleSettings, now_ms: i64) -> Result<Self, AppError> {
        Ok(Self {
            keymap: Keymap::new(&settings.keys)?,
            zone: Zone::new(&settings.time_zone)?,
            reduce_motion: settings.reduce_motion,
            live: Arc::default(),
            frozen: None,
            link: LinkView::Local,
            received_ms: 0,
            now_ms,
            focus: Pane::Ingest,
            zoom: false,
            pages: Vec::new(),
            overlays: Vec::new(),
            toasts: Toasts::default(),
            heat: Heat::default(),
            source: None,
            job: Job::Ingest,
            logs: LogPane::default(),
            detail: Asked::default(),
            runs: Asked::default(),
            job_runs: Asked::default(),
            runs_table: history::runs_table(),
            run_detail: Asked::default(),
            summary: None,
            job_detail: Asked::default(),
            history_table: history::history_table(),
            issues: Asked::default(),
            issues_table: pages::issues_table(),
            features: Features::default(),
            trainings: Trainings::default(),
            models: Models::default(),
            drift: Drift::default(),
            signals: Signals::default(),
            watching: None,
            scroll: 0,
            alert: None,
            spinner: 0,
            mouse: settings.mouse,
            terminal_focused: true,
            notices: news::Notices::default(),
            quitting: false,
            interrupted_at: None,
            drawn: Drawn::default(),
        })
    }

    /// Takes a message in; true when the screen must be drawn again. Time comes with the messages, so that the same
    /// messages always give the same state.
    pub fn update(&mut self, msg: Msg, fx: &mut Vec<Effect>) -> bool {
        let changed = self.take(msg, fx);
        self.ask_shown_model(fx);
        changed
    }

    fn take(&mut self, msg: Msg, fx: &mut Vec<Effect>) -> bool {
        match msg {
            Msg::Key(key) => self.on_key(key, fx),
            Msg::Mouse(event) => self.on_mouse(event, fx),
            Msg::Paste(text) => self.on_paste(&text, fx),
            Msg::Resize => true,
            Msg::Focus(focused) => {
                self.terminal_focused = focused;
                self.notices.forget();
                focused
            }
            Msg::Snapshot(snapshot) => self.on_snapshot(snapshot, fx),
            Msg::Link(link) => self.on_link(link, fx),
            Msg::Logs(records, dropped) => {
                let changed = !records.is_empty() || dropped != self.logs.dropped;
                self.logs.extend(records, dropped);
                changed && !self.is_frozen()
            }
            Msg::Answer { slot, generation, result } => self.on_answer(slot, generation, result, fx),
            Msg::Acked { what, result } => self.on_ack(&what, result),
            Msg::Exported(result) => self.on_exported(result),
            Msg::Clock(now_ms) => {
                self.now_ms = now_ms;
                self.toasts.expire(now_ms);
                self.follow_run(fx);
                true
            }
            Msg::Spin => {
                self.spinner = self.spinner.wrapping_add(1);
                self.animates()
            }
        }
    }

    /// Sets the time without saying that a second has passed.
    pub const fn set_now(&mut self, now_ms: i64) {
        self.now_ms = now_ms;
    }

    /// The way to the engine, as it was told last.
    pub const fn link(&self) -> &LinkView {
        &self.link
    }

    /// Takes back what the last frame put where, for the mouse and for paging.
    pub fn set_drawn(&mut self, drawn: Drawn) {
        self.drawn = drawn;
    }

    /// The snapshot to draw: the newest, or the frozen one.
    pub(super) fn snap(&self) -> &Arc<Snapshot> {
        self.frozen.as_ref().map_or(&self.live, |(s, _)| s)
    }

    /// The newest snapshot.
    pub(super) const fn live(&self) -> &Arc<Snapshot> {
        &self.live
    }

    /// Since when the screen is frozen, UTC milliseconds, and how many snapshots wait.
    pub(super) fn frozen(&self) -> Option<(i64, u64)> {
        self.frozen.as_ref().map(|(s, at)| (*at, self.live.seq.saturating_sub(s.seq)))
    }

    pub(super) const fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// UTC seconds.
    pub(super) const fn now(&self) -> i64 {
        self.now_ms.div_euclid(1000)
    }

    /// No snapshot has come yet, or it says nothing yet.
    pub(super) fn loading(&self) -> bool {
        self.live.at_ms == 0 || self.snap().loading
    }

    /// Age of a stale snapshot, seconds. A stream that is kept open says nothing of the engine behind it, so an attached
    /// console judges too; by when the snapshot came, because a desk on recordings has a clock of its own.
    pub(super) fn stale(&self) -> Option<i64> {
        let since = if self.link == LinkView::Local { self.live.at_ms } else { self.received_ms };
        let age = self.now_ms - since;
        let told_otherwise = self.is_frozen() || !matches!(self.link, LinkView::Local | LinkView::Attached { .. });
        (self.live.at_ms > 0 && age > STALE_MS && !told_otherwise).then_some(age / 1000)
    }

    /// Whether a run works, as far as is known.
    fn works(&self) -> bool {
        let running = || self.live.job_runs.iter().any(|r| r.state == JobState::Running);
        self.reachable() && (self.live.active.is_some() || running())
    }

    /// Whether the spinner turns: only while a run is active and someone may be looking.
    pub fn animates(&self) -> bool {
        !self.reduce_motion && self.terminal_focused && !self.is_frozen() && (self.loading() || self.works())
    }

    /// Whether the clock must tick: not while nobody looks.
    pub const fn ticks(&self) -> bool {
        self.terminal_focused
    }

    /// Whether the mouse is captured.
    pub const fn mouse(&self) -> bool {
        self.mouse
    }

    /// Whether a question or a prompt waits for an answer, for tests.
    pub fn asks(&self) -> bool {
        self.overlays.iter().any(|o| matches!(o, Overlay::Confirm(_) | Overlay::Plan(_) | Overlay::Train(_)))
    }

    /// Whether everything asked for has been answered.
    pub const fn settled(&self) -> bool {
        let runs = self.runs.waiting || self.job_runs.waiting || self.run_detail.waiting || self.job_detail.waiting;
        let features = self.features.list.waiting || self.features.detail.waiting;
        let training = self.trainings.asked.waiting || self.models.list.waiting || self.models.detail.waiting;
        let drift = self.drift.list.waiting || self.drift.detail.waiting;
        let signals = self.signals.list.waiting || self.signals.detail.waiting || self.signals.sectors.waiting;
        !runs && !features && !training && !drift && !signals && !self.detail.waiting && !self.issues.waiting
    }

    /// The page on top.
    pub(super) fn page(&self) -> Option<Page> {
        self.pages.last().copied()
    }

    /// The contexts whose keys work now, the most specific first.
    pub(super) fn contexts(&self) -> &'static [Context] {
        if matches!(self.page(), Some(Page::Run(id)) if self.trains(id)) {
            return &[Context::Training, Context::Global];
        }
        match (self.page(), self.focus) {
            (Some(Page::Issues), _) => &[Context::Quality, Context::Table, Context::Global],
            (Some(Page::Runs), _) => &[Context::Table, Context::Global],
            (Some(Page::Models), _) => &[Context::Training, Context::Table, Context::Global],
            (None, Pane::Training) | (Some(Page::Training), _) => &[Context::Training, Context::Global],
            (Some(Page::Features | Page::Feature), _) => &[Context::Features, Context::Table, Context::Global],
            (Some(Page::Job(_)), _) => &[Context::Schedule, Context::Table, Context::Global],
            (None, Pane::Schedule) => &[Context::Schedule, Context::Global],
            (Some(Page::Source(_)), _) | (None, Pane::Sources) => &[Context::Sources, Context::Global],
            (Some(Page::Series), _) | (None, Pane::Ingest) => &[Context::Ingest, Context::Global],
            (None, Pane::Logs) => &[Context::Logs, Context::Global],
            (Some(Page::Drift), _) => &[Context::Drift, Context::Table, Context::Global],
            (Some(Page::Subject), _) | (None, Pane::Drift) => &[Context::Drift, Context::Global],
            (Some(Page::Signals | Page::Sectors), _) => &[Context::Signals, Context::Table, Context::Global],
            (Some(Page::Signal(_)), _) => &[Context::Signals, Context::Global],
            (Some(Page::Run(_)), _) => &[Context::Global],
        }
    }

    /// An ingest run of the snapshot by its number, the active one included.
    pub(super) fn run(&self, id: i64) -> Option<&RunView> {
        let snap = self.snap();
        snap.active.as_deref().filter(|r| r.id == id).or_else(|| snap.runs.iter().find(|r| r.id == id))
    }

    pub(super) fn say(&mut self, level: ToastLevel, text: impl Into<String>) {
        self.toasts.push(level, text, self.now_ms);
    }
}
