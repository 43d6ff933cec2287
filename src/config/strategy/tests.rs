use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::*;
use crate::config::{ConfigErrors, LoadRequest, Loaded, Origin, Reloaded, Settings, load as load_config};
use crate::market::Regime;

/// Loads `toml` as turbomode.toml, with an environment.
fn run(toml: &str, env: &[(&str, &str)]) -> (tempfile::TempDir, Result<Loaded, ConfigErrors>) {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("turbomode.toml"), toml).unwrap();
    let env = env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    let loaded = load_config(LoadRequest { config_dir: Some(dir.path().to_owned()), env, flags: vec![] });
    (dir, loaded)
}

/// The report, with the temporary folder's name taken out.
fn report(toml: &str, env: &[(&str, &str)]) -> String {
    let (dir, loaded) = run(toml, env);
    loaded.unwrap_err().render(false).replace(&dir.path().display().to_string(), "DIR")
}

#[test]
fn the_strategies_differ_in_their_horizon_alone() {
    let [two_weeks, mut one_week] = Strategy::ALL.map(|s| StrategySettings::shipped(s).unwrap());
    assert_eq!((one_week.validation.label.horizon, one_week.validation.label.horizon_unit), (5, HorizonUnit::Sessions));
    assert_eq!((two_weeks.validation.label.horizon, two_weeks.validation.label.horizon_unit), (14, HorizonUnit::CalendarDays));
    one_week.validation.label = two_weeks.validation.label.clone();
    assert_eq!(one_week, two_weeks);
}

#[test]
fn the_shipped_files_pass_the_checker_and_hold_every_key() {
    for strategy in Strategy::ALL {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(strategy.config_file()), shipped(strategy)).unwrap();
        let loaded = load_config(LoadRequest { config_dir: Some(dir.path().to_owned()), env: [], flags: vec![] }).unwrap();
        let rules = loaded.strategies.get(strategy);
        assert_eq!(rules.settings, StrategySettings::shipped(strategy).unwrap());
        for (key, origin) in &rules.origins {
            // The only key without a value; it stands there commented out.
            let written = matches!(origin, Origin::File { .. }) || key == "features.benchmark";
            assert!(written && shipped(strategy).contains(key.rsplit('.').next().unwrap()), "{key}");
        }
        assert_eq!(rules.origins.len(), rules.settings.leaves().len());
    }
}

#[test]
fn every_key_of_the_shipped_files_has_a_comment() {
    let lines: Vec<&str> = shipped(Strategy::Turbomode).lines().collect();
    for (i, line) in lines.iter().enumerate().filter(|(_, l)| l.contains(" = ") && !l.starts_with('#')) {
        let mut block = lines[..i].iter().rev().take_while(|l| !l.is_empty());
        assert!(block.any(|l| l.starts_with('#')), "{line}");
    }
    assert!(lines.iter().all(|l| l.len() <= 160), "no line that a screen cuts off");
}

#[test]
fn every_key_is_documented_and_every_number_has_bounds() {
    fn walk(path: &str, node: &Value) {
        let properties = node["properties"].as_object().unwrap();
        for (key, spec) in properties {
            let path = format!("{path}.{key}");
            assert!(spec["description"].is_string(), "{path} has no description");
            match spec["type"].as_str() {
                Some("object") => walk(&path, spec),
                Some("number" | "integer") => assert!(spec["minimum"].is_number() && spec["maximum"].is_number(), "{path} has no bounds"),
                _ => {}
            }
        }
    }
    let schema = strategy_schema();
    assert_eq!(schema["properties"].as_object().map(serde_json::Map::len), Some(16));
    walk("", &schema);
}

#[test]
fn the_committed_schema_is_current() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/strategy.schema.json");
    let committed: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    assert!(committed == strategy_schema(), "it differs; write it anew: nightdesk config schema --strategy > docs/strategy.schema.json");
}

#[test]
fn wrong_keys_types_and_values_are_shown_with_a_caret() {
    let toml = "[validation]\ntest_blocks = 4\nhold_out_days = 365\n\n[validation.label]\nhorizon_unit = \"weeks\"\n\n\
        [ensemble.profiles.quick]\nmodels = [\"mlp\", \"forest\", \"mlp\"]\n\n[ensemble.mlp]\nhidden = [0]\n\n\
        [rare_events]\n\n[features]\nbenchmark = \"S P\"\n\n[drift_detection]\nmin_rows = 12.5\n";
    insta::assert_snapshot!(report(toml, &[]));
}

#[test]
fn rules_between_keys_are_shown_where_the_user_broke_them() {
    let toml = "[metadata]\nversion = 2\n\n[features]\nnames = [\"momentum\", \"rsi_41\"]\nbenchmark = \"SPY\"\nsources = [\"dividends\"]\n\n\
        [regime_labeling]\norder = [\"crash\", \"normal\", \"recovery\", \"low_volatility\"]\n\n[balanced_sampling.shares]\ncrash = 0.2\n\n\
        [error_replay_buffer]\nerrors = []\n\n[orchestrator]\nsteps = [\"data\", \"configuration\"]\n\n[drift_detection]\npsi_warning = 0.3\n\n\
        [ensemble.meta]\nmin_blocks = 5\n\n[promotion_gates]\nexpiry_days = 28\n";
    insta::assert_snapshot!(report(toml, &[]));
}

#[test]
fn an_embargo_below_the_least_and_a_store_without_room_are_refused() {
    let told = report("[validation]\nembargo_sessions = 9\nembargo_share = 0.005\n", &[]);
    assert!(told.contains("an integer from 10 to 252") && told.contains("0.01"), "{told}");
    let told = report("[rare_event_archive]\nmax_rows = 0\nmax_rows_per_symbol = 0\n\n[error_replay_buffer]\nmax_rows = 0\n", &[]);
    for key in ["rare_event_archive.max_rows", "rare_event_archive.max_rows_per_symbol", "error_replay_buffer.max_rows"] {
        assert!(told.contains(&format!("`{key}` is 0, so")), "{told}");
    }
    assert!(told.contains("at least 1, or enabled = false"), "{told}");
    let off = "[rare_event_archive]\nenabled = false\nmax_rows = 0\nmax_rows_per_symbol = 0\n";
    assert!(run(off, &[]).1.is_ok(), "what is off needs no room");
}

#[test]
fn variables_reach_their_strategy_alone_and_beat_the_file() {
    let env = [
        ("NIGHTDESK__TURBOMODE__VALIDATION__TEST_BLOCKS", "8"),
        ("NIGHTDESK__SLIPSTREAM__BALANCED_SAMPLING__ENABLED", "false"),
        ("NIGHTDESK__TURBOMODE__FEATURES__NAMES", "momentum,beta_60"),
        ("NIGHTDESK__TURBOMODE__FEATURES__BENCHMARK", "aapl"),
        ("NIGHTDESK__IB__PORT", "4001"),
    ];
    let (dir, loaded) = run("[validation]\ntest_blocks = 6\nholdout_days = 400\n", &env);
    let loaded = loaded.unwrap();
    let [fast, slow] = [Strategy::Slipstream, Strategy::Turbomode].map(|s| loaded.strategies.get(s));
    assert_eq!((slow.settings.validation.test_blocks, slow.settings.validation.holdout_days), (8, 400));
    assert_eq!((fast.settings.validation.test_blocks, fast.settings.balanced_sampling.enabled), (5, false));
    assert!(slow.settings.balanced_sampling.enabled);
    assert_eq!(slow.settings.features.benchmark.map(|s| s.to_string()).as_deref(), Some("AAPL"));
    let used = crate::features::registry().iter().filter(|f| slow.settings.features.uses(f)).count();
    assert_eq!(used, 21, "twenty of momentum and one by name");
    assert_eq!(loaded.settings.ib.port, 4001);
    assert_eq!(slow.origins["validation.test_blocks"], Origin::Env { name: "NIGHTDESK__TURBOMODE__VALIDATION__TEST_BLOCKS".into() });
    assert_eq!(slow.origins["validation.holdout_days"], Origin::File { path: dir.path().join("turbomode.toml"), line: 3 });
    assert_eq!(fast.origins["validation.holdout_days"], Origin::Default);
    let slips =
        [("NIGHTDESK__TURBOMOD__METADATA__VERSION", "2"), ("NIGHTDESK__TURBOMODE__METADATA__VERSIO", "2"), ("NIGHTDESK__SLIPSTREAM", "x")];
    insta::assert_snapshot!(report("", &slips));
}

#[test]
fn no_table_of_the_settings_is_named_like_a_strategy() {
    let settings = serde_json::to_value(Settings::default()).unwrap();
    for s in Strategy::ALL {
        assert!(settings.get(s.name()).is_none(), "{s} would take its variables");
    }
}

#[test]
fn the_hash_tells_any_change_of_a_rule() {
    let base = StrategySettings::shipped(Strategy::Turbomode).unwrap();
    let mut other = base.clone();
    assert_eq!(base.hash(), other.hash());
    other.promotion_gates.g9_max_drawdown += 1e-12;
    assert_ne!(base.hash(), other.hash());
    assert_eq!(base.row_hash(), other.row_hash(), "no row depends on a gate");
    assert_ne!(base.hash(), StrategySettings::shipped(Strategy::Slipstream).unwrap().hash());
    let changes: [fn(&mut StrategySettings); 4] = [
        |s| s.validation.label.atr_multiple = 2.5,
        |s| s.regime_labeling.crash_z = -2.5,
        |s| s.features.sources.truncate(1),
        |s| s.features.benchmark = "AAPL".parse().ok(),
    ];
    for change in changes {
        let mut other = base.clone();
        change(&mut other);
        assert_ne!(base.row_hash(), other.row_hash());
    }
}

#[test]
fn a_reload_names_the_rules_that_changed_and_keeps_them() {
    let (_a, start) = run("", &[]);
    let (_b, edited) = run("[validation]\nholdout_days = 400\n", &[]);
    let (start, edited) = (start.unwrap(), edited.unwrap());
    let reloaded = Reloaded::new(&start, &edited);
    assert_eq!((reloaded.applied.len(), reloaded.waiting.len()), (0, 0));
    assert_eq!(reloaded.rules, ["turbomode.validation.holdout_days"]);
    assert_eq!(reloaded.known.strategies.get(Strategy::Turbomode).settings.validation.holdout_days, 400);
    assert!(Reloaded::new(&reloaded.known, &edited).rules.is_empty());
    assert_ne!(reloaded.hash, Reloaded::new(&start, &start).hash);
}

#[test]
fn numbers_of_a_regime_are_found_by_its_name() {
    let s = StrategySettings::shipped(Strategy::Turbomode).unwrap();
    let weights = Regime::ALL.map(|r| s.regime_weighted_loss.weights.of(r));
    assert_eq!(weights, [0.8, 1.0, 1.3, 2.0, 1.5]);
    assert!((s.balanced_sampling.shares.sum() - 1.0).abs() < 1e-12);
    for r in Regime::ALL {
        assert_eq!((r.name(), r.name().parse()), (r.to_string().as_str(), Ok(r)));
    }
}
