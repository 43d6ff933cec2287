//! Ten thousand random nights, and the promises that hold on each of them.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::tests::{Night, TICK, done, failed, session};
use super::*;
use crate::config::{JobSettings, Overlap, ScheduleSettings};
use crate::job::JobEnd;
use crate::store::scheduler::{Job, JobState};

/// Something that happens on a random night.
#[derive(Clone, Debug)]
enum Happening {
    Tick(u8, u8, bool),
    Order(u8),
    Cancel(u8, bool),
    Ends(u8, u8),
    Passes(u16),
    Pause(u8),
    Resume(u8),
    Stop,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        4 => (0..6_u8, 0..12_u8, any::<bool>()).prop_map(|(j, t, m)| Happening::Tick(j, t, m)),
        2 => (0..6_u8).prop_map(Happening::Order),
        2 => (any::<u8>(), any::<bool>()).prop_map(|(r, now)| Happening::Cancel(r, now)),
        4 => (any::<u8>(), 0..6_u8).prop_map(|(r, how)| Happening::Ends(r, how)),
        4 => (0..4000_u16).prop_map(Happening::Passes),
        1 => (0..6_u8).prop_map(Happening::Pause),
        1 => (0..6_u8).prop_map(Happening::Resume),
    ]
}

fn rules() -> impl Strategy<Value = ScheduleSettings> {
    (1..4_u32, 0..3_u8, 0..4_u32, 0..3_u32).prop_map(|(slots, overlap, retries, pause)| {
        let overlap = [Overlap::Skip, Overlap::Buffer, Overlap::Replace][usize::from(overlap)];
        let change = |j: &JobSettings| JobSettings {
            overlap,
            retries,
            pause_after_failures: pause,
            needs: j.needs.clone(),
            after: j.after.clone(),
            ..JobSettings::default()
        };
        let mut r = ScheduleSettings { slots, ..ScheduleSettings::default() };
        for job in [&mut r.ingest, &mut r.scan, &mut r.backtest, &mut r.drift, &mut r.train, &mut r.maintenance] {
            *job = change(job);
        }
        r
    })
}

fn happen(n: &mut Night, what: &Happening) {
    let job = |j: u8| Job::ALL[usize::from(j)];
    let pick = |n: &Night, r: u8| n.working.iter().nth(usize::from(r) % n.working.len().max(1)).copied();
    match *what {
        Happening::Tick(j, t, missed) => {
            let at = TICK + i64::from(t) * 3600;
            n.board.tick(
                Tick { job: job(j), at, session: session(), not_before: (t % 3 == 0).then_some(at + 300), missed, skip: None },
                n.now,
            );
        }
        Happening::Order(j) => drop(n.order(job(j))),
        Happening::Cancel(r, now) => {
            let runs: Vec<i64> = n.board.active().map(|r| r.id).collect();
            if let Some(id) = runs.get(usize::from(r) % runs.len().max(1)) {
                n.board.cancel(*id, now, "test", n.now).unwrap();
            }
        }
        Happening::Ends(r, how) => {
            let Some(id) = pick(n, r) else { return };
            let end = match how {
                0 | 1 => done(),
                2 => failed(true),
                3 => failed(false),
                4 => BodyEnd::Panicked("bug".into()),
                _ => BodyEnd::Told(JobEnd::Cancelled { summary: None }),
            };
            n.end(id, end);
        }
        Happening::Passes(seconds) => drop(n.pass(seconds.into())),
        Happening::Pause(j) => n.board.pause(job(j), crate::store::scheduler::Pause { at: 0, by: "t".into(), reason: String::new() }),
        Happening::Resume(j) => drop(n.board.resume(job(j))),
        Happening::Stop => n.board.stop_all(n.now),
    }
    n.carry_out();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    // Night::apply checks at each start that no job works twice, and no more runs than slots.
    #[test]
    fn random_nights_keep_their_promises(rules in rules(), what in prop::collection::vec(happening(), 1..40), stop in any::<bool>()) {
        let mut n = Night::new(rules);
        for h in &what {
            happen(&mut n, h);
        }
        if stop {
            happen(&mut n, &Happening::Stop);
        }
        // The night goes on: bodies that were told to stop do, those dropped are gone, the others end well.
        for _ in 0..200 {
            if n.board.is_idle() {
                break;
            }
            n.pass(1900);
            for id in n.working.clone() {
                let dropped = n.aborted.contains(&id);
                n.end(id, if dropped { BodyEnd::Aborted } else { done() });
            }
        }
        prop_assert!(n.board.is_idle(), "a run never ended: {:?}", n.board.active().collect::<Vec<_>>());
        prop_assert!(n.stored.values().all(|r| r.state.ended() && r.ended_at.is_some()), "{:?}", n.stored);
        let started: BTreeMap<i64, usize> = n.told.iter().filter(|l| l.kind == "started").fold(BTreeMap::new(), |mut m, l| {
            *m.entry(l.run_id).or_default() += 1;
            m
        });
        prop_assert!(started.values().all(|&n| n == 1));
        for run in n.stored.values() {
            prop_assert_eq!(run.started_at.is_some(), started.contains_key(&run.id));
            prop_assert!(run.state != JobState::Skipped || run.started_at.is_none());
        }
    }
}
