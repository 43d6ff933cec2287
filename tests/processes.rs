//! Whole processes: killed at random moments, two on one folder, signals, and life without a terminal.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test helper that cannot prepare its files has failed its test")]

mod desk;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use desk::Desk;
use nightdesk::market::{Candle, Clock, DAY, Series, SystemClock};
use nightdesk::store::master::{Reader, RunState};
use rustix::process::{Pid, Signal, kill_process};

const UNIVERSE: &str =
    "[\"Information Technology\"]\nAAPL = \"Apple\"\nMSFT = \"Microsoft\"\nKO = \"Coca-Cola\"\n\n[Crypto]\nBTC-USD = \"Bitcoin\"\n";
const SETTINGS: &str =
    "[ingest]\nworkers = 2\n\n[ingest.history]\n\"1m\" = \"4d\"\n\"30m\" = \"20d\"\n\"1d\" = \"500d\"\n\n[store]\ndisk_floor_mib = 16\n";

/// A desk with a small universe and a short history.
fn small() -> Desk {
    let desk = Desk::new();
    desk.write("config/universe.toml", UNIVERSE);
    desk.write("config/nightdesk.toml", SETTINGS);
    desk
}

fn database(desk: &Desk) -> std::path::PathBuf {
    desk.path("data-demo/market_data.db")
}

/// Starts a demo ingest and returns it with the readable end of its progress.
fn ingest(desk: &Desk) -> Child {
    desk.command(&["--demo", "ingest"]).spawn().unwrap()
}

/// Waits until a run is recorded as running.
fn running(desk: &Desk) {
    let began = Instant::now();
    loop {
        let runs = Reader::open(&database(desk)).and_then(|r| r.runs(1)).unwrap_or_default();
        if runs.first().is_some_and(|r| r.state == RunState::Running) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(30), "no run began");
        std::thread::yield_now();
    }
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

type Contents = BTreeMap<String, Vec<(i64, [u64; 5])>>;

/// Final bars before `until`, the horizon's moving edge left out.
fn final_bars(db: &Path, until: i64) -> Contents {
    let reader = Reader::open(db).unwrap();
    let bits = |c: &Candle| (c.ts, [c.open, c.high, c.low, c.close, c.volume].map(f64::to_bits));
    let bars = |s: Series| {
        let from = until - if s.timeframe.is_intraday() { 3 * DAY } else { 450 * DAY };
        reader.bars(s, (from, until), true).unwrap().iter().filter(|c| c.is_final).map(bits).collect()
    };
    reader.series_states().unwrap().iter().map(|s| (s.series.to_string(), bars(s.series))).collect()
}

/// Bars whose requests are on record as answered and which are not there.
fn lost(db: &Path) -> usize {
    let Ok(reader) = Reader::open(db) else { return 0 };
    let mut lost = 0;
    for state in reader.series_states().unwrap() {
        for attempt in reader.attempts(state.series, 20).unwrap() {
            let stored = reader.stamps(state.series, attempt.window).unwrap().len();
            lost += (attempt.bars as usize).saturating_sub(stored);
        }
    }
    lost
}

/// Split-mix: the same moments in every run of the test.
struct Moments(u64);

impl Moments {
    fn next(&mut self, below: Duration) -> Duration {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        below.mul_f64((z >> 11) as f64 / (1_u64 << 53) as f64)
    }
}

/// `NIGHTDESK_KILLS=100 cargo test --test processes killed -- --nocapture` is the long run.
#[test]
fn a_process_killed_at_any_moment_leaves_a_sound_database_and_no_gap_in_its_record() {
    let kills: u32 = std::env::var("NIGHTDESK_KILLS").map_or(5, |n| n.parse().unwrap());
    let calm = small();
    let until = SystemClock::default().now() / DAY * DAY;
    let began = Instant::now();
    calm.ok(&["--demo", "ingest"]);
    let whole = began.elapsed();
    let want = final_bars(&database(&calm), until);
    assert!(want.values().map(Vec::len).sum::<usize>() > 5_000);

    let mut moments = Moments(20_261_122);
    let (mut corrupt, mut torn, mut acknowledged, mut cut_short) = (0, 0, 0, 0);
    let mut desk = small();
    let mut kill = 0;
    while cut_short < kills {
        kill += 1;
        let mut child = ingest(&desk);
        std::thread::park_timeout(moments.next(whole.mul_f64(0.8)));
        child.kill().unwrap();
        let ended = child.wait().unwrap();
        cut_short += u32::from(ended.code().is_none());
        if !database(&desk).exists() {
            continue;
        }
        let verified = desk.run(&["--demo", "verify"]);
        // Nothing at all may be there yet; what is there must be sound.
        let empty = verified.err.contains("there is no database");
        corrupt += u32::from(verified.code != Some(0) && !empty);
        assert!(verified.code == Some(0) || empty, "kill {kill}: {verified:?}");
        acknowledged += lost(&database(&desk));
        // Every fourth desk is completed and compared, and the next begins from nothing.
        if kill % 4 == 0 || cut_short == kills {
            desk.ok(&["--demo", "ingest"]);
            let got = final_bars(&database(&desk), until);
            let differing: Vec<&String> = want.iter().filter(|(name, bars)| got.get(*name) != Some(bars)).map(|(name, _)| name).collect();
            torn += differing.len();
            assert!(differing.is_empty(), "kill {kill}: {differing:?}");
            let runs = Reader::open(&database(&desk)).unwrap().runs(10).unwrap();
            assert!(runs.iter().skip(1).all(|r| r.state != RunState::Running), "{runs:?}");
            desk = small();
        }
    }
    println!("kills in the middle of a run {cut_short}: corrupt {corrupt}, torn {torn}, acknowledged bars lost {acknowledged}");
    assert_eq!((corrupt, torn, acknowledged), (0, 0, 0));
}

#[test]
fn a_second_process_on_the_folder_is_refused_and_names_the_first() {
    let desk = small();
    let mut first = ingest(&desk);
    running(&desk);
    let second = desk.run(&["--demo", "ingest"]);
    assert_eq!(second.code, Some(1), "{second:?}");
    assert!(second.err.contains(&format!("is held by process {}", first.id())), "{second:?}");
    let looked = desk.run(&["--demo", "status"]);
    assert_eq!(looked.code, Some(0), "reading is always allowed: {looked:?}");
    signal(&first, Signal::INT);
    assert_eq!(first.wait().unwrap().code(), Some(130));
}

#[test]
fn demo_and_real_data_do_not_mix() {
    let desk = small();
    let file = desk.write("c.csv", "date,open,high,low,close\n2013-03-01,1,1,1,1\n");
    desk.ok(&["import", "candles", file.to_str().unwrap(), "--symbol", "AAPL", "--timeframe", "1d"]);
    let mixed = desk.run(&["--demo", "ingest", "--data-dir", desk.path("data").to_str().unwrap()]);
    assert!(mixed.code == Some(1) && mixed.err.contains("holds real data"), "{mixed:?}");
    let desk = small();
    desk.ok(&["--demo", "import", "candles", file.to_str().unwrap(), "--symbol", "AAPL", "--timeframe", "1d"]);
    let mixed = desk.run(&["ingest", "--dry-run", "--data-dir", desk.path("data-demo").to_str().unwrap()]);
    assert!(mixed.code == Some(1) && mixed.err.contains("demo data"), "{mixed:?}");
}

#[test]
fn an_interrupt_stops_the_run_politely_and_the_next_one_completes_it() {
    let [desk, _] = [Signal::TERM, Signal::INT].map(|polite| {
        let desk = small();
        let mut child = ingest(&desk);
        running(&desk);
        signal(&child, polite);
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
        assert!(said.contains("Stopping after the requests in flight"), "{said}");
        let run = Reader::open(&database(&desk)).unwrap().runs(1).unwrap().remove(0);
        assert_eq!(run.state, RunState::Cancelled);
        desk
    });
    let (code, next) = desk.json(&["--demo", "ingest", "--json"]);
    assert_eq!((code, next["state"].as_str()), (Some(0), Some("succeeded")), "{next}");
    let (_, again) = desk.json(&["--demo", "ingest", "--json"]);
    assert_eq!(again["summary"]["series_failed"], 0);
    assert!(again["summary"]["inserted"].as_u64().unwrap() < 100, "{again}");
}

#[test]
fn without_a_terminal_the_bare_program_shows_the_status_and_the_demo_runs_one_night() {
    let desk = small();
    // Two years are too few to train on, and the night says so.
    let night = desk.run(&["--demo"]);
    assert_eq!(night.code, Some(1), "{night:?}");
    assert!(night.out.contains("Run 1 done") && night.out.contains("there are no test blocks"), "{night:?}");
    let status = desk.ok(&["--demo", "status"]);
    assert!(status.contains("fresh"), "{status}");
    let desk = small();
    let file = desk.write("c.csv", "date,open,high,low,close\n2013-03-01,1,1,1,1\n");
    desk.ok(&["import", "candles", file.to_str().unwrap(), "--symbol", "AAPL", "--timeframe", "1d"]);
    let bare = desk.run(&[]);
    assert!(bare.code == Some(0) && !bare.out.contains('\u{1b}') && bare.out == desk.ok(&["status"]), "{bare:?}");
}

#[test]
fn raw_prices_imported_from_a_file_show_their_splits() {
    let desk = Desk::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/wiki/AAPL_wiki_2000-2013.csv");
    desk.ok(&["import", "candles", file.to_str().unwrap(), "--symbol", "AAPL"]);
    let (_, listed) = desk.json(&["issues", "list", "--json"]);
    let text = listed.to_string();
    assert!(text.contains("2000-06-21") && text.contains("2005-02-28"), "both splits: {text}");
    let about = |day: &str| {
        listed["issues"].as_array().unwrap().iter().filter(|i| i.to_string().contains(day) && i.to_string().contains("split")).count()
    };
    assert_eq!(about("2000-09-29"), 0, "a crash is not a split: {text}");
}

/// A disk of a few MiB, where this machine lets a user make one.
fn on_small_disk(desk: &Desk, command: &str) -> Option<std::process::Output> {
    let data = desk.path("data-demo");
    std::fs::create_dir_all(&data).unwrap();
    if !Command::new("unshare")
        .args(["-rm", "mount", "-t", "tmpfs", "-o", "size=6m", "none"])
        .arg(&data)
        .status()
        .is_ok_and(|s| s.success())
    {
        return None;
    }
    // A run that hangs would hang the test; two minutes are far more than it needs.
    let script = format!("mount -t tmpfs -o size=6m none {data} && {command}", data = data.display());
    let mut inside = Command::new("unshare");
    inside.args(["-rm", "sh", "-c", &script]).env("NIGHTDESK_CONFIG_DIR", desk.path("config")).env("NIGHTDESK_DATA_DIR", desk.path("data"));
    inside.env("HOME", desk.dir.path()).env("BIN", env!("CARGO_BIN_EXE_nightdesk"));
    Some(inside.output().unwrap())
}

#[test]
fn a_disk_that_fills_up_fails_the_run_in_words_and_leaves_the_rest_sound() {
    let desk = small();
    let settings = SETTINGS.replace("disk_floor_mib = 16", "disk_floor_mib = 0").replace("\"4d\"", "\"28d\"");
    desk.write("config/nightdesk.toml", settings);
    let Some(ran) = on_small_disk(&desk, "timeout 120 $BIN --demo ingest --json; echo code $?; $BIN --demo verify; echo code $?") else {
        println!("skipped: no private file system can be mounted here");
        return;
    };
    let out = String::from_utf8(ran.stdout).unwrap();
    assert!(out.contains("the disk is full"), "{out} {}", String::from_utf8_lossy(&ran.stderr));
    assert!(out.contains("code 1") && out.contains("Sound"), "{out} {}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn progress_goes_to_stderr_and_the_summary_to_stdout() {
    let desk = small();
    let mut child = ingest(&desk);
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("series ") && first.contains("requests "), "{first}");
    let mut out = String::new();
    child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
    assert!(child.wait().unwrap().success() && out.contains("68 series brought up to date, 0 failed"), "{out}");
    assert!(lines.all(|l| l.is_ok_and(|l| !l.contains('\u{1b}'))), "no escape sequences without a terminal");
}
