use proptest::prelude::*;

use super::*;
use crate::config::strategy::StrategySettings;
use crate::market::Strategy;

fn rule() -> RegimeLabeling {
    StrategySettings::shipped(Strategy::Turbomode).unwrap().regime_labeling
}

/// What each day shows by itself.
fn shown(close: &[f64], rule: &RegimeLabeling) -> Vec<Option<Regime>> {
    daily(close, &measures(close, rule), rule)
}

/// Closes of small alternating moves, each scaled by `size`.
fn calm(n: usize, size: f64) -> Vec<f64> {
    let mut price = 100.0;
    (0..n)
        .map(|i| {
            // Two periods that share no factor, so that windows differ.
            price *= 1.0 + size * ([0.8, -1.0, 0.6, -0.5, 0.3][i % 5] + [0.1, -0.3, 0.0][i % 3]);
            price
        })
        .collect()
}

fn then(mut closes: Vec<f64>, moves: &[f64]) -> Vec<f64> {
    for m in moves {
        closes.push(closes[closes.len() - 1] * (1.0 + m));
    }
    closes
}

#[test]
fn none_before_there_is_history() {
    let r = regimes(&calm(400, 0.01), &rule());
    assert!(r[..272].iter().all(Option::is_none));
    assert!(r[272..].iter().all(Option::is_some));
    assert!(regimes(&calm(100, 0.01), &rule()).iter().all(Option::is_none));
    assert!(regimes(&[], &rule()).is_empty());
}

#[test]
fn a_fall_is_a_crash_at_once_and_a_rise_from_it_a_recovery() {
    let falls = then(calm(400, 0.005), &[-0.04; 5]);
    let crash = then(then(falls, &[0.0; 20]), &[0.006; 20]);
    let days = shown(&crash, &rule());
    let states = regimes(&crash, &rule());
    let first = days.iter().position(|r| *r == Some(Regime::Crash)).unwrap();
    assert!((400..403).contains(&first), "{first}");
    assert_eq!(states[first], Some(Regime::Crash), "no confirmation");
    let up = days.iter().position(|r| *r == Some(Regime::Recovery)).unwrap();
    assert!(up > first);
    assert!(days[up..up + 3].iter().all(|d| *d == Some(Regime::Recovery)));
    assert_ne!(states[up + 1], Some(Regime::Recovery), "two days do not confirm");
    assert_eq!(states[up + 2], Some(Regime::Recovery));
}

#[test]
fn a_deep_drawdown_needs_a_smaller_move() {
    let rule = rule();
    let slide: Vec<f64> = then(calm(400, 0.02), &[-0.004; 70]);
    let first = shown(&slide, &rule).iter().position(|r| *r == Some(Regime::Crash)).unwrap();
    let day = measures(&slide, &rule)[first].unwrap();
    assert!(day.drawdown <= -0.2 && day.z <= -1.0 && day.z > -2.0, "{day:?}");
    let blind = RegimeLabeling { crash_drawdown: -0.9, ..rule };
    assert_ne!(shown(&slide, &blind)[first], Some(Regime::Crash));
}

#[test]
fn volatility_ranks_within_its_year() {
    let louder = shown(&then(calm(500, 0.004), &calm(60, 0.02).windows(2).map(|w| w[1] / w[0] - 1.0).collect::<Vec<_>>()), &rule());
    assert_eq!(louder[520], Some(Regime::HighVolatility));
    let quieter = shown(&then(calm(500, 0.02), &calm(60, 0.004).windows(2).map(|w| w[1] / w[0] - 1.0).collect::<Vec<_>>()), &rule());
    assert_eq!(quieter[540], Some(Regime::LowVolatility));
}

#[test]
fn a_price_that_never_moves_is_calm() {
    assert!(regimes(&[5.0; 400], &rule())[272..].iter().all(|r| *r == Some(Regime::LowVolatility)));
}

#[test]
fn three_days_leave_a_state() {
    use Regime::{Crash as C, HighVolatility as H, LowVolatility as L, Normal as N};
    let shown = [None, Some(N), Some(H), Some(H), Some(N), Some(H), Some(L), Some(H), Some(C), Some(N), Some(N), Some(N)];
    let want = [None, Some(N), Some(N), Some(N), Some(N), Some(N), Some(N), Some(H), Some(C), Some(C), Some(C), Some(N)];
    assert_eq!(confirmed(&shown, &rule()), want);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_future_changes_nothing(moves in prop::collection::vec(-0.06_f64..0.06, 330..480), keep in 273_usize..330, scale in 0.01_f64..100.0) {
        let closes = then(vec![50.0], &moves);
        let all = regimes(&closes, &rule());
        prop_assert_eq!(&all[..keep], &regimes(&closes[..keep], &rule())[..]);
        // A power of two keeps every bit, so this is exact.
        let scaled: Vec<f64> = closes.iter().map(|c| c * scale.log2().round().exp2()).collect();
        prop_assert_eq!(all, regimes(&scaled, &rule()));
    }
}
