//! Which of several reasons for an end is told.

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
