//! The way to an engine that runs on the data folder in another process: a daemon, or a console with an engine of its
//! own. Commands that it should do are sent to it.

use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{self, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{Context, Exit, Failure, output};
use crate::control::{Client, Endpoint, RemoteClient};
use crate::engine::{Ack, Command, Envelope};
use crate::store::master::Holder;

/// A daemon that listens and does not answer within this time is stuck.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);
/// How long a daemon may take until it listens: migrations and a busy disk count, the check of the database's pages after a
/// crash does not, which runs beside the engine.
const STARTS_WITHIN: Duration = Duration::from_mins(2);
/// How often a starting daemon is looked for.
const LOOKS_EVERY: Duration = Duration::from_millis(20);

/// A client of the engine that another process runs on the data folder; `None` when there is none. What the lock file
/// tells is believed only when somebody listens on the socket it names.
pub(super) async fn attach(context: &Context) -> Result<Option<Client>, Failure> {
    let Some((holder, socket)) = listening(context) else { return Ok(None) };
    let attached = RemoteClient::attach(Endpoint::Socket(socket), Arc::clone(&context.clock));
    let advice = format!("look into the log with `nightdesk logs`, or end the process: kill {}", holder.pid);
    match tokio::time::timeout(ANSWERS_WITHIN, attached).await {
        Ok(Ok(client)) => Ok(Some(Client::Remote(client))),
        Ok(Err(e)) => Err(Failure::new(format!("{holder} has this data folder, and it cannot be reached: {e}")).next(advice)),
        Err(_) => Err(Failure::new(format!("{holder} has this data folder and does not answer")).next(advice)),
    }
}

/// Who holds the data folder and listens, and where.
fn listening(context: &Context) -> Option<(Holder, PathBuf)> {
    let holder = Holder::of(&context.database()).filter(|h| h.ended_at.is_none())?;
    let socket = holder.socket.clone().filter(|s| UnixStream::connect(s).is_ok())?;
    Some((holder, socket))
}

/// As [`attach`], for what only a running engine can do.
pub(super) async fn running(context: &Context) -> Result<Client, Failure> {
    let none = || {
        Failure::new(format!("no engine runs on {}", context.data_dir.display()))
            .next("start one: `nightdesk --daemon` in the background, or `nightdesk` as a console")
    };
    attach(context).await?.ok_or_else(none)
}

/// Sends a command and gives the acknowledgement: accepted, not done.
pub(super) async fn send(client: &Client, context: &Context, command: Command) -> Result<Ack, Failure> {
    client.send(envelope(context, command)).await.map_err(|e| Failure::new(e.to_string()))
}

/// Starts a daemon with the flags of this process, which must have given the data folder back, and waits until it answers.
pub(super) async fn hand_over(context: &Context) -> Result<Exit, Failure> {
    let mut daemon = process::Command::new(std::env::current_exe()?);
    daemon.args(std::env::args_os().skip(1)).arg("--daemon");
    // A group of its own: what is typed at this terminal later is not for it.
    daemon.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut daemon = daemon.spawn()?;
    let pid = daemon.id();
    let answers = async {
        let mut tick = tokio::time::interval(LOOKS_EVERY);
        loop {
            tick.tick().await;
            if let Some(ended) = daemon.try_wait()? {
                return Err(Failure::new(format!("the daemon did not start ({ended}); no engine runs")).next("see why: nightdesk logs"));
            }
            if listening(context).is_some_and(|(holder, _)| holder.pid == pid) {
                return Ok(());
            }
        }
    };
    tokio::time::timeout(STARTS_WITHIN, answers)
        .await
        .unwrap_or_else(|_| Err(Failure::new(format!("the daemon, process {pid}, does not answer yet")).next("see why: nightdesk logs")))?;
    output::remark(format_args!("A daemon took over, process {pid}: `nightdesk` attaches to it, `kill {pid}` stops it."));
    Ok(Exit::Done)
}

/// A command of this process, with an identity that no other one has.
pub(super) fn envelope(context: &Context, command: Command) -> Envelope {
    static SENT: AtomicU32 = AtomicU32::new(0);
    let n = SENT.fetch_add(1, Ordering::Relaxed);
    let id = format!("cli-{:x}-{:x}-{n}", context.clock.now_ms(), std::process::id());
    Envelope { id, actor: "cli".to_owned(), command }
}
