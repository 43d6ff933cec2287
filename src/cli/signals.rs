//! `nightdesk signals`: open signals, what came of earlier ones, and what spoke for each. Read from the databases.

use clap::{Args, Subcommand};
use serde_json::json;

use super::output::{self, line, second};
use super::{Context, Exit, Failure, strategy};
use crate::engine::Watching;
use crate::market::Strategy;
use crate::scan::views::{SectorRow, SignalDetail, SignalRow, SignalState, SignalsPage};
use crate::train::backtest::Side;
use crate::watcher::Watcher;

/// Signals that a list shows of a strategy.
const LISTED: usize = 40;

/// List signals with what came of them, show one, or the sectors
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the signals of the strategies, newest first, and how the last scan went
    List {
        /// Only this strategy's
        #[arg(long, value_name = "S", value_parser = strategy::parser())]
        strategy: Option<Strategy>,
        /// Only open ones
        #[arg(long)]
        open: bool,
        /// At most so many a strategy
        #[arg(long, value_name = "N", default_value_t = LISTED)]
        limit: usize,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show one signal: what spoke for it, past cases like it, and its outcome
    Show {
        /// Its number, from the list
        id: i64,
        /// Whose
        #[arg(long, value_name = "S", value_parser = strategy::parser())]
        strategy: Strategy,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show what each sector has to offer, and what came of its signals
    Sectors {
        /// Only this strategy's
        #[arg(long, value_name = "S", value_parser = strategy::parser())]
        strategy: Option<Strategy>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

impl Arguments {
    pub(super) const fn json(&self) -> bool {
        match self.command {
            Command::List { json, .. } | Command::Show { json, .. } | Command::Sectors { json, .. } => json,
        }
    }
}

/// Runs the command.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    context.warn();
    let watcher = Watcher::new(context.workplace());
    match arguments.command {
        Command::List { strategy, open, limit, json } => {
            // Open ones may lie behind any number of settled ones.
            let mut pages = each(strategy, |s| watcher.signals_page(s, if open { usize::MAX } else { limit }))?;
            for (_, page) in pages.iter_mut().filter(|_| open) {
                page.signals.retain(|s| s.state == SignalState::Open);
                page.signals.truncate(limit);
            }
            if json {
                output::json(&json!({ "strategies": pages.iter().map(|(_, page)| page).collect::<Vec<_>>() }))?;
            } else {
                pages.iter().try_for_each(|(s, page)| list(*s, page, open))?;
            }
        }
        Command::Show { id, strategy, json } => {
            let none = || Failure::new(format!("{strategy} has no signal {id}")).next("see which there are: nightdesk signals list");
            let detail = watcher.signal(strategy, id).map_err(Failure::new)?.ok_or_else(none)?;
            if json { output::json(&detail)? } else { show(&detail)? }
        }
        Command::Sectors { strategy, json } => {
            let all = each(strategy, |s| watcher.sectors(s))?;
            if json {
                let of = |(strategy, sectors): &(Strategy, Vec<SectorRow>)| json!({ "strategy": strategy, "sectors": sectors });
                output::json(&json!({ "strategies": all.iter().map(of).collect::<Vec<_>>() }))?;
            } else {
                all.iter().try_for_each(|(s, rows)| sectors(*s, rows))?;
            }
        }
    }
    Ok(Exit::Done)
}

fn each<T>(only: Option<Strategy>, read: impl Fn(Strategy) -> Result<T, String>) -> Result<Vec<(Strategy, T)>, Failure> {
    let chosen = Strategy::ALL.into_iter().filter(|s| only.is_none_or(|o| o == *s));
    chosen.map(|s| read(s).map(|found| (s, found)).map_err(Failure::new)).collect()
}

fn list(strategy: Strategy, page: &SignalsPage, only_open: bool) -> Result<(), Failure> {
    let at = page.view.at.map_or_else(String::new, |at| format!(", scanned {} UTC", second(at)));
    line(format_args!("{strategy}: {}{at}", page.view.words))?;
    for signal in &page.signals {
        line(format_args!("  {}", brief(signal)))?;
    }
    if page.signals.is_empty() {
        line(if only_open { "  no open signals" } else { "  no signals yet" })?;
    }
    let settled = page.view.settled;
    if settled.signals > 0 {
        let net = settled.net.map_or_else(String::new, |net| format!(", mean net return {:+.2} %", 100.0 * net));
        line(format_args!("  last 60 sessions: {} settled, {} made money{net}", settled.signals, settled.wins))?;
    }
    Ok(())
}

/// A signal in one line.
pub(super) fn brief(s: &SignalRow) -> String {
    let p = if s.side == Side::Buy { s.p[2] } else { s.p[0] };
    let head = format!("{:>5}  {:<8} {:<4} {}  p {p:.2}  lift {:.2}", s.signal_id, s.symbol, s.side, s.date, s.lift);
    let entry = s.entry.map_or_else(|| "entry at the next open".to_owned(), |e| format!("entry {e:.2}"));
    match (&s.outcome, s.state) {
        (Some(o), _) => {
            let reason = o.reason.to_string().replace('_', " ");
            format!("{head}  {reason} on {} after {} sessions  net {:+.2} %", o.exit_date, o.bars_held, 100.0 * o.net)
        }
        (None, SignalState::Void) => format!("{head}  void: {}", s.void.as_deref().unwrap_or("no reason given")),
        (None, _) => format!("{head}  {entry}, {:.2} to {:.2}, until {}", s.lower, s.upper, s.horizon_end),
    }
}

fn show(d: &SignalDetail) -> Result<(), Failure> {
    let s = &d.row;
    line(format_args!("{}  {}", d.strategy, brief(s).trim_start()))?;
    line(format_args!("  given by model {} in a {} market, sector {}", s.model_id, s.regime.replace('_', " "), s.sector))?;
    line(format_args!("  SELL {:.3}  HOLD {:.3}  BUY {:.3}", s.p[0], s.p[1], s.p[2]))?;
    line("  What spoke for it: by how much its probability falls with the feature at its training mean")?;
    for c in &d.contributions {
        line(format_args!("    {:<28} {:>+7.4}   value {:>10.4}, {:+.2} sd", c.feature, c.adds, c.value, c.scaled))?;
    }
    line("  Nearest past rows of its sector, with what came of them")?;
    for c in &d.cases {
        line(format_args!("    {:<8} {}  distance {:.2}  {:<4}  net {:+.2} %", c.symbol, c.date, c.distance, c.class, 100.0 * c.net))?;
    }
    if d.cases.is_empty() {
        line("    none")?;
    }
    Ok(())
}

fn sectors(strategy: Strategy, rows: &[SectorRow]) -> Result<(), Failure> {
    line(format_args!("{strategy}"))?;
    line(format_args!(
        "  {:<24} {:>7} {:>9} {:>6} {:>8} {:>6} {:>9} {:>7}",
        "sector", "symbols", "rows", "open", "settled", "won", "net", "lean"
    ))?;
    for r in rows {
        let rows = r.samples.map_or_else(|| "-".to_owned(), |s| output::thousands(s.iter().sum()));
        let won = if r.settled.signals > 0 {
            format!("{:.0} %", 100.0 * f64::from(r.settled.wins) / f64::from(r.settled.signals))
        } else {
            "-".to_owned()
        };
        let net = r.settled.net.map_or_else(|| "-".to_owned(), |n| format!("{:+.2} %", 100.0 * n));
        let lean = r.lean.map_or_else(|| "-".to_owned(), |l| format!("{l:+.3}"));
        line(format_args!(
            "  {:<24} {:>7} {rows:>9} {:>6} {:>8} {won:>6} {net:>9} {lean:>7}",
            r.sector, r.symbols, r.open, r.settled.signals
        ))?;
    }
    Ok(())
}
