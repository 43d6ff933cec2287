//! The databases. `master` is the market database every consumer reads and one writer thread writes; `scheduler` keeps
//! the jobs, their runs and what happened in them.

pub mod master;
pub mod scheduler;
