//! Simulators: a deterministic market, and gateways that serve it over the vendors' real protocols on loopback.
//!
//! `cli` starts them for `nightdesk sim` and `--demo`, and the tests talk to them with the real client crates. No
//! production path depends on this house.

mod clock;
pub mod demo;
pub mod faults;
mod feed;
pub mod ib;
pub mod market;
pub mod replay;
pub mod yahoo;

pub use clock::OffsetClock;
pub use faults::{Fault, FaultName, Faults};
pub use feed::MarketFeed;
pub use market::Generator;
pub use replay::{Replay, ReplayError};
