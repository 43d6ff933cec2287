//! `market_data.db`: candles, fundamentals, splits, dividends, metadata, sectors, the data-quality log and the state
//! of every series.
//!
//! One writer thread owns the only read-write connection; readers open the file with the read-only recipe. The
//! pipeline and the commands call this module; it knows nothing of sources, engine or console.

mod care;
mod digest;
mod error;
mod findings;
mod lock;
mod names;
mod open;
mod read_pool;
mod reader;
mod rows;
mod schema;
mod types;
mod writer;

pub use care::{
    BACKUP_FOLDER, BackupReport, RestoreReport, VerifyReport, backup, check_digests, check_pages, copy_database, restore, restore_until,
    verify,
};
pub use error::StoreError;
pub use lock::{FolderLock, Holder, Role, Seat};
pub use read_pool::ReadPool;
pub use reader::{Adjustment, Availability, CandleQuery, Candles, Coverage, FundamentalColumns, IssueFilter, Reader, Span};
pub use schema::{APPLICATION_ID, VERSION};
pub use types::*;
pub use writer::{IssueReport, PageCheck, Writer, WriterOptions};

use names::{facet_name, resolution_name, state_name, state_of};
