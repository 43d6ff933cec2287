//! A daemon on a desk of its own, with a service manager's socket to listen to.

use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use nightdesk::store::master::Holder;
use rustix::process::{Pid, Signal, kill_process};

use crate::desk::{Desk, Ran};

/// Longest wait for a state; machines under load are slow.
pub const PATIENCE: Duration = Duration::from_secs(30);

const UNIVERSE: &str = "[\"Information Technology\"]\nAAPL = \"Apple\"\nMSFT = \"Microsoft\"\n\n[Crypto]\nBTC-USD = \"Bitcoin\"\n";
pub const SETTINGS: &str =
    "[ingest]\nworkers = 2\n\n[ingest.history]\n\"1m\" = \"4d\"\n\"30m\" = \"20d\"\n\"1d\" = \"500d\"\n\n[store]\ndisk_floor_mib = 16\n";

/// A desk with a small universe and a short history.
pub fn small() -> Desk {
    let desk = Desk::new();
    desk.write("config/universe.toml", UNIVERSE);
    desk.write("config/nightdesk.toml", SETTINGS);
    desk
}

/// Waits until `found` gives something.
pub fn wait<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(t) = found() {
            return t;
        }
        assert!(began.elapsed() < PATIENCE, "this never came: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// A running daemon and its service manager.
pub struct Daemon {
    pub child: Child,
    manager: UnixDatagram,
}

impl Daemon {
    /// Starts one and waits until it says that it is ready.
    pub fn start(desk: &Desk) -> Self {
        Self::start_with(desk, &["--demo", "--daemon"], &[])
    }

    pub fn start_with(desk: &Desk, arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let mut daemon = Self::spawn(desk, arguments, env);
        daemon.wait_for("READY=1");
        daemon
    }

    pub fn spawn(desk: &Desk, arguments: &[&str], env: &[(&str, &str)]) -> Self {
        let mut command = desk.command(arguments);
        command.envs(env.iter().copied());
        Self::of(desk, command)
    }

    /// Runs a command as a service manager does.
    pub fn of(desk: &Desk, mut command: Command) -> Self {
        let socket = desk.path("notify.sock");
        drop(std::fs::remove_file(&socket));
        let manager = UnixDatagram::bind(&socket).unwrap();
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        command.env("NOTIFY_SOCKET", &socket);
        Self { child: command.spawn().unwrap(), manager }
    }

    /// The next message to the service manager.
    pub fn told(&self) -> String {
        let mut text = [0; 4096];
        let n = self.manager.recv(&mut text).unwrap();
        String::from_utf8(text[..n].to_vec()).unwrap()
    }

    /// Waits until the manager is told `words`, and gives the whole message.
    pub fn wait_for(&mut self, words: &str) -> String {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the daemon ended ({status}) before it said {words}: {:?}", self.said());
            }
            let told = self.told();
            if told.contains(words) {
                return told;
            }
            assert!(began.elapsed() < PATIENCE, "the manager was never told {words}");
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// Waits for the end; how it ended, and how long that took.
    pub fn ended(&mut self) -> (ExitStatus, Duration) {
        let began = Instant::now();
        let status = wait("the end of the daemon", || self.child.try_wait().unwrap());
        (status, began.elapsed())
    }

    /// Standard error of a daemon that has ended.
    pub fn said(&mut self) -> String {
        let mut text = String::new();
        if let Some(mut err) = self.child.stderr.take() {
            drop(err.read_to_string(&mut text));
        }
        text
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub fn holder(desk: &Desk) -> Holder {
    Holder::of(&desk.path("data-demo/market_data.db")).unwrap()
}

/// A plain request over the socket that the lock file names.
pub fn get(desk: &Desk, path: &str) -> String {
    let mut stream = UnixStream::connect(holder(desk).socket.unwrap()).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Waits until the log holds `words`.
pub fn logged(desk: &Desk, words: &str) -> Ran {
    wait(words, || {
        let ran = desk.run(&["--demo", "logs", "-n", "5000"]);
        ran.out.contains(words).then_some(ran)
    })
}
