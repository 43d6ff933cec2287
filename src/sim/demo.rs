//! Both simulators together, and the settings that point an engine at them: what `--demo` starts.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::ib::{Gateway, GatewayOptions};
use super::yahoo::{Server, ServerError, ServerOptions};
use super::{MarketFeed, Replay};
use crate::config::Settings;
use crate::market::{Clock, Universe};

/// The demo's market is the same on every machine and every day.
const SEED: u64 = 20_261_122;
/// An answer time that lets one watch, and still fills the heat map within a minute.
const LATENCY: Duration = Duration::from_millis(15);
/// The certificate authority of the Yahoo simulator, in the demo's data folder.
const CA_FILE: &str = "yahoo-simulator-ca.pem";

/// Why the demo did not start.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A loopback port could not be opened, or the certificate not be written.
    #[error("a simulator could not be started on 127.0.0.1: {0}")]
    Io(#[from] io::Error),
    /// The Yahoo simulator could not make its certificate.
    #[error(transparent)]
    Server(#[from] ServerError),
}

/// Two running simulators.
pub struct Demo {
    gateway: Gateway,
    server: Server,
    ca: PathBuf,
}

impl Demo {
    /// Starts both on free loopback ports, with recordings in place of generated prices where there are any; the
    /// certificate goes into `data_dir`.
    pub async fn start(universe: &Universe, replay: Replay, data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, DemoError> {
        Self::start_with(MarketFeed::new(universe.clone(), SEED).with_replay(replay), data_dir, clock).await
    }

    /// Starts both on a feed of the caller's: a replay, or a market that lacks symbols.
    pub async fn start_with(feed: MarketFeed, data_dir: &Path, clock: Arc<dyn Clock>) -> Result<Self, DemoError> {
        let feed = Arc::new(feed);
        let gateway =
            Gateway::start(GatewayOptions { latency: LATENCY, ..GatewayOptions::new(Arc::clone(&feed), Arc::clone(&clock)) }).await?;
        let server = Server::start(ServerOptions { latency: LATENCY, ..ServerOptions::new(feed, clock) }).await?;
        let ca = data_dir.join(CA_FILE);
        server.write_ca(&ca)?;
        Ok(Self { gateway, server, ca })
    }

    /// Points `settings` at the simulators, and lifts the limits that protect the real Yahoo.
    pub fn point(&self, settings: &mut Settings) {
        let addr = self.gateway.addr();
        settings.ib.enabled = true;
        settings.ib.host = addr.ip().to_string();
        settings.ib.port = addr.port();
        settings.yahoo.enabled = true;
        settings.yahoo.loopback = Some(self.server.addr().to_string());
        settings.yahoo.loopback_ca = Some(self.ca.clone());
        settings.yahoo.requests_per_second = 40;
    }

    /// The simulated gateway, for faults and its journal.
    pub const fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// The simulated Yahoo.
    pub const fn server(&self) -> &Server {
        &self.server
    }

    /// Closes both.
    pub async fn stop(self) {
        self.server.shutdown();
        self.gateway.shutdown().await;
    }
}
