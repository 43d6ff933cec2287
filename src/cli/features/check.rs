//! `nightdesk features check`.

use serde_json::{Value, json};

use super::OfStrategy;
use super::build::{at_desk, missing_json, silent_json, tell_missing, tell_silent, tell_without, without_json};
use crate::cli::{Context, Exit, Failure, output};
use crate::features::nightly::{Checked, Difference, check};
use crate::market::Symbol;
use crate::store::model::ModelReader;

pub(super) fn run(of: &OfStrategy, symbols: &[Symbol], context: &Context) -> Result<Exit, Failure> {
    if let Some(stranger) = symbols.iter().find(|s| context.universe.get(**s).is_none()) {
        return Err(
            Failure::usage(format!("{stranger} is not in the universe")).next("`nightdesk config show` tells where universe.toml is")
        );
    }
    let path = context.data_dir.join(of.strategy.database_file());
    let reader = ModelReader::open(&path, of.strategy)?;
    let seen = at_desk(of.strategy, context, |desk| check(&reader, desk, symbols))?;
    tell_silent(seen.silent_benchmark.as_ref());
    let ahead = seen.differences.iter().any(|d| d.looks_ahead);
    let exit = match (seen.current, seen.is_sound()) {
        (true, true) => Exit::Done,
        (false, _) if !ahead => Exit::Partial,
        _ => Exit::Failed,
    };
    if of.json {
        let short: Vec<Value> = seen.short.iter().map(|(symbol, bars)| json!({ "symbol": symbol, "bars": bars })).collect();
        let differences: Vec<Value> = seen.differences.iter().map(as_json).collect();
        output::json(&json!({
            "ok": exit == Exit::Done, "strategy": of.strategy, "current": seen.current, "symbols": seen.symbols, "rows": seen.rows,
            "found": seen.found, "differences": differences, "cut": seen.cut, "missing": missing_json(&seen.missing), "short": short,
            "without": without_json(&seen.without), "silent_benchmark": silent_json(seen.silent_benchmark.as_ref()),
        }))?;
    } else {
        tell(of, &seen)?;
    }
    Ok(exit)
}

fn tell(of: &OfStrategy, seen: &Checked) -> Result<(), Failure> {
    for d in &seen.differences {
        let feature = d.feature.unwrap_or("the bars");
        let what = if d.looks_ahead { "changes when later bars are left out" } else { "is stored with another value" };
        output::line(format_args!("{} {}: {feature} {what}", d.symbol, d.date))?;
    }
    let (symbols, rows) = (output::count(seen.symbols, "symbol", "symbols"), output::thousands(seen.rows));
    let cut = seen.cut.map(|d| format!("; no value before {d} depends on what came after")).unwrap_or_default();
    if seen.is_sound() {
        output::line(format_args!("Sound: {rows} rows of {symbols} are stored as they are computed now{cut}."))?;
    } else {
        output::line(format_args!("{} in {rows} rows of {symbols}.", output::count(seen.found as usize, "difference", "differences")))?;
    }
    let of = of.strategy;
    match (seen.current, seen.is_sound()) {
        (true, true) => {}
        (true, false) => output::line(format_args!("Make them anew: nightdesk features build --whole --strategy {of}"))?,
        (false, _) => {
            output::line(format_args!("The stored features are behind the daily bars: nightdesk features build --strategy {of}"))?;
        }
    }
    tell_missing(&seen.missing)?;
    for (symbol, bars) in &seen.short {
        output::line(format_args!("  {symbol} is not eligible: {} of history", output::count(*bars, "bar", "bars")))?;
    }
    tell_without(&seen.without)
}

fn as_json(d: &Difference) -> Value {
    json!({ "symbol": d.symbol, "date": d.date, "feature": d.feature, "looks_ahead": d.looks_ahead })
}
