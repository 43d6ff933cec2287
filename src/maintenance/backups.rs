//! Backups of a data folder: one folder each, written under a temporary name, restored for a try, rotated by date.
//!
//! Only folders whose `backup.json` names this data folder are ever counted or removed, so several desks, and a
//! person's own files, may share a backup folder.

use std::fs;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use super::files::{self, PARTIAL, Unfinished};
use super::rotation::surplus;
use super::{Did, Fault};
use crate::market::{Clock, Strategy};
use crate::store::master::{self, BACKUP_FOLDER, DATABASE, Reader, StoreError, VerifyReport};
use crate::store::model;

const SCHEDULER: &str = "scheduler.db";
const STATE: &str = "scheduler_state.json";
const MANIFEST: &str = "backup.json";
/// All that a backup may hold.
const OURS: [&str; 7] =
    [DATABASE, SCHEDULER, Strategy::Turbomode.database_file(), Strategy::Slipstream.database_file(), model::files::FOLDER, STATE, MANIFEST];
/// The ending of a backup that was set aside.
const BAD: &str = "bad";
const STAMP: &str = "%Y%m%dT%H%M%SZ";
/// Room for what is small: the scheduler's state, the manifest, folders.
const SMALL: u64 = 1 << 20;
/// Room for the copy of a strategy's database, which leaves out the cache of features.
const STRATEGY: u64 = 64 << 20;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    /// The data folder it is of.
    data_dir: String,
    /// Version of the program that wrote it.
    version: String,
    /// Bars in the master.
    rows: u64,
    /// Series in the master.
    series: u64,
    /// Bytes of all files.
    bytes: u64,
}

/// The backups of one data folder.
pub(super) struct Backups {
    dir: PathBuf,
    data_dir: PathBuf,
    /// The data folder as the manifests name it.
    name: String,
}

/// One whole backup.
struct Backup {
    path: PathBuf,
    made: DateTime<Utc>,
    manifest: Manifest,
}

impl Backups {
    /// Backups of `data_dir` in `dir`; neither is touched.
    pub fn new(data_dir: &Path, dir: PathBuf) -> Self {
        let whole = fs::canonicalize(data_dir).unwrap_or_else(|_| data_dir.to_owned());
        Self { dir, data_dir: data_dir.to_owned(), name: whole.to_string_lossy().into_owned() }
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// When the newest backup was made, and where it is.
    pub fn newest(&self) -> Option<(i64, PathBuf)> {
        self.list().ok()?.into_iter().next().map(|b| (b.made.timestamp(), b.path))
    }

    /// Whole backups of this data folder, newest first.
    fn list(&self) -> Result<Vec<Backup>, Fault> {
        let read = |name: String| {
            let made = NaiveDateTime::parse_from_str(name.strip_prefix(BACKUP_FOLDER)?, STAMP).ok()?.and_utc();
            let path = self.dir.join(name);
            let manifest: Manifest = serde_json::from_slice(&fs::read(path.join(MANIFEST)).ok()?).ok()?;
            (manifest.data_dir == self.name && path.join(DATABASE).exists()).then_some(Backup { path, made, manifest })
        };
        let mut found: Vec<_> = files::names(&self.dir)?.into_iter().filter_map(read).collect();
        found.sort_by_key(|b| std::cmp::Reverse(b.made));
        Ok(found)
    }

    /// A temporary name that another desk in the same backup folder does not use.
    fn partial(&self, what: &str) -> PathBuf {
        self.dir.join(format!(".{what}{}", self.mark()))
    }

    fn mark(&self) -> String {
        format!("-{:016x}{PARTIAL}", xxh3_64(self.name.as_bytes()))
    }

    /// Removes what an earlier run of this desk left unfinished. The data folder's lock keeps a second run away.
    pub fn tidy(&self) -> Result<usize, Fault> {
        let mark = self.mark();
        let left: Vec<_> = files::names(&self.dir)?.into_iter().filter(|n| n.starts_with('.') && n.ends_with(&mark)).collect();
        for name in &left {
            let path = self.dir.join(name);
            fs::remove_dir_all(&path).map_err(Fault::io("remove", &path))?;
        }
        Ok(left.len())
    }

    /// Writes a new backup: copies, checks the copies, then gives the whole its name.
    pub fn make(&self, clock: &dyn Clock, floor: u64, stop: &CancellationToken) -> Result<Did, Fault> {
        files::private_dir(&self.dir)?;
        let source = |name: &str| self.data_dir.join(name);
        let mut models = 0;
        for strategy in Strategy::ALL.into_iter().filter(|s| source(s.database_file()).exists()) {
            models += model::model_bytes(&source(strategy.database_file()), strategy)?;
        }
        let strategies = Strategy::ALL.map(|s| files::size(&source(s.database_file())).min(STRATEGY));
        let need = models
            + strategies.iter().sum::<u64>()
            + [DATABASE, "market_data.db-wal", SCHEDULER, "scheduler.db-wal"].iter().map(|n| files::size(&source(n))).sum::<u64>()
            + SMALL;
        files::room(&self.dir, need, floor)?;
        let name = self.unused_name(clock.utc());
        let folder = Unfinished::make(self.partial(&name))?;
        let inside = |name: &str| folder.path().join(name);
        master::copy_database(&source(DATABASE), &inside(DATABASE), stop)?;
        let (rows, series) = sound(&inside(DATABASE), stop)?;
        if source(SCHEDULER).exists() {
            master::copy_database(&source(SCHEDULER), &inside(SCHEDULER), stop)?;
            sound_pages(&inside(SCHEDULER), stop)?;
        }
        for strategy in Strategy::ALL.into_iter().filter(|s| source(s.database_file()).exists()) {
            let copy = inside(strategy.database_file());
            model::copy(&source(strategy.database_file()), &copy, strategy, stop)?;
            sound_strategy(&copy, strategy, stop)?;
        }
        match fs::read(source(STATE)) {
            Ok(bytes) => files::write(&inside(STATE), &bytes)?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(e) => return Err(Fault::io("read", &source(STATE))(e)),
        }
        let bytes = files::bytes_below(folder.path())?;
        let manifest = Manifest { data_dir: self.name.clone(), version: env!("CARGO_PKG_VERSION").to_owned(), rows, series, bytes };
        files::write(&inside(MANIFEST), serde_json::to_string_pretty(&manifest).unwrap_or_default().as_bytes())?;
        files::flush_dir(folder.path())?;
        let to = self.dir.join(&name);
        files::put_in_place(folder.path(), &to)?;
        tracing::info!(target: "store", path = %to.display(), bytes, rows, "Backup written");
        Ok(Did::new(format!("{} written and checked", to.display())).bytes(bytes).rows(rows))
    }

    /// The name of a backup made at `made`, or as soon afterwards as no other has its name.
    fn unused_name(&self, mut made: DateTime<Utc>) -> String {
        loop {
            let name = format!("{BACKUP_FOLDER}{}", made.format(STAMP));
            let path = self.dir.join(&name);
            if !path.exists() && !path.with_extension(BAD).exists() {
                return name;
            }
            made += TimeDelta::seconds(1);
        }
    }

    /// Restores the newest backup into a temporary folder, reads it as a desk would, and compares what it holds with
    /// what it says of itself. One that fails is set aside under another name, so that `nightdesk restore` takes an
    /// older one.
    pub fn drill(&self, clock: &dyn Clock, floor: u64, stop: &CancellationToken) -> Result<Did, Fault> {
        let Some(newest) = self.list()?.into_iter().next() else {
            return Ok(Did::new("there is no backup to try".to_owned()));
        };
        files::room(&self.dir, newest.manifest.bytes + SMALL, floor)?;
        let folder = Unfinished::make(self.partial("drill"))?;
        let restored = restore(&newest, &folder.path().join(DATABASE), clock, stop);
        let problem = match restored {
            Ok((rows, series)) if (rows, series) == (newest.manifest.rows, newest.manifest.series) => {
                return Ok(Did::new(format!("{} restored and read", newest.path.display())).rows(rows));
            }
            Ok((rows, series)) => {
                let Manifest { rows: then, series: of, .. } = newest.manifest;
                format!("{rows} bars in {series} series were restored, {then} in {of} were written")
            }
            Err(Fault::Store(StoreError::BadBackup { problems, .. })) => problems.into_iter().next().unwrap_or_default(),
            Err(Fault::Store(StoreError::Corrupt(problem)) | Fault::BadCopy { problem, .. }) => problem,
            Err(other) => return Err(other),
        };
        let aside = newest.path.with_extension(BAD);
        files::put_in_place(&newest.path, &aside)?;
        Err(Fault::BadCopy { path: aside, problem })
    }

    /// Removes the backups that the rotation lets go of.
    pub fn rotate(&self, daily: u32, weekly: u32) -> Result<Did, Fault> {
        let all = self.list()?;
        let gone = surplus(&all.iter().map(|b| b.made).collect::<Vec<_>>(), daily, weekly);
        let (mut removed, mut freed, mut left_alone) = (0, 0, 0);
        for backup in all.iter().filter(|b| gone.contains(&b.made)) {
            if files::names(&backup.path)?.iter().any(|n| !OURS.contains(&n.as_str())) {
                left_alone += 1;
                continue;
            }
            let name = backup.path.file_name().unwrap_or_default().to_string_lossy();
            let unnamed = self.partial(&name);
            files::put_in_place(&backup.path, &unnamed)?;
            fs::remove_dir_all(&unnamed).map_err(Fault::io("remove", &unnamed))?;
            removed += 1;
            freed += backup.manifest.bytes;
        }
        let also = if left_alone > 0 { format!(", {left_alone} left alone because it holds other files") } else { String::new() };
        Ok(Did::new(format!("{} kept, {removed} removed{also}", all.len() - removed)).bytes(freed))
    }
}

/// Restores as `nightdesk restore` does, and counts bars and series as a reader sees them.
fn restore(backup: &Backup, to: &Path, clock: &dyn Clock, stop: &CancellationToken) -> Result<(u64, u64), Fault> {
    master::restore_until(&backup.path.join(DATABASE), to, clock, stop)?;
    let scheduler = backup.path.join(SCHEDULER);
    if scheduler.exists() {
        sound_pages(&scheduler, stop)?;
    }
    for strategy in Strategy::ALL {
        let copy = backup.path.join(strategy.database_file());
        if copy.exists() {
            sound_strategy(&copy, strategy, stop)?;
        }
    }
    let states = Reader::open(to)?.series_states()?;
    let holding = states.iter().filter(|s| s.rows > 0);
    Ok(holding.fold((0, 0), |(rows, series), s| (rows + s.rows, series + 1)))
}

/// Bars and series of a master that passes every check.
fn sound(path: &Path, stop: &CancellationToken) -> Result<(u64, u64), Fault> {
    sound_pages(path, stop)?;
    let report = master::check_digests(path, &mut |_, _| {}, stop)?;
    if let Some(problem) = report.problems.into_iter().next() {
        return Err(Fault::BadCopy { path: path.to_owned(), problem });
    }
    let states = Reader::open(path)?.series_states()?;
    Ok((report.rows, states.iter().filter(|s| s.rows > 0).count() as u64))
}

fn sound_pages(path: &Path, stop: &CancellationToken) -> Result<(), Fault> {
    no_problem(path, master::check_pages(path, stop)?)
}

fn sound_strategy(path: &Path, strategy: Strategy, stop: &CancellationToken) -> Result<(), Fault> {
    no_problem(path, model::verify(path, strategy, stop)?)
}

fn no_problem(path: &Path, report: VerifyReport) -> Result<(), Fault> {
    match report.problems.into_iter().next() {
        Some(problem) => Err(Fault::BadCopy { path: path.to_owned(), problem }),
        None => Ok(()),
    }
}
