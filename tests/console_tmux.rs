//! The console as an operator meets it: the built binary in a real terminal (tmux), by keys and by what is on screen.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its terminal has failed")]

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// A terminal of a tmux server of its own, with a shell that runs the console.
struct Terminal {
    dir: tempfile::TempDir,
}

fn there_is_tmux() -> bool {
    let found = Command::new("tmux").arg("-V").output().is_ok_and(|o| o.status.success());
    if !found {
        println!("skipped: tmux is not installed");
    }
    found
}

impl Terminal {
    fn open(width: u16, height: u16) -> Self {
        let terminal = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(terminal.path("config")).unwrap();
        terminal.write(
            "config/universe.toml",
            "[\"Information Technology\"]\nAAPL = \"Apple\"\nMSFT = \"Microsoft\"\n\n[Crypto]\nBTC-USD = \"Bitcoin\"\n",
        );
        terminal.write(
            "config/nightdesk.toml",
            "[ingest.history]\n\"1m\" = \"3d\"\n\"30m\" = \"10d\"\n\"1d\" = \"200d\"\n\n[store]\ndisk_floor_mib = 16\n",
        );
        let (w, h) = (width.to_string(), height.to_string());
        terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", &w, "-y", &h, "env PS1='prompt> ' sh"]);
        terminal
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn tmux(&self, arguments: &[&str]) -> String {
        let out = Command::new("tmux").arg("-S").arg(self.path("tmux")).args(arguments).env("LANG", "C.UTF-8").output().unwrap();
        assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    fn screen(&self) -> String {
        self.tmux(&["capture-pane", "-p", "-t", "t"])
    }

    /// Types a line into the shell.
    fn shell(&self, line: &str) {
        self.tmux(&["send-keys", "-t", "t", "-l", line]);
        self.tmux(&["send-keys", "-t", "t", "Enter"]);
    }

    /// Starts the console and waits for its first screen.
    fn console(&self, more: &str) {
        let line = format!(
            "NIGHTDESK_CONFIG_DIR={} NIGHTDESK_DATA_DIR={} NIGHTDESK_IDLE_FILE={} LANG=C.UTF-8 {} --demo {more}; echo left with $?",
            self.path("config").display(),
            self.path("data").display(),
            self.path("idle").display(),
            env!("CARGO_BIN_EXE_nightdesk"),
        );
        self.write("run.sh", line);
        self.shell(&format!("sh {}", self.path("run.sh").display()));
    }

    /// Waits until the screen holds all the words, and returns it.
    fn wait(&self, words: &[&str]) -> String {
        let began = Instant::now();
        loop {
            let screen = self.screen();
            if words.iter().all(|w| screen.contains(w)) {
                return screen;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "no {words:?} on\n{screen}");
            std::thread::yield_now();
        }
    }

    /// Keys the console has taken so far.
    fn taken(&self) -> u64 {
        let text = std::fs::read_to_string(self.path("idle")).unwrap_or_default();
        text.split_whitespace().find_map(|w| w.strip_prefix("inputs=")).and_then(|n| n.parse().ok()).unwrap_or(0)
    }

    /// Presses keys (tmux names) one by one, waiting until each is taken and drawn.
    fn press(&self, keys: &[&str]) {
        for key in keys {
            let before = self.taken();
            self.tmux(&["send-keys", "-t", "t", key]);
            let began = Instant::now();
            while self.taken() <= before {
                assert!(began.elapsed() < Duration::from_secs(30), "{key} was not taken on\n{}", self.screen());
                std::thread::yield_now();
            }
        }
    }

    /// After the console: the shell's screen and a terminal that echoes again.
    fn is_restored(&self) {
        self.wait(&["left with"]);
        self.shell("stty -a");
        let screen = self.wait(&["icanon"]);
        assert!(!screen.contains("-icanon") && !screen.contains("-echo "), "{screen}");
        assert!(self.tmux(&["display", "-p", "-t", "t", "#{alternate_on} #{cursor_flag}"]).starts_with("0 1"), "{screen}");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        drop(Command::new("tmux").arg("-S").arg(self.path("tmux")).arg("kill-server").output());
    }
}

#[test]
fn an_operator_finds_the_way_through_the_console() {
    if !there_is_tmux() {
        return;
    }
    let t = Terminal::open(120, 40);
    t.console("");
    t.wait(&["DEMO", "Ingest", "Sources", "Logs", "ALL QUIET"]);
    t.press(&["?"]);
    t.wait(&["Everywhere", "Find a command"]);
    t.press(&["Escape", ":"]);
    t.press(&["q", "u", "i"]);
    t.wait(&["Quit"]);
    t.press(&["Escape", "i"]);
    t.wait(&["symbols", "timeframes"]);
    t.press(&["Escape", "Enter"]);
    t.wait(&["AAPL 1d", "Coverage", "provenance"]);
    t.press(&["Escape", "2", "z"]);
    t.wait(&["127.0.0.1"]);
    t.press(&["z", "6"]);
    t.wait(&["Run ended"]);
    t.press(&["F"]);
    assert!(t.screen().to_lowercase().contains("frozen"), "{}", t.screen());
    t.press(&["F"]);
    t.press(&["q"]);
    t.wait(&["Leave the console", "hand over"]);
    t.tmux(&["send-keys", "-t", "t", "s"]);
    t.is_restored();
    assert!(t.screen().contains("left with 0"), "{}", t.screen());
}

#[test]
fn small_screens_are_served_or_told_so() {
    if !there_is_tmux() {
        return;
    }
    for (width, height, words) in [(80, 24, "Ingest"), (60, 15, "Ingest"), (40, 10, "60x15")] {
        let t = Terminal::open(width, height);
        t.console("--ascii");
        t.wait(&[words]);
        t.tmux(&["resize-window", "-t", "t", "-x", "120", "-y", "40"]);
        t.wait(&["Sources"]);
    }
}

#[test]
fn a_polite_kill_restores_the_terminal() {
    if !there_is_tmux() {
        return;
    }
    let t = Terminal::open(100, 30);
    t.console("");
    t.wait(&["DEMO"]);
    let holder = nightdesk::store::master::Holder::of(&t.path("data-demo/market_data.db")).unwrap();
    let pid = rustix::process::Pid::from_raw(holder.pid as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    t.is_restored();
}

#[test]
fn an_engine_is_handed_over_to_a_daemon_and_the_next_console_attaches_to_it() {
    if !there_is_tmux() {
        return;
    }
    let t = Terminal::open(120, 40);
    t.console("");
    t.wait(&["DEMO", "Run ended"]);
    let database = t.path("data-demo/market_data.db");
    let console = nightdesk::store::master::Holder::of(&database).unwrap();
    t.press(&["q"]);
    t.wait(&["hand over"]);
    t.tmux(&["send-keys", "-t", "t", "h"]);
    t.wait(&["A daemon took over, process", "left with 0"]);
    let daemon = nightdesk::store::master::Holder::of(&database).unwrap();
    assert!(daemon.ended_at.is_none() && daemon.pid != console.pid && daemon.role == nightdesk::store::master::Role::Daemon, "{daemon:?}");
    t.shell("clear");
    t.console("");
    t.wait(&["DEMO", &format!("{}", daemon.pid)]);
    t.tmux(&["send-keys", "-t", "t", "q"]);
    t.wait(&["left with 0"]);
    let pid = rustix::process::Pid::from_raw(daemon.pid as i32).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let began = Instant::now();
    while nightdesk::store::master::Holder::of(&database).unwrap().ended_at.is_none() {
        assert!(began.elapsed() < Duration::from_secs(30), "the daemon did not end");
        std::thread::yield_now();
    }
}
