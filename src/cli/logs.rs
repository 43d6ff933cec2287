//! `nightdesk logs`: the end of the log files, and what is added to them.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::logging::{FILE_PREFIX, TARGETS, level};
use super::{Context, Exit, Failure, output};
use crate::engine::LogLevel;

/// How often a followed file is looked at.
const POLL: Duration = Duration::from_millis(200);

/// Print the log
#[derive(Debug, Args)]
pub struct Arguments {
    /// Keep printing what is added, until interrupted
    #[arg(short, long)]
    follow: bool,
    /// Lines to begin with
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    lines: usize,
    /// Least severe level shown
    #[arg(long, value_name = "LEVEL", default_value = "trace", value_parser = ["error", "warn", "info", "debug", "trace"])]
    level: String,
    /// Only this source
    #[arg(long, value_name = "NAME", value_parser = TARGETS)]
    source: Option<String>,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    context.warn();
    let dir = context.log_dir();
    let files = files(&dir)?;
    let Some(newest) = files.last().cloned() else {
        return Err(Failure::new(format!("there is no log in {}: nothing has run with this data folder yet", dir.display()))
            .next("start nightdesk, or name the right folder with --data-dir"));
    };
    let mut tail = VecDeque::new();
    let mut at = 0;
    for path in &files {
        at = read_from(path, 0, |line| {
            if arguments.wants(line) {
                tail.push_back(line.to_owned());
                if tail.len() > arguments.lines {
                    tail.pop_front();
                }
            }
            Ok(())
        })?;
    }
    for line in tail {
        output::line(line)?;
    }
    if arguments.follow { follow(arguments, &dir, newest, at) } else { Ok(Exit::Done) }
}

/// Prints whole lines as they are added, moving on when a newer file appears. Ends with the process.
fn follow(arguments: &Arguments, dir: &Path, mut path: PathBuf, mut at: u64) -> Result<Exit, Failure> {
    loop {
        at = read_from(&path, at, |line| if arguments.wants(line) { output::line(line) } else { Ok(()) })?;
        let next = files(dir)?.into_iter().find(|f| *f > path);
        match next {
            Some(newer) => (path, at) = (newer, 0),
            None => std::thread::sleep(POLL),
        }
    }
}

/// Feeds the whole lines after byte `at` to `each`; returns where the last one ended.
fn read_from(path: &Path, mut at: u64, mut each: impl FnMut(&str) -> Result<(), Failure>) -> Result<u64, Failure> {
    let unreadable = |e: std::io::Error| Failure::new(format!("{} cannot be read: {e}", path.display()));
    let mut file = File::open(path).map_err(unreadable)?;
    file.seek(SeekFrom::Start(at)).map_err(unreadable)?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).map_err(unreadable)? > 0 && line.ends_with(b"\n") {
        each(String::from_utf8_lossy(&line).trim_end())?;
        at += line.len() as u64;
        line.clear();
    }
    Ok(at)
}

/// Log files, oldest first: their names hold the date.
fn files(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Failure::new(format!("{} cannot be read: {e}", dir.display()))),
    };
    let ours = |p: &PathBuf| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(FILE_PREFIX));
    let mut files: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).filter(ours).collect();
    files.sort();
    Ok(files)
}

impl Arguments {
    fn wants(&self, line: &str) -> bool {
        let mut words = line.split_whitespace().skip(1);
        let (found, source) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let known = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];
        let severe = known.into_iter().find(|l| l.name() == found).is_none_or(|l| l <= level(&self.level));
        severe && self.source.as_ref().is_none_or(|s| s == source)
    }
}
