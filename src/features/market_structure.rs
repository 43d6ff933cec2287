//! The columns of the category `market_structure`: place within longer ranges and within the universe. Read by the engine.

use super::frame::ColumnFn;

/// Name and column of each feature of the category.
pub(super) const COLUMNS: &[(&str, ColumnFn)] = &[];
