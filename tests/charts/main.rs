//! Charts: how they look, that any numbers at all can be drawn, and what is said where there is nothing to draw.
#![expect(clippy::unwrap_used, reason = "a test helper that cannot prepare its data has failed its test")]

mod drawings;
mod odd;
mod samples;
