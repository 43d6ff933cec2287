//! What the watcher shows: of each strategy the newest scan and the newest drift. Both keep the newest only.

use std::sync::Arc;

use tokio::sync::watch;

use crate::drift::views::DriftView;
use crate::market::Strategy;
use crate::scan::views::SignalsView;

/// Both feeds.
pub(super) struct Feeds {
    drift: watch::Sender<Arc<Vec<DriftView>>>,
    signals: watch::Sender<Arc<Vec<SignalsView>>>,
}

impl Default for Feeds {
    fn default() -> Self {
        Self { drift: watch::Sender::new(Arc::default()), signals: watch::Sender::new(Arc::default()) }
    }
}

impl Feeds {
    pub fn drift(&self) -> watch::Receiver<Arc<Vec<DriftView>>> {
        self.drift.subscribe()
    }

    pub fn signals(&self) -> watch::Receiver<Arc<Vec<SignalsView>>> {
        self.signals.subscribe()
    }

    /// Shows the drift of a strategy, if that is new.
    pub fn show_drift(&self, view: DriftView) {
        self.drift.send_if_modified(|all| put(all, view, |v| v.strategy));
    }

    /// Shows the signals of a strategy, if they are new.
    pub fn show_signals(&self, view: SignalsView) {
        self.signals.send_if_modified(|all| put(all, view, |v| v.strategy));
    }
}

/// Puts `one` in the place of its strategy's, if it differs; strategies stay in order of reports.
fn put<T: Clone + PartialEq>(all: &mut Arc<Vec<T>>, one: T, strategy: impl Fn(&T) -> Strategy) -> bool {
    let new = !all.contains(&one);
    if new {
        let all = Arc::make_mut(all);
        all.retain(|other| strategy(other) != strategy(&one));
        all.push(one);
        all.sort_by_key(|one| strategy(one));
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_strategy_has_one_place_and_nothing_new_wakes_nobody() {
        let feeds = Feeds::default();
        let mut seen = feeds.signals();
        Strategy::ALL.into_iter().rev().for_each(|s| feeds.show_signals(SignalsView::unscanned(s, "none")));
        let shown = |seen: &mut watch::Receiver<Arc<Vec<SignalsView>>>| {
            seen.borrow_and_update().iter().map(|v| (v.strategy, v.words.clone())).collect::<Vec<_>>()
        };
        assert_eq!(shown(&mut seen), Strategy::ALL.map(|s| (s, "none".to_owned())));
        feeds.show_signals(SignalsView::unscanned(Strategy::Turbomode, "none"));
        assert!(!seen.has_changed().unwrap());
        feeds.show_signals(SignalsView::unscanned(Strategy::Turbomode, "2 signals"));
        assert_eq!(shown(&mut seen)[0].1, "2 signals");
    }
}
