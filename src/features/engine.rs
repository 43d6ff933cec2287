//! Computes all features of symbols: a block of [`COUNT`] columns, a row a bar. Pure arithmetic in f64; no I/O.
//!
//! A symbol is computed whole, from its first stored bar, or its tail from a [`Checkpoint`]; the tail has the bits of the
//! same rows of the whole. Called by the feature step of a night, which keeps the blocks and the checkpoints, by the
//! data-set step and by `nightdesk features check`.
//!
//! ```text
//!   bars    0 ....... window ............. resume ...... emit ............ n
//!   whole   recursions and rows ------------------------------------------>
//!   mark                                   | state saved after the bar before
//!   tail              bars read ------------------------------------------>
//!                                          recursions ------------------->
//!                                                        rows ----------->
//! ```
//!
//! `resume = emit - 64`, `window = resume - 272`: a value looks at most 271 bars back, and at most 64 bars back into
//! recursive series.

use std::sync::LazyLock;

use chrono::NaiveDate;

use super::frame::{ColumnFn, Frame, WARM};
use super::recursive::{Recursions, Tracks};
use super::registry::{COUNT, feature, registry};
use super::{derived, market_structure, momentum, multi_timeframe, price_patterns, statistical, trend, volatility, volume};

pub use super::frame::Input;
pub use super::recursive::StateError;

/// Bars before `resume` that a tail's windows may reach into; one more than the longest lookback.
const REACH: usize = 272;

/// Why features could not be computed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EngineError {
    /// See [`StateError`].
    #[error(transparent)]
    State(#[from] StateError),
    /// The columns of the input differ in length.
    #[error("the columns of the bars or of the market beside them differ in length: their dates were matched wrongly")]
    Lengths,
    /// The bars do not begin where the checkpoint says.
    #[error(
        "the bars begin {found:?} but the checkpoint's window begins {expected}: history has changed; compute the symbol from its first bar"
    )]
    Moved {
        /// First date of the bars.
        found: Option<NaiveDate>,
        /// First date of the checkpoint's window.
        expected: NaiveDate,
    },
}

/// Where a symbol's features can go on without its older history.
#[derive(Clone, Debug, PartialEq)]
pub struct Checkpoint {
    /// Absolute index (0 is the symbol's first stored bar) of the first row that a tail gives; not below [`LEAST`](Self::LEAST).
    pub emit: usize,
    /// Date of the first bar that a tail must be given, the one with index [`window`](Self::window).
    pub date: NaiveDate,
    /// Forward factor of that bar: the one to call `forward_adjusted` with.
    pub factor: f64,
    /// State of the recursions after the bar with index `emit - 65`: little-endian f64s.
    pub state: Vec<u8>,
}

impl Checkpoint {
    /// The least `emit` for which there is a checkpoint; a shorter history is computed whole.
    pub const LEAST: usize = REACH + WARM;

    /// Absolute index of the first bar that a tail must be given.
    pub fn window(&self) -> usize {
        self.emit - Self::LEAST
    }

    /// Whether the state is one of this program's.
    pub fn check(&self) -> Result<(), StateError> {
        Recursions::load(&self.state).map(drop)
    }
}

/// Features as columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Absolute index of the first row's bar.
    pub first: usize,
    /// How many rows.
    pub rows: usize,
    /// The columns in registry order, one after another, each of `rows` values; NaN is missing, nothing is infinite.
    pub values: Vec<f64>,
}

impl Block {
    /// The values of the feature with this index.
    pub fn column(&self, index: usize) -> &[f64] {
        &self.values[index * self.rows..(index + 1) * self.rows]
    }
}

/// What to compute of one symbol.
#[derive(Clone, Copy, Debug)]
pub struct Task<'a> {
    /// Its bars and market: all bars for a whole, those from the checkpoint's `date` on for a tail.
    pub input: Input<'a>,
    /// Where to go on; `None` computes the symbol whole.
    pub from: Option<&'a Checkpoint>,
    /// Makes a checkpoint whose `emit` is this absolute index, where the history is long enough for one
    /// ([`Checkpoint::LEAST`]); not before `from`'s, at most one past the last bar.
    pub mark: Option<usize>,
}

/// What one symbol came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// Rows from the first bar on (whole), or from `emit` on (tail).
    pub block: Block,
    /// The checkpoint asked for with [`Task::mark`].
    pub checkpoint: Option<Checkpoint>,
}

/// The columns that are filled, by index.
static COLUMNS: LazyLock<Vec<(usize, ColumnFn)>> = LazyLock::new(|| {
    let tables = [
        momentum::COLUMNS,
        trend::COLUMNS,
        volume::COLUMNS,
        volatility::COLUMNS,
        price_patterns::COLUMNS,
        statistical::COLUMNS,
        market_structure::COLUMNS,
        multi_timeframe::COLUMNS,
        derived::COLUMNS,
    ];
    tables.iter().flat_map(|table| table.iter()).filter_map(|&(name, column)| Some((feature(name)?.index, column))).collect()
});

/// Computes one symbol. Symbols share nothing, so callers run them in parallel.
pub fn run(task: &Task<'_>) -> Result<Output, EngineError> {
    let bars = check(&task.input)?;
    let (base, resume, emit, mut recursions) = match task.from {
        None => (0, 0, 0, Recursions::new()),
        Some(from) => {
            let found = task.input.adjusted.bars.date.first().copied();
            if found != Some(from.date) {
                return Err(EngineError::Moved { found, expected: from.date });
            }
            (from.window(), REACH, Checkpoint::LEAST, Recursions::load(&from.state)?)
        }
    };
    let mut tracks = Tracks::new(bars);
    let checkpoint = recurse(task, base, resume.min(bars), &mut recursions, &mut tracks);
    let frame = Frame::new(&task.input, emit.min(bars), tracks);
    let block = columns(&frame, base, emit.min(bars), bars);
    Ok(Output { block, checkpoint })
}

/// Runs the recursions over the bars from local row `resume` on and stops for the checkpoint on the way.
fn recurse(task: &Task<'_>, base: usize, resume: usize, recursions: &mut Recursions, tracks: &mut Tracks) -> Option<Checkpoint> {
    let adjusted = task.input.adjusted;
    let n = adjusted.bars.len();
    let mark = task.mark.filter(|&emit| emit >= base + Checkpoint::LEAST && emit <= base + n);
    let stop = mark.map_or(n, |emit| emit - WARM - base);
    recursions.run(&adjusted.bars, resume..stop, tracks);
    let checkpoint = mark.map(|emit| {
        let window = emit - Checkpoint::LEAST - base;
        Checkpoint { emit, date: adjusted.bars.date[window], factor: adjusted.factor[window], state: recursions.save() }
    });
    recursions.run(&adjusted.bars, stop..n, tracks);
    checkpoint
}

/// All columns for the local rows `emit..n` of a frame whose first bar has the absolute index `base`.
fn columns(frame: &Frame<'_>, base: usize, emit: usize, n: usize) -> Block {
    let rows = n - emit;
    let mut values = vec![f64::NAN; COUNT * rows];
    for &(index, column) in &*COLUMNS {
        let start = registry()[index].lookback.saturating_sub(base).max(emit);
        if start < n {
            let out = &mut values[index * rows + start - emit..(index + 1) * rows];
            column(frame, start..n, out);
            out.iter_mut().filter(|value| !value.is_finite()).for_each(|value| *value = f64::NAN);
        }
    }
    Block { first: base + emit, rows, values }
}

/// How many bars the input has.
fn check(input: &Input<'_>) -> Result<usize, EngineError> {
    let bars = &input.adjusted.bars;
    let n = bars.len();
    let columns = [&bars.open, &bars.high, &bars.low, &bars.close, &bars.volume, &input.adjusted.factor];
    let beside = [input.market, input.rank].into_iter().flatten();
    let even = columns.into_iter().map(Vec::len).chain(beside.map(<[f64]>::len)).all(|len| len == n);
    even.then_some(n).ok_or(EngineError::Lengths)
}
