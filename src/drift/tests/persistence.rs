//! Columns that depend on their own past: who alarms without a change, and with a fault.

use super::{persistent, rule};
use crate::config::strategy::DriftDetection;
use crate::drift::*;

/// Columns of a data set.
const COLUMNS: u64 = 40;
/// Sessions of the reference, and of a later window.
const SESSIONS: (usize, usize) = (1_000, 63);
const SYMBOLS: usize = 8;

/// The reference and the newest window of a column, of one path: 300 sessions lie between the two.
fn paths(rho: f64, seed: u64) -> (Vec<Frozen>, Vec<Vec<f64>>) {
    let between = 300;
    let column = |number: u64| persistent(SESSIONS.0 + between + SESSIONS.1, SYMBOLS, rho, 1_000 * seed + number);
    let columns: Vec<_> = (0..COLUMNS).map(column).collect();
    let names: Vec<String> = (0..COLUMNS).map(|n| format!("x{n}")).collect();
    let dates = &columns[0].0[..SESSIONS.0 * SYMBOLS];
    let frozen = of_columns(dates, &names, |c| columns[c].1[..SESSIONS.0 * SYMBOLS].to_vec(), &rule());
    (frozen, columns.into_iter().map(|(_, values)| values[(SESSIONS.0 + between) * SYMBOLS..].to_vec()).collect())
}

fn night(frozen: &[Frozen], windows: &[Vec<f64>], rule: &DriftDetection) -> Night {
    let measured = |(f, window): (&Frozen, &Vec<f64>)| Measured {
        subject: f.baseline.subject.clone(),
        family: Family::Features,
        shift: compare(&f.baseline, window, rule.smoothing),
        ks: f.kolmogorov_smirnov(window),
        uncalibrated: Uncalibrated::of(&f.baseline),
    };
    judge(&frozen.iter().zip(windows).map(measured).collect::<Vec<_>>(), rule)
}

#[test]
fn persistence_alone_raises_levels_and_no_alarm() {
    for rho in [0.0, 0.6, 0.9, 0.95] {
        let (mut drifted, mut significant, mut judged) = (0, 0, 0);
        for seed in 1..3 {
            let (frozen, windows) = paths(rho, seed);
            let found = night(&frozen, &windows, &rule());
            judged += found.features;
            drifted += found.drifted;
            significant += found.subjects.iter().filter(|s| s.figures.unwrap().ks.unwrap().p < 0.05).count();
        }
        println!("rho {rho}: {drifted} drifted, {significant} with a KS p below 0.05, of {judged}");
        assert!(judged == 80 && drifted <= 1, "rho {rho}: {drifted} of {judged}");
        assert!(rho < 0.9 || significant > 40, "{significant}: persistence is no trap here");
    }
}

/// What a value of a row becomes.
type Fault = fn(usize, f64) -> f64;

#[test]
fn a_fault_in_one_column_of_many_alarms() {
    let (frozen, windows) = paths(0.6, 9);
    let faults: [(&str, Fault, usize); 4] = [
        ("ten times", |_, v| 10.0 * v, 10),
        ("stuck", |_, _| 0.3, 10),
        ("a third missing", |row, v| if row % 3 == 0 { f64::NAN } else { v }, 10),
        // The columns have a standard deviation of 1.04. A column that lay low in its window is only back in the middle.
        ("one sigma up", |_, v| v + 1.04, 9),
    ];
    for (name, fault, least) in faults {
        let alarms = (0..10).filter(|broken| {
            let mut windows = windows.clone();
            windows[*broken] = windows[*broken].iter().enumerate().map(|(row, v)| fault(row, *v)).collect();
            let found = night(&frozen, &windows, &rule());
            assert!(found.drifted <= 1, "{name}: others alarm too");
            found.subjects[*broken].verdict == Judgement::Drifted
        });
        let alarms = alarms.count();
        assert!(alarms >= least, "{name}: {alarms} of 10");
    }
}
