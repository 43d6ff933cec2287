//! `nightdesk sim`: the simulators, for practice and tests without an account or a network.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use strum::{EnumMessage, IntoEnumIterator};
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Context, Exit, Failure, logging, output};
use crate::sim::ib::{Gateway, GatewayOptions};
use crate::sim::yahoo::{Server, ServerOptions};
use crate::sim::{Fault, FaultName, Faults, MarketFeed, Replay};

/// Run a simulated IB Gateway or Yahoo on this machine, until interrupted
#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    which: Which,
}

#[derive(Debug, Subcommand)]
enum Which {
    /// IB Gateway: both dialects of the TWS protocol, with IB's pacing rules enforced
    IbGateway {
        /// Where to listen; 0 for any free port [default: where the shipped settings look]
        #[arg(long, value_name = "P", default_value_t = 4002)]
        port: u16,
        #[command(flatten)]
        market: Market,
    },
    /// Yahoo Finance: charts, actions and fundamentals over TLS
    Yahoo {
        /// Where to listen; 0 for any free port
        #[arg(long, value_name = "P", default_value_t = 8443)]
        port: u16,
        /// Where to write its certificate authority [default: a private temporary folder, for as long as it runs]
        #[arg(long, value_name = "FILE")]
        ca_out: Option<PathBuf>,
        #[command(flatten)]
        market: Market,
    },
}

/// What is simulated.
#[derive(Debug, Args)]
struct Market {
    /// Seed of the generated prices; the same seed gives the same market
    #[arg(long, value_name = "N", default_value_t = 42)]
    seed: u64,
    /// Folder of SYMBOL.csv files to serve instead of generated prices
    #[arg(long, value_name = "DIR")]
    replay: Option<PathBuf>,
    /// How long each answer takes
    #[arg(long, value_name = "N", default_value_t = 0)]
    latency_ms: u64,
    /// What goes wrong: NAME, NAME:SYMBOL, NAME*COUNT; may be repeated
    #[arg(long = "fault", value_name = "NAME")]
    faults: Vec<Fault>,
    /// Print the names of the faults and exit
    #[arg(long)]
    list_faults: bool,
    /// Print the address as one JSON object
    #[arg(long)]
    json: bool,
}

impl Arguments {
    pub(super) fn json(&self) -> bool {
        self.market().json
    }

    fn market(&self) -> &Market {
        match &self.which {
            Which::IbGateway { market, .. } | Which::Yahoo { market, .. } => market,
        }
    }
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    let market = arguments.market();
    let vendor = match arguments.which {
        Which::IbGateway { .. } => "IB",
        Which::Yahoo { .. } => "Yahoo",
    };
    if market.list_faults {
        return list_faults(vendor);
    }
    if let Some(stranger) = market.faults.iter().find(|f| describe(f.name, vendor).is_none()) {
        return Err(
            Failure::usage(format!("the simulated {vendor} has no fault {}", stranger.name)).next("--list-faults lists those it has")
        );
    }
    let mut feed = MarketFeed::new(context.universe.clone(), market.seed);
    if let Some(dir) = &market.replay {
        feed = feed.with_replay(Replay::load(dir).map_err(|e| Failure::new(e.to_string()))?);
    }
    // A simulator is not at home in the data folder: it tells its log to whoever started it.
    logging::on_stderr(&context.settings.log, Arc::clone(&context.clock))?;
    let feed = Arc::new(feed);
    let done = context.block_on(async {
        match &arguments.which {
            Which::IbGateway { port, market } => ib(*port, market, feed, context).await,
            Which::Yahoo { port, market, ca_out } => yahoo(*port, market, feed, ca_out.as_deref(), context).await,
        }
    })?;
    done.map(|()| Exit::Done)
}

async fn ib(port: u16, market: &Market, feed: Arc<MarketFeed>, context: &Context) -> Result<(), Failure> {
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let options = GatewayOptions {
        bind,
        latency: Duration::from_millis(market.latency_ms),
        faults: market.faults.clone(),
        ..GatewayOptions::new(feed, Arc::clone(&context.clock))
    };
    let taken = |e| {
        Failure::new(format!("the simulated IB Gateway cannot listen on {bind}: {e}")).next("choose another --port, or 0 for any free one")
    };
    let stop = Stop::listen()?;
    let gateway = Gateway::start(options).await.map_err(taken)?;
    let port = gateway.addr().port();
    market.announce("IB Gateway", &json!({ "address": gateway.addr(), "seed": market.seed }), &[format!("NIGHTDESK__IB__PORT={port}")])?;
    stop.wait().await;
    let seen = gateway.journal().counters();
    gateway.shutdown().await;
    output::remark(format_args!("The simulated IB Gateway has stopped; {} violations of its pacing rules.", seen.violations()));
    Ok(())
}

async fn yahoo(port: u16, market: &Market, feed: Arc<MarketFeed>, ca_out: Option<&Path>, context: &Context) -> Result<(), Failure> {
    let options = ServerOptions {
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        latency: Duration::from_millis(market.latency_ms),
        faults: Arc::new(Faults::new(market.faults.clone())),
        ..ServerOptions::new(feed, Arc::clone(&context.clock))
    };
    let stop = Stop::listen()?;
    let server = Server::start(options).await.map_err(|e| Failure::new(e.to_string()))?;
    let (ca, _folder) = if let Some(file) = ca_out {
        (file.to_owned(), None)
    } else {
        let folder = PrivateFolder::create()?;
        (folder.0.join("yahoo-sim-ca.pem"), Some(folder))
    };
    let unwritable = |e| Failure::new(format!("{} cannot be written: {e}", ca.display())).next("name another file with --ca-out");
    server.write_ca(&ca).map_err(unwritable)?;
    let variables = [format!("NIGHTDESK__YAHOO__LOOPBACK={}", server.addr()), format!("NIGHTDESK__YAHOO__LOOPBACK_CA={}", ca.display())];
    market.announce("Yahoo", &json!({ "address": server.addr(), "ca": ca, "seed": market.seed }), &variables)?;
    stop.wait().await;
    let seen = server.journal().len();
    server.shutdown();
    output::remark(format_args!("The simulated Yahoo has stopped after {}.", output::count(seen, "request", "requests")));
    Ok(())
}

/// A new folder that only this user can look into; it goes, with what is in it, when this is dropped.
struct PrivateFolder(PathBuf);

impl PrivateFolder {
    fn create() -> std::io::Result<Self> {
        let base = std::env::temp_dir();
        let mut n = 0_u32;
        loop {
            let path = base.join(format!("nightdesk-sim-{}-{n}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                // Perhaps another user's, who may read along: never taken over.
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => n += 1,
                Err(e) => return Err(e),
            }
        }
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // What stays behind after a failure is a public certificate of a server that is gone.
        drop(std::fs::remove_dir_all(&self.0));
    }
}

impl Market {
    fn announce(&self, name: &str, facts: &Value, variables: &[String]) -> Result<(), Failure> {
        if self.json {
            return output::json(facts);
        }
        let address = facts["address"].as_str().unwrap_or_default();
        output::line(format_args!("Simulated {name} on {address}, seed {}. Ctrl-C stops it.", self.seed))?;
        output::line("To use it, set these for a nightdesk with a data folder of its own (its prices are not real):")?;
        for variable in variables {
            output::line(format_args!("  {variable}"))?;
        }
        Ok(())
    }
}

/// Ctrl-C or a polite kill. Listening begins before the address is told, so that no signal falls in between.
struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    fn listen() -> Result<Self, Failure> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn wait(mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

fn list_faults(vendor: &str) -> Result<Exit, Failure> {
    for name in FaultName::iter() {
        if let Some(text) = describe(name, vendor) {
            output::line(format_args!("{:<20} {text}", name.to_string()))?;
        }
    }
    output::line("\nName one with --fault NAME, NAME:SYMBOL for one symbol only, NAME*COUNT for so many times.")?;
    Ok(Exit::Done)
}

/// What a fault does, if `vendor`'s simulator has it: the names' documentation begins with the vendor.
fn describe(name: FaultName, vendor: &str) -> Option<&'static str> {
    let (whose, text) = name.get_documentation()?.split_once(": ")?;
    (whose == vendor || whose == "Both").then_some(text)
}
