//! Which of several reasons for an end is told, and what an end means to others.

use super::tests::*;
use super::*;
use crate::store::scheduler::{Job, JobState};

#[test]
fn what_a_body_found_is_heard_also_when_it_was_told_to_stop_meanwhile() {
    let mut n = Night::usual();
    n.tick(Job::Maintenance, TICK).pass(30 * 60).end(1, failed(false));
    assert_eq!((n.states(), n.error(1)), (vec![JobState::Failed], "no source answers"));
    assert_eq!(n.board.failures(Job::Maintenance), 1);

    n.order(Job::Maintenance).unwrap();
    assert_eq!(n.board.cancel(2, false, "ann", n.now), Ok(Stopping::Told));
    n.end(2, failed(false));
    assert_eq!((n.state(2), n.error(2)), (JobState::Failed, "no source answers"));

    n.order(Job::Maintenance).unwrap();
    assert_eq!(n.board.cancel(3, false, "ann", n.now), Ok(Stopping::Told));
    n.end(3, failed(true));
    assert_eq!((n.state(3), n.error(3)), (JobState::Cancelled, "cancelled by ann"), "the stop itself may have failed it");
}

#[test]
fn a_need_is_met_by_a_run_as_wide_as_a_tick_and_by_no_part_of_it() {
    const PART: &str = r#"{"symbols":["AAPL"],"timeframes":[],"lookback":null,"source":null,"refresh_facets":false}"#;
    const ALL: &str = r#"{"symbols":[],"timeframes":[],"lookback":null,"source":"yahoo","refresh_facets":true}"#;
    for (params, scan) in
        [(Some(PART), JobState::Skipped), (Some("{}x"), JobState::Skipped), (Some(ALL), JobState::Running), (None, JobState::Running)]
    {
        let mut n = Night::usual();
        n.ask(Job::Ingest, session(), params).unwrap();
        n.end(1, done()).tick(Job::Scan, TICK);
        assert_eq!(n.state(2), scan, "{params:?}: {}", n.error(2));
    }
    // The needed job has no sessions: what counts is its last whole run, before and after a part.
    let mut n = with(|s| s.ingest.trading_days = false);
    n.ask(Job::Ingest, None, Some(PART)).unwrap();
    n.end(1, done()).tick(Job::Scan, TICK);
    assert_eq!((n.state(2), n.error(2)), (JobState::Skipped, "it needs ingest, which has not run yet"));
    n.tick(Job::Ingest, TICK).end(3, done());
    n.ask(Job::Ingest, None, Some(PART)).unwrap();
    n.end(4, failed(false)).tick(Job::Scan, TICK + 86_400);
    assert_eq!(n.state(5), JobState::Running);
}
