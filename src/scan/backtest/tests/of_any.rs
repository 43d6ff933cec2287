//! What holds for any predictions on any bars.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use proptest::strategy::Strategy;

use super::*;
use crate::train::nulls::Walk;

const SYMBOLS: usize = 4;
const DAYS: usize = 60;

/// Random walks, some of which end early.
fn any_market() -> impl Strategy<Value = Market> {
    (any::<u64>(), prop::collection::vec(20..=DAYS, SYMBOLS)).prop_map(|(seed, lengths)| {
        let dates: Vec<NaiveDate> = (0..DAYS).map(day).collect();
        let bars = |(i, n): (usize, &usize)| Walk::default().bars(&dates[..*n], &[seed, i as u64]);
        market(lengths.iter().enumerate().map(bars).collect())
    })
}

/// At most one prediction a symbol and day, all in the test block.
fn any_predictions() -> impl Strategy<Value = Vec<FoldPrediction>> {
    let one = (0..SYMBOLS, LEARNT + EMBARGO + 1..DAYS, 0..Class::COUNT, 1.0..2.0_f64);
    prop::collection::vec(one, 0..150).prop_map(|all| {
        let of = |(of, on, class, edge): (usize, usize, usize, f64)| {
            ((of, on), FoldPrediction { edge, ..prediction(of, on, Class::ALL[class]) })
        };
        all.into_iter().map(of).collect::<BTreeMap<_, _>>().into_values().collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn positions_do_not_overlap_lie_in_their_block_and_every_decision_is_accounted_for(market in any_market(), predictions in any_predictions()) {
        let rules = rules();
        let run = run(predictions, &rules);
        let made = replayed(&run, &market, &rules).unwrap();
        let block = &run.record.blocks[0];
        let mut left: HashMap<Symbol, NaiveDate> = HashMap::new();
        for t in &made.trades {
            prop_assert!((block.first..=block.last).contains(&t.date) && t.entry_date > t.date && t.exit_date >= t.entry_date);
            prop_assert!(t.bars_held <= rules.validation.label.horizon, "{:?}", t);
            prop_assert!(left.insert(t.symbol, t.exit_date).is_none_or(|before| before < t.entry_date));
        }
        let (source, figures) = (&made.report.source, &made.report.figures);
        let passed = (figures.overlapping + figures.crowded_out) as usize;
        let unplayed: usize = source.unplayed.iter().map(|u| u.decisions).sum();
        prop_assert_eq!(source.decisions, made.trades.len() + passed + unplayed);
        prop_assert_eq!(&replayed(&run, &market, &rules).unwrap(), &made, "the same inputs give the same");
    }

    #[test]
    fn costs_only_lower_what_is_earned(market in any_market(), predictions in any_predictions()) {
        let rules = rules();
        let made = replayed(&run(predictions, &rules), &market, &rules).unwrap();
        let figures = &made.report.figures;
        prop_assert!(figures.gross.total >= figures.net.total && figures.net.total >= figures.stressed.total);
        prop_assert!(made.trades.iter().all(|t| t.net_return < t.gross_return));
    }
}
