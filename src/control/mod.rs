//! How a console or a command reaches an engine. One client type, so that its users never know where the engine runs.

mod client;

pub use client::{Client, LinkView, LocalClient};
