//! Collects what the layers say about one subject (the settings, or a strategy's rules): values that passed the
//! checker, where each came from, and everything that is wrong. [`super::load`] makes settings of it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::check::{Checker, Leaf, unknown_key};
use super::layer::{self, Text};
use super::problem::{Place, Problem};
use super::schema::{Lookup, child, keys, kind, lookup};
use super::secret::{is_secret, masked};
use super::{Flag, Origin};

/// What can be configured in one file.
pub(super) struct Subject<'a> {
    /// Keys, types, ranges.
    pub schema: &'a Value,
    /// The tree in which serde tries a lone value.
    pub base: Value,
    /// Lets serde have the last word on a tree.
    pub accepts: fn(Value) -> Result<(), String>,
    /// First parts of variables that belong to other subjects, for a slip of the keys.
    pub others: &'a [&'a str],
}

/// An environment variable that belongs to a subject.
pub(super) struct Variable {
    pub name: String,
    /// The key it sets, in whatever case.
    pub path: Vec<String>,
    pub value: String,
}

/// What all layers say.
pub(super) struct Gathered {
    /// Later ones win.
    pub leaves: Vec<Leaf>,
    /// Of each leaf.
    pub origins: Vec<Origin>,
    pub problems: Vec<Problem>,
    /// Keys whose value was refused.
    pub bad: BTreeSet<String>,
}

/// Reads a file (if there is one), variables and flags, in this order.
pub(super) fn gather(subject: &Subject<'_>, file: Option<&Path>, env: Vec<Variable>, flags: Vec<Flag>) -> Gathered {
    let mut checker = Checker::new(subject);
    let mut origins = Vec::new();
    if let Some((text, toml)) = file.and_then(|f| read(f, &mut checker.problems)) {
        let before = checker.problems.len();
        let root = layer::document(&text, &toml, &mut checker.problems);
        // Values recovered from broken syntax are guesses; complaints about them would mislead.
        if checker.problems.len() == before {
            checker.document(&text, &root);
        }
        origins.extend(checker.leaves.iter().map(origin_in_file));
    }
    for Variable { name, path, value } in env {
        let text = format!("{name}={value}");
        argument(&mut checker, subject, text, name.len() + 1, path, &value);
        origins.resize(checker.leaves.len(), Origin::Env { name });
    }
    for Flag { name, key, value } in flags {
        let path = key.split('.').map(str::to_owned).collect();
        argument(&mut checker, subject, format!("{name} {value}"), name.len() + 1, path, &value);
        origins.resize(checker.leaves.len(), Origin::Flag { name });
    }
    let Checker { leaves, problems, bad, .. } = checker;
    Gathered { leaves, origins, problems, bad }
}

impl Gathered {
    /// `tree` with all values put into it.
    pub fn over(&self, mut tree: Value) -> Value {
        for leaf in &self.leaves {
            let mut slot = &mut tree;
            for key in &leaf.path {
                slot = &mut slot[key.as_str()];
            }
            *slot = leaf.value.clone();
        }
        tree
    }

    /// Whether a layer set this key.
    pub fn sets(&self, path: &[&str]) -> bool {
        self.leaves.iter().any(|l| l.path == path)
    }

    /// The place of each key that a user has set.
    pub fn places(&self) -> BTreeMap<String, Place> {
        self.leaves.iter().map(|l| (l.path.join("."), l.place.clone())).collect()
    }

    /// The origin of each key of `settings`.
    pub fn origins_of(self, settings: &impl Serialize) -> BTreeMap<String, Origin> {
        let mut out: BTreeMap<_, _> = leaves(settings).into_iter().map(|(path, _)| (path, Origin::Default)).collect();
        out.extend(self.leaves.iter().map(|l| l.path.join(".")).zip(self.origins));
        out
    }
}

/// Every key by dotted path with its value, as a TOML file would list them: a table's own keys before its tables.
pub(super) fn leaves(settings: &impl Serialize) -> Vec<(String, Value)> {
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
    walk("", serde_json::to_value(settings).unwrap_or_default(), &mut out);
    out
}

/// A file's text; `None` when it does not exist or cannot be read (then a problem is added).
pub(super) fn read(path: &Path, problems: &mut Vec<Problem>) -> Option<(Text, Arc<str>)> {
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
fn argument(checker: &mut Checker<'_>, subject: &Subject<'_>, mut shown: String, value_at: usize, path: Vec<String>, raw: &str) {
    let mut path = fold_case(subject.schema, path);
    if is_secret(&path) {
        shown.replace_range(value_at.., "...");
    }
    let whole = Place::Argument { text: shown.clone(), span: 0..value_at - 1 };
    match lookup(subject.schema, &path) {
        Lookup::Known(spec) => {
            let node = layer::argument(raw, kind(spec));
            checker.value(&Text::Argument { text: shown, offset: value_at }, &node, spec, &mut path);
        }
        Lookup::Unknown { depth, mut keys } => {
            if depth == 0 {
                keys.extend(subject.others);
            }
            checker.problems.push(unknown_key(whole, &path[..=depth], &keys));
        }
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
        node = child(node, &part).unwrap_or(&Value::Null);
        out.push(part);
    }
    out
}

fn origin_in_file(leaf: &Leaf) -> Origin {
    match &leaf.place {
        Place::File { path, .. } => Origin::File { path: path.clone(), line: leaf.place.line() },
        _ => Origin::Default,
    }
}
