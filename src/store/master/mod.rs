//! `market_data.db`: candles, fundamentals, splits, dividends, metadata, sectors, the data-quality log and the state
//! of every series.
//!
//! One [`writer`] thread owns the only read-write connection; readers open the file with the read-only recipe. The
//! pipeline and the commands call this module; it knows nothing of sources, engine or console.

mod types;

pub use types::*;
