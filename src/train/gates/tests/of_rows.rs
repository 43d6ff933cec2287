//! Gates that judge out-of-fold predictions.

use super::*;
use crate::train::metrics::Confusion;

fn pool(evidence: &Evidence) -> Pool<'_> {
    Pool::new(&evidence.rows, RESAMPLING)
}

fn ruled(change: impl FnOnce(&mut PromotionGates)) -> PromotionGates {
    let mut rule = rule();
    change(&mut rule);
    rule
}

/// Whether a gate passes by a rule changed like this.
fn passes(gate: impl Fn(&PromotionGates) -> GateResult, change: impl FnOnce(&mut PromotionGates)) -> bool {
    gate(&ruled(change)).status == Status::Pass
}

#[test]
fn size_counts_everything_and_the_exact_number_is_enough() {
    let pool = pool(&SOUND);
    let effective: f64 = pool.iter().map(|r| r.uniqueness).sum();
    let count = |of: fn(&Judged) -> bool| pool.iter().filter(|r| of(r)).count() as u32;
    let (buys, sells) = (count(|r| r.decision == Class::Buy), count(|r| r.decision == Class::Sell));
    let rarest = Class::ALL.iter().map(|k| pool.iter().filter(|r| r.class == *k).count()).min().unwrap() as u32;
    let exact = ruled(|r| {
        (r.g1_min_rows, r.g1_min_effective_rows, r.g1_min_dates) = (6000, effective, 500);
        (r.g1_min_rows_per_class, r.g1_min_buy_decisions, r.g1_min_sell_decisions) = (rarest, buys, sells);
    });
    assert_eq!(integrity::size(&pool, &exact).status, Status::Pass);
    let more: [fn(&mut PromotionGates); 6] = [
        |r| r.g1_min_rows += 1,
        |r| r.g1_min_effective_rows += 0.001,
        |r| r.g1_min_dates += 1,
        |r| r.g1_min_rows_per_class += 1,
        |r| r.g1_min_buy_decisions += 1,
        |r| r.g1_min_sell_decisions += 1,
    ];
    for change in more {
        let mut rule = exact.clone();
        change(&mut rule);
        let result = integrity::size(&pool, &rule);
        assert_eq!(result.status, Status::Fail);
        assert_eq!(result.sentence.matches("is needed").count(), 1, "{}", result.sentence);
    }
}

#[test]
fn bounds_must_exceed_their_thresholds() {
    let pool = pool(&SOUND);
    let gate = |rule: &PromotionGates| skill::skill(&pool, rule);
    let low = gate(&rule()).bound.unwrap();
    assert!(low > 0.0);
    assert!(!passes(gate, |r| r.g2_min_skill = low) && passes(gate, |r| r.g2_min_skill = low.next_down()));

    let gate = |rule: &PromotionGates| skill::direction(&pool, SOUND.nulls.as_deref(), rule);
    let low = gate(&rule()).bound.unwrap();
    assert!(!passes(gate, |r| r.g2b_min_auc = low) && passes(gate, |r| r.g2b_min_auc = low.next_down()));
    let low = gate(&ruled(|r| r.g2b_min_skill = 0.9)).bound.unwrap();
    assert!(!passes(gate, |r| r.g2b_min_skill = low) && passes(gate, |r| r.g2b_min_skill = low.next_down()));

    let gate = |rule: &PromotionGates| skill::balanced_accuracy(&pool, SOUND.nulls.as_deref(), rule);
    let low = gate(&rule()).bound.unwrap();
    assert!(!passes(gate, |r| r.g3_min_balanced_accuracy = low) && passes(gate, |r| r.g3_min_balanced_accuracy = low.next_down()));
}

#[test]
fn figures_must_exceed_what_chance_reaches() {
    type Figure = fn(&mut NullRun) -> &mut Option<f64>;
    let gates: [(Gate, Figure); 3] =
        [(Gate::Direction, |n| &mut n.auc), (Gate::BalancedAccuracy, |n| &mut n.balanced_accuracy), (Gate::MacroF1, |n| &mut n.macro_f1)];
    let pool = pool(&SOUND);
    let result = |gate, nulls: &[NullRun]| match gate {
        Gate::Direction => skill::direction(&pool, Some(nulls), &rule()),
        Gate::BalancedAccuracy => skill::balanced_accuracy(&pool, Some(nulls), &rule()),
        _ => skill::macro_f1(&pool, Some(nulls), &rule()),
    };
    let reached = Confusion::of(pool.iter().map(|r| (r.class, r.decision, 1.0)));
    let values = [pool.directional_auc().value, reached.balanced_accuracy(), reached.macro_f1()];
    for ((gate, figure), value) in gates.into_iter().zip(values) {
        let all = |v: Option<f64>| {
            let mut nulls = nulls();
            for null in &mut nulls {
                *figure(null) = v;
            }
            result(gate, &nulls)
        };
        assert_eq!(all(value).status, Status::Fail, "{gate}: as much as chance is not more");
        assert_eq!(all(value.map(f64::next_down)).status, Status::Pass, "{gate}");
        let unknown = all(None);
        assert_eq!(unknown.status, Status::Fail);
        assert!(unknown.sentence.contains("by chance is unknown"), "{}", unknown.sentence);
        let few = result(gate, &nulls()[1..]);
        assert!(few.status == Status::Fail && few.sentence.contains("59 of 60 refits on shifted labels"), "{}", few.sentence);
    }
}

#[test]
fn timing_of_volatility_passes_for_skill_but_not_for_direction() {
    let mut stream = Stream::new(&[80]);
    let timing = with(|e| {
        for row in &mut e.rows {
            let hold: f64 = 0.15 + 0.35 * stream.uniform();
            row.p = [(1.0 - hold) * 0.44, hold, (1.0 - hold) * 0.56];
            row.prior = [0.44 * 0.675, 0.325, 0.56 * 0.675];
            let u = stream.uniform();
            row.class = Class::ALL[usize::from(u > row.p[0]) + usize::from(u > row.p[0] + row.p[1])];
        }
    });
    let result = skill::skill(&pool(&timing), &rule());
    assert_eq!(result.status, Status::Pass);
    assert!(result.sentence.contains("AUC of HOLD"), "{}", result.sentence);
    let result = skill::direction(&pool(&timing), Some(&nulls()), &rule());
    assert_eq!(result.status, Status::Fail);
    assert!(result.sentence.starts_with("Does not tell BUY from SELL: AUC of BUY against SELL is 0.4"), "{}", result.sentence);
}

#[test]
fn a_side_without_lift_is_muted_and_two_are_a_failure() {
    // BUY decisions never end in SELL; SELL decisions do less often than other rows.
    let no_sells = with(|e| {
        let sided = e.rows.iter_mut().filter(|r| r.class != Class::Hold);
        for (i, row) in sided.enumerate() {
            row.class = match (row.decision, row.class) {
                (Class::Buy, Class::Sell) => Class::Hold,
                (Class::Sell, _) if i % 20 > 0 => Class::Buy,
                (_, class) => class,
            };
        }
    });
    let [buy, sell] = decisions::precision(&pool(&no_sells), &rule());
    assert_eq!((buy.status, sell.status), (Status::Pass, Status::Muted));
    let report = judge(&no_sells, &rule(), RESAMPLING);
    assert_eq!(report.muted, [Class::Sell]);
    let low = decisions::precision(&pool(&SOUND), &rule()).map(|r| r.bound.unwrap());
    let by = |least: f64| decisions::precision(&pool(&SOUND), &ruled(|r| r.g5_min_precision_lift = least)).map(|r| r.status);
    assert_eq!(by(low[0].max(low[1])), [Status::Fail; 2]);
    assert!(by(low[0].min(low[1])).contains(&Status::Muted));
    assert_eq!(by(low[0].min(low[1]).next_down()), [Status::Pass; 2]);
}

#[test]
fn recall_may_be_exactly_what_is_asked_for() {
    let pool = pool(&SOUND);
    let gate = |rule: &PromotionGates| decisions::recall(&pool, rule);
    let counts = Confusion::of(pool.iter().map(|r| (r.class, r.decision, 1.0)));
    let least = counts.recall(Class::Buy).unwrap().min(counts.recall(Class::Sell).unwrap());
    assert!(passes(gate, |r| r.g6_min_recall = least) && !passes(gate, |r| r.g6_min_recall = least.next_up()));
    let only_buys = with(|e| e.rows.iter_mut().for_each(|r| r.decision = Class::Buy));
    let result = decisions::recall(&Pool::new(&only_buys.rows, RESAMPLING), &rule());
    assert!(result.status == Status::Fail && result.sentence.contains("recall of SELL is 0;"), "{}", result.sentence);
}

#[test]
fn calibration_is_judged_by_distance_and_slope() {
    let pool = pool(&SOUND);
    let gate = |rule: &PromotionGates| reliability::calibration(&pool, rule);
    let distance = gate(&rule()).value.unwrap();
    assert!(passes(gate, |r| r.g7_max_ece = distance) && !passes(gate, |r| r.g7_max_ece = distance.next_down()));
    let slope = gate(&ruled(|r| r.g7_min_slope = 9.0)).value.unwrap();
    assert!((0.8..1.2).contains(&slope), "{slope}");
    assert!(passes(gate, |r| r.g7_min_slope = slope) && !passes(gate, |r| r.g7_min_slope = slope.next_up()));
    assert!(passes(gate, |r| r.g7_max_slope = slope) && !passes(gate, |r| r.g7_max_slope = slope.next_down()));
    let constant = with(|e| e.rows.iter_mut().for_each(|r| r.p = PRIOR));
    let result = reliability::calibration(&Pool::new(&constant.rows, RESAMPLING), &rule());
    assert!(result.status == Status::Fail && result.sentence.contains("slope cannot be measured"), "{}", result.sentence);
}

#[test]
fn harm_in_one_regime_is_enough_and_few_rows_are_not_judged() {
    let harmed = |least: usize| {
        with(|e| {
            for (i, row) in e.rows.iter_mut().enumerate().filter(|(_, r)| r.regime == Regime::Crash) {
                if i / 5 < least {
                    row.p = tilted(if row.class == Class::Buy { -0.4 } else { 0.4 });
                } else {
                    row.regime = Regime::Normal;
                }
            }
        })
    };
    let judged = |rows: usize| reliability::regimes(&Pool::new(&harmed(rows).rows, RESAMPLING), &rule());
    assert_eq!((judged(99).status, judged(100).status), (Status::Pass, Status::Fail));
    assert!(judged(100).sentence.contains("skill in the regime crash is -"), "{}", judged(100).sentence);
    assert_eq!(reliability::regimes(&Pool::new(&SOUND.rows, RESAMPLING), &rule()).status, Status::Pass);
}

#[test]
fn what_is_too_good_is_a_leak() {
    let alarm = |right_of_ten: usize, rows: usize| {
        let leak = with(|e| {
            e.rows.truncate(rows);
            for (i, row) in e.rows.iter_mut().enumerate() {
                row.class = Class::ALL[i % 3];
                row.decision = if i / 3 % 10 < right_of_ten { row.class } else { Class::ALL[(i + 1) % 3] };
            }
        });
        integrity::leak_alarm(&Pool::new(&leak.rows, RESAMPLING), &rule())
    };
    assert_eq!((alarm(6, 3000).status, alarm(7, 3000).status), (Status::Pass, Status::Fail), "exactly .60 is no suspicion");
    assert!(alarm(7, 3000).sentence.starts_with("Too good to be true"));
    assert_eq!((alarm(1, 1000).status, alarm(1, 999).status), (Status::Pass, Status::Fail));
    assert!(alarm(1, 999).sentence.contains("too few"));
    // A large edge turns decisions into HOLD, but not what the probabilities know.
    let hidden = with(|e| {
        for row in &mut e.rows {
            row.decision = Class::Hold;
            row.p = [0.1; 3];
            row.p[row.class.index()] = 0.8;
        }
    });
    assert_eq!(integrity::leak_alarm(&Pool::new(&hidden.rows, RESAMPLING), &rule()).status, Status::Fail);
}

#[test]
fn a_champion_is_beaten_on_the_same_rows_or_stays() {
    let pool = pool(&SOUND);
    let against = |answers: Vec<Probabilities>| champion::champion(&pool, Some(&Incumbent::Answers(answers)), &rule());
    let beaten = champion::champion(&pool, SOUND.incumbent.as_ref(), &rule());
    assert!(beaten.status == Status::Pass && beaten.sentence.contains("better with a chance of 100 %"), "{}", beaten.sentence);
    assert_eq!(champion::champion(&pool, Some(&Incumbent::Vacant), &rule()).status, Status::NotApplicable);
    let equal = against(SOUND.rows.iter().map(|r| r.p).collect());
    assert_eq!((equal.status, equal.bound), (Status::Fail, Some(0.0)), "a draw keeps the champion");
    assert!(against(vec![PRIOR; 5999]).sentence.contains("5999 of 6000"));
    let by = |least| passes(|rule: &PromotionGates| champion::champion(&pool, SOUND.incumbent.as_ref(), rule), |r| r.g10_min_gain = least);
    let low = beaten.bound.unwrap();
    assert!(!by(low) && by(low.next_down()));
    // Knows direction no better than the prior, but when nothing will happen.
    let timer = SOUND.rows.iter().map(|r| if r.class == Class::Hold { [0.15, 0.66, 0.19] } else { [0.36, 0.18, 0.46] });
    let worse = against(timer.collect());
    assert!(worse.status == Status::Fail && worse.sentence.contains("three-class log loss saved a row is -"), "{}", worse.sentence);
}
