//! `nightdesk --daemon`: the engine without a console, for a service manager or the background.
//!
//! It starts as after a crash, every time: lock, check, recover. Whoever started it is told through `service` how it
//! goes; `signals` says when to stop, to read the configuration again, or to write the state into the log.

mod dump;
mod service;
mod signals;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::logging::{self, Logging, Screen};
use super::rig::{self, LOG_RECORDS, Rig};
use super::{Context, Exit, Failure, output};
use crate::control::Client;
use crate::engine::{Command, Envelope, LogRing};
use crate::store::master::{FolderLock, Role};
use signals::{Asked, Signals};

/// How long running work may take to let go after a polite signal. What is not done by then is recovered at the next
/// start, as after a crash.
const GRACE: Duration = Duration::from_millis(4_500);

/// Runs the engine until a signal ends it.
pub(super) fn run(context: &Context) -> Result<Exit, Failure> {
    // Before the log is opened, which is the other process's.
    FolderLock::check(&context.database())?;
    let clock = Arc::clone(&context.clock);
    let ring = Arc::new(LogRing::new(LOG_RECORDS));
    let logging = Arc::new(logging::start(&context.log_dir(), &context.settings.log, clock, Screen::Plain, ring)?);
    let runtime = rig::runtime()?;
    let ended = runtime.block_on(serve(context, &logging));
    if let Err(failure) = &ended {
        logging.leave_screen();
        tracing::error!(target: "cli", error = %failure, "The daemon ended");
    }
    // What has not let go within the grace is not waited for a second time.
    drop(runtime);
    // A start that was cut short is still at it, and would keep its last lines from the file.
    logging.finish();
    ended
}

async fn serve(context: &Context, logging: &Arc<Logging>) -> Result<Exit, Failure> {
    // Before anything else, so that no signal finds its default action.
    let mut signals = Signals::listen()?;
    // A task of its own, because opening a large database blocks and signals must be answered meanwhile.
    let mut starting = {
        let (context, logging) = (context.clone(), Arc::clone(logging));
        tokio::spawn(async move { Rig::start(&context, Role::Daemon, &logging).await })
    };
    let mut reload_due = false;
    let rig = loop {
        let asked = tokio::select! {
            rig = &mut starting => break rig.map_err(|e| Failure::new(format!("the start broke off: {e}")))??,
            asked = signals.next() => asked,
        };
        match asked {
            Asked::Stop(name) => {
                tracing::info!(target: "cli", signal = name, "Stopped while starting");
                return Ok(Exit::Done);
            }
            Asked::Reload => reload_due = true,
            Asked::Dump => {}
        }
    };
    let client = rig.client();
    let attending = tokio::spawn(service::attend(client.state(), rig.pulse(), Arc::clone(&context.clock)));
    service::ready();
    tracing::info!(target: "cli", pid = std::process::id(), boot_id = client.state().borrow().epoch, "The daemon is ready");
    output::remark(format_args!("nightdesk: the daemon of {} is ready, process {}", context.data_dir.display(), std::process::id()));
    rig.first_fill().await;
    let asked = attend(&rig, &client, &mut signals, reload_due).await;
    attending.abort();
    service::stopping();
    let Some(name) = asked else {
        tracing::error!(target: "cli", "The engine has stopped by itself, leaving so that it is started again");
        return Ok(Exit::Failed);
    };
    tracing::info!(target: "cli", signal = name, "Stopping");
    Ok(leave(rig, &mut signals).await)
}

/// Answers signals until one says stop, and names it; `None` when the engine is gone. Reloads go one after the other,
/// and nothing waits for them.
async fn attend(rig: &Rig, client: &Client, signals: &mut Signals, mut reload_due: bool) -> Option<&'static str> {
    let mut reloads = 0_u32;
    let mut reloading = JoinSet::new();
    loop {
        if reload_due && reloading.is_empty() {
            (reload_due, reloads) = (false, reloads + 1);
            reloading.spawn(reload(client.clone(), reloads));
        }
        let asked = tokio::select! {
            asked = signals.next() => asked,
            Some(_) = reloading.join_next() => continue,
            () = rig.gone() => return None,
        };
        match asked {
            Asked::Stop(name) => return Some(name),
            Asked::Dump => dump::state(&client.state().borrow()),
            Asked::Reload => reload_due = true,
        }
    }
}

/// Has the engine read its configuration again, and keeps the service manager told.
async fn reload(client: Client, nth: u32) {
    service::reloading();
    let id = format!("hup-{}-{nth}", std::process::id());
    if let Err(e) = client.send(Envelope { id, actor: "hup".to_owned(), command: Command::Reload }).await {
        tracing::warn!(target: "cli", error = %e, "The configuration was not read again");
    }
    service::ready();
}

/// Stops the engine within the grace, or at once when a second signal comes.
async fn leave(rig: Rig, signals: &mut Signals) -> Exit {
    tokio::select! {
        stopped = tokio::time::timeout(GRACE, rig.stop()) => {
            if stopped.is_ok() {
                tracing::info!(target: "cli", "Stopped");
                return Exit::Done;
            }
            tracing::error!(target: "cli", "Running work did not let go in time; the next start recovers what it left");
            Exit::Failed
        }
        name = signals.stop() => {
            tracing::warn!(target: "cli", signal = name, "Stopping at once; the next start recovers what was cut off");
            Exit::Interrupted
        }
    }
}
