//! The control server and its client over real sockets, on a real engine: one contract for a client in the process and
//! one outside, what a follower does when its daemon is gone, and what the doors let in.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot prepare its desk has failed")]

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "shared with suites that use more of it")]
mod support;

mod contract;
mod described;
mod doors;
mod features;
mod following;
mod house;
mod stream;
