//! The way to an engine that runs on the data folder in another process: a daemon, or a console with an engine of its
//! own. Commands that it should do are sent to it.

use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{Context, Failure};
use crate::control::{Client, Endpoint, RemoteClient};
use crate::engine::{Ack, Command, Envelope};
use crate::store::master::Holder;

/// A daemon that listens and does not answer within this time is stuck.
const ANSWERS_WITHIN: Duration = Duration::from_secs(3);

/// A client of the engine that another process runs on the data folder; `None` when there is none. What the lock file
/// tells is believed only when somebody listens on the socket it names.
pub(super) async fn attach(context: &Context) -> Result<Option<Client>, Failure> {
    let Some(holder) = Holder::of(&context.database()).filter(|h| h.ended_at.is_none()) else { return Ok(None) };
    let Some(socket) = holder.socket.clone().filter(|s| UnixStream::connect(s).is_ok()) else { return Ok(None) };
    let attached = RemoteClient::attach(Endpoint::Socket(socket), Arc::clone(&context.clock));
    let advice = format!("look into the log with `nightdesk logs`, or end the process: kill {}", holder.pid);
    match tokio::time::timeout(ANSWERS_WITHIN, attached).await {
        Ok(Ok(client)) => Ok(Some(Client::Remote(client))),
        Ok(Err(e)) => Err(Failure::new(format!("{holder} has this data folder, and it cannot be reached: {e}")).next(advice)),
        Err(_) => Err(Failure::new(format!("{holder} has this data folder and does not answer")).next(advice)),
    }
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

/// A command of this process, with an identity that no other one has.
pub(super) fn envelope(context: &Context, command: Command) -> Envelope {
    static SENT: AtomicU32 = AtomicU32::new(0);
    let n = SENT.fetch_add(1, Ordering::Relaxed);
    let id = format!("cli-{:x}-{:x}-{n}", context.clock.now_ms(), std::process::id());
    Envelope { id, actor: "cli".to_owned(), command }
}
