//! A running daemon whose configuration changes.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;

use crate::desk::Desk;
use crate::process::{Daemon, SETTINGS, get, holder, logged, small, wait};

/// The audit, oldest first: actor, key, old, new.
fn audit(desk: &Desk) -> Vec<[String; 4]> {
    let (_, listed) = desk.json(&["--demo", "config", "audit", "--json"]);
    let text = |c: &serde_json::Value, field: &str| c[field].as_str().unwrap_or_default().to_owned();
    let row = |c: &serde_json::Value| ["actor", "key", "old", "new"].map(|f| text(c, f));
    listed["changes"].as_array().unwrap().iter().rev().map(row).collect()
}

/// What the engine says needs a person, about the configuration.
fn needs(desk: &Desk) -> Option<String> {
    let answer = get(desk, "/v1/state");
    let state: serde_json::Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
    let alerts = state["alerts"].as_array().unwrap();
    alerts.iter().find(|a| a["key"] == "config").map(|a| a["text"].as_str().unwrap().to_owned())
}

fn edit(desk: &Desk, more: &str) {
    // As editors do it: a new file, put in the old one's place.
    let new = desk.write("config/.nightdesk.toml.new", format!("{SETTINGS}{more}"));
    std::fs::rename(new, desk.path("config/nightdesk.toml")).unwrap();
}

#[test]
fn a_changed_file_takes_effect_by_itself_and_each_key_is_on_record_without_its_secrets() {
    let desk = small();
    let daemon = Daemon::start(&desk);
    let hook = "\n[quality]\njump = 0.5\n\n[alerts.webhook_headers]\nAuthorization = \"Bearer swordfish\"\n";
    edit(&desk, hook);
    let rows = wait("two rows", || Some(audit(&desk)).filter(|rows| rows.len() == 2));
    let expected = [["file", "alerts.webhook_headers.Authorization", "(not set)", "(hidden)"], ["file", "quality.jump", "0.4", "0.5"]];
    assert_eq!(rows, expected.map(|row| row.map(str::to_owned)));
    let told = desk.ok(&["--demo", "config", "audit"]) + &desk.ok(&["--demo", "config", "show"]) + &logged(&desk, "quality.jump").out;
    assert!(!told.contains("swordfish"), "{told}");
    assert!(told.contains("nightdesk.toml:"), "{told}");
    drop(daemon);
}

#[test]
fn a_mistake_changes_nothing_and_needs_a_person_until_it_is_mended() {
    let desk = small();
    let daemon = Daemon::start(&desk);
    edit(&desk, "\n[quality]\njump = 99.0\n");
    let text = wait("the alert", || needs(&desk));
    let line = SETTINGS.lines().count() + 3;
    assert!(text.contains(&format!("nightdesk.toml:{line}: `quality.jump` has a value that is not accepted")), "{text}");
    let refused = desk.run(&["--demo", "config", "reload"]);
    assert!(refused.code == Some(1) && refused.err.contains("the old one stays in force"), "{refused:?}");
    for command in [&["status"][..], &["runs", "list"], &["schedule", "list"], &["schedule", "pause", "ingest"], &["logs"]] {
        let ran = desk.run(&[&["--demo"], command].concat());
        assert!(ran.code == Some(0) && ran.err.contains("`quality.jump`"), "{command:?}: {ran:?}");
    }
    let refused = desk.run(&["--demo", "schedule", "next"]);
    assert!(refused.code == Some(2) && refused.err.contains("nothing was done"), "these ticks follow from the file: {refused:?}");
    edit(&desk, "\n[quality]\njump = 0.7\n");
    wait("the end of the alert", || needs(&desk).is_none().then_some(()));
    assert_eq!(audit(&desk).len(), 1);
    drop(daemon);
}

#[test]
fn what_waits_for_a_restart_is_named_and_not_applied() {
    let desk = small();
    std::fs::remove_file(desk.path("config/nightdesk.toml")).unwrap();
    let daemon = Daemon::start(&desk);
    edit(&desk, "\n[ib]\nport = 4001\n");
    let text = wait("the alert", || needs(&desk));
    assert!(text.contains("ib.port") && text.contains("store.disk_floor_mib") && text.contains("waits for a restart"), "{text}");
    assert!(audit(&desk).iter().all(|[_, key, ..]| key.starts_with("ingest.")), "{:?}", audit(&desk));
    let told = desk.ok(&["--demo", "config", "reload"]);
    assert!(told.contains("waiting for a restart: ib.port"), "{told}");
    drop(daemon);
}

#[test]
fn a_hangup_and_a_command_are_told_apart_on_record() {
    let desk = small();
    std::fs::remove_file(desk.path("config/nightdesk.toml")).unwrap();
    let elsewhere = desk.path("linked");
    std::fs::create_dir(&elsewhere).unwrap();
    std::fs::write(elsewhere.join("real.toml"), SETTINGS).unwrap();
    // A link into a folder that is not watched.
    std::os::unix::fs::symlink(elsewhere.join("real.toml"), desk.path("config/nightdesk.toml")).unwrap();
    let mut daemon = Daemon::start(&desk);
    std::fs::write(elsewhere.join("real.toml"), format!("{SETTINGS}\n[quality]\njump = 0.6\n")).unwrap();
    daemon.signal(Signal::HUP);
    daemon.wait_for("RELOADING=1");
    daemon.wait_for("READY=1");
    assert_eq!(audit(&desk), [["hup", "quality.jump", "0.4", "0.6"].map(str::to_owned)]);
    std::fs::write(elsewhere.join("real.toml"), SETTINGS).unwrap();
    let told = desk.ok(&["--demo", "config", "reload"]);
    assert_eq!(told.trim(), "in force now: quality.jump");
    assert_eq!(audit(&desk)[1], ["cli", "quality.jump", "0.6", "0.4"].map(str::to_owned));
    assert!(holder(&desk).ended_at.is_none());
}

/// Puts a pipe in the place of a file: who reads it waits until somebody has written.
fn pipe(path: &Path) {
    drop(std::fs::remove_file(path));
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

#[test]
fn hangups_during_a_reload_become_one_more_and_a_reload_that_hangs_keeps_no_stop_waiting() {
    let desk = small();
    let real = desk.path("linked/real.toml");
    std::fs::create_dir(desk.path("linked")).unwrap();
    std::fs::rename(desk.path("config/nightdesk.toml"), &real).unwrap();
    std::os::unix::fs::symlink(&real, desk.path("config/nightdesk.toml")).unwrap();
    let mut daemon = Daemon::start(&desk);
    pipe(&real);
    daemon.signal(Signal::HUP);
    daemon.wait_for("RELOADING=1");
    // Opens once the reload reads.
    let mut first = std::fs::OpenOptions::new().write(true).open(&real).unwrap();
    daemon.signal(Signal::HUP);
    daemon.signal(Signal::HUP);
    std::fs::remove_file(&real).unwrap();
    std::fs::write(&real, format!("{SETTINGS}\n[quality]\njump = 0.7\n")).unwrap();
    write!(first, "{SETTINGS}\n[quality]\njump = 0.6\n").unwrap();
    drop(first);
    for word in ["READY=1", "RELOADING=1", "READY=1"] {
        daemon.wait_for(word);
    }
    let changes = [["hup", "quality.jump", "0.4", "0.6"], ["hup", "quality.jump", "0.6", "0.7"]];
    assert_eq!(audit(&desk), changes.map(|row| row.map(str::to_owned)));

    pipe(&real);
    daemon.signal(Signal::HUP);
    daemon.wait_for("RELOADING=1");
    daemon.signal(Signal::TERM);
    daemon.wait_for("STOPPING=1");
    // The engine waits for the file; a second signal does not.
    daemon.signal(Signal::TERM);
    let (status, took) = daemon.ended();
    assert!(status.code() == Some(130) && took < Duration::from_secs(1), "{status} after {took:?}");
}

#[test]
fn a_folder_that_comes_later_is_read_when_it_comes() {
    let desk = small();
    std::fs::rename(desk.path("config"), desk.path("kept")).unwrap();
    // The user's own configuration folder, which nobody named.
    let home = desk.path("home");
    std::fs::create_dir(&home).unwrap();
    let mut command = desk.command(&["--demo", "--daemon"]);
    command.env_remove("NIGHTDESK_CONFIG_DIR").env("XDG_CONFIG_HOME", &home).env("NIGHTDESK__QUALITY__JUMP", "0.5");
    let mut daemon = Daemon::of(&desk, command);
    daemon.wait_for("READY=1");
    std::fs::create_dir(home.join("nightdesk")).unwrap();
    std::fs::copy(desk.path("kept/universe.toml"), home.join("nightdesk/universe.toml")).unwrap();
    let text = wait("the alert", || needs(&desk));
    assert!(text.contains("universe") && text.contains("waits for a restart"), "{text}");
    drop(daemon);
}
