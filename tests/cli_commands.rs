//! The command line through the built binary: exit status, streams, folders.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test helper that cannot prepare its files has failed its test")]

mod desk;

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use desk::Desk;
use nightdesk::store::master::Holder;

const CANDLES: &str =
    "date,open,high,low,close,volume\n2013-02-28,10,11,9,10.5,100\n2013-03-01,10.5,12,10,11,200\n2013-03-04,11,11.5,10,10.25,\n";

/// A desk with three daily bars of AAPL.
fn stocked() -> Desk {
    let desk = Desk::new();
    let file = desk.write("candles.csv", CANDLES);
    desk.ok(&["import", "candles", file.to_str().unwrap(), "--symbol", "AAPL"]);
    desk
}

#[test]
fn a_wrong_configuration_is_shown_with_a_caret_and_exits_2() {
    let desk = Desk::new();
    desk.write("config/nightdesk.toml", "[ib]\nport = 70000\n\n[console]\nthem = \"dark\"\n");
    let ran = desk.command(&["config", "check"]).env("NIGHTDESK__LOG__LEVEL", "loud").output().unwrap();
    let text = String::from_utf8(ran.stderr).unwrap().replace(&desk.dir.path().display().to_string(), "DIR");
    assert_eq!((ran.status.code(), ran.stdout.len()), (Some(2), 0));
    insta::assert_snapshot!(text);
}

#[test]
fn a_command_that_works_refuses_a_wrong_configuration_before_it_touches_data() {
    let desk = Desk::new();
    desk.write("config/nightdesk.toml", "[console.keys]\nNoSuchAction = \"x\"\n");
    let ran = desk.run(&["ingest"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("NoSuchAction"), "{ran:?}");
    assert!(!desk.path("data").exists());
}

#[test]
fn a_sound_configuration_names_the_origin_of_every_value() {
    let desk = Desk::new();
    desk.write("config/nightdesk.toml", "# mine\n[ib]\nport = 4001\n");
    assert!(desk.ok(&["config", "check"]).starts_with("The configuration is sound: 1 key set by you"));
    let ran = desk.command(&["config", "show", "--origin", "--ascii"]).env("NIGHTDESK__INGEST__WORKERS", "3").output().unwrap();
    let text = String::from_utf8(ran.stdout).unwrap().replace(&desk.dir.path().display().to_string(), "DIR");
    let line = |key: &str| text.lines().find(|l| l.starts_with(key)).map(|l| l.split_whitespace().collect::<Vec<_>>().join(" "));
    assert_eq!(line("port = 4001 ").as_deref(), Some("port = 4001 # DIR/config/nightdesk.toml:3"));
    assert_eq!(line("workers ").as_deref(), Some("workers = 3 # environment NIGHTDESK__INGEST__WORKERS"));
    assert_eq!(line("ascii ").as_deref(), Some("ascii = true # flag --ascii"));
    assert_eq!(line("client_id ").as_deref(), Some("client_id = 100 # default"));
}

#[test]
fn what_config_show_prints_is_a_configuration() {
    let desk = Desk::new();
    desk.write("config/nightdesk.toml", "[ingest]\nnative = [\"1m\", \"1d\"]\n\n[console.keys]\nQuit = \"ctrl-q\"\n");
    let first = desk.ok(&["config", "show"]);
    desk.write("config/nightdesk.toml", &first);
    assert_eq!(desk.ok(&["config", "show"]), first);
    let (code, json) = desk.json(&["config", "show", "--json", "--origin"]);
    assert_eq!((code, json["settings"]["ingest"]["native"].as_array().map(Vec::len)), (Some(0), Some(2)));
    assert_eq!(json["universe"].as_array().map(Vec::len), Some(80));
}

#[test]
fn the_schema_needs_no_sound_configuration() {
    let desk = Desk::new();
    desk.write("config/nightdesk.toml", "nonsense");
    let (code, schema) = desk.json(&["config", "schema"]);
    assert_eq!((code, schema["properties"]["ib"]["properties"]["port"]["maximum"].as_u64()), (Some(0), Some(65535)));
}

#[test]
fn wrong_usage_exits_2_and_says_what_to_do() {
    let desk = Desk::new();
    for arguments in [
        &["frobnicate"][..],
        &["import", "candles", "x.csv"],
        &["import", "candles", "x.csv", "--symbol", "../etc"],
        &["import", "splits", "x.csv", "--symbol", "AAPL", "--timeframe", "1d"],
        &["import", "candles", "x.csv", "--symbol", "AAPL", "--time-zone", "Mars/Base"],
        &["export", "candles", "--symbol", "AAPL", "--format", "csv"],
        &["export", "weights", "--symbol", "AAPL", "--format", "csv"],
        &["export", "splits", "--symbol", "AAPL", "--format", "csv", "--adjust", "raw"],
        &["sim", "ib-gateway", "--fault", "no-such-fault"],
        &["sim", "ib-gateway", "--fault", "bad-tls"],
        &["logs", "--source", "xyz"],
        &["issues", "resolve", "1", "--as", "accepted", "--note", " "],
        &["config", "check", "--config-dir", "/nonexistent"],
        &["config", "check", "--log-level", "loud"],
    ] {
        let ran = desk.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{arguments:?}: {ran:?}");
        assert!(ran.err.contains("error"), "{arguments:?}: {ran:?}");
    }
    assert_eq!(desk.run(&["--help"]).code, Some(0));
    assert!(desk.ok(&["--version"]).starts_with("nightdesk "));
}

#[test]
fn failures_exit_1_and_json_commands_still_print_one_object() {
    let desk = Desk::new();
    let copies = desk.path("copies");
    for arguments in [
        &["verify"][..],
        &["issues", "list"],
        &["runs", "list"],
        &["backup", copies.to_str().unwrap()],
        &["restore", "/nonexistent"],
        &["logs"],
    ] {
        let ran = desk.run(arguments);
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{arguments:?}: {ran:?}");
    }
    let (code, json) = desk.json(&["verify", "--json"]);
    assert_eq!((code, &json["ok"]), (Some(1), &false.into()));
    assert!(json["error"].as_str().is_some_and(|e| e.contains("there is no database")), "{json}");
    let (_, json) = desk.json(&["restore", "/nonexistent", "--json"]);
    assert!(json["error"].as_str().is_some_and(|e| e.contains("there is no backup at /nonexistent")), "{json}");
    let (code, json) = desk.json(&["import", "candles", "/nonexistent.csv", "--symbol", "AAPL", "--json"]);
    assert_eq!((code, &json["ok"]), (Some(1), &false.into()));
}

#[test]
fn a_closed_pipe_ends_a_command_quietly() {
    let desk = stocked();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    for arguments in
        [&["export", "candles", "--symbol", "AAPL", "--timeframe", "1d", "--format", "csv"][..], &["config", "show"], &["--help"]]
    {
        let ran = desk.command(arguments).stdout(writer.try_clone().unwrap()).output().unwrap();
        assert_eq!((ran.status.code(), String::from_utf8_lossy(&ran.stderr).as_ref()), (Some(0), ""), "{arguments:?}");
    }
    let parquet = ["export", "candles", "--symbol", "AAPL", "--timeframe", "1d", "--format", "parquet"];
    let ran = desk.command(&parquet).stdout(writer).output().unwrap();
    assert_eq!((ran.status.code(), String::from_utf8_lossy(&ran.stderr).as_ref()), (Some(0), ""));
}

#[test]
fn everything_on_disk_is_for_the_user_only() {
    let desk = stocked();
    let mut stack = vec![desk.path("data")];
    while let Some(path) = stack.pop() {
        let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        if path.is_dir() {
            stack.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
        }
    }
}

#[test]
fn the_demo_has_a_data_folder_of_its_own() {
    let desk = stocked();
    let file = desk.path("candles.csv");
    desk.ok(&["--demo", "import", "candles", file.to_str().unwrap(), "--symbol", "AAPL"]);
    assert!(desk.path("data-demo/market_data.db").exists());
    let mixed = desk.run(&[
        "--demo",
        "import",
        "candles",
        file.to_str().unwrap(),
        "--symbol",
        "AAPL",
        "--data-dir",
        desk.path("data").to_str().unwrap(),
    ]);
    assert_eq!(mixed.code, Some(1));
    assert!(mixed.err.contains("holds real data"), "{mixed:?}");
}

#[test]
fn findings_are_listed_shown_and_settled() {
    let desk = Desk::new();
    let spike = "date,open,high,low,close\n2013-03-01,10,9,8,9\n2013-03-02,1,1,1,1\n2013-03-04,10,11,9,10\n";
    let file = desk.write("spike.csv", spike);
    let (code, summary) = desk.json(&["import", "candles", file.to_str().unwrap(), "--symbol", "AAPL", "--json"]);
    assert_eq!(
        (code, &summary["dropped"], &summary["inserted"]),
        (Some(0), &1.into(), &2.into()),
        "the Saturday has no session: {summary}"
    );
    let (_, list) = desk.json(&["issues", "list", "--json"]);
    let worst = &list["issues"][0];
    assert_eq!((&worst["issue"]["check"], &worst["issue"]["severity"]), (&4.into(), &"critical".into()), "{list}");
    let id = worst["id"].to_string();
    let export = ["export", "candles", "--symbol", "AAPL", "--timeframe", "1d", "--format", "csv"];
    assert!(!desk.ok(&export).contains("2013-03-01"), "hidden");
    assert!(desk.ok(&["issues", "show", &id]).contains("hides what it covers until settled"));
    assert!(desk.ok(&["issues", "resolve", &id, "--as", "accepted", "--note", "checked by hand"]).contains("checked by hand"));
    assert!(desk.ok(&export).contains("2013-03-01"), "shown again");
    assert!(desk.ok(&["logs"]).contains("Finding settled"));
    assert!(desk.ok(&["issues", "list", "--all"]).contains("(settled)"));
    let missing = desk.run(&["issues", "show", "999999"]);
    assert!(missing.code == Some(1) && missing.err.contains("no data-quality finding 999999"), "{missing:?}");
}

#[test]
fn a_backup_restores_what_was_there() {
    let desk = stocked();
    let (_, made) = desk.json(&["backup", desk.path("copies").to_str().unwrap(), "--json"]);
    // Three days, and the weeks and months they add up to.
    let rows = made["rows"].as_u64().unwrap();
    assert!(rows > 3, "{made}");
    let more = desk.write("more.csv", "date,open,high,low,close\n2013-03-05,10,11,9,10\n");
    desk.ok(&["import", "candles", more.to_str().unwrap(), "--symbol", "AAPL", "--timeframe", "1d"]);
    assert!(desk.json(&["verify", "--json"]).1["rows"].as_u64().unwrap() > rows);
    desk.ok(&["restore", desk.path("copies").to_str().unwrap()]);
    let (code, verified) = desk.json(&["verify", "--json"]);
    assert_eq!((code, &verified["rows"]), (Some(0), &rows.into()));
}

#[test]
fn maintenance_in_the_foreground_leaves_a_backup_that_restores() {
    let desk = stocked();
    let (code, done) = desk.json(&["maintenance", "--json"]);
    assert_eq!((code, &done["ok"], &done["state"]), (Some(0), &true.into(), &"succeeded".into()), "{done}");
    assert!(done["summary"]["steps"].as_array().is_some_and(|s| s.len() == 10 && s.iter().all(|s| s["outcome"] == "done")), "{done}");
    let rows = &done["summary"]["rows"];
    let restored = desk.json(&["restore", desk.path("data/backups").to_str().unwrap(), "--json"]).1;
    assert_eq!(&restored["rows"], rows, "{restored}");
    let (_, shown) = desk.json(&["runs", "show", &done["run"].to_string(), "--json"]);
    assert_eq!(
        (&shown["job"], &shown["state"], &shown["trigger"]),
        (&"maintenance".into(), &"succeeded".into(), &"manual".into()),
        "{shown}"
    );
    let words = desk.run(&["maintenance"]);
    assert!(words.out.contains("Maintenance succeeded") && words.err.contains("Writing a backup"), "{words:?}");
    let none = Desk::new().run(&["maintenance"]);
    assert!(none.code == Some(1) && none.err.contains("there is no database"), "{none:?}");
}

#[test]
fn runs_are_listed_and_shown_with_what_was_asked_and_what_came() {
    let desk = stocked();
    let list = desk.ok(&["runs", "list"]);
    assert!(list.lines().nth(1).is_some_and(|l| l.contains("succeeded") && l.contains("import candles of AAPL from ")), "{list}");
    let show = desk.ok(&["runs", "show", "1"]);
    assert!(show.starts_with("Run 1: import candles of AAPL from ") && show.contains("inserted   3"), "{show}");
    let (code, run) = desk.json(&["runs", "show", "1", "--json"]);
    assert_eq!((code, &run["spec"]["import"], &run["summary"]["inserted"]), (Some(0), &"candles".into(), &3.into()), "{run}");
    assert_eq!(desk.json(&["runs", "list", "--json"]).1["runs"][0], run);
    let missing = desk.run(&["runs", "show", "99"]);
    assert!(missing.code == Some(1) && missing.err.contains("there is no run 99"), "{missing:?}");
}

#[test]
fn the_status_tells_what_the_file_is_and_what_ran_last() {
    let desk = stocked();
    let (_, status) = desk.json(&["--demo", "status", "--data-dir", desk.path("data").to_str().unwrap(), "--json"]);
    assert_eq!((&status["demo"], &status["last_run"]["summary"]["inserted"]), (&false.into(), &3.into()), "{status}");
    let file = desk.path("candles.csv");
    desk.ok(&["--demo", "import", "candles", file.to_str().unwrap(), "--symbol", "AAPL"]);
    let demo = desk.path("data-demo");
    let text = desk.ok(&["status", "--data-dir", demo.to_str().unwrap()]);
    assert!(text.lines().next().is_some_and(|l| l.ends_with("DEMO")), "{text}");
    assert!(text.contains("last run 1 succeeded") && text.contains("import candles of AAPL"), "{text}");
    let export = ["export", "candles", "--symbol", "AAPL", "--timeframe", "1d", "--format", "csv", "--data-dir", demo.to_str().unwrap()];
    let exported = desk.run(&export);
    assert!(exported.code == Some(0) && exported.err.contains("DEMO"), "{exported:?}");
}

#[test]
fn a_short_ingest_on_a_pipe_tells_its_progress_in_one_line() {
    let desk = Desk::new();
    let ran = desk.run(&["--demo", "ingest", "--symbols", "AAPL", "--timeframes", "1d", "--lookback", "30d"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let progress: Vec<&str> = ran.err.lines().filter(|l| l.contains("series ")).collect();
    assert!(progress.len() == 1 && progress[0].starts_with("ended  series 3/3  requests 2/2  "), "{ran:?}");
    let log = desk.ok(&["--demo", "logs", "--source", "engine"]);
    assert!(log.contains("actor=cli command=\"ingest AAPL, 1d, back 1mo\"") && log.contains("state=succeeded"), "{log}");
}

#[test]
fn a_changed_value_is_damage() {
    let desk = stocked();
    let db = rusqlite::Connection::open(desk.path("data/market_data.db")).unwrap();
    db.execute("UPDATE candle SET close = close + 0.01 WHERE ts = (SELECT max(ts) FROM candle)", []).unwrap();
    drop(db);
    let ran = desk.run(&["verify"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("DAMAGED") && ran.out.contains("AAPL"), "{ran:?}");
}

#[test]
fn the_simulators_say_where_they_are_and_stop_when_told() {
    let desk = Desk::new();
    for which in ["ib-gateway", "yahoo"] {
        let mut child =
            desk.command(&["sim", which, "--port", "0", "--json"]).env("TMPDIR", desk.dir.path()).stderr(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut text = String::new();
        while !text.ends_with("}\n") {
            assert!(out.read_line(&mut text).unwrap() > 0, "{text}");
        }
        let facts: serde_json::Value = serde_json::from_str(&text).unwrap();
        std::net::TcpStream::connect(facts["address"].as_str().unwrap()).unwrap();
        let ca = facts["ca"].as_str().map(std::path::Path::new);
        assert_eq!(ca.is_some(), which == "yahoo");
        if let Some(ca) = ca {
            assert!(std::fs::read_to_string(ca).unwrap().starts_with("-----BEGIN CERTIFICATE-----"));
            let folder = ca.parent().unwrap();
            assert_eq!(std::fs::metadata(folder).unwrap().permissions().mode() & 0o777, 0o700);
        }
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
        let status = child.wait().unwrap();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(status.code(), Some(0), "{said}");
        assert!(said.contains("has stopped") && said.contains("istening"), "{said}");
        assert!(ca.is_none_or(|ca| !ca.exists()));
        assert!(!desk.path("data").exists(), "a simulator has no business in the data folder");
    }
    assert!(desk.ok(&["sim", "yahoo", "--list-faults"]).contains("bad-tls"));
}

#[test]
fn logs_follow_what_is_added() {
    let desk = stocked();
    let mut child = desk.command(&["logs", "-f", "-n", "1", "--source", "cli"]).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut first = String::new();
    out.read_line(&mut first).unwrap();
    assert!(first.contains("File imported") && first.contains("inserted=3"), "{first}");
    let file = desk.path("candles.csv");
    desk.ok(&["import", "candles", file.to_str().unwrap(), "--symbol", "MSFT"]);
    let mut second = String::new();
    out.read_line(&mut second).unwrap();
    assert!(second.contains("run=2"), "{second}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(desk.ok(&["logs", "--level", "error"]).is_empty());
}

#[test]
fn the_key_table_is_printed_without_a_configuration() {
    let desk = Desk::new();
    desk.write("config/nightdesk.toml", "nonsense");
    assert!(desk.ok(&["keys", "--markdown"]).starts_with("# Keys"));
    let plain = desk.ok(&["keys"]);
    assert!(plain.starts_with("Everywhere\n  ") && plain.contains("\nData quality\n") && !plain.contains('|'), "{plain}");
}

#[test]
fn the_schedule_is_steered_without_an_engine_and_the_next_one_finds_it() {
    let desk = Desk::new();
    desk.ok(&["schedule", "pause", "ingest", "--reason", "moving house"]);
    desk.ok(&["schedule", "stop"]);
    let (code, listed) = desk.json(&["schedule", "list", "--json"]);
    assert_eq!((code, &listed["engine"], &listed["scheduler"]["on"]), (Some(0), &false.into(), &false.into()), "{listed}");
    assert_eq!(listed["jobs"][0]["paused"]["reason"], "moving house");
    assert!(listed["jobs"].as_array().unwrap().iter().all(|job| job["missing"].is_null()), "{listed}");
    desk.ok(&["schedule", "resume", "ingest"]);
    desk.ok(&["schedule", "start"]);
    let text = desk.ok(&["schedule", "list"]);
    assert!(text.starts_with("The scheduler is on, switched by cli") && !text.contains("moving house"), "{text}");
    let (_, next) = desk.json(&["schedule", "next", "ingest", "--limit", "3", "--json"]);
    let ticks = next["ticks"].as_array().unwrap();
    assert!(ticks.len() == 3 && ticks.iter().all(|t| t["local"].as_str().is_some_and(|l| l.contains("22:45"))), "{next}");
    let held = desk.run(&["schedule", "confirm-clock"]);
    assert!(held.code == Some(1) && held.err.contains("only a running engine"), "{held:?}");
    let holder = Holder::of(&desk.path("data/market_data.db")).unwrap();
    assert!(holder.ended_at.is_some(), "a refusal does not look like a kill: {holder:?}");
    let looked = desk.ok(&["--demo", "schedule", "run-now", "drift"]);
    assert!(looked.contains("drift succeeded") && looked.contains("turbomode: nothing was trained yet"), "{looked}");
    let none = desk.run(&["runs", "cancel", "1"]);
    assert!(none.code == Some(1) && none.err.contains("no engine runs"), "{none:?}");
    assert_eq!(desk.run(&["schedule", "pause", "nap"]).code, Some(2));
}
