//! A daemon killed at random moments under a running ingest and a schedule.

use std::time::Duration;

use nightdesk::engine::SCHEDULER_DATABASE;
use nightdesk::store::master::Reader;
use nightdesk::store::scheduler::{JobState, RunFilter, SchedulerReader};
use rustix::process::Signal;

use crate::process::{Daemon, SETTINGS, small, wait};

/// Split-mix: the same moments in every run of the test.
fn moment(seed: &mut u64, below: Duration) -> Duration {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    below.mul_f64((z >> 11) as f64 / (1_u64 << 53) as f64)
}

/// `NIGHTDESK_KILLS=100 cargo test --test daemon killed_at -- --nocapture` is the long run.
#[test]
fn killed_at_any_moment_it_comes_back_sound_and_no_run_is_left_hanging_or_doubled() {
    let kills: u32 = std::env::var("NIGHTDESK_KILLS").map_or(4, |n| n.parse().unwrap());
    let desk = small();
    // A tick a minute, and lost runs are queued again at the start: there is always something at work.
    let schedule = "\n[schedule.ingest]\ncron = \"* * * * *\"\ntrading_days = false\nretries = 10\nretry_delay_s = 1\n";
    desk.write("config/nightdesk.toml", format!("{SETTINGS}{schedule}"));
    let data = desk.path("data-demo");
    let mut seed = 20_261_122;
    for kill in 1..=kills {
        let mut daemon = Daemon::start(&desk);
        let mut asking = desk.command(&["--demo", "ingest", "--refresh"]).spawn().unwrap();
        std::thread::park_timeout(moment(&mut seed, Duration::from_millis(1_500)));
        daemon.child.kill().unwrap();
        // It would wait for the daemon for ever.
        asking.kill().unwrap();
        asking.wait().unwrap();
        assert_eq!(daemon.ended().0.code(), None);
        let verified = desk.run(&["--demo", "verify"]);
        assert_eq!(verified.code, Some(0), "kill {kill}: {verified:?}");
    }
    let mut last = Daemon::start(&desk);
    let boot = crate::process::holder(&desk).boot_id;
    let runs = || SchedulerReader::open(&data.join(SCHEDULER_DATABASE)).unwrap().runs(RunFilter::default(), 1_000).unwrap();
    wait("an ingest that goes through", || runs().iter().any(|r| r.state == JobState::Succeeded).then_some(()));
    let all = runs();
    let hanging: Vec<_> = all.iter().filter(|r| !r.state.ended() && r.boot_id != boot && r.started_at.is_some()).collect();
    assert!(hanging.is_empty(), "{hanging:?}");
    let mut ticks: Vec<_> = all.iter().filter_map(|r| Some((r.job, r.scheduled_for?, r.attempt))).collect();
    let n = ticks.len();
    ticks.sort_unstable();
    ticks.dedup();
    assert_eq!(ticks.len(), n, "a tick ran twice: {all:?}");
    last.signal(Signal::TERM);
    assert_eq!(last.ended().0.code(), Some(0));
    let verified = desk.ok(&["--demo", "verify"]);
    assert!(verified.contains("Sound"), "{verified}");
    let rows: u64 = Reader::open(&data.join("market_data.db")).unwrap().series_states().unwrap().iter().map(|s| s.rows).sum();
    println!("kills {kills}: {} runs on record, {n} of ticks, {rows} bars, nothing torn, hanging or doubled", all.len());
}
