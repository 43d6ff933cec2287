//! `nightdesk verify`, `backup` and `restore`.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::output::{self, count};
use super::{Context, Exit, Failure};
use crate::market::Strategy;
use crate::store::master::{self, VerifyReport};
use crate::store::model;

/// How often progress is shown.
const REFRESH: Duration = Duration::from_millis(200);

/// Check that the databases hold what was written: every bar against its digest, every page, every reference
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// Write verified copies of the databases into a folder; work may go on meanwhile
#[derive(Debug, Args)]
pub struct BackupArguments {
    /// Folder for the copy
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// Put a backup in place of the databases; what was there is kept beside it
#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// A backup, or a folder whose newest backup is taken
    from: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// The databases of strategies that there are.
fn strategies(context: &Context) -> impl Iterator<Item = (Strategy, PathBuf)> + '_ {
    Strategy::ALL.into_iter().map(|s| (s, context.data_dir.join(s.database_file()))).filter(|(_, path)| path.exists())
}

pub(super) fn verify(arguments: &VerifyArguments, context: &Context) -> Result<Exit, Failure> {
    context.warn();
    let mut shown = Duration::ZERO;
    let live = std::io::stderr().is_terminal();
    let mut report = master::verify(&context.database(), &mut |done, all| {
        let now = context.clock.mono();
        if live && now.saturating_sub(shown) >= REFRESH {
            shown = now;
            // Progress is courtesy; when nobody reads it the check goes on.
            drop(write!(std::io::stderr(), "\rverify: {done} of {all} bars"));
        }
    })?;
    if live {
        drop(write!(std::io::stderr(), "\r\x1b[K"));
    }
    for (strategy, path) in strategies(context) {
        let own = model::verify(&path, strategy, &CancellationToken::new())?;
        report.found += own.found;
        report.digests += own.digests;
        report.problems.extend(own.problems);
    }
    let VerifyReport { rows, series, digests, problems, found } = &report;
    if arguments.json {
        let ok = report.is_sound();
        output::json(&json!({ "ok": ok, "rows": rows, "series": series, "digests": digests, "found": found, "problems": problems }))?;
    } else {
        for problem in problems {
            output::line(problem)?;
        }
        let what = format!("{rows} bars in {}, {digests} digests compared", count(*series as usize, "series", "series"));
        match found {
            0 => output::line(format_args!("Sound: {what}."))?,
            n => output::line(format_args!(
                "DAMAGED: {} found ({what}). Restore the last good backup: nightdesk restore DIR",
                count(*n as usize, "problem", "problems")
            ))?,
        }
    }
    Ok(if report.is_sound() { Exit::Done } else { Exit::Failed })
}

pub(super) fn backup(arguments: &BackupArguments, context: &Context) -> Result<Exit, Failure> {
    context.warn();
    let report = master::backup(&context.database(), &arguments.dir, context.clock.as_ref())?;
    let mut also = Vec::new();
    for (strategy, path) in strategies(context) {
        let Some(to) = model::beside(&report.path, strategy) else { continue };
        model::copy(&path, &to, strategy, &CancellationToken::new())?;
        also.push(to);
    }
    if arguments.json {
        output::json(&json!({ "ok": true, "path": report.path, "bytes": report.bytes, "rows": report.rows, "also": also }))?;
    } else {
        let mib = report.bytes as f64 / f64::from(1 << 20);
        output::line(format_args!("{} bars in {mib:.1} MiB, verified: {}", report.rows, report.path.display()))?;
        for path in &also {
            output::line(format_args!("Beside it: {}", path.display()))?;
        }
    }
    Ok(Exit::Done)
}

pub(super) fn restore(arguments: &RestoreArguments, context: &Context) -> Result<Exit, Failure> {
    context.warn();
    let report = master::restore(&arguments.from, &context.database(), context.clock.as_ref())?;
    let mut also = Vec::new();
    for strategy in Strategy::ALL {
        let from = model::beside(&report.from, strategy).filter(|p| p.exists());
        if let Some(from) = from {
            let target = context.data_dir.join(strategy.database_file());
            also.push(model::restore(&from, &target, strategy, context.clock.as_ref())?);
        }
    }
    let also: Vec<_> = also.iter().map(|r| &r.from).collect();
    if arguments.json {
        output::json(&json!({ "ok": true, "from": report.from, "rows": report.rows, "kept": report.kept, "also": also }))?;
    } else {
        output::line(format_args!("{} bars restored from {}, verified.", report.rows, report.from.display()))?;
        for path in also {
            output::line(format_args!("Restored too: {}", path.display()))?;
        }
        if let Some(kept) = &report.kept {
            output::line(format_args!("The database that was there is kept as {}.", kept.display()))?;
        }
    }
    Ok(Exit::Done)
}
