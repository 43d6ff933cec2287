//! `nightdesk features build`, and what it shares with `check`.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;

use super::OfStrategy;
use crate::audit::open_to_work;
use crate::cli::{Context, Failure, output};
use crate::features::nightly::{Desk, Freshness, MissingCounts, NightError, NoFeatures, ROWS, bring_up_to_date, freshness};
use crate::market::{Strategy, Symbol};
use crate::store::master::{ReadPool, Reader};
use crate::store::model::ModelReader;

/// How often progress is shown.
const REFRESH: Duration = Duration::from_millis(200);

pub(super) fn run(of: &OfStrategy, whole: bool, context: &Context) -> Result<(), Failure> {
    let _logging = context.start_logging()?;
    let strategy = of.strategy;
    let began = context.clock.mono();
    let report = at_desk(strategy, context, |desk| {
        // Without market data there is nothing to make, and no database to begin.
        desk.master.ask(Reader::is_demo)?;
        let rules = &context.strategies.get(strategy).settings;
        let mut db = open_to_work(&context.data_dir, strategy, rules, context.demo, context.clock.clone())?;
        let report = bring_up_to_date(&mut db, desk, whole)?;
        db.close()?;
        Ok(report)
    })?;
    tell_silent(report.silent_benchmark.as_ref());
    let seconds = context.clock.mono().saturating_sub(began).as_secs_f64();
    if of.json {
        return output::json(&json!({
            "ok": true, "strategy": strategy, "symbols": report.symbols, "rows": report.rows, "rows_written": report.rows_written,
            "recomputed_whole": report.whole, "snapshot": report.snapshot, "missing": missing_json(&report.missing),
            "without": without_json(&report.without), "silent_benchmark": silent_json(report.silent_benchmark.as_ref()), "seconds": seconds,
        }));
    }
    let (symbols, rows) = (output::count(report.symbols, "symbol", "symbols"), output::thousands(report.rows));
    let written = output::thousands(report.rows_written);
    output::line(format_args!("{strategy}: features of {symbols}, {rows} rows computed in {seconds:.2} s, {written} in changed months."))?;
    match &report.whole {
        Some(why) => output::line(format_args!("  everything was computed: {why}"))?,
        None => output::line("  the rows of earlier months stand")?,
    }
    output::line(format_args!("  made of market data {}", report.snapshot))?;
    tell_missing(&report.missing)?;
    tell_without(&report.without)
}

/// Does `work` with the market data and the rules of `strategy`; progress is shown on a terminal.
pub(super) fn at_desk<T>(
    strategy: Strategy,
    context: &Context,
    work: impl FnOnce(&Desk<'_>) -> Result<T, NightError>,
) -> Result<T, Failure> {
    let rules = &context.strategies.get(strategy).settings.features;
    let pool = ReadPool::new(&context.database());
    let live = std::io::stderr().is_terminal();
    let shown = Mutex::new(Duration::ZERO);
    let progress = |done: usize, all: usize| {
        let now = context.clock.mono();
        // Who finds the lock taken leaves the line to who has it.
        let Some(mut shown) = shown.try_lock().ok().filter(|shown| live && now.saturating_sub(**shown) >= REFRESH) else { return };
        *shown = now;
        drop(write!(std::io::stderr(), "\rfeatures: step {done} of {all}"));
    };
    let stop = CancellationToken::new();
    let desk = Desk {
        master: &pool,
        instruments: &context.universe.instruments,
        benchmark: rules.benchmark,
        dividends: rules.uses_dividends(),
        progress: &progress,
        rows: ROWS,
        stop: &stop,
    };
    let done = work(&desk);
    if live {
        drop(write!(std::io::stderr(), "\r\x1b[K"));
    }
    done.map_err(|e| match e {
        NightError::Store(e) => e.into(),
        other => Failure::new(other.to_string()),
    })
}

/// Symbols without features that are named for a reason; `--json` names all.
const NAMED: usize = 8;

pub(super) fn tell_missing(missing: &MissingCounts) -> Result<(), Failure> {
    missing.iter().try_for_each(|(why, n)| output::line(format_args!("  {} values missing: {why}", output::thousands(n))))
}

/// Symbols without features, those of one reason together.
pub(super) fn tell_without(without: &[(Symbol, NoFeatures)]) -> Result<(), Failure> {
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for (symbol, why) in without {
        let why = why.to_string();
        match groups.iter_mut().find(|(w, _)| *w == why) {
            Some((_, symbols)) => symbols.push(symbol.as_str()),
            None => groups.push((why, vec![symbol.as_str()])),
        }
    }
    for (why, symbols) in groups {
        let more = symbols.len().saturating_sub(NAMED);
        let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
        output::line(format_args!("  no features of {}{rest}: {why}", symbols[..symbols.len() - more].join(", ")))?;
    }
    Ok(())
}

/// How the cached features stand to the market data, in words where they are not up to date.
pub(in crate::cli) fn standing(reader: &ModelReader, strategy: Strategy, context: &Context) -> (Option<Freshness>, Option<String>) {
    match at_desk(strategy, context, |desk| freshness(reader, desk)) {
        Ok(Freshness::Current) => (Some(Freshness::Current), None),
        Ok(other) => (Some(other), Some(format!("{other}: `nightdesk features build --strategy {strategy}` brings them up to date"))),
        Err(e) => (None, Some(format!("whether they are up to date is not known: {e}"))),
    }
}

/// Says on standard error that the benchmark gives nothing.
pub(super) fn tell_silent(benchmark: Option<&(Symbol, NoFeatures)>) {
    if let Some((symbol, why)) = benchmark {
        output::remark(format_args!(
            "warning: the benchmark {symbol} gives no market returns, {why}; features that need the market are missing"
        ));
    }
}

pub(super) fn silent_json(benchmark: Option<&(Symbol, NoFeatures)>) -> Value {
    benchmark.map_or(Value::Null, |(symbol, why)| json!({ "symbol": symbol, "reason": why.to_string() }))
}

pub(super) fn missing_json(missing: &MissingCounts) -> Value {
    missing.iter().map(|(why, n)| (why.to_string(), Value::from(n))).collect::<Map<_, _>>().into()
}

pub(super) fn without_json(without: &[(Symbol, NoFeatures)]) -> Value {
    without.iter().map(|(symbol, why)| json!({ "symbol": symbol, "reason": why.to_string() })).collect()
}
