//! Which features there are, in which order, and what each means: read once from registry.csv, the definition table.
//!
//! Called by the engine, the stores of features and models, `nightdesk features` and the console.

use std::collections::HashMap;
use std::sync::LazyLock;

use xxhash_rust::xxh3::xxh3_64_with_seed;

/// How many features there are, and columns in every block of them.
pub const COUNT: usize = 179;

/// Raised whenever the engine gives other numbers for an unchanged definition table.
pub const ENGINE_VERSION: u64 = 2;

const TABLE: &str = include_str!("registry.csv");

/// What a feature looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, strum::Display, strum::EnumString, strum::EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Category {
    /// Speed of price changes.
    Momentum,
    /// Direction and its strength.
    Trend,
    /// Units traded, alone and beside price.
    Volume,
    /// Size of price changes.
    Volatility,
    /// Shape of bars, pivots and swings.
    PricePatterns,
    /// Moments, regressions and ratios of returns.
    Statistical,
    /// Place within longer ranges and within the universe.
    MarketStructure,
    /// Weeks, months and quarters made of the same days, and the market beside the symbol.
    MultiTimeframe,
    /// Made of other features.
    Derived,
}

/// How much of the past a value depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Memory {
    /// Exactly the last `lookback + 1` bars.
    Fir,
    /// Recursive: all bars since the first stored one, older ones ever less.
    Iir,
}

/// What a feature needs besides the symbol's own bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Needs {
    /// Nothing.
    None,
    /// The market's return of each day.
    Benchmark,
    /// The other symbols of the strategy.
    Universe,
}

/// One feature as registry.csv defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feature {
    /// Column in a block, from 0.
    pub index: usize,
    /// Name in tables, files and commands.
    pub name: String,
    /// What it looks at.
    pub category: Category,
    /// The exact formula: O, H, L, C, V are today's bar, `Cn` the close n bars ago; seeds and flat cases are part of it.
    pub definition: String,
    /// Index of the first bar, from 0, that has a value.
    pub lookback: usize,
    /// How much of the past it depends on.
    pub memory: Memory,
    /// What else it needs.
    pub needs: Needs,
    /// Whether units traded go into it, so that an unknown volume leaves it missing.
    pub reads_volume: bool,
    /// Library function or paper it follows; empty when it is our own.
    pub reference: String,
    /// Its numbers, as `n=14` and the like, separated by `;`.
    pub params: String,
}

static REGISTRY: LazyLock<Vec<Feature>> = LazyLock::new(|| parse(TABLE));

static BY_NAME: LazyLock<HashMap<&'static str, usize>> =
    LazyLock::new(|| REGISTRY.iter().map(|feature| (feature.name.as_str(), feature.index)).collect());

static HASH: LazyLock<String> = LazyLock::new(|| hash(TABLE, ENGINE_VERSION));

/// All features, in the order of the columns of a block.
pub fn registry() -> &'static [Feature] {
    &REGISTRY
}

/// The feature called `name`.
pub fn feature(name: &str) -> Option<&'static Feature> {
    BY_NAME.get(name).map(|&index| &REGISTRY[index])
}

/// Sixteen hex digits that change with any definition, their order, or [`ENGINE_VERSION`]. Stored beside every cached
/// value and every model: numbers under different hashes do not mix.
pub fn definition_hash() -> &'static str {
    &HASH
}

fn hash(table: &str, engine: u64) -> String {
    format!("{:016x}", xxh3_64_with_seed(table.as_bytes(), engine))
}

/// The features of a table with the columns category, name, definition, lookback, `scale_free`, reference, params.
fn parse(table: &str) -> Vec<Feature> {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    reader.records().filter_map(Result::ok).enumerate().filter_map(|(index, record)| row(index, &record)).collect()
}

fn row(index: usize, record: &csv::StringRecord) -> Option<Feature> {
    let category = record.get(0)?.parse().ok()?;
    let name = record.get(1)?.to_owned();
    let params = record.get(6)?;
    let has = |param: &str| params.split(';').any(|p| p.trim() == param);
    let needs = match (has("needs=bench"), has("needs=universe")) {
        (true, _) => Needs::Benchmark,
        (_, true) => Needs::Universe,
        _ => Needs::None,
    };
    Some(Feature {
        index,
        category,
        definition: record.get(2)?.to_owned(),
        lookback: record.get(3)?.parse().ok()?,
        memory: if has("mem=iir") { Memory::Iir } else { Memory::Fir },
        needs,
        reads_volume: category == Category::Volume || READS_VOLUME.contains(&name.as_str()),
        reference: record.get(5)?.to_owned(),
        params: params.to_owned(),
        name,
    })
}

/// Features of other categories than volume that units traded go into.
const READS_VOLUME: [&str; 5] = ["mfi_14", "amihud_ratio_21_126", "obv_divergence_20", "oscillator_agreement", "volume_confirmed_move"];

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn the_table_is_read_whole() {
        assert_eq!(registry().len(), COUNT);
        assert_eq!(BY_NAME.len(), COUNT, "names repeat");
        assert!(registry().iter().enumerate().all(|(i, f)| f.index == i));
        let sizes: Vec<_> = Category::iter().map(|c| registry().iter().filter(|f| f.category == c).count()).collect();
        assert_eq!(sizes, [20, 25, 20, 15, 25, 20, 15, 20, 19]);
        assert_eq!(registry().iter().filter(|f| f.memory == Memory::Iir).count(), 60);
        assert_eq!(registry().iter().map(|f| f.lookback).max(), Some(271));
        let needy = |needs| registry().iter().filter(|f| f.needs == needs).map(|f| f.name.as_str()).collect::<Vec<_>>();
        assert_eq!(needy(Needs::Benchmark), ["relative_strength_20", "beta_60", "market_corr_60", "idiosyncratic_vol_60"]);
        assert_eq!(needy(Needs::Universe), ["cs_rank_return_20"]);
        assert!(READS_VOLUME.iter().all(|name| feature(name).is_some_and(|f| f.reads_volume)));
    }

    #[test]
    fn the_hash_covers_the_text_and_the_engine() {
        assert_eq!((definition_hash().len(), definition_hash()), (16, hash(TABLE, ENGINE_VERSION).as_str()));
        let text = TABLE.replacen("EMA10(H-L)", "EMA11(H-L)", 1);
        let mut lines: Vec<&str> = TABLE.lines().collect();
        lines.swap(1, 2);
        for other in [hash(TABLE, ENGINE_VERSION + 1), hash(&text, ENGINE_VERSION), hash(&lines.join("\n"), ENGINE_VERSION)] {
            assert_ne!(definition_hash(), other);
        }
    }
}
