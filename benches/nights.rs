//! A night on a trained data folder: the scan of the universe with a champion that gives signals, and the look at drift after it.
//!
//! `cargo bench --bench nights -- DATA_DIR` works on a copy. The newest models of turbomode are put in service there without
//! their muted sides, whatever the gates said, and no edge is asked for, so that as many signals as a night may give are
//! explained; each run begins with the features up to date and no signal open.
#![expect(clippy::unwrap_used, reason = "a bench whose data folder cannot be used has nothing to measure")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use nightdesk::config::strategy::StrategySettings;
use nightdesk::config::{LoadRequest, load};
use nightdesk::drift::monitor;
use nightdesk::market::{Clock, Strategy, SystemClock};
use nightdesk::scan::WatchOrder;
use nightdesk::scan::night::scan;
use nightdesk::store::master::ReadPool;
use nightdesk::store::model::{ModelDb, ModelKind, NewTraining, upgrade};
use nightdesk::train::gates::Verdict;
use nightdesk::train::registry::{self, Actor, ModelFolder, Scored};
use tokio_util::sync::CancellationToken;

const STRATEGY: Strategy = Strategy::Turbomode;
const RUNS: usize = 5;

fn main() {
    let Some(from) = std::env::args().nth(1).filter(|a| !a.starts_with('-')) else {
        println!("name a trained data folder: cargo bench --bench nights -- DATA_DIR");
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    copy(Path::new(&from), dir.path());
    let path = dir.path().join(STRATEGY.database_file());
    upgrade(&path, STRATEGY, true, SystemClock::shared()).unwrap();
    serve(dir.path());
    let mut rules = StrategySettings::shipped(STRATEGY).unwrap();
    rules.ensemble.min_edge = 0.0;
    (rules.scan.min_price, rules.scan.min_dollar_volume) = (0.0, 0.0);
    let none: [(String, String); 0] = [];
    let universe = load(LoadRequest { config_dir: None, env: none, flags: Vec::new() }).unwrap().universe;
    let (master, clock, stop) = (ReadPool::new(&dir.path().join("market_data.db")), SystemClock::shared(), CancellationToken::new());
    let order = WatchOrder {
        strategy: STRATEGY,
        rules: &rules,
        universe: &universe,
        master: &master,
        data_dir: dir.path(),
        clock: &clock,
        progress: &|_, _| {},
        stop: &stop,
    };
    let mut seconds: [Vec<f64>; 2] = Default::default();
    for _ in 0..=RUNS {
        let conn = rusqlite::Connection::open(&path).unwrap();
        conn.execute_batch("DELETE FROM signal_history; DELETE FROM signals; DELETE FROM scans; DELETE FROM drift_episodes").unwrap();
        drop(conn);
        let begun = Instant::now();
        let mut db = open(&path, &clock);
        let done = scan(&mut db, &order).unwrap();
        db.close().unwrap();
        let scanned = begun.elapsed().as_secs_f64();
        let mut db = open(&path, &clock);
        let looked = monitor::look(&mut db, &order).unwrap();
        db.close().unwrap();
        seconds[0].push(scanned);
        seconds[1].push(begun.elapsed().as_secs_f64() - scanned);
        println!("{} signals, {}; {}", done.scan.signals, done.scan.words, looked.words);
    }
    for (name, mut of) in ["scan", "drift"].into_iter().zip(seconds) {
        // The first brings features up to date.
        of.remove(0);
        of.sort_by(f64::total_cmp);
        println!("{name:<6} {:.3} s ({:.3} to {:.3})", of[RUNS / 2], of[0], of[RUNS - 1]);
    }
}

fn open(path: &Path, clock: &Arc<dyn Clock>) -> ModelDb {
    ModelDb::open(path, STRATEGY, true, Arc::clone(clock)).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (kind, path): (_, PathBuf) = (entry.file_type().unwrap(), entry.path());
        let name = entry.file_name();
        if kind.is_dir() {
            copy(&path, &to.join(name));
        } else if kind.is_file() && !name.to_string_lossy().ends_with(".lock") {
            std::fs::copy(&path, to.join(name)).unwrap();
        }
    }
}

/// Puts the newest models in service, as those of another run that passed.
fn serve(data: &Path) {
    let folder = ModelFolder::new(data, STRATEGY);
    let clock = SystemClock::shared();
    let mut db = open(&data.join(STRATEGY.database_file()), &clock);
    let newest = db.reader().newest_model(ModelKind::Ensemble).unwrap().unwrap();
    let run = db.reader().training(newest.run_id).unwrap().unwrap();
    let models = db.reader().models_of(newest.run_id).unwrap();
    let mut saved = registry::open(db.reader(), &folder, &newest).unwrap();
    println!("{} base models of run {}", saved.header.models.len(), newest.run_id);
    let new = NewTraining { job_run: None, identity: run.identity, environment: run.environment };
    saved.header.run_id = db.begin_training(&new).unwrap();
    saved.header.muted.clear();
    let scored = models.into_iter().map(|m| Scored { kind: m.kind, metrics: m.metrics, attribution: m.attribution }).collect();
    let model = registry::register(&mut db, &folder, &saved, scored, &Verdict::Promote, 3_650).unwrap();
    let baselines = db.reader().drift_baselines(newest.model_id).unwrap();
    db.put_drift_baselines(model.model_id, &baselines).unwrap();
    registry::promote(&mut db, &folder, model.model_id, Actor::Person("bench"), "to be timed", clock.now()).unwrap();
    db.close().unwrap();
}
