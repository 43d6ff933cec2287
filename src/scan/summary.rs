//! What came of a run of the scan, drift or backtest job, strategy by strategy, and how that ends the run.

use serde::{Deserialize, Serialize};

use crate::job::{JobEnd, PartEnd};
use crate::market::Strategy;

/// How one strategy's part of a job ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrategyNight {
    /// Whose.
    pub strategy: Strategy,
    /// Whether it came to its end.
    pub ok: bool,
    /// What came of it, or what ended it, in one sentence.
    pub words: String,
    /// How long it took.
    pub seconds: f64,
    /// A model has drifted so far that its rules ask for a challenger.
    #[serde(default)]
    pub challenger: bool,
    /// Whether a failure may pass by itself.
    #[serde(skip)]
    pub retry: bool,
}

/// The summary of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NightSummary {
    /// The strategies that were begun, in order.
    pub strategies: Vec<StrategyNight>,
}

impl NightSummary {
    /// The summary that a run's record keeps, if it is one.
    pub fn stored(text: Option<&str>) -> Option<Self> {
        text.and_then(|text| serde_json::from_str(text).ok())
    }

    /// Whose rules ask for a challenger.
    pub fn challengers(&self) -> Vec<Strategy> {
        self.strategies.iter().filter(|s| s.challenger).map(|s| s.strategy).collect()
    }

    /// The end of the job's run: one strategy that fails beside another that does not is counted. `stopped`: somebody ended it.
    pub fn end(&self, stopped: bool) -> JobEnd {
        let part = |s: &StrategyNight| PartEnd { words: format!("{}: {}", s.strategy, s.words), failed: !s.ok, retry: s.retry };
        let parts: Vec<PartEnd> = self.strategies.iter().map(part).collect();
        JobEnd::of_parts(&parts, stopped, serde_json::to_string(self).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn night(ok: [bool; 2]) -> NightSummary {
        let one = |(strategy, ok): (Strategy, bool)| StrategyNight {
            strategy,
            ok,
            words: format!("it is {ok}"),
            seconds: 1.5,
            challenger: ok,
            retry: !ok,
        };
        NightSummary { strategies: Strategy::ALL.into_iter().zip(ok).map(one).collect() }
    }

    #[test]
    fn one_failure_is_counted_two_are_one() {
        let JobEnd::Succeeded { failures: 1, summary, note } = night([false, true]).end(false) else { panic!("one came to its end") };
        assert_eq!(note.as_deref(), Some("turbomode: it is false; slipstream: it is true"));
        assert_eq!(NightSummary::stored(summary.as_deref()).unwrap().challengers(), [Strategy::Slipstream]);
        assert!(matches!(night([false, false]).end(false), JobEnd::Failed { retry: true, .. }));
        assert!(matches!(night([true, true]).end(true), JobEnd::Cancelled { summary: Some(_) }));
        assert!(matches!(NightSummary::default().end(false), JobEnd::Succeeded { failures: 0, .. }));
    }
}
