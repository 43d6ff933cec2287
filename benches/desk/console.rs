//! The console of the built binary on a pseudo-terminal: what it costs at rest, and how soon a key shows under load.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::figures::Figures;
use super::process::{self, Process};
use super::terminal::Terminal;

/// How long an idle console is watched.
const IDLE: Duration = Duration::from_secs(30);
/// Times in a run that the help page is opened and closed.
const ROUNDS: u32 = 100;
/// A word that only the help page shows, and one that only the page under it shows.
const OPENED: &str = "typing";
const CLOSED: &str = "it asks what";

/// Share of a core that an idle console with its engine takes, on a filled folder.
pub fn idle(runs: usize) {
    let dir = tempfile::tempdir().unwrap();
    process::fill(dir.path());
    let (mut share, mut memory) = (Figures::default(), Figures::default());
    for _ in 0..runs {
        let mut terminal = Terminal::open(dir.path());
        let process = Process::of(&terminal.child);
        terminal.watch(Duration::from_secs(5));
        let before = process.cpu();
        terminal.watch(IDLE);
        share.add(100.0 * process.cpu().saturating_sub(before).as_secs_f64() / IDLE.as_secs_f64());
        memory.add(process.status_mib("VmRSS"));
        terminal.quit();
    }
    println!("  console, engine and both simulators in one process, filled folder, 120x40, nobody types, {} s", IDLE.as_secs());
    share.print("processor time", "% of a core", "<= 0.2");
    memory.print("resident memory", "MiB", "");
}

/// Time from a key to the screen while a first fill runs.
pub fn keys(runs: usize) {
    let (mut p50, mut p99, mut inner_p50, mut inner_p99) = (Figures::default(), Figures::default(), Figures::default(), Figures::default());
    for _ in 0..runs {
        let dir = tempfile::tempdir().unwrap();
        let mut terminal = Terminal::open(dir.path());
        terminal.watch(Duration::from_secs(3));
        let mut times: Vec<f64> =
            (0..ROUNDS).flat_map(|n| [press(&mut terminal, b"?", OPENED, n), press(&mut terminal, b"\x1b", CLOSED, n)]).collect();
        assert!(!log(dir.path()).contains("Run ended"), "the fill ended before the last key; take fewer");
        terminal.quit();
        times.sort_by(f64::total_cmp);
        p50.add(times[times.len() / 2]);
        p99.add(times[times.len() * 99 / 100]);
        let log = log(dir.path());
        inner_p50.add(field(&log, "key_p50_us=") / 1000.0);
        inner_p99.add(field(&log, "key_p99_us=") / 1000.0);
    }
    println!(
        "  {} keys a run during the demo's first fill, opening and closing the help page; engine and simulators in the process",
        2 * ROUNDS
    );
    p99.print("from write to the terminal to the page read back, p99", "ms", "<= 16");
    p50.print("the same, p50", "ms", "");
    inner_p99.print("from key taken to frame flushed, by the console, p99", "ms", "");
    inner_p50.print("the same, p50", "ms", "");
}

/// Milliseconds from a key to the word it brings. The pauses between keys drift against the console's frames.
fn press(terminal: &mut Terminal, key: &[u8], word: &str, n: u32) -> f64 {
    let at = terminal.press(key);
    let shown = terminal.wait_for(word, Duration::from_secs(5));
    let shown = shown.unwrap_or_else(|| panic!("round {n}: {word:?} does not come, but {}", terminal.seen()));
    terminal.watch(Duration::from_millis(u64::from(30 + n * 7 % 31)));
    shown.duration_since(at).as_secs_f64() * 1000.0
}

/// All of the folder's log.
fn log(data: &Path) -> String {
    let files = fs::read_dir(data.join("logs")).unwrap();
    files.map(|f| fs::read_to_string(f.unwrap().path()).unwrap()).collect()
}

fn field(log: &str, name: &str) -> f64 {
    let (_, rest) = log.rsplit_once(name).expect("the console logs its figures when it closes");
    rest.split_whitespace().next().and_then(|n| n.parse().ok()).expect("a number")
}

/// The built binary with shipped settings, on `data`.
pub fn nightdesk(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nightdesk"));
    // An empty configuration folder: the shipped settings hold.
    command.arg("--data-dir").arg(data).env("NIGHTDESK_CONFIG_DIR", data);
    command
}
