//! The columns of the category `derived`: features made of other features. Read by the engine.

use super::frame::ColumnFn;

/// Name and column of each feature of the category.
pub(super) const COLUMNS: &[(&str, ColumnFn)] = &[];
