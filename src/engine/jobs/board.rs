//! The board: the state of all queued and running runs, and the rules by which it changes. Pure: what happens is told
//! to it by method calls, what is to be done comes out as [`Effect`]s.
//!
//! A run is numbered by the database, so a new one leaves as [`Effect::Queue`] and comes back through
//! [`Board::admit`]; one whose (job, tick, attempt) is known never comes back, which makes a tick that fires twice
//! harmless.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::NaiveDate;

use super::history::{History, whole};
use crate::config::{JobSettings, ScheduleSettings};
use crate::job::{JobEnd, JobLine};
use crate::store::scheduler::{Job, JobRun, JobState, Pause, Trigger};

/// A moment on both clocks: `wall` is UTC seconds for the records, `mono` measures what must not jump with it.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct Now {
    pub wall: i64,
    pub mono: Duration,
}

/// A tick of the schedule.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Tick {
    pub job: Job,
    /// UTC seconds.
    pub at: i64,
    pub session: Option<NaiveDate>,
    /// Its run begins no earlier, UTC seconds (jitter).
    pub not_before: Option<i64>,
    /// It came while nobody was there.
    pub missed: bool,
    /// Why it must pass without a run.
    pub skip: Option<String>,
}

/// A run that somebody asks for.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Order {
    pub job: Job,
    pub trigger: Trigger,
    pub actor: String,
    pub session: Option<NaiveDate>,
    pub params: Option<String>,
}

/// What becomes of an order while a run of the same job is at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Busy {
    /// It is refused.
    Refuse,
    /// It waits its turn, unless another one does already.
    Queue,
}

/// What the owner has to do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::engine) enum Effect {
    /// Store a new run, then [`Board::admit`] it under the number it got.
    Queue(Box<JobRun>),
    /// Store the state of a run.
    Save(Arc<JobRun>),
    /// Start the body.
    Start(Arc<JobRun>),
    /// Tell the body to stop.
    Stop { run_id: i64, at_once: bool },
    /// Drop the body.
    Abort { run_id: i64 },
    /// Add a line to the story of a run.
    Tell(JobLine),
    /// Keep the pause of a job.
    Pause { job: Job, pause: Pause },
    /// Keep how many ticks of a job in a row have failed.
    Failures { job: Job, in_row: u32 },
}

/// How a body came to its end.
#[derive(Clone, Debug)]
pub(in crate::engine) enum BodyEnd {
    /// It returned.
    Told(JobEnd),
    /// It panicked, with this message.
    Panicked(String),
    /// It was dropped.
    Aborted,
}

/// What a cancel led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Stopping {
    /// The run had not begun and is over.
    Over,
    /// The body has been told.
    Told,
}

/// Why a running run is to end.
#[derive(Clone, Debug)]
pub(super) enum Why {
    Cancelled(String),
    TimedOut,
    EngineStops,
}

#[derive(Clone, Debug)]
pub(super) enum Phase {
    Queued,
    Running {
        /// End of its time.
        until: Duration,
    },
    Stopping {
        why: Why,
        /// What comes when it does not let go by itself, and when.
        next: Option<(Duration, Push)>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Push {
    AtOnce,
    Abort,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub run: JobRun,
    pub phase: Phase,
    pub queued: Duration,
    pub ready: Duration,
    /// The reason for waiting that was told last.
    pub waits: Option<String>,
}

/// The newest tick that has not had its success yet, and the alarm that goes with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline {
    /// The tick, UTC seconds.
    pub tick: i64,
    pub session: Option<NaiveDate>,
    /// When the alarm goes off, UTC seconds, if one is wanted.
    pub until: Option<i64>,
    pub late: bool,
}

impl Deadline {
    /// Whether a run did the tick's work: a run of this tick or a later one, or the job's normal work for the same
    /// session. An order for a part of it is none ([`whole`]).
    pub fn met_by(&self, run: &JobRun) -> bool {
        let same = || whole(run) && run.session == self.session && run.ended_at >= Some(self.tick);
        run.state == JobState::Succeeded && (run.scheduled_for >= Some(self.tick) || same())
    }
}

/// See the module.
pub(in crate::engine) struct Board {
    pub(super) rules: ScheduleSettings,
    /// Which jobs have a body.
    pub(super) able: [bool; Job::ALL.len()],
    pub(super) boot_id: String,
    pub(super) active: BTreeMap<i64, Entry>,
    pub(super) history: History,
    pub(super) paused: [Option<Pause>; Job::ALL.len()],
    /// The next tick's session of each job that has one; what needs the job waits for it.
    pub(super) due: [Option<NaiveDate>; Job::ALL.len()],
    pub(super) deadlines: [Option<Deadline>; Job::ALL.len()],
    pub(super) failures: [u32; Job::ALL.len()],
    pub(super) stopping: bool,
    /// Why no run of a job may begin now.
    pub(super) held: [Option<&'static str>; Job::ALL.len()],
    pub(super) out: Vec<Effect>,
}

impl Board {
    /// An empty board for the jobs that have a body.
    pub fn new(rules: ScheduleSettings, able: impl IntoIterator<Item = Job>, boot_id: String) -> Self {
        let mut board = Self {
            rules,
            able: [false; Job::ALL.len()],
            boot_id,
            active: BTreeMap::new(),
            history: History::default(),
            paused: Default::default(),
            due: Default::default(),
            deadlines: Default::default(),
            failures: Default::default(),
            stopping: false,
            held: Default::default(),
            out: Vec::new(),
        };
        able.into_iter().for_each(|job| board.able[job.index()] = true);
        board
    }

    /// What is to be done next. Called, and carried out, until nothing comes any more. Time passes on the board only
    /// when all is done: a run whose retry has not got its number yet would look as if it had failed for good.
    pub fn effects(&mut self, now: Now) -> Vec<Effect> {
        if self.out.is_empty() {
            self.pass(now);
        }
        std::mem::take(&mut self.out)
    }

    /// Puts other rules in force; runs under way keep the timeout they started with.
    pub fn set_rules(&mut self, rules: ScheduleSettings) {
        self.rules = rules;
    }

    /// Lets no run of a job begin as long as there is a reason.
    pub fn hold(&mut self, job: Job, why: Option<&'static str>) {
        self.held[job.index()] = why;
    }

    pub(super) fn rule(&self, job: Job) -> &JobSettings {
        self.rules.job(job)
    }

    /// Lets a job's ticks pass without a run.
    pub fn pause(&mut self, job: Job, pause: Pause) {
        self.paused[job.index()] = Some(pause);
    }

    /// Ends a pause; the failures that led to it are forgiven. Says whether there was one.
    pub fn resume(&mut self, job: Job) -> bool {
        if std::mem::take(&mut self.failures[job.index()]) > 0 {
            self.out.push(Effect::Failures { job, in_row: 0 });
        }
        self.paused[job.index()].take().is_some()
    }

    pub(super) fn deadline(&self, job: Job, tick: i64, session: Option<NaiveDate>) -> Deadline {
        let minutes = i64::from(self.rule(job).deadline_minutes);
        Deadline { tick, session, until: (minutes > 0).then(|| tick + minutes * 60), late: false }
    }

    pub(super) fn tell(&mut self, run_id: i64, kind: &'static str, text: String) {
        self.out.push(Effect::Tell(JobLine { run_id, kind, text }));
    }

    /// Failed ticks in a row.
    pub const fn failures(&self, job: Job) -> u32 {
        self.failures[job.index()]
    }
}
