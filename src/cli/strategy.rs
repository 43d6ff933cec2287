//! How commands take the name of a strategy.

use std::fmt::Display;
use std::str::FromStr;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::Failure;
use crate::market::Strategy;

/// Reads `turbomode` or `slipstream`; help and refusals list both.
pub(super) fn parser() -> impl TypedValueParser<Value = Strategy> {
    PossibleValuesParser::new(Strategy::ALL.map(Strategy::name)).try_map(|name| name.parse::<Strategy>())
}

/// The strategy that was named, or the only one of which something is so; of none, the first, which then says why not.
pub(super) fn only(named: Option<Strategy>, what: &str, is: impl Fn(Strategy) -> Result<bool, Failure>) -> Result<Strategy, Failure> {
    if let Some(strategy) = named {
        return Ok(strategy);
    }
    let [first, second] = Strategy::ALL;
    match (is(first)?, is(second)?) {
        (true, true) => Err(Failure::usage(format!("both strategies {what}")).next("name one with --strategy")),
        (false, true) => Ok(second),
        _ => Ok(first),
    }
}

/// Reads the name of one of `all`; a refusal gives all of them.
pub(super) fn one_of<T: FromStr + Display>(text: &str, all: &[T]) -> Result<T, String> {
    let names = || all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    text.replace('-', "_").parse().map_err(|_| format!("one of {}", names()))
}
