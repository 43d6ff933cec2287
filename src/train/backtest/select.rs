//! Which decisions become positions. No price decides, so costs do not change the choice.

use std::collections::{HashMap, HashSet};

use chrono::NaiveDate;

use super::{BacktestError, Decision};
use crate::market::Symbol;

/// What became of the decisions.
#[derive(Debug)]
pub(super) struct Chosen {
    /// Positions of the decisions taken, by entry, of one entry session the strongest first.
    pub taken: Vec<usize>,
    /// Passed over: symbol held.
    pub overlapping: u32,
    /// Passed over: book full.
    pub crowded_out: u32,
}

/// Goes through the decisions by entry session, strength and the universe's order. A position's place is free from the
/// session after its exit: at the open of the exit's session it is still held.
pub(super) fn select(decisions: &[Decision], rank: &HashMap<Symbol, usize>, most: usize) -> Result<Chosen, BacktestError> {
    let mut order = Vec::with_capacity(decisions.len());
    let mut seen = HashSet::with_capacity(decisions.len());
    for (i, d) in decisions.iter().enumerate() {
        let (symbol, date) = (d.symbol, d.date);
        let rank = *rank.get(&symbol).ok_or(BacktestError::Unknown { symbol, date })?;
        if !seen.insert((symbol, date)) {
            return Err(BacktestError::Twice { symbol, date });
        }
        order.push((i, rank));
    }
    order.sort_unstable_by(|&(a, rank_a), &(b, rank_b)| {
        let (x, y) = (&decisions[a], &decisions[b]);
        let by_time = x.entered().cmp(&y.entered());
        by_time.then(y.strength.total_cmp(&x.strength)).then(rank_a.cmp(&rank_b)).then(x.date.cmp(&y.date))
    });
    let mut chosen = Chosen { taken: Vec::new(), overlapping: 0, crowded_out: 0 };
    let mut held: Vec<(Symbol, NaiveDate)> = Vec::new();
    for (i, _) in order {
        let d = &decisions[i];
        held.retain(|(_, left)| *left >= d.entered());
        if held.iter().any(|(symbol, _)| *symbol == d.symbol) {
            chosen.overlapping += 1;
        } else if held.len() >= most {
            chosen.crowded_out += 1;
        } else {
            held.push((d.symbol, d.left()));
            chosen.taken.push(i);
        }
    }
    Ok(chosen)
}
