//! The databases of strategies over real files: which are opened, what is stored comes back, what is copied and restored.
#![cfg(test)]

mod cache;
mod care;
mod checkpoints;
mod made;
mod migration;
mod model_files;
mod moves;
mod nights;
mod opening;
mod registry;
mod rows;
mod tidying;
mod training;

use std::path::PathBuf;
use std::sync::Arc;

use chrono::NaiveDate;
use nightdesk::market::{ManualClock, Strategy, Symbol};
use nightdesk::store::model::{ModelDb, ModelReader};
use tempfile::TempDir;

const NOW: i64 = 1_790_000_000;

struct Desk {
    dir: TempDir,
    clock: Arc<ManualClock>,
}

impl Desk {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), clock: ManualClock::at(NOW) }
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("data/turbomode.db")
    }

    fn db(&self) -> ModelDb {
        ModelDb::open(&self.path(), Strategy::Turbomode, false, self.clock.clone()).unwrap()
    }

    fn reader(&self) -> ModelReader {
        ModelReader::open(&self.path(), Strategy::Turbomode).unwrap()
    }

    /// A connection without our guards, as another program would open it.
    fn foreign(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }
}

fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}
