//! Which strategies a scan, a backtest or a look at drift is for. Commands make it, the engine keeps it with the run of the
//! job, and the job's body reads it there.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::market::Strategy;

/// For whom. An empty list means both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WatchSpec {
    /// Strategies, one after the other.
    pub strategies: Vec<Strategy>,
    /// The training run that a backtest is of [default: that of the champion, else of the shadow, else the newest]. Runs are
    /// numbered by strategy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<i64>,
}

impl WatchSpec {
    /// The strategies it is for, in order of reports.
    pub fn chosen(&self) -> Vec<Strategy> {
        Strategy::ALL.into_iter().filter(|s| self.strategies.is_empty() || self.strategies.contains(s)).collect()
    }

    /// The words of what a run's record says it was asked for, as JSON; other text is returned as it stands.
    pub fn words(json: &str) -> String {
        Self::of(Some(json)).map_or_else(|_| json.to_owned(), |spec| spec.to_string())
    }

    /// What a run of the job was asked for; a run without parameters does the job's normal work.
    ///
    /// # Errors
    /// The text is not such a spec.
    pub fn of(params: Option<&str>) -> serde_json::Result<Self> {
        params.map_or_else(|| Ok(Self::default()), serde_json::from_str)
    }
}

/// `both strategies`, or the one; `training run 3 of turbomode`.
impl fmt::Display for WatchSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(run) = self.run {
            write!(f, "training run {run} of ")?;
        }
        match self.chosen().as_slice() {
            [one] => write!(f, "{one}"),
            _ => f.write_str("both strategies"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_comes_back_from_the_record() {
        let one = WatchSpec { strategies: vec![Strategy::Slipstream], ..WatchSpec::default() };
        let run = WatchSpec { run: Some(3), ..one.clone() };
        for (spec, words) in [(WatchSpec::default(), "both strategies"), (one, "slipstream"), (run, "training run 3 of slipstream")] {
            let kept = serde_json::to_string(&spec).unwrap();
            assert_eq!((WatchSpec::of(Some(&kept)).unwrap(), spec.to_string()), (spec, words.to_owned()));
        }
        assert_eq!(WatchSpec::of(None).unwrap().chosen(), Strategy::ALL);
        assert!(WatchSpec::of(Some(r#"{"stratgies":[]}"#)).is_err());
    }
}
