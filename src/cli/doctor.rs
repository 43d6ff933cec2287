//! `nightdesk doctor`: looks at everything a night depends on and says what to do about what is wrong.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::output::{self, line};
use super::{Context, Exit, Failure};
use crate::market::{Clock, Strategy};
use crate::sources::ib::{IbSource, MemoryBook};
use crate::sources::yahoo::YahooSource;
use crate::sources::{Outcome, Source};
use crate::store::master::{DATABASE, Reader};
use crate::train::models::Compute;

/// Check configuration, data folder, database, what computes, sources and terminal
#[derive(Debug, Args)]
pub struct Arguments {
    /// Print one JSON object on stdout
    #[arg(long)]
    pub(super) json: bool,
    /// Do not ask the sources
    #[arg(long)]
    offline: bool,
}

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Bad,
}

#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    verdict: Verdict,
    says: String,
}

/// Longest wait for a source's answer.
const PATIENCE: Duration = Duration::from_secs(15);

/// Runs the command.
pub fn run(args: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let mut found = vec![config(context), folder(context), disk(context), database(context), compute(context), terminal()];
    if !args.offline {
        found.extend(super::rig::runtime()?.block_on(sources(context)));
    }
    if args.json {
        output::json(&json!({ "findings": found }))?;
    } else {
        for f in &found {
            let (glyph, word) = match f.verdict {
                Verdict::Ok => (if context.ascii { "v" } else { "✓" }, "ok"),
                Verdict::Warn => (if context.ascii { "!" } else { "▲" }, "warn"),
                Verdict::Bad => (if context.ascii { "x" } else { "✗" }, "bad"),
            };
            line(format_args!("{glyph} {word:<4}  {:<10}  {}", f.what, f.says))?;
        }
    }
    let worst = |v| found.iter().any(|f| f.verdict == v);
    Ok(if worst(Verdict::Bad) { Exit::Failed } else { Exit::Done })
}

fn config(context: &Context) -> Finding {
    let n = context.universe.instruments.len();
    Finding {
        what: "config",
        verdict: Verdict::Ok,
        says: format!("valid; {n} symbols; `nightdesk config show --origin` tells where each key comes from"),
    }
}

fn folder(context: &Context) -> Finding {
    use std::os::unix::fs::PermissionsExt;
    let dir = &context.data_dir;
    let shown = dir.display();
    let (verdict, says) = match std::fs::metadata(dir) {
        Err(e) => (Verdict::Bad, format!("{shown} cannot be used: {e}")),
        Ok(m) if m.permissions().readonly() => {
            (Verdict::Bad, format!("{shown} is read-only: choose another --data-dir or change its mode"))
        }
        Ok(m) if m.permissions().mode() & 0o077 != 0 => (Verdict::Warn, format!("{shown} can be read by other users: chmod 700 {shown}")),
        Ok(_) => (Verdict::Ok, shown.to_string()),
    };
    Finding { what: "folder", verdict, says }
}

fn disk(context: &Context) -> Finding {
    let floor = context.settings.store.disk_floor_mib;
    let (verdict, says) = match rustix::fs::statvfs(&context.data_dir) {
        Err(e) => (Verdict::Warn, format!("free space is unknown: {e}")),
        Ok(fs) => {
            let free = (fs.f_bavail * fs.f_frsize) >> 20;
            let text = format!("{free} MiB free, the floor is {floor} MiB");
            if free < floor { (Verdict::Bad, format!("{text}: no ingest will start, free some space")) } else { (Verdict::Ok, text) }
        }
    };
    Finding { what: "disk", verdict, says }
}

fn database(context: &Context) -> Finding {
    let path = context.data_dir.join(DATABASE);
    let (verdict, says) = if path.exists() {
        match Reader::open(&path).and_then(|r| r.series_states()) {
            Ok(states) => {
                let rows: u64 = states.iter().map(|s| s.rows).sum();
                (Verdict::Ok, format!("{} series, {} bars; `nightdesk verify` checks every digest", states.len(), output::thousands(rows)))
            }
            Err(e) => (Verdict::Bad, e.to_string()),
        }
    } else {
        (Verdict::Ok, "none yet; `nightdesk ingest` creates it".to_owned())
    };
    Finding { what: "database", verdict, says }
}

/// What trains models, for each strategy that says so otherwise than the one before.
fn compute(context: &Context) -> Finding {
    let gpu = if cfg!(any(feature = "gpu", feature = "cuda")) { "with" } else { "without" };
    let mut told: Vec<String> = Vec::new();
    let mut verdict = Verdict::Ok;
    for strategy in Strategy::ALL {
        let chosen = Compute::choose(&context.strategies.get(strategy).settings.orchestrator, &context.clock);
        let says = chosen.remark().map_or_else(|| chosen.words().to_owned(), |remark| format!("{}: {remark}", chosen.words()));
        if chosen.remark().is_some() {
            verdict = Verdict::Warn;
        }
        if !told.contains(&says) {
            told.push(says);
        }
    }
    Finding { what: "compute", verdict, says: format!("training uses {}; built {gpu} GPU support", told.join("; ")) }
}

fn terminal() -> Finding {
    let utf8 = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|k| std::env::var(k).ok().filter(|v| !v.is_empty()))
        .is_some_and(|v| v.to_ascii_lowercase().replace('-', "").contains("utf8"));
    let term = std::env::var("TERM").unwrap_or_else(|_| "unset".to_owned());
    let (verdict, says) = match (std::io::stdout().is_terminal(), utf8) {
        (false, _) => (Verdict::Ok, "stdout is no terminal: plain lines".to_owned()),
        (true, false) => (Verdict::Warn, format!("TERM {term}; the locale is not UTF-8, --ascii is used")),
        (true, true) => (Verdict::Ok, format!("TERM {term}, UTF-8")),
    };
    Finding { what: "terminal", verdict, says }
}

async fn sources(context: &Context) -> Vec<Finding> {
    let clock: Arc<dyn Clock> = Arc::clone(&context.clock);
    let mut found = Vec::new();
    if context.demo {
        found.push(Finding { what: "sources", verdict: Verdict::Ok, says: "the demo starts its own simulators".to_owned() });
        return found;
    }
    let settings = &context.settings;
    if settings.ib.enabled {
        let ib = IbSource::start(&settings.ib, Arc::new(MemoryBook::default()), Arc::clone(&clock));
        let at = format!("{}:{}", settings.ib.host, settings.ib.port);
        let advice = "start IB Gateway and switch its API on, or set ib.enabled = false; Yahoo is used meanwhile";
        found.push(ask("ib", &at, ib.as_ref(), advice).await);
        ib.shutdown().await;
    }
    if settings.yahoo.enabled {
        match YahooSource::new(&settings.yahoo, clock) {
            Ok(yahoo) => found.push(ask("yahoo", "query1.finance.yahoo.com", yahoo.as_ref(), "check the network and the proxy").await),
            Err(e) => found.push(Finding { what: "yahoo", verdict: Verdict::Bad, says: e.to_string() }),
        }
    }
    if !settings.ib.enabled && !settings.yahoo.enabled {
        let says = "both sources are switched off: only `nightdesk import` brings data".to_owned();
        found.push(Finding { what: "sources", verdict: Verdict::Warn, says });
    }
    found
}

async fn ask(what: &'static str, at: &str, source: &dyn Source, advice: &str) -> Finding {
    match tokio::time::timeout(PATIENCE, source.probe()).await {
        Ok(Outcome::Data(()) | Outcome::Empty(_)) => Finding { what, verdict: Verdict::Ok, says: format!("{at} answers") },
        Ok(other) => {
            let why = other.fault().map(|f| f.message.clone()).unwrap_or_default();
            Finding { what, verdict: Verdict::Warn, says: format!("{at}: {why}; {advice}") }
        }
        Err(_) => Finding { what, verdict: Verdict::Warn, says: format!("{at} gave no answer in {} s; {advice}", PATIENCE.as_secs()) },
    }
}
