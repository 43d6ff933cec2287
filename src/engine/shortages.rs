//! What the strategies' data sets are short of, for the alerts. Commands make data sets in processes of their own, so the
//! databases are looked at now and then; beside the owner, because opening one may wait for its writer.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::market::Strategy;
use crate::store::StoreError;
use crate::store::model::{ModelReader, Shortage};

/// Time between two looks.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// What is known now, and a way to have it looked at.
pub(super) struct Shortages {
    /// Of the strategies whose last data set has thin sectors or symbols.
    pub known: watch::Receiver<Vec<(Strategy, Shortage)>>,
    /// Notified: another look, now.
    pub look: Arc<Notify>,
}

impl Shortages {
    /// Begins to look, until the owner is gone.
    pub fn watch(data_dir: PathBuf) -> Self {
        let (tell, known) = watch::channel(Vec::new());
        let look = Arc::new(Notify::new());
        tokio::spawn(keep(data_dir, Arc::clone(&look), tell));
        Self { known, look }
    }
}

async fn keep(data_dir: PathBuf, look: Arc<Notify>, tell: watch::Sender<Vec<(Strategy, Shortage)>>) {
    let mut tick = interval(LOOK_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = look.notified() => {}
            () = tell.closed() => return,
        }
        let (dir, before) = (data_dir.clone(), tell.borrow().clone());
        let Ok(now) = tokio::task::spawn_blocking(move || read(&dir, &before)).await else { continue };
        tell.send_if_modified(|known| {
            let changed = *known != now;
            *known = now;
            changed
        });
    }
}

/// What the databases tell; of one that cannot be read now, what was known `before`.
fn read(data_dir: &Path, before: &[(Strategy, Shortage)]) -> Vec<(Strategy, Shortage)> {
    let of = |strategy: Strategy| {
        let path = data_dir.join(strategy.database_file());
        match ModelReader::open(&path, strategy).and_then(|db| db.shortage()) {
            Ok(found) => found,
            Err(StoreError::NotBuilt { .. }) => None,
            Err(e) => {
                tracing::debug!(target: "engine", %strategy, error = %e, "Could not read what the data set is short of");
                before.iter().find(|(s, _)| *s == strategy).map(|(_, shortage)| shortage.clone())
            }
        }
    };
    Strategy::ALL.into_iter().filter_map(|s| Some((s, of(s)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::strategy::ThinAlert;
    use crate::market::ManualClock;
    use crate::store::model::ModelDb;

    #[tokio::test]
    async fn what_a_data_set_is_short_of_is_known_from_the_next_look_on() {
        let dir = tempfile::tempdir().unwrap();
        let mut seen = Shortages::watch(dir.path().to_owned());
        assert!(seen.known.borrow_and_update().is_empty() && read(dir.path(), &[]).is_empty(), "no data set was ever made");
        let path = dir.path().join("turbomode.db");
        let mut db = ModelDb::open(&path, Strategy::Turbomode, false, ManualClock::at(0)).unwrap();
        assert!(read(dir.path(), &[]).is_empty(), "nor by opening the database");
        let shortage = Shortage { alert: ThinAlert::Bad, text: "1 sector is thin".into() };
        db.put_shortage(Some(&shortage)).unwrap();
        seen.look.notify_one();
        seen.known.changed().await.unwrap();
        assert_eq!(*seen.known.borrow_and_update(), [(Strategy::Turbomode, shortage.clone())]);
        db.put_shortage(None).unwrap();
        seen.look.notify_one();
        seen.known.changed().await.unwrap();
        assert!(seen.known.borrow_and_update().is_empty());
        db.close().unwrap();
        std::fs::write(&path, "not a database at all, and longer than the head of one would be".repeat(9)).unwrap();
        let before = [(Strategy::Turbomode, shortage)];
        assert_eq!(read(dir.path(), &before), before, "one that cannot be read is no news");
    }
}
