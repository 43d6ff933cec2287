//! Shuffling by blocks of sessions: what a feature tells of a day goes, how it behaves in time and across symbols stays.

use std::collections::HashMap;

use super::TestRows;
use crate::random::Stream;
use crate::train::nulls;

/// Rows by session, and where each finds its symbol in another one.
pub(super) struct Sessions {
    /// Rows of each session, sessions ascending.
    rows: Vec<Vec<usize>>,
    /// The row of a symbol in a session.
    of_symbol: HashMap<(usize, u32), usize>,
}

/// Rows of at most `most`, ascending: all rows of symbols drawn by `seed`, because symbols tell nearly the same story and
/// sessions do not. If the first symbol alone has too many, its last ones.
pub(super) fn choose(test: &TestRows<'_>, most: usize, seed: u64) -> Vec<usize> {
    let rows = test.dates.len();
    if rows <= most {
        return (0..rows).collect();
    }
    let mut of: HashMap<u32, Vec<usize>> = HashMap::new();
    for (row, symbol) in test.symbols.iter().enumerate() {
        of.entry(*symbol).or_default().push(row);
    }
    let mut symbols: Vec<u32> = of.keys().copied().collect();
    symbols.sort_unstable();
    nulls::shuffle(&mut symbols, seed);
    let mut chosen = Vec::new();
    for symbol in symbols {
        let rows = &of[&symbol];
        if chosen.is_empty() {
            chosen.extend_from_slice(&rows[rows.len().saturating_sub(most)..]);
        } else if chosen.len() + rows.len() <= most {
            chosen.extend_from_slice(rows);
        }
    }
    chosen.sort_unstable();
    chosen
}

impl Sessions {
    /// Sorts `rows`, numbered from 0 in the order given, into sessions.
    pub fn new(test: &TestRows<'_>, rows: &[usize]) -> Self {
        let mut axis: Vec<_> = rows.iter().map(|row| test.dates[*row]).collect();
        axis.sort_unstable();
        axis.dedup();
        let mut sessions = Self { rows: vec![Vec::new(); axis.len()], of_symbol: HashMap::with_capacity(rows.len()) };
        for (number, row) in rows.iter().enumerate() {
            let session = axis.partition_point(|date| *date < test.dates[*row]);
            sessions.rows[session].push(number);
            sessions.of_symbol.insert((session, test.symbols[*row]), number);
        }
        sessions
    }

    /// How many sessions.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// The row whose values each row gets when session `s` gets those of session `order[s]`: that of the same symbol,
    /// else the one in the same place of the session.
    pub fn sources(&self, order: &[usize], symbol_of: impl Fn(usize) -> u32) -> Vec<usize> {
        let mut sources = vec![0; self.rows.iter().map(Vec::len).sum()];
        for (rows, from) in self.rows.iter().zip(order) {
            let others = &self.rows[*from];
            for (place, row) in rows.iter().enumerate() {
                let same = self.of_symbol.get(&(*from, symbol_of(*row)));
                sources[*row] = same.copied().unwrap_or(others[place % others.len()]);
            }
        }
        sources
    }
}

/// An order of `sessions` in which blocks of `block` sessions in a row have all moved (Sattolo 1986: one cycle, so none
/// stays). `None` of fewer than two blocks.
pub(super) fn block_order(sessions: usize, block: usize, seed: &[u64]) -> Option<Vec<usize>> {
    let all: Vec<usize> = (0..sessions).collect();
    let mut blocks: Vec<&[usize]> = all.chunks(block.max(1)).collect();
    if blocks.len() < 2 {
        return None;
    }
    let mut stream = Stream::new(seed);
    for i in (1..blocks.len()).rev() {
        blocks.swap(i, stream.below(i));
    }
    Some(blocks.concat())
}
