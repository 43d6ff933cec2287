//! Start, signals, end.

use std::time::Duration;

use nightdesk::store::master::{Holder, Reader, Role, RunState};
use rusqlite::Connection;
use rustix::process::Signal;

use crate::desk::Desk;
use crate::process::{Daemon, holder, logged, small, wait};

fn database(desk: &Desk) -> std::path::PathBuf {
    desk.path("data-demo/market_data.db")
}

/// Waits until the daemon's first fill has stored bars.
fn at_work(desk: &Desk) {
    wait("a running ingest", || {
        let reader = Reader::open(&database(desk)).ok()?;
        let rows: u64 = reader.series_states().ok()?.iter().map(|s| s.rows).sum();
        (rows > 0 && reader.runs(1).ok()?.first()?.state == RunState::Running).then_some(())
    });
}

/// Holds the master database's write lock, as a foreign program could: the writer then waits for up to 5 s.
fn stuck(desk: &Desk) -> Connection {
    let foreign = Connection::open(database(desk)).unwrap();
    wait("the write lock", || foreign.execute_batch("BEGIN IMMEDIATE").ok());
    foreign
}

#[test]
fn a_daemon_is_found_through_its_lock_file_and_keeps_others_out() {
    let desk = small();
    let mut daemon = Daemon::start(&desk);
    let held = holder(&desk);
    assert_eq!((held.pid, held.role, held.ended_at), (daemon.child.id(), Role::Daemon, None));
    assert!(!held.boot_id.is_empty() && held.version == env!("CARGO_PKG_VERSION"), "{held:?}");
    let before = logged(&desk, "The daemon is ready").out;
    let second = desk.run(&["--demo", "--daemon"]);
    let named = format!("is held by process {}, a daemon of version", held.pid);
    assert!(second.code == Some(1) && second.err.matches(&named).count() == 1, "{second:?}");
    assert!(second.err.contains("`nightdesk status`"), "{second:?}");
    let after = logged(&desk, "The daemon is ready").out;
    assert!(!after[before.len()..].contains("is held by"), "the log is the first one's: {after}");
    daemon.signal(Signal::TERM);
    daemon.wait_for("STOPPING=1");
    assert_eq!(daemon.ended().0.code(), Some(0));
    let left = holder(&desk);
    assert!(left.ended_at.is_some() && left.boot_id == held.boot_id, "{left:?}");
}

#[test]
fn a_polite_end_under_load_takes_no_five_seconds_and_the_next_start_finds_everything_closed() {
    let desk = small();
    let mut daemon = Daemon::start(&desk);
    at_work(&desk);
    daemon.signal(Signal::TERM);
    let (status, took) = daemon.ended();
    assert!(status.code() == Some(0) && took < Duration::from_secs(5), "{status} after {took:?}: {}", daemon.said());
    let mut next = Daemon::start(&desk);
    next.signal(Signal::INT);
    assert_eq!(next.ended().0.code(), Some(0));
    let log = logged(&desk, "Stopped").out;
    assert!(!log.contains("did not end cleanly") && !log.contains("was cut off"), "{log}");
}

#[test]
fn a_killed_daemon_leaves_no_stale_lock_and_its_database_is_checked_before_the_next_run() {
    let desk = small();
    let mut daemon = Daemon::start(&desk);
    at_work(&desk);
    daemon.child.kill().unwrap();
    assert_eq!(daemon.ended().0.code(), None);
    assert_eq!(holder(&desk).ended_at, None);
    let mut next = Daemon::start(&desk);
    let log = logged(&desk, "the database was checked and is sound").out;
    assert!(log.contains("An earlier run was cut off"), "{log}");
    next.signal(Signal::TERM);
    assert_eq!(next.ended().0.code(), Some(0));
}

#[test]
fn a_second_signal_ends_it_at_once_and_what_hangs_is_left_after_five_seconds() {
    let desk = small();
    let mut daemon = Daemon::start(&desk);
    at_work(&desk);
    let foreign = stuck(&desk);
    daemon.signal(Signal::TERM);
    daemon.wait_for("STOPPING=1");
    daemon.signal(Signal::TERM);
    let (status, took) = daemon.ended();
    assert!(status.code() == Some(130) && took < Duration::from_secs(1), "{status} after {took:?}");
    drop(foreign);

    let mut daemon = Daemon::start(&desk);
    let foreign = stuck(&desk);
    daemon.signal(Signal::TERM);
    let (status, took) = daemon.ended();
    assert!(status.code() == Some(1) && took < Duration::from_secs(5) + Duration::from_millis(500), "{status} after {took:?}");
    drop(foreign);
    let mut next = Daemon::start(&desk);
    next.signal(Signal::TERM);
    assert_eq!(next.ended().0.code(), Some(0));
}

#[test]
fn a_stop_ends_a_start_that_waits() {
    for (signal, name) in [(Signal::TERM, "TERM"), (Signal::INT, "INT")] {
        let desk = small();
        let path = database(&desk);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // Held by a foreign program from the first byte on: the start waits for it for up to 5 s.
        let foreign = Connection::open(&path).unwrap();
        foreign.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let mut daemon = Daemon::spawn(&desk, &["--demo", "--daemon"], &[]);
        let pid = daemon.child.id();
        // It takes the folder before it opens the file, and listens to signals before that.
        wait("the start", || Holder::of(&path).filter(|h| h.pid == pid));
        daemon.signal(signal);
        let (status, took) = daemon.ended();
        assert!(status.code() == Some(0) && took < Duration::from_secs(1), "{status} after {took:?}: {}", daemon.said());
        drop(foreign);
        let log = logged(&desk, "Stopped while starting").out;
        assert!(log.contains(&format!("signal={name}")) && !log.contains("The daemon is ready"), "{log}");
    }
}

#[test]
fn the_watchdog_hears_nothing_while_the_writer_hangs() {
    let desk = small();
    let mut daemon = Daemon::start_with(&desk, &["--demo", "--daemon"], &[("WATCHDOG_USEC", "400000")]);
    daemon.wait_for("WATCHDOG=1");
    at_work(&desk);
    let foreign = stuck(&desk);
    logged(&desk, "the database writer gives no sign of life; no word to the watchdog");
    drop(foreign);
    logged(&desk, "The engine answers again");
    daemon.wait_for("WATCHDOG=1");
}

#[test]
fn a_hangup_reads_the_configuration_again_and_says_so_with_the_time() {
    let desk = small();
    let mut daemon = Daemon::start(&desk);
    daemon.signal(Signal::HUP);
    let told = daemon.wait_for("RELOADING=1");
    let stamp = told.lines().find_map(|l| l.strip_prefix("MONOTONIC_USEC=")).and_then(|n| n.parse::<u64>().ok());
    assert!(stamp.is_some_and(|n| n > 0), "{told}");
    daemon.wait_for("READY=1");
}

#[test]
fn the_state_goes_to_the_log_on_request() {
    let desk = small();
    let daemon = Daemon::start(&desk);
    daemon.signal(Signal::USR1);
    let log = logged(&desk, "State of a source").out;
    assert!(log.contains(&format!("epoch={}", holder(&desk).boot_id)), "{log}");
    drop(daemon);
}

/// A daemon on a disk of a few MiB, where this machine lets a user make one: its first fill meets the end of the disk.
#[test]
fn a_full_disk_fails_the_run_and_not_the_daemon() {
    let desk = small();
    let settings = crate::process::SETTINGS.replace("disk_floor_mib = 16", "disk_floor_mib = 0").replace("\"4d\"", "\"28d\"");
    desk.write("config/nightdesk.toml", settings);
    let data = desk.path("data-demo");
    std::fs::create_dir_all(&data).unwrap();
    // The status is asked until the run has ended and its alert is up (the run's row is stored a moment before the owner
    // hears of the end); the daemon must still be there to be stopped politely.
    let script = format!(
        "mount -t tmpfs -o size=6m none {} || exit 77
         $BIN --demo --daemon & pid=$!
         for i in $(seq 600); do
             case $($BIN --demo status) in *' failed, '*'NEEDS YOU'*) break;; esac
             sleep 0.1
         done
         $BIN --demo status
         kill -TERM $pid; wait $pid; echo code $?; $BIN --demo verify",
        data.display()
    );
    let mut inside = std::process::Command::new("unshare");
    inside.args(["-rm", "sh", "-c", &script]).env("BIN", env!("CARGO_BIN_EXE_nightdesk")).env("HOME", desk.dir.path());
    inside.env("NIGHTDESK_CONFIG_DIR", desk.path("config")).env("NIGHTDESK_DATA_DIR", desk.path("data"));
    let Some(ran) = inside.output().ok().filter(|r| r.status.success()) else {
        println!("skipped: no private file system can be mounted here");
        return;
    };
    let out = String::from_utf8(ran.stdout).unwrap();
    let err = String::from_utf8_lossy(&ran.stderr);
    assert!(out.contains("NEEDS YOU") && out.contains("disk"), "{out} {err}");
    assert!(out.contains("Sound"), "{out} {err}");
    // On a disk without a free byte the lock file cannot say that all was closed; either is an end in time.
    assert!(out.contains("code 0") || out.contains("code 1"), "{out} {err}");
}
