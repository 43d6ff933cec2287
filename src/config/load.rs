//! Merges defaults, file, environment and flags into settings, and remembers where each value came from.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::check::{Checker, Leaf, unknown_key};
use super::layer::{self, Text};
use super::problem::{ConfigErrors, Place, Problem};
use super::schema::{Lookup, keys, kind, lookup};
use super::secret::{is_secret, masked};
use super::{Settings, rules, schema, universe};
use crate::market::Universe;

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
    /// Folder of `nightdesk.toml` and `universe.toml`; either may be missing. `None`: shipped values only.
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
    /// Where each key's value came from, by dotted path; entries of free tables have their own.
    pub origins: BTreeMap<String, Origin>,
    /// Where the universe came from; line 1 stands for the whole file.
    pub universe_origin: Origin,
}

/// Loads and checks the configuration. The error lists everything that is wrong.
pub fn load<E: IntoIterator<Item = (String, String)>>(request: LoadRequest<E>) -> Result<Loaded, ConfigErrors> {
    let schema = schema();
    let mut checker = Checker::new(&schema);
    let mut origins = Vec::new();
    let dir = request.config_dir.as_deref();
    if let Some((text, toml)) = dir.and_then(|d| read(&d.join(SETTINGS_FILE), &mut checker.problems)) {
        let before = checker.problems.len();
        let root = layer::document(&text, &toml, &mut checker.problems);
        // Values recovered from broken syntax are guesses; complaints about them would mislead.
        if checker.problems.len() == before {
            checker.document(&text, &root);
        }
        origins.extend(checker.leaves.iter().map(origin_in_file));
    }
    let mut env: Vec<_> = request.env.into_iter().filter(|(name, _)| name.starts_with(ENV_PREFIX)).collect();
    env.sort();
    for (name, value) in env {
        let path = name[ENV_PREFIX.len()..].split("__").map(str::to_owned).collect();
        let text = format!("{name}={value}");
        argument(&mut checker, &schema, text, name.len() + 1, path, &value);
        origins.resize(checker.leaves.len(), Origin::Env { name });
    }
    for Flag { name, key, value } in request.flags {
        let path = key.split('.').map(str::to_owned).collect();
        argument(&mut checker, &schema, format!("{name} {value}"), name.len() + 1, path, &value);
        origins.resize(checker.leaves.len(), Origin::Flag { name });
    }
    let Checker { leaves, mut problems, bad, .. } = checker;
    let settings = merge(&leaves);
    let places = leaves.iter().map(|l| (l.path.join("."), l.place.clone())).collect();
    match &settings {
        Ok(s) => problems.extend(rules::check(s, &places, &bad)),
        Err(e) => problems.push(Problem::new(Place::Unknown, format!("the settings contradict each other: {e}"), "")),
    }
    let (universe, universe_origin) = load_universe(dir, &mut problems);
    match settings {
        Ok(settings) if problems.is_empty() => {
            let origins = origins_of(&settings, &leaves, origins);
            Ok(Loaded { settings, universe, origins, universe_origin })
        }
        _ => Err(ConfigErrors { problems }),
    }
}

/// A file's text; `None` when it does not exist or cannot be read (then a problem is added).
fn read(path: &Path, problems: &mut Vec<Problem>) -> Option<(Text, Arc<str>)> {
    match std::fs::read_to_string(path) {
        Ok(text) => {
            let text: Arc<str> = text.into();
            Some((Text::File { path: path.into(), text: masked(&text).into() }, text))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
        Err(e) => {
            let help = Some("make the file readable, UTF-8 text, or point --config-dir elsewhere".to_owned());
            problems.push(Problem::new(Place::Unknown, format!("{} cannot be read: {e}", path.display()), "").help(help));
            None
        }
    }
}

/// Checks one variable or flag. `value_at` is where the value starts in `shown`.
fn argument(checker: &mut Checker<'_>, schema: &Value, mut shown: String, value_at: usize, path: Vec<String>, raw: &str) {
    let mut path = fold_case(schema, path);
    if is_secret(&path) {
        shown.replace_range(value_at.., "...");
    }
    let whole = Place::Argument { text: shown.clone(), span: 0..value_at - 1 };
    match lookup(schema, &path) {
        Lookup::Known(spec) => {
            let node = layer::argument(raw, kind(spec));
            checker.value(&Text::Argument { text: shown, offset: value_at }, &node, spec, &mut path);
        }
        Lookup::Unknown { depth, keys } => checker.problems.push(unknown_key(whole, &path[..=depth], &keys)),
        Lookup::NotATable { depth } => {
            let title = format!("`{}` is a value and has no keys of its own", path[..depth].join("."));
            checker.problems.push(Problem::new(whole, title, "too many parts"));
        }
    }
}

/// Environment names are upper case by custom: spells each part as the schema does.
fn fold_case(schema: &Value, path: Vec<String>) -> Vec<String> {
    let mut node = schema;
    let mut out = Vec::with_capacity(path.len());
    for part in path {
        let known = keys(node).into_iter().find(|k| k.eq_ignore_ascii_case(&part)).map(str::to_owned);
        let part = known.unwrap_or(part);
        node = super::schema::child(node, &part).unwrap_or(&Value::Null);
        out.push(part);
    }
    out
}

/// Puts the leaves over the defaults; later leaves win. Defaults give way where a set key contradicts them: histories
/// of timeframes that are no longer fetched go, and the start of requests in flight stays under their maximum.
fn merge(leaves: &[Leaf]) -> Result<Settings, serde_json::Error> {
    let mut tree = serde_json::to_value(Settings::default())?;
    for leaf in leaves {
        let mut slot = &mut tree;
        for key in &leaf.path {
            slot = &mut slot[key.as_str()];
        }
        *slot = leaf.value.clone();
    }
    let mut settings = Settings::deserialize(tree)?;
    let set = |t: &crate::market::Timeframe| leaves.iter().any(|l| l.path == ["ingest", "history", t.name()]);
    let native = settings.ingest.native.clone();
    if !leaves.iter().any(|l| l.path == ["ib", "in_flight_start"]) {
        settings.ib.in_flight_start = settings.ib.in_flight_start.min(settings.ib.in_flight_max);
    }
    settings.ingest.history.retain(|t, _| native.contains(t) || set(t));
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

fn origin_in_file(leaf: &Leaf) -> Origin {
    match &leaf.place {
        Place::File { path, .. } => Origin::File { path: path.clone(), line: leaf.place.line() },
        _ => Origin::Default,
    }
}

fn origins_of(settings: &Settings, leaves: &[Leaf], origins: Vec<Origin>) -> BTreeMap<String, Origin> {
    let mut out = BTreeMap::new();
    for (path, _) in settings.leaves() {
        out.insert(path, Origin::Default);
    }
    out.extend(leaves.iter().map(|l| l.path.join(".")).zip(origins));
    out
}

impl Settings {
    /// Every key by dotted path with its value, as a TOML file would list them: a table's own keys before its tables.
    pub fn leaves(&self) -> Vec<(String, Value)> {
        fn walk(path: &str, value: Value, out: &mut Vec<(String, Value)>) {
            match value {
                Value::Object(map) => {
                    let (tables, own): (Vec<_>, Vec<_>) = map.into_iter().partition(|(_, v)| v.is_object());
                    for (k, v) in own.into_iter().chain(tables) {
                        walk(&if path.is_empty() { k } else { format!("{path}.{k}") }, v, out);
                    }
                }
                v => out.push((path.to_owned(), v)),
            }
        }
        let mut out = Vec::new();
        // Settings hold nothing JSON cannot say; the fallback is never taken.
        walk("", serde_json::to_value(self).unwrap_or_default(), &mut out);
        out
    }
}
