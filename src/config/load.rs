//! Merges defaults, file, environment and flags into settings, and remembers where each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::gather::{self, Gathered, Subject, Variable, gather, read};
use super::layer::Text;
use super::problem::{ConfigErrors, Place, Problem};
use super::strategy::{self, Strategies};
use super::{Settings, rules, schema, universe};
use crate::market::{Strategy, Universe};

/// Name of the settings file inside the configuration folder.
pub const SETTINGS_FILE: &str = "nightdesk.toml";
/// Name of the universe file inside the configuration folder.
pub const UNIVERSE_FILE: &str = "universe.toml";
/// What the name of an environment variable that sets a key starts with.
pub const ENV_PREFIX: &str = "NIGHTDESK__";
/// The shipped settings: every key with its default and a comment.
pub const SHIPPED_SETTINGS: &str = include_str!("../../config/nightdesk.toml");

/// A command-line flag that sets a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// As typed: `--log-level`.
    pub name: String,
    /// The key it sets: `log.level`.
    pub key: String,
    /// The value given.
    pub value: String,
}

/// What to load.
#[derive(Debug, Default)]
pub struct LoadRequest<E> {
    /// Folder of `nightdesk.toml`, `universe.toml` and the strategies' files; any may be missing. `None`: shipped values only.
    pub config_dir: Option<PathBuf>,
    /// The environment; only names that start with [`ENV_PREFIX`] are looked at.
    pub env: E,
    /// Flags, in the order given.
    pub flags: Vec<Flag>,
}

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Compiled in.
    Default,
    /// A file.
    File {
        /// Which.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
    },
    /// An environment variable.
    Env {
        /// Which.
        name: String,
    },
    /// A command-line flag.
    Flag {
        /// Which.
        name: String,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Default => "default".to_owned(),
            Self::File { path, line } => format!("{}:{line}", path.display()),
            Self::Env { name } => format!("environment {name}"),
            Self::Flag { name } => format!("flag {name}"),
        };
        f.pad(&text)
    }
}

/// A valid configuration.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Settings.
    pub settings: Settings,
    /// Instruments under care.
    pub universe: Universe,
    /// Training rules of both strategies.
    pub strategies: Arc<Strategies>,
    /// Where each key's value came from, by dotted path; entries of free tables have their own.
    pub origins: BTreeMap<String, Origin>,
    /// Where the universe came from; line 1 stands for the whole file.
    pub universe_origin: Origin,
}

/// Loads and checks the configuration. The error lists everything that is wrong.
pub fn load<E: IntoIterator<Item = (String, String)>>(request: LoadRequest<E>) -> Result<Loaded, ConfigErrors> {
    let dir = request.config_dir.as_deref();
    let mut env = Environment::new(request.env);
    let rules = Strategy::ALL.map(|s| strategy::load::layers(s, dir, env.take(s)));
    let schema = schema();
    let subject = Subject {
        schema: &schema,
        base: Value::Object(serde_json::Map::new()),
        accepts: |tree| Settings::deserialize(tree).map(drop).map_err(|e| e.to_string()),
        others: &Strategy::ALL.map(Strategy::name),
    };
    let mut layers = gather(&subject, dir.map(|d| d.join(SETTINGS_FILE)).as_deref(), env.rest(), request.flags);
    let mut problems = std::mem::take(&mut layers.problems);
    let settings = merge(&layers);
    match &settings {
        Ok(s) => problems.extend(rules::check(s, &layers.places(), &layers.bad)),
        Err(e) => problems.push(contradiction(e)),
    }
    let (universe, universe_origin) = load_universe(dir, &mut problems);
    let strategies = Strategies::new(rules, &universe, &mut problems);
    match (settings, strategies) {
        (Ok(settings), Some(strategies)) if problems.is_empty() => {
            let origins = layers.origins_of(&settings);
            Ok(Loaded { settings, universe, strategies: Arc::new(strategies), origins, universe_origin })
        }
        _ => Err(ConfigErrors { problems }),
    }
}

/// What serde says of a tree whose values it took one by one.
pub(super) fn contradiction(e: &serde_json::Error) -> Problem {
    Problem::new(Place::Unknown, format!("the settings contradict each other: {e}"), "")
}

/// Variables of ours, in order of their names.
struct Environment(Vec<Variable>);

impl Environment {
    fn new(env: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = env.into_iter().filter_map(|(name, value)| {
            let path = name.strip_prefix(ENV_PREFIX)?.split("__").map(str::to_owned).collect();
            Some(Variable { name, path, value })
        });
        let mut all: Vec<_> = ours.collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Self(all)
    }

    /// Those of a strategy: its name is their first part, which is taken off.
    fn take(&mut self, strategy: Strategy) -> Vec<Variable> {
        let theirs = |v: &mut Variable| v.path.len() > 1 && v.path[0].eq_ignore_ascii_case(strategy.name());
        let taken = self.0.extract_if(.., theirs);
        taken.map(|v| Variable { path: v.path[1..].to_vec(), ..v }).collect()
    }

    fn rest(self) -> Vec<Variable> {
        self.0
    }
}

/// Puts the layers over the defaults. Defaults give way where a set key contradicts them: histories of timeframes that
/// are no longer fetched go, and the start of requests in flight stays under their maximum.
fn merge(layers: &Gathered) -> Result<Settings, serde_json::Error> {
    let mut settings = Settings::deserialize(layers.over(serde_json::to_value(Settings::default())?))?;
    let native = settings.ingest.native.clone();
    if !layers.sets(&["ib", "in_flight_start"]) {
        settings.ib.in_flight_start = settings.ib.in_flight_start.min(settings.ib.in_flight_max);
    }
    settings.ingest.history.retain(|t, _| native.contains(t) || layers.sets(&["ingest", "history", t.name()]));
    Ok(settings)
}

/// The instruments of a folder's universe file where they are sound, else the shipped ones: for who must go on although
/// the configuration is broken.
pub fn sound_universe(dir: &Path) -> (Universe, Origin) {
    let mut problems = Vec::new();
    let found = load_universe(Some(dir), &mut problems);
    if problems.is_empty() { found } else { load_universe(None, &mut problems) }
}

fn load_universe(dir: Option<&Path>, problems: &mut Vec<Problem>) -> (Universe, Origin) {
    if let Some(path) = dir.map(|d| d.join(UNIVERSE_FILE))
        && let Some((text, toml)) = read(&path, problems)
    {
        return (universe::parse(&text, &toml, problems), Origin::File { path, line: 1 });
    }
    let shipped = Text::Argument { text: universe::SHIPPED_UNIVERSE.to_owned(), offset: 0 };
    (universe::parse(&shipped, universe::SHIPPED_UNIVERSE, problems), Origin::Default)
}

impl Settings {
    /// Every key by dotted path with its value, as a TOML file would list them: a table's own keys before its tables.
    pub fn leaves(&self) -> Vec<(String, Value)> {
        gather::leaves(self)
    }
}
