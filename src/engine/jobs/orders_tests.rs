//! What becomes of an order while a run of the same job is at work.

use super::tests::*;
use super::*;
use crate::job::JobEnd;
use crate::store::scheduler::{Job, JobState, Trigger};

fn order(n: &mut Night, busy: Busy) -> Result<(), String> {
    let order = Order { job: Job::Train, trigger: Trigger::Manual, actor: "test".into(), session: None, params: None };
    let answer = n.board.order(order, busy, n.now);
    n.carry_out();
    answer
}

#[test]
fn one_order_waits_behind_a_run_at_work_where_the_rules_say_so_and_no_second_one() {
    let mut n = Night::usual();
    order(&mut n, Busy::Queue).unwrap();
    assert_eq!(order(&mut n, Busy::Refuse), Err("run 1 is active: wait for it, or cancel it first".into()));
    order(&mut n, Busy::Queue).unwrap();
    assert_eq!(n.states(), [JobState::Running, JobState::Queued]);
    assert_eq!(order(&mut n, Busy::Queue), Err("run 2 waits for its turn already: wait for it, or cancel it first".into()));
    n.end(1, BodyEnd::Told(JobEnd::Cancelled { summary: None }));
    assert_eq!(n.states(), [JobState::Cancelled, JobState::Running]);
}
