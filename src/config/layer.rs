//! One layer of configuration, read from a TOML file, an environment variable or a flag, with the place of each value.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Place, Problem};

/// Makes a lone value a TOML document.
const HEAD: &str = "v = ";

/// A value as JSON, so that one checker serves all layers, and where its text stands.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    /// Scalars; tables and lists are in `shape`.
    pub value: Value,
    /// Bytes of the source text.
    pub span: Range<usize>,
    /// What it is made of.
    pub shape: Shape,
}

/// What a [`Node`] is made of.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Shape {
    Scalar,
    /// TOML has values JSON lacks; this names one.
    Foreign(&'static str),
    List(Vec<Node>),
    /// Key, its place, and its value, in the order of the text.
    Table(Vec<(String, Range<usize>, Node)>),
}

/// The text a layer was read from.
#[derive(Clone, Debug)]
pub(super) enum Text {
    File { path: Arc<Path>, text: Arc<str> },
    Argument { text: String, offset: usize },
}

impl Text {
    /// The place of some bytes of this text.
    pub fn place(&self, span: &Range<usize>) -> Place {
        match self {
            Self::File { path, text } => Place::File { path: path.to_path_buf(), text: Arc::clone(text), span: span.clone() },
            Self::Argument { text, offset } => {
                let at = |i: usize| (i + offset).min(text.len());
                Place::Argument { text: text.clone(), span: at(span.start)..at(span.end) }
            }
        }
    }
}

/// Reads a whole TOML document; every syntax error becomes a problem.
pub(super) fn document(text: &Text, toml: &str, problems: &mut Vec<Problem>) -> Node {
    let (table, errors) = DeTable::parse_recoverable(toml);
    for e in errors {
        let span = e.span().unwrap_or(0..0);
        problems.push(Problem::new(text.place(&span), "this is not TOML", e.message()));
    }
    let span = table.span();
    Node { value: Value::Null, span, shape: shape_of_table(table.get_ref(), 0) }
}

/// Reads the value of an environment variable or a flag. Keys that hold text take it as it stands; lists may be
/// written with commas only.
pub(super) fn argument(raw: &str, kind: &str) -> Node {
    let text = || Node { value: Value::String(raw.to_owned()), span: 0..raw.len(), shape: Shape::Scalar };
    if kind == "string" {
        return text();
    }
    let source = format!("{HEAD}{raw}");
    let parsed = DeTable::parse(&source).ok().and_then(|t| t.get_ref().values().next().map(|v| node(v, HEAD.len())));
    match parsed {
        Some(n) if kind != "array" || matches!(n.shape, Shape::List(_)) => n,
        _ if kind == "array" => comma_list(raw),
        _ => text(),
    }
}

fn comma_list(raw: &str) -> Node {
    let mut items = Vec::new();
    let mut start = 0;
    for part in raw.split(',') {
        let lead = part.len() - part.trim_start().len();
        let word = part.trim();
        let span = start + lead..start + lead + word.len();
        items.push(Node { value: Value::String(word.to_owned()), span, shape: Shape::Scalar });
        start += part.len() + 1;
    }
    Node { value: Value::Null, span: 0..raw.len(), shape: Shape::List(items) }
}

fn node(v: &Spanned<DeValue<'_>>, shift: usize) -> Node {
    let span = v.span().start.saturating_sub(shift)..v.span().end.saturating_sub(shift);
    let scalar = |value| (value, Shape::Scalar);
    let (value, shape) = match v.get_ref() {
        DeValue::String(s) => scalar(Value::from(s.as_ref())),
        DeValue::Boolean(b) => scalar(Value::from(*b)),
        DeValue::Integer(i) => match i64::from_str_radix(i.as_str(), i.radix()) {
            Ok(n) => scalar(Value::from(n)),
            Err(_) => (Value::Null, Shape::Foreign("an integer that is too large")),
        },
        DeValue::Float(f) => match f.as_str().parse().ok().and_then(serde_json::Number::from_f64) {
            Some(n) => scalar(Value::Number(n)),
            None => (Value::Null, Shape::Foreign("a number that is not finite")),
        },
        DeValue::Datetime(_) => (Value::Null, Shape::Foreign("a date or time")),
        DeValue::Array(a) => (Value::Null, Shape::List(a.iter().map(|v| node(v, shift)).collect())),
        DeValue::Table(t) => (Value::Null, shape_of_table(t, shift)),
    };
    Node { value, span, shape }
}

fn shape_of_table(table: &DeTable<'_>, shift: usize) -> Shape {
    let mut entries: Vec<_> = table.iter().map(|(k, v)| (k.get_ref().to_string(), k.span(), node(v, shift))).collect();
    entries.sort_by_key(|(_, span, _)| span.start);
    Shape::Table(entries)
}

impl Node {
    /// The value with its lists and tables put together.
    pub fn json(&self) -> Value {
        match &self.shape {
            Shape::Scalar | Shape::Foreign(_) => self.value.clone(),
            Shape::List(items) => items.iter().map(Self::json).collect(),
            Shape::Table(entries) => entries.iter().map(|(k, _, v)| (k.clone(), v.json())).collect(),
        }
    }

    /// What it is, as a phrase.
    pub fn what(&self) -> String {
        match (&self.shape, &self.value) {
            (Shape::Foreign(what), _) => (*what).to_owned(),
            (Shape::List(_), _) => "a list".to_owned(),
            (Shape::Table(_), _) => "a table".to_owned(),
            (Shape::Scalar, Value::String(_)) => format!("the text {}", self.value),
            (Shape::Scalar, v) => v.to_string(),
        }
    }
}
