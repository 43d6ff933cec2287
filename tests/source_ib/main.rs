//! The IB source and the hybrid against the simulators, over real sockets.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first assumption that does not hold")]

mod desk;
mod faults;
mod hybrid;
mod serving;
