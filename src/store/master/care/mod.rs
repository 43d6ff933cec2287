//! Looking after the file: `nightdesk verify`, `backup` and `restore`. All block; call them from a blocking task.

mod backup;
mod verify;

pub use backup::{BackupReport, RestoreReport, backup, restore};
pub use verify::{VerifyReport, verify};
