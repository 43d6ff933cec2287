//! The databases. `master` is the market database every consumer reads and one writer thread writes; `model` is the
//! private one of each strategy; `scheduler` keeps the jobs, their runs and what happened in them.

mod error;
mod file;
pub mod master;
pub mod model;
pub mod scheduler;
mod schema;

pub use error::StoreError;
