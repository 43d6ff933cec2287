//! How commands take the name of a strategy.

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::market::Strategy;

/// Reads `turbomode` or `slipstream`; help and refusals list both.
pub(super) fn parser() -> impl TypedValueParser<Value = Strategy> {
    PossibleValuesParser::new(Strategy::ALL.map(Strategy::name)).try_map(|name| name.parse::<Strategy>())
}
