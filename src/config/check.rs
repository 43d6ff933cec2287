//! Checks one layer against the schema, key by key, so that every wrong key and value is reported, not the first only.

use std::collections::BTreeSet;

use serde_json::Value;

use super::gather::Subject;
use super::layer::{Node, Shape, Text};
use super::problem::{Place, Problem};
use super::schema::{accepted, child, choices, is_table, keys, kind};
use super::secret::is_secret;
use super::suggest::nearest;

/// A checked value of one key.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leaf {
    /// `["ib", "port"]`.
    pub path: Vec<String>,
    /// Its value, valid on its own.
    pub value: Value,
    /// Where it was given.
    pub place: Place,
}

/// Walks layers and collects good leaves and problems.
pub(super) struct Checker<'s> {
    subject: &'s Subject<'s>,
    /// Values that passed.
    pub leaves: Vec<Leaf>,
    /// Everything else.
    pub problems: Vec<Problem>,
    /// Keys whose value was refused; rules about them would only add noise.
    pub bad: BTreeSet<String>,
}

impl<'s> Checker<'s> {
    /// Checks against the schema of `subject`.
    pub fn new(subject: &'s Subject<'s>) -> Self {
        Self { subject, leaves: Vec::new(), problems: Vec::new(), bad: BTreeSet::new() }
    }

    /// Checks a document.
    pub fn document(&mut self, text: &Text, root: &Node) {
        self.table(text, root, self.subject.schema, &mut Vec::new());
    }

    /// Checks the value of one key whose schema is `spec`.
    pub fn value(&mut self, text: &Text, node: &Node, spec: &Value, path: &mut Vec<String>) {
        if is_table(spec) {
            return self.table(text, node, spec, path);
        }
        let before = self.problems.len();
        self.leaf(text, node, spec, path);
        if self.problems.len() == before {
            self.leaves.push(Leaf { path: path.clone(), value: node.json(), place: text.place(&node.span) });
        } else {
            self.bad.insert(path.join("."));
        }
    }

    fn table(&mut self, text: &Text, node: &Node, spec: &Value, path: &mut Vec<String>) {
        let Shape::Table(entries) = &node.shape else {
            self.problems.push(wrong_type(text, node, spec, path));
            return;
        };
        for (key, span, value) in entries {
            path.push(key.clone());
            match child(spec, key) {
                Some(next) => self.value(text, value, next, path),
                None => self.problems.push(unknown_key(text.place(span), path, &keys(spec))),
            }
            path.pop();
        }
    }

    fn leaf(&mut self, text: &Text, node: &Node, spec: &Value, path: &[String]) {
        if !type_matches(node, kind(spec)) {
            self.problems.push(wrong_type(text, node, spec, path));
            return;
        }
        if let Shape::List(items) = &node.shape {
            for item in items {
                self.leaf(text, item, &spec["items"], path);
            }
            if let Some(reason) = list_problem(items, spec) {
                self.problems.push(refused(text, node, spec, path, &reason));
            }
            return;
        }
        let value = &node.value;
        let words = choices(spec);
        if let Some(word) = value.as_str().filter(|w| !words.is_empty() && !words.contains(w)) {
            let help = nearest(word, words.iter().copied()).map(|w| format!("did you mean {w:?}?"));
            self.problems.push(refused(text, node, spec, path, "not one of the accepted words").help(help));
        } else if let Some(n) = value.as_f64().filter(|n| out_of_range(*n, spec)) {
            self.problems.push(refused(text, node, spec, path, &format!("{n} is out of range")));
        } else if value.as_str().is_some_and(|s| s.len() < spec["minLength"].as_u64().unwrap_or(0) as usize) {
            self.problems.push(refused(text, node, spec, path, "empty"));
        } else if let Err(reason) = self.deserializes(path, value) {
            self.problems.push(refused(text, node, spec, path, &reason));
        }
    }

    /// Lets serde have the last word, on this key alone.
    fn deserializes(&self, path: &[String], value: &Value) -> Result<(), String> {
        let spec = path.iter().try_fold(self.subject.schema, |node, key| child(node, key)).unwrap_or(&Value::Null);
        let mut tree = self.subject.base.clone();
        let slot = path.iter().fold(&mut tree, |slot, key| &mut slot[key.as_str()]);
        *slot = if kind(spec) == "array" { Value::Array(vec![value.clone()]) } else { value.clone() };
        (self.subject.accepts)(tree)
    }
}

/// A key that does not exist, with what exists instead.
pub(super) fn unknown_key(place: Place, path: &[String], known: &[&str]) -> Problem {
    let (key, table) = path.split_last().map_or(("", ""), |(k, rest)| (k.as_str(), rest.last().map_or("", String::as_str)));
    let title = match table {
        "" => format!("there is no table or key {key:?}"),
        t => format!("there is no key {key:?} in [{t}]"),
    };
    let help = nearest(key, known.iter().copied()).map(|k| format!("did you mean {k:?}?"));
    Problem::new(place, title, "unknown").accepted(known.join(", ")).help(help)
}

fn wrong_type(text: &Text, node: &Node, spec: &Value, path: &[String]) -> Problem {
    let what = if is_secret(path) { "a value of this kind".to_owned() } else { node.what() };
    Problem::new(text.place(&node.span), format!("`{}` cannot be {what}", path.join(".")), "wrong type").accepted(accepted(spec))
}

fn refused(text: &Text, node: &Node, spec: &Value, path: &[String], label: &str) -> Problem {
    let label = if is_secret(path) { "not accepted" } else { label };
    Problem::new(text.place(&node.span), format!("`{}` has a value that is not accepted", path.join(".")), label).accepted(accepted(spec))
}

fn type_matches(node: &Node, kind: &str) -> bool {
    match (&node.shape, &node.value) {
        (Shape::List(_), _) => kind == "array",
        (Shape::Scalar, Value::String(_)) => kind == "string",
        (Shape::Scalar, Value::Bool(_)) => kind == "boolean",
        (Shape::Scalar, Value::Number(n)) => kind == "number" || (kind == "integer" && n.is_i64()),
        _ => false,
    }
}

fn out_of_range(n: f64, spec: &Value) -> bool {
    spec["minimum"].as_f64().is_some_and(|low| n < low) || spec["maximum"].as_f64().is_some_and(|high| n > high)
}

fn list_problem(items: &[Node], spec: &Value) -> Option<String> {
    let least = spec["minItems"].as_u64().unwrap_or(0) as usize;
    if items.len() < least {
        return Some(format!("needs at least {least}"));
    }
    let twice = items.iter().enumerate().find(|(i, a)| items[..*i].iter().any(|b| a.value == b.value));
    twice.filter(|_| spec["uniqueItems"] == true).map(|(_, a)| format!("{} is there twice", a.value))
}
