//! What came of a run of the backtest job, strategy by strategy, and how that ends the run.

use serde::{Deserialize, Serialize};

use crate::job::{JobEnd, PartEnd};
use crate::market::Strategy;

/// How a strategy's backtest ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EndState {
    /// There is a report.
    Done,
    /// There was nothing to trade by, for the reason told: a normal end.
    Nothing,
    /// It failed.
    Failed,
    /// Somebody stopped it.
    Cancelled,
}

/// What came of one strategy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StrategyEnd {
    /// Whose.
    pub strategy: Strategy,
    /// How it ended.
    pub state: EndState,
    /// The training run that was traded; `None` without a report.
    pub run_id: Option<i64>,
    /// The headline, or why there is none.
    pub outcome: String,
    /// Positions.
    pub trades: Option<usize>,
    /// Sharpe ratio a year after costs.
    pub sharpe: Option<f64>,
    /// How long it took.
    pub seconds: f64,
    /// Whether a failure may pass by itself.
    #[serde(skip)]
    pub retry: bool,
}

/// The summary of a run of the backtest job.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The strategies that were begun, in order.
    pub strategies: Vec<StrategyEnd>,
}

impl StrategyEnd {
    /// In a few words: lists of runs are narrow.
    fn brief(&self) -> String {
        match (self.trades, self.sharpe) {
            (Some(trades), Some(sharpe)) => format!("{trades} trades, Sharpe ratio {sharpe:.2}"),
            (Some(trades), None) => format!("{trades} trades"),
            _ => self.outcome.clone(),
        }
    }
}

impl Summary {
    /// The summary that a run's record keeps, if it is one.
    pub fn stored(text: Option<&str>) -> Option<Self> {
        text.and_then(|text| serde_json::from_str(text).ok())
    }

    /// The end of the job's run. Nothing to trade by is a normal end; one strategy that fails beside another that does not is
    /// counted. `stopped`: somebody ended it.
    pub fn end(&self, stopped: bool) -> JobEnd {
        let part = |s: &StrategyEnd| PartEnd {
            words: format!("{}: {}", s.strategy, s.brief()),
            failed: s.state == EndState::Failed,
            retry: s.retry,
        };
        let parts: Vec<PartEnd> = self.strategies.iter().map(part).collect();
        JobEnd::of_parts(&parts, stopped, serde_json::to_string(self).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(states: &[(EndState, bool)]) -> Summary {
        let end = |((state, retry), strategy): (&(EndState, bool), Strategy)| StrategyEnd {
            strategy,
            state: *state,
            run_id: None,
            outcome: format!("it is {state}"),
            trades: (*state == EndState::Done).then_some(7),
            sharpe: None,
            seconds: 1.0,
            retry: *retry,
        };
        Summary { strategies: states.iter().zip(Strategy::ALL).map(end).collect() }
    }

    #[test]
    fn nothing_to_trade_by_is_a_normal_end_and_one_failure_is_counted() {
        use EndState::{Cancelled, Done, Failed, Nothing};
        let end = |states: &[(EndState, bool)], stopped| ends(states).end(stopped);
        let JobEnd::Succeeded { failures: 0, note: Some(note), summary } = end(&[(Nothing, false), (Done, false)], false) else {
            panic!("both are normal ends")
        };
        assert_eq!(note, "turbomode: it is nothing; slipstream: 7 trades");
        assert_eq!(Summary::stored(summary.as_deref()), Some(ends(&[(Nothing, false), (Done, false)])));
        assert!(matches!(end(&[(Failed, true), (Done, false)], false), JobEnd::Succeeded { failures: 1, .. }));
        assert!(matches!(end(&[(Failed, true), (Failed, false)], false), JobEnd::Failed { retry: true, .. }));
        assert!(matches!(end(&[(Done, false), (Cancelled, false)], true), JobEnd::Cancelled { summary: Some(_) }));
    }
}
