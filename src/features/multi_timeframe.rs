//! The columns of the category `multi_timeframe`: weeks, months and quarters, and the market beside the symbol. Read by the engine.

use super::frame::ColumnFn;

/// Name and column of each feature of the category.
pub(super) const COLUMNS: &[(&str, ColumnFn)] = &[];
