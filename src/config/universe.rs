//! The universe file: one table a sector, one line an instrument.

use std::collections::BTreeMap;

use super::layer::{self, Shape, Text};
use super::problem::Problem;
use super::suggest::nearest;
use crate::market::{AssetClass, Instrument, Symbol, Universe};

/// The shipped universe.
pub const SHIPPED_UNIVERSE: &str = include_str!("../../config/universe.toml");

/// The eleven GICS sectors, and the one of crypto pairs.
pub const SECTORS: [&str; 12] = [
    "Communication Services",
    "Consumer Discretionary",
    "Consumer Staples",
    "Energy",
    "Financials",
    "Health Care",
    "Industrials",
    "Information Technology",
    "Materials",
    "Real Estate",
    "Utilities",
    CRYPTO,
];

const CRYPTO: &str = "Crypto";

/// Reads a universe; every mistake becomes a problem, and the good lines are returned.
pub(super) fn parse(text: &Text, toml: &str, problems: &mut Vec<Problem>) -> Universe {
    let before = problems.len();
    let root = layer::document(text, toml, problems);
    let Shape::Table(sectors) = root.shape else { return Universe::default() };
    let mut instruments = Vec::new();
    let mut seen: BTreeMap<Symbol, String> = BTreeMap::new();
    for (sector, span, table) in sectors {
        if !SECTORS.contains(&sector.as_str()) {
            let help = nearest(&sector, SECTORS).map(|s| format!("did you mean {s:?}?"));
            problems.push(
                Problem::new(text.place(&span), format!("{sector:?} is not a sector"), "unknown").accepted(SECTORS.join(", ")).help(help),
            );
        }
        let Shape::Table(lines) = &table.shape else {
            let title = format!("{sector:?} must be a table of instruments");
            problems.push(Problem::new(text.place(&table.span), title, "not a table").accepted("lines such as AAPL = \"Apple\""));
            continue;
        };
        for (key, span, name) in lines {
            match instrument(key, &sector, name) {
                Ok(i) => match seen.insert(i.symbol, sector.clone()) {
                    None => instruments.push(i),
                    Some(other) => {
                        let title = format!("{key} is in the universe twice: it is already under {other:?}");
                        problems.push(Problem::new(text.place(span), title, "again"));
                    }
                },
                Err((title, accepted)) => problems.push(Problem::new(text.place(span), title, "refused").accepted(accepted)),
            }
        }
    }
    if instruments.is_empty() && problems.len() == before {
        problems.push(Problem::new(text.place(&(0..0)), "the universe is empty", "nothing to keep fresh"));
    }
    Universe { instruments }
}

fn instrument(key: &str, sector: &str, name: &layer::Node) -> Result<Instrument, (String, &'static str)> {
    let asset = if sector == CRYPTO { AssetClass::Crypto } else { AssetClass::Stock };
    let Some(text) = name.value.as_str().filter(|n| !n.trim().is_empty()) else {
        // `BRK.B = ".."` is a table to TOML, so the commonest slip arrives here.
        let title = if matches!(name.shape, Shape::Table(_)) {
            format!("{key} has a dot in its symbol; Yahoo's spelling has a dash")
        } else {
            format!("the name of {key} cannot be {}", name.what())
        };
        return Err((title, "SYMBOL = \"Name\", such as BRK-B = \"Berkshire Hathaway\""));
    };
    let symbol = Symbol::new(key).map_err(|e| (e.to_string(), "Yahoo's spelling, such as BRK-B or BTC-USD"))?;
    if symbol.as_str() != key {
        return Err((format!("{key:?} must be upper case"), "Yahoo's spelling, such as BRK-B or BTC-USD"));
    }
    if asset == AssetClass::Crypto && !key.ends_with("-USD") {
        return Err((format!("{key} is not a crypto pair against the dollar"), "pairs such as BTC-USD"));
    }
    Ok(Instrument { symbol, asset, sector: sector.to_owned(), name: text.to_owned() })
}
