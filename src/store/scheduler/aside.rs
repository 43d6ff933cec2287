//! Moves a file that cannot be used out of the way, so that the engine starts all the same and nothing is destroyed.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use super::SchedulerDbError;

/// A damaged file that was moved aside; the engine turns it into an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedAside {
    /// Where it lay.
    pub from: PathBuf,
    /// Where it lies now.
    pub to: PathBuf,
    /// What was wrong with it.
    pub reason: String,
}

impl fmt::Display for MovedAside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { from, to, reason } = self;
        write!(f, "{} was unusable ({reason}); it was kept as {} and a new one started", from.display(), to.display())
    }
}

/// Moves `path`, and what lies beside it under the `beside` endings, to `PATH.corrupt-STAMP`; `now` is UTC seconds.
pub(crate) fn set_aside(path: &Path, beside: &[&str], reason: String, now: i64) -> Result<MovedAside, SchedulerDbError> {
    let stamp = chrono::DateTime::from_timestamp(now, 0).unwrap_or_default().format("%Y%m%dT%H%M%SZ");
    let mut to = with_ending(path, &format!(".corrupt-{stamp}"));
    let mut n = 2;
    while to.exists() {
        to = with_ending(path, &format!(".corrupt-{stamp}-{n}"));
        n += 1;
    }
    let rename = |from: &Path, to: &Path| std::fs::rename(from, to).map_err(SchedulerDbError::io("cannot move aside", from));
    rename(path, &to)?;
    for ending in beside {
        let companion = with_ending(path, ending);
        if companion.exists() {
            rename(&companion, &with_ending(&to, ending))?;
        }
    }
    let moved = MovedAside { from: path.to_owned(), to, reason };
    tracing::error!(target: "store", from = %moved.from.display(), to = %moved.to.display(), reason = moved.reason, "Unusable file moved aside");
    Ok(moved)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}
