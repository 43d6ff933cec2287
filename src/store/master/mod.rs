//! `market_data.db`: candles, fundamentals, splits, dividends, metadata, sectors, the data-quality log and the state
//! of every series.
//!
//! One writer thread owns the only read-write connection; readers open the file with the read-only recipe. The
//! pipeline and the commands call this module; it knows nothing of sources, engine or console.

mod care;
mod digest;
mod findings;
mod lock;
mod names;
mod open;
mod read_pool;
mod reader;
pub(in crate::store) mod rows;
mod types;
mod writer;

/// Name of the master database in the data folder.
pub const DATABASE: &str = "market_data.db";

pub use care::{
    BACKUP_FOLDER, BackupReport, RestoreReport, VerifyReport, backup, check_digests, check_pages, copy_database, restore, restore_until,
    verify,
};
pub use lock::{FolderLock, Holder, Role, Seat};
pub use open::{APPLICATION_ID, VERSION};
pub use read_pool::ReadPool;
pub use reader::{
    Adjustment, Availability, CandleQuery, Candles, Coverage, DailyState, FundamentalColumns, IssueFilter, MonthDigest, Reader, Span,
};
pub use types::*;
pub use writer::{IssueReport, PageCheck, Writer, WriterOptions};

pub use super::StoreError;
pub(in crate::store) use care::{heed, replace};

use names::{facet_name, resolution_name, state_name, state_of};
