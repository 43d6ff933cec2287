//! Nights on which all is well.

use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use nightdesk::config::MaintenanceSettings;
use nightdesk::config::strategy::ProfileName;
use nightdesk::engine::{JobEnd, JobReport, JobStop};
use nightdesk::maintenance::{Outcome, Step, newest_backup};
use nightdesk::market::{Clock, DAY, Strategy};
use nightdesk::store::master::{Reader, restore, verify};
use nightdesk::store::model::files::{model_folder, write_whole};
use nightdesk::store::model::{ModelDb, ModelKind, ModelReader, NewModel, NewModels, NewTraining, TrainingIdentity};
use nightdesk::train::model_views::ModelState;
use serde_json::json;
use tokio::sync::mpsc;

use crate::{Desk, NIGHT, fill, names};

#[tokio::test]
async fn a_night_leaves_a_checked_backup_of_everything_and_packed_logs() {
    let desk = Desk::new();
    let writer = desk.writer();
    fill(&writer, "AAPL", 20_000).await;
    fill(&writer, "MSFT", 500).await;
    std::fs::write(desk.data().join("scheduler_state.json"), "{\"on\":true}").unwrap();
    let strategy = desk.data().join("slipstream.db");
    ModelDb::open(&strategy, Strategy::Slipstream, true, desk.clock.clone()).unwrap().close().unwrap();
    let logs = desk.data().join("logs");
    std::fs::create_dir(&logs).unwrap();
    for (day, text) in [("2024-02-01", "old\n"), ("2024-02-02", "at the limit\n"), ("2024-03-02", "new\n")] {
        let path = logs.join(format!("nightdesk.{day}.log"));
        std::fs::write(&path, text.repeat(1000)).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o640)).unwrap();
    }

    let ran = desk.run(&writer).await;
    assert!(matches!(&ran.end, JobEnd::Succeeded { failures: 0, note: None, .. }), "{ran:?}");
    assert_eq!(ran.steps(Outcome::Done), Step::ALL);
    assert_eq!((ran.summary().rows, ran.step(Step::Drill).rows), (20_500, Some(20_500)));
    assert!(ran.story.iter().any(|l| l == "Writing a backup"), "{:?}", ran.story);

    let backup = desk.backups().join("backup-20240303T020000Z");
    assert_eq!(names(&desk.backups()), ["backup-20240303T020000Z"]);
    assert_eq!(names(&backup), ["backup.json", "market_data.db", "scheduler.db", "scheduler_state.json", "slipstream.db"]);
    for file in names(&backup) {
        assert_eq!(backup.join(&file).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file}");
    }
    assert_eq!(backup.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(newest_backup(&desk.data(), &MaintenanceSettings::default()).map(|(at, _)| at), Some(NIGHT));

    let packed = logs.join("archive/nightdesk.2024-02-01.log.gz");
    assert_eq!(names(&logs), ["archive", "nightdesk.2024-02-02.log", "nightdesk.2024-03-02.log"]);
    assert_eq!(names(&logs.join("archive")), ["nightdesk.2024-02-01.log.gz"]);
    assert_eq!(packed.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    let mut text = String::new();
    GzDecoder::new(std::fs::File::open(packed).unwrap()).read_to_string(&mut text).unwrap();
    assert_eq!(text, "old\n".repeat(1000));

    // The write-ahead log is empty, and the command that restores takes the folder as it is.
    assert_eq!(desk.data().join("market_data.db-wal").metadata().unwrap().len(), 0);
    assert!(ModelReader::open(&backup.join("slipstream.db"), Strategy::Slipstream).unwrap().is_demo().unwrap());
    writer.close().await.unwrap();
    let done = restore(&desk.backups(), &desk.db(), &*desk.clock).unwrap();
    assert_eq!((done.from, done.rows), (backup.join("market_data.db"), 20_500));
}

/// A model of one file that is nothing but bytes, in the database of a strategy.
fn register(desk: &Desk) -> PathBuf {
    let db = desk.data().join("slipstream.db");
    let folder = model_folder(&db);
    let file = write_whole(&folder, "run-1.safetensors", &vec![7; 100_000]).unwrap();
    let mut db = ModelDb::open(&db, Strategy::Slipstream, true, desk.clock.clone()).unwrap();
    let text = || "x".to_owned();
    let identity = TrainingIdentity {
        profile: ProfileName::Demo,
        seed: 1,
        config_version: 1,
        config_hash: text(),
        definition: text(),
        snapshot: text(),
        environment_key: text(),
    };
    let run_id = db.begin_training(&NewTraining { job_run: None, identity, environment: json!({}) }).unwrap();
    let path = folder.join(&file.file);
    let models = NewModels {
        run_id,
        models: vec![NewModel { kind: ModelKind::Ensemble, metrics: json!({}), attribution: json!([]) }],
        files: vec![file],
        trained_to: desk.clock.utc().date_naive(),
        expires_at: desk.clock.now() + DAY,
        shadow_sessions: 20,
        state: ModelState::Shadow,
        reason: text(),
    };
    db.register_models(&models, "test").unwrap();
    db.close().unwrap();
    path
}

#[tokio::test]
async fn files_of_models_are_verified_backed_up_and_rotated_away_with_their_backup() {
    let mut desk = Desk::new();
    (desk.settings.maintenance.keep_daily, desk.settings.maintenance.keep_weekly) = (1, 0);
    let writer = desk.writer();
    fill(&writer, "AAPL", 100).await;
    let live = register(&desk);
    assert!(matches!(desk.run(&writer).await.end, JobEnd::Succeeded { failures: 0, .. }));
    let copy = desk.backups().join("backup-20240303T020000Z/models/slipstream/run-1.safetensors");
    assert_eq!(std::fs::read(copy).unwrap(), vec![7; 100_000]);
    let manifest = std::fs::read_to_string(desk.backups().join("backup-20240303T020000Z/backup.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert!(manifest["bytes"].as_u64().unwrap() > 100_000, "the drill asks for room by it: {manifest}");

    desk.clock.advance(Duration::from_hours(24));
    assert!(matches!(desk.run(&writer).await.end, JobEnd::Succeeded { failures: 0, .. }));
    assert_eq!(names(&desk.backups()), ["backup-20240304T020000Z"], "a backup with models is one of ours");

    desk.clock.advance(Duration::from_hours(24));
    std::fs::write(live, vec![8; 100_000]).unwrap();
    let ran = desk.run(&writer).await;
    assert!(matches!(&ran.end, JobEnd::Failed { error, .. } if error.contains("run-1.safetensors is not what was written")), "{ran:?}");
    assert_eq!(names(&desk.backups()), ["backup-20240304T020000Z"], "no backup is made or removed over damage");
}

#[tokio::test]
async fn rotation_removes_its_own_surplus_and_nothing_else() {
    let mut desk = Desk::new();
    (desk.settings.maintenance.keep_daily, desk.settings.maintenance.keep_weekly) = (2, 0);
    desk.settings.maintenance.backup_dir = "../copies".into();
    let copies = desk.dir.path().join("copies");
    std::fs::create_dir(&copies).unwrap();
    // Not ours: a single backup, a folder of a person, a backup of another desk, a file put into a backup.
    std::fs::write(copies.join("market_data-20200101T000000Z.db"), "mine").unwrap();
    std::fs::create_dir(copies.join("backup-20200101T000000Z")).unwrap();
    let other = copies.join("backup-20200102T000000Z");
    std::fs::create_dir(&other).unwrap();
    std::fs::write(other.join("market_data.db"), "theirs").unwrap();
    std::fs::write(other.join("backup.json"), r#"{"data_dir":"/elsewhere","version":"0","rows":1,"series":1,"bytes":6}"#).unwrap();

    let writer = desk.writer();
    fill(&writer, "AAPL", 500).await;
    for night in 0..5 {
        let ran = desk.run(&writer).await;
        assert!(matches!(ran.end, JobEnd::Succeeded { failures: 0, .. }), "{ran:?}");
        if night == 1 {
            std::fs::write(copies.join("backup-20240304T020000Z/note.txt"), "before the upgrade").unwrap();
        }
        desk.clock.advance(Duration::from_hours(24));
    }
    assert_eq!(
        names(&copies),
        [
            "backup-20200101T000000Z",
            "backup-20200102T000000Z",
            "backup-20240304T020000Z",
            "backup-20240306T020000Z",
            "backup-20240307T020000Z",
            "market_data-20200101T000000Z.db",
        ]
    );
    assert!(verify(&copies.join("backup-20240304T020000Z/market_data.db"), &mut |_, _| {}).unwrap().is_sound());
}

#[tokio::test]
async fn a_run_that_is_stopped_ends_at_once_and_leaves_nothing_half_made() {
    let desk = Desk::new();
    let writer = desk.writer();
    fill(&writer, "AAPL", 60_000).await;
    for step in ["Comparing every bar with its digest", "Writing a backup", "Restoring the newest backup for a try"] {
        let (lines, mut told) = mpsc::channel(1);
        let stop = JobStop::default();
        let (job, stopping) = (desk.job(&writer), stop.clone());
        let work = tokio::spawn(async move { job.work(&JobReport::new(1, lines), &stopping).await });
        while let Some(line) = told.recv().await {
            if line.text == step {
                stop.at_once();
            }
        }
        let end = work.await.unwrap();
        assert!(matches!(end, JobEnd::Cancelled { summary: Some(_) }), "{step}: {end:?}");
        let left = if desk.backups().exists() { names(&desk.backups()) } else { Vec::new() };
        assert!(left.iter().all(|n| !n.starts_with('.')), "{step}: {left:?}");
    }
    assert_eq!(Reader::open(&desk.db()).unwrap().series_states().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_is_dropped_takes_its_unfinished_work_with_it() {
    let desk = Desk::new();
    let writer = desk.writer();
    fill(&writer, "AAPL", 60_000).await;
    let (lines, mut told) = mpsc::channel(1);
    let job = desk.job(&writer);
    let work = tokio::spawn(async move { job.work(&JobReport::new(1, lines), &JobStop::default()).await });
    while told.recv().await.is_some_and(|line| line.text != "Writing a backup") {}
    let began = Instant::now();
    while !desk.backups().exists() || names(&desk.backups()).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "no backup began");
        tokio::task::yield_now().await;
    }
    work.abort();
    assert!(work.await.is_err_and(|e| e.is_cancelled()));
    let began = Instant::now();
    while !names(&desk.backups()).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", names(&desk.backups()));
        tokio::task::yield_now().await;
    }
}
