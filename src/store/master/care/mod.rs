//! Looking after the file: `nightdesk verify`, `backup` and `restore`, and what the maintenance job is made of. All
//! block; call them from a blocking task.

mod backup;
mod verify;

pub use backup::{BACKUP_FOLDER, BackupReport, RestoreReport, backup, copy_database, restore, restore_until};
pub use verify::{VerifyReport, check_digests, check_pages, verify};

pub(in crate::store) use backup::replace;
pub(in crate::store) use verify::heed;
pub(super) use verify::problems;
