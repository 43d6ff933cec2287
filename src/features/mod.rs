//! The 179 features of a daily bar: what they are (`registry`), how their inputs are made (`bars`, `market`, `frame`,
//! `recursive`), one file a category, and the engine that computes them. Pure: no file, no database, no clock.
//!
//! Called by the feature step of a strategy's night, by the data-set step and by `nightdesk features` and `export`.

pub mod bars;
mod derived;
pub mod engine;
mod frame;
pub mod market;
mod market_structure;
mod missing;
mod momentum;
mod multi_timeframe;
pub mod nightly;
mod price_patterns;
mod ranges;
mod recursive;
pub mod registry;
mod statistical;
mod swings;
mod trend;
pub mod universe;
mod volatility;
mod volume;
pub mod window;

pub use missing::{Missing, missing};
pub use registry::{COUNT, Category, Feature, Memory, Needs, definition_hash, feature, registry};
