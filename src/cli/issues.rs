//! `nightdesk issues`: the data-quality findings, and settling them.

use chrono::{DateTime, SecondsFormat};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::output::{self, count};
use super::{Context, Exit, Failure, attach, rig};
use crate::engine::Command as EngineCommand;
use crate::ingest::quality::CHECKS;
use crate::market::{Symbol, Timeframe, ts_to_date};
use crate::store::master::{IssueFilter, Reader, Resolution, Scope, StoreError, StoredIssue};

/// List, show or settle data-quality findings
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List findings, worst and newest first
    List {
        /// Only of this symbol
        #[arg(long, value_name = "S")]
        symbol: Option<Symbol>,
        /// Only in this bar size
        #[arg(long, value_name = "T")]
        timeframe: Option<Timeframe>,
        /// Also settled ones
        #[arg(long)]
        all: bool,
        /// At most this many
        #[arg(long, value_name = "N", default_value_t = 100)]
        limit: usize,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show one finding
    Show {
        /// Its number, from the list
        id: i64,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Settle a finding
    Resolve {
        /// Its number, from the list
        id: i64,
        /// accepted: the data are right, show them; fixed: they were corrected; dismissed: keep them hidden, stop asking
        #[arg(long = "as", value_enum, value_name = "HOW")]
        how: How,
        /// Why, for whoever looks later
        #[arg(long, value_name = "TEXT")]
        note: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum How {
    Accepted,
    Fixed,
    Dismissed,
}

impl Arguments {
    pub(super) fn json(&self) -> bool {
        match self.command {
            Command::List { json, .. } | Command::Show { json, .. } | Command::Resolve { json, .. } => json,
        }
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    context.warn();
    match &arguments.command {
        Command::List { symbol, timeframe, all, limit, json } => {
            let filter = IssueFilter { symbol: *symbol, timeframe: *timeframe, settled: *all, limit: *limit };
            let found = Reader::open(&context.database())?.data_quality_issues(filter)?;
            if *json { output::json(&json!({ "ok": true, "issues": found }))? } else { list(&found, *limit)? }
        }
        Command::Show { id, json } => {
            let found = Reader::open(&context.database())?.issue(*id)?.ok_or(StoreError::NoIssue(*id))?;
            if *json { output::json(&found)? } else { show(&found)? }
        }
        Command::Resolve { id, how, note, json } => {
            let settled = resolve(context, *id, *how, note)?;
            if *json { output::json(&settled)? } else { show(&settled)? }
        }
    }
    Ok(Exit::Done)
}

fn resolve(context: &Context, id: i64, how: How, note: &str) -> Result<StoredIssue, Failure> {
    if note.trim().is_empty() {
        return Err(Failure::usage("--note is empty").next("say why, for whoever looks at this finding later"));
    }
    // A writer would make a database where there is none.
    drop(Reader::open(&context.database())?);
    let resolution = match how {
        How::Accepted => Resolution::Accepted,
        How::Fixed => Resolution::Fixed,
        How::Dismissed => Resolution::Dismissed,
    };
    context.block_on(async {
        if let Some(client) = attach::attach(context).await? {
            let command = EngineCommand::ResolveIssue { id, resolution, note: note.to_owned() };
            attach::send(&client, context, command).await?;
            return Ok(Reader::open(&context.database())?.issue(id)?.ok_or(StoreError::NoIssue(id))?);
        }
        context.sound()?;
        let logging = context.start_logging()?;
        let writer = context.open_writer()?;
        let settled = writer.resolve(id, resolution, note.to_owned()).await?;
        if settled.issue.severity.hides() {
            rig::rederive(context, &writer, settled.issue.series.symbol).await?;
        }
        writer.close().await?;
        tracing::info!(target: "cli", id, %resolution, note, "Finding settled");
        drop(logging);
        Ok(settled)
    })?
}

fn list(found: &[StoredIssue], limit: usize) -> Result<(), Failure> {
    if found.is_empty() {
        return output::line("No findings.");
    }
    output::line(format_args!("{:>6}  S  {:<9} {:<4} {:>2}  {:<22}  finding", "id", "symbol", "tf", "#", "bars"))?;
    for f in found {
        let (i, mark) = (&f.issue, if f.resolved.is_some() { " (settled)" } else { "" });
        let head = format!("{:>6}  {}  {:<9} {:<4} {:>2}", f.id, i.severity.letter(), i.series.symbol, i.series.timeframe, i.check);
        output::line(format_args!("{head}  {:<22}  {}{mark}", bars(i.scope), i.message))?;
    }
    let more = if found.len() == limit { ", perhaps more: raise --limit" } else { "" };
    output::line(format_args!("{}{more}. Severities E and C hide bars from reads.", count(found.len(), "finding", "findings")))
}

fn show(found: &StoredIssue) -> Result<(), Failure> {
    let i = &found.issue;
    let check = CHECKS.iter().find(|c| c.number == i.check);
    let hidden = if i.severity.hides() { ", hides what it covers until settled" } else { "" };
    let run = found.run_id.map(|r| format!(" by run {r}")).unwrap_or_default();
    output::line(format_args!("Finding {}: {}", found.id, i.message))?;
    output::line(format_args!("  series    {}", i.series))?;
    output::line(format_args!("  covers    {}", bars(i.scope)))?;
    output::line(format_args!("  severity  {}{hidden}", i.severity.letter()))?;
    output::line(format_args!("  check     {}: {}", i.check, check.map_or("", |c| c.name)))?;
    output::line(format_args!("  rule      {}", check.map_or("", |c| c.rule)))?;
    output::line(format_args!("  opened    {}{run}", instant(found.opened_at)))?;
    match &found.resolved {
        Some((at, how)) => output::line(format_args!("  settled   {}: {how}", instant(*at))),
        None => output::line(format_args!("  settle    nightdesk issues resolve {} --as accepted|fixed|dismissed --note TEXT", found.id)),
    }
}

fn bars(scope: Scope) -> String {
    match scope {
        Scope::Series => "the whole series".to_owned(),
        Scope::Bars { from, to } if ts_to_date(from) == ts_to_date(to) => ts_to_date(from).to_string(),
        Scope::Bars { from, to } => format!("{}..{}", ts_to_date(from), ts_to_date(to)),
    }
}

fn instant(ts: i64) -> String {
    DateTime::from_timestamp(ts, 0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Secs, true)
}
