//! The 25 data-quality checks: what they find, how bad it is, and which bars a finding hides.
//!
//! Three entry points, all pure: [`screen`] on bars as received, before they are written; [`review`] on a stored
//! history, after writing; [`compare`] between two versions, two sources, two timeframes or the whole universe. The
//! pipeline calls them and hands their issues to the store's writer, which logs them and closes those of the same checks
//! ([`checks_of`]) that are no longer found. Nothing here ever changes a price. docs/data-quality.md explains every rule; its table comes from
//! [`CHECKS`].

mod census;
pub mod compare;
mod facts;
mod faults;
mod measures;
mod registry;
mod review;
mod screen;

pub use census::{BAD_DATE, Census, census};
pub use registry::{CHECKS, Check, Stage, check_table, checks_of};
pub use review::{Basis, Behind, Input, VENDOR_DELAY, behind, review};
pub use screen::{Context, Screened, screen};
