//! What models see of rows.

use std::sync::Arc;

use super::error::InputError;
use crate::labels::Class;

/// What models see of rows: features to the models of the table, windows to the others.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    /// Columns of the table.
    pub width: usize,
    /// Features, rows x width, winsorised, z-scored and finite; may be empty for models on windows. Shared, because refits on
    /// other labels see the same rows.
    pub table: Arc<Vec<f32>>,
    /// Near-raw channels of bars; may be empty for models of the table.
    pub windows: Windows,
}

/// Windows of the channels of bars, cut only when a step needs them: 200,000 windows of 32 x 32 would take 800 MB.
///
/// Symbols lie one behind the other in `series`. The caller sees to it that each row's window lies within its own symbol:
/// `last` is at least `window_sessions - 1` bars after the symbol's first. Rows without a whole window are left out.
#[derive(Clone, Debug, Default)]
pub struct Windows {
    /// Channels of a bar.
    pub channels: usize,
    /// Bars x channels, oldest first within a symbol, finite.
    pub series: Arc<Vec<f32>>,
    /// For each row the index of its last bar in `series`.
    pub last: Vec<u32>,
}

/// Rows whose outcome is known.
#[derive(Clone, Debug, Default)]
pub struct Examples {
    /// What models see.
    pub inputs: Inputs,
    /// What came of each row.
    pub class: Vec<Class>,
    /// How much each row counts, with a mean near 1.
    pub weight: Vec<f32>,
}

impl Inputs {
    /// Rows, as models of the table (`window` = `None`) or on windows see them.
    pub(super) fn rows(&self, window: Option<usize>) -> usize {
        match window {
            Some(_) => self.windows.last.len(),
            None => self.table.len().checked_div(self.width).unwrap_or(0),
        }
    }

    /// Whether a model that sees `columns`, in windows of so many sessions or in the table, can see these rows.
    pub(super) fn check(&self, columns: usize, window: Option<usize>) -> Result<(), InputError> {
        let (what, found, values) = match window {
            Some(_) => ("series", self.windows.channels, self.windows.series.as_slice()),
            None => ("table", self.width, self.table.as_slice()),
        };
        if found != columns {
            return Err(InputError::Width { found, wanted: columns });
        }
        if !values.len().is_multiple_of(found.max(1)) {
            return Err(InputError::Ragged { values: values.len(), width: found });
        }
        if let Some(at) = values.iter().position(|v| !v.is_finite()) {
            return Err(InputError::NotFinite { what, at });
        }
        let (Some(window), bars) = (window, values.len() / found.max(1)) else { return Ok(()) };
        let fits = |last: u32| (last as usize) < bars && last as usize + 1 >= window;
        match self.windows.last.iter().enumerate().find(|(_, last)| !fits(**last)) {
            Some((row, &last)) => Err(InputError::Window { row, last, bars, window }),
            None => Ok(()),
        }
    }
}

impl Examples {
    /// Whether each of the rows has a class and a weight.
    pub(super) fn check(&self, columns: usize, window: Option<usize>) -> Result<(), InputError> {
        self.inputs.check(columns, window)?;
        let (rows, classes, weights) = (self.inputs.rows(window), self.class.len(), self.weight.len());
        if rows != classes || rows != weights {
            return Err(InputError::Lengths { rows, classes, weights });
        }
        match self.weight.iter().enumerate().find(|(_, w)| !w.is_finite() || **w < 0.0) {
            Some((at, &value)) => Err(InputError::Weight { at, value }),
            None => Ok(()),
        }
    }
}
