use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use tokio::time::sleep;

use super::*;

/// Between two messages, where fewer than ten a second are allowed.
const SPREAD: Duration = Duration::from_millis(100);

fn limits() -> Limits {
    Limits { messages_per_second: 8, in_flight_start: 3, in_flight_max: 6, burst: 3, ..Limits::default() }
}

fn ask(con_id: i32, identity: u64) -> Ask {
    Ask { burst: Some(Burst { con_id, route: 0 }), identity: Some(identity) }
}

fn paused<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(future)
}

/// One request of a random load: when it arrives, for what, how long it takes, how it ends.
type Load = (u64, i32, u64, u64, u8);

async fn run_load(load: Vec<Load>) -> (Vec<(Instant, i32, u64)>, u32, u32) {
    let pacer = Arc::new(Pacer::new(limits()));
    let (open, most) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let mut tasks = Vec::new();
    for (arrive, con_id, identity, takes, end) in load {
        let (pacer, open, most) = (pacer.clone(), open.clone(), most.clone());
        tasks.push(tokio::spawn(async move {
            sleep(Duration::from_millis(arrive)).await;
            let permit = pacer.acquire(&ask(con_id, identity)).await;
            let at = Instant::now();
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            sleep(Duration::from_millis(takes)).await;
            open.fetch_sub(1, Ordering::SeqCst);
            match end {
                0 => permit.finish(Feedback::TimedOut),
                1 => drop(permit),
                2 => permit.finish(Feedback::TooFast),
                _ => permit.finish(Feedback::Answered),
            }
            (at, con_id, identity)
        }));
    }
    let mut sent = Vec::new();
    for t in tasks {
        sent.push(t.await.unwrap());
    }
    sent.sort_by_key(|s| s.0);
    (sent, most.load(Ordering::SeqCst), pacer.gauge().in_flight)
}

fn most_within(times: &[Instant], window: Duration) -> usize {
    times.iter().enumerate().map(|(i, t)| times[i..].iter().take_while(|u| **u < *t + window).count()).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]
    #[test]
    fn no_rule_is_ever_broken(load in prop::collection::vec((0_u64..3_000, 0_i32..4, 0_u64..30, 1_u64..900, 0_u8..40), 1..90)) {
        let count = load.len();
        let (sent, most, left) = paused(run_load(load));
        prop_assert_eq!(sent.len(), count, "every request is sent in the end");
        prop_assert!(most <= 6 && left == 0, "most {} left {}", most, left);
        let times: Vec<_> = sent.iter().map(|s| s.0).collect();
        prop_assert!(most_within(&times, Duration::from_secs(1)) <= 8);
        prop_assert!(most_within(&times, Duration::from_millis(100)) <= 1, "the second's messages are spread over it");
        for con_id in 0..4 {
            let one: Vec<_> = sent.iter().filter(|s| s.1 == con_id).map(|s| s.0).collect();
            prop_assert!(most_within(&one, Duration::from_secs(2)) <= 3);
        }
        for identity in 0..30 {
            let one: Vec<_> = sent.iter().filter(|s| s.2 == identity).map(|s| s.0).collect();
            prop_assert!(one.windows(2).all(|p| p[1] - p[0] >= Duration::from_secs(15)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_penalty_is_honoured_doubles_and_decays() {
    let pacer = Pacer::new(limits());
    let started = Instant::now();
    let wait = async |id: u64| {
        let p = pacer.acquire(&ask(id as i32, id)).await;
        (p, Instant::now() - started)
    };
    let (first, _) = wait(1).await;
    let (second, _) = wait(2).await;
    first.finish(Feedback::TooFast);
    second.finish(Feedback::TooFast);
    assert_eq!(pacer.gauge().penalty, Some(Duration::from_secs(30)), "two errors of one burst are one offence");
    let (p, at) = wait(3).await;
    assert_eq!(at, SPREAD + Duration::from_secs(30));
    p.finish(Feedback::TooFast);
    let (p, at) = wait(4).await;
    assert_eq!(at, SPREAD + Duration::from_secs(30 + 60));
    sleep(Duration::from_mins(5)).await;
    drop(p);
    let (p, _) = wait(5).await;
    p.finish(Feedback::TooFast);
    assert_eq!(pacer.gauge().penalty, Some(Duration::from_secs(30)), "five minutes of peace undo the doublings");
}

#[tokio::test(start_paused = true)]
async fn the_penalty_has_a_ceiling() {
    let pacer = Pacer::new(limits());
    for _ in 0..8 {
        let p = pacer.acquire(&Ask { burst: None, identity: None }).await;
        p.finish(Feedback::TooFast);
    }
    assert_eq!(pacer.gauge().penalty, Some(Duration::from_mins(5)));
}

#[tokio::test(start_paused = true)]
async fn slots_grow_by_one_a_round_and_halve_once_an_incident() {
    let pacer = Pacer::new(Limits { in_flight_start: 4, in_flight_max: 6, ..Limits::default() });
    let free = Ask { burst: None, identity: None };
    let mut round = Vec::new();
    for _ in 0..4 {
        round.push(pacer.acquire(&free).await);
    }
    assert_eq!(pacer.gauge().in_flight, 4);
    for p in round.drain(..) {
        p.finish(Feedback::Answered);
    }
    assert_eq!(pacer.gauge().limit, 5);
    for _ in 0..5 {
        round.push(pacer.acquire(&free).await);
    }
    sleep(Duration::from_millis(10)).await;
    for p in round.drain(..) {
        p.finish(Feedback::TimedOut);
    }
    assert_eq!(pacer.gauge().limit, 2, "five time-outs of one outage halve once");
    for _ in 0..40 {
        pacer.acquire(&free).await.finish(Feedback::Answered);
    }
    assert_eq!(pacer.gauge().limit, 6, "the ceiling holds");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_waiter_takes_nothing() {
    let pacer = Pacer::new(Limits { in_flight_start: 1, in_flight_max: 1, ..Limits::default() });
    let free = Ask { burst: None, identity: None };
    let held = pacer.acquire(&free).await;
    assert!(tokio::time::timeout(Duration::from_secs(1), pacer.acquire(&free)).await.is_err());
    drop(held);
    assert_eq!(pacer.gauge().in_flight, 0);
    let _again = pacer.acquire(&free).await;
}

#[tokio::test(start_paused = true)]
async fn pings_pass_full_slots_but_not_the_message_rate() {
    let pacer = Pacer::new(Limits { in_flight_start: 1, in_flight_max: 1, messages_per_second: 2, ..Limits::default() });
    let started = Instant::now();
    let _held = pacer.acquire(&Ask { burst: None, identity: None }).await;
    pacer.message().await;
    assert_eq!(Instant::now() - started, SPREAD);
    pacer.message().await;
    assert_eq!(Instant::now() - started, Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn error_100_closes_the_gate() {
    let pacer = Pacer::new(Limits::default());
    pacer.strike();
    assert_eq!(pacer.gauge(), Gauge { in_flight: 0, limit: 3, penalty: Some(Duration::from_secs(30)), admitted: 0 });
}
