//! The features as other code sees them: the golden sample on real data, and what holds for any prices.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

mod golden;
mod market;
mod properties;
mod real;
