//! An engine for the length of a command, with the simulators beside it when `--demo` asks for them.

use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;

use super::{Context, Failure};
use crate::control::{Client, LocalClient};
use crate::engine::{Engine, EngineOptions, LogRing};
use crate::ingest::pipeline::Pipeline;
use crate::market::{Instrument, Symbol};
use crate::sim::demo::Demo;
use crate::sources::hybrid::Hybrid;
use crate::store::master::{ReadPool, StoreError, Writer};

/// A runtime for an engine: two workers suffice, the heavy work has threads of its own.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).thread_name("nightdesk-engine").enable_all().build()?)
}

/// An engine, and what it stands on.
pub(super) struct Rig {
    engine: Engine,
    demo: Option<Demo>,
}

impl Rig {
    /// Starts the simulators if needed, then the engine on the context's data folder.
    pub async fn start(context: &Context, logs: Arc<LogRing>) -> Result<Self, Failure> {
        let mut settings = context.settings.clone();
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&context.data_dir)?;
        let demo = if context.demo {
            let demo = Demo::start(&context.universe, context.replay.clone(), &context.data_dir, Arc::clone(&context.clock))
                .await
                .map_err(|e| Failure::new(format!("the simulators did not start: {e}")))?;
            demo.point(&mut settings);
            Some(demo)
        } else {
            None
        };
        let options = EngineOptions {
            settings,
            universe: context.universe.clone(),
            data_dir: context.data_dir.clone(),
            demo: context.demo,
            clock: Arc::clone(&context.clock),
            logs,
            schedule: false,
            daemon: false,
            bodies: Vec::new(),
        };
        let engine = Engine::start(options).await.map_err(|e| Failure::new(format!("the engine did not start: {e}")))?;
        Ok(Self { engine, demo })
    }

    /// A client of the engine.
    pub fn client(&self) -> Client {
        let (state, requests) = (self.engine.state.clone(), self.engine.requests.clone());
        let logs: Arc<LogRing> = Arc::clone(&self.engine.logs);
        Client::Local(LocalClient { state, requests, logs })
    }

    /// Stops the engine, then the simulators.
    pub async fn stop(self) {
        self.engine.stop().await;
        if let Some(demo) = self.demo {
            demo.stop().await;
        }
    }
}

/// Brings a symbol's derived timeframes in line with its fetched ones, without asking any source: after an import, and
/// after a finding that hid bars was settled.
pub(super) async fn rederive(context: &Context, writer: &Writer, symbol: Symbol) -> Result<(), StoreError> {
    let asset = context.asset(symbol);
    let outside = || Instrument { symbol, asset, sector: String::new(), name: symbol.to_string() };
    let clock = Arc::clone(&context.clock);
    let hybrid = Hybrid::start(None, None, &context.settings.ingest, Arc::clone(&clock));
    let pipeline = Arc::new(Pipeline {
        writer: writer.clone(),
        reads: ReadPool::new(&context.database()),
        hybrid: Arc::clone(&hybrid),
        settings: Arc::new(context.settings.clone()),
        universe: Arc::new(context.universe.clone()),
        clock,
    });
    let derived = pipeline.rederive(context.universe.get(symbol).cloned().unwrap_or_else(outside)).await;
    hybrid.shutdown().await;
    derived
}
