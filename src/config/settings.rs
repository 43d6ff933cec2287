//! The typed settings and their defaults. `config/nightdesk.toml` documents each key for users; the two agree by test.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Lookback;
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
    pub host: String,
    /// Port: gateway 4001 live, 4002 paper; TWS 7496 live, 7497 paper.
    pub port: u16,
    /// First client id; on a collision the next ones are tried.
    pub client_id: i32,
    /// How many client ids to rotate through.
    pub client_ids: u8,
    /// Seconds to wait for the connection and its handshake.
    pub connect_timeout_s: u64,
    /// Seconds to wait for one answer before the request is withdrawn.
    pub request_timeout_s: u64,
    /// Seconds between liveness checks.
    pub watchdog_s: u64,
    /// Messages a second over all requests; IB allows 50.
    pub messages_per_second: u32,
    /// Requests in flight to begin with.
    pub in_flight_start: u32,
    /// Most requests in flight; IB allows 50.
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
    pub requests_per_second: u32,
    /// Requests in flight.
    pub concurrency: u32,
    /// Seconds to wait for one answer.
    pub timeout_s: u64,
    /// Seconds all workers pause after the first 429; doubles up to half an hour.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// What is fetched and how far back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct IngestSettings {
    /// Which source may be used.
    pub source: SourcePolicy,
    /// Timeframes fetched from the sources; the others are aggregated from them.
    #[schemars(with = "Vec<String>")]
    pub native: Vec<Timeframe>,
    /// How far back each fetched timeframe goes on the first fill.
    #[schemars(with = "BTreeMap<String, String>")]
    pub history: BTreeMap<Timeframe, Lookback>,
    /// Series worked on at once.
    pub workers: u32,
    /// Days after which a hole that a source called empty is asked for again.
    pub reask_empty_days: u32,
    /// Minutes after a session's close before its bars count as late.
    pub settle_minutes: u32,
    /// Hours between readings of fundamentals and metadata.
    pub fundamentals_every_hours: u32,
    /// Consecutive failures that open a source's breaker.
    pub breaker_failures: u32,
    /// Seconds an open breaker waits before it probes the source.
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
            workers: 8,
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
    pub jump: f64,
    /// Robust sigmas that a jump must exceed as well (check 7).
    pub jump_sigma: f64,
    /// Relative difference between two sources' closes that is reported (check 20).
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
    pub disk_floor_mib: u64,
    /// Page cache of the writer, MiB.
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
    pub theme: String,
    /// Only ASCII characters on screen.
    pub ascii: bool,
    /// Mouse capture at start; it blocks the terminal's own selection.
    pub mouse: bool,
    /// No spinner.
    pub reduce_motion: bool,
    /// Time zone shown beside UTC, an IANA name; empty = the machine's.
    pub time_zone: String,
    /// Key overrides: action name to key (`IngestNow = "ctrl-n"`).
    pub keys: BTreeMap<String, String>,
}

impl Default for ConsoleSettings {
    fn default() -> Self {
        Self { theme: "auto".into(), ascii: false, mouse: false, reduce_motion: false, time_zone: String::new(), keys: BTreeMap::new() }
    }
}

/// Log files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LogSettings {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// Daily files kept.
    pub keep_days: u32,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { level: "info".into(), keep_days: 30 }
    }
}
