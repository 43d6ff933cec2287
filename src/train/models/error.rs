//! Why a model could not be fitted, loaded or asked.

use crate::config::strategy::ModelName;

/// Rows that no model can see.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum InputError {
    /// The number of values is not rows x width.
    #[error("the table has {values} values, which is no whole number of rows of {width}; the features were not written whole")]
    Ragged {
        /// Values.
        values: usize,
        /// Width that was said.
        width: usize,
    },
    /// Another number of columns than the model was made for.
    #[error("the rows have {found} columns and the model sees {wanted}; it belongs to another set of features")]
    Width {
        /// Columns of the rows.
        found: usize,
        /// Columns of the model.
        wanted: usize,
    },
    /// A value is NaN or infinite.
    #[error("value {at} of the {what} is not finite; a feature was not cleaned before it came to a model")]
    NotFinite {
        /// Table or series.
        what: &'static str,
        /// Index of the first.
        at: usize,
    },
    /// A row's window would begin before the series does.
    #[error("row {row} ends at bar {last} of {bars}, and a window of {window} sessions does not fit; leave such rows out")]
    Window {
        /// Row.
        row: usize,
        /// Its last bar.
        last: u32,
        /// Bars there are.
        bars: usize,
        /// Sessions of a window.
        window: usize,
    },
    /// Rows, classes and weights are not as many.
    #[error("{rows} rows come with {classes} classes and {weights} weights; they must be as many")]
    Lengths {
        /// Rows.
        rows: usize,
        /// Classes.
        classes: usize,
        /// Weights.
        weights: usize,
    },
    /// A weight is negative, NaN or infinite.
    #[error("weight {at} is {value}; weights of rows must be 0 or more")]
    Weight {
        /// Row.
        at: usize,
        /// What it is.
        value: f32,
    },
}

/// Why a fit gave no model.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FitError {
    /// Nothing to learn from.
    #[error("{0} has no rows to learn from")]
    NoRows(ModelName),
    /// The early-stop slice is empty.
    #[error("the early-stop slice of {0} has no rows; without one the number of epochs must be fixed")]
    NoSlice(ModelName),
    /// The rows are not what a model can see.
    #[error("{model} cannot learn from these rows: {error}")]
    Input {
        /// Which model.
        model: ModelName,
        /// Why.
        error: InputError,
    },
    /// The loss left the finite numbers.
    #[error("the loss of {model} became {loss} in epoch {epoch}; nothing was kept. A smaller ensemble.optimiser.learning_rate may help")]
    Diverged {
        /// Which model.
        model: ModelName,
        /// NaN, inf or -inf.
        loss: String,
        /// Epoch, from 1.
        epoch: u32,
    },
    /// The backend did not do what it was told.
    #[error("{model} could not be computed on {device}: {error}")]
    Backend {
        /// Which model.
        model: ModelName,
        /// Where.
        device: String,
        /// The backend's words.
        error: String,
    },
    /// Told to stop.
    #[error("the fit of {0} was stopped; nothing was kept of it")]
    Cancelled(ModelName),
}

/// Why a model gave no answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PredictError {
    /// The rows are not what the model sees.
    #[error("{model} cannot answer for these rows: {error}")]
    Input {
        /// Which model.
        model: ModelName,
        /// Why.
        error: InputError,
    },
    /// A probability is not finite.
    #[error("{model} gave no finite probability for row {row}; its weights or the backend are damaged, load it again or use the processor")]
    NotFinite {
        /// Which model.
        model: ModelName,
        /// First such row.
        row: usize,
    },
    /// The backend did not do what it was told.
    #[error("{model} could not be computed on {device}: {error}")]
    Backend {
        /// Which model.
        model: ModelName,
        /// Where.
        device: String,
        /// The backend's words.
        error: String,
    },
}

/// Why stored weights are no model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// Another number of tensors.
    #[error("{model} has {found} stored tensors and needs {wanted}; it was trained with other sizes, train it again")]
    Count {
        /// Which model.
        model: ModelName,
        /// Stored.
        found: usize,
        /// Of these sizes.
        wanted: usize,
    },
    /// Another name at this place.
    #[error("{model} has a tensor `{found}` where `{wanted}` belongs; the file is not of this model or was changed")]
    Name {
        /// Which model.
        model: ModelName,
        /// Stored.
        found: String,
        /// Of this place.
        wanted: String,
    },
    /// Another shape, or another number of values than the shape says.
    #[error("tensor `{name}` of {model} is {found} and must be {wanted}; it was trained with other sizes, train it again")]
    Shape {
        /// Which model.
        model: ModelName,
        /// Which tensor.
        name: String,
        /// Stored.
        found: String,
        /// Of these sizes.
        wanted: String,
    },
    /// A weight is NaN or infinite.
    #[error("value {at} of tensor `{name}` of {model} is not finite; the file is damaged, restore it or train again")]
    NotFinite {
        /// Which model.
        model: ModelName,
        /// Which tensor.
        name: String,
        /// Index of the first.
        at: usize,
    },
}
