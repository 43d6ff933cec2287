//! Logging: every `tracing` event becomes one line in a daily file and one record in the ring the console shows.
//!
//! Plain commands also show warnings and errors on standard error; while the console owns the screen nothing may.

use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::{NonBlocking, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context as LayerContext, SubscriberExt};
use tracing_subscriber::{Layer, Registry};

use super::Failure;
use crate::config::LogSettings;
use crate::engine::{LogLevel, LogRing};
use crate::market::Clock;

/// First part of the log files' names; the date and `.log` follow.
pub const FILE_PREFIX: &str = "nightdesk";

/// The short names that speak in the log; everything else is a dependency and heard from `warn` on.
pub(super) const TARGETS: [&str; 9] = ["ib", "yahoo", "ingest", "store", "engine", "console", "cli", "sim", "nightdesk"];
/// Dependencies whose names begin like one of ours.
const DEPENDENCIES: [&str; 1] = ["ibapi"];

/// Who owns the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// The console draws: nothing may be written beside it.
    Console,
    /// Lines scroll: warnings and errors are shown on standard error.
    Plain,
    /// A server in the foreground: its log is standard error.
    Server,
}

/// Keeps logging alive; dropping it writes out what is buffered.
#[derive(Debug)]
pub struct Logging {
    /// What the console reads.
    pub ring: Arc<LogRing>,
    _guard: WorkerGuard,
}

/// Starts logging into `dir`. The first call in a process decides; later ones fail.
pub fn start(dir: &Path, settings: &LogSettings, clock: Arc<dyn Clock>, screen: Screen, ring: Arc<LogRing>) -> Result<Logging, Failure> {
    let failed = |e: &dyn fmt::Display| {
        Failure::new(format!("the log folder {} cannot be used: {e}", dir.display()))
            .next("check its permissions, or choose another --data-dir")
    };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|e| failed(&e))?;
    let files = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix(FILE_PREFIX)
        .filename_suffix("log")
        .max_log_files(settings.keep_days as usize)
        .build(dir)
        .map_err(|e| failed(&e))?;
    let (writer, guard) = tracing_appender::non_blocking(files);
    let layer = DeskLayer { ring: Arc::clone(&ring), writer: Some(writer), clock, screen };
    install(layer, settings).map_err(|e| failed(&e))?;
    Ok(Logging { ring, _guard: guard })
}

/// Starts logging to standard error alone, without any folder.
pub fn on_stderr(settings: &LogSettings, clock: Arc<dyn Clock>) -> Result<(), Failure> {
    let layer = DeskLayer { ring: Arc::new(LogRing::new(1)), writer: None, clock, screen: Screen::Server };
    install(layer, settings).map_err(|e| Failure::new(format!("the log could not be started: {e}")))
}

fn install(layer: DeskLayer, settings: &LogSettings) -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
    tracing::subscriber::set_global_default(Registry::default().with(layer.with_filter(filter(level(&settings.level)))))
}

/// The level of a configured word; the configuration has checked the word.
pub fn level(word: &str) -> LogLevel {
    match word {
        "error" => LogLevel::Error,
        "warn" => LogLevel::Warn,
        "debug" => LogLevel::Debug,
        "trace" => LogLevel::Trace,
        _ => LogLevel::Info,
    }
}

fn filter(level: LogLevel) -> Targets {
    let ours = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    // The longest matching prefix wins, so a dependency named in full is not taken for one of ours.
    let theirs = ours.min(LevelFilter::WARN);
    Targets::new().with_default(theirs).with_targets(TARGETS.map(|t| (t, ours))).with_targets(DEPENDENCIES.map(|t| (t, theirs)))
}

/// Writes events to the ring, the file and, where allowed, standard error.
struct DeskLayer {
    ring: Arc<LogRing>,
    /// The file; a server in the foreground has none.
    writer: Option<NonBlocking>,
    clock: Arc<dyn Clock>,
    screen: Screen,
}

impl<S: Subscriber> Layer<S> for DeskLayer {
    fn on_event(&self, event: &Event<'_>, _: LayerContext<'_, S>) {
        let mut text = Text::default();
        event.record(&mut text);
        let message = text.line();
        let meta = event.metadata();
        let level = level_of(*meta.level());
        let source = meta.target().split("::").next().unwrap_or_default();
        let at_ms = self.clock.now_ms();
        let line = file_line(at_ms, level, source, &message);
        // A log that cannot be written must not stop what it reports on.
        drop(self.writer.clone().map(|mut w| w.write_all(line.as_bytes())));
        if self.screen == Screen::Server || self.screen == Screen::Plain && level <= LogLevel::Warn {
            drop(writeln!(std::io::stderr().lock(), "{}: {message}", level.name().to_lowercase()));
        }
        self.ring.push(at_ms, level, source, message);
    }
}

/// One line of the log file: time, level, source, message.
pub(super) fn file_line(at_ms: i64, level: LogLevel, source: &str, message: &str) -> String {
    let at = DateTime::from_timestamp_millis(at_ms).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true);
    // One event, one line: `logs` counts on it.
    format!("{at} {:<5} {source:<7} {}\n", level.name(), message.replace('\n', "\\n"))
}

fn level_of(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

/// The message and the fields of an event.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn line(mut self) -> String {
        self.message.push_str(&self.fields);
        self.message
    }
}

impl Visit for Text {
    // Writing to a String cannot fail.
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            value.clone_into(&mut self.message);
        } else if value.contains([' ', '"']) || value.is_empty() {
            let _ = write!(self.fields, " {}={value:?}", field.name());
        } else {
            let _ = write!(self.fields, " {}={value}", field.name());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.message = format!("{value:?}");
        } else {
            let _ = write!(self.fields, " {}={value:?}", field.name());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::LogFilter;
    use crate::market::ManualClock;

    #[test]
    fn events_reach_the_ring_and_the_file_with_their_fields() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let (writer, guard) = tracing_appender::non_blocking(std::fs::File::create(&path).unwrap());
        let ring = Arc::new(LogRing::new(10));
        let clock = ManualClock::at(1_700_000_000);
        let layer = DeskLayer { ring: Arc::clone(&ring), writer: Some(writer), clock, screen: Screen::Console };
        let subscriber = Registry::default().with(layer.with_filter(filter(LogLevel::Info)));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(target: "ib", bars = 390, symbol = %"AAPL", reason = "no data", "Bars received");
            tracing::debug!(target: "ib", "Too fine");
            tracing::info!(target: "ibapi::client", "Not ours");
            tracing::warn!(target: "hyper::proto", "Two\nlines");
        });
        drop(guard);
        let all = LogFilter { level: LogLevel::Trace, source: None, text: None, after: 0, limit: 10 };
        let (records, _) = ring.read(&all);
        let seen: Vec<_> = records.iter().map(|r| (r.source.as_str(), r.level, r.message.as_str())).collect();
        assert_eq!(
            seen,
            [("ib", LogLevel::Info, "Bars received bars=390 symbol=AAPL reason=\"no data\""), ("hyper", LogLevel::Warn, "Two\nlines"),]
        );
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text.lines().next(),
            Some("2023-11-14T22:13:20.000Z INFO  ib      Bars received bars=390 symbol=AAPL reason=\"no data\"")
        );
        assert_eq!(text.lines().count(), 2);
    }
}
