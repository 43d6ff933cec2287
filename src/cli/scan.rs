//! `nightdesk scan`: asks the models about the last session, and gives and settles signals.

use serde_json::json;

use super::{Context, Exit, Failure, night, signals};
use crate::control::Client;
use crate::engine::{Query, Reply};
use crate::market::Strategy;
use crate::scan::WatchSpec;
use crate::scan::views::{ScannedSymbol, SignalState};
use crate::store::scheduler::Job;

/// Scan the universe: settle open signals, ask the champion about the last session, and give new signals
///
/// Without a champion models answer on paper and no signals are given; that is a normal end, and says why. Reads the market
/// data and never writes them. A running engine is asked to do it. A scan that is done again gives no signal twice.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub(super) night: night::Watched,
}

/// Runs the command.
pub fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    night::run(Job::Scan, &arguments.night, context, tell)
}

/// The same for who has an engine at hand, for both strategies.
pub(super) async fn foreground(client: &Client, context: &Context) -> Result<Exit, Failure> {
    night::foreground(client, context, (Job::Scan, WatchSpec::default()), false, tell).await
}

async fn tell(client: &Client, strategy: Strategy) -> Option<night::Told> {
    let Ok(Reply::Signals(page)) = client.query(Query::Signals { strategy, limit: usize::MAX }).await else { return None };
    let open: Vec<_> = page.signals.iter().filter(|s| s.state == SignalState::Open).collect();
    let mut lines: Vec<String> = open.iter().map(|s| signals::brief(s)).collect();
    if page.view.new == 0 {
        lines.extend(reasons(&page.scanned));
    }
    Some((lines, json!({ "scan": page.view, "symbols": page.scanned })))
}

/// Why there are no signals, with the number of symbols of each reason.
fn reasons(scanned: &[ScannedSymbol]) -> Vec<String> {
    let mut of: Vec<(String, usize)> = Vec::new();
    for why in scanned.iter().filter_map(|s| s.why_none.as_deref()) {
        // What follows a colon tells of one symbol.
        let kind = why.split(':').next().unwrap_or(why);
        match of.iter_mut().find(|(other, _)| other == kind) {
            Some((_, n)) => *n += 1,
            None => of.push((kind.to_owned(), 1)),
        }
    }
    of.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    of.into_iter().map(|(why, n)| format!("{n} symbols: {why}")).collect()
}
