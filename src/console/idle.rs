//! How the console keeps its tests and its log informed: a file that says when it waits, and how quickly keys showed.

use std::path::PathBuf;
use std::time::Duration;

/// Counters for end-to-end tests and for the closing log line.
#[derive(Default)]
pub struct Idle {
    /// Rewritten each time the console waits.
    file: Option<PathBuf>,
    /// Keys taken.
    pub inputs: u64,
    /// Frames drawn.
    pub frames: u64,
    written: (u64, u64),
    /// Microseconds from a key to its frame's flush, the last ones.
    latencies: Vec<u32>,
}

/// Most latencies kept: an evening of keys.
const LATENCIES: usize = 20_000;

impl Idle {
    /// Counters that tell `file`, if there is one.
    pub fn new(file: Option<PathBuf>) -> Self {
        Self { file, ..Self::default() }
    }

    /// Rewrites the file when the console waits and something was drawn since.
    pub fn note(&mut self, settled: bool) {
        let now = (self.inputs, self.frames);
        if !settled || now == self.written {
            return;
        }
        if let Some(file) = &self.file {
            // Renaming keeps a reader from seeing half a line; a failure shows as a test that waits in vain.
            let fresh = file.with_extension("new");
            let _ = std::fs::write(&fresh, format!("inputs={} frames={}\n", now.0, now.1)).and_then(|()| std::fs::rename(&fresh, file));
        }
        self.written = now;
    }

    /// Notes how long a key waited for its frame.
    pub fn key_shown(&mut self, after: Duration) {
        if self.latencies.len() < LATENCIES {
            self.latencies.push(u32::try_from(after.as_micros()).unwrap_or(u32::MAX));
        }
    }

    /// Logs how quickly keys were answered.
    pub fn report(&mut self) {
        self.latencies.sort_unstable();
        let at = |share: usize| self.latencies.get(self.latencies.len() * share / 100).or(self.latencies.last()).copied().unwrap_or(0);
        let (p50_us, p99_us) = (at(50), at(99));
        tracing::info!(target: "console", frames = self.frames, inputs = self.inputs, key_p50_us = p50_us, key_p99_us = p99_us, "Console closed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_tells_when_everything_is_drawn() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("idle");
        let mut idle = Idle { file: Some(file.clone()), inputs: 3, frames: 2, ..Idle::default() };
        idle.note(false);
        assert!(!file.exists());
        idle.note(true);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "inputs=3 frames=2\n");
        std::fs::remove_file(&file).unwrap();
        idle.note(true);
        assert!(!file.exists(), "nothing new, nothing written");
    }
}
