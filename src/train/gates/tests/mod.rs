//! Each gate passing, failing, at its threshold and without evidence, on a candidate whose worth is known.

mod of_rows;
mod of_runs;

use std::sync::LazyLock;

use chrono::{Days, NaiveDate};

use super::*;
use crate::config::strategy::StrategySettings;
use crate::labels::splits::Proof;
use crate::market::{Regime, Strategy, Symbol};
use crate::random::Stream;
use crate::train::calibrate::by_lift;
use crate::train::metrics::Probabilities;

const PRIOR: Probabilities = [0.3, 0.32, 0.38];
const RESAMPLING: Resampling = Resampling { block: 20, draws: 60, seed: 1 };

fn rule() -> PromotionGates {
    StrategySettings::shipped(Strategy::Turbomode).unwrap().promotion_gates
}

fn day(n: usize) -> NaiveDate {
    NaiveDate::from_ymd_opt(2018, 1, 1).unwrap() + Days::new(n as u64)
}

fn symbol(n: usize) -> Symbol {
    Symbol::new(&format!("S{n}")).unwrap()
}

fn tilted(by: f64) -> Probabilities {
    let raw = [PRIOR[0] * (-by).exp(), PRIOR[1], PRIOR[2] * by.exp()];
    raw.map(|v| v / raw.iter().sum::<f64>())
}

/// 500 dates of twelve symbols whose outcomes follow a tilt that the model knows: direction, and calibrated.
fn rows() -> Vec<Judged> {
    let mut stream = Stream::new(&[77]);
    let row = |i: usize| {
        let p = tilted(0.45 * stream.normal());
        let u = stream.uniform();
        let class = Class::ALL[usize::from(u > p[0]) + usize::from(u > p[0] + p[1])];
        let regime = Regime::ALL[i % Regime::ALL.len()];
        let decision = by_lift(&p, &PRIOR, 0.05);
        Judged { date: day(i / 12), symbol: symbol(i % 12), regime, class, p, prior: PRIOR, uniqueness: 0.16, decision }
    };
    (0..6000).map(row).collect()
}

fn proof() -> Proof {
    let (bound, latest_matured) = (day(0) - Days::new(14), Some(day(0) - Days::new(20)));
    Proof { first: day(0), bound, latest_matured, earliest_test: Some(day(0)), between: Some(13), before_holdout: Some(10), embargo: 10 }
}

fn nulls() -> Vec<NullRun> {
    let shift = |i: u32| {
        let off = (f64::from(i) - 29.5) / 29.5;
        NullRun {
            kind: NullKind::CircularShift,
            auc: Some(0.5 + 0.06 * off),
            balanced_accuracy: Some(0.333 + 0.03 * off),
            macro_f1: Some(0.31 + 0.03 * off),
            passed: false,
        }
    };
    let walk = NullRun { kind: NullKind::RandomWalk, auc: Some(0.51), balanced_accuracy: Some(0.42), macro_f1: Some(0.4), passed: false };
    (0..60).map(shift).chain([walk; 4]).collect()
}

static SOUND: LazyLock<Evidence> = LazyLock::new(|| {
    let mut stream = Stream::new(&[78]);
    let net: Vec<f64> = (0..500).map(|_| 0.0018 + 0.008 * stream.normal()).collect();
    let stressed = net.iter().map(|r| r - 0.0005).collect();
    let trades = (0..240).map(|i| Trade { symbol: symbol(i % 12), net: 0.003 }).collect();
    let hash = || "a1b2".to_owned();
    let integrity = Integrity {
        snapshot: "5ce1".to_owned(),
        open_critical: 0,
        missing_values: 0,
        feature_hash: [hash(), hash()],
        purge: vec![proof(); 6],
        seed: Some(20_130_104),
    };
    Evidence {
        integrity: Some(integrity),
        rows: rows(),
        economics: Some(Economics { net, stressed, trades, sessions_a_year: 252.0 }),
        trials: Some(vec![0.22, 0.15, 0.19, 0.2]),
        nulls: Some(nulls()),
        incumbent: Some(Incumbent::Answers(vec![PRIOR; 6000])),
        shadow_sessions: 20,
    }
});

fn with(change: impl FnOnce(&mut Evidence)) -> Evidence {
    let mut evidence = SOUND.clone();
    change(&mut evidence);
    evidence
}

/// A sound one with rows of a model that knows nothing: outcomes go their own way.
fn clueless() -> Evidence {
    let mut stream = Stream::new(&[79]);
    with(|e| {
        for row in &mut e.rows {
            let u = stream.uniform();
            row.class = Class::ALL[usize::from(u > PRIOR[0]) + usize::from(u > PRIOR[0] + PRIOR[1])];
        }
    })
}

fn status(report: &Report, gate: Gate) -> Status {
    report.results.iter().find(|r| r.gate == gate).unwrap().status
}

#[test]
fn sound_evidence_passes_every_gate_and_is_promoted_after_its_time_as_a_shadow() {
    let report = judge(&SOUND, &rule(), RESAMPLING);
    let failed: Vec<_> = report.results.iter().filter(|r| r.status != Status::Pass).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert_eq!((report.results.len(), &report.verdict), (15, &Verdict::Promote));
    assert!(report.results.is_sorted_by_key(|r| r.gate), "in the order of reports");
    let young = with(|e| e.shadow_sessions = 3);
    assert_eq!(verdict(&report.results, young.shadow_sessions, &rule()), Verdict::Shadow { sessions_left: 17 });
    assert_eq!(report, judge(&SOUND, &rule(), RESAMPLING), "the same seed judges the same");
    let kept: Report = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
    assert_eq!(kept, report);
}

#[test]
fn nothing_passes_for_want_of_evidence() {
    let report = judge(&Evidence::default(), &rule(), RESAMPLING);
    assert!(report.results.iter().all(|r| r.status == Status::Fail && r.sentence.starts_with("Cannot be judged: ")), "{report:#?}");
    let Verdict::Reject { reasons } = &report.verdict else { panic!("{:?}", report.verdict) };
    assert_eq!(reasons.len(), 15);
    assert_eq!(reasons[0], "G0 Cannot be judged: nothing was recorded of the data, the features and the purge.");
}

#[test]
fn a_single_missing_piece_rejects() {
    type Take = fn(&mut Evidence);
    let without: [(Take, Gate); 6] = [
        (|e| e.integrity = None, Gate::Integrity),
        (|e| e.rows.clear(), Gate::Size),
        (|e| e.economics = None, Gate::Economics),
        (|e| e.trials = None, Gate::Economics),
        (|e| e.nulls = None, Gate::NullControl),
        (|e| e.incumbent = None, Gate::Champion),
    ];
    for (take, gate) in without {
        let report = judge(&with(take), &rule(), RESAMPLING);
        assert_eq!(status(&report, gate), Status::Fail, "{gate}");
        assert!(matches!(report.verdict, Verdict::Reject { .. }), "{gate}");
    }
}

#[test]
fn a_model_without_a_clue_is_rejected_by_what_asks_for_one() {
    let report = judge(&clueless(), &rule(), RESAMPLING);
    for gate in
        [Gate::Skill, Gate::Direction, Gate::BalancedAccuracy, Gate::MacroF1, Gate::PrecisionBuy, Gate::PrecisionSell, Gate::Champion]
    {
        assert_eq!(status(&report, gate), Status::Fail, "{gate}");
    }
    assert_eq!((status(&report, Gate::Size), report.muted.len()), (Status::Pass, 0));
}

#[test]
fn figures_read_as_numbers_do() {
    assert_eq!([0.0, -1e-9, 1000.0, 0.5, 0.006_74, -0.25].map(check::figure), ["0", "0.0000", "1000", "0.500", "0.0067", "-0.250"]);
    assert_eq!([0.95, 0.999, 1.0 / 3.0].map(check::percent), ["95 %", "99.9 %", "33.3 %"]);
}
