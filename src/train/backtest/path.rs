//! Where a position's path comes from: the bars and labels of a data set.

use super::{Exit, Path};
use crate::dataset::Samples;
use crate::labels::Class;
use crate::market::DailyBars;

/// The path of a long position that is decided on `row` and goes as the label of `outcome` says: the same row, or another
/// one of the symbol in a refit on shifted labels. Sessions are those that follow `row`; closes and exit are `outcome`'s.
/// `bars` are those of each symbol in the order of `samples.symbols`. `None` where bars do not reach or do not fit the
/// label, which happens where a circle closes beside the end of the data.
pub fn path(samples: &Samples, bars: &[DailyBars], row: usize, outcome: usize) -> Option<Path> {
    let span = samples.span.get(outcome)?;
    let held = (span.last + 1).checked_sub(span.first).filter(|n| *n > 0)?;
    let own = bars.get(samples.symbol[row] as usize)?;
    let told = bars.get(samples.symbol[outcome] as usize)?;
    let (begin, from) = (samples.bar[row] as usize + 1, samples.bar[outcome] as usize + 1);
    let exit_bar = from + held - 1;
    // A bar on a day that is no session would shift the path against its label.
    (told.date.get(exit_bar) == Some(&samples.label_end[outcome])).then_some(())?;
    let entry = told.open[from];
    let exit = 1.0 + samples.gross[outcome];
    let values = (from..exit_bar).map(|bar| told.close[bar] / entry).chain([exit]).collect();
    Some(Path {
        entry: *own.open.get(begin)?,
        dates: own.date.get(begin..begin + held)?.to_vec(),
        values,
        exit: reason(samples.class[outcome], told.open[exit_bar] / entry - 1.0, samples.gross[outcome]),
    })
}

/// What ended a position whose last session opened `open` above the entry and that earned `gross`: the label gives the open
/// as the price of the exit exactly where the open had jumped the barrier.
pub fn reason(class: Class, open: f64, gross: f64) -> Exit {
    match (class, open == gross) {
        (Class::Hold, _) => Exit::Horizon,
        (Class::Buy, true) => Exit::GapUp,
        (Class::Buy, false) => Exit::Upper,
        (Class::Sell, true) => Exit::GapDown,
        (Class::Sell, false) => Exit::Lower,
    }
}
