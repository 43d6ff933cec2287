//! Logging: every `tracing` event becomes one line in a daily file and one record in the ring the console shows.
//!
//! Nothing waits for the file: lines that it cannot take, because its disk is full or too slow, are dropped and counted.
//! Plain commands also show warnings and errors on standard error; while the console owns the screen nothing may.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, SecondsFormat};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, WorkerGuard};
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context as LayerContext, SubscriberExt};
use tracing_subscriber::{Layer, Registry, reload};

use super::Failure;
use crate::config::LogSettings;
use crate::engine::{LogLevel, LogRing};
use crate::market::Clock;

/// First part of the log files' names; the date and `.log` follow.
pub const FILE_PREFIX: &str = "nightdesk";

/// The short names that speak in the log; everything else is a dependency and heard from `warn` on.
pub(super) const TARGETS: [&str; 11] =
    ["ib", "yahoo", "ingest", "store", "engine", "schedule", "control", "console", "cli", "sim", "nightdesk"];
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
    drops: Drops,
    filter: FilterHandle,
    quiet: Arc<AtomicBool>,
    guard: Mutex<Option<WorkerGuard>>,
}

impl Logging {
    /// Writes nothing to standard error from here on: what follows is reported there by other means.
    pub fn leave_screen(&self) {
        self.quiet.store(true, Ordering::Relaxed);
    }

    /// Writes out what is buffered, although others still hold on to this; what they log from here on is lost.
    pub fn finish(&self) {
        drop(self.guard.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// The way to hear of dropped lines and to change the level, for a task of its own.
    pub fn control(&self) -> LogControl {
        LogControl { ring: Arc::clone(&self.ring), drops: self.drops.clone(), filter: self.filter.clone() }
    }
}

/// Looks after a running log.
#[derive(Clone, Debug)]
pub struct LogControl {
    ring: Arc<LogRing>,
    drops: Drops,
    filter: FilterHandle,
}

impl LogControl {
    /// Says how many lines were dropped since the last call, if any.
    pub fn report_drops(&self) {
        let (total, told) = (self.drops.total(), self.ring.unwritten());
        if total > told {
            self.ring.note_unwritten(total);
            tracing::warn!(target: "cli", lines = total - told, total, "Log lines did not reach the file; is its disk full?");
        }
    }

    /// Puts another level in force.
    pub fn set_level(&self, word: &str) {
        if let Err(e) = self.filter.reload(filter(level(word))) {
            tracing::error!(target: "cli", error = %e, "The log level was not changed");
        }
    }
}

/// Lines that did not reach the file.
#[derive(Clone, Debug)]
struct Drops {
    /// Dropped because too many waited.
    queue: ErrorCounter,
    /// Refused by the file.
    file: Arc<AtomicU64>,
}

impl Drops {
    fn total(&self) -> u64 {
        self.queue.dropped_lines() as u64 + self.file.load(Ordering::Relaxed)
    }
}

/// Counts the lines that `file` does not take, and goes on.
struct Counted<W> {
    file: W,
    refused: Arc<AtomicU64>,
    /// A part of a line may have been written: the next one begins with a line of its own.
    torn: bool,
}

impl<W: Write> Write for Counted<W> {
    /// One call is one line, as the layer writes it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mended = if self.torn { self.file.write_all(b"\n") } else { Ok(()) };
        self.torn = mended.and_then(|()| self.file.write_all(line)).is_err();
        self.refused.fetch_add(self.torn.into(), Ordering::Relaxed);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        // Every line was written through already.
        Ok(())
    }
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
    let refused = Arc::new(AtomicU64::new(0));
    let (writer, guard) = tracing_appender::non_blocking(Counted { file: files, refused: Arc::clone(&refused), torn: false });
    let drops = Drops { queue: writer.error_counter(), file: refused };
    let quiet = Arc::new(AtomicBool::new(screen == Screen::Console));
    let layer = DeskLayer { ring: Arc::clone(&ring), writer: Some(writer), clock, screen, quiet: Arc::clone(&quiet) };
    let filter = install(layer, settings).map_err(|e| failed(&e))?;
    Ok(Logging { ring, drops, filter, quiet, guard: Mutex::new(Some(guard)) })
}

/// Starts logging to standard error alone, without any folder.
pub fn on_stderr(settings: &LogSettings, clock: Arc<dyn Clock>) -> Result<(), Failure> {
    let layer = DeskLayer { ring: Arc::new(LogRing::new(1)), writer: None, clock, screen: Screen::Server, quiet: Arc::default() };
    install(layer, settings).map(drop).map_err(|e| Failure::new(format!("the log could not be started: {e}")))
}

fn install(layer: DeskLayer, settings: &LogSettings) -> Result<FilterHandle, tracing::subscriber::SetGlobalDefaultError> {
    let (filter, handle) = reload::Layer::new(filter(level(&settings.level)));
    tracing::subscriber::set_global_default(Registry::default().with(layer.with_filter(filter)))?;
    Ok(handle)
}

type FilterHandle = reload::Handle<Targets, Registry>;

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
    /// Nothing goes to standard error.
    quiet: Arc<AtomicBool>,
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
        let shown = self.screen == Screen::Server || level <= LogLevel::Warn;
        if shown && !self.quiet.load(Ordering::Relaxed) {
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

    /// A file whose disk holds so many bytes.
    struct Disk(Vec<u8>, usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let n = bytes.len().min(self.1 - self.0.len());
            self.0.extend(&bytes[..n]);
            if n == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(n) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_that_a_full_disk_refuses_are_counted_and_the_next_ones_stay_whole() {
        let refused = Arc::new(AtomicU64::new(0));
        let mut log = Counted { file: Disk(Vec::new(), 8), refused: Arc::clone(&refused), torn: false };
        for line in ["first\n", "second\n", "third\n"] {
            log.write_all(line.as_bytes()).unwrap();
        }
        assert_eq!((refused.load(Ordering::Relaxed), log.file.0.as_slice()), (2, b"first\nse".as_slice()));
        log.file.1 = 100;
        log.write_all(b"fourth\n").unwrap();
        assert_eq!((refused.load(Ordering::Relaxed), log.file.0.as_slice()), (2, b"first\nse\nfourth\n".as_slice()));
    }

    #[test]
    fn events_reach_the_ring_and_the_file_with_their_fields() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.log");
        let (writer, guard) = tracing_appender::non_blocking(std::fs::File::create(&path).unwrap());
        let ring = Arc::new(LogRing::new(10));
        let clock = ManualClock::at(1_700_000_000);
        let layer =
            DeskLayer { ring: Arc::clone(&ring), writer: Some(writer), clock, screen: Screen::Console, quiet: Arc::new(true.into()) };
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
