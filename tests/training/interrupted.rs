//! Runs that are killed, stopped, or meet a full disk or a damaged checkpoint, and those that go on from there.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::desk::Desk;
use crate::place::{checkpoints, stocked};

const TRAIN: [&str; 5] = ["--demo", "train", "--strategy", "slipstream", "--json"];

/// Begins a run and waits until it tells of the first finished fits.
fn begun(desk: &Desk) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut child = desk.command(&TRAIN).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("fits done") {
        line.clear();
        assert_ne!(told.read_line(&mut line).unwrap(), 0, "the run ended before a fit was done");
    }
    (child, told)
}

fn trained(desk: &Desk) -> (Option<i32>, Value) {
    let (code, json) = desk.json(&TRAIN);
    (code, json["strategies"][0].clone())
}

fn model_file(desk: &Desk) -> Vec<u8> {
    fs::read(desk.path("data-demo/models/slipstream/run-1.safetensors")).unwrap()
}

#[test]
fn killed_then_out_of_space_then_damaged_it_still_comes_to_the_same_model() {
    let whole = stocked();
    assert_eq!(trained(&whole).0, Some(0));

    let desk = stocked();
    let (mut child, _told) = begun(&desk);
    child.kill().unwrap();
    child.wait().unwrap();
    let kept = checkpoints(&desk, "slipstream", 1);
    assert!((1..12).contains(&kept.len()), "{kept:?}");
    let list = desk.ok(&["--demo", "models", "list", "--strategy", "slipstream"]);
    assert!(list.contains("slipstream: no champion"), "{list}");

    // A device that is always full stands in for a disk that is, where the last fit is to be written.
    let folder = desk.path("data-demo/models/slipstream/run-1");
    symlink("/dev/full", folder.join(".softmax-final-seed0.safetensors.partial")).unwrap();
    let (code, full) = trained(&desk);
    assert_eq!((code, &full["end"]["state"], &full["training"]["resumed"]), (Some(1), &"failed".into(), &1.into()), "{full}");
    assert!(full["end"]["outcome"].as_str().unwrap().contains("disk is full"), "{full}");

    let damaged = folder.join("mlp-fold1-seed0.safetensors");
    let mut bytes = fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&damaged, bytes).unwrap();
    let (code, end) = trained(&desk);
    assert_eq!((code, &end["end"]["run_id"], &end["training"]["resumed"]), (Some(0), &1.into(), &2.into()), "{end}");
    let note = end["training"]["steps"][6]["note"].as_str().unwrap();
    let found: usize = note.strip_prefix("12 fits, ").and_then(|n| n.strip_suffix(" found finished")).unwrap().parse().unwrap();
    assert!((1..=10).contains(&found), "neither the damaged fit nor the one that met the full disk: {note}");
    assert!(model_file(&desk) == model_file(&whole), "interruptions leave no trace in the model");
}

#[test]
fn stopped_gently_it_keeps_what_is_finished_and_says_how_to_go_on() {
    let desk = stocked();
    let (mut child, told) = begun(&desk);
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let out = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let json: Value = serde_json::from_str(&out).unwrap();
    let one = &json["strategies"][0];
    assert_eq!((&json["state"], &one["end"]["state"]), (&"cancelled".into(), &"cancelled".into()), "{json}");
    let rest: Vec<String> = told.lines().map(Result::unwrap).collect();
    assert!(rest.iter().any(|l| l.contains("Ctrl-C again stops now")), "{rest:?}");
    let finished = checkpoints(&desk, "slipstream", 1).len();
    assert!((1..12).contains(&finished) && one["training"]["steps"][6]["done"] == finished, "{finished}: {json}");
}
