//! `nightdesk verify`, `backup` and `restore`.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde_json::json;

use super::output::{self, count};
use super::{Context, Exit, Failure};
use crate::store::master::{self, VerifyReport};

/// How often progress is shown.
const REFRESH: Duration = Duration::from_millis(200);

/// Check that the database holds what was written: every bar against its digest, every page, every reference
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// Write a verified copy of the database into a folder; work may go on meanwhile
#[derive(Debug, Args)]
pub struct BackupArguments {
    /// Folder for the copy
    dir: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// Put a backup in place of the database; what was there is kept beside it
#[derive(Debug, Args)]
pub struct RestoreArguments {
    /// A backup, or a folder whose newest backup is taken
    from: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

pub(super) fn verify(arguments: &VerifyArguments, context: &Context) -> Result<Exit, Failure> {
    context.warn();
    let mut shown = Duration::ZERO;
    let live = std::io::stderr().is_terminal();
    let report = master::verify(&context.database(), &mut |done, all| {
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
    if arguments.json {
        output::json(&json!({ "ok": true, "path": report.path, "bytes": report.bytes, "rows": report.rows }))?;
    } else {
        let mib = report.bytes as f64 / f64::from(1 << 20);
        output::line(format_args!("{} bars in {mib:.1} MiB, verified: {}", report.rows, report.path.display()))?;
    }
    Ok(Exit::Done)
}

pub(super) fn restore(arguments: &RestoreArguments, context: &Context) -> Result<Exit, Failure> {
    context.warn();
    let report = master::restore(&arguments.from, &context.database(), context.clock.as_ref())?;
    if arguments.json {
        output::json(&json!({ "ok": true, "from": report.from, "rows": report.rows, "kept": report.kept }))?;
    } else {
        output::line(format_args!("{} bars restored from {}, verified.", report.rows, report.from.display()))?;
        if let Some(kept) = &report.kept {
            output::line(format_args!("The database that was there is kept as {}.", kept.display()))?;
        }
    }
    Ok(Exit::Done)
}
