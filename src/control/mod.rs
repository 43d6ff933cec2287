//! How a console, a command or a script reaches an engine: one client type, so that its users never know where the
//! engine runs, and the server that a daemon opens for clients in other processes.

mod client;
mod place;
mod remote;
mod server;

pub use client::{Client, LinkView, LocalClient};
pub use place::{PlaceError, Token, socket_path, token_path};
pub use remote::{AttachError, Endpoint, RemoteClient};
pub use server::{Server, ServerError, ServerOptions, openapi};
