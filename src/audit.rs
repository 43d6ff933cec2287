//! Puts changes of the training rules on record, in the database of the strategy they rule.
//!
//! Whoever opens a strategy's database to work does it through [`open_to_work`], so that no feature, label or model is
//! made by rules that nobody can name afterwards. `config audit` reads what it wrote.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::config::StrategySettings;
use crate::market::{Clock, Strategy};
use crate::store::StoreError;
use crate::store::model::{ConfigChange, ModelDb};

/// The key that must change with any other.
pub const VERSION_KEY: &str = "metadata.version";

/// Rules that were recorded together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When, UTC seconds.
    pub at: i64,
    /// The version that the rules had then.
    pub version: String,
    /// What differs from the record before.
    pub changes: Vec<ConfigChange>,
    /// Keys that came with a newer program, at their shipped value, or went with an older one's.
    pub upgraded: Vec<ConfigChange>,
    /// Whether the version tells of it.
    pub verdict: Verdict,
}

/// Whether the version of rules tells of their change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// These are the first rules of their database.
    First,
    /// The version was raised, to one that no other rules have had.
    Raised,
    /// It was not.
    NotRaised,
    /// Nobody changed a rule; the program did.
    Upgraded,
}

/// All records of a strategy, oldest first, from its `changes` in the order in which they were recorded.
pub fn records(strategy: Strategy, changes: &[ConfigChange]) -> Vec<Record> {
    let mut out = Vec::new();
    let mut begin = 0;
    for of in changes.chunk_by(together) {
        out.extend(judged(strategy, &changes[..begin], of));
        begin += of.len();
    }
    out
}

fn together(a: &ConfigChange, b: &ConfigChange) -> bool {
    (a.at, &a.version) == (b.at, &b.version)
}

/// The record of `changes`, which follow those `before`; `None` without any.
fn judged(strategy: Strategy, before: &[ConfigChange], changes: &[ConfigChange]) -> Option<Record> {
    let (at, version) = changes.first().map(|c| (c.at, c.version.clone()))?;
    if before.is_empty() {
        return Some(Record { at, version, changes: changes.to_vec(), upgraded: Vec::new(), verdict: Verdict::First });
    }
    let leaves = StrategySettings::shipped(strategy).map(|s| s.leaves()).unwrap_or_default();
    let shipped: BTreeMap<String, String> = leaves.into_iter().map(|(key, value)| (key, value.to_string())).collect();
    let by_program = |c: &&ConfigChange| match (&c.old, &c.new) {
        (None, Some(new)) => shipped.get(&c.key) == Some(new),
        (Some(_), None) => !shipped.contains_key(&c.key),
        _ => false,
    };
    let (upgraded, by_hand): (Vec<&ConfigChange>, Vec<&ConfigChange>) = changes.iter().partition(by_program);
    let verdict = match by_hand.iter().find(|c| c.key == VERSION_KEY) {
        _ if by_hand.is_empty() => Verdict::Upgraded,
        Some(c) if is_more(c) && !had_others(&version, before, changes) => Verdict::Raised,
        _ => Verdict::NotRaised,
    };
    let owned = |of: Vec<&ConfigChange>| of.into_iter().cloned().collect();
    Some(Record { at, version, changes: owned(by_hand), upgraded: owned(upgraded), verdict })
}

fn is_more(change: &ConfigChange) -> bool {
    let number = |v: &Option<String>| v.as_ref().and_then(|v| v.parse::<u64>().ok());
    number(&change.new) > number(&change.old)
}

/// Whether `version` once stood for other rules than those that `changes` lead to.
fn had_others(version: &str, before: &[ConfigChange], changes: &[ConfigChange]) -> bool {
    let mut rules: BTreeMap<&str, Option<&str>> = BTreeMap::new();
    let mut had = Vec::new();
    for of in before.chunk_by(together).chain([changes]) {
        rules.extend(of.iter().map(|c| (c.key.as_str(), c.new.as_deref())));
        rules.retain(|_, value| value.is_some());
        if of.iter().any(|c| c.version == version) {
            had.push(rules.clone());
        }
    }
    had.iter().any(|then| *then != rules)
}

/// A strategy's database that somebody wants to work on for a moment.
pub struct Work<'a> {
    /// Folder of the databases.
    pub data_dir: &'a Path,
    /// Whose.
    pub strategy: Strategy,
    /// The rules in force.
    pub rules: &'a StrategySettings,
    /// Data come from simulators.
    pub demo: bool,
    /// Time.
    pub clock: &'a Arc<dyn Clock>,
}

impl Work<'_> {
    /// Opens the database as [`open_to_work`] does, waiting up to `patience` for whoever has it unless `stop` comes first, and
    /// closes it when the work is done.
    pub fn within<T, E: From<StoreError>>(
        &self,
        patience: Duration,
        stop: &CancellationToken,
        work: impl FnOnce(&mut ModelDb) -> Result<T, E>,
    ) -> Result<T, E> {
        let open = || open_to_work(self.data_dir, self.strategy, self.rules, self.demo, Arc::clone(self.clock));
        ModelDb::when_free(open, self.clock.as_ref(), (patience, stop), work)
    }
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
    let Some(record) = put_on_record(&mut db, strategy, rules, at)? else { return Ok(db) };
    let names = |of: &[ConfigChange]| of.iter().map(|c| c.key.as_str()).collect::<Vec<_>>().join(", ");
    let (version, keys) = (record.version, names(&record.changes));
    if !record.upgraded.is_empty() {
        let keys = names(&record.upgraded);
        tracing::info!(target: "store", %strategy, version, keys, "Training rules came or went with this version of Nightdesk");
    }
    match record.verdict {
        Verdict::First => {
            tracing::info!(target: "store", %strategy, version, rules = record.changes.len(), "Training rules recorded for the first time");
        }
        Verdict::Raised => tracing::info!(target: "store", %strategy, version, keys, "Training rules changed"),
        Verdict::NotRaised => tracing::warn!(
            target: "store", %strategy, version, keys,
            "Training rules changed, but metadata.version is not a new one above the last; raise it and add a line to the changelog"
        ),
        Verdict::Upgraded => {}
    }
    Ok(db)
}

/// Records each key whose value is another one than last recorded, at `at` (UTC seconds); `None` where nothing changed.
pub fn put_on_record(db: &mut ModelDb, strategy: Strategy, rules: &StrategySettings, at: i64) -> Result<Option<Record>, StoreError> {
    let file = strategy.config_file();
    let mut known = db.reader().config_in_force(file)?;
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
    if changes.is_empty() {
        return Ok(None);
    }
    let mut before = db.reader().config_changes(usize::MAX)?;
    before.reverse();
    db.audit(&changes)?;
    Ok(judged(strategy, &before, &changes))
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
    fn a_version_tells_of_a_change_only_if_it_is_new_and_above_the_last() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = ModelDb::open(&dir.path().join("turbomode.db"), Strategy::Turbomode, false, ManualClock::at(1)).unwrap();
        let mut rules = StrategySettings::shipped(Strategy::Turbomode).unwrap();
        let mut at = 0;
        let mut record = |rules: &StrategySettings| {
            at += 1;
            put_on_record(&mut db, Strategy::Turbomode, rules, at).unwrap().map(|r| (r.verdict, r.changes.len()))
        };
        assert_eq!(record(&rules), Some((Verdict::First, rules.leaves().len() - 1)));
        assert_eq!(record(&rules), None);
        rules.promotion_gates.g6_min_recall = 0.2;
        assert_eq!(record(&rules), Some((Verdict::NotRaised, 1)));
        (rules.promotion_gates.g6_min_recall, rules.metadata.version) = (0.25, 2);
        assert_eq!(record(&rules), Some((Verdict::Raised, 2)));
        let second = rules.clone();
        (rules.promotion_gates.g6_min_recall, rules.metadata.version) = (0.3, 1);
        assert_eq!(record(&rules), Some((Verdict::NotRaised, 2)), "a lower version is no new one");
        rules.metadata.version = 2;
        assert_eq!(record(&rules), Some((Verdict::NotRaised, 1)), "2 stood for other rules");
        (rules.promotion_gates.g6_min_recall, rules.metadata.version) = (0.35, 3);
        assert_eq!(record(&rules), Some((Verdict::Raised, 2)));
        assert_eq!(record(&second), Some((Verdict::NotRaised, 2)));
    }

    #[test]
    fn keys_that_came_with_the_program_are_no_reproach() {
        let dir = tempfile::tempdir().unwrap();
        let mut db = ModelDb::open(&dir.path().join("turbomode.db"), Strategy::Turbomode, false, ManualClock::at(1)).unwrap();
        let mut rules = StrategySettings::shipped(Strategy::Turbomode).unwrap();
        // An older program that lacked one key and had another.
        put_on_record(&mut db, Strategy::Turbomode, &rules, 1).unwrap();
        let older = |key: &str, old: Option<&str>, new: Option<&str>| ConfigChange {
            at: 1,
            file: Strategy::Turbomode.config_file().to_owned(),
            key: key.to_owned(),
            old: old.map(str::to_owned),
            new: new.map(str::to_owned),
            version: "1".to_owned(),
        };
        let recall = serde_json::json!(rules.promotion_gates.g6_min_recall).to_string();
        db.audit(&[older("promotion_gates.g6_min_recall", Some(&recall), None), older("gone.key", None, Some("1"))]).unwrap();
        let found = put_on_record(&mut db, Strategy::Turbomode, &rules, 2).unwrap().unwrap();
        assert_eq!((found.verdict, found.changes.len(), found.upgraded.len()), (Verdict::Upgraded, 0, 2));
        db.audit(&[older("promotion_gates.g6_min_recall", Some(&recall), None)]).unwrap();
        rules.promotion_gates.g6_min_recall = 0.3;
        let found = put_on_record(&mut db, Strategy::Turbomode, &rules, 3).unwrap().unwrap();
        assert_eq!((found.verdict, found.upgraded.len()), (Verdict::NotRaised, 0), "it came with another value than the shipped one");
        let mut all = db.reader().config_changes(usize::MAX).unwrap();
        all.reverse();
        let verdicts: Vec<Verdict> = records(Strategy::Turbomode, &all).iter().map(|r| r.verdict).collect();
        assert_eq!((verdicts[0], verdicts[1], verdicts.last()), (Verdict::First, Verdict::Upgraded, Some(&Verdict::NotRaised)));
    }
}
