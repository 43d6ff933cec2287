//! When jobs run: ticks by cron and trading calendar, what becomes of missed ones, jumps of the clock, the bell that
//! rings, and what survives a restart. The engine's dispatcher calls it; nothing here starts a job.
//!
//! The bell only says "look at the clock": what is due is computed from the last tick dealt with and the time, so a
//! bell that rings twice, late or never does no harm. One round of the dispatcher:
//!
//! 1. at start: [`SchedulerState::load`], `SchedulerDb::job_rows`, [`rules`], [`Planner::new`], `set_last_tick` with each
//!    job's [`Planner::mark`], [`CronBell::start`], [`TickSource::arm`] with [`Planner::alarms`];
//! 2. on each [`Tick`], and every second or so: [`Planner::look`]; after a jump, `arm` again;
//! 3. [`Planner::due`] for the job: insert its runs and skipped ticks, then `SchedulerDb::set_last_tick` with
//!    [`Planner::mark`], then [`SchedulerState::save`];
//! 4. on a changed configuration: [`Planner::reload`], `set_last_tick` and `arm`; on `ConfirmClock`: [`Planner::confirm`], `arm`, and
//!    [`Planner::due`] for every job.

mod bell;
mod clock_watch;
mod misfire;
mod planner;
mod rule;
mod state;

pub use bell::{Alarm, BellError, CronBell, Tick, TickSource};
pub use clock_watch::Jump;
pub use misfire::{DueTick, Verdict};
pub use planner::Planner;
pub use rule::{PlannedTick, Rule, ScheduleError, rules};
pub use state::{JobTimes, LoadedState, SchedulerState, StateError};

#[cfg(test)]
mod tests;
