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

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::market::{Strategy, SystemClock};

    fn open(folder: &Path) -> Result<ModelDb, StoreError> {
        ModelDb::open(&folder.join("turbomode.db"), Strategy::Turbomode, false, Arc::new(SystemClock::default()))
    }

    #[test]
    fn whoever_has_it_is_waited_for_unless_nobody_may_wait() {
        let folder = tempfile::tempdir().unwrap();
        let holder = RefCell::new(Some(open(folder.path()).unwrap()));
        let (clock, stop, tries) = (SystemClock::default(), CancellationToken::new(), Cell::new(0));
        let work = |patience, stop: &CancellationToken, until: u32| {
            tries.set(0);
            let again = || {
                tries.set(tries.get() + 1);
                if tries.get() == until {
                    holder.take().unwrap().close()?;
                }
                open(folder.path())
            };
            ModelDb::when_free(again, &clock, (patience, stop), |db| Ok::<_, StoreError>(db.reader().open_signals()?.len()))
        };
        let minute = Duration::from_mins(1);
        assert!(matches!(work(Duration::ZERO, &stop, 9), Err(StoreError::Locked { .. })) && tries.get() == 1, "no patience");
        stop.cancel();
        assert!(matches!(work(minute, &stop, 9), Err(StoreError::Locked { .. })) && tries.get() == 1, "it was stopped");
        assert_eq!(work(minute, &CancellationToken::new(), 3).unwrap(), 0);
        assert_eq!(tries.get(), 3);
        assert!(open(folder.path()).is_ok(), "and it is closed afterwards");
    }
}
