//! The databases. `master` is the market database every consumer reads and one writer thread writes.

pub mod master;
