//! The columns of the category `trend`: direction and its strength. Read by the engine.

use super::frame::ColumnFn;

/// Name and column of each feature of the category.
pub(super) const COLUMNS: &[(&str, ColumnFn)] = &[];
