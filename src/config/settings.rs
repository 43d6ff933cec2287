//! The typed settings, their defaults and the range of each key. `config/nightdesk.toml` documents each key for users;
//! the two agree by test. The ranges are written once, as schema attributes: [`super::schema`] publishes them and
//! [`super::check`] enforces them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AlertSettings, ControlSettings, Lookback, MaintenanceSettings, ScheduleSettings};
use crate::market::Timeframe;

/// All settings, one field a table of `nightdesk.toml`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each table is documented on its type")]
pub struct Settings {
    pub ib: IbSettings,
    pub yahoo: YahooSettings,
    pub ingest: IngestSettings,
    pub quality: QualitySettings,
    pub store: StoreSettings,
    pub schedule: ScheduleSettings,
    pub control: ControlSettings,
    pub alerts: AlertSettings,
    pub maintenance: MaintenanceSettings,
    pub console: ConsoleSettings,
    pub log: LogSettings,
}

/// IB Gateway or TWS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IbSettings {
    /// Use this source.
    pub enabled: bool,
    /// Host of the gateway. The API is plain TCP: loopback or a tunnel only.
    #[schemars(length(min = 1))]
    pub host: String,
    /// Port: gateway 4001 live, 4002 paper; TWS 7496 live, 7497 paper.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// First client id; on a collision the next ones are tried.
    #[schemars(range(min = 0, max = 2_147_483_000))]
    pub client_id: i32,
    /// How many client ids to rotate through.
    #[schemars(range(min = 1, max = 32))]
    pub client_ids: u8,
    /// Seconds to wait for the connection and its handshake.
    #[schemars(range(min = 1, max = 300))]
    pub connect_timeout_s: u64,
    /// Seconds to wait for one answer before the request is withdrawn.
    #[schemars(range(min = 5, max = 600))]
    pub request_timeout_s: u64,
    /// Seconds between liveness checks.
    #[schemars(range(min = 5, max = 3600))]
    pub watchdog_s: u64,
    /// Messages a second over all requests; IB allows 50.
    #[schemars(range(min = 1, max = 50))]
    pub messages_per_second: u32,
    /// Requests in flight to begin with.
    #[schemars(range(min = 1, max = 50))]
    pub in_flight_start: u32,
    /// Most requests in flight; IB allows 50.
    #[schemars(range(min = 1, max = 50))]
    pub in_flight_max: u32,
}

impl Default for IbSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            host: "127.0.0.1".into(),
            port: 4002,
            client_id: 100,
            client_ids: 4,
            connect_timeout_s: 10,
            request_timeout_s: 60,
            watchdog_s: 20,
            messages_per_second: 40,
            in_flight_start: 6,
            in_flight_max: 16,
        }
    }
}

/// Yahoo Finance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct YahooSettings {
    /// Use this source.
    pub enabled: bool,
    /// Requests a second over all workers.
    #[schemars(range(min = 1, max = 20))]
    pub requests_per_second: u32,
    /// Requests in flight.
    #[schemars(range(min = 1, max = 16))]
    pub concurrency: u32,
    /// Seconds to wait for one answer.
    #[schemars(range(min = 1, max = 120))]
    pub timeout_s: u64,
    /// Seconds all workers pause after the first 429; doubles up to half an hour.
    #[schemars(range(min = 1, max = 1800))]
    pub cooldown_s: u64,
    /// Address of a simulator, `127.0.0.1:PORT`; honoured on loopback only.
    pub loopback: Option<String>,
    /// The simulator's certificate authority, a PEM file.
    pub loopback_ca: Option<PathBuf>,
}

impl Default for YahooSettings {
    fn default() -> Self {
        Self { enabled: true, requests_per_second: 2, concurrency: 4, timeout_s: 10, cooldown_s: 60, loopback: None, loopback_ca: None }
    }
}

/// Which source an ingest may use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SourcePolicy {
    /// IB first, Yahoo where IB cannot.
    #[default]
    Auto,
    /// IB only.
    Ib,
    /// Yahoo only.
    Yahoo,
}

impl fmt::Display for SourcePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Auto => "auto",
            Self::Ib => "ib",
            Self::Yahoo => "yahoo",
        })
    }
}

/// What is fetched and how far back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IngestSettings {
    /// Which source may be used.
    pub source: SourcePolicy,
    /// Timeframes fetched from the sources; the others are aggregated from them.
    #[schemars(length(min = 1), extend("uniqueItems" = true))]
    pub native: Vec<Timeframe>,
    /// How far back each fetched timeframe goes on the first fill.
    pub history: BTreeMap<Timeframe, Lookback>,
    /// Series worked on at once.
    #[schemars(range(min = 1, max = 64))]
    pub workers: u32,
    /// Days after which a hole that a source called empty is asked for again.
    #[schemars(range(min = 0, max = 3650))]
    pub reask_empty_days: u32,
    /// Minutes after a session's close before its bars count as late.
    #[schemars(range(min = 0, max = 1440))]
    pub settle_minutes: u32,
    /// Hours between readings of fundamentals and metadata.
    #[schemars(range(min = 1, max = 8760))]
    pub fundamentals_every_hours: u32,
    /// Consecutive failures that open a source's breaker.
    #[schemars(range(min = 1, max = 100))]
    pub breaker_failures: u32,
    /// Seconds an open breaker waits before it probes the source.
    #[schemars(range(min = 1, max = 3600))]
    pub breaker_probe_s: u64,
}

impl Default for IngestSettings {
    fn default() -> Self {
        Self {
            source: SourcePolicy::Auto,
            native: vec![Timeframe::M1, Timeframe::M30, Timeframe::D1],
            history: BTreeMap::from([
                (Timeframe::M1, Lookback::days(30)),
                (Timeframe::M30, Lookback::days(366)),
                (Timeframe::D1, Lookback::days(3653)),
            ]),
            workers: 16,
            reask_empty_days: 7,
            settle_minutes: 15,
            fundamentals_every_hours: 20,
            breaker_failures: 5,
            breaker_probe_s: 60,
        }
    }
}

/// Thresholds of the data-quality checks that a user may want to move.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QualitySettings {
    /// Run the checks. Off is for benchmarks and emergencies; the console says so.
    pub enabled: bool,
    /// Relative daily move that counts as a jump (check 7).
    #[schemars(range(min = 0.01, max = 10.0))]
    pub jump: f64,
    /// Robust sigmas that a jump must exceed as well (check 7).
    #[schemars(range(min = 1.0, max = 100.0))]
    pub jump_sigma: f64,
    /// Relative difference between two sources' closes that is reported (check 20).
    #[schemars(range(min = 0.0001, max = 1.0))]
    pub cross_source: f64,
}

impl Default for QualitySettings {
    fn default() -> Self {
        Self { enabled: true, jump: 0.4, jump_sigma: 10.0, cross_source: 0.005 }
    }
}

/// The databases.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StoreSettings {
    /// Free space, MiB, below which no ingest starts.
    #[schemars(range(min = 0, max = 1_048_576))]
    pub disk_floor_mib: u64,
    /// Page cache of the writer, MiB.
    #[schemars(range(min = 1, max = 4096))]
    pub cache_mib: u32,
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self { disk_floor_mib: 512, cache_mib: 64 }
    }
}

/// The terminal console.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ConsoleSettings {
    /// `auto`, `dark` or `light`.
    #[schemars(extend("enum" = ["auto", "dark", "light"]))]
    pub theme: String,
    /// Only ASCII characters on screen.
    pub ascii: bool,
    /// Mouse capture at start; it blocks the terminal's own selection.
    pub mouse: bool,
    /// Losses as a picture where the terminal shows some: `auto` asks it, `off` never.
    #[schemars(extend("enum" = ["auto", "off"]))]
    pub images: String,
    /// No spinner.
    pub reduce_motion: bool,
    /// Time zone shown beside UTC, an IANA name; empty = the machine's.
    pub time_zone: String,
    /// Key overrides: action name to key (`IngestNow = "ctrl-n"`).
    pub keys: BTreeMap<String, String>,
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self {
            theme: "auto".into(),
            ascii: false,
            mouse: false,
            images: "auto".into(),
            reduce_motion: false,
            time_zone: String::new(),
            keys: BTreeMap::new(),
        }
    }
}

/// Log files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    #[schemars(extend("enum" = ["error", "warn", "info", "debug", "trace"]))]
    pub level: String,
    /// Daily files kept.
    #[schemars(range(min = 1, max = 3650))]
    pub keep_days: u32,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".into(), keep_days: 45 }
    }
}
