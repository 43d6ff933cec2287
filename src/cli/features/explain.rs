//! `nightdesk features explain`.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde_json::{Value, json};

use super::build::standing;
use super::{as_json, memory, needs};
use crate::cli::{Context, Failure, output};
use crate::config::nearest;
use crate::features::nightly::{Absent, read_features, why_missing};
use crate::features::{COUNT, Feature, definition_hash, feature, registry};
use crate::market::{DAY, Strategy, Symbol, ts_to_date};
use crate::store::StoreError;
use crate::store::master::ReadPool;
use crate::store::model::ModelReader;

/// Days in which the last bar of a symbol that is kept fresh lies; older ones take a longer look.
const RECENT_DAYS: i64 = 40;

/// The newest value of a symbol.
struct Last {
    symbol: Symbol,
    date: NaiveDate,
    value: Result<f64, Absent>,
}

pub(super) fn run(name: &str, symbol: Option<Symbol>, strategy: Strategy, json: bool, context: &Context) -> Result<(), Failure> {
    let Some(feature) = feature(name) else {
        let near = nearest(name, registry().iter().map(|f| f.name.as_str()));
        let near = near.map(|n| format!("did you mean {n}? ")).unwrap_or_default();
        return Err(
            Failure::usage(format!("there is no feature {name:?}")).next(format!("{near}`nightdesk features list` has all {COUNT}"))
        );
    };
    // The definition is worth telling even where no value is to be had.
    let (values, note) = match values(feature, symbol, strategy, context) {
        Ok(known) => known,
        Err(e) => (Vec::new(), Some(e.to_string())),
    };
    if json {
        let values: Vec<Value> = values.iter().map(Last::json).collect();
        return output::json(&json!({
            "ok": true, "definition_hash": definition_hash(), "feature": as_json(feature), "strategy": strategy, "values": values, "note": note,
        }));
    }
    output::line(format_args!("{}  ({}, column {} of {COUNT})", feature.name, feature.category, feature.index + 1))?;
    output::line(format_args!("  definition  {}", feature.definition))?;
    output::line(format_args!("  parameters  {}", if feature.params.is_empty() { "none" } else { &feature.params }))?;
    output::line(format_args!("  reference   {}", if feature.reference.is_empty() { "our own" } else { &feature.reference }))?;
    output::line(format_args!("  lookback    first value on bar {} of a symbol", feature.lookback + 1))?;
    output::line(format_args!("  memory      {}", memory(feature)))?;
    output::line(format_args!("  needs       {}{}", needs(feature), if feature.reads_volume { "; known volumes" } else { "" }))?;
    output::line(format_args!("\nLast values of {strategy}"))?;
    if let Some(note) = note {
        output::line(format_args!("  {}{note}", if values.is_empty() { "none: " } else { "" }))?;
    }
    values.iter().try_for_each(|last| output::line(last.line()))
}

impl Last {
    fn line(&self) -> String {
        let value = match &self.value {
            Ok(value) => value.to_string(),
            Err(why) => format!("missing: {why}"),
        };
        format!("  {:<10} {}  {value}", self.symbol, self.date)
    }

    fn json(&self) -> Value {
        json!({ "symbol": self.symbol, "date": self.date, "value": self.value.as_ref().ok(), "missing": self.value.as_ref().err().map(Absent::to_string) })
    }
}

/// The newest stored value of each symbol of the universe, or of `symbol`, and what is to be said of them all.
fn values(
    feature: &Feature,
    symbol: Option<Symbol>,
    strategy: Strategy,
    context: &Context,
) -> Result<(Vec<Last>, Option<String>), StoreError> {
    let reader = ModelReader::open(&context.data_dir.join(strategy.database_file()), strategy)?;
    let master = ReadPool::new(&context.database());
    let recent = context.clock.now() - RECENT_DAYS * DAY;
    let counts: HashMap<Symbol, u64> = reader.feature_symbols()?.into_iter().collect();
    let symbols = symbol.map_or_else(|| context.universe.instruments.iter().map(|i| i.symbol).collect(), |s| vec![s]);
    let mut out = Vec::new();
    for symbol in symbols {
        let Some(&bars) = counts.get(&symbol) else { continue };
        let mut columns = read_features(&reader, symbol, (recent, i64::MAX))?;
        if columns.ts.is_empty() {
            columns = read_features(&reader, symbol, (i64::MIN, i64::MAX))?;
        }
        let Some(&at) = columns.ts.last() else { continue };
        let value = columns.columns[feature.index].last().copied().filter(|v| v.is_finite());
        let value = value.map_or_else(|| why_missing(&master, feature, symbol, (bars, at)).map(Err), |value| Ok(Ok(value)))?;
        out.push(Last { symbol, date: ts_to_date(at), value });
    }
    let note = if out.is_empty() { Some("no features are stored of that".to_owned()) } else { standing(&reader, strategy, context).1 };
    Ok((out, note))
}
