//! The steps of the maintenance job, in their order, and what each does on its blocking thread.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter};
use tokio_util::sync::CancellationToken;

use super::{Did, Fault, Place, files, logs};
use crate::market::Strategy;
use crate::store::master::{self, DATABASE, VerifyReport};
use crate::store::model;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumIter, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Step {
    /// Removes what a killed run left behind.
    Tidy,
    /// SQLite's own check of every page, of the strategies' databases too.
    Pages,
    /// Every bar against its digest.
    Digests,
    /// Empties the write-ahead log, through the writer.
    Checkpoint,
    /// Writes and checks a backup.
    Backup,
    /// Restores the newest backup for a try.
    Drill,
    /// Removes backups that are no longer kept.
    Rotate,
    /// Packs old log files.
    Logs,
    /// Forgets old runs.
    Runs,
    /// Free space and the size of the write-ahead log.
    Disk,
}

impl Step {
    /// All, in order: nothing is written before the master is known to be sound.
    pub const ALL: [Self; 10] = [
        Self::Tidy,
        Self::Pages,
        Self::Digests,
        Self::Checkpoint,
        Self::Backup,
        Self::Drill,
        Self::Rotate,
        Self::Logs,
        Self::Runs,
        Self::Disk,
    ];

    /// Whether its failure makes the whole run a failure: data, or their backup, are at risk.
    pub const fn vital(self) -> bool {
        matches!(self, Self::Pages | Self::Digests | Self::Checkpoint | Self::Backup | Self::Drill)
    }

    pub(super) const fn phase(self) -> &'static str {
        match self {
            Self::Tidy => "Cleaning up after an earlier run",
            Self::Pages => "Checking every page",
            Self::Digests => "Comparing every bar with its digest",
            Self::Checkpoint => "Emptying the write-ahead log",
            Self::Backup => "Writing a backup",
            Self::Drill => "Restoring the newest backup for a try",
            Self::Rotate => "Removing backups that are no longer kept",
            Self::Logs => "Packing old log files",
            Self::Runs => "Forgetting old runs",
            Self::Disk => "Measuring disk and write-ahead log",
        }
    }

    /// The work of a blocking step.
    pub(super) fn work(self, place: &Place, stop: &CancellationToken) -> Result<Did, Fault> {
        let Place { backups, settings, clock, floor, .. } = place;
        match self {
            Self::Tidy => {
                let left = backups.tidy()? + logs::tidy(&place.logs())?;
                Ok(Did::new(if left == 0 { "nothing was left behind".to_owned() } else { format!("{left} unfinished removed") }))
            }
            Self::Pages => {
                let path = place.master();
                sound(place, DATABASE, &master::check_pages(&path, stop)?)?;
                let mut bytes = files::size(&path);
                for strategy in Strategy::ALL {
                    let path = place.data_dir.join(strategy.database_file());
                    if path.exists() {
                        sound(place, strategy.database_file(), &model::verify(&path, strategy, stop)?)?;
                        bytes += files::size(&path);
                    }
                }
                Ok(Did::new("every page is sound".to_owned()).bytes(bytes))
            }
            Self::Digests => {
                let report = master::check_digests(&place.master(), &mut |_, _| {}, stop)?;
                sound(place, DATABASE, &report)?;
                Ok(Did::new(format!("{} digests of {} series agree", report.digests, report.series)).rows(report.rows))
            }
            Self::Backup => backups.make(clock.as_ref(), *floor, stop),
            Self::Drill => backups.drill(clock.as_ref(), *floor, stop),
            Self::Rotate => backups.rotate(settings.keep_daily, settings.keep_weekly),
            Self::Logs => logs::archive(&place.logs(), clock.utc().date_naive(), settings.archive_logs_days, stop),
            Self::Disk => disk(place),
            // The engine's own handles do these two.
            Self::Checkpoint | Self::Runs => Ok(Did::default()),
        }
    }
}

fn sound(place: &Place, file: &'static str, report: &VerifyReport) -> Result<(), Fault> {
    if report.is_sound() {
        return Ok(());
    }
    let first = report.problems.first().cloned().unwrap_or_default();
    Err(Fault::Damaged { file, found: report.found, first, backups: place.backups.dir().to_owned() })
}

fn disk(place: &Place) -> Result<Did, Fault> {
    let free = files::room(&place.data_dir, 0, place.floor)?;
    let (wal, most) = (place.wal(), place.settings.wal_alarm_mib << 20);
    if wal > most {
        let text = format!(
            "the write-ahead log holds {} MiB, more than maintenance.wal_alarm_mib ({}): a reader keeps it from being emptied; end \
             long-running readers of market_data.db",
            wal >> 20,
            most >> 20
        );
        return Err(Fault::Limit(text));
    }
    Ok(Did::new(format!("{} MiB free, {} KiB of write-ahead log", free >> 20, wal >> 10)).bytes(free))
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;

    use super::*;

    #[test]
    fn all_steps_are_in_the_order_they_are_written_down() {
        assert!(Step::iter().eq(Step::ALL));
    }
}
