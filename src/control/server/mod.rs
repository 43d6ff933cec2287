//! The control server: the HTTP API of one engine, on a unix socket and, if configured, on a port of 127.0.0.1. The
//! daemon starts it; consoles, commands and scripts are its users.

mod events;
mod guard;
mod health;
mod hub;
mod listen;
mod master_data;
mod metrics;
mod openapi;
mod refusal;
mod v1;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::guard::Door;
use self::hub::Hub;
use self::listen::Ends;
use self::refusal::Refusal;
pub(super) use self::refusal::Refused;
use super::place::{PlaceError, Token, clear_socket, socket_path, token_path};
use super::{Client, LocalClient};
use crate::engine::Pulse;
use crate::market::Clock;

pub use self::openapi::openapi;

/// Streams attached at once, over all doors.
const STREAMS: usize = 128;

/// What a control server is made of.
pub struct ServerOptions {
    /// The engine it speaks for.
    pub engine: LocalClient,
    /// Tells whether the engine lives.
    pub pulse: Pulse,
    /// The engine's time.
    pub clock: Arc<dyn Clock>,
    /// Folder of the databases; socket and token lie there.
    pub data_dir: PathBuf,
    /// Also listen on this port of 127.0.0.1; `Some(0)` lets the system choose one.
    pub port: Option<u16>,
    /// Deltas kept for a console that was away.
    pub ring: usize,
}

/// A running control server. Dropping it ends its connections; [`Self::stop`] lets requests in flight be answered.
#[derive(Debug)]
pub struct Server {
    socket: PathBuf,
    port: Option<u16>,
    ends: Ends,
    _drop: DropGuard,
}

/// Why a control server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// Socket or token.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The port is taken or not allowed.
    #[error("port {port} of 127.0.0.1 cannot be used: {source}; choose another control.port, or 0 for the socket alone")]
    Port {
        /// The port.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What routes work with.
struct Api {
    engine: LocalClient,
    client: Client,
    pulse: Pulse,
    clock: Arc<dyn Clock>,
    hub: Arc<Hub>,
    streams: Arc<Semaphore>,
    ends: CancellationToken,
    boot: String,
    commands: AtomicU64,
}

impl Api {
    /// An identity for a command whose sender gave none.
    fn command_id(&self) -> String {
        format!("http-{}-{}", self.boot, self.commands.fetch_add(1, Ordering::Relaxed))
    }
}

impl Server {
    /// Opens the doors. The socket is ready for connections, and the token's file is written, when this returns.
    pub async fn start(options: ServerOptions) -> Result<Self, ServerError> {
        let ServerOptions { engine, pulse, clock, data_dir, port, ring } = options;
        let socket = socket_path(&data_dir);
        let at_socket = bind_socket(&socket)?;
        let at_port = match port {
            Some(port) => Some(bind_port(port, &data_dir).await?),
            None => None,
        };
        let ends = Ends::default();
        let streams_end = ends.gently.child_token();
        let first = Arc::clone(&engine.state.borrow());
        let hub = Arc::new(Hub::new(Arc::clone(&first), Arc::clone(&engine.logs), ring));
        let following = {
            let (hub, state, ends) = (Arc::clone(&hub), engine.state.clone(), streams_end.clone());
            async move {
                hub.follow(state, ends.clone()).await;
                ends.cancel();
            }
        };
        ends.tasks.spawn(following);
        let api = Arc::new(Api {
            client: Client::Local(engine.clone()),
            engine,
            pulse,
            clock,
            hub,
            streams: Arc::new(Semaphore::new(STREAMS)),
            ends: streams_end,
            boot: first.epoch.clone(),
            commands: AtomicU64::new(1),
        });
        let routes = openapi::routes(api);
        ends.tasks.spawn(listen::serve(at_socket, guard::guarded(routes.clone(), Door::Socket), ends.clone()));
        let mut listens = None;
        if let Some((listener, port, token)) = at_port {
            ends.tasks.spawn(listen::serve(listener, guard::guarded(routes, Door::Port { port, token }), ends.clone()));
            listens = Some(port);
        }
        tracing::info!(target: "control", socket = %socket.display(), port = listens, "The control API listens");
        Ok(Self { socket, port: listens, _drop: ends.now.clone().drop_guard(), ends })
    }

    /// The unix socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The port on 127.0.0.1, if there is one.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// Takes no more requests, ends the streams, answers the requests in flight, and cuts what is not done after `within`.
    pub async fn stop(self, within: Duration) {
        self.ends.gently.cancel();
        self.ends.tasks.close();
        // Gone before the last answer: a console that is told "bye" must not find a socket that accepts nobody.
        if let Err(e) = fs::remove_file(&self.socket) {
            tracing::warn!(target: "control", error = %e, socket = %self.socket.display(), "The control socket could not be removed");
        }
        if tokio::time::timeout(within, self.ends.tasks.wait()).await.is_err() {
            tracing::warn!(target: "control", connections = self.ends.tasks.len(), "Connections were cut at the end");
            self.ends.now.cancel();
            self.ends.tasks.wait().await;
        }
    }
}

fn bind_socket(path: &Path) -> Result<UnixListener, PlaceError> {
    clear_socket(path)?;
    let listener = UnixListener::bind(path).map_err(PlaceError::io("cannot listen on", path))?;
    // Until here the folder, or the umask, and the check of each peer's user keep others out.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(PlaceError::io("cannot protect", path))?;
    Ok(listener)
}

async fn bind_port(port: u16, data_dir: &Path) -> Result<(TcpListener, u16, Token), ServerError> {
    let refused = |source| ServerError::Port { port, source };
    let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(refused)?;
    let bound = listener.local_addr().map_err(refused)?.port();
    Ok((listener, bound, Token::renew(&token_path(data_dir))?))
}
