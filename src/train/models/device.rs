//! Where models compute: the processor, or a GPU that has shown that it is right and faster.
//!
//! A device is a value that is chosen at run time and handed to every fit and answer; burn's default device is never
//! asked for, because it follows what was compiled in and not what the machine has.

#[cfg(any(feature = "gpu", feature = "cuda"))]
mod gpu;
mod guard;
#[cfg(any(feature = "gpu", feature = "cuda", test))]
mod probe;

use std::sync::Arc;

use burn::tensor::Device;

pub(super) use guard::guarded;

use crate::config::strategy::{Backend, Orchestrator};
use crate::market::Clock;

/// The version of burn that `Cargo.toml` pins.
pub(super) const BURN: &str = "0.22.1";

/// A device and what a run tells of it.
#[derive(Clone, Debug)]
pub struct Compute {
    device: Device,
    gpu: bool,
    words: String,
    remark: Option<String>,
    versions: String,
}

impl Compute {
    /// The processor, with so many threads for all fits together.
    pub fn processor(threads: usize) -> Self {
        let words = if threads == 1 { "CPU, 1 thread".to_owned() } else { format!("CPU, {threads} threads") };
        Self { device: Device::flex(), gpu: false, words, remark: None, versions: format!("burn {BURN}, flex") }
    }

    /// What the settings choose on this machine. A GPU is used only after it has computed what the processor computes, within
    /// `probe_timeout_s`; under `auto` only if it is also faster than the processor with all its models at once.
    pub fn choose(settings: &Orchestrator, clock: &Arc<dyn Clock>) -> Self {
        let processor = Self::processor(threads(settings));
        match settings.backend {
            Backend::Cpu => processor,
            Backend::Auto | Backend::Gpu => gpu(processor, settings, clock),
        }
    }

    fn with_remark(self, remark: impl Into<String>) -> Self {
        Self { remark: Some(remark.into()), ..self }
    }

    /// For tensors.
    pub const fn device(&self) -> &Device {
        &self.device
    }

    /// Whether it is a GPU: one fit at a time, with larger steps.
    pub const fn is_gpu(&self) -> bool {
        self.gpu
    }

    /// What computes, in a few words: "CPU, 2 threads".
    pub fn words(&self) -> &str {
        &self.words
    }

    /// Why it is not the GPU, where one was asked for or could have been.
    pub fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    /// What its numbers depend on: library and backend.
    pub fn versions(&self) -> &str {
        &self.versions
    }
}

/// Threads of a run: as set, or all cores.
pub fn threads(settings: &Orchestrator) -> usize {
    match settings.threads {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        n => n as usize,
    }
}

#[cfg(any(feature = "gpu", feature = "cuda"))]
fn gpu(processor: Compute, settings: &Orchestrator, clock: &Arc<dyn Clock>) -> Compute {
    gpu::choose(processor, settings, clock)
}

#[cfg(not(any(feature = "gpu", feature = "cuda")))]
fn gpu(processor: Compute, settings: &Orchestrator, _clock: &Arc<dyn Clock>) -> Compute {
    if settings.backend == Backend::Auto {
        return processor;
    }
    processor.with_remark(
        "orchestrator.backend is \"gpu\" and this program was built without GPU support; the processor computes. Build it with `cargo build --release --features gpu`.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_told_is_the_one_pinned() {
        assert!(include_str!("../../../Cargo.toml").contains(&format!("burn = {{ version = \"={BURN}\"")));
    }

    #[cfg(not(any(feature = "gpu", feature = "cuda")))]
    #[test]
    fn a_gpu_that_was_not_built_in_is_told_of_only_to_who_asked_for_one() {
        use crate::config::strategy::StrategySettings;
        use crate::market::{Strategy, SystemClock};

        let chosen = |backend| {
            let shipped = StrategySettings::shipped(Strategy::Turbomode).unwrap().orchestrator;
            Compute::choose(&Orchestrator { backend, threads: 3, ..shipped }, &SystemClock::shared())
        };
        for backend in [Backend::Auto, Backend::Cpu] {
            assert_eq!((chosen(backend).words(), chosen(backend).remark()), ("CPU, 3 threads", None));
        }
        let asked = chosen(Backend::Gpu);
        assert!(!asked.is_gpu() && asked.remark().unwrap().contains("--features gpu"), "{asked:?}");
    }

    #[test]
    fn the_processor_says_how_many_threads_it_has() {
        assert_eq!(Compute::processor(1).words(), "CPU, 1 thread");
        let two = Compute::processor(2);
        assert_eq!((two.words(), two.is_gpu(), two.remark()), ("CPU, 2 threads", false, None));
    }
}
