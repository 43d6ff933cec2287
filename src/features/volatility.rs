//! The columns of the category `volatility`: size of price changes. Read by the engine.

use super::frame::ColumnFn;

/// Name and column of each feature of the category.
pub(super) const COLUMNS: &[(&str, ColumnFn)] = &[];
