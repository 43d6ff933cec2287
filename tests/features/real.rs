//! What holds on the six stocks' ten years: nothing is missing, nothing constant, and no part differs from the whole.

use nightdesk::features::engine::{Checkpoint, Task, run};
use nightdesk::features::registry;

use crate::market::{self, near, same, universe};

#[test]
fn nothing_is_missing_after_the_lookback_and_nothing_is_constant() {
    for (symbol, block) in market::six().unwrap_or_default() {
        assert_eq!(block.rows, symbol.len());
        for feature in registry() {
            let (head, values) = block.column(feature.index).split_at(feature.lookback);
            assert!(head.iter().all(|value| value.is_nan()), "{} has a value in its head", feature.name);
            assert!(values.iter().all(|value| value.is_finite()), "{} has a gap", feature.name);
            assert!(values.iter().any(|value| *value != values[0]), "{} is constant", feature.name);
        }
    }
}

#[test]
fn a_tail_from_any_checkpoint_has_the_bits_of_the_whole() {
    for (i, (symbol, block)) in market::six().unwrap_or_default().iter().enumerate() {
        let emit = Checkpoint::LEAST + [0, 77, 411, 233, 1, 300][i];
        let checkpoint = symbol.cut(0..emit).run(Some(emit)).checkpoint.unwrap();
        let window = symbol.cut(checkpoint.window()..emit + 150);
        let tail = run(&Task { input: window.input(), from: Some(&checkpoint), mark: None }).unwrap().block;
        assert_eq!((tail.first, tail.rows), (emit, 150));
        same(block, emit, &tail, 0, tail.rows);
    }
}

/// GOOG's 19th bar moves as far up as down, and META's closes in cents give equal ranges: rounding must not decide.
#[test]
fn neither_the_currency_nor_the_count_of_shares_matters_to_a_universe() {
    let Some(symbols) = market::six() else { return };
    let rows = 0..900;
    let scaled = universe(symbols.iter().map(|(symbol, _)| symbol.cut(rows.clone()).scaled(7.3, 1000.0).adjusted.bars).collect());
    for i in [2, 3] {
        near(&symbols[i].0.cut(rows.clone()).block(), &scaled[i].block());
    }
}

#[test]
fn a_universe_whose_future_is_cut_off_has_the_same_past() {
    let Some(symbols) = market::six() else { return };
    let keep = 400;
    let cut = universe(symbols.iter().map(|(symbol, _)| symbol.cut(0..keep).adjusted.bars).collect());
    for ((_, block), cut) in symbols.iter().zip(&cut) {
        same(block, 0, &cut.block(), 0, keep);
    }
}
