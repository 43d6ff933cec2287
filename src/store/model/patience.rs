//! Work for a moment on a database that one process at a time writes.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::ModelDb;
use crate::market::Clock;
use crate::store::StoreError;

/// Time between two tries to open a database that somebody else has.
const PAUSE: Duration = Duration::from_millis(100);

impl ModelDb {
    /// Does `work` on the database that `open` opens, and closes it. While somebody else has it, that is tried again for up to
    /// `patience`, unless `stop` comes first.
    pub fn when_free<T, E: From<StoreError>>(
        open: impl Fn() -> Result<Self, StoreError>,
        clock: &dyn Clock,
        (patience, stop): (Duration, &CancellationToken),
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        let until = clock.mono() + patience;
        let mut db = loop {
            match open() {
                Err(StoreError::Locked { .. }) if clock.mono() < until && !stop.is_cancelled() => std::thread::sleep(PAUSE),
                opened => break opened?,
            }
        };
        let done = work(&mut db);
        let closed = db.close();
        let done = done?;
        closed?;
        Ok(done)
    }
}
