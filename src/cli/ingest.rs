//! `nightdesk ingest`: one run in the foreground, with progress on stderr and the result on stdout.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::output::{self, thousands};
use super::{Context, Exit, Failure, attach, follow, rig};
use crate::config::{Lookback, SourcePolicy};
use crate::control::{Client, LinkView};
use crate::engine::{Command, IngestSpec, PlanSummary, Query, Reply, RunProgress, RunView, Snapshot};
use crate::market::{Symbol, Timeframe};
use crate::store::master::RunState;

/// Fetch what is missing: candles, splits, dividends, fundamentals and metadata
///
/// What is missing is computed from the exchange calendar, so running it twice fetches next to nothing. Interrupted
/// runs resume. Ctrl-C or SIGTERM stops after the requests in flight, a second one at once. Exit code: 0 done, 1 failed,
/// 3 done with failures, 130 interrupted.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Only these symbols, comma-separated
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    symbols: Vec<Symbol>,
    /// Only these timeframes, comma-separated (1m 2m 3m 5m 10m 15m 20m 30m 1h 90m 2h 3h 4h 8h 1d 1w 1mo)
    #[arg(long, value_delimiter = ',', value_name = "T,T")]
    timeframes: Vec<Timeframe>,
    /// How far back, instead of the configured history (30d, 6mo, 10y)
    #[arg(long, value_name = "SPAN")]
    lookback: Option<Lookback>,
    /// Which source may be used
    #[arg(long, value_name = "auto|ib|yahoo", value_parser = parse_policy)]
    source: Option<SourcePolicy>,
    /// Read splits, dividends, fundamentals and metadata even if they are recent
    #[arg(long)]
    refresh: bool,
    /// Print the plan and fetch nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object on stdout
    #[arg(long)]
    pub(super) json: bool,
}

fn parse_policy(text: &str) -> Result<SourcePolicy, String> {
    match text {
        "auto" => Ok(SourcePolicy::Auto),
        "ib" => Ok(SourcePolicy::Ib),
        "yahoo" => Ok(SourcePolicy::Yahoo),
        _ => Err("use auto, ib or yahoo".to_owned()),
    }
}

impl Arguments {
    fn spec(&self) -> IngestSpec {
        IngestSpec {
            symbols: self.symbols.clone(),
            timeframes: self.timeframes.clone(),
            lookback: self.lookback,
            source: self.source,
            refresh_facets: self.refresh,
        }
    }
}

/// Runs the command.
pub fn run(args: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let unknown: Vec<&Symbol> = args.symbols.iter().filter(|s| context.universe.get(**s).is_none()).collect();
    if let Some(symbol) = unknown.first() {
        return Err(Failure::usage(format!("{symbol} is not in universe.toml")).next("add it there, or import its data from a file"));
    }
    rig::with_engine(context, async |client| work(client, args, context).await)
}

async fn work(client: &Client, args: &Arguments, context: &Context) -> Result<Exit, Failure> {
    if args.dry_run { dry_run(client, args).await } else { foreground(client, context, args.spec(), args.json).await }
}

async fn dry_run(client: &Client, args: &Arguments) -> Result<Exit, Failure> {
    let reply =
        client.query(Query::Plan { spec: args.spec() }).await.map_err(|e| Failure::new(format!("the plan could not be made: {e}")))?;
    let Reply::Plan(plan) = reply else { return Err(Failure::new("the engine answered something else than a plan")) };
    if args.json {
        output::json(&json!({ "plan": plan }))?;
    } else {
        output::line(plan_text(&plan))?;
    }
    Ok(Exit::Done)
}

fn plan_text(plan: &PlanSummary) -> String {
    let requests: u32 = plan.requests.iter().map(|(_, n)| n).sum();
    let by: Vec<String> = plan.requests.iter().map(|(s, n)| format!("{s} {n}")).collect();
    let mut text = format!(
        "Would work on {} series ({} fetched, {} derived), {} are fresh\n{requests} requests ({}), about {} bars, about {} s",
        plan.series,
        plan.series - plan.derived,
        plan.derived,
        plan.fresh,
        if by.is_empty() { "none".to_owned() } else { by.join(", ") },
        thousands(plan.bars),
        plan.seconds
    );
    for note in &plan.notes {
        text.push_str("\nnote: ");
        text.push_str(note);
    }
    text
}

/// Starts a run and follows it to its end, wherever the engine is. Ctrl-C, or SIGTERM as a service manager sends it, stops
/// the run gently, a second one at once.
pub(super) async fn foreground(client: &Client, context: &Context, spec: IngestSpec, as_json: bool) -> Result<Exit, Failure> {
    // Before the run exists, so that no signal finds the default action, which would cut it off.
    let signals = [signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?];
    let asked = client.send(attach::envelope(context, Command::Ingest { spec })).await;
    let ack = asked.map_err(|e| Failure::new(format!("the ingest did not start: {e}")))?;
    let Some(run_id) = ack.run_id else { return Err(Failure::new(format!("the ingest did not start: {}", ack.message))) };
    let run = to_end(client, context, run_id, signals).await?;
    if as_json {
        output::json(
            &json!({ "run": run.id, "state": run.state, "started_at": run.started_at, "ended_at": run.ended_at, "summary": run.summary }),
        )?;
    } else {
        output::line(summary_text(&run))?;
    }
    Ok(match run.state {
        RunState::Succeeded => Exit::Done,
        RunState::Partial => Exit::Partial,
        RunState::Cancelled => Exit::Interrupted,
        _ => Exit::Failed,
    })
}

async fn to_end(client: &Client, context: &Context, run_id: i64, [mut interrupt, mut terminate]: [Signal; 2]) -> Result<RunView, Failure> {
    let (mut state, mut link) = (client.state(), client.link());
    let mut printer = Printer::new();
    let mut stops = 0;
    loop {
        let asked = async {
            tokio::select! { asked = interrupt.recv() => asked, asked = terminate.recv() => asked }
        };
        tokio::select! {
            changed = state.changed() => {
                if changed.is_err() {
                    return Err(Failure::new("the engine stopped before the run ended").next("look into the log: nightdesk logs"));
                }
                let snapshot = state.borrow_and_update().clone();
                if let Some(run) = ended(&snapshot, run_id) {
                    printer.end(&run);
                    return Ok(run);
                }
                if let Some(failure) = unborn(&snapshot, run_id) {
                    printer.leave();
                    return Err(failure);
                }
                printer.show(&snapshot);
            }
            Some(()) = asked => {
                stops += 1;
                printer.leave();
                follow::stop(client, context, run_id, stops > 1)?;
                output::remark(if stops == 1 { "Stopping after the requests in flight, or in a second; Ctrl-C again stops now" } else { "Stopping now" });
            }
            now = client.link_changed(&link) => {
                if !matches!((&link, &now), (LinkView::Lost { .. }, LinkView::Lost { .. })) {
                    printer.leave();
                }
                follow::link_remark(&link, &now);
                link = now;
            }
        }
    }
}

fn ended(snapshot: &Snapshot, run_id: i64) -> Option<RunView> {
    snapshot.runs.iter().find(|r| r.id == run_id).cloned()
}

/// The end of a run that never began: it was skipped, or its daemon died while it waited.
fn unborn(snapshot: &Snapshot, run_id: i64) -> Option<Failure> {
    let run = snapshot.job_runs.iter().find(|r| r.id == run_id && r.state.ended() && r.started_at.is_none())?;
    let why = run.error.as_ref().map(|e| format!(": {e}")).unwrap_or_default();
    Some(Failure::new(format!("run {run_id} did not begin, it is {}{why}", run.state)).next("start it again: nightdesk ingest"))
}

/// Progress on stderr: one line that is rewritten on a terminal, elsewhere a line every five seconds and one at the
/// end.
struct Printer {
    terminal: bool,
    last: Option<tokio::time::Instant>,
    width: usize,
}

impl Printer {
    fn new() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), last: None, width: 0 }
    }

    fn show(&mut self, snapshot: &Snapshot) {
        let Some(line) = snapshot.active.as_ref().and_then(|run| progress_line(&run.progress)) else { return };
        let every = if self.terminal { Duration::from_millis(200) } else { Duration::from_secs(5) };
        let now = tokio::time::Instant::now();
        // On a pipe the first line waits its turn too: the end of a short run would follow it at once.
        let due = self.last.map_or(self.terminal, |t| now - t >= every);
        if due || self.last.is_none() {
            self.last = Some(now);
        }
        if due {
            self.print(&line);
        }
    }

    fn print(&mut self, line: &str) {
        if self.terminal {
            drop(write!(std::io::stderr(), "\r{line:<width$}", width = self.width));
            self.width = line.chars().count();
        } else {
            output::remark(line);
        }
    }

    /// Leaves the rewritten line, so that what follows has one of its own.
    fn leave(&mut self) {
        if self.terminal && self.width > 0 {
            output::remark("");
            self.width = 0;
        }
    }

    /// The last word on a run.
    fn end(&mut self, run: &RunView) {
        let at_rest = RunProgress { phase: "ended".to_owned(), bars_per_second: 0.0, eta_s: None, ..run.progress.clone() };
        if let Some(line) = progress_line(&at_rest) {
            self.print(&line);
        }
        self.leave();
    }
}

/// `None` until there is a plan to measure progress against.
fn progress_line(p: &RunProgress) -> Option<String> {
    if p.series_total == 0 {
        return None;
    }
    let mut parts = vec![
        p.phase.clone(),
        format!("series {}/{}", p.series_done, p.series_total),
        format!("requests {}/{}", p.requests_done, p.requests_total),
        format!("{} bars", thousands(p.written)),
    ];
    if p.bars_per_second >= 1.0 {
        parts.push(format!("{}/s", thousands(p.bars_per_second as u64)));
    }
    if p.failed > 0 {
        parts.push(format!("failed {}", p.failed));
    }
    parts.extend(p.eta_s.map(|s| format!("ETA {:02}:{:02}", s / 60, s % 60)));
    Some(parts.join("  "))
}

fn summary_text(run: &RunView) -> String {
    let Some(s) = &run.summary else { return format!("Run {} ended without a summary", run.id) };
    let word = match run.state {
        RunState::Succeeded => "done",
        RunState::Partial => "done with failures",
        RunState::Cancelled => "cancelled",
        _ => "failed",
    };
    let requests: Vec<String> = s.requests.iter().map(|(source, n)| format!("{source} {n}")).collect();
    let mut text = format!(
        "Run {} {word} in {:.1} s: {} series brought up to date, {} failed, {} were fresh\n\
         requests {}; bars received {}, new {}, revised {}, derived {}\n\
         splits {}, dividends {}, fundamentals {}, data-quality findings {}",
        run.id,
        s.seconds,
        s.series_ok,
        s.series_failed,
        s.series_fresh,
        if requests.is_empty() { "none".to_owned() } else { requests.join(", ") },
        thousands(s.bars),
        thousands(s.inserted),
        thousands(s.revised),
        thousands(s.derived),
        s.splits,
        s.dividends,
        s.fundamentals,
        s.issues
    );
    for failure in s.failures.iter().take(10) {
        text.push_str("\nfailed: ");
        text.push_str(failure);
    }
    if s.failures.len() > 10 {
        text.push_str("\nand more; --json lists them");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_says_only_what_is_known() {
        let mut p = RunProgress { phase: "fetching".into(), ..RunProgress::default() };
        assert_eq!(progress_line(&p), None);
        (p.series_total, p.requests_total) = (17, 3);
        assert_eq!(progress_line(&p).unwrap(), "fetching  series 0/17  requests 0/3  0 bars");
        (p.series_done, p.requests_done, p.written, p.failed) = (9, 2, 12_345, 1);
        (p.bars_per_second, p.eta_s) = (1_234.5, Some(75));
        assert_eq!(progress_line(&p).unwrap(), "fetching  series 9/17  requests 2/3  12,345 bars  1,234/s  failed 1  ETA 01:15");
    }
}
