//! The configuration as a user meets it: layers, origins, and reports of what is wrong.
#![expect(clippy::unwrap_used, reason = "a test helper that cannot prepare its files has failed its test")]

use std::fs;
use std::path::PathBuf;

use nightdesk::config::{
    ConfigErrors, Flag, LoadRequest, Loaded, Lookback, Origin, SECTORS, SHIPPED_SETTINGS, Settings, SourcePolicy, load, schema,
};
use nightdesk::market::{AssetClass, Timeframe};
use nightdesk::store::scheduler::Job;

/// Loads `toml` as nightdesk.toml, with an environment and flags.
fn run(toml: &str, env: &[(&str, &str)], flags: &[(&str, &str, &str)]) -> (tempfile::TempDir, Result<Loaded, ConfigErrors>) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("nightdesk.toml"), toml).unwrap();
    let flag = |(name, key, value): &(&str, &str, &str)| Flag { name: (*name).into(), key: (*key).into(), value: (*value).into() };
    let loaded = load(LoadRequest {
        config_dir: Some(dir.path().to_owned()),
        env: env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())),
        flags: flags.iter().map(flag).collect(),
    });
    (dir, loaded)
}

/// The report, with the temporary folder's name taken out.
fn report(toml: &str, env: &[(&str, &str)], flags: &[(&str, &str, &str)]) -> String {
    let (dir, loaded) = run(toml, env, flags);
    loaded.unwrap_err().render(false).replace(&dir.path().display().to_string(), "DIR")
}

fn universe(toml: &str) -> Result<Loaded, String> {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("universe.toml"), toml).unwrap();
    let request = LoadRequest { config_dir: Some(dir.path().to_owned()), env: [], flags: vec![] };
    load(request).map_err(|e| e.render(false).replace(&dir.path().display().to_string(), "DIR"))
}

#[test]
fn the_shipped_file_holds_every_key_with_its_default() {
    let (_dir, loaded) = run(SHIPPED_SETTINGS, &[], &[]);
    let loaded = loaded.unwrap();
    assert_eq!(loaded.settings, Settings::default());
    // Optional keys have no default to write down; they stand there commented out.
    let optional = ["yahoo.loopback", "yahoo.loopback_ca"];
    for (key, origin) in &loaded.origins {
        // The keys of a job are explained once, at the first job.
        let explained = Job::ALL.iter().any(|j| *j != Job::Ingest && key.starts_with(&format!("schedule.{j}.")));
        let written = explained || matches!(origin, Origin::File { .. });
        assert!(written || optional.contains(&key.as_str()), "{key} is not in config/nightdesk.toml");
        assert!(SHIPPED_SETTINGS.contains(key.rsplit('.').next().unwrap()), "{key}");
    }
}

#[test]
fn every_key_has_a_comment_in_the_shipped_file() {
    let lines: Vec<&str> = SHIPPED_SETTINGS.lines().collect();
    for (i, line) in lines.iter().enumerate().filter(|(_, l)| l.contains(" = ") && !l.starts_with('#')) {
        let block = lines[..i].iter().rev().take_while(|l| !l.is_empty());
        let table = lines[..i].iter().rfind(|l| l.starts_with('[')).unwrap();
        let explained = table.starts_with("[schedule.") && *table != "[schedule.ingest]";
        assert!(explained || block.into_iter().any(|l| l.starts_with('#')) || lines[i - 1].starts_with('['), "{line}");
    }
}

#[test]
fn the_shipped_universe_is_the_one_of_the_contract() {
    let loaded = load(LoadRequest { config_dir: None, env: [], flags: vec![] }).unwrap();
    let all = &loaded.universe.instruments;
    assert_eq!(all.len(), 80);
    for sector in SECTORS.iter().filter(|s| **s != "Crypto") {
        assert_eq!(all.iter().filter(|i| i.sector == *sector && i.asset == AssetClass::Stock).count(), 7, "{sector}");
    }
    let crypto: Vec<&str> = all.iter().filter(|i| i.asset == AssetClass::Crypto).map(|i| i.symbol.as_str()).collect();
    assert_eq!(crypto, ["BTC-USD", "ETH-USD", "SOL-USD"]);
    let mut sectors: Vec<&str> = all.iter().map(|i| i.sector.as_str()).collect();
    sectors.dedup();
    assert_eq!(sectors, SECTORS, "grouped by sector");
    for s in ["AAPL", "MSFT", "BRK-B"] {
        assert!(loaded.universe.get(s.parse().unwrap()).is_some(), "{s}");
    }
}

#[test]
fn later_layers_win_and_each_key_knows_its_origin() {
    let toml = "[ib]\nport = 4001\nclient_id = 7\n\n[ingest]\nsource = \"yahoo\"\nworkers = 3\nhistory.1d = \"5y\"\n";
    let env =
        [("NIGHTDESK__IB__PORT", "7497"), ("NIGHTDESK__INGEST__WORKERS", "5"), ("OTHER__IB__PORT", "x"), ("NIGHTDESK_DATA_DIR", "/x")];
    let (dir, loaded) = run(toml, &env, &[("--source", "ingest.source", "ib"), ("--workers", "ingest.workers", "6")]);
    let loaded = loaded.unwrap();
    assert_eq!((loaded.settings.ib.port, loaded.settings.ib.client_id), (7497, 7));
    assert_eq!((loaded.settings.ingest.source, loaded.settings.ingest.workers), (SourcePolicy::Ib, 6));
    assert_eq!(loaded.settings.ingest.history[&Timeframe::D1], "5y".parse::<Lookback>().unwrap());
    assert_eq!(loaded.settings.ingest.history[&Timeframe::M1], Lookback::days(30), "defaults stay beside it");
    let file = |line| Origin::File { path: dir.path().join("nightdesk.toml"), line };
    assert_eq!(loaded.origins["ib.port"], Origin::Env { name: "NIGHTDESK__IB__PORT".into() });
    assert_eq!(loaded.origins["ib.client_id"], file(3));
    assert_eq!(loaded.origins["ingest.history.1d"], file(8));
    assert_eq!(loaded.origins["ingest.source"], Origin::Flag { name: "--source".into() });
    assert_eq!(loaded.origins["ib.host"], Origin::Default);
    assert_eq!(loaded.origins.len(), loaded.settings.leaves().len());
}

#[test]
fn environment_values_are_read_by_the_type_of_their_key() {
    let env = [
        ("NIGHTDESK__INGEST__NATIVE", "1m, 1d"),
        ("NIGHTDESK__INGEST__HISTORY__1D", "2y"),
        ("NIGHTDESK__QUALITY__JUMP", "1"),
        ("NIGHTDESK__CONSOLE__KEYS__IngestNow", "ctrl-n"),
        ("NIGHTDESK__CONSOLE__TIME_ZONE", "Asia/Tokyo"),
        ("NIGHTDESK__YAHOO__ENABLED", "false"),
        ("NIGHTDESK__YAHOO__LOOPBACK", "127.0.0.1:8443"),
    ];
    let settings = run("", &env, &[]).1.unwrap().settings;
    assert_eq!(settings.ingest.native, [Timeframe::M1, Timeframe::D1]);
    assert_eq!(settings.ingest.history.keys().copied().collect::<Vec<_>>(), [Timeframe::M1, Timeframe::D1], "30m is not fetched any more");
    assert_eq!(settings.quality.jump, 1.0);
    assert_eq!(settings.console.keys["IngestNow"], "ctrl-n");
    assert_eq!(settings.console.time_zone, "Asia/Tokyo");
    assert!(!settings.yahoo.enabled);
    assert_eq!(settings.yahoo.loopback.as_deref(), Some("127.0.0.1:8443"));
    assert_eq!(run("", &[("NIGHTDESK__INGEST__NATIVE", "[\"1m\", \"1d\"]")], &[]).1.unwrap().settings.ingest.native.len(), 2);
}

#[test]
fn a_wrong_key_type_or_value_is_shown_with_a_caret() {
    let toml = "[ib]\nprot = 4001\nport = \"4002\"\nmessages_per_second = 51\n\n[console]\ntheme = \"drak\"\n\n[ingest]\nnative = [\"1m\", \"4m\", \"1d\"]\n\n[quality]\njump = nan\n\n[yahuu]\n";
    insta::assert_snapshot!(report(toml, &[], &[]));
}

#[test]
fn rules_between_keys_are_shown_where_the_user_broke_them() {
    let toml = "[ib]\nin_flight_start = 8\nin_flight_max = 4\n\n[yahoo]\nloopback = \"10.0.0.1:80\"\n\n[ingest]\nnative = [\"5m\", \"1d\"]\nhistory.2m = \"30d\"\n\n[console]\ntime_zone = \"Mars/Base\"\n\n[schedule]\nscan.zone = \"Mars/Base\"\ningest.needs = [\"scan\"]\n";
    insta::assert_snapshot!(report(toml, &[], &[]));
}

#[test]
fn expressions_of_the_schedule_are_checked_field_by_field() {
    let toml = "[schedule]\ningest.cron = \"45 25 * * *\"\nscan.cron = \"0 30 23 * * *\"\ntrain.cron = \"0 0 30 2 *\"\ndrift.cron = \"\"\n";
    insta::assert_snapshot!(report(toml, &[], &[]));
}

#[test]
fn variables_and_flags_are_named() {
    let env = [
        ("NIGHTDESK__IB__PORT", "abc"),
        ("NIGHTDESK__IB__PRT", "1"),
        ("NIGHTDESK__IB__PORT__X", "1"),
        ("NIGHTDESK__INGEST__NATIVE", "1m,7m,1d"),
    ];
    insta::assert_snapshot!(report("", &env, &[("--log-level", "log.level", "loud")]));
}

#[test]
fn broken_toml_is_reported_by_line() {
    insta::assert_snapshot!(report("[ib\nport = 4001\n\n[log]\nlevel = info\n", &[], &[]));
}

#[test]
fn mistakes_in_the_universe_are_reported_together() {
    insta::assert_snapshot!(
        universe("[Energi]\nXOM = \"Exxon Mobil\"\n\n[Financials]\nBRK.B = \"Berkshire\"\naapl = \"Apple\"\nJPM = 7\n\n[Materials]\nLIN = \"Linde\"\n\n[Utilities]\nLIN = \"Linde\"\n\n[Crypto]\nBTC-EUR = \"Bitcoin\"\n")
            .unwrap_err()
    );
    assert!(universe("").unwrap_err().contains("the universe is empty"));
    assert_eq!(universe("[Energy]\nXOM = \"Exxon Mobil\"\n").unwrap().universe.instruments.len(), 1);
}

#[test]
fn an_unreadable_file_is_a_problem_not_a_default() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("nightdesk.toml"), [0xff, 0xfe]).unwrap();
    let request = LoadRequest { config_dir: Some(dir.path().to_owned()), env: [], flags: vec![] };
    assert!(load(request).unwrap_err().to_string().contains("cannot be read"));
}

#[test]
fn the_committed_schema_is_current() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/config.schema.json");
    let committed: serde_json::Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(committed == schema(), "it differs; write it anew: nightdesk config schema > docs/config.schema.json");
}

proptest::proptest! {
    /// Whatever bytes a file or a variable holds, loading answers, and its report can be drawn.
    #[test]
    fn any_text_gives_settings_or_a_report(toml in "(\\[[a-z.]{0,8}\\]\n|[a-z_.]{1,9} ?= ?[-0-9a-z\"'\\[\\]{},.é]{0,12}\n|.{0,20}\n){0,6}", value in ".{0,20}") {
        if let Err(e) = run(&toml, &[("NIGHTDESK__INGEST__NATIVE", &value), ("NIGHTDESK__IB__PORT", &value)], &[]).1 {
            proptest::prop_assert!(!e.problems.is_empty() && !e.render(true).is_empty());
        }
    }
}
