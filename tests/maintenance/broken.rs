//! Nights on which something is wrong.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nightdesk::config::Settings;
use nightdesk::engine::{JobEnd, JobReport, JobStop};
use nightdesk::maintenance::{Outcome, Step};
use nightdesk::market::{ManualClock, Strategy};
use nightdesk::store::master::verify;
use nightdesk::store::model::ModelDb;
use tokio::sync::mpsc;

use crate::{Desk, NIGHT, Ran, fill, flip_a_bit, job, names, writer};

/// Set for a copy of this test program that plays the process to be killed.
const CHILD: &str = "NIGHTDESK_TEST_CHILD";

fn error(ran: &Ran) -> &str {
    let JobEnd::Failed { error, .. } = &ran.end else { panic!("{ran:?}") };
    error
}

#[tokio::test]
async fn one_flipped_bit_is_found_and_no_backup_is_touched() {
    let mut desk = Desk::new();
    (desk.settings.maintenance.keep_daily, desk.settings.maintenance.keep_weekly) = (1, 0);
    let writer = desk.writer();
    fill(&writer, "AAPL", 20_000).await;
    desk.run(&writer).await;
    writer.close().await.unwrap();
    let before = names(&desk.backups());
    flip_a_bit(&desk.db());
    desk.clock.advance(Duration::from_hours(24));
    let writer = desk.writer();
    let ran = desk.run(&writer).await;
    assert!(matches!(ran.end, JobEnd::Failed { retry: false, .. }));
    assert!(error(&ran).contains("AAPL 1m, 2024-01: a value differs") && error(&ran).contains("nightdesk restore"), "{ran:?}");
    assert_eq!(ran.steps(Outcome::LeftOut), [Step::Checkpoint, Step::Backup, Step::Rotate]);
    // The operator also learns that the last good backup can be restored.
    assert_eq!((ran.step(Step::Drill).outcome, ran.step(Step::Drill).rows), (Outcome::Done, Some(20_000)));
    assert_eq!(names(&desk.backups()), before);
}

#[tokio::test]
async fn a_backup_that_has_gone_bad_is_found_by_the_drill_and_set_aside() {
    let mut desk = Desk::new();
    desk.settings.maintenance.keep_daily = 1;
    let writer = desk.writer();
    fill(&writer, "AAPL", 20_000).await;
    desk.run(&writer).await;
    flip_a_bit(&desk.backups().join("backup-20240303T020000Z/market_data.db"));
    // The clock was set back, so the damaged backup stays the newest.
    desk.clock.jump_to(NIGHT - 86_400);
    let ran = desk.run(&writer).await;
    assert!(error(&ran).contains("a value differs") && error(&ran).contains("not counted as a backup"), "{ran:?}");
    assert_eq!(ran.steps(Outcome::LeftOut), [Step::Rotate]);
    assert_eq!(names(&desk.backups()), ["backup-20240302T020000Z", "backup-20240303T020000Z.bad"]);
    // Another run within the same second makes a backup of its own, and now the rotation goes on.
    assert!(matches!(desk.run(&writer).await.end, JobEnd::Succeeded { failures: 0, .. }));
    assert_eq!(names(&desk.backups()), ["backup-20240302T020001Z", "backup-20240303T020000Z.bad"]);
}

#[tokio::test]
async fn without_space_the_backup_fails_in_words_and_the_rest_is_done() {
    let mut desk = Desk::new();
    let writer = desk.writer();
    fill(&writer, "AAPL", 1000).await;
    desk.settings.store.disk_floor_mib = u64::MAX >> 20;
    let ran = desk.run(&writer).await;
    assert!(error(&ran).contains("backup: ") && error(&ran).contains("MiB free") && error(&ran).contains("backup_dir"), "{ran:?}");
    assert_eq!(ran.steps(Outcome::Failed), [Step::Backup, Step::Disk]);
    assert_eq!(ran.steps(Outcome::LeftOut), [Step::Rotate]);
    assert!(names(&desk.backups()).is_empty());
}

#[tokio::test]
async fn a_file_that_cannot_grow_fails_the_backup_alone() {
    const TEST: &str = "broken::a_file_that_cannot_grow_fails_the_backup_alone";
    if let Some(data) = std::env::var_os(CHILD).map(PathBuf::from) {
        let clock = ManualClock::at(NIGHT);
        let writer = writer(&data.join("market_data.db"), clock.clone());
        let (lines, _told) = mpsc::channel(100);
        let end = job(&data, &writer, clock, Settings::default()).work(&JobReport::new(1, lines), &JobStop::default()).await;
        println!("ended {end:?}");
        return;
    }
    let desk = Desk::new();
    let writer = desk.writer();
    fill(&writer, "AAPL", 30_000).await;
    writer.close().await.unwrap();
    // Half a MiB a file; with the signal ignored, a write beyond it is an error like any other.
    let mut child = Command::new("sh");
    child.args(["-c", "trap '' XFSZ; ulimit -f 1024; exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
    let out = child.args([TEST, "--exact", "--nocapture"]).env(CHILD, desk.data()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(said.contains("ended Failed") && said.contains("backup: "), "{said} {}", String::from_utf8_lossy(&out.stderr));
    assert!(names(&desk.backups()).is_empty());
    assert!(verify(&desk.db(), &mut |_, _| {}).unwrap().is_sound());
}

#[tokio::test]
async fn a_run_killed_in_the_middle_of_a_backup_is_cleaned_up_by_the_next() {
    const TEST: &str = "broken::a_run_killed_in_the_middle_of_a_backup_is_cleaned_up_by_the_next";
    if let Some(data) = std::env::var_os(CHILD).map(PathBuf::from) {
        let clock = ManualClock::at(NIGHT);
        let writer = writer(&data.join("market_data.db"), clock.clone());
        let (lines, mut told) = mpsc::channel(1);
        let job = job(&data, &writer, clock, Settings::default());
        tokio::spawn(async move { job.work(&JobReport::new(1, lines), &JobStop::default()).await });
        while let Some(line) = told.recv().await {
            println!("\ntold {}", line.text);
        }
        return;
    }
    let desk = Desk::new();
    let writer = desk.writer();
    fill(&writer, "AAPL", 120_000).await;
    writer.close().await.unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([TEST, "--exact", "--nocapture"]).env(CHILD, desk.data()).stdout(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|l| l.unwrap() == "told Writing a backup"));
    let began = Instant::now();
    while !desk.backups().exists() || names(&desk.backups()).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "no backup began");
        std::thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let left = names(&desk.backups());
    assert!(left.len() == 1 && left[0].starts_with(".backup-20240303T020000Z-") && left[0].ends_with(".partial"), "{left:?}");
    let writer = desk.writer();
    let ran = desk.run(&writer).await;
    assert!(matches!(ran.end, JobEnd::Succeeded { failures: 0, .. }), "{ran:?}");
    assert_eq!(ran.step(Step::Tidy).text, "1 unfinished removed");
    assert_eq!(names(&desk.backups()), ["backup-20240303T020000Z"]);
}

#[tokio::test]
async fn a_damaged_strategy_database_is_damage_too() {
    let desk = Desk::new();
    let writer = desk.writer();
    fill(&writer, "AAPL", 500).await;
    let path = desk.data().join("turbomode.db");
    ModelDb::open(&path, Strategy::Turbomode, true, desk.clock.clone()).unwrap().close().unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let third = 2 * 16_384;
    bytes[third..third + 16_384].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let ran = desk.run(&writer).await;
    let JobEnd::Failed { error, retry: false, .. } = &ran.end else { panic!("{ran:?}") };
    assert!(error.starts_with("pages: turbomode.db is damaged"), "{error}");
    assert_eq!(ran.step(Step::Backup).outcome, Outcome::LeftOut);
}
