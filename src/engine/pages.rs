//! The owner's part of the check after an unclean end: until the database is known to be sound no run begins, and none
//! ever does on a damaged one.

use std::sync::Arc;

use super::owner::{Owner, RUNS_KEPT};
use super::{CommandError, RunProgress, RunView};
use crate::ingest::{IngestSpec, RunSummary};
use crate::store::master::{RunRecord, StoreError};
use crate::store::scheduler::Job;

/// Why a command that writes has to come again.
const CHECKING: &str = "the database is being checked after an unclean end: try again when that is done";
/// Why a run waits.
const WAITS: &str = "waits until the database is checked after an unclean end";

/// What is known of the database's pages.
#[derive(Debug, Default)]
pub(super) enum Pages {
    /// Nothing is held against them.
    #[default]
    Sound,
    /// They are being looked through.
    Checking,
    /// They are damaged, or could not be looked through.
    Bad(String),
}

impl Pages {
    /// Why nothing is written any more, if so.
    pub fn bad(&self) -> Option<&str> {
        if let Self::Bad(why) = self { Some(why) } else { None }
    }

    pub const fn is_checking(&self) -> bool {
        matches!(self, Self::Checking)
    }

    /// Refuses a command that would write now.
    pub fn writable(&self) -> Result<(), CommandError> {
        match self {
            Self::Sound => Ok(()),
            Self::Checking => Err(CommandError::Refused(CHECKING.to_owned())),
            Self::Bad(why) => Err(CommandError::Refused(why.clone())),
        }
    }
}

impl Owner {
    /// Holds runs back until [`Self::checked`].
    pub(super) fn wait_for_check(&mut self) {
        self.pages = Pages::Checking;
        self.hold_all(Some(WAITS));
    }

    /// The pages were looked through, and earlier runs recovered. What waited begins; on a damaged file it fails.
    pub(super) async fn checked(&mut self, end: Result<(), StoreError>) {
        self.pages = match end {
            Ok(()) => Pages::Sound,
            Err(e) => {
                let why = self.advised(&e);
                tracing::error!(target: "engine", why, "No run begins, because nothing may be written");
                Pages::Bad(why)
            }
        };
        // Runs of an earlier process have become lost ones.
        if let Err(e) = self.load_runs().await {
            tracing::error!(target: "engine", error = %e, "Could not read the earlier runs");
        }
        self.hold_all(None);
        self.settle().await;
    }

    /// What is wrong and what to do: of damage, with the backup to restore.
    fn advised(&self, e: &StoreError) -> String {
        match (e, self.host.newest_backup()) {
            (StoreError::Corrupt(why), Some(backup)) => {
                format!("the database is damaged: {why}; put the newest backup in its place: `nightdesk restore {}`", backup.display())
            }
            _ => e.to_string(),
        }
    }

    fn hold_all(&mut self, why: Option<&'static str>) {
        for job in Job::ALL {
            self.jobs.board.hold(job, why);
        }
    }

    /// Reads the ended ingests of before.
    pub(super) async fn load_runs(&mut self) -> Result<(), StoreError> {
        let runs = self.pipeline.reads.with(|r| r.runs(RUNS_KEPT)).await?;
        self.runs = Arc::new(runs.iter().map(view_of).collect());
        Ok(())
    }
}

/// An ended run as the snapshot shows it.
fn view_of(record: &RunRecord) -> RunView {
    let summary: Option<RunSummary> = record.summary.as_deref().and_then(|s| serde_json::from_str(s).ok());
    RunView {
        id: record.id,
        spec: serde_json::from_str::<IngestSpec>(&record.spec).unwrap_or_default(),
        state: record.state,
        started_at: record.started_at,
        ended_at: record.ended_at,
        progress: RunProgress::default(),
        summary,
        cancelling: false,
    }
}
