//! The JSON schema of `nightdesk.toml`: what editors complete, and what [`super::check`] enforces.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::{Lookback, Settings};
use crate::market::Timeframe;

/// The schema of [`Settings`], draft 2020-12, without references.
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().with(|s| s.inline_subschemas = true).into_generator();
    generator.into_root_schema_for::<Settings>().to_value()
}

impl JsonSchema for Timeframe {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Timeframe".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::ALL.map(Self::name) })
    }
}

impl JsonSchema for Lookback {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Lookback".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[0-9]+(d|w|mo|y)$", "examples": ["30d", "6mo", "10y"] })
    }
}

/// The part of a schema that describes the key at `path`, or how far the path is known.
pub(super) enum Lookup<'s> {
    /// The key exists.
    Known(&'s Value),
    /// `path[depth]` is not a key; these are.
    Unknown { depth: usize, keys: Vec<&'s str> },
    /// `path[depth - 1]` is a value and has no keys.
    NotATable { depth: usize },
}

/// Looks `path` up in `schema`.
pub(super) fn lookup<'s>(schema: &'s Value, path: &[String]) -> Lookup<'s> {
    let mut node = schema;
    for (depth, part) in path.iter().enumerate() {
        if !is_table(node) {
            return Lookup::NotATable { depth };
        }
        match child(node, part) {
            Some(next) => node = next,
            None => return Lookup::Unknown { depth, keys: keys(node) },
        }
    }
    Lookup::Known(node)
}

/// Whether the schema describes a table.
pub(super) fn is_table(node: &Value) -> bool {
    node["type"] == "object"
}

/// Names of the table's fixed keys.
pub(super) fn keys(node: &Value) -> Vec<&str> {
    node["properties"].as_object().map(|p| p.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// Schema of one key of a table.
pub(super) fn child<'s>(node: &'s Value, key: &str) -> Option<&'s Value> {
    node["properties"].get(key).or_else(|| Some(&node["additionalProperties"]).filter(|v| v.is_object()))
}

/// What a value may be, as a phrase: "an integer from 1 to 50".
pub(super) fn accepted(node: &Value) -> String {
    let words = choices(node);
    if !words.is_empty() {
        return format!("one of {}", words.iter().map(|w| format!("{w:?}")).collect::<Vec<_>>().join(", "));
    }
    let (low, high) = (&node["minimum"], &node["maximum"]);
    let range = match (low.is_null(), high.is_null()) {
        (false, false) => format!(" from {low} to {high}"),
        (false, true) => format!(" of at least {low}"),
        (true, false) => format!(" of at most {high}"),
        (true, true) => String::new(),
    };
    match kind(node) {
        "boolean" => "true or false".into(),
        "integer" => format!("an integer{range}"),
        "number" => format!("a number{range}"),
        "array" => format!("a list, each entry {}", accepted(&node["items"])),
        "object" => "a table".into(),
        _ => match node["examples"].as_array() {
            Some(e) => format!("a text such as {}", e.iter().map(Value::to_string).collect::<Vec<_>>().join(", ")),
            None => "a text in quotes".into(),
        },
    }
}

/// The words a text key accepts; empty when it accepts any.
pub(super) fn choices(node: &Value) -> Vec<&str> {
    let listed = node["enum"].as_array().into_iter().flatten();
    let described = node["oneOf"].as_array().into_iter().flatten().map(|v| &v["const"]);
    listed.chain(described).filter_map(Value::as_str).collect()
}

/// The JSON type of a key; of an optional key, the type of what it holds.
pub(super) fn kind(node: &Value) -> &str {
    match &node["type"] {
        Value::String(s) => s,
        Value::Array(a) => a.iter().filter_map(Value::as_str).find(|s| *s != "null").unwrap_or("string"),
        _ => "string",
    }
}
