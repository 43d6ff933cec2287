//! The console in a terminal that shows everything and answers nothing, as some serial lines and web terminals do.
#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its terminal has failed")]

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

const PATIENCE: Duration = Duration::from_secs(30);

struct Mute {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    seen: Vec<u8>,
}

impl Mute {
    fn open(data: &Path) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = OpenOptions::new().read(true).write(true).open(Path::new(std::ffi::OsStr::from_bytes(name.as_bytes()))).unwrap();
        let child = Command::new("setsid")
            .args(["--ctty", env!("CARGO_BIN_EXE_nightdesk"), "--demo", "--data-dir"])
            .arg(data)
            .env("NIGHTDESK_CONFIG_DIR", data)
            // With `auto` the console would ask for the background and for pictures, and ignore keys while the answer may still come.
            .envs([
                ("TERM", "xterm-256color"),
                ("LANG", "C.UTF-8"),
                ("NIGHTDESK__CONSOLE__THEME", "dark"),
                ("NIGHTDESK__CONSOLE__IMAGES", "off"),
            ])
            .stdin(Stdio::from(slave.try_clone().unwrap()))
            .stdout(Stdio::from(slave.try_clone().unwrap()))
            .stderr(Stdio::from(slave))
            .spawn()
            .unwrap();
        let keyboard = File::from(master);
        let mut reader = keyboard.try_clone().unwrap();
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            // The end of the console is an error here: its side of the terminal is gone.
            while let Ok(n) = reader.read(&mut buffer) {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keyboard, screen, seen: Vec::new() }
    }

    /// Waits until a word is drawn.
    fn wait(&mut self, word: &str) {
        let until = Instant::now() + PATIENCE;
        while !self.seen.windows(word.len()).any(|w| w == word.as_bytes()) {
            let left = until.saturating_duration_since(Instant::now());
            let bytes = self.screen.recv_timeout(left);
            assert!(bytes.is_ok(), "no {word:?} among {} bytes", self.seen.len());
            self.seen.extend(bytes.unwrap());
        }
        self.seen.clear();
    }
}

impl Drop for Mute {
    fn drop(&mut self) {
        // Nothing to do where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_terminal_that_answers_nothing_is_served_all_the_same() {
    if Command::new("setsid").arg("--version").output().is_err() {
        println!("skipped: setsid is not installed");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("universe.toml"), "[Crypto]\nBTC-USD = \"Bitcoin\"\n").unwrap();
    let mut terminal = Mute::open(folder.path());
    terminal.wait("2 Sources");
    let pid = Pid::from_raw(terminal.child.id().cast_signed()).unwrap();
    kill_process(pid, Signal::CONT).unwrap();
    terminal.wait("2 Sources");
    terminal.keyboard.write_all(b"?").unwrap();
    terminal.wait("Everywhere");
    terminal.keyboard.write_all(b"\x03\x03").unwrap();
    terminal.wait("\x1b[?1049l");
    assert!(terminal.child.wait().unwrap().success());
}
