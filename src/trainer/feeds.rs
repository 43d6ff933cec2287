//! What the trainer shows: the last training run of each strategy, and which models serve. Both keep the newest only.

use std::sync::Arc;

use tokio::sync::watch;

use crate::train::progress::{Standing, TrainingView};

/// Both feeds.
pub(super) struct Feeds {
    trainings: watch::Sender<Arc<Vec<TrainingView>>>,
    standings: watch::Sender<Arc<Vec<Standing>>>,
}

impl Default for Feeds {
    fn default() -> Self {
        Self { trainings: watch::Sender::new(Arc::default()), standings: watch::Sender::new(Arc::default()) }
    }
}

impl Feeds {
    pub fn trainings(&self) -> watch::Receiver<Arc<Vec<TrainingView>>> {
        self.trainings.subscribe()
    }

    pub fn standings(&self) -> watch::Receiver<Arc<Vec<Standing>>> {
        self.standings.subscribe()
    }

    /// Shows a training run in place of the one of the same strategy.
    pub fn show(&self, view: TrainingView) {
        self.trainings.send_modify(|all| put(Arc::make_mut(all), view, |v| v.strategy));
    }

    /// Changes what is shown of a run, if it is the one that is shown.
    pub fn change(&self, of: impl Fn(&TrainingView) -> bool, change: impl FnOnce(&mut TrainingView)) {
        self.trainings.send_if_modified(|all| {
            let Some(at) = all.iter().position(&of) else { return false };
            change(&mut Arc::make_mut(all)[at]);
            true
        });
    }

    /// Shows how a strategy stands, if that is new.
    pub fn stand(&self, standing: Standing) {
        self.standings.send_if_modified(|all| {
            let new = !all.contains(&standing);
            if new {
                put(Arc::make_mut(all), standing, |s| s.strategy);
            }
            new
        });
    }
}

/// Puts `one` in the place of its strategy's; strategies stay in order of reports.
fn put<T>(all: &mut Vec<T>, one: T, strategy: impl Fn(&T) -> crate::market::Strategy) {
    all.retain(|other| strategy(other) != strategy(&one));
    all.push(one);
    all.sort_by_key(|one| strategy(one));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::Strategy;

    #[test]
    fn each_strategy_has_one_place_and_nothing_new_wakes_nobody() {
        let feeds = Feeds::default();
        let mut seen = feeds.standings();
        Strategy::ALL.into_iter().rev().for_each(|s| feeds.stand(Standing::untrained(s)));
        let shown: Vec<_> = seen.borrow_and_update().iter().map(|s| s.strategy).collect();
        assert_eq!(shown, Strategy::ALL);
        feeds.stand(Standing::untrained(Strategy::Turbomode));
        assert!(!seen.has_changed().unwrap());
        feeds.stand(Standing { words: "model 4 is champion".into(), ..Standing::untrained(Strategy::Turbomode) });
        let shown: Vec<_> = seen.borrow_and_update().iter().map(|s| s.words.clone()).collect();
        assert_eq!(shown, ["model 4 is champion", "no champion: nothing was trained yet"]);
    }
}
