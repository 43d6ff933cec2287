//! `nightdesk dataset`: makes the data set of a strategy and tells what is in it.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::output::{self, count, thousands};
use super::{Context, Exit, Failure, strategy};
use crate::audit::open_to_work;
use crate::dataset::{DataSet, DatasetError, Group, Order, Phase, Summary, build};
use crate::features::nightly::NightError;
use crate::labels::splits::Proof;
use crate::market::Strategy;
use crate::store::master::{ReadPool, Reader};

/// How often progress is shown.
const REFRESH: Duration = Duration::from_millis(200);
/// Lines of a list that may be long.
const LISTED: usize = 12;

/// Make the data set that a strategy's models learn from, and tell what is in it
///
/// Rows, and bars without one by reason; classes by regime; test blocks with the proof of the purge; thin sectors and
/// symbols; the archive of rare events and the errors to be learnt again. Features are brought up to date first.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Whose data set
    #[arg(long, value_name = "S", value_parser = strategy::parser(), default_value = "turbomode")]
    strategy: Strategy,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let _logging = context.start_logging()?;
    let made = make(arguments.strategy, context)?;
    let rule = &context.strategies.get(arguments.strategy).settings.validation;
    let proof = made.splits.as_ref().map(|s| s.proof(&made.samples.lifetimes(), &made.sessions, rule));
    // Without splits there is nothing to hold and nothing that failed.
    let holds = proof.as_ref().map(|p| p.iter().all(Proof::holds));
    let (proof, ok) = (proof.unwrap_or_default(), holds != Some(false));
    if arguments.json {
        let proof: Vec<Value> = proof.iter().map(proof_json).collect();
        output::json(&json!({ "ok": ok, "dataset": made.summary, "purge_proof": { "holds": holds, "blocks": proof } }))?;
    } else {
        head(&made.summary)?;
        regimes(&made.summary)?;
        splits(&made.summary, &proof)?;
        rest(&made.summary)?;
    }
    Ok(if ok { Exit::Done } else { Exit::Failed })
}

fn make(strategy: Strategy, context: &Context) -> Result<DataSet, Failure> {
    let rules = &context.strategies.get(strategy).settings;
    let master = ReadPool::new(&context.database());
    // Before the strategy's database is made: without market data there is nothing to make it for.
    master.ask(Reader::is_demo)?;
    let mut db = open_to_work(&context.data_dir, strategy, rules, context.demo, context.clock.clone())?;
    let live = std::io::stderr().is_terminal();
    let shown = Mutex::new(Duration::ZERO);
    let progress = |phase: Phase, done: usize, all: usize| {
        let now = context.clock.mono();
        // Who finds the lock taken leaves the line to who has it.
        let Some(mut shown) = shown.try_lock().ok().filter(|shown| live && now.saturating_sub(**shown) >= REFRESH) else { return };
        *shown = now;
        drop(write!(std::io::stderr(), "\r\x1b[K{phase}: step {done} of {all}"));
    };
    let (universe, now, stop) = (&context.universe, context.clock.now(), CancellationToken::new());
    let order = Order { strategy, rules, universe, master: &master, training: false, now, progress: &progress, stop: &stop };
    let made = build(&mut db, &order);
    if live {
        drop(write!(std::io::stderr(), "\r\x1b[K"));
    }
    db.close()?;
    made.map_err(|e| match e {
        DatasetError::Store(e) | DatasetError::Features(NightError::Store(e)) => e.into(),
        other => Failure::new(other.to_string()),
    })
}

fn head(s: &Summary) -> Result<(), Failure> {
    output::line(format_args!("Data set of {}, rules version {} ({})", s.strategy, s.config_version, s.rules))?;
    output::line(format_args!("  made of    market data {}, definitions {}, {} features a row", s.snapshot, s.definition, s.features))?;
    let Some((first, last)) = s.dates else {
        output::line(format_args!("  rows       none of {} bars", thousands(s.bars)))?;
        return dropped(s);
    };
    let (rows, bars) = (thousands(s.all.rows), thousands(s.bars));
    output::line(format_args!("  rows       {rows} of {bars} bars, {first} to {last}"))?;
    let share = 100.0 * s.all.n_eff / s.all.rows.max(1) as f64;
    output::line(format_args!("  worth      {:.0} rows that do not overlap within each symbol ({share:.0} %)", s.all.n_eff))?;
    dropped(s)
}

fn dropped(s: &Summary) -> Result<(), Failure> {
    for d in s.dropped.iter().take(LISTED) {
        let detail = match &d.why {
            crate::dataset::Dropped::MissingFeature { feature, why } => format!(" ({feature}: {why})"),
            _ => String::new(),
        };
        output::line(format_args!("  no row     {:>9}  {}{detail}", thousands(d.rows), d.why))?;
    }
    more(s.dropped.len())?;
    for w in s.without.iter().take(LISTED) {
        output::line(format_args!("  no row of  {}: {}", w.symbol, w.why))?;
    }
    more(s.without.len())
}

/// Tells of what a list of this length left out.
fn more(length: usize) -> Result<(), Failure> {
    if length > LISTED { output::line(format_args!("  and {} more", length - LISTED)) } else { Ok(()) }
}

fn regimes(s: &Summary) -> Result<(), Failure> {
    output::line(format_args!(
        "\n{:<16} {:>9} {:>6}  {:>5} {:>5} {:>5}  {:>8}  {:>6} {:>5} {:>9}",
        "regime", "rows", "share", "SELL", "HOLD", "BUY", "n_eff", "drawn", "loss", "effective"
    ))?;
    let classes = |g: &Group| g.classes.map(|n| 100.0 * n as f64 / g.classes.iter().sum::<u64>().max(1) as f64);
    for (g, e) in s.regimes.iter().zip(&s.emphasis) {
        let ([sell, hold, buy], capped) = (classes(g), if e.capped { "  capped" } else { "" });
        let (rows, share) = (thousands(g.rows), 100.0 * g.share);
        output::line(format_args!(
            "{:<16} {rows:>9} {share:>4.0} %  {sell:>3.0} % {hold:>3.0} % {buy:>3.0} %  {:>8.0}  {:>5.2}x {:>5.2} {:>8.2}x{capped}",
            g.name, g.n_eff, e.drawn, e.loss, e.effective
        ))?;
    }
    let [sell, hold, buy] = classes(&s.all);
    let rows = thousands(s.all.rows);
    output::line(format_args!("{:<16} {rows:>9}  100 %  {sell:>3.0} % {hold:>3.0} % {buy:>3.0} %  {:>8.0}", "all", s.all.n_eff))?;
    output::line("Classes of rows that mature before the hold-out; drawn and effective weight before archive and replay.")
}

fn splits(s: &Summary, proof: &[Proof]) -> Result<(), Failure> {
    if let Some(why) = &s.no_blocks {
        return output::line(format_args!("\nNo test blocks: {why}"));
    }
    let [first, last, bound, label] = ["first", "last", "bound", "learnt to"];
    output::line(format_args!(
        "\n{:<9} {first:<10}  {last:<10}  {:>9} {:>7} {:>8}  {bound:<10}  {label:<10}  purge",
        "block", "train", "purged", "test"
    ))?;
    for (i, (b, p)) in s.blocks.iter().zip(proof).enumerate() {
        let name = if i + 1 == s.blocks.len() { "hold-out".to_owned() } else { (i + 1).to_string() };
        let (train, purged, test) = (thousands(b.train as u64), thousands(b.purged as u64), thousands(b.test as u64));
        let label = p.latest_matured.map(|d| d.to_string()).unwrap_or_default();
        let verdict = if p.holds() { "proved" } else { "BROKEN" };
        output::line(format_args!(
            "{name:<9} {}  {}  {train:>9} {purged:>7} {test:>8}  {}  {label:<10}  {verdict}",
            b.first, b.last, b.bound
        ))?;
    }
    match proof.iter().map(|p| p.embargo).max().filter(|_| proof.iter().all(Proof::holds)) {
        Some(embargo) => output::line(format_args!(
            "Proved from the rows: at least {embargo} sessions lie between the last horizon learnt and each test, and between all horizons tested and the hold-out."
        )),
        None => output::line(
            "A BROKEN purge: a horizon reaches into a test or the embargo before it. Nothing must be learnt from this data set.",
        ),
    }
}

fn rest(s: &Summary) -> Result<(), Failure> {
    let a = &s.archive;
    output::line(format_args!(
        "\nArchive: {}, {} usable; {} taken in now, {} let go. Errors to learn again: {}.",
        count(a.kept, "rare event", "rare events"),
        a.usable,
        a.added,
        a.gone,
        s.replay
    ))?;
    for thin in s.thin.iter().take(LISTED) {
        output::line(format_args!("Thin: {}", thin.sentence()))?;
    }
    more(s.thin.len())
}

fn proof_json(p: &Proof) -> Value {
    json!({
        "first": p.first, "bound": p.bound, "latest_matured": p.latest_matured, "earliest_test": p.earliest_test,
        "sessions_between": p.between, "sessions_before_holdout": p.before_holdout, "embargo": p.embargo, "holds": p.holds(),
    })
}
