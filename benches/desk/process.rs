//! The built binary as a child process: its memory and its processor time, from `/proc`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::console::nightdesk;
use super::figures::Figures;

/// Time between two looks at a child's memory.
const LOOK: Duration = Duration::from_millis(20);

/// A running process, seen from outside.
pub struct Process(u32);

impl Process {
    pub fn of(child: &Child) -> Self {
        Self(child.id())
    }

    /// A size of `/proc/PID/status`, MiB; 0 when the process is gone.
    pub fn status_mib(&self, field: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0)).unwrap_or_default();
        let line = status.lines().find(|l| l.starts_with(field)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|n| n.parse::<f64>().ok()).unwrap_or(0.0) / 1024.0
    }

    /// Processor time of all threads so far, ended ones included, in steps of a hundredth of a second (proc(5)).
    pub fn cpu(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.0)).expect("the process lives");
        let (_, fields) = stat.rsplit_once(") ").expect("the name is in brackets");
        // Without process id and name, user and system time are the 12th and 13th.
        let ticks: u64 = fields.split(' ').skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * ticks)
    }

    /// The highest resident memory of a child until its end, MiB, and the seconds that took.
    fn peak(mut child: Child) -> (f64, f64) {
        let (process, start) = (Self::of(&child), Instant::now());
        let mut peak = 0.0;
        loop {
            let ended = child.try_wait().unwrap();
            if let Some(status) = ended {
                assert!(status.success(), "{status}");
                return (peak, start.elapsed().as_secs_f64());
            }
            peak = f64::max(peak, process.status_mib("VmHWM"));
            thread::sleep(LOOK);
        }
    }
}

/// A first fill of the shipped universe and history into `data`, on the simulators in the same process.
pub fn fill(data: &Path) {
    assert!(nightdesk(data).args(["--demo", "ingest"]).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().success());
}

/// Peak memory and wall time of a first fill: with the simulators in the process, and with both in others.
pub fn first_fill(runs: usize) {
    let (mut demo, mut demo_s) = (Figures::default(), Figures::default());
    let (mut alone, mut alone_s) = (Figures::default(), Figures::default());
    for _ in 0..runs {
        let dir = tempfile::tempdir().unwrap();
        let (peak, seconds) = Process::peak(quiet(nightdesk(dir.path()).args(["--demo", "ingest"])));
        demo.add(peak);
        demo_s.add(seconds);

        let dir = tempfile::tempdir().unwrap();
        let gateway = Simulator::start(dir.path(), "ib-gateway");
        let yahoo = Simulator::start(dir.path(), "yahoo");
        let mut ingest = nightdesk(dir.path());
        ingest.arg("ingest").envs(gateway.variables.iter().chain(&yahoo.variables).cloned());
        // The pace of the real Yahoo would only make the run longer.
        let (peak, seconds) = Process::peak(quiet(ingest.env("NIGHTDESK__YAHOO__REQUESTS_PER_SECOND", "20")));
        alone.add(peak);
        alone_s.add(seconds);
    }
    println!("  80 symbols: 30 days of 1m, 1 year of 30m, 10 years of 1d, splits, dividends, fundamentals, metadata");
    alone.print("peak memory, simulators in other processes", "MiB", "<= 300");
    demo.print("peak memory, simulators in the process (--demo)", "MiB", "<= 300");
    alone_s.print("wall time, simulators in other processes", "s", "");
    demo_s.print("wall time, --demo (15 ms a request)", "s", "");
}

fn quiet(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// A simulator in a process of its own; it ends with this.
struct Simulator {
    child: Child,
    variables: Vec<(String, String)>,
}

impl Simulator {
    fn start(data: &Path, which: &str) -> Self {
        let mut command = nightdesk(data);
        let mut child = command.args(["sim", which, "--port", "0"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let wanted = if which == "yahoo" { 2 } else { 1 };
        let variables: Vec<_> =
            lines.filter_map(|l| l.trim().split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()))).take(wanted).collect();
        assert_eq!(variables.len(), wanted, "the simulator says where it listens");
        Self { child, variables }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
