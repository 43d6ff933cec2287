//! A run that nothing disturbs: its verdict, what it leaves, and what commands tell of it.

use crate::backtest;
use crate::place::{belongings, checkpoints, stocked};

#[test]
fn both_strategies_come_to_a_verdict_and_keep_to_themselves() {
    let desk = stocked();
    backtest::before_a_training(&desk);
    let (code, json) = desk.json(&["--demo", "train", "--json"]);
    assert_eq!((code, &json["ok"], &json["state"]), (Some(0), &true.into(), &"succeeded".into()), "{json}");
    for (i, name) in ["turbomode", "slipstream"].into_iter().enumerate() {
        let one = &json["strategies"][i];
        assert_eq!((&one["end"]["strategy"], &one["end"]["state"]), (&name.into(), &"rejected".into()), "noise has no champion");
        assert!(one["end"]["outcome"].as_str().unwrap().contains("gates not met"), "{one}");
        let view = &one["training"];
        assert_eq!((&view["profile"], &view["steps"][11]["state"]), (&"demo".into(), &"done".into()), "a demo trains the small profile");
        assert_eq!((view["gates"].as_array().unwrap().len(), &view["models"][1]["fits_done"]), (15, &6.into()));
        assert!(checkpoints(&desk, name, 1).is_empty(), "a run with a verdict needs none");
        let kept: Vec<String> = belongings(&desk, name).into_keys().collect();
        assert_eq!(kept, [format!("models/{name}/run-1.safetensors"), format!("{name}.db")]);
    }
    let list = desk.ok(&["--demo", "models", "list"]);
    assert!(list.contains("turbomode: no champion: gates not met") && list.matches(" rejected ").count() == 2, "{list}");
    told(&desk, &json["run"].to_string());
    refused(&desk);
    let before = belongings(&desk, "slipstream");
    let again = desk.ok(&["--demo", "train", "--strategy", "turbomode", "--seed", "7"]);
    assert!(again.contains("turbomode run 2: rejected") && !again.contains("slipstream"), "{again}");
    assert!(before == belongings(&desk, "slipstream"), "training one strategy touches nothing of the other");
    backtest::of_rejected_runs(&desk);
    crate::report::is_written(&desk);
}

/// What commands tell of the run and its models afterwards.
fn told(desk: &crate::desk::Desk, job_run: &str) {
    let shown = desk.ok(&["--demo", "models", "show", "3", "--strategy", "turbomode"]);
    for part in [
        "from training run 1",
        "rejected since",
        "AUC of BUY against SELL",
        "as it was written",
        "rejected  by nightdesk: gates not met",
        "G2b",
    ] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    let run = desk.ok(&["--demo", "runs", "show", job_run]);
    for part in
        ["of train: both strategies", "base models    done", "12 fits", "slipstream run 1: rejected", "turbomode, step 12 of 12: record"]
    {
        assert!(run.contains(part), "{part}: {run}");
    }
    let status = desk.ok(&["--demo", "status"]);
    assert!(status.contains("slipstream: no champion: gates not met"), "{status}");
    let (_, json) = desk.json(&["--demo", "status", "--json"]);
    assert_eq!(json["strategies"][0]["words"], "no champion: gates not met");
}

/// What nobody can do with models that did not pass.
fn refused(desk: &crate::desk::Desk) {
    for (arguments, words) in [
        (&["--demo", "models", "promote", "3", "--strategy", "turbomode"][..], "gates not met"),
        (&["--demo", "models", "promote", "99"], "there is no model 99"),
        (&["--demo", "models", "rollback", "--strategy", "slipstream"], "no champion before this one"),
        (&["--demo", "models", "show", "99"], "there is no model 99"),
        (&["models", "promote", "3"], "there is no database"),
    ] {
        let ran = desk.run(arguments);
        assert!(ran.code == Some(1) && ran.err.contains(words), "{arguments:?}: {ran:?}");
    }
}
