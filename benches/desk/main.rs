//! Whole runs, measured from outside: how fast bars go from the gateway into the database, what a night takes, and
//! what the console costs while it waits and while it works, and what the control API bears.
//!
//! `cargo bench --bench desk -- [whole-path|top-up|first-fill|idle|keys|attach|streams|commands] [--runs N]`; all of them without a name.
//! The first two and the last two drive an engine in this process; the others watch the built binary, through `/proc` and a
//! pseudo-terminal of their own, and need Linux with util-linux's `setsid`.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a bench that cannot run has nothing to measure")]

mod console;
mod control;
mod figures;
mod pipeline;
mod process;
mod terminal;

use std::env;

/// A measurement: its name, how often it is taken unless `--runs` says, and how.
type Scenario = (&'static str, usize, fn(usize));

const SCENARIOS: [Scenario; 8] = [
    ("whole-path", 5, pipeline::whole_path),
    ("top-up", 3, pipeline::top_up),
    ("first-fill", 3, process::first_fill),
    ("idle", 3, console::idle),
    ("keys", 3, console::keys),
    ("attach", 5, control::attach),
    ("streams", 3, control::streams),
    ("commands", 3, control::commands),
];

fn main() {
    let mut args = env::args().skip(1);
    let (mut asked, mut runs, mut measures) = (Vec::new(), None, false);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // Cargo says this when it measures, and nothing when it only tests that the target starts.
            "--bench" => measures = true,
            "--runs" => runs = Some(args.next().and_then(|n| n.parse().ok()).expect("--runs takes a number")),
            name if SCENARIOS.iter().any(|s| s.0 == name) => asked.push(arg),
            other => panic!("there is no measurement {other:?}; there are {}", SCENARIOS.map(|s| s.0).join(", ")),
        }
    }
    if asked.is_empty() && !measures {
        return;
    }
    for (name, usual, measure) in SCENARIOS {
        if asked.is_empty() || asked.iter().any(|a| a == name) {
            println!("\n{name}: {} runs, load {}", runs.unwrap_or(usual), figures::load());
            measure(runs.unwrap_or(usual));
        }
    }
}
