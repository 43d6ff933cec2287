//! A console whose drift stands somewhere.

use std::sync::Arc;

use nightdesk::console::{App, Effect, Msg, Slot};
use nightdesk::engine::{JobView, Query, Reply, Snapshot};
use nightdesk::market::Strategy;
use nightdesk::scan::views::{SignalsPage, SignalsView};
use nightdesk::store::scheduler::Job;

use crate::console_desk;
use crate::console_fixture::drift::{self, Night, day};
use crate::console_fixture::{NOW, Scene, answer, app, snapshot};

/// Sizes at which screens differ.
pub const SIZES: [(u16, u16); 4] = [(120, 40), (80, 24), (200, 60), (60, 15)];

/// All ways in which drift stands.
pub const NIGHTS: [Night; 7] =
    [Night::Episode, Night::Quiet, Night::Halted, Night::Few, Night::Uncalibrated, Night::Unlooked, Night::Untrained];

/// A strategy that was never scanned.
fn unscanned(strategy: Strategy) -> SignalsView {
    SignalsView::unscanned(strategy, "No signals: nothing is trained yet, and no scan was made.")
}

/// A quiet desk whose drift stands there, with a look planned for the night.
pub fn snap(night: Night) -> Snapshot {
    let base = snapshot(Scene::Idle);
    let mut jobs: Vec<JobView> = base.jobs.to_vec();
    let job = jobs.iter_mut().find(|j| j.job == Job::Drift).unwrap();
    (job.missing, job.next, job.next_session) = (None, Some(NOW + 29_580), Some(day(11, 23)));
    let drift = vec![drift::view(Strategy::Turbomode, night), drift::view(Strategy::Slipstream, Night::Untrained)];
    let signals = if night == Night::Untrained { Arc::new(Strategy::ALL.map(unscanned).to_vec()) } else { base.signals.clone() };
    Snapshot { seq: 5_000, drift: Arc::new(drift), signals, jobs: Arc::new(jobs), ..base }
}

/// Answers what is asked about drift as the night has it, and the rest as a quiet engine does.
fn reply(desk: &mut App, night: Night, effect: Effect) {
    let (slot, generation, result) = match effect {
        Effect::Query { slot: Slot::Drift, generation, query: Query::Drift { strategy } } => {
            (Slot::Drift, generation, Ok(Reply::Drift(Box::new(drift::page(strategy, night)))))
        }
        Effect::Query { slot: Slot::Subject, generation, query: Query::Subject { strategy, subject } } => {
            let detail = drift::detail(strategy, night, &subject).filter(|_| strategy == Strategy::Turbomode);
            let result = detail.map(|d| Reply::Subject(Box::new(d))).ok_or_else(|| format!("{strategy} watches no {subject}"));
            (Slot::Subject, generation, result)
        }
        Effect::Query { slot: Slot::Signals, generation, query: Query::Signals { strategy, .. } } if night == Night::Untrained => {
            let page = SignalsPage { view: unscanned(strategy), signals: Vec::new(), scanned: Vec::new() };
            (Slot::Signals, generation, Ok(Reply::Signals(Box::new(page))))
        }
        other => return answer(desk, Scene::Idle, vec![other]),
    };
    desk.update(Msg::Answer { slot, generation, result }, &mut Vec::new());
}

pub fn press(desk: &mut App, night: Night, keys: &str) -> Vec<Effect> {
    console_desk::press(desk, keys, |desk, asked| reply(desk, night, asked))
}

pub fn desk(night: Night, keys: &str) -> App {
    let mut desk = app(Scene::Idle);
    desk.update(Msg::Snapshot(Arc::new(snap(night))), &mut Vec::new());
    press(&mut desk, night, keys);
    desk
}
