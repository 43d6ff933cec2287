//! `nightdesk import`: a user's CSV file into the master database, under a run record and through the quality checks.

use std::path::PathBuf;

use chrono_tz::Tz;
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::json;

use super::output::{self, count};
use super::{Context, Exit, Failure, rig};
use crate::engine::SCHEDULER_DATABASE;
use crate::ingest::quality::{self, Stage, checks_of, compare};
use crate::market::actions::{factor_on, unsplit_steps};
use crate::market::{Actions, Bars, Series, SourceId, Symbol, Timeframe, ts_to_date};
use crate::sources::file::{self, CandleFile, Notes, Options};
use crate::store::master::{CandleBatch, Issue, IssueReport, Reader, RunState, SeriesUpdate, StoreError, Writer};
use crate::store::scheduler::{RunFilter, SchedulerReader};

/// Import candles, splits or dividends from a CSV file
///
/// The first line names the columns, in any order and case: date (or datetime, timestamp), open, high, low, close and
/// volume for candles; date and ratio (or numerator, denominator) for splits; date and amount for dividends. Other
/// columns are ignored with a note.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What the file holds
    #[arg(value_enum)]
    kind: Kind,
    /// The file
    file: PathBuf,
    /// Symbol in Yahoo's spelling, such as AAPL or BTC-USD
    #[arg(long, value_name = "S")]
    symbol: Symbol,
    /// Bar size of candles [default: told from the spacing of the rows]
    #[arg(long, value_name = "T")]
    timeframe: Option<Timeframe>,
    /// Zone of times without an offset [default: the exchange's; UTC for crypto]
    #[arg(long, value_name = "ZONE", value_parser = file::parse_zone)]
    time_zone: Option<Tz>,
    /// Candles are as traded: adjust them by the stored splits (import those first)
    #[arg(long)]
    raw: bool,
    /// Leave rows out that cannot be read, instead of refusing the file
    #[arg(long)]
    skip_bad_rows: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// What a file can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Candles,
    Splits,
    Dividends,
}

/// What came of an import, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Summary {
    ok: bool,
    kind: Kind,
    symbol: Symbol,
    timeframe: Option<Timeframe>,
    run_id: i64,
    /// Rows in the file.
    rows: usize,
    /// Rows that could not be read and were skipped.
    skipped: usize,
    /// Bars that cannot be stored (no session, no price); each has a finding.
    dropped: usize,
    inserted: u64,
    revised: u64,
    unchanged: u64,
    findings_opened: u32,
    findings_fixed: u32,
    ignored_columns: Vec<String>,
    remarks: Vec<String>,
    bad_rows: Vec<String>,
}

/// What the file gave.
enum Content {
    Candles(Box<CandleFile>),
    Actions(Actions),
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    if arguments.kind != Kind::Candles && (arguments.timeframe.is_some() || arguments.raw) {
        return Err(Failure::usage("--timeframe and --raw are for candles only"));
    }
    let (content, notes) = read(arguments, context)?;
    let logging = context.start_logging()?;
    let summary = context.block_on(store(arguments, context, content, notes))??;
    drop(logging);
    if arguments.json {
        output::json(&summary)?;
    } else {
        print(&summary)?;
    }
    Ok(if summary.skipped > 0 { Exit::Partial } else { Exit::Done })
}

fn read(arguments: &Arguments, context: &Context) -> Result<(Content, Notes), Failure> {
    let asset = context.asset(arguments.symbol);
    let options = Options {
        asset,
        timeframe: arguments.timeframe,
        zone: arguments.time_zone.unwrap_or(file::default_zone(asset)),
        skip_bad_rows: arguments.skip_bad_rows,
        now: context.clock.now(),
    };
    Ok(match arguments.kind {
        Kind::Candles => {
            let read = file::read_candles(&arguments.file, &options)?;
            let notes = read.notes.clone();
            (Content::Candles(Box::new(read)), notes)
        }
        Kind::Splits => {
            let (splits, notes) = file::read_splits(&arguments.file, &options)?;
            (Content::Actions(Actions { splits, dividends: Vec::new() }), notes)
        }
        Kind::Dividends => {
            let (dividends, notes) = file::read_dividends(&arguments.file, &options)?;
            (Content::Actions(Actions { splits: Vec::new(), dividends }), notes)
        }
    })
}

/// Writes under a run record, which says how it ended even when it failed.
async fn store(arguments: &Arguments, context: &Context, content: Content, notes: Notes) -> Result<Summary, StoreError> {
    let writer = context.open_writer()?;
    writer.sync_universe(context.universe.clone()).await?;
    let spec = json!({ "import": arguments.kind, "file": arguments.file, "symbol": arguments.symbol, "raw": arguments.raw });
    let run_id = writer.begin_run(next_run(context)?, spec.to_string()).await?;
    let mut summary = Summary::new(arguments, run_id, notes);
    let done = match content {
        Content::Candles(file) => candles(&writer, context, *file, arguments.raw, &mut summary).await,
        Content::Actions(actions) => store_actions(&writer, context, actions, &mut summary).await,
    };
    let (state, error) = match &done {
        Ok(()) if summary.skipped == 0 => (RunState::Succeeded, None),
        Ok(()) => (RunState::Partial, None),
        Err(e) => (RunState::Failed, Some(e.to_string())),
    };
    let text = serde_json::to_string(&summary).ok().filter(|_| done.is_ok());
    let finished = writer.finish_run(run_id, state, text, error).await;
    // The first failure is the one that explains the others.
    done.and(finished)?;
    writer.close().await?;
    tracing::info!(target: "cli", run = run_id, rows = summary.rows, inserted = summary.inserted, revised = summary.revised, "File imported");
    Ok(summary)
}

/// The next number that no run of a job has; `None` where there was none yet, and the master database counts on.
fn next_run(context: &Context) -> Result<Option<i64>, StoreError> {
    let path = context.data_dir.join(SCHEDULER_DATABASE);
    // A record that cannot be read is moved aside by the next engine; its numbers are gone with it.
    let newest = SchedulerReader::open(&path).and_then(|r| r.runs(RunFilter::default(), 1)).unwrap_or_default();
    let Some(job) = newest.first().map(|r| r.id) else { return Ok(None) };
    let own = Reader::open(&context.database())?.runs(1)?.first().map_or(0, |r| r.id);
    Ok(Some(job.max(own) + 1))
}

async fn store_actions(writer: &Writer, context: &Context, actions: Actions, summary: &mut Summary) -> Result<(), StoreError> {
    let given = (actions.splits.len() + actions.dividends.len()) as u64;
    let report = writer.actions(summary.symbol, actions, SourceId::File, summary.run_id).await?;
    summary.inserted = (report.new_splits.len() + report.new_dividends.len()) as u64;
    summary.unchanged = given.saturating_sub(summary.inserted);
    if report.new_splits.is_empty() {
        return Ok(());
    }
    let (reader, symbol) = (Reader::open(&context.database())?, summary.symbol);
    for series in reader.rebase_due()?.into_iter().filter(|s| s.symbol == symbol) {
        if reader.provenance(series)?.iter().any(|(source, _)| *source != SourceId::File) {
            summary.remarks.push(format!("{series} is on the share basis before a new split; the next ingest puts it right"));
            continue;
        }
        // What a file brought, no source brings again.
        let batch = CandleBatch { series, source: SourceId::File, run_id: summary.run_id, bars: Bars::new(), replace: None };
        let (swapped, found) = writer.swap(batch, (i64::MIN, i64::MAX), Vec::new(), Vec::new()).await?;
        summary.add(&found);
        summary.remarks.push(format!("{} of {series} adjusted for a new split", count(swapped.adjusted as usize, "bar", "bars")));
    }
    rig::rederive(context, writer, symbol).await
}

/// Screens, writes and reviews candles; the findings go to the data-quality log.
async fn candles(writer: &Writer, context: &Context, file: CandleFile, raw: bool, summary: &mut Summary) -> Result<(), StoreError> {
    let CandleFile { timeframe, mut bars, adjusted, .. } = file;
    let series = Series { symbol: summary.symbol, timeframe };
    summary.timeframe = Some(timeframe);
    let reader = Reader::open(&context.database())?;
    let factors = as_served(&reader, context, series, &bars, adjusted.as_deref(), raw, summary)?;
    if raw {
        adjust(&reader, series.symbol, &mut bars, summary)?;
    }
    let now = context.clock.now();
    let first = bars.first().map_or(now, |b| b.ts);
    let window = (first, bars.last().map_or(first, |b| b.ts) + 1);
    // The checks want twenty bars of context; nights and weekends stretch them.
    let before = reader.bars(series, (first - 200 * series.timeframe.seconds(), first), true)?;
    let calendar = context.asset(series.symbol).calendar();
    let screened = quality::screen(&quality::Context { series, calendar, before: &before, now, settings: &context.settings.quality }, bars);
    summary.dropped = screened.dropped;
    let run_id = Some(summary.run_id);
    let batch = CandleBatch { series, source: SourceId::File, run_id: summary.run_id, bars: screened.bars, replace: None };
    let report = writer.candles(batch).await?;
    (summary.inserted, summary.revised, summary.unchanged) = (report.inserted, report.revised + report.completed, report.unchanged);
    summary.add(&writer.reconcile(series, checks_of(Stage::Screen), window, screened.issues, run_id).await?);
    summary.add(&writer.issues(compare::revisions(series, &report.revisions), run_id).await?);
    let mut found = review(&reader, context, series, now)?;
    found.extend(factors);
    summary.add(&writer.reconcile(series, checks_of(Stage::Review), (i64::MIN, i64::MAX), found, run_id).await?);
    writer.series(vec![SeriesUpdate { series, attempted_at: now, error: None, gaps: None, derived_from: None }]).await?;
    rig::rederive(context, writer, series.symbol).await
}

/// What only the file can show: whether its own adjusted closes agree with the stored actions (check 18), and whether
/// prices said to be raw really show the stored splits (check 19).
fn as_served(
    reader: &Reader,
    context: &Context,
    series: Series,
    bars: &Bars,
    adjusted: Option<&[f64]>,
    raw: bool,
    summary: &mut Summary,
) -> Result<Vec<Issue>, StoreError> {
    let (splits, dividends) = (reader.splits(series.symbol)?, reader.dividends(series.symbol)?);
    if splits.is_empty() && dividends.is_empty() {
        if adjusted.is_some() {
            summary.remarks.push("the adjusted closes were not compared, as no split or dividend is stored; import those first".into());
        }
        return Ok(Vec::new());
    }
    let input = quality::Input {
        series,
        calendar: context.asset(series.symbol).calendar(),
        bars,
        basis: if raw { quality::Basis::Raw } else { quality::Basis::SplitAdjusted },
        splits: &splits,
        dividends: &dividends,
        adj_close: adjusted,
        now: context.clock.now(),
        delay: quality::VENDOR_DELAY,
        settings: &context.settings.quality,
    };
    let mut found = quality::review(&input);
    found.retain(|i| matches!(i.check, 18 | 19));
    Ok(found)
}

/// Puts raw prices on today's share basis, by the splits stored for the symbol.
fn adjust(reader: &Reader, symbol: Symbol, bars: &mut Bars, summary: &mut Summary) -> Result<(), StoreError> {
    let splits = reader.splits(symbol)?;
    let steps = unsplit_steps(&splits);
    for bar in bars {
        let factor = factor_on(&steps, ts_to_date(bar.ts));
        for price in [&mut bar.open, &mut bar.high, &mut bar.low, &mut bar.close] {
            *price /= factor;
        }
        bar.volume *= factor;
    }
    summary.remarks.push(match splits.len() {
        0 => format!("no split of {symbol} is stored, so the raw prices were taken as they are"),
        n => format!("prices and volumes were adjusted by {}", count(n, "stored split", "stored splits")),
    });
    Ok(())
}

/// The checks on the whole stored history.
fn review(reader: &Reader, context: &Context, series: Series, now: i64) -> Result<Vec<Issue>, StoreError> {
    let bars = reader.bars(series, (i64::MIN, i64::MAX), true)?;
    let (splits, dividends) = (reader.splits(series.symbol)?, reader.dividends(series.symbol)?);
    Ok(quality::review(&quality::Input {
        series,
        calendar: context.asset(series.symbol).calendar(),
        bars: &bars,
        basis: quality::Basis::SplitAdjusted,
        splits: &splits,
        dividends: &dividends,
        adj_close: None,
        now,
        delay: i64::from(context.settings.ingest.settle_minutes) * 60,
        settings: &context.settings.quality,
    }))
}

impl Summary {
    fn new(arguments: &Arguments, run_id: i64, notes: Notes) -> Self {
        Self {
            ok: true,
            kind: arguments.kind,
            symbol: arguments.symbol,
            timeframe: None,
            run_id,
            rows: notes.rows,
            skipped: notes.bad.count,
            dropped: 0,
            inserted: 0,
            revised: 0,
            unchanged: 0,
            findings_opened: 0,
            findings_fixed: 0,
            bad_rows: notes.bad.first.iter().map(ToString::to_string).collect(),
            ignored_columns: notes.ignored_columns,
            remarks: notes.remarks,
        }
    }

    fn add(&mut self, found: &IssueReport) {
        self.findings_opened += found.opened;
        self.findings_fixed += found.fixed;
    }
}

fn print(s: &Summary) -> Result<(), Failure> {
    let what = s.timeframe.map_or_else(|| s.symbol.to_string(), |t| format!("{} {t}", s.symbol));
    let rows = count(s.rows, "row", "rows");
    output::line(format_args!("{what}: {rows} read; {} new, {} changed, {} unchanged.", s.inserted, s.revised, s.unchanged))?;
    if s.skipped > 0 {
        output::line(format_args!("{} could not be read and left out:", count(s.skipped, "row", "rows")))?;
        for row in &s.bad_rows {
            output::line(format_args!("  {row}"))?;
        }
    }
    if s.dropped > 0 {
        output::line(format_args!("{} cannot be stored; the findings say why.", count(s.dropped, "bar", "bars")))?;
    }
    for remark in &s.remarks {
        output::line(format_args!("Note: {remark}."))?;
    }
    if !s.ignored_columns.is_empty() {
        output::line(format_args!("Columns not used: {}.", s.ignored_columns.join(", ")))?;
    }
    if s.findings_opened > 0 {
        let n = count(s.findings_opened as usize, "data-quality finding", "data-quality findings");
        output::line(format_args!("{n} opened: nightdesk issues list --symbol {}", s.symbol))?;
    }
    Ok(())
}
