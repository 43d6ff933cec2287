//! The ingest run end to end: real clients, real sockets, a real database.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot prepare its desk has failed")]

#[path = "../support/mod.rs"]
mod support;

mod clock;
mod facets;
mod fallback;
mod faults;
mod first_fill;
mod interrupted;
mod keeping_up;
mod quality;
mod recorded;
