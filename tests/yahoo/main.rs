//! Yahoo, both sides of the wire: the source and the simulator, joined by the real client crate over TLS.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first assumption that does not hold")]

mod desk;
mod faults;
mod recorded;
mod sim;
mod source;
