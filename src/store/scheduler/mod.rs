//! `scheduler.db`: jobs, runs, run events and the audit of the configuration. The engine calls it; consumers of market
//! data never need it.

mod types;

pub use types::*;
