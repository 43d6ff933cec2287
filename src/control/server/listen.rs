//! Connections: accepted up to a bound, served one task each, let go when the server stops.
//!
//! Not `axum::serve`, which sets no limit on the time and the size of a request's head and waits for open streams for
//! ever.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::control::place::own_uid;

/// Connections at once, through one door.
const CONNECTIONS: usize = 256;
/// A request's head must be whole within this time; a connection without requests is closed after it.
const HEAD_WITHIN: Duration = Duration::from_secs(15);
/// Largest head of a request, and largest piece of an answer that waits for a slow reader, bytes.
const BUFFER: usize = 32 * 1024;
/// Pause after the system refused a connection (no file handles left).
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// A socket that gives connections.
pub(super) trait Accept: Send + 'static {
    /// One connection.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// The next connection; `None` for one that may not come in.
    fn next(&mut self) -> impl Future<Output = io::Result<Option<Self::Io>>> + Send;
}

impl Accept for UnixListener {
    type Io = tokio::net::UnixStream;
    async fn next(&mut self) -> io::Result<Option<Self::Io>> {
        let (stream, _) = self.accept().await?;
        let uid = stream.peer_cred()?.uid();
        if uid == own_uid() || uid == 0 {
            return Ok(Some(stream));
        }
        tracing::warn!(target: "control", uid, "Another user tried the control socket and was turned away");
        Ok(None)
    }
}

impl Accept for TcpListener {
    type Io = tokio::net::TcpStream;
    async fn next(&mut self) -> io::Result<Option<Self::Io>> {
        let (stream, _) = self.accept().await?;
        stream.set_nodelay(true)?;
        Ok(Some(stream))
    }
}

/// When connections end.
#[derive(Clone, Debug)]
pub(super) struct Ends {
    /// No new connections, streams end, requests in flight are answered.
    pub gently: CancellationToken,
    /// Everything ends.
    pub now: CancellationToken,
    /// Tasks that still work.
    pub tasks: TaskTracker,
}

impl Default for Ends {
    fn default() -> Self {
        let now = CancellationToken::new();
        Self { gently: now.child_token(), now, tasks: TaskTracker::new() }
    }
}

/// Serves `router` on `listener` until the end.
pub(super) async fn serve(mut listener: impl Accept, router: Router, ends: Ends) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((listener.next().await?, place))
        };
        let accepted = tokio::select! {
            () = ends.gently.cancelled() => return,
            accepted = accepted => accepted,
        };
        match accepted {
            Ok((Some(io), place)) => {
                let (router, ends) = (router.clone(), ends.clone());
                ends.tasks.clone().spawn(async move {
                    connection(io, router, &ends).await;
                    drop(place);
                });
            }
            Ok((None, _)) => {}
            Err(e) => {
                tracing::warn!(target: "control", error = %e, "A connection could not be taken");
                tokio::time::sleep(AFTER_ERROR).await;
            }
        }
    }
}

async fn connection(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router, ends: &Ends) {
    let service = TowerToHyperService::new(router);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WITHIN).max_buf_size(BUFFER);
    let connection = http.serve_connection(TokioIo::new(io), service);
    tokio::pin!(connection);
    let mut told = false;
    loop {
        tokio::select! {
            // What a peer does to its connection concerns only itself.
            _ = connection.as_mut() => return,
            () = ends.now.cancelled() => return,
            () = ends.gently.cancelled(), if !told => {
                connection.as_mut().graceful_shutdown();
                told = true;
            }
        }
    }
}
