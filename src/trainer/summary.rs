//! What came of a run of the train job, strategy by strategy, and how that ends the run.

use serde::{Deserialize, Serialize};

use crate::job::{JobEnd, PartEnd};
use crate::market::Strategy;
use crate::train::progress::TrainingState;

/// How one strategy's training ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrategyEnd {
    /// Whose.
    pub strategy: Strategy,
    /// The training run in the strategy's database; `None` when it failed before it had a number.
    pub run_id: Option<i64>,
    /// Where it stands.
    pub state: TrainingState,
    /// The verdict, or what ended it, in one sentence.
    pub outcome: String,
    /// The model in service afterwards, if one is.
    pub champion: Option<i64>,
    /// How long it took.
    pub seconds: f64,
    /// Whether a failure may pass by itself.
    #[serde(skip)]
    pub retry: bool,
}

/// The summary of a run of the train job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The strategies that were begun, in order.
    pub strategies: Vec<StrategyEnd>,
}

impl Summary {
    /// The summary that a run's record keeps, if it is one.
    pub fn stored(text: Option<&str>) -> Option<Self> {
        text.and_then(|text| serde_json::from_str(text).ok())
    }

    /// The end of the job's run. A verdict against models is a normal end; one strategy that fails beside another that does
    /// not is counted. `stopped`: somebody ended it.
    pub fn end(&self, stopped: bool) -> JobEnd {
        // The sentence of a rejected run is long; lists of runs are narrow, and the summary has it.
        let brief = |s: &StrategyEnd| if s.state == TrainingState::Rejected { "gates not met".to_owned() } else { s.outcome.clone() };
        let part = |s: &StrategyEnd| PartEnd {
            words: format!("{}: {}", s.strategy, brief(s)),
            failed: s.state == TrainingState::Failed,
            retry: s.retry,
        };
        let parts: Vec<PartEnd> = self.strategies.iter().map(part).collect();
        JobEnd::of_parts(&parts, stopped, serde_json::to_string(self).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(states: &[(TrainingState, bool)]) -> Summary {
        let end = |((state, retry), strategy): (&(TrainingState, bool), Strategy)| StrategyEnd {
            strategy,
            run_id: Some(3),
            state: *state,
            outcome: format!("it is {state}"),
            champion: None,
            seconds: 1.0,
            retry: *retry,
        };
        Summary { strategies: states.iter().zip(Strategy::ALL).map(end).collect() }
    }

    #[test]
    fn a_rejected_model_is_a_normal_end_and_one_failure_beside_it_is_counted() {
        use TrainingState::{Cancelled, Failed, Promoted, Rejected};
        let end = |states: &[(TrainingState, bool)], stopped| ends(states).end(stopped);
        let JobEnd::Succeeded { failures: 0, note: Some(note), summary } = end(&[(Rejected, false), (Promoted, false)], false) else {
            panic!("verdicts are normal ends")
        };
        assert_eq!(note, "turbomode: gates not met; slipstream: it is promoted");
        assert_eq!(Summary::stored(summary.as_deref()), Some(ends(&[(Rejected, false), (Promoted, false)])));
        assert!(matches!(end(&[(Failed, true), (Rejected, false)], false), JobEnd::Succeeded { failures: 1, .. }));
        assert!(matches!(end(&[(Failed, true), (Failed, false)], false), JobEnd::Failed { retry: true, .. }));
        assert!(matches!(end(&[(Failed, false)], false), JobEnd::Failed { retry: false, .. }));
        assert!(matches!(end(&[(Rejected, false), (Cancelled, false)], true), JobEnd::Cancelled { summary: Some(_) }));
        assert_eq!(Summary::stored(Some("{}")), None);
    }
}
