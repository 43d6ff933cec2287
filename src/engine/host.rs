//! What this process costs the machine, for the console's header and the alarms about disk, log and backups.

use std::path::{Path, PathBuf};

use super::HostStats;
use crate::config::{MaintenanceSettings, Settings};
use crate::maintenance::newest_backup;

/// Readings between two looks at the backups, which change once a night.
const BACKUPS_EVERY: u32 = 30;

/// Reads the process's own figures; cheap enough for once in two seconds.
pub(super) struct Host {
    system: Option<sysinfo::System>,
    pid: Option<sysinfo::Pid>,
    data_dir: PathBuf,
    database: PathBuf,
    floor: u64,
    maintenance: MaintenanceSettings,
    backup_at: Option<i64>,
    readings: u32,
}

impl Host {
    pub fn new(data_dir: &Path, database: &Path, settings: &Settings) -> Self {
        Self {
            system: sysinfo::System::new().ok(),
            pid: sysinfo::get_current_pid().ok(),
            data_dir: data_dir.to_owned(),
            database: database.to_owned(),
            floor: settings.store.disk_floor_mib << 20,
            maintenance: settings.maintenance.clone(),
            backup_at: None,
            readings: 0,
        }
    }

    /// Puts other settings in force.
    pub fn put_in_force(&mut self, settings: &Settings) {
        self.floor = settings.store.disk_floor_mib << 20;
        self.maintenance = settings.maintenance.clone();
    }

    /// Has the next reading look at the backups, because maintenance has just ended.
    pub const fn look_at_backups(&mut self) {
        self.readings = 0;
    }

    /// The newest backup there is now.
    pub fn newest_backup(&self) -> Option<PathBuf> {
        newest_backup(&self.data_dir, &self.maintenance).map(|(_, path)| path)
    }

    pub fn read(&mut self) -> HostStats {
        let mut stats = HostStats::default();
        if let (Some(pid), Some(system)) = (self.pid, &mut self.system) {
            let what = sysinfo::ProcessRefreshKind::nothing().with_cpu().with_memory();
            system.refresh_processes_specifics(sysinfo::ProcessesToUpdate::Some(&[pid]), false, what);
            if let Some(process) = system.process(pid) {
                stats.cpu = process.cpu_usage() / 100.0;
                stats.rss = process.memory();
            }
        }
        let wal = self.database.with_extension("db-wal");
        let size = |path: &Path| path.metadata().map_or(0, |m| m.len());
        stats.wal = size(&wal);
        stats.wal_high = stats.wal > self.maintenance.wal_alarm_mib << 20;
        stats.database = size(&self.database) + stats.wal;
        if let Ok(fs) = rustix::fs::statvfs(&self.data_dir) {
            stats.disk_free = fs.f_bavail * fs.f_frsize;
            stats.disk_low = stats.disk_free < self.floor;
        }
        if self.readings.is_multiple_of(BACKUPS_EVERY) {
            self.backup_at = newest_backup(&self.data_dir, &self.maintenance).map(|(at, _)| at);
        }
        self.readings = self.readings.wrapping_add(1);
        stats.backup_at = self.backup_at;
        stats
    }
}
