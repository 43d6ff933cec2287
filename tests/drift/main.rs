//! Drift as other code sees it: which real features alarm, and which do not.

#![expect(clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

#[path = "../features/market.rs"]
#[expect(dead_code, reason = "the features' own tests use the rest")]
mod market;
mod real;
