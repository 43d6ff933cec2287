//! Bare `nightdesk`: the console, on the engine of a daemon or on one in this process. Without a terminal it prints the
//! status instead, and `--demo` runs one demo night.

use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use super::logging::{self, Logging, Screen};
use super::rig::{self, LOG_RECORDS, Rig, Workers};
use super::{Color, Context, Exit, Failure, attach, backtest, drift, ingest, scan, status, train};
use crate::console::{self, ColorChoice, ConsoleError, ConsoleOptions};
use crate::control::Client;
use crate::engine::{IngestSpec, LogRing};
use crate::scan::WatchSpec;
use crate::store::master::Role;
use crate::train::spec::TrainSpec;

/// How long the console may take to answer a hang-up.
const GRACE: Duration = Duration::from_secs(2);
/// End-to-end tests read here when the console is idle.
const IDLE_FILE: &str = "NIGHTDESK_IDLE_FILE";

/// Runs the console, or what stands in for it where there is no terminal. It attaches to the engine that runs on the data
/// folder, or else runs one itself, which other terminals can then attach to.
pub fn run(context: &Context) -> Result<Exit, Failure> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return without_terminal(context);
    }
    let runtime = rig::runtime_behind_a_screen()?;
    match runtime.block_on(attach::attach(context))? {
        Some(client) => {
            context.warn();
            // Its log pane shows the other process's records; its own go to the file alone.
            let logging = start_logging(context, 1)?;
            let ended = show(&runtime, context, client);
            drop(logging);
            ended.map(|_| Exit::Done)
        }
        None => context.sound().and_then(|()| with_engine(&runtime, context)),
    }
}

fn with_engine(runtime: &Workers, context: &Context) -> Result<Exit, Failure> {
    let logging = start_logging(context, LOG_RECORDS)?;
    let rig = start_behind(runtime, context, &logging)?;
    runtime.block_on(rig.first_fill());
    let ended = show(runtime, context, rig.client());
    runtime.block_on(rig.stop());
    let ended = ended?;
    if ended == Some(console::Exit::HandOver) {
        tracing::info!(target: "cli", "Handing over to a daemon");
        drop(logging);
        return runtime.block_on(attach::hand_over(context));
    }
    Ok(Exit::Done)
}

/// Starts the engine from a thread that stands back, because the threads of the databases inherit its priority.
fn start_behind(runtime: &Workers, context: &Context, logging: &Logging) -> Result<Rig, Failure> {
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| {
            rig::stand_back();
            runtime.block_on(Rig::start(context, Role::Console, logging))
        });
        starting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn start_logging(context: &Context, records: usize) -> Result<Logging, Failure> {
    let ring = Arc::new(LogRing::new(records));
    logging::start(&context.log_dir(), &context.settings.log, Arc::clone(&context.clock), Screen::Console, ring)
}

/// Shows the console until it ends, and how it did; `None` when its terminal went away unnoticed.
fn show(runtime: &Workers, context: &Context, client: Client) -> Result<Option<console::Exit>, Failure> {
    let options = ConsoleOptions {
        client,
        settings: context.settings.console.clone(),
        notices: context.settings.alerts.terminal,
        color: match context.color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        },
        ascii: context.ascii,
        clock: Arc::clone(&context.clock),
        title: if context.demo { "nightdesk DEMO".to_owned() } else { "nightdesk".to_owned() },
        export_dir: std::env::current_dir()?,
        idle_file: std::env::var_os(IDLE_FILE).map(Into::into),
    };
    // The console has a thread and a runtime of its own, so that a busy engine cannot delay a key.
    let (done, drawn) = oneshot::channel();
    let draw = move || drop(done.send(console::run(options)));
    let thread = std::thread::Builder::new().name("nightdesk-console".to_owned()).spawn(draw)?;
    match runtime.block_on(end_of(drawn))? {
        End::Drawn(Ok(exit)) => Ok(Some(exit)),
        End::Stuck => Ok(None),
        End::Drawn(Err(e)) => Err(Failure::new(format!("the console ended: {e}"))),
        End::Dropped => {
            drop(thread.join());
            Err(Failure::new("the console ended unexpectedly; the engine was not harmed").next("look into the log: nightdesk logs"))
        }
    }
}

/// How the console's thread ended.
enum End {
    /// It returned.
    Drawn(Result<console::Exit, ConsoleError>),
    /// It panicked.
    Dropped,
    /// Its terminal is gone and it did not notice.
    Stuck,
}

/// Waits for the console. The terminal library never returns from reading a terminal that was closed, so a hang-up
/// that the console does not answer in time is answered here.
async fn end_of(mut drawn: oneshot::Receiver<Result<console::Exit, ConsoleError>>) -> Result<End, Failure> {
    let (mut hangup, mut terminate) = (signal(SignalKind::hangup())?, signal(SignalKind::terminate())?);
    tokio::select! {
        result = &mut drawn => return Ok(result.map_or(End::Dropped, End::Drawn)),
        _ = hangup.recv() => {}
        _ = terminate.recv() => {}
    }
    if let Ok(result) = tokio::time::timeout(GRACE, drawn).await {
        return Ok(result.map_or(End::Dropped, End::Drawn));
    }
    tracing::warn!(target: "console", "The terminal is gone, leaving without it");
    Ok(End::Stuck)
}

fn without_terminal(context: &Context) -> Result<Exit, Failure> {
    if !context.demo {
        return status::run(&status::Arguments { json: false, watch: false }, context);
    }
    context.sound()?;
    rig::with_engine(context, async |client| night(client, context).await)
}

/// One night's jobs: what fetches, what learns from it, and what the models say, earned and see. The first night of a folder has
/// nothing to ask before it was trained. Nothing is learnt from a fetch that failed, nor asked of a training that did.
async fn night(client: &Client, context: &Context) -> Result<Exit, Failure> {
    let fetched = ingest::foreground(client, context, IngestSpec::default(), false).await?;
    if !matches!(fetched, Exit::Done | Exit::Partial) {
        return Ok(fetched);
    }
    let trained = train::foreground(client, context, TrainSpec::default(), false).await?;
    if !matches!(trained, Exit::Done | Exit::Partial) {
        return Ok(trained);
    }
    let scanned = scan::foreground(client, context).await?;
    let tested = backtest::foreground(client, context, WatchSpec::default(), false).await?;
    let looked = drift::foreground(client, context).await?;
    Ok([looked, tested, scanned, trained].into_iter().find(|exit| *exit != Exit::Done).unwrap_or(fetched))
}
