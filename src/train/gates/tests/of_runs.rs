//! Gates that judge how a run was made: its data, its backtest, its null refits.

use proptest::prelude::*;

use super::check::Check;
use super::*;

#[test]
fn each_fault_of_data_or_procedure_is_named() {
    type Change = fn(&mut Evidence, &mut Integrity);
    let faults: [(Change, &str); 13] = [
        (|_, i| i.snapshot.clear(), "no data snapshot is named"),
        (|_, i| i.open_critical = 2, "2 critical data-quality findings are open"),
        (|_, i| i.missing_values = 7, "7 feature values are no numbers"),
        (|_, i| i.feature_hash[0] = "other".to_owned(), "it learnt with features \"other\", in force are \"a1b2\""),
        (|_, i| i.feature_hash = [String::new(), String::new()], "it learnt with features \"\""),
        (|_, i| i.purge.clear(), "there is no proof"),
        (|_, i| i.purge[3].between = Some(9), "9 sessions lie between the last training label and the first test"),
        (|_, i| i.purge[3].between = None, "an unknown number of sessions lie between"),
        (|_, i| i.purge[3].before_holdout = Some(4), "4 between its last label and the hold-out"),
        (|_, i| i.seed = None, "no seed is logged"),
        (|e, _| e.trials = Some(Vec::new()), "0 trials are logged"),
        (|e, _| e.rows[5].p[0] = f64::NAN, "1 rows hold something that is no probability"),
        (|e, _| e.rows[5].uniqueness = 0.0, "1 rows hold something that is no probability"),
    ];
    for (fault, words) in faults {
        let evidence = with(|e| {
            let mut found = e.integrity.clone().unwrap();
            fault(e, &mut found);
            e.integrity = Some(found);
        });
        let result = integrity::integrity(&evidence);
        assert_eq!(result.status, Status::Fail, "{words}");
        assert!(result.sentence.starts_with("Data or procedure are not sound: ") && result.sentence.contains(words), "{}", result.sentence);
        assert!(!result.sentence.contains(';'), "only what is wrong: {}", result.sentence);
    }
}

fn economics_with(change: impl FnOnce(&mut Economics), rule: &PromotionGates) -> GateResult {
    let mut found = SOUND.economics.clone().unwrap();
    change(&mut found);
    economics::economics(Some(&found), SOUND.trials.as_deref(), rule)
}

#[test]
fn each_way_of_not_earning_is_named() {
    type Change = fn(&mut Economics);
    let faults: [(Change, &str); 7] = [
        (|e| e.net.iter_mut().for_each(|r| *r -= 0.003), "annual Sharpe ratio after costs is -"),
        (|e| e.net.iter_mut().for_each(|r| *r -= 0.0012), "best of 4 trials"),
        (|e| e.stressed.iter_mut().for_each(|r| *r -= 0.003), "at 2 times the costs is -"),
        (|e| e.net[100] = -0.3, "deepest fall"),
        (|e| e.trades.truncate(99), "number of trades is 99; at least 100"),
        (|e| e.trades[1].net = 0.5, "share of the profit from S1, the largest"),
        (|e| e.trades.iter_mut().for_each(|t| t.net = -0.001), "earned nothing"),
    ];
    for (fault, words) in faults {
        let result = economics_with(fault, &rule());
        assert!(result.status == Status::Fail && result.sentence.contains(words), "{words}: {}", result.sentence);
    }
    let unknown = economics_with(|e| e.net[3] = f64::NAN, &rule());
    assert!(unknown.status == Status::Fail && unknown.sentence.contains("cannot be measured"), "{}", unknown.sentence);
    assert_eq!(economics_with(|e| e.trades.truncate(100), &rule()).status, Status::Pass, "exactly enough trades");
    let untold = economics::economics(SOUND.economics.as_ref(), Some(&[]), &rule());
    assert!(untold.sentence.contains("is not recorded"), "{}", untold.sentence);
}

#[test]
fn economic_thresholds_are_met_exactly() {
    let passes = |change: &dyn Fn(&mut PromotionGates)| {
        let mut rule = rule();
        change(&mut rule);
        economics_with(|_| {}, &rule).status == Status::Pass
    };
    let found = SOUND.economics.as_ref().unwrap();
    let depth = crate::train::sharpe::drawdown(&found.net).depth;
    assert!(passes(&|r| r.g9_max_drawdown = depth) && !passes(&|r| r.g9_max_drawdown = depth.next_down()));
    let deflated = economics_with(|_| {}, &PromotionGates { g9_min_deflated_sharpe: 1.1, ..rule() }).value.unwrap();
    assert!(passes(&|r| r.g9_min_deflated_sharpe = deflated) && !passes(&|r| r.g9_min_deflated_sharpe = deflated.next_up()));
    assert!(passes(&|r| r.g9_max_symbol_profit_share = 0.0834) && !passes(&|r| r.g9_max_symbol_profit_share = 0.083));
}

#[test]
fn more_trials_make_the_same_backtest_worth_less() {
    let chance = |trials: &[f64]| {
        let strict = PromotionGates { g9_min_deflated_sharpe: 1.1, ..rule() };
        economics::economics(SOUND.economics.as_ref(), Some(trials), &strict).value.unwrap()
    };
    let few = [0.2, -0.1, 0.05];
    let many: Vec<f64> = few.iter().copied().cycle().take(300).collect();
    assert!(chance(&[0.2]) > chance(&few) && chance(&few) > chance(&many));
}

#[test]
fn a_pipeline_that_promotes_noise_is_blocked() {
    let promoted = |which: std::ops::Range<usize>| {
        let mut runs = nulls();
        runs[which].iter_mut().for_each(|r| r.passed = true);
        control::null_control(Some(&runs), &rule())
    };
    // Three of sixty refits on shifted labels are exactly 5 %; of the four on walks one is too many.
    assert_eq!([promoted(0..0), promoted(0..3), promoted(0..4)].map(|r| r.status), [Status::Pass, Status::Pass, Status::Fail]);
    assert!(promoted(0..4).sentence.starts_with("Finds signals where none are") && promoted(0..4).sentence.contains("4 of 60, 6.7 %"));
    assert!(promoted(63..64).status == Status::Fail && promoted(63..64).sentence.contains("on random walks"));
    let lifted = |auc: f64| {
        let mut runs = nulls();
        runs[..60].iter_mut().for_each(|r| r.auc = Some(auc));
        control::null_control(Some(&runs), &rule())
    };
    assert_eq!([lifted(0.54).status, lifted(0.56).status], [Status::Pass, Status::Fail], "a leak that survives the shift lifts all alike");
    let no_walks = control::null_control(Some(&nulls()[..60]), &rule());
    assert!(no_walks.status == Status::Fail && no_walks.sentence.contains("0 of 4 refits on random walks"), "{}", no_walks.sentence);
}

#[test]
fn a_refit_is_counted_by_direction_and_earnings() {
    assert!(null_passes(&SOUND, &rule(), RESAMPLING));
    assert!(!null_passes(&clueless(), &rule(), RESAMPLING));
    let poor = with(|e| e.economics.as_mut().unwrap().trades.truncate(10));
    assert!(!null_passes(&poor, &rule(), RESAMPLING));
    let run = NullRun::of(NullKind::RandomWalk, &clueless().rows, false);
    assert!((run.auc.unwrap() - 0.5).abs() < 0.05 && (run.balanced_accuracy.unwrap() - 1.0 / 3.0).abs() < 0.03);
    assert_eq!(NullRun::of(NullKind::RandomWalk, &[], false).auc, None);
}

proptest! {
    #[test]
    fn a_stricter_rule_never_passes_what_a_laxer_one_fails(value in prop::option::of(-2.0..2.0_f64), a in -2.0..2.0_f64, b in -2.0..2.0_f64) {
        let (lax, strict) = (a.min(b), a.max(b));
        for rising in [Check::above, Check::at_least] {
            prop_assert!(rising("x", value, lax).passed || !rising("x", value, strict).passed);
        }
        prop_assert!(Check::at_most("x", value, strict).passed || !Check::at_most("x", value, lax).passed);
        prop_assert!(value.is_some() || !Check::at_least("x", value, lax).passed);
        prop_assert!(!Check::above("x", Some(f64::NAN), lax).passed && !Check::at_most("x", Some(f64::NAN), lax).passed);
    }

    #[test]
    fn one_failed_comparison_fails_a_gate(passed in prop::collection::vec(any::<bool>(), 0..6)) {
        let checks: Vec<Check> = passed.iter().map(|p| Check::fact(*p, "w")).collect();
        let status = GateResult::of(Gate::Size, &checks).status;
        prop_assert_eq!(status == Status::Pass, !passed.is_empty() && passed.iter().all(|p| *p));
    }
}
