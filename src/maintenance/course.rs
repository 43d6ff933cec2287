//! How a run of the maintenance job goes: what came of each step, which steps that rules out, and how it all ends.

use serde::{Deserialize, Serialize};

use super::{Did, Fault, Step};
use crate::job::JobEnd;

/// What came of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Done.
    Done,
    /// Failed.
    Failed,
    /// An earlier step ruled it out.
    LeftOut,
    /// Stopped.
    Stopped,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Which.
    pub step: Step,
    /// What came of it.
    pub outcome: Outcome,
    /// How long it took.
    pub seconds: f64,
    /// Bytes checked, written or freed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bytes: Option<u64>,
    /// Rows checked, copied or removed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rows: Option<u64>,
    /// A few words: what was done, or why not.
    pub text: String,
}

/// A whole run, as its summary tells it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Every step went through.
    pub ok: bool,
    /// Size of the backup written, bytes.
    pub bytes: u64,
    /// Bars verified.
    pub rows: u64,
    /// Seconds of all steps.
    pub seconds: f64,
    /// The steps, in order.
    pub steps: Vec<StepReport>,
}

/// A run on its way.
#[derive(Default)]
pub(super) struct Course {
    steps: Vec<StepReport>,
    damaged: bool,
    stopped: bool,
}

impl Course {
    /// Why `step` must not be done after what happened so far.
    pub fn leaves_out(&self, step: Step) -> Option<&'static str> {
        let failed = |s: Step| self.steps.iter().any(|r| r.step == s && r.outcome != Outcome::Done);
        match step {
            Step::Digests if self.damaged => Some("pages are broken"),
            // A checkpoint would write into a file that is broken, a rotation could remove the last good copy.
            Step::Checkpoint | Step::Backup | Step::Rotate if self.damaged => Some("the database is damaged"),
            Step::Backup if failed(Step::Pages) || failed(Step::Digests) => Some("the database could not be verified"),
            Step::Rotate if failed(Step::Backup) || failed(Step::Drill) => Some("there is no new backup that was restored"),
            _ => None,
        }
    }

    pub fn left_out(&mut self, step: Step, why: &str) {
        let text = why.to_owned();
        self.steps.push(StepReport { step, outcome: Outcome::LeftOut, seconds: 0.0, bytes: None, rows: None, text });
    }

    /// Takes down a step's end; `false` means that the run is to end here.
    pub fn ended(&mut self, step: Step, seconds: f64, end: Result<Did, Fault>) -> bool {
        let (outcome, did) = match end {
            Ok(did) => (Outcome::Done, did),
            Err(Fault::Stopped) => {
                self.stopped = true;
                (Outcome::Stopped, Did::default())
            }
            Err(fault) => {
                self.damaged |= fault.is_damage();
                (Outcome::Failed, Did::new(fault.to_string()))
            }
        };
        self.steps.push(StepReport { step, outcome, seconds, bytes: did.bytes, rows: did.rows, text: did.text });
        !self.stopped
    }

    /// The end of the run.
    pub fn end(self) -> JobEnd {
        let failed: Vec<_> = self.steps.iter().filter(|s| s.outcome == Outcome::Failed).collect();
        let tell = |only_vital: bool| {
            let told = failed.iter().filter(|s| s.step.vital() || !only_vital);
            told.map(|s| format!("{}: {}", s.step, s.text)).collect::<Vec<_>>().join("; ")
        };
        let (all, vital, failures) = (tell(false), failed.iter().any(|s| s.step.vital()), failed.len() as u32);
        let (damaged, stopped) = (self.damaged, self.stopped);
        let summary = serde_json::to_string(&self.summary()).ok();
        if damaged || vital && !stopped {
            return JobEnd::Failed { error: all, retry: !damaged, summary };
        }
        if stopped {
            return JobEnd::Cancelled { summary };
        }
        JobEnd::Succeeded { failures, summary, note: (failures > 0).then_some(all) }
    }

    fn summary(self) -> Summary {
        let of = |step: Step| self.steps.iter().find(|s| s.step == step && s.outcome == Outcome::Done);
        Summary {
            ok: !self.stopped && self.steps.iter().all(|s| s.outcome == Outcome::Done),
            bytes: of(Step::Backup).and_then(|s| s.bytes).unwrap_or(0),
            rows: of(Step::Digests).and_then(|s| s.rows).unwrap_or(0),
            seconds: self.steps.iter().map(|s| s.seconds).sum(),
            steps: self.steps,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn damaged() -> Fault {
        Fault::Damaged { file: "market_data.db", found: 2, first: "a value differs".into(), backups: "/b".into() }
    }

    #[test]
    fn damage_rules_out_everything_that_writes_or_removes() {
        let mut course = Course::default();
        assert!(course.ended(Step::Pages, 1.0, Ok(Did::default())));
        assert!(course.ended(Step::Digests, 1.0, Err(damaged())));
        let out: Vec<_> = Step::ALL.into_iter().filter(|s| course.leaves_out(*s).is_some()).collect();
        assert_eq!(out, [Step::Digests, Step::Checkpoint, Step::Backup, Step::Rotate]);
        let JobEnd::Failed { error, retry: false, summary: Some(summary) } = course.end() else { panic!("damage is a failure") };
        assert!(error.contains("digests: market_data.db is damaged") && error.contains("nightdesk restore /b"), "{error}");
        let summary: Summary = serde_json::from_str(&summary).unwrap();
        assert!(!summary.ok && summary.steps[1].outcome == Outcome::Failed);
    }

    #[test]
    fn a_failed_backup_fails_the_run_and_keeps_older_ones() {
        let mut course = Course::default();
        course.ended(Step::Backup, 0.0, Err(Fault::NoSpace { dir: "/b".into(), free: 1 << 20, need: 5 << 20, floor: 1 << 29 }));
        assert!(course.leaves_out(Step::Rotate).is_some() && course.leaves_out(Step::Drill).is_none());
        assert!(matches!(course.end(), JobEnd::Failed { error, retry: true, .. } if error.contains("517 MiB are needed")));
    }

    #[test]
    fn a_lesser_step_that_fails_is_told_and_counted() {
        let mut course = Course::default();
        course.ended(Step::Logs, 0.0, Err(Fault::Limit("no".into())));
        let JobEnd::Succeeded { failures: 1, note: Some(note), .. } = course.end() else { panic!("the run went through") };
        assert_eq!(note, "logs: no");
        let mut course = Course::default();
        assert!(!course.ended(Step::Backup, 0.0, Err(Fault::Stopped)));
        assert!(matches!(course.end(), JobEnd::Cancelled { .. }));
    }
}
