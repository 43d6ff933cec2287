//! Watches the configuration folder of a running engine and has it read again when one of its files changed. The folder
//! is watched and not the files, because editors put a new file in the old one's place. A folder that does not exist is
//! waited for at the nearest one above it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::EventKind;
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::config::{SETTINGS_FILE, UNIVERSE_FILE};
use crate::control::Client;
use crate::engine::{Command, Envelope};
use crate::market::Strategy;

/// Editors write in several steps; the file is read when they have been quiet for this long.
const QUIET: Duration = Duration::from_millis(200);

/// A watched folder; dropping it ends the watch.
pub(super) struct ConfigWatch {
    _task: AbortOnDropHandle<()>,
}

impl ConfigWatch {
    /// Watches `dir`. Where that cannot be done, changes are seen on command or signal only, which is said in the log.
    pub fn start(dir: &Path, client: Client) -> Option<Self> {
        let (seen, changes) = mpsc::channel(1);
        let folder = dir.to_owned();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|e| concerns(&folder, &e)) {
                // One waiting notice is enough.
                let _ = seen.try_send(());
            }
        });
        let aimed = watcher.and_then(|watcher| Aim::new(watcher, dir));
        let aim = aimed.inspect_err(|e| unwatched(dir, e)).ok()?;
        Some(Self { _task: AbortOnDropHandle::new(tokio::spawn(follow(aim, changes, client))) })
    }
}

fn unwatched(dir: &Path, reason: &notify::Error) {
    tracing::info!(
        target: "cli", folder = %dir.display(), %reason,
        "The configuration folder is not watched; `nightdesk config reload` or a hang-up signal reads it again"
    );
}

/// Whether an event may mean that there is something else to read: one of the files changed, or the folder or one above
/// it came or went. Reading a file is an event too, and reading is what follows.
fn concerns(dir: &Path, event: &Event) -> bool {
    let files = [SETTINGS_FILE, UNIVERSE_FILE, Strategy::Turbomode.config_file(), Strategy::Slipstream.config_file()];
    let ours = |p: &Path| p.file_name().is_some_and(|n| files.iter().any(|f| n == *f));
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|p| ours(p) || dir.starts_with(p))
}

/// A watcher and the folder that it looks at: the wanted one, or the nearest that exists above it.
struct Aim {
    watcher: RecommendedWatcher,
    dir: PathBuf,
    at: PathBuf,
}

impl Aim {
    fn new(watcher: RecommendedWatcher, dir: &Path) -> notify::Result<Self> {
        let mut aim = Self { watcher, dir: dir.to_owned(), at: PathBuf::new() };
        aim.again()?;
        Ok(aim)
    }

    /// Looks at what exists now. Also when that has the same name as before: it may be another folder.
    fn again(&mut self) -> notify::Result<()> {
        loop {
            // A folder that is gone is watched no more, which is what is wanted.
            let _ = self.watcher.unwatch(&self.at);
            self.at = nearest(&self.dir);
            let looking = self.watcher.watch(&self.at, RecursiveMode::NonRecursive);
            // One that came or went meanwhile was not seen to.
            if self.at == nearest(&self.dir) {
                return looking;
            }
        }
    }

    fn on_target(&self) -> bool {
        self.at == self.dir
    }
}

/// The nearest folder that exists, from `dir` upwards.
fn nearest(dir: &Path) -> PathBuf {
    let found = dir.ancestors().find(|a| a.is_dir()).filter(|a| !a.as_os_str().is_empty());
    found.map_or_else(|| PathBuf::from("."), Path::to_owned)
}

async fn follow(mut aim: Aim, mut changes: mpsc::Receiver<()>, client: Client) {
    let mut n = 0_u64;
    while changes.recv().await.is_some() {
        while let Ok(Some(())) = tokio::time::timeout(QUIET, changes.recv()).await {}
        let before = aim.on_target();
        if let Err(e) = aim.again() {
            return unwatched(&aim.dir, &e);
        }
        if !before && !aim.on_target() {
            continue;
        }
        n += 1;
        let asked = Envelope { id: format!("file-{n}"), actor: "file".to_owned(), command: Command::Reload };
        // A refusal is in the log and among the alerts already.
        let _ = client.send(asked).await;
    }
}

#[cfg(test)]
mod tests {
    use notify::event::{AccessKind, CreateKind, ModifyKind};

    use super::*;

    #[test]
    fn only_changes_of_our_files_and_folders_count() {
        let dir = Path::new("/etc/nightdesk");
        let event = |kind, name: &str| Event::new(kind).add_path(dir.join(name));
        assert!(concerns(dir, &event(EventKind::Modify(ModifyKind::Any), "nightdesk.toml")));
        assert!(concerns(dir, &event(EventKind::Create(CreateKind::Any), "universe.toml")));
        assert!(concerns(dir, &event(EventKind::Modify(ModifyKind::Any), "slipstream.toml")));
        assert!(!concerns(dir, &event(EventKind::Modify(ModifyKind::Any), ".nightdesk.toml.swp")));
        assert!(!concerns(dir, &event(EventKind::Access(AccessKind::Any), "nightdesk.toml")));
        assert!(concerns(dir, &Event::new(EventKind::Create(CreateKind::Folder)).add_path("/etc/nightdesk".into())));
        assert!(!concerns(dir, &Event::new(EventKind::Create(CreateKind::Folder)).add_path("/etc/other".into())));
    }

    #[test]
    fn a_folder_that_is_missing_is_waited_for_above_it() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("a").join("b");
        let (seen, events) = std::sync::mpsc::channel();
        let folder = dir.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|e| concerns(&folder, &e)) {
                let _ = seen.send(());
            }
        });
        let mut aim = Aim::new(watcher.unwrap(), &dir).unwrap();
        assert_eq!((aim.at.as_path(), aim.on_target()), (root.path(), false));
        std::fs::create_dir_all(&dir).unwrap();
        events.recv_timeout(Duration::from_secs(5)).unwrap();
        aim.again().unwrap();
        assert!(aim.on_target());
        std::fs::write(dir.join(SETTINGS_FILE), "").unwrap();
        events.recv_timeout(Duration::from_secs(5)).unwrap();
    }
}
