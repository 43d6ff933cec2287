//! `nightdesk status`: how fresh the data are, read from the database without disturbing whoever writes it, and what a
//! running engine does.

use std::collections::HashMap;

use clap::Args;
use serde_json::{Value, json};

use super::output::{self, line, second, thousands};
use super::{Context, Exit, Failure, attach, runs, watch};
use crate::control::Client;
use crate::engine::freshness::Expectation;
use crate::engine::{CellState, IngestSpec};
use crate::market::{Series, Strategy, Timeframe};
use crate::store::master::{Reader, RunRecord, SeriesState, StoreError};
use crate::train::progress::Standing;
use crate::trainer::Trainer;

/// Show how fresh the data are, the last run and open findings
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print one JSON object on stdout
    #[arg(long)]
    pub(super) json: bool,
    /// Print it anew whenever it changes, until interrupted
    #[arg(long, conflicts_with = "json")]
    pub(super) watch: bool,
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
    context.warn();
    if args.watch {
        return watch::watch(context);
    }
    context.block_on(async {
        let client = attach::attach(context).await?;
        if args.json {
            output::json(&as_json(context, client.as_ref())?)?;
        } else {
            line(text(context, client.as_ref())?.trim_end())?;
        }
        Ok(Exit::Done)
    })?
}

/// `None` where nothing was stored yet.
fn read(context: &Context) -> Result<Option<Status>, StoreError> {
    let path = context.database();
    if !path.exists() {
        return Ok(None);
    }
    let reader = Reader::open(&path)?;
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
    Ok(Some(Status {
        demo: reader.is_demo()?,
        rows: states.values().map(|s| s.rows).sum(),
        per_timeframe,
        last_run: reader.runs(1)?.into_iter().next().map(|run| runs::judged(context, run)),
        issues: reader.issue_counts()?,
    }))
}

fn total(status: &Status, state: CellState) -> u32 {
    status.per_timeframe.iter().filter_map(|(_, c)| c.get(&state)).sum()
}

fn as_json(context: &Context, client: Option<&Client>) -> Result<Value, Failure> {
    let engine = client.map(|c| watch::json(&c.state().borrow()));
    let strategies = standings(context)?;
    let Some(status) = read(context)? else {
        return Ok(json!({ "data_dir": context.data_dir, "database": null, "strategies": strategies, "engine": engine }));
    };
    let counts = |c: &HashMap<CellState, u32>| -> Value {
        STATES.iter().map(|(s, w)| ((*w).to_owned(), json!(c.get(s).copied().unwrap_or(0)))).collect()
    };
    let timeframes: Value = status.per_timeframe.iter().map(|(t, c)| (t.name().to_owned(), counts(c))).collect();
    let series: Value = STATES.iter().map(|(s, w)| ((*w).to_owned(), json!(total(&status, *s)))).collect();
    Ok(json!({
        "data_dir": context.data_dir,
        "demo": status.demo,
        "bars": status.rows,
        "series": series,
        "timeframes": timeframes,
        "last_run": status.last_run.as_ref().map(runs::json),
        "findings": { "hiding_data": status.issues.0, "open": status.issues.1 },
        "strategies": strategies,
        "engine": engine,
    }))
}

/// The status for people.
pub(super) fn text(context: &Context, client: Option<&Client>) -> Result<String, Failure> {
    let mut out = Vec::new();
    match read(context)? {
        Some(status) => {
            data_lines(context, &status, &mut out);
            out.extend(standings(context)?.iter().map(|s| format!("{}: {}", s.strategy, s.words)));
        }
        None => out.push(format!(
            "No data yet in {}: `nightdesk ingest` fetches them, `nightdesk --demo` shows how it looks",
            context.data_dir.display()
        )),
    }
    if let Some(client) = client {
        watch::lines(client, &mut out);
    }
    Ok(out.join("\n"))
}

/// Which model of each strategy serves, or why none does.
fn standings(context: &Context) -> Result<Vec<Standing>, StoreError> {
    let trainer = Trainer::new(context.workplace());
    Strategy::ALL.into_iter().map(|strategy| trainer.standing(strategy)).collect()
}

fn data_lines(context: &Context, status: &Status, out: &mut Vec<String>) {
    let all = Timeframe::ALL.len() * context.universe.instruments.len();
    let parts: Vec<String> =
        STATES.iter().map(|(s, w)| (total(status, *s), w)).filter(|(n, _)| *n > 0).map(|(n, w)| format!("{n} {w}")).collect();
    out.push(format!("{}{}", context.data_dir.display(), if status.demo { "  DEMO" } else { "" }));
    out.push(format!("{all} series: {}; {} bars", parts.join(", "), thousands(status.rows)));
    for (timeframe, counts) in &status.per_timeframe {
        let row: Vec<String> = STATES.iter().filter_map(|(s, w)| counts.get(s).map(|n| format!("{n} {w}"))).collect();
        out.push(format!("  {timeframe:>4}  {}", row.join(", ")));
    }
    out.push(match &status.last_run {
        Some(run) => {
            format!(
                "last run {} {}, started {} UTC: {}",
                run.id,
                runs::record_word(run),
                second(run.started_at),
                IngestSpec::words(&run.spec)
            )
        }
        None => "no run yet".to_owned(),
    });
    let (hiding, open) = status.issues;
    let more = if open > 0 { "; `nightdesk issues list` shows them" } else { "" };
    out.push(format!("{open} open findings, {hiding} of them hide data{more}"));
}
