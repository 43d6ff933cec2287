use proptest::prelude::*;

use super::*;

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
    let r = regimes(&calm(400, 0.01), &RegimeRule::default());
    assert!(r[..272].iter().all(Option::is_none));
    assert!(r[272..].iter().all(Option::is_some));
    assert!(regimes(&calm(100, 0.01), &RegimeRule::default()).iter().all(Option::is_none));
    assert!(regimes(&[], &RegimeRule::default()).is_empty());
}

#[test]
fn a_fall_is_a_crash_at_once_and_a_rise_from_it_a_recovery() {
    let falls = then(calm(400, 0.005), &[-0.04; 5]);
    let crash = then(falls, &[0.015; 20]);
    let days = daily(&crash, &RegimeRule::default());
    let states = regimes(&crash, &RegimeRule::default());
    let first = days.iter().position(|r| *r == Some(Regime::Crash)).unwrap();
    assert!((400..403).contains(&first), "{first}");
    assert_eq!(states[first], Some(Regime::Crash), "no confirmation");
    let up = days.iter().position(|r| *r == Some(Regime::Recovery)).unwrap();
    assert!(up > first);
    assert_eq!(states[up + 1], Some(Regime::Crash), "two days do not confirm");
    assert_eq!(states[up + 2], Some(Regime::Recovery));
}

#[test]
fn a_deep_drawdown_needs_a_smaller_move() {
    let rule = RegimeRule::default();
    let slide: Vec<f64> = then(calm(400, 0.02), &[-0.0022; 150]);
    let days = daily(&slide, &rule);
    assert!(days[545..].iter().all(|d| *d == Some(Regime::Crash)), "{:?}", &days[545..]);
    let blind = RegimeRule { crash_drawdown: -0.99, ..rule };
    assert!(daily(&slide, &blind)[545..].iter().all(|d| *d != Some(Regime::Crash)));
}

#[test]
fn volatility_ranks_within_its_year() {
    let louder =
        daily(&then(calm(500, 0.004), &calm(60, 0.02).windows(2).map(|w| w[1] / w[0] - 1.0).collect::<Vec<_>>()), &RegimeRule::default());
    assert_eq!(louder[520], Some(Regime::HighVolatility));
    let quieter =
        daily(&then(calm(500, 0.02), &calm(60, 0.004).windows(2).map(|w| w[1] / w[0] - 1.0).collect::<Vec<_>>()), &RegimeRule::default());
    assert_eq!(quieter[540], Some(Regime::LowVolatility));
}

#[test]
fn a_price_that_never_moves_is_normal() {
    assert!(regimes(&[5.0; 400], &RegimeRule::default())[272..].iter().all(|r| *r == Some(Regime::Normal)));
}

#[test]
fn three_days_leave_a_state() {
    use Regime::{Crash as C, HighVolatility as H, LowVolatility as L, Normal as N};
    let shown = [None, Some(N), Some(H), Some(H), Some(N), Some(H), Some(L), Some(H), Some(C), Some(N), Some(N), Some(N)];
    let want = [None, Some(N), Some(N), Some(N), Some(N), Some(N), Some(N), Some(H), Some(C), Some(C), Some(C), Some(N)];
    assert_eq!(confirmed(&shown, 3), want);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_future_changes_nothing(moves in prop::collection::vec(-0.06_f64..0.06, 330..480), keep in 273_usize..330, scale in 0.01_f64..100.0) {
        let closes = then(vec![50.0], &moves);
        let all = regimes(&closes, &RegimeRule::default());
        prop_assert_eq!(&all[..keep], &regimes(&closes[..keep], &RegimeRule::default())[..]);
        // A power of two keeps every bit, so this is exact.
        let scaled: Vec<f64> = closes.iter().map(|c| c * scale.log2().round().exp2()).collect();
        prop_assert_eq!(all, regimes(&scaled, &RegimeRule::default()));
    }
}
