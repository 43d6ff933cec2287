//! Whether the engine lives: asked by the daemon's watchdog and by the readiness check of the control API.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::Request;
use crate::store::master::Writer;

/// Feels the pulse of the owner task and of the writer thread. Cheap: two messages, no disk.
#[derive(Clone, Debug)]
pub struct Pulse {
    pub(super) requests: mpsc::Sender<Request>,
    pub(super) writer: Writer,
}

/// Who gave no sign of life in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Silent {
    /// The owner task, which dispatches jobs and answers commands.
    #[error("the dispatcher gives no sign of life")]
    Dispatcher,
    /// The thread that writes the master database.
    #[error("the database writer gives no sign of life")]
    Writer,
}

impl Pulse {
    /// Waits until one of them has ended.
    pub async fn gone(&self) {
        tokio::select! {
            () = self.requests.closed() => {}
            () = self.writer.gone() => {}
        }
    }

    /// Waits until both have answered, each for at most `within`.
    pub async fn beat(&self, within: Duration) -> Result<(), Silent> {
        let owner = async {
            let (back, answer) = oneshot::channel();
            self.requests.send(Request::Pulse(back)).await.ok()?;
            answer.await.ok()
        };
        let (owner, writer) = tokio::join!(timeout(within, owner), timeout(within, self.writer.pulse()));
        if !matches!(owner, Ok(Some(()))) {
            return Err(Silent::Dispatcher);
        }
        if matches!(writer, Ok(Ok(()))) { Ok(()) } else { Err(Silent::Writer) }
    }
}
