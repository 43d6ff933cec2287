//! `nightdesk status`: how fresh the data are, read from the database without disturbing whoever writes it.

use std::collections::HashMap;

use clap::Args;
use serde_json::json;

use super::output::{self, line, second, thousands};
use super::{Context, Exit, Failure, runs};
use crate::engine::freshness::Expectation;
use crate::engine::{CellState, DATABASE, IngestSpec};
use crate::market::{Series, Timeframe};
use crate::store::master::{Reader, RunRecord, SeriesState, StoreError};

/// Show how fresh the data are, the last run and open findings
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print one JSON object on stdout
    #[arg(long)]
    pub(super) json: bool,
}

/// The states a series can rest in, with the words of the console's legend.
const STATES: [(CellState, &str); 6] = [
    (CellState::Fresh, "fresh"),
    (CellState::Late, "late"),
    (CellState::Gap, "with gaps"),
    (CellState::Failed, "failed"),
    (CellState::Quarantined, "quarantined"),
    (CellState::Empty, "empty"),
];

struct Status {
    /// Whether the file was made on simulators, whatever the flags say.
    demo: bool,
    rows: u64,
    per_timeframe: Vec<(Timeframe, HashMap<CellState, u32>)>,
    last_run: Option<RunRecord>,
    issues: (u64, u64),
}

/// Runs the command.
pub fn run(args: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let path = context.data_dir.join(DATABASE);
    if !path.exists() {
        if args.json {
            output::json(&json!({ "data_dir": context.data_dir, "database": null }))?;
        } else {
            line(format_args!(
                "No data yet in {}: `nightdesk ingest` fetches them, `nightdesk --demo` shows how it looks",
                context.data_dir.display()
            ))?;
        }
        return Ok(Exit::Done);
    }
    let status = read(context, &path)?;
    if args.json {
        print_json(context, &status)?;
    } else {
        print_text(context, &status)?;
    }
    Ok(Exit::Done)
}

fn read(context: &Context, path: &std::path::Path) -> Result<Status, StoreError> {
    let reader = Reader::open(path)?;
    let states: HashMap<Series, SeriesState> = reader.series_states()?.into_iter().map(|s| (s.series, s)).collect();
    let mut expectation = Expectation::default();
    expectation.update(context.clock.now(), i64::from(context.settings.ingest.settle_minutes) * 60);
    let per_timeframe = Timeframe::ALL
        .into_iter()
        .map(|timeframe| {
            let mut counts: HashMap<CellState, u32> = HashMap::new();
            for i in &context.universe.instruments {
                let cell = expectation.cell(i, timeframe, states.get(&Series { symbol: i.symbol, timeframe }));
                *counts.entry(cell.state).or_default() += 1;
            }
            (timeframe, counts)
        })
        .collect();
    Ok(Status {
        demo: reader.is_demo()?,
        rows: states.values().map(|s| s.rows).sum(),
        per_timeframe,
        last_run: reader.runs(1)?.into_iter().next(),
        issues: reader.issue_counts()?,
    })
}

fn total(status: &Status, state: CellState) -> u32 {
    status.per_timeframe.iter().filter_map(|(_, c)| c.get(&state)).sum()
}

fn print_json(context: &Context, status: &Status) -> Result<(), Failure> {
    let counts =
        |c: &HashMap<CellState, u32>| STATES.iter().map(|(s, w)| ((*w).to_owned(), json!(c.get(s).copied().unwrap_or(0)))).collect();
    let timeframes: serde_json::Map<String, serde_json::Value> =
        status.per_timeframe.iter().map(|(t, c)| (t.name().to_owned(), serde_json::Value::Object(counts(c)))).collect();
    let series: serde_json::Map<String, serde_json::Value> =
        STATES.iter().map(|(s, w)| ((*w).to_owned(), json!(total(status, *s)))).collect();
    output::json(&json!({
        "data_dir": context.data_dir,
        "demo": status.demo,
        "bars": status.rows,
        "series": series,
        "timeframes": timeframes,
        "last_run": status.last_run.as_ref().map(runs::json),
        "findings": { "hiding_data": status.issues.0, "open": status.issues.1 },
    }))
}

fn print_text(context: &Context, status: &Status) -> Result<(), Failure> {
    let all = Timeframe::ALL.len() * context.universe.instruments.len();
    let parts: Vec<String> =
        STATES.iter().map(|(s, w)| (total(status, *s), w)).filter(|(n, _)| *n > 0).map(|(n, w)| format!("{n} {w}")).collect();
    line(format_args!("{}{}", context.data_dir.display(), if status.demo { "  DEMO" } else { "" }))?;
    line(format_args!("{all} series: {}; {} bars", parts.join(", "), thousands(status.rows)))?;
    for (timeframe, counts) in &status.per_timeframe {
        let row: Vec<String> = STATES.iter().filter_map(|(s, w)| counts.get(s).map(|n| format!("{n} {w}"))).collect();
        line(format_args!("  {timeframe:>4}  {}", row.join(", ")))?;
    }
    match &status.last_run {
        Some(run) => {
            line(format_args!(
                "last run {} {}, started {} UTC: {}",
                run.id,
                run.state,
                second(run.started_at),
                IngestSpec::words(&run.spec)
            ))?;
        }
        None => line(format_args!("no run yet"))?,
    }
    let (hiding, open) = status.issues;
    line(format_args!(
        "{open} open findings, {hiding} of them hide data{}",
        if open > 0 { "; `nightdesk issues list` shows them" } else { "" }
    ))
}
