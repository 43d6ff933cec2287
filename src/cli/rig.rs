//! An engine for the length of a command, with the simulators beside it when `--demo` asks for them.

use std::os::unix::fs::DirBuilderExt;
use std::sync::Arc;

use super::{Context, Failure};
use crate::control::{Client, LocalClient};
use crate::engine::{Engine, EngineOptions, LogRing};
use crate::sim::demo::Demo;

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
            let demo = Demo::start(&context.universe, &context.data_dir, Arc::clone(&context.clock))
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
