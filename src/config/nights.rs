//! Settings of the nights: schedule, control API, alerts, maintenance.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::store::scheduler::Job;

/// When jobs run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ScheduleSettings {
    /// Whether the scheduler is on at the very first start; afterwards the last `start` or `stop` counts.
    pub enabled: bool,
    /// IANA time zone of all times below.
    pub zone: String,
    /// Jobs that may run at the same time; of one kind never more than one.
    #[schemars(range(min = 1, max = 8))]
    pub slots: u32,
    /// Seconds a cancelled job gets to stop by itself before it is aborted.
    #[schemars(range(min = 1, max = 300))]
    pub cancel_grace_s: u64,
    /// Ended runs kept in the database, days.
    #[schemars(range(min = 1, max = 3650))]
    pub keep_runs_days: u32,
    /// Ingest.
    pub ingest: JobSettings,
    /// Scan.
    pub scan: JobSettings,
    /// Backtest.
    pub backtest: JobSettings,
    /// Drift.
    pub drift: JobSettings,
    /// Train.
    pub train: JobSettings,
    /// Maintenance.
    pub maintenance: JobSettings,
}

/// When a job runs, for how long, and what happens when it does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct JobSettings {
    /// Five fields: minute, hour, day of month, month, day of week; when both days are given both must match.
    pub cron: String,
    /// IANA time zone; empty for the schedule's.
    pub zone: String,
    /// Only after a trading session that no earlier tick came after.
    pub trading_days: bool,
    /// Minutes a run may take.
    #[schemars(range(min = 1, max = 1440))]
    pub timeout_minutes: u32,
    /// Attempts after the first.
    #[schemars(range(min = 0, max = 10))]
    pub retries: u32,
    /// Seconds before the first retry; doubles each time, up to half an hour.
    #[schemars(range(min = 1, max = 1800))]
    pub retry_delay_s: u64,
    /// What to do about ticks that came while nobody was there.
    pub misfire: Misfire,
    /// Hours after which a missed tick is not made up for.
    #[schemars(range(min = 0, max = 720))]
    pub catch_up_hours: u32,
    /// What to do when a tick comes while the last run still works.
    pub overlap: Overlap,
    /// Seconds that a run may be put off by, the same for one tick on every machine.
    #[schemars(range(min = 0, max = 3600))]
    pub jitter_s: u32,
    /// Failed ticks in a row after which the job pauses; 0 = never.
    #[schemars(range(min = 0, max = 100))]
    pub pause_after_failures: u32,
    /// Minutes after its tick by which a run must have succeeded, else an alarm; 0 = none.
    #[schemars(range(min = 0, max = 2880))]
    pub deadline_minutes: u32,
    /// Jobs that must have succeeded for the same session first.
    pub needs: Vec<Job>,
    /// Jobs that are waited for while they are due or at work, whatever comes of them.
    pub after: Vec<Job>,
}

/// What to do about missed ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Misfire {
    /// One run for all of them, for the newest session.
    #[default]
    Once,
    /// Nothing.
    Skip,
    /// One run each, oldest first.
    All,
}

/// What to do when a tick comes while the last run still works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overlap {
    /// Skip the tick.
    #[default]
    Skip,
    /// Run it afterwards; at most one waits.
    Buffer,
    /// Cancel the running one.
    Replace,
}

impl Default for JobSettings {
    fn default() -> Self {
        Self {
            cron: String::new(),
            zone: String::new(),
            trading_days: true,
            timeout_minutes: 60,
            retries: 0,
            retry_delay_s: 60,
            misfire: Misfire::Once,
            catch_up_hours: 96,
            overlap: Overlap::Skip,
            jitter_s: 0,
            pause_after_failures: 0,
            deadline_minutes: 0,
            needs: Vec::new(),
            after: Vec::new(),
        }
    }
}

impl Default for ScheduleSettings {
    fn default() -> Self {
        let job =
            |cron: &str, timeout_minutes, retries| JobSettings { cron: cron.into(), timeout_minutes, retries, ..JobSettings::default() };
        let weekly =
            |cron: &str, timeout_minutes| JobSettings { trading_days: false, catch_up_hours: 168, ..job(cron, timeout_minutes, 0) };
        Self {
            enabled: true,
            zone: "America/New_York".into(),
            slots: 2,
            cancel_grace_s: 5,
            keep_runs_days: 400,
            ingest: JobSettings { deadline_minutes: 120, ..job("45 22 * * *", 30, 3) },
            scan: JobSettings { needs: vec![Job::Ingest], ..job("30 23 * * *", 60, 2) },
            backtest: job("0 0 * * *", 90, 0),
            drift: JobSettings { after: vec![Job::Train, Job::Backtest], ..job("30 0 * * *", 45, 2) },
            train: weekly("0 0 * * SUN", 120),
            maintenance: weekly("0 2 * * SUN", 30),
        }
    }
}

impl ScheduleSettings {
    /// The settings of one job.
    pub const fn job(&self, job: Job) -> &JobSettings {
        match job {
            Job::Ingest => &self.ingest,
            Job::Scan => &self.scan,
            Job::Backtest => &self.backtest,
            Job::Drift => &self.drift,
            Job::Train => &self.train,
            Job::Maintenance => &self.maintenance,
        }
    }

    /// The time zone name that holds for `job`.
    pub fn zone_of(&self, job: Job) -> &str {
        let own = self.job(job).zone.as_str();
        if own.is_empty() { &self.zone } else { own }
    }
}

/// The control API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ControlSettings {
    /// Port on 127.0.0.1, with a bearer token; 0 = unix socket only.
    #[schemars(range(min = 0, max = 65535))]
    pub port: u16,
    /// Deltas kept for a console that was away.
    #[schemars(range(min = 16, max = 65536))]
    pub ring: u32,
}

impl Default for ControlSettings {
    fn default() -> Self {
        Self { port: 0, ring: 1024 }
    }
}

/// Alerts that leave the screen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AlertSettings {
    /// Ring the terminal's bell and send a desktop notification (OSC 9 and 777) when the console has no focus.
    pub terminal: bool,
    /// Address that gets a JSON POST for failed or late runs, paused jobs and lasting alarms; empty = none. Plain http
    /// only on this machine. Shown and logged without what follows the host.
    pub webhook: String,
    /// Headers of that request, such as `Authorization`; values are never shown or logged.
    pub webhook_headers: BTreeMap<String, String>,
    /// Seconds to wait for its answer.
    #[schemars(range(min = 1, max = 60))]
    pub webhook_timeout_s: u64,
    /// Attempts after the first.
    #[schemars(range(min = 0, max = 10))]
    pub webhook_retries: u32,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self { terminal: true, webhook: String::new(), webhook_headers: BTreeMap::new(), webhook_timeout_s: 10, webhook_retries: 4 }
    }
}

/// The maintenance job.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MaintenanceSettings {
    /// Folder of the backups; empty = `backups` in the data folder, which is also where a relative path starts.
    pub backup_dir: String,
    /// Daily backups kept.
    #[schemars(range(min = 1, max = 366))]
    pub keep_daily: u32,
    /// Weekly backups kept.
    #[schemars(range(min = 0, max = 520))]
    pub keep_weekly: u32,
    /// Log files older than this many days go to the archive.
    #[schemars(range(min = 1, max = 3650))]
    pub archive_logs_days: u32,
    /// WAL size, MiB, above which an alarm is raised.
    #[schemars(range(min = 1, max = 65536))]
    pub wal_alarm_mib: u64,
}

impl Default for MaintenanceSettings {
    fn default() -> Self {
        Self { backup_dir: String::new(), keep_daily: 7, keep_weekly: 4, archive_logs_days: 30, wal_alarm_mib: 256 }
    }
}
