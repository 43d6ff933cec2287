//! What a configuration that was read again means for an engine at work: which keys apply at once, which wait for a
//! restart, and how a change is put on record without its secrets.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use xxhash_rust::xxh3::xxh3_64;

use super::{AlertSettings, IngestSettings, Loaded, LogSettings, Origin, ScheduleSettings, Settings};
use crate::market::Strategy;

/// What stands for a secret wherever a value is shown or kept.
pub const HIDDEN: &str = "(hidden)";
const NOT_SET: &str = "(not set)";
/// The key that stands for the universe file.
const UNIVERSE: &str = "universe";
/// The key that counts at the very first start; afterwards the operator's word on the scheduler is kept elsewhere.
const FIRST_START: &str = "schedule.enabled";

/// A key whose value is another one than before. Secrets are hidden already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Dotted path.
    pub key: String,
    /// Value before, as JSON.
    pub old: String,
    /// Value after, as JSON.
    pub new: String,
    /// Where the new value stands.
    pub origin: String,
}

/// What came of reading the configuration again.
#[derive(Clone, Debug, PartialEq)]
pub struct Reloaded {
    /// What is in force from now on: `known` with all that applies at once. Keys that wait keep their old values, so
    /// that the next comparison finds them again.
    pub known: Loaded,
    /// Keys that apply at once.
    pub applied: Vec<Changed>,
    /// Keys that differ from what the engine started with and wait for a restart.
    pub waiting: Vec<String>,
    /// Keys that differ and have no effect any more, at no start either.
    pub first_start: Vec<String>,
    /// Training rules that changed, by strategy and dotted path. They count from the next run on, and go on record in
    /// the strategy's own database.
    pub rules: Vec<String>,
    /// Hash of the whole configuration as it was read, secrets left out.
    pub hash: String,
}

impl Reloaded {
    /// Compares what an engine runs on with what was read.
    pub fn new(known: &Loaded, read: &Loaded) -> Self {
        let (old, new) = (values(&known.settings), values(&read.settings));
        let keys: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        let (mut applied, mut waiting, mut first_start) = (Vec::new(), Vec::new(), Vec::new());
        for key in keys.into_iter().filter(|k| old.get(*k) != new.get(*k)) {
            if key == FIRST_START {
                first_start.push(key.clone());
            } else if needs_restart(key) {
                waiting.push(key.clone());
            } else {
                applied.push(Changed {
                    key: key.clone(),
                    old: shown(key, old.get(key)),
                    new: shown(key, new.get(key)),
                    origin: read.origins.get(key).unwrap_or(&Origin::Default).to_string(),
                });
            }
        }
        if known.universe != read.universe {
            waiting.push(UNIVERSE.to_owned());
        }
        let rules = Strategy::ALL.iter().flat_map(|s| changed_rules(*s, known, read)).collect();
        let settings = apply(&known.settings, &read.settings);
        let known = Loaded { settings, universe: known.universe.clone(), ..read.clone() };
        Self { known, applied, waiting, first_start, rules, hash: hash(read) }
    }
}

/// `running` with everything of `read` that an engine can take over while it works.
pub fn apply(running: &Settings, read: &Settings) -> Settings {
    let ingest = IngestSettings {
        breaker_failures: running.ingest.breaker_failures,
        breaker_probe_s: running.ingest.breaker_probe_s,
        ..read.ingest.clone()
    };
    Settings {
        ingest,
        quality: read.quality.clone(),
        schedule: ScheduleSettings { enabled: running.schedule.enabled, ..read.schedule.clone() },
        alerts: AlertSettings { terminal: running.alerts.terminal, ..read.alerts.clone() },
        maintenance: read.maintenance.clone(),
        log: LogSettings { level: read.log.level.clone(), ..running.log.clone() },
        ..running.clone()
    }
}

/// Whether a key is read once, at the start: by connections, open files and listening sockets, and by consoles.
pub fn needs_restart(key: &str) -> bool {
    let table = key.split('.').next().unwrap_or_default();
    matches!(table, "ib" | "yahoo" | "store" | "control" | "console" | UNIVERSE)
        || matches!(key, "ingest.breaker_failures" | "ingest.breaker_probe_s" | "alerts.terminal" | "log.keep_days")
}

impl Settings {
    /// These settings with the values of all secrets replaced; of the webhook's address the host stays.
    #[must_use]
    pub fn without_secrets(&self) -> Self {
        let mut s = self.clone();
        s.alerts.webhook_headers.values_mut().for_each(|v| HIDDEN.clone_into(v));
        if !s.alerts.webhook.is_empty() {
            s.alerts.webhook = host_of(&s.alerts.webhook);
        }
        s
    }
}

fn changed_rules(strategy: Strategy, known: &Loaded, read: &Loaded) -> Vec<String> {
    let [old, new] = [known, read].map(|l| l.strategies.get(strategy).settings.leaves());
    let differ = old.iter().zip(&new).filter(|(a, b)| a != b);
    differ.map(|(_, (key, _))| format!("{strategy}.{key}")).collect()
}

/// All keys with their values. Values of secrets are there: they must be compared.
fn values(settings: &Settings) -> BTreeMap<String, Value> {
    settings.leaves().into_iter().collect()
}

fn shown(key: &str, value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => NOT_SET.to_owned(),
        Some(_) if key.starts_with("alerts.webhook_headers.") => HIDDEN.to_owned(),
        // Addresses of chat services are secrets from the path on.
        Some(Value::String(url)) if key == "alerts.webhook" => host_of(url),
        Some(v) => v.to_string(),
    }
}

fn host_of(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
            let host = authority.rsplit('@').next().unwrap_or_default();
            format!("{scheme}://{host}/...")
        }
        None if url.is_empty() => NOT_SET.to_owned(),
        None => HIDDEN.to_owned(),
    }
}

fn hash(read: &Loaded) -> String {
    let whole = serde_json::json!([
        read.settings.without_secrets(),
        read.universe.instruments,
        Strategy::ALL.map(|s| read.strategies.get(s).settings.hash()),
    ]);
    format!("{:016x}", xxh3_64(whole.to_string().as_bytes()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::config::{Flag, LoadRequest, load};

    fn loaded(flags: &[(&str, &str)]) -> Loaded {
        let flag = |(key, value): &(&str, &str)| Flag { name: "-".into(), key: (*key).into(), value: (*value).into() };
        load(LoadRequest { config_dir: None, env: [], flags: flags.iter().map(flag).collect() }).unwrap()
    }

    /// Another value of the same kind.
    fn another(value: &Value) -> Vec<Value> {
        match value {
            Value::Bool(b) => vec![Value::from(!b)],
            Value::Number(n) if n.is_f64() => vec![Value::from(n.as_f64().unwrap() + 1.0)],
            Value::Number(n) => vec![Value::from(n.as_i64().unwrap() + 1)],
            Value::Array(_) => vec![Value::from(vec!["drift"]), Value::from(vec!["1m"])],
            _ => ["x", "ib", "skip", "buffer", "7d"].map(Value::from).to_vec(),
        }
    }

    #[test]
    fn every_key_either_applies_or_waits() {
        let base = Settings::default();
        for (key, value) in base.leaves() {
            let path = format!("/{}", key.replace('.', "/"));
            let changed = another(&value).into_iter().find_map(|v| {
                let mut tree = serde_json::to_value(&base).unwrap();
                *tree.pointer_mut(&path)? = v;
                Settings::deserialize(tree).ok().filter(|s| *s != base)
            });
            let changed = changed.unwrap_or_else(|| panic!("no other value for {key}"));
            let took = apply(&base, &changed) != base;
            assert_eq!(took, !needs_restart(&key) && key != FIRST_START, "{key}");
        }
    }

    #[test]
    fn what_waits_is_named_until_the_restart_and_what_applies_only_once() {
        let start = loaded(&[]);
        let edited = loaded(&[("ib.port", "4001"), ("ingest.workers", "3"), ("schedule.ingest.cron", "0 23 * * *")]);
        let first = Reloaded::new(&start, &edited);
        let keys: Vec<_> = first.applied.iter().map(|c| (c.key.as_str(), c.old.as_str(), c.new.as_str(), c.origin.as_str())).collect();
        assert_eq!(
            keys,
            [("ingest.workers", "16", "3", "flag -"), ("schedule.ingest.cron", "\"45 22 * * *\"", "\"0 23 * * *\"", "flag -")]
        );
        assert_eq!((first.waiting.as_slice(), first.known.settings.ib.port), (&["ib.port".to_owned()][..], 4002));
        let again = Reloaded::new(&first.known, &edited);
        assert_eq!((again.applied.len(), again.waiting.len(), again.hash), (0, 1, first.hash));
        assert!(Reloaded::new(&first.known, &start).waiting.is_empty(), "taken back");
    }

    #[test]
    fn the_switch_of_the_first_start_is_told_of_and_not_applied() {
        let reloaded = Reloaded::new(&loaded(&[]), &loaded(&[("schedule.enabled", "false")]));
        assert_eq!((reloaded.applied.len(), reloaded.waiting.len()), (0, 0));
        assert_eq!(reloaded.first_start, [FIRST_START]);
        assert!(reloaded.known.settings.schedule.enabled);
    }

    #[test]
    fn secrets_are_compared_and_never_shown() {
        let with = |token: &str| {
            let hook = format!("https://me:pw@hooks.example/services/{token}");
            loaded(&[("alerts.webhook_headers.Authorization", token), ("alerts.webhook", &hook)])
        };
        let reloaded = Reloaded::new(&with("alpha-token"), &with("beta-token"));
        assert_eq!(reloaded.applied.len(), 2);
        let text = format!("{:?}", reloaded.applied);
        assert!(!text.contains("token") && !text.contains("pw") && text.contains("https://hooks.example/..."), "{text}");
        let shown = format!("{:?}", with("gamma").settings.without_secrets().alerts);
        assert!(!shown.contains("gamma") && !shown.contains("pw") && shown.contains("https://hooks.example/..."), "{shown}");
        assert_eq!(loaded(&[]).settings.without_secrets(), loaded(&[]).settings);
    }
}
