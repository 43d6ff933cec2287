//! Loads a strategy's rules: the shipped file, the user's file, the environment, by the checker of the settings.

use std::collections::BTreeMap;
use std::path::Path;

use schemars::generate::SchemaSettings;
use serde::Deserialize;
use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::{StrategySettings, rules};
use crate::config::Origin;
use crate::config::gather::{self, Gathered, Subject, Variable, gather};
use crate::config::load::contradiction;
use crate::config::problem::{Place, Problem};
use crate::market::{Strategy, Universe};

/// The rules of one strategy that hold now.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    /// The rules.
    pub settings: StrategySettings,
    /// Where each key's value came from, by dotted path.
    pub origins: BTreeMap<String, Origin>,
}

/// The rules of both strategies.
#[derive(Clone, Debug, PartialEq)]
pub struct Strategies {
    turbomode: Rules,
    slipstream: Rules,
}

impl Strategies {
    /// The rules of `strategy`.
    pub const fn get(&self, strategy: Strategy) -> &Rules {
        match strategy {
            Strategy::Turbomode => &self.turbomode,
            Strategy::Slipstream => &self.slipstream,
        }
    }

    /// Checks the rules between keys and puts both strategies together; `None` when one could not be read at all.
    pub(in crate::config) fn new(layers: [Layers; 2], universe: &Universe, problems: &mut Vec<Problem>) -> Option<Self> {
        let [turbomode, slipstream] = layers.map(|l| l.finish(universe, problems));
        Some(Self { turbomode: turbomode?, slipstream: slipstream? })
    }
}

impl StrategySettings {
    /// Every key by dotted path with its value, as a TOML file would list them.
    pub fn leaves(&self) -> Vec<(String, Value)> {
        gather::leaves(self)
    }

    /// Hash of all rules, 16 hexadecimal digits: equal if and only if every key has the same value.
    pub fn hash(&self) -> String {
        self.hash_of(|_| true)
    }

    /// Hash of the rules that make a row what it is beside the definitions of its features: its label, its regime, and
    /// the prices and the market they are made of.
    pub fn row_hash(&self) -> String {
        let parts = ["validation.label.", "regime_labeling.", "features.sources", "features.benchmark"];
        self.hash_of(|key| parts.iter().any(|part| key.starts_with(part)))
    }

    fn hash_of(&self, counts: impl Fn(&str) -> bool) -> String {
        let leaves = self.leaves().into_iter().filter(|(k, _)| counts(k)).map(|(k, v)| format!("{k}={v}\n"));
        format!("{:016x}", xxh3_64(leaves.collect::<String>().as_bytes()))
    }
}

/// The schema of `turbomode.toml` and `slipstream.toml`, draft 2020-12, without references. No key is required, because
/// a file holds only what differs from the shipped one.
pub fn strategy_schema() -> Value {
    let generator = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true).into_generator();
    let mut schema = generator.into_root_schema_for::<StrategySettings>().to_value();
    free(&mut schema);
    schema
}

fn free(node: &mut Value) {
    if let Value::Object(map) = node {
        map.remove("required");
        map.values_mut().for_each(free);
    }
}

/// What all layers say about a strategy.
pub(in crate::config) struct Layers {
    strategy: Strategy,
    shipped: Result<StrategySettings, String>,
    found: Gathered,
}

/// Reads the layers over the shipped rules.
pub(in crate::config) fn layers(strategy: Strategy, dir: Option<&Path>, env: Vec<Variable>) -> Layers {
    let shipped = StrategySettings::shipped(strategy).map_err(|e| e.to_string());
    let file = dir.map(|d| d.join(strategy.config_file())).filter(|f| f.exists());
    let schema = if file.is_some() || !env.is_empty() { strategy_schema() } else { Value::Null };
    let subject = Subject {
        schema: &schema,
        base: shipped.as_ref().ok().and_then(|s| serde_json::to_value(s).ok()).unwrap_or_default(),
        accepts: |tree| StrategySettings::deserialize(tree).map(drop).map_err(|e| e.to_string()),
        others: &[],
    };
    let found = gather(&subject, file.as_deref(), env, Vec::new());
    Layers { strategy, shipped, found }
}

impl Layers {
    fn finish(mut self, universe: &Universe, problems: &mut Vec<Problem>) -> Option<Rules> {
        problems.append(&mut self.found.problems);
        let shipped = match self.shipped {
            Ok(s) => s,
            Err(e) => {
                problems.push(Problem::new(Place::Unknown, format!("the shipped rules of {} are broken: {e}", self.strategy), ""));
                return None;
            }
        };
        let tree = serde_json::to_value(&shipped).map(|t| self.found.over(t));
        match tree.and_then(StrategySettings::deserialize) {
            Ok(settings) => {
                problems.extend(rules::check(self.strategy, &settings, universe, &self.found));
                Some(Rules { origins: self.found.origins_of(&settings), settings })
            }
            Err(e) => {
                problems.push(contradiction(&e));
                None
            }
        }
    }
}
