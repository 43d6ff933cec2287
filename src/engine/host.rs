//! What this process costs the machine, for the console's header and the disk alarm.

use std::path::{Path, PathBuf};

use super::HostStats;

/// Reads the process's own figures; cheap enough for once in two seconds.
pub(super) struct Host {
    system: Option<sysinfo::System>,
    pid: Option<sysinfo::Pid>,
    data_dir: PathBuf,
    database: PathBuf,
    floor: u64,
}

impl Host {
    pub fn new(data_dir: &Path, database: &Path, floor_mib: u64) -> Self {
        Self {
            system: sysinfo::System::new().ok(),
            pid: sysinfo::get_current_pid().ok(),
            data_dir: data_dir.to_owned(),
            database: database.to_owned(),
            floor: floor_mib << 20,
        }
    }

    /// Puts another floor in force, MiB.
    pub fn set_floor(&mut self, mib: u64) {
        self.floor = mib << 20;
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
        stats.database = [&self.database, &wal].iter().filter_map(|p| p.metadata().ok()).map(|m| m.len()).sum();
        if let Ok(fs) = rustix::fs::statvfs(&self.data_dir) {
            stats.disk_free = fs.f_bavail * fs.f_frsize;
            stats.disk_low = stats.disk_free < self.floor;
        }
        stats
    }
}
