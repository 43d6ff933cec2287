//! What a model learns from: outcomes of past decisions, the regime of each day, how much each row counts, and which
//! rows may teach which test.
//!
//! Everything here is a pure function of prices, dates and the rules of `config::strategy`. `dataset`
//! calls all of it; training calls [`sampling`] and [`splits`] for its folds; the settlement of live signals calls
//! [`barrier`], so that a signal is judged by the very rule its model was trained on.

pub mod barrier;
pub mod regime;
pub mod sampling;
pub mod splits;
pub mod weights;

use serde::{Deserialize, Serialize};

pub use barrier::{Barriers, Label, NoLabel, average_true_range};
pub use regime::regimes;
pub use weights::Span;

/// What a decision should have been. The order is the order of class columns everywhere: probabilities, shares,
/// confusion matrices.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, strum::Display, strum::EnumString, utoipa::ToSchema,
)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum Class {
    /// The lower barrier came first.
    Sell,
    /// Neither barrier was reached within the horizon.
    Hold,
    /// The upper barrier came first.
    Buy,
}

impl Class {
    /// How many there are.
    pub const COUNT: usize = 3;
    /// All, in column order.
    pub const ALL: [Self; Self::COUNT] = [Self::Sell, Self::Hold, Self::Buy];

    /// The column of this class.
    pub const fn index(self) -> usize {
        self as usize
    }
}
