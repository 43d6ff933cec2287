//! Finding a GPU and trying it. Nothing here may end the process or hold it: a driver's panic, hang or wrong answer
//! becomes a remark, and the processor computes.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use burn::tensor::Device;

use super::guard::guarded;
use super::probe::{Probe, probe};
use super::{BURN, Compute};
use crate::config::strategy::{Backend, Orchestrator};
use crate::market::Clock;

/// The GPU if it passes, the processor with a remark otherwise.
pub(super) fn choose(processor: Compute, settings: &Orchestrator, clock: &Arc<dyn Clock>) -> Compute {
    match tried(&processor, settings, clock) {
        Ok(gpu) => gpu,
        Err(remark) => processor.with_remark(remark),
    }
}

fn tried(processor: &Compute, settings: &Orchestrator, clock: &Arc<dyn Clock>) -> Result<Compute, String> {
    let (gpu, shown) = in_time(settings.probe_timeout_s, clock)?;
    let reference = probe(processor, clock).map_err(|error| format!("the processor's own probe failed: {error}"))?;
    if !shown.agrees(&reference) {
        return Err(format!(
            "{} computes other numbers than the processor, which computes instead; its driver may need an update",
            gpu.words
        ));
    }
    let rival = reference.seconds / f64::from(settings.models_at_once);
    if settings.backend == Backend::Auto && shown.seconds >= rival {
        return Err(format!(
            "{} takes {:.3} s for an epoch of the probe and the processor {rival:.3} s a model; the processor computes. Set orchestrator.backend to \"gpu\" to use it anyway.",
            gpu.words, shown.seconds
        ));
    }
    Ok(gpu)
}

/// Opens and probes a GPU in a thread of its own, which is left behind if it does not answer: a driver that hangs cannot be
/// stopped from outside.
fn in_time(timeout_s: u32, clock: &Arc<dyn Clock>) -> Result<(Compute, Probe), String> {
    let (answer, answers) = mpsc::channel();
    let clock = Arc::clone(clock);
    let work = move || {
        let shown = guarded(|| {
            let gpu = opened()?;
            let shown = probe(&gpu, &clock).map_err(|error| format!("{} failed its probe: {error}", gpu.words))?;
            Ok((gpu, shown))
        });
        // Nobody waits any more once the time is over.
        let _ = answer.send(shown.unwrap_or_else(|panic| Err(format!("the GPU's driver broke down: {panic}"))));
    };
    std::thread::Builder::new()
        .name("gpu-probe".to_owned())
        .spawn(work)
        .map_err(|error| format!("no thread could be started to try the GPU: {error}"))?;
    match answers.recv_timeout(Duration::from_secs(u64::from(timeout_s))) {
        Ok(shown) => shown,
        Err(_) => Err(format!(
            "no GPU answered within {timeout_s} s (orchestrator.probe_timeout_s); the processor computes. A first start compiles kernels and can take longer."
        )),
    }
}

/// The GPU of this process: a runtime can be initialised once only, and the Vulkan loader may crash when instances come and go.
static OPENED: Mutex<Option<Compute>> = Mutex::new(None);

/// The GPU, opened by the first run that asks for it. What failed is tried again by the next.
fn opened() -> Result<Compute, String> {
    let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
    match &*opened {
        Some(gpu) => Ok(gpu.clone()),
        None => Ok(opened.insert(open()?).clone()),
    }
}

/// The first real GPU. Never an adapter of kind CPU and never "the best there is": both can be a software renderer.
fn open() -> Result<Compute, String> {
    let mut refused = Vec::new();
    #[cfg(feature = "cuda")]
    match Device::enumerate(burn::tensor::DeviceType::Cuda).into_vec().into_iter().next() {
        Some(device) => return Ok(found(device, "CUDA")),
        None => refused.push("no CUDA device".to_owned()),
    }
    #[cfg(feature = "gpu")]
    {
        use burn::tensor::DeviceKind::{DiscreteGpu, IntegratedGpu, VirtualGpu};
        for kind in [DiscreteGpu(0), IntegratedGpu(0), VirtualGpu(0)] {
            match Device::wgpu_options().device_kind(kind).init() {
                Ok(device) => return Ok(found(device, "Vulkan")),
                Err(error) => refused.push(error.to_string()),
            }
        }
    }
    Err(format!("no GPU with a working driver was found; the processor computes ({})", refused.join("; ")))
}

fn found(device: Device, api: &str) -> Compute {
    let name = device.identity().map_or_else(|| "GPU".to_owned(), |identity| identity.name.to_string());
    Compute { device, gpu: true, words: format!("{name} ({api})"), remark: None, versions: format!("burn {BURN}, {api}, {name}") }
}
