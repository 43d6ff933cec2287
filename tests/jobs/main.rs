//! The nights end to end: the schedule, the dispatcher, its record, and jobs that misbehave.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot prepare its desk has failed")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "shared with suites that use more of it")]
mod support;

mod learning;
mod misbehaving;
mod recovery;
mod script;
mod thin;
mod ticks;
