//! Commands that find a running engine and let it do the work.

use std::io::{BufRead, BufReader, Read};

use chrono::{Days, Utc};
use nightdesk::store::master::{FolderLock, Reader, RunState};
use rustix::process::{Pid, Signal, kill_process};

use crate::desk::Desk;
use crate::process::{Daemon, get, holder, small, wait};

fn engine(desk: &Desk) -> serde_json::Value {
    let (code, status) = desk.json(&["--demo", "status", "--json"]);
    assert_eq!(code, Some(0), "{status}");
    status["engine"].clone()
}

/// Waits until the daemon's first fill is over.
fn at_rest(desk: &Desk) {
    wait("the end of the first fill", || {
        let status = desk.json(&["--demo", "status", "--json"]).1;
        (status["engine"]["active"].is_null() && status["last_run"]["state"] == "succeeded").then_some(())
    });
}

#[test]
fn the_status_tells_of_the_engine_while_one_runs() {
    let desk = small();
    assert!(engine(&desk).is_null());
    let mut daemon = Daemon::start(&desk);
    let seen = engine(&desk);
    assert_eq!(seen["boot_id"].as_str(), Some(holder(&desk).boot_id.as_str()), "{seen}");
    let mut watching = desk.command(&["--demo", "status", "--watch"]).spawn().unwrap();
    let mut first = [0; 64];
    watching.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    watching.kill().unwrap();
    watching.wait().unwrap();
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().0.code(), Some(0));
    assert!(engine(&desk).is_null());
}

#[test]
fn an_ingest_is_done_by_the_daemon_and_ends_with_the_runs_code() {
    let desk = small();
    let mut daemon = Daemon::start(&desk);
    at_rest(&desk);
    let (code, done) = desk.json(&["--demo", "ingest", "--symbols", "AAPL", "--json"]);
    assert_eq!((code, done["state"].as_str()), (Some(0), Some("succeeded")), "{done}");
    let planned = desk.ok(&["--demo", "ingest", "--dry-run"]);
    assert!(planned.contains("Would work on"), "{planned}");
    let unknown = desk.run(&["--demo", "issues", "resolve", "999", "--as", "fixed", "--note", "seen"]);
    assert!(unknown.code == Some(1) && unknown.err.contains("no data-quality finding 999"), "{unknown:?}");
    assert!(daemon.child.try_wait().unwrap().is_none());
}

#[test]
fn an_interrupt_of_an_attached_ingest_cancels_the_run_and_leaves_the_daemon() {
    let desk = small();
    let mut daemon = Daemon::start(&desk);
    at_rest(&desk);
    let mut child = desk.command(&["--demo", "ingest", "--refresh"]).spawn().unwrap();
    let reader = Reader::open(&desk.path("data-demo/market_data.db")).unwrap();
    let began = wait("a second run", || reader.runs(1).unwrap().first().filter(|r| r.id > 1).map(|r| r.state));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let code = child.wait().unwrap().code();
    // A run of a second may have come to its end before the signal did.
    assert!(matches!((began, code), (RunState::Running, Some(130)) | (_, Some(0))), "{began:?} {code:?} {said}");
    assert!(daemon.child.try_wait().unwrap().is_none());
    assert!(!engine(&desk).is_null());
}

#[test]
fn a_log_on_a_full_disk_stops_nothing_and_its_lost_lines_are_counted() {
    let desk = small();
    let logs = desk.path("data-demo/logs");
    std::fs::create_dir_all(&logs).unwrap();
    let today = Utc::now().date_naive();
    // Also tomorrow's, in case the test runs over midnight.
    for day in [today, today + Days::new(1)] {
        std::os::unix::fs::symlink("/dev/full", logs.join(format!("nightdesk.{day}.log"))).unwrap();
    }
    let mut daemon = Daemon::start(&desk);
    at_rest(&desk);
    let lost = wait("the count of lost lines", || {
        let metrics = get(&desk, "/metrics");
        let line = metrics.lines().find_map(|l| l.strip_prefix("nightdesk_log_lines_lost_total "))?.trim().parse::<u64>().ok()?;
        (line > 0).then_some(line)
    });
    let told = get(&desk, "/v1/logs?level=warn");
    assert!(told.contains("did not reach the file"), "{lost} lost: {told}");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().0.code(), Some(0));
}

#[test]
fn maintenance_is_done_by_the_daemon_and_is_a_run_on_record() {
    let desk = small();
    let mut daemon = Daemon::start(&desk);
    at_rest(&desk);
    let (code, done) = desk.json(&["--demo", "maintenance", "--json"]);
    assert_eq!((code, done["state"].as_str()), (Some(0), Some("succeeded")), "{done}");
    let (_, run) = desk.json(&["--demo", "runs", "show", &done["run"].to_string(), "--json"]);
    assert_eq!((run["job"].as_str(), run["actor"].as_str()), (Some("maintenance"), Some("cli")), "{run}");
    assert!(engine(&desk).is_object(), "the daemon is still there");
    daemon.signal(Signal::TERM);
    assert_eq!(daemon.ended().0.code(), Some(0));
}

#[test]
fn an_attached_maintenance_can_be_ended_when_its_daemon_is_gone() {
    let desk = small();
    let mut daemon = Daemon::start(&desk);
    at_rest(&desk);
    // The checkpoint waits for this, so the job does not end before its daemon does.
    let other = rusqlite::Connection::open(desk.path("data-demo/market_data.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut child = desk.command(&["--demo", "maintenance"]).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let first = said.next().unwrap();
    daemon.signal(Signal::KILL);
    daemon.ended();
    assert!(said.any(|line| line.contains("The daemon does not answer, waiting for it")), "after: {first}");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let rest: Vec<String> = said.collect();
    assert_eq!(child.wait().unwrap().code(), Some(1), "{rest:?}");
    assert!(rest.iter().any(|line| line.contains("could not be told to stop")), "{rest:?}");
}

#[test]
fn a_run_whose_engine_was_killed_is_shown_as_lost_before_the_next_one_starts() {
    let desk = small();
    let mut daemon = Daemon::start(&desk);
    at_rest(&desk);
    daemon.signal(Signal::KILL);
    daemon.ended();
    let record = rusqlite::Connection::open(desk.path("data-demo/scheduler.db")).unwrap();
    record.execute("UPDATE run SET state = 'running', ended_at = NULL WHERE id = 1", []).unwrap();
    let master = rusqlite::Connection::open(desk.path("data-demo/market_data.db")).unwrap();
    master.execute("UPDATE ingest_runs SET state = 'running', ended_at = NULL WHERE run_id = 1", []).unwrap();
    // An engine that is starting is no proof that the run's own one is gone.
    let starting = FolderLock::take(&desk.path("data-demo/market_data.db"), 0).unwrap();
    let (_, run) = desk.json(&["--demo", "runs", "show", "1", "--json"]);
    assert_eq!(run["state"].as_str(), Some("running"), "{run}");
    drop(starting);
    let (_, run) = desk.json(&["--demo", "runs", "show", "1", "--json"]);
    assert_eq!((run["state"].as_str(), run["error"].as_str()), (Some("lost"), Some("its engine ended")), "{run}");
    assert!(desk.ok(&["--demo", "runs", "list"]).contains("lost"));
    assert!(desk.ok(&["--demo", "status"]).contains("last run 1 lost (its engine ended)"));
}
