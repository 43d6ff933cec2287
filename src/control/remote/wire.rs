//! HTTP to a daemon: over its socket, or over its port with the token. Connections that are idle are used again.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::timeout;

use crate::control::place::{PlaceError, Token, own_uid};

/// Idle connections kept.
const IDLE: usize = 4;
/// Largest answer, bytes: a question about a series, or the state of a large universe.
const LARGEST: usize = 64 << 20;
/// From connecting to a whole answer. The server gives up earlier.
const ANSWER_WITHIN: Duration = Duration::from_secs(35);

/// Where a daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// Its unix socket: [`super::super::socket_path`] tells where.
    Socket(PathBuf),
    /// Its port on 127.0.0.1, with the file of its token, which is read anew for each connection.
    Port {
        /// The port.
        port: u16,
        /// The token's file: [`super::super::token_path`] tells where.
        token: PathBuf,
    },
}

/// Why a request had no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum WireError {
    /// Nobody listens.
    #[error("nobody answers: {0}")]
    Connect(std::io::Error),
    /// The token cannot be used.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// Too slow.
    #[error("no answer in time")]
    Silent,
    /// Too large.
    #[error("the answer is too large, or broke off")]
    Body,
    /// The request itself is malformed.
    #[error("the request could not be written: {0}")]
    Request(#[from] axum::http::Error),
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
}

type Sender = SendRequest<Full<Bytes>>;

/// The way to one daemon.
#[derive(Debug)]
pub(super) struct Wire {
    endpoint: Endpoint,
    idle: Mutex<Vec<Sender>>,
}

impl Wire {
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint, idle: Mutex::default() }
    }

    /// Asks, and reads the whole answer. An idle connection may have been closed by the daemon in the meantime, so a
    /// request that breaks on one is sent once more on a fresh one; commands carry an identity and are not done twice.
    pub async fn ask(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Answer, WireError> {
        let body = Bytes::from(body);
        let asked = async {
            if let Some(sender) = self.take_idle() {
                match self.exchange(sender, method.clone(), path, body.clone()).await {
                    Err(WireError::Broken(_) | WireError::Body) => {}
                    other => return other,
                }
            }
            self.exchange(self.connect().await?, method, path, body).await
        };
        timeout(ANSWER_WITHIN, asked).await.map_err(|_| WireError::Silent)?
    }

    /// Opens a stream and returns its body once its head is there.
    pub async fn stream(&self, path: &str, last: &str) -> Result<(StatusCode, Incoming), WireError> {
        let mut sender = self.connect().await?;
        let request = self.request(Method::GET, path)?.header("last-event-id", last).body(Full::default())?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok((head.status, body))
    }

    async fn exchange(&self, mut sender: Sender, method: Method, path: &str, body: Bytes) -> Result<Answer, WireError> {
        let request = self.request(method, path)?.header(header::CONTENT_TYPE, "application/json").body(Full::new(body))?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = Limited::new(body, LARGEST).collect().await.map_err(|_| WireError::Body)?.to_bytes();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(sender);
        }
        Ok(Answer { status: head.status, body })
    }

    fn request(&self, method: Method, path: &str) -> Result<axum::http::request::Builder, WireError> {
        let request = Request::builder().method(method).uri(path);
        Ok(match &self.endpoint {
            Endpoint::Socket(_) => request.header(header::HOST, "nightdesk"),
            Endpoint::Port { port, token } => {
                let bearer = Token::read(token)?.bearer();
                request.header(header::HOST, format!("127.0.0.1:{port}")).header(header::AUTHORIZATION, bearer)
            }
        })
    }

    fn take_idle(&self) -> Option<Sender> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|s| !s.is_closed());
        idle.pop()
    }

    async fn connect(&self) -> Result<Sender, WireError> {
        match &self.endpoint {
            Endpoint::Socket(path) => {
                let stream = UnixStream::connect(path).await.map_err(WireError::Connect)?;
                // Root, whom the daemon lets in as well, may ask anyone.
                let (own, theirs) = (own_uid(), stream.peer_cred().map_err(WireError::Connect)?.uid());
                if own != 0 && own != theirs {
                    return Err(PlaceError::Exposed { path: path.clone(), why: "is answered by another user's process" }.into());
                }
                begin(stream).await
            }
            Endpoint::Port { port, .. } => begin(TcpStream::connect(("127.0.0.1", *port)).await.map_err(WireError::Connect)?).await,
        }
    }
}

async fn begin(io: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static) -> Result<Sender, WireError> {
    let (sender, connection) = handshake(TokioIo::new(io)).await?;
    // It ends with its sender; what breaks it is told to the request that meets it.
    tokio::spawn(connection);
    Ok(sender)
}
