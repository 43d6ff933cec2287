//! Adjustment mismatches (check 18) and double adjustment (check 19).

use super::{Basis, Input};
use crate::market::{Dividend, Split, ts_to_date};
use crate::store::master::{Issue, Scope, Severity};

/// Relative difference of adjustment steps that is reported.
const MISMATCH: f64 = 5e-4;
/// Dividend, as a share of the price before, that is reported.
const LARGE: f64 = 0.15;
/// Log of the smallest split ratio whose jump stands out from a day's move.
const VISIBLE: f64 = 0.1;

/// What takes effect with a bar.
struct Due<'a> {
    dividends: &'a [Dividend],
    splits: &'a [Split],
}

/// The actions with an ex-date after bar `i - 1` and up to bar `i`.
fn due<'a>(input: &Input<'a>, i: usize) -> Due<'a> {
    let (before, on) = (ts_to_date(input.bars[i - 1].ts), ts_to_date(input.bars[i].ts));
    let d = input.dividends;
    let s = input.splits;
    Due {
        dividends: &d[d.partition_point(|x| x.ex_date <= before)..d.partition_point(|x| x.ex_date <= on)],
        splits: &s[s.partition_point(|x| x.ex_date <= before)..s.partition_point(|x| x.ex_date <= on)],
    }
}

/// Check 18: large dividends, and the source's adjusted closes against our factors where it serves them.
pub(super) fn adjustments(input: &Input<'_>) -> Vec<Issue> {
    let adjusted = input.adj_close.filter(|a| a.len() == input.bars.len());
    let (coarse_adjusted, coarse_close) = (adjusted.map_or(0.0, quantum), quantum_of_closes(input));
    let mut out = Vec::new();
    for i in 1..input.bars.len() {
        let (before, bar) = (&input.bars[i - 1], &input.bars[i]);
        let due = due(input, i);
        let basis = if input.basis == Basis::Raw { due.splits.iter().map(Split::ratio).product() } else { 1.0 };
        // A dividend that shares its date with a split is paid on the new shares.
        let price = before.close / basis;
        let dividend: f64 = due.dividends.iter().map(|d| d.amount).sum();
        let scope = Scope::Bars { from: bar.ts, to: bar.ts };
        let date = ts_to_date(bar.ts);
        if dividend > LARGE * price {
            let share = dividend / price * 100.0;
            let message = format!("{date}: a dividend of {dividend} on a price of {price}, {share:.0}%");
            out.push(input.issue(18, Severity::Exclude, scope, message));
        }
        let Some(adjusted) = adjusted else { continue };
        let theirs = (adjusted[i - 1] / before.close) / (adjusted[i] / bar.close);
        let ours = (1.0 - dividend / price) / basis;
        // Adjusted closes that the source rounded differ by their rounding on every bar.
        let rounding = 0.5
            * (coarse_adjusted / adjusted[i - 1] + coarse_adjusted / adjusted[i] + coarse_close / before.close + coarse_close / bar.close);
        if (theirs / ours - 1.0).abs() > MISMATCH + rounding.abs() {
            let what = match (dividend > 0.0, (theirs - 1.0).abs() <= MISMATCH) {
                (true, true) => format!("a dividend of {dividend} that the source's adjusted closes leave out"),
                (true, false) => format!("the source adjusts by {theirs:.6}, our factor is {ours:.6}"),
                (false, _) => format!("the source adjusts by {theirs:.6}, and no action of that date is stored to explain {ours:.6}"),
            };
            out.push(input.issue(18, Severity::Exclude, scope, format!("{date}: {what}")));
        }
    }
    out
}

/// The decimal step in which all values come, when it is a hundred-thousandth or coarser; 0 for finer ones.
fn quantum(values: &[f64]) -> f64 {
    let whole = |v: f64| (v - v.round()).abs() < 1e-6 * v.abs().max(1.0);
    [1.0, 10.0, 100.0, 1e3, 1e4, 1e5].into_iter().find(|scale| values.iter().all(|v| whole(v * scale))).map_or(0.0, |scale| 1.0 / scale)
}

/// Closes rounded to cents are what was traded; restated ones are rounded results.
fn quantum_of_closes(input: &Input<'_>) -> f64 {
    if input.basis == Basis::Raw {
        return 0.0;
    }
    let closes: Vec<f64> = input.bars.iter().map(|b| b.close).collect();
    quantum(&closes)
}

/// Check 19: prices said to be raw that run on unbroken through a split were adjusted already; adjusting them again
/// would make a jump. Restated prices run on as they should and are not looked at.
pub(super) fn continuous_splits(input: &Input<'_>) -> Vec<Issue> {
    if input.basis == Basis::SplitAdjusted {
        return Vec::new();
    }
    let mut out = Vec::new();
    for i in 1..input.bars.len() {
        let (before, bar) = (&input.bars[i - 1], &input.bars[i]);
        for split in due(input, i).splits {
            let step = split.ratio().ln().abs();
            let moved = (bar.open / before.close).ln().abs().max((bar.close / before.close).ln().abs());
            if step >= VISIBLE && moved < step / 2.0 {
                let message = format!(
                    "{}: a {}-for-{} split is flagged, but prices run on from {} to {}: they are adjusted already",
                    split.ex_date, split.numerator, split.denominator, before.close, bar.open
                );
                out.push(input.issue(19, Severity::Exclude, Scope::Bars { from: bar.ts, to: bar.ts }, message));
            }
        }
    }
    out
}
