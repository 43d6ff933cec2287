//! Watches the configuration folder of a running engine and has it read again when one of its files changed. The folder
//! is watched and not the files, because editors put a new file in the old one's place.

use std::path::Path;
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
    _watcher: RecommendedWatcher,
    _task: AbortOnDropHandle<()>,
}

impl ConfigWatch {
    /// Watches `dir`. Without it changes are seen on command or signal only, which is said in the log.
    pub fn start(dir: &Path, client: Client) -> Option<Self> {
        let (seen, changes) = mpsc::channel(1);
        let started = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if event.is_ok_and(|e| concerns_us(&e)) {
                // One waiting notice is enough.
                let _ = seen.try_send(());
            }
        })
        .and_then(|mut watcher| watcher.watch(dir, RecursiveMode::NonRecursive).map(|()| watcher));
        match started {
            Ok(watcher) => Some(Self { _watcher: watcher, _task: AbortOnDropHandle::new(tokio::spawn(follow(changes, client))) }),
            Err(e) => {
                tracing::info!(
                    target: "cli", folder = %dir.display(), reason = %e,
                    "The configuration folder is not watched; `nightdesk config reload` or a hang-up signal reads it again"
                );
                None
            }
        }
    }
}

/// Reading a file is an event too, and reading is what follows.
fn concerns_us(event: &Event) -> bool {
    let files = [SETTINGS_FILE, UNIVERSE_FILE, Strategy::Turbomode.config_file(), Strategy::Slipstream.config_file()];
    let ours = |p: &Path| p.file_name().is_some_and(|n| files.iter().any(|f| n == *f));
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|p| ours(p))
}

async fn follow(mut changes: mpsc::Receiver<()>, client: Client) {
    let mut n = 0_u64;
    while changes.recv().await.is_some() {
        while let Ok(Some(())) = tokio::time::timeout(QUIET, changes.recv()).await {}
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
    fn only_changes_of_our_files_count() {
        let event = |kind, name: &str| Event::new(kind).add_path(Path::new("/etc/nightdesk").join(name));
        assert!(concerns_us(&event(EventKind::Modify(ModifyKind::Any), "nightdesk.toml")));
        assert!(concerns_us(&event(EventKind::Create(CreateKind::Any), "universe.toml")));
        assert!(concerns_us(&event(EventKind::Modify(ModifyKind::Any), "slipstream.toml")));
        assert!(!concerns_us(&event(EventKind::Modify(ModifyKind::Any), ".nightdesk.toml.swp")));
        assert!(!concerns_us(&event(EventKind::Access(AccessKind::Any), "nightdesk.toml")));
    }
}
