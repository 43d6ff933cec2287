//! Puts changes of the training rules on record, in the database of the strategy they rule.
//!
//! Whoever opens a strategy's database to work does it through [`open_to_work`], so that no feature, label or model is
//! made by rules that nobody can name afterwards. `config audit` reads what it wrote.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;

use crate::config::StrategySettings;
use crate::market::{Clock, Strategy};
use crate::store::StoreError;
use crate::store::model::{ConfigChange, ModelDb};

/// The key that must change with any other.
pub const VERSION_KEY: &str = "metadata.version";

/// What was put on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The rules are those of the last time.
    Nothing,
    /// These are the first rules of this database.
    First {
        /// How many have a value.
        rules: usize,
    },
    /// Rules differ from those of the last time.
    Changed {
        /// Dotted keys.
        keys: Vec<String>,
        /// Whether `metadata.version` is among them, as it should be.
        versioned: bool,
    },
}

/// Opens, or makes, the database of `strategy` in `data_dir`, and puts the rules that changed since it was last opened to
/// work on record. A change without a new version is pointed out in the log, which commands show.
pub fn open_to_work(
    data_dir: &Path,
    strategy: Strategy,
    rules: &StrategySettings,
    demo: bool,
    clock: Arc<dyn Clock>,
) -> Result<ModelDb, StoreError> {
    let at = clock.now();
    let mut db = ModelDb::open(&data_dir.join(strategy.database_file()), strategy, demo, clock)?;
    let version = rules.metadata.version;
    match put_on_record(&mut db, strategy, rules, at)? {
        Recorded::Nothing => {}
        Recorded::First { rules } => {
            tracing::info!(target: "store", %strategy, version, rules, "Training rules recorded for the first time");
        }
        Recorded::Changed { keys, versioned: true } => {
            tracing::info!(target: "store", %strategy, version, keys = keys.join(", "), "Training rules changed");
        }
        Recorded::Changed { keys, versioned: false } => tracing::warn!(
            target: "store", %strategy, version, keys = keys.join(", "),
            "Training rules changed, but metadata.version did not; raise it and add a line to the changelog"
        ),
    }
    Ok(db)
}

/// Records each key whose value is another one than last recorded, at `at` (UTC seconds).
pub fn put_on_record(db: &mut ModelDb, strategy: Strategy, rules: &StrategySettings, at: i64) -> Result<Recorded, StoreError> {
    let file = strategy.config_file();
    let mut known = db.reader().config_in_force(file)?;
    let first = known.is_empty();
    let version = rules.metadata.version.to_string();
    let change = |key: String, old, new| ConfigChange { at, file: file.to_owned(), key, old, new, version: version.clone() };
    let mut changes = Vec::new();
    for (key, value) in values(rules) {
        let old = known.remove(&key);
        if old.as_ref() != Some(&value) {
            changes.push(change(key, old, Some(value)));
        }
    }
    changes.extend(known.into_iter().map(|(key, old)| change(key, Some(old), None)));
    db.audit(&changes)?;
    Ok(match changes.len() {
        0 => Recorded::Nothing,
        rules if first => Recorded::First { rules },
        _ => Recorded::Changed {
            versioned: changes.iter().any(|c| c.key == VERSION_KEY),
            keys: changes.into_iter().map(|c| c.key).collect(),
        },
    })
}

/// Every key that has a value, with the value as JSON.
fn values(rules: &StrategySettings) -> BTreeMap<String, String> {
    rules.leaves().into_iter().filter(|(_, v)| *v != Value::Null).map(|(k, v)| (k, v.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::ManualClock;

    fn open(dir: &Path, rules: &StrategySettings, at: i64) -> Vec<ConfigChange> {
        let db = open_to_work(dir, Strategy::Turbomode, rules, false, ManualClock::at(at)).unwrap();
        let changes = db.reader().config_changes(usize::MAX).unwrap();
        db.close().unwrap();
        changes
    }

    #[test]
    fn each_change_is_recorded_once_with_old_new_time_and_version() {
        let dir = tempfile::tempdir().unwrap();
        let mut rules = StrategySettings::shipped(Strategy::Turbomode).unwrap();
        let first = open(dir.path(), &rules, 1000);
        assert_eq!(first.len(), rules.leaves().len() - 1, "all but the benchmark, which has no value");
        assert!(first.iter().all(|c| c.old.is_none() && c.new.is_some() && c.at == 1000));
        assert_eq!(open(dir.path(), &rules, 2000).len(), first.len(), "nothing changed");
        rules.validation.label.atr_multiple = 2.5;
        rules.metadata.version = 2;
        rules.features.benchmark = "AAPL".parse().ok();
        let second = open(dir.path(), &rules, 3000);
        let new: Vec<_> =
            second[..second.len() - first.len()].iter().map(|c| (c.key.as_str(), c.old.as_deref(), c.new.as_deref())).collect();
        let multiple = ("validation.label.atr_multiple", Some("2.0"), Some("2.5"));
        assert_eq!(new, [multiple, (VERSION_KEY, Some("1"), Some("2")), ("features.benchmark", None, Some("\"AAPL\""))]);
        assert_eq!((second[0].at, second[0].file.as_str(), second[0].version.as_str()), (3000, "turbomode.toml", "2"));
        rules.features.benchmark = None;
        assert_eq!(open(dir.path(), &rules, 4000)[0].new, None, "a key that lost its value");
    }

    #[test]
    fn a_change_without_a_new_version_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("turbomode.db");
        let mut db = ModelDb::open(&path, Strategy::Turbomode, false, ManualClock::at(1)).unwrap();
        let mut rules = StrategySettings::shipped(Strategy::Turbomode).unwrap();
        let mut record = |rules: &StrategySettings| put_on_record(&mut db, Strategy::Turbomode, rules, 1).unwrap();
        assert_eq!(record(&rules), Recorded::First { rules: rules.leaves().len() - 1 });
        assert_eq!(record(&rules), Recorded::Nothing);
        rules.promotion_gates.g6_min_recall = 0.2;
        assert_eq!(record(&rules), Recorded::Changed { keys: vec!["promotion_gates.g6_min_recall".into()], versioned: false });
        rules.promotion_gates.g6_min_recall = 0.25;
        rules.metadata.version = 2;
        assert!(matches!(record(&rules), Recorded::Changed { versioned: true, .. }));
    }
}
