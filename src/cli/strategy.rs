//! How commands take the name of a strategy.

use std::fmt::Display;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::market::Strategy;

/// Reads `turbomode` or `slipstream`; help and refusals list both.
pub(super) fn parser() -> impl TypedValueParser<Value = Strategy> {
    PossibleValuesParser::new(Strategy::ALL.map(Strategy::name)).try_map(|name| name.parse::<Strategy>())
}

/// Reads the name of one of `all`; a refusal gives all of them.
pub(super) fn one_of<T: FromStr + Display>(text: &str, all: &[T]) -> Result<T, String> {
    let names = || all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    text.replace('-', "_").parse().map_err(|_| format!("one of {}", names()))
}
