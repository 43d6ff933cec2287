//! What holds for any decisions.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;
use proptest::strategy::Strategy;

use super::*;

const DAYS: usize = 40;

fn any_decision() -> impl Strategy<Value = Decision> {
    let values = prop::collection::vec(0.6..1.6_f64, 1..12);
    (0..6_usize, 0..DAYS - 1, any::<bool>(), values, 0.01..0.3_f64, 0..4_u32).prop_map(|(of, on, bought, values, risk, strength)| {
        let side = if bought { Side::Buy } else { Side::Sell };
        // Few strengths, so that ties are common.
        Decision { risk, strength: f64::from(strength), ..decision(of, on, side, &values) }
    })
}

/// At most one decision a symbol and date.
fn any_decisions() -> impl Strategy<Value = Vec<Decision>> {
    prop::collection::vec(any_decision(), 0..120).prop_map(|all| {
        let mut seen = HashSet::new();
        all.into_iter().filter(|d| seen.insert((d.symbol, d.date))).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn equity_is_the_product_of_returns_and_the_sum_of_trades(all in any_decisions(), most in 1_u32..8, cost in 0.0..60.0_f64) {
        let rule = PromotionGates { g9_max_positions: most, g9_risk_per_trade: 0.02, ..rule() };
        let backtest = traded(&all, DAYS, cost, &rule).unwrap();
        let equity: f64 = backtest.net.iter().map(|r| 1.0 + r).product();
        let added: f64 = backtest.trades.iter().map(|t| t.added).sum();
        prop_assert!((equity - 1.0 - added).abs() < 1e-9, "{equity} {added}");
        for t in &backtest.trades {
            prop_assert!((t.net_return - (t.gross_return - cost / 10_000.0)).abs() < 1e-15);
            prop_assert!(t.weight <= 1.0 / f64::from(most) + 1e-15);
        }
        prop_assert!([&backtest.gross, &backtest.stressed, &backtest.exposure].iter().all(|s| s.len() == backtest.sessions.len()));
        prop_assert_eq!(all.len(), backtest.trades.len() + (backtest.overlapping + backtest.crowded_out) as usize);
    }

    #[test]
    fn no_symbol_is_held_twice_and_the_book_keeps_its_size(all in any_decisions(), most in 1_u32..8) {
        let backtest = traded(&all, DAYS, 10.0, &PromotionGates { g9_max_positions: most, ..rule() }).unwrap();
        let mut left: HashMap<Symbol, NaiveDate> = HashMap::new();
        for t in &backtest.trades {
            prop_assert!(left.insert(t.symbol, t.exit_date).is_none_or(|before| before < t.entry_date));
        }
        for session in &backtest.sessions {
            let held = backtest.trades.iter().filter(|t| t.entry_date <= *session && *session <= t.exit_date).count();
            prop_assert!(held <= most as usize);
        }
    }

    #[test]
    fn the_order_of_decisions_does_not_matter(all in any_decisions(), seed: u64) {
        let mut mixed = all.clone();
        crate::train::nulls::shuffle(&mut mixed, seed);
        let three = PromotionGates { g9_max_positions: 3, ..rule() };
        let (a, b) = (traded(&all, DAYS, 10.0, &three).unwrap(), traded(&mixed, DAYS, 10.0, &three).unwrap());
        prop_assert_eq!(a, b);
    }

    #[test]
    fn higher_costs_earn_less_by_the_same_trades(all in any_decisions()) {
        let backtest = traded(&all, DAYS, 10.0, &rule()).unwrap();
        let total = |returns: &[f64]| returns.iter().map(|r| 1.0 + r).product::<f64>();
        if !backtest.trades.is_empty() {
            prop_assert!(total(&backtest.gross) > total(&backtest.net) && total(&backtest.net) > total(&backtest.stressed));
        }
    }
}
