//! Reading the configuration again while the engine works: on command, on a signal, and when a file changed.
//!
//! It is read and checked as a whole. What can change now is put in force at once and put on record, key by key; what
//! cannot is named; a configuration with a mistake changes nothing and raises an alert.

use std::sync::Arc;

use arc_swap::ArcSwap;

use super::owner::Owner;
use super::{AlertLevel, CommandError};
use crate::config::{self, Changed, ConfigErrors, Loaded, Reloaded, Strategies};
use crate::store::scheduler::ConfigChange;

/// Reads and checks the whole configuration, as the start did.
pub type ReadConfig = Arc<dyn Fn() -> Result<Loaded, ConfigErrors> + Send + Sync>;

/// Where an engine's configuration comes from.
#[derive(Clone)]
pub struct ConfigSource {
    /// What the engine starts with, before a demo points it at simulators.
    pub known: Loaded,
    /// The way to read it again.
    pub read: ReadConfig,
    /// The training rules in force, for those who read them anew for each run.
    pub rules: Arc<ArcSwap<Strategies>>,
}

/// The owner's part of the configuration.
pub(super) struct Config {
    source: ConfigSource,
    /// What a person should do about it.
    pub trouble: Option<(AlertLevel, String)>,
}

impl Config {
    pub const fn new(source: ConfigSource) -> Self {
        Self { source, trouble: None }
    }

    /// The rules of the strategies that are in force.
    pub fn rules(&self) -> Arc<Strategies> {
        self.source.rules.load_full()
    }
}

impl Owner {
    /// Reads the configuration again; the answer says what changed and what waits for a restart.
    pub(super) async fn reload(&mut self, actor: &str) -> Result<String, CommandError> {
        let Some(config) = &self.config else {
            return Err(CommandError::Refused("this engine was given its settings by a command and reads no file".to_owned()));
        };
        let read = Arc::clone(&config.source.read);
        let read = match tokio::task::spawn_blocking(move || read()).await {
            Ok(Ok(loaded)) => loaded,
            Ok(Err(errors)) => return Err(self.keep_old(&errors.brief())),
            Err(e) => return Err(self.keep_old(&e.to_string())),
        };
        let reloaded = Reloaded::new(&config.source.known, &read);
        if !reloaded.applied.is_empty() {
            let settings = Arc::new(config::apply(&self.settings, &read.settings));
            if let Err(why) = self.put_in_force(settings).await {
                return Err(self.keep_old(&why));
            }
            self.put_on_record(actor, &reloaded).await;
        }
        let message = said(&reloaded);
        tracing::info!(target: "engine", actor, hash = reloaded.hash, "Configuration read again: {message}");
        if let Some(config) = &mut self.config {
            let waits = (!reloaded.waiting.is_empty())
                .then(|| (AlertLevel::Warn, format!("configuration: {} changed and waits for a restart", reloaded.waiting.join(", "))));
            config.trouble = waits;
            config.source.rules.store(Arc::clone(&reloaded.known.strategies));
            config.source.known = reloaded.known;
        }
        Ok(message)
    }

    fn keep_old(&mut self, problem: &str) -> CommandError {
        tracing::error!(target: "engine", problem, "The configuration is wrong, the old one stays in force");
        if let Some(config) = &mut self.config {
            let text = format!("configuration: {problem}; the old one stays in force, `nightdesk config check` shows all");
            config.trouble = Some((AlertLevel::Bad, text));
        }
        CommandError::Refused(format!("the configuration is wrong and the old one stays in force: {problem}"))
    }

    /// One row a key. The change stands even if it cannot be recorded: it may be what frees the disk.
    async fn put_on_record(&self, actor: &str, reloaded: &Reloaded) {
        let at = self.clock.now();
        let row = |c: &Changed| {
            let Changed { key, old, new, origin } = c.clone();
            ConfigChange { at, actor: actor.to_owned(), origin, key, old, new, hash: reloaded.hash.clone() }
        };
        let rows = reloaded.applied.iter().map(row).collect();
        if let Err(e) = self.jobs.db.append_config_changes(rows).await {
            let keys: Vec<_> = reloaded.applied.iter().map(|c| c.key.as_str()).collect();
            tracing::error!(target: "engine", error = %e, keys = keys.join(", "), "The configuration changed, and that could not be recorded");
        }
    }
}

fn said(r: &Reloaded) -> String {
    let applied = r.applied.iter().map(|c| c.key.as_str()).collect::<Vec<_>>().join(", ");
    let waiting = r.waiting.join(", ");
    let text = match (applied.is_empty(), waiting.is_empty()) {
        (true, true) => "nothing changed".to_owned(),
        (false, true) => format!("in force now: {applied}"),
        (true, false) => format!("nothing to put in force now; waiting for a restart: {waiting}"),
        (false, false) => format!("in force now: {applied}; waiting for a restart: {waiting}"),
    };
    let text = match (r.rules.is_empty(), applied.is_empty() && waiting.is_empty()) {
        (true, _) => text,
        (false, true) => format!("training rules, from the next run on: {}", r.rules.join(", ")),
        (false, false) => format!("{text}; training rules, from the next run on: {}", r.rules.join(", ")),
    };
    if r.first_start.is_empty() {
        text
    } else {
        let keys = r.first_start.join(", ");
        format!("{text}; {keys} counts at the first start only, use `nightdesk schedule stop` or `nightdesk schedule start`")
    }
}
