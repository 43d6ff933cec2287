//! What the next process makes of what the last one left.

use super::tests::*;
use super::*;
use crate::job::JobEnd;
use crate::store::scheduler::{Job, JobState, Trigger};

/// A second process finds what the first left.
fn reboot(first: &Night, lost: &[i64], later: i64) -> Night {
    let mut second = Night::usual();
    second.now.wall += later;
    second.keys = first.keys.clone();
    second.stored = first.stored.clone();
    let mut found = Vec::new();
    for id in lost {
        let run = second.stored.get_mut(id).unwrap();
        (run.state, run.ended_at) = (JobState::Lost, Some(second.now.wall));
        found.push(run.clone());
    }
    for job in Job::ALL {
        let ended = second.stored.values().rev().filter(|r| r.job == job && r.state.ended()).cloned().collect();
        second.board.remember(job, ended, None, 0);
    }
    second.board.recover(&found, second.now);
    second.carry_out();
    second
}

#[test]
fn a_lost_run_of_the_schedule_is_run_again_and_one_of_a_person_is_not() {
    let mut first = Night::usual();
    first.tick(Job::Ingest, TICK);
    let second = reboot(&first, &[1], 600);
    let run = &second.stored[&2];
    assert_eq!((run.state, run.trigger, run.attempt, run.session), (JobState::Running, Trigger::Recovery, 2, session()));
    let too_late = reboot(&first, &[1], 100 * 3600);
    assert_eq!((too_late.states(), too_late.board.failures(Job::Ingest)), (vec![JobState::Lost], 1));

    let mut first = Night::usual();
    first.order(Job::Ingest).unwrap();
    assert_eq!(reboot(&first, &[1], 600).states(), [JobState::Lost]);
}

#[test]
fn a_job_that_kills_its_process_is_not_run_for_ever() {
    let mut night = Night::usual();
    night.tick(Job::Maintenance, TICK);
    let mut boots = 0;
    while night.board.active().next().is_some() {
        let last = *night.stored.keys().last().unwrap();
        night = reboot(&night, &[last], 60);
        boots += 1;
    }
    assert_eq!(boots, 2, "one more chance, then it is over");
}

#[test]
fn a_stop_of_the_engine_is_no_failure_and_the_next_start_takes_the_run_up() {
    let mut first = Night::usual();
    first.tick(Job::Ingest, TICK).tick(Job::Scan, TICK);
    first.board.stop_all(first.now);
    first.carry_out();
    assert_eq!(first.stops, [(1, true)]);
    first.end(1, BodyEnd::Told(JobEnd::Cancelled { summary: None }));
    assert!(first.board.is_idle());
    assert_eq!(first.states(), [JobState::Cancelled, JobState::Cancelled]);
    let second = reboot(&first, &[], 60);
    assert_eq!(second.states()[2..], [JobState::Running, JobState::Queued]);
}

#[test]
fn a_part_that_a_person_asked_for_does_not_hide_the_tick_that_was_cut_short() {
    let after = |session, params: Option<&str>| {
        let mut first = Night::usual();
        first.tick(Job::Ingest, TICK);
        first.board.stop_all(first.now);
        first.carry_out();
        first.end(1, BodyEnd::Told(JobEnd::Cancelled { summary: None }));
        // A single command, which does not follow the schedule, is the next process.
        first.board.stopping = false;
        first.ask(Job::Ingest, session, params).unwrap();
        first.end(2, done());
        reboot(&first, &[], 130 * 60)
    };
    let part = after(None, Some("{}"));
    assert_eq!((part.state(3), part.stored[&3].trigger), (JobState::Running, Trigger::Recovery));
    assert_eq!(part.board.late(Job::Ingest), Some(TICK + 120 * 60));
    let whole = after(session(), None);
    assert_eq!((whole.states().len(), whole.board.late(Job::Ingest)), (2, None), "its work is done");
}

#[test]
fn a_stop_of_the_engine_uses_up_no_retry() {
    let mut night = Night::usual();
    night.tick(Job::Ingest, TICK);
    for boot in 1..=5 {
        night.board.stop_all(night.now);
        night.carry_out();
        night.end(boot, BodyEnd::Told(JobEnd::Cancelled { summary: None }));
        night = reboot(&night, &[], 60);
        assert_eq!(night.state(boot + 1), JobState::Running, "boot {boot}");
    }
    night.end(6, failed(true));
    assert_eq!((night.state(7), night.stored[&7].trigger), (JobState::Queued, Trigger::Retry));
    // The process dies before its pause is over.
    let night = reboot(&night, &[7], 0);
    assert_eq!((night.state(7), night.state(8)), (JobState::Lost, JobState::Running));
}
