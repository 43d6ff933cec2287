//! `nightdesk features`: what models see.

pub(super) mod build;
mod check;
mod explain;
mod list;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use strum::IntoEnumIterator;

use super::{Common, Context, Exit, Failure, strategy};
use crate::config::nearest;
use crate::features::{Category, Feature, Memory, Needs};
use crate::market::{Strategy, Symbol};

/// List, explain, build or check the features that models see
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all features with category, lookback and what they need
    List {
        /// Only momentum, trend, volume, volatility, `price_patterns`, statistical, `market_structure`, `multi_timeframe` or derived
        #[arg(long, value_name = "C", value_parser = category)]
        category: Option<Category>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Tell how a feature is defined, what it depends on, and its last value of each symbol
    Explain {
        /// Name of the feature
        name: String,
        /// Only the last value of this symbol
        #[arg(long, value_name = "S")]
        symbol: Option<Symbol>,
        /// Whose values
        #[arg(long, value_name = "S", value_parser = strategy::parser(), default_value = "turbomode")]
        strategy: Strategy,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Bring the stored features up to date with the stored daily bars
    ///
    /// Computes the new rows only, unless something older has changed; the outcome is the same to the last bit.
    Build {
        #[command(flatten)]
        of: OfStrategy,
        /// Rely on nothing that is stored: compute everything
        #[arg(long)]
        whole: bool,
    },
    /// Compute everything anew, compare it with the stored features bit for bit, and see whether any feature looks ahead
    ///
    /// Exit code: 0 all is well, 1 a value differs or looks ahead, 3 the stored features are behind the daily bars.
    Check {
        #[command(flatten)]
        of: OfStrategy,
        /// Only these symbols
        #[arg(long, value_name = "S,..", value_delimiter = ',')]
        symbols: Vec<Symbol>,
    },
}

#[derive(Debug, Args)]
struct OfStrategy {
    /// Whose features
    #[arg(long, value_name = "S", value_parser = strategy::parser(), default_value = "turbomode")]
    strategy: Strategy,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) const fn json(&self) -> bool {
        match self.command {
            Command::List { json, .. } | Command::Explain { json, .. } => json,
            Command::Build { ref of, .. } | Command::Check { ref of, .. } => of.json,
        }
    }
}

pub(super) fn run(arguments: &Arguments, common: &Common) -> Result<Exit, Failure> {
    match &arguments.command {
        Command::List { category, json } => list::run(*category, *json)?,
        Command::Explain { name, symbol, strategy, json } => explain::run(name, *symbol, *strategy, *json, &Context::load(common)?)?,
        Command::Build { of, whole } => build::run(of, *whole, &Context::load(common)?)?,
        Command::Check { of, symbols } => return check::run(of, symbols, &Context::load(common)?),
    }
    Ok(Exit::Done)
}

/// Reads a category.
fn category(text: &str) -> Result<Category, String> {
    text.parse().map_err(|_| {
        let names: Vec<String> = Category::iter().map(|c| c.to_string()).collect();
        let near = nearest(text, names.iter().map(String::as_str)).map(|n| format!("; did you mean {n}?")).unwrap_or_default();
        format!("not one of {}{near}", names.join(", "))
    })
}

/// What a feature depends on besides its bars, in words.
const fn needs(feature: &Feature) -> &'static str {
    match feature.needs {
        Needs::None => "the symbol's own bars",
        Needs::Benchmark => "the market's return of each day, beside the symbol's own bars",
        Needs::Universe => "at least five symbols of the strategy on that day",
    }
}

const fn memory(feature: &Feature) -> &'static str {
    match feature.memory {
        Memory::Fir => "a window: no bar before it has any part in the value",
        Memory::Iir => "recursive: every bar since the first stored one, older ones ever less",
    }
}

fn as_json(feature: &Feature) -> Value {
    json!({
        "index": feature.index, "name": feature.name, "category": feature.category.to_string(), "definition": feature.definition,
        "lookback": feature.lookback, "memory": feature.memory.to_string(), "needs": feature.needs.to_string(),
        "reads_volume": feature.reads_volume, "reference": feature.reference, "params": feature.params,
    })
}
