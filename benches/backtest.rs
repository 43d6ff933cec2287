//! A backtest of 200,000 predictions from the strategy's database and back into it: 80 shares, ten years of sessions, two
//! predictions in three to trade, the shipped rules with their 2,000 draws of the bootstrap. Bars are in memory.
#![expect(clippy::unwrap_used, reason = "a bench whose database refuses its input has nothing to measure")]

use std::path::Path;
use std::time::Instant;

use chrono::NaiveDate;
use nightdesk::config::strategy::{ProfileName, StrategySettings};
use nightdesk::features::bars::Adjusted;
use nightdesk::labels::Class;
use nightdesk::market::{Calendar, DAY, Regime, Strategy, Symbol, SystemClock, date_to_ts};
use nightdesk::scan::backtest::{Market, Order, TestedRun, replay};
use nightdesk::store::model::{
    FoldPrediction, ModelDb, ModelKind, NewModel, NewModels, NewTraining, TestBlock, TestRecord, TrainingIdentity,
};
use nightdesk::train::model_views::ModelState;
use nightdesk::train::nulls::Walk;
use serde_json::json;
use tokio_util::sync::CancellationToken;

const SYMBOLS: usize = 80;
const ROWS: usize = 200_000;
const BLOCKS: usize = 4;
/// Sessions before the first prediction: the range of the barriers, and what was learnt.
const LEAD: usize = 60;
const RUNS: usize = 5;

fn main() {
    let rules = StrategySettings::shipped(Strategy::Turbomode).unwrap();
    let (market, predictions, record) = made(&rules);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("turbomode.db");
    let (mut db, model_id) = stocked(&path, &rules);
    let begun = Instant::now();
    let empty = size(&path);
    db.put_fold_predictions(model_id, &predictions, &record, "0123456789abcdef").unwrap();
    db.close().unwrap();
    let mib = (size(&path) - empty) as f64 / f64::from(1 << 20);
    println!("{ROWS} predictions kept in {:.2} s, {mib:.1} MiB", begun.elapsed().as_secs_f64());

    let mut seconds: Vec<[f64; 4]> = Vec::new();
    for _ in 0..RUNS {
        let mut db = open(&path);
        let begun = Instant::now();
        let trials = db.reader().trials().unwrap();
        let record = db.reader().test_record(1).unwrap().unwrap();
        let predictions = db.reader().out_of_fold(model_id).unwrap();
        let read = begun.elapsed().as_secs_f64();
        let (state, snapshot) = (ModelState::Rejected, String::new());
        let run = TestedRun { run_id: 1, model_id, state, seed: 1, snapshot, record, predictions };
        let stop = CancellationToken::new();
        let (strategy, snapshot) = (Strategy::Turbomode, "");
        let made = replay(&Order { strategy, run: &run, rules: &rules, market: &market, snapshot, trials: &trials, stop: &stop }).unwrap();
        let replayed = begun.elapsed().as_secs_f64() - read;
        db.put_backtest(&made.report, &made.curve, &made.trades).unwrap();
        let all = begun.elapsed().as_secs_f64();
        seconds.push([all, read, replayed, all - read - replayed]);
        db.close().unwrap();
        if seconds.len() == 1 {
            println!("{} decisions, {} trades", made.report.source.decisions, made.trades.len());
        }
    }
    for (k, name) in ["whole", "read", "replayed", "stored"].into_iter().enumerate() {
        let mut of: Vec<f64> = seconds.iter().map(|s| s[k]).collect();
        of.sort_by(f64::total_cmp);
        println!("{name:<9} {:.3} s ({:.3} to {:.3})", of[RUNS / 2], of[0], of[RUNS - 1]);
    }
}

/// Walks on the sessions of ten years, and a prediction for each of their days but the first ones.
fn made(rules: &StrategySettings) -> (Market, Vec<FoldPrediction>, TestRecord) {
    let start = date_to_ts(NaiveDate::from_ymd_opt(2014, 1, 2).unwrap());
    let days = ROWS / SYMBOLS;
    let dates: Vec<NaiveDate> = Calendar::Xnys.sessions(start, start + 4_000 * DAY).map(|s| s.date).take(LEAD + days + 20).collect();
    let mut market = Market::default();
    let mut predictions = Vec::with_capacity(ROWS);
    for i in 0..SYMBOLS {
        let bars = Walk::default().bars(&dates, &[5, i as u64]);
        let symbol = Symbol::new(&format!("S{i:02}")).unwrap();
        for (k, date) in dates[LEAD..LEAD + days].iter().enumerate() {
            let decision = Class::ALL[(k * 7 + i * 13) % 3];
            let fold = (k * BLOCKS / days) as u32;
            let edge = 1.05 + ((k * 31 + i * 17) % 100) as f64 / 100.0;
            let regime = Regime::ALL[(k / 40 + i) % Regime::ALL.len()];
            predictions.push(FoldPrediction { symbol, date: *date, fold, p: [0.3, 0.3, 0.4], decision, edge, regime });
        }
        let factor = vec![1.0; bars.len()];
        market.add(symbol, Calendar::Xnys, Adjusted { bars, factor });
    }
    let of = |k: usize| {
        let place = |k: usize| LEAD + (k * days).div_ceil(BLOCKS);
        let (first, last) = (place(k), place(k + 1) - 1);
        let count = predictions.iter().filter(|p| p.fold as usize == k).count();
        TestBlock { first: dates[first], last: dates[last], learnt_to: Some(dates[first - 40]), predictions: count }
    };
    let record = TestRecord { rules: rules.row_hash(), muted: Vec::new(), embargo: 26, blocks: (0..BLOCKS).map(of).collect() };
    (market, predictions, record)
}

fn open(path: &Path) -> ModelDb {
    ModelDb::open(path, Strategy::Turbomode, false, SystemClock::shared()).unwrap()
}

/// A database with a rejected run and its ensemble.
fn stocked(path: &Path, rules: &StrategySettings) -> (ModelDb, i64) {
    let mut db = open(path);
    let identity = TrainingIdentity {
        profile: ProfileName::Quick,
        seed: 1,
        config_version: 1,
        config_hash: rules.hash(),
        definition: String::new(),
        snapshot: String::new(),
        environment_key: String::new(),
    };
    let run_id = db.begin_training(&NewTraining { job_run: None, identity, environment: json!({}) }).unwrap();
    let ensemble = NewModel { kind: ModelKind::Ensemble, metrics: json!({}), attribution: json!([]) };
    let new = NewModels {
        run_id,
        models: vec![ensemble],
        files: Vec::new(),
        trained_to: NaiveDate::from_ymd_opt(2023, 1, 2).unwrap(),
        expires_at: i64::MAX,
        shadow_sessions: 0,
        state: ModelState::Rejected,
        reason: "a bench".into(),
    };
    db.register_models(&new, "bench").unwrap();
    let model_id = db.reader().models(1).unwrap()[0].model_id;
    (db, model_id)
}

/// Bytes of the database and its write-ahead log.
fn size(path: &Path) -> u64 {
    let of = |suffix: &str| std::fs::metadata(format!("{}{suffix}", path.display())).map_or(0, |m| m.len());
    of("") + of("-wal")
}
