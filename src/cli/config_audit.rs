//! `nightdesk config audit`: changes of settings, kept by the scheduler's database, and of training rules, kept by each
//! strategy's own.

use serde_json::{Value, json};

use super::{Context, Failure, output};
use crate::audit::{Record, Verdict, records};
use crate::engine::SCHEDULER_DATABASE;
use crate::market::Strategy;
use crate::store::model::{self, ModelReader};
use crate::store::scheduler::{self, SchedulerReader};

/// Training rules that were recorded together.
struct RuleChanges {
    strategy: Strategy,
    record: Record,
}

impl RuleChanges {
    fn json(&self) -> Value {
        let change = |c: &model::ConfigChange| json!({ "key": c.key, "old": c.old, "new": c.new });
        let list = |of: &[model::ConfigChange]| of.iter().map(change).collect::<Vec<_>>();
        let Record { at, version, changes, upgraded, verdict } = &self.record;
        json!({
            "strategy": self.strategy, "at": at, "version": version, "first": *verdict == Verdict::First,
            "versioned": *verdict != Verdict::NotRaised, "changes": list(changes), "upgraded": list(upgraded),
        })
    }

    fn lines(&self) -> Vec<String> {
        let Record { at, version, changes, upgraded, verdict } = &self.record;
        let head = format!("{} UTC  {}", output::second(*at), self.strategy);
        if *verdict == Verdict::First {
            let rules = output::count(changes.len(), "training rule", "training rules");
            return vec![format!("{head}  version {version}: {rules} recorded for the first time")];
        }
        let note = if *verdict == Verdict::NotRaised { ", which was not raised" } else { "" };
        let word = |v: &Option<String>| v.clone().unwrap_or_else(|| "(not set)".to_owned());
        let line = |c: &model::ConfigChange, note: &str| {
            format!("{head}  {}  {} -> {}  (version {version}{note})", c.key, word(&c.old), word(&c.new))
        };
        let by_hand = changes.iter().map(|c| line(c, note));
        by_hand.chain(upgraded.iter().map(|c| line(c, ", by another version of Nightdesk"))).collect()
    }
}

/// Prints at most `limit` changes of settings and `limit` of rules, where a strategy's first rules count as one.
pub(super) fn run(limit: usize, json: bool, context: &Context) -> Result<(), Failure> {
    context.warn();
    let settings = settings(limit, context)?;
    let mut rules = Vec::new();
    for strategy in Strategy::ALL {
        rules.extend(self::rules(strategy, context)?);
    }
    rules.sort_by_key(|r| std::cmp::Reverse(r.record.at));
    rules.truncate(limit);
    if json {
        let rules: Vec<_> = rules.iter().map(RuleChanges::json).collect();
        return output::json(&json!({ "ok": true, "changes": settings, "rules": rules }));
    }
    let setting = |c: scheduler::ConfigChange| {
        (c.at, format!("{} UTC  {:<8} {}  {} -> {}  ({})", output::second(c.at), c.actor, c.key, c.old, c.new, c.origin))
    };
    let mut lines: Vec<(i64, String)> = settings.into_iter().map(setting).collect();
    lines.extend(rules.iter().flat_map(|r| r.lines().into_iter().map(|l| (r.record.at, l))));
    if lines.is_empty() {
        return output::line("No key changed while an engine ran, and no strategy has recorded its training rules yet.");
    }
    lines.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    lines.into_iter().take(limit).try_for_each(|(_, line)| output::line(line))
}

fn settings(limit: usize, context: &Context) -> Result<Vec<scheduler::ConfigChange>, Failure> {
    let path = context.data_dir.join(SCHEDULER_DATABASE);
    if !path.exists() {
        return Ok(Vec::new());
    }
    SchedulerReader::open(&path).and_then(|r| r.config_changes(limit)).map_err(|e| Failure::new(e.to_string()))
}

/// All records of one strategy, newest first.
fn rules(strategy: Strategy, context: &Context) -> Result<Vec<RuleChanges>, Failure> {
    let path = context.data_dir.join(strategy.database_file());
    if !path.exists() {
        return Ok(Vec::new());
    }
    let mut changes = ModelReader::open(&path, strategy)?.config_changes(usize::MAX)?;
    changes.reverse();
    Ok(records(strategy, &changes).into_iter().rev().map(|record| RuleChanges { strategy, record }).collect())
}
