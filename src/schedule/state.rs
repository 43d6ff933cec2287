//! `scheduler_state.json`: whether the scheduler is on, and the times of its jobs. The engine writes it whenever one of
//! them changes; it survives a restart, a kill, and the loss of `scheduler.db`.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::store::scheduler::{Job, set_aside};

/// What survives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulerState {
    /// Whether ticks lead to runs.
    pub on: bool,
    /// Since when, UTC seconds.
    pub since: i64,
    /// Who switched it.
    pub by: String,
    /// Ticks.
    #[serde(default)]
    pub jobs: BTreeMap<Job, JobTimes>,
}

/// When a job ticked and will tick, UTC seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobTimes {
    /// The last tick dealt with.
    pub last: Option<i64>,
    /// The next tick that leads to a run.
    pub next: Option<i64>,
}

/// A state that was read, or the one of a first start.
#[derive(Debug, PartialEq, Eq)]
pub struct LoadedState {
    /// The state.
    pub state: SchedulerState,
    /// What was wrong with the file, for an alert.
    pub trouble: Option<String>,
}

/// The file could not be written.
#[derive(Debug, thiserror::Error)]
#[error(
    "the scheduler's state could not be written to {path}: {source}; after a restart it is the one before, free some space or check the folder"
)]
pub struct StateError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub source: std::io::Error,
}

impl SchedulerState {
    /// The state of a first start at `now` (UTC seconds).
    pub fn first(on: bool, now: i64) -> Self {
        Self { on, since: now, by: "config".to_owned(), jobs: BTreeMap::new() }
    }

    /// Reads the file; without one, the state of a first start. A file that cannot be used is moved aside, the state of
    /// a first start taken, and so said. Blocks.
    pub fn load(path: &Path, on: bool, now: i64) -> LoadedState {
        let read = std::fs::read(path).map_err(|e| (e.kind(), e.to_string()));
        let parsed = read.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|e| (ErrorKind::InvalidData, e.to_string())));
        let trouble = match parsed {
            Ok(state) => return LoadedState { state, trouble: None },
            Err((ErrorKind::NotFound, _)) => None,
            Err((_, reason)) => {
                let moved = set_aside(path, &[], reason, now).map_or_else(|e| e.to_string(), |moved| moved.to_string());
                Some(format!("{moved}; the scheduler is {} as the configuration says", if on { "on" } else { "off" }))
            }
        };
        LoadedState { state: Self::first(on, now), trouble }
    }

    /// Writes the file so that, whatever happens, either the old or the new state is there. Blocks for two disk flushes.
    pub fn save(&self, path: &Path) -> Result<(), StateError> {
        self.write(path).map_err(|source| StateError { path: path.to_owned(), source })
    }

    fn write(&self, path: &Path) -> std::io::Result<()> {
        let fresh = path.with_extension("json.tmp");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()?;
        std::fs::rename(&fresh, path)?;
        // The rename itself must survive a power cut.
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use tempfile::TempDir;

    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn off() -> SchedulerState {
        let times = JobTimes { last: Some(NOW - 60), next: Some(NOW + 60) };
        SchedulerState { on: false, since: NOW, by: "console".into(), jobs: [(Job::Ingest, times)].into() }
    }

    fn at(dir: &TempDir) -> PathBuf {
        dir.path().join("scheduler_state.json")
    }

    #[test]
    fn the_switch_and_the_times_survive_a_restart() {
        let dir = TempDir::new().unwrap();
        let first = SchedulerState::load(&at(&dir), true, NOW);
        assert_eq!(first, LoadedState { state: SchedulerState::first(true, NOW), trouble: None });
        off().save(&at(&dir)).unwrap();
        assert_eq!(SchedulerState::load(&at(&dir), true, NOW + 9), LoadedState { state: off(), trouble: None });
        assert_eq!(std::fs::metadata(at(&dir)).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn what_a_killed_process_left_behind_is_ignored() {
        let dir = TempDir::new().unwrap();
        off().save(&at(&dir)).unwrap();
        let left = at(&dir).with_extension("json.tmp");
        std::fs::write(&left, b"{\"on\": tr").unwrap();
        assert_eq!(SchedulerState::load(&at(&dir), true, NOW).state, off());
        let on = SchedulerState { on: true, ..off() };
        on.save(&at(&dir)).unwrap();
        assert_eq!(SchedulerState::load(&at(&dir), false, NOW).state, on);
        assert!(!left.exists());
    }

    #[test]
    fn a_file_that_cannot_be_used_is_moved_aside_and_said_so() {
        for bytes in
            [&b"{\"on\": tr"[..], b"", b"[]", b"{\"on\":1}", &[0xff; 40], b"{\"on\":true,\"since\":1,\"by\":\"\",\"jobs\":{\"nap\":{}}}"]
        {
            let dir = TempDir::new().unwrap();
            std::fs::write(at(&dir), bytes).unwrap();
            let LoadedState { state, trouble } = SchedulerState::load(&at(&dir), true, NOW);
            assert_eq!(state, SchedulerState::first(true, NOW));
            let trouble = trouble.unwrap();
            assert!(trouble.contains("was unusable") && trouble.ends_with("the scheduler is on as the configuration says"), "{trouble}");
            let kept = dir.path().join("scheduler_state.json.corrupt-20260921T141320Z");
            assert_eq!(std::fs::read(kept).unwrap(), bytes, "nothing is destroyed");
            state.save(&at(&dir)).unwrap();
            assert_eq!(SchedulerState::load(&at(&dir), true, NOW).trouble, None);
        }
    }

    #[test]
    fn a_folder_in_its_place_does_not_keep_the_engine_from_starting() {
        let dir = TempDir::new().unwrap();
        std::fs::create_dir(at(&dir)).unwrap();
        let LoadedState { state, trouble } = SchedulerState::load(&at(&dir), false, NOW);
        assert!(!state.on && trouble.is_some());
        state.save(&at(&dir)).unwrap();
    }

    #[test]
    fn a_full_disk_leaves_the_old_state() {
        let dir = TempDir::new().unwrap();
        off().save(&at(&dir)).unwrap();
        symlink("/dev/full", at(&dir).with_extension("json.tmp")).unwrap();
        let error = SchedulerState { on: true, ..off() }.save(&at(&dir)).unwrap_err();
        assert!(error.to_string().contains("free some space"), "{error}");
        assert_eq!(SchedulerState::load(&at(&dir), true, NOW).state, off());
    }
}
