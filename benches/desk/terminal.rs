//! The built binary's console on a pseudo-terminal that this process reads.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// A console and the terminal it believes in.
pub struct Terminal {
    pub child: Child,
    keyboard: File,
    screen: Receiver<(Instant, Vec<u8>)>,
    tail: Vec<u8>,
}

impl Terminal {
    /// Starts `nightdesk --demo` on `data`, 120 columns by 40 rows.
    pub fn open(data: &Path) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let path = Path::new(std::ffi::OsStr::from_bytes(name.as_bytes())).to_owned();
        let slave = OpenOptions::new().read(true).write(true).open(path).unwrap();
        let child = Command::new("setsid")
            .args(["--ctty", env!("CARGO_BIN_EXE_nightdesk"), "--demo", "--data-dir"])
            .arg(data)
            .env("NIGHTDESK_CONFIG_DIR", data)
            .envs([("NIGHTDESK__CONSOLE__THEME", "dark"), ("TERM", "xterm-256color"), ("COLORTERM", "truecolor"), ("LANG", "C.UTF-8")])
            .stdin(Stdio::from(slave.try_clone().unwrap()))
            .stdout(Stdio::from(slave.try_clone().unwrap()))
            .stderr(Stdio::from(slave))
            .spawn()
            .expect("the console needs util-linux's setsid");
        let keyboard = File::from(master);
        let mut reader = keyboard.try_clone().unwrap();
        let (sender, screen) = channel();
        thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while let Ok(n) = reader.read(&mut buffer) {
                if n == 0 || sender.send((Instant::now(), buffer[..n].to_vec())).is_err() {
                    break;
                }
            }
        });
        Self { child, keyboard, screen, tail: Vec::new() }
    }

    pub fn press(&mut self, keys: &[u8]) -> Instant {
        self.tail.clear();
        let at = Instant::now();
        self.keyboard.write_all(keys).unwrap();
        at
    }

    /// Reads the screen for `time`, or until the console closes it.
    pub fn watch(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if self.screen.recv_timeout(left).is_err() && self.child.try_wait().unwrap().is_some() {
                return;
            }
        }
    }

    /// When `word` reached the screen; it may come in pieces. `None` after `patience`.
    pub fn wait_for(&mut self, word: &str, patience: Duration) -> Option<Instant> {
        let until = Instant::now() + patience;
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            let (at, bytes) = self.screen.recv_timeout(left).ok()?;
            self.tail.extend_from_slice(&bytes);
            if self.tail.windows(word.len()).any(|w| w == word.as_bytes()) {
                return Some(at);
            }
        }
        None
    }

    /// What came since the last key, with its control codes spelled out.
    pub fn seen(&self) -> String {
        String::from_utf8_lossy(&self.tail).escape_debug().collect()
    }

    /// Leaves the console as a user would, and waits for its end.
    pub fn quit(mut self) {
        self.press(b"\x1b");
        self.watch(Duration::from_millis(200));
        self.press(b"\x03");
        self.watch(Duration::from_millis(200));
        self.press(b"\x03");
        self.watch(Duration::from_secs(20));
        if self.child.try_wait().unwrap().is_none() {
            self.child.kill().unwrap();
            panic!("the console did not leave");
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Nothing to do where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
