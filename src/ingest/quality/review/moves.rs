//! Unadjusted splits (check 6), jumps (check 7), spikes that return (check 8).

use super::{Basis, Input};
use crate::ingest::quality::faults::span_text;
use crate::ingest::quality::measures::{is_jump, log_returns, median, trailing_robust_sigma, trailing_sigma};
use crate::market::{Candle, ts_to_date};
use crate::store::master::{Issue, Scope, Severity};

/// Split ratios that check 6 knows, new shares for old ones; each also the other way round.
const RATIOS: [(f64, f64); 8] = [(2.0, 1.0), (3.0, 1.0), (3.0, 2.0), (4.0, 1.0), (5.0, 1.0), (7.0, 1.0), (10.0, 1.0), (20.0, 1.0)];
/// How near a log move must come to the log of a ratio.
const NEAR: f64 = 0.03;
/// "The open gap explains the move": how near the gap itself must come, and how much the day may add to it.
const GAP: f64 = 0.10;
const INTRADAY: f64 = 0.15;
/// Turnover in money stays, so volume scales with the share count, give or take this factor. A crash multiplies it.
const VOLUME: f64 = 4.0;
/// Days in which a move that goes back, or that is itself the way back, was no split.
const REVERSAL: usize = 5;
/// Returns that a sigma needs here. A series is judged early: a spike in its first weeks is still a spike.
const LEAST_RETURNS: usize = 8;
/// Check 8: sigmas of each leg, and sigmas that may be left of the two.
const LEG: f64 = 8.0;
const NET: f64 = 2.0;

/// Checks 6, 7 and 8 in one walk. A bar has one of these findings, the most telling: split, then spike, then jump.
pub(super) fn moves(input: &Input<'_>) -> Vec<Issue> {
    let bars = input.bars;
    let mut returns = log_returns(bars);
    for (i, r) in returns.iter_mut().enumerate().skip(1) {
        *r += explained(input, i);
    }
    let mut out = Vec::new();
    let mut returning = false;
    for i in 1..bars.len() {
        if std::mem::take(&mut returning) {
            // The way back from a spike is neither a split nor a jump.
            continue;
        }
        if let Some((new, old)) = split_like(input, &returns, i) {
            out.push(split_issue(input, i, new, old));
        } else if is_spike(&returns, i) {
            out.push(spike_issue(input, &returns, i));
            returning = true;
        } else if is_jump(returns[i], input.settings.jump) {
            out.extend(jump_issue(input, &returns, i));
        }
    }
    out
}

/// The ratio (new shares, old shares) of a split that bar `i` looks like.
fn split_like(input: &Input<'_>, returns: &[f64], i: usize) -> Option<(f64, f64)> {
    let bars = input.bars;
    let (before, bar) = (&bars[i - 1], &bars[i]);
    let gap = (bar.open / before.close).ln() + explained(input, i);
    let (new, old) = RATIOS
        .into_iter()
        .flat_map(|(n, d)| [(n, d), (d, n)])
        .filter(|(n, d)| {
            let step = -(n / d).ln();
            let nearest = (returns[i] - step).abs().min((gap - step).abs());
            nearest <= NEAR && (gap - step).abs() <= GAP && (returns[i] - gap).abs() <= INTRADAY
        })
        .min_by(|a, b| distance(gap, *a).total_cmp(&distance(gap, *b)))?;
    let ratio: f64 = new / old;
    let half_back = ratio.ln().abs() / 2.0;
    let near = |b: &Candle, level: &Candle| (b.close / level.close).ln().abs() < half_back;
    let goes_back = bars[i + 1..].iter().take(REVERSAL).any(|b| near(b, before));
    let comes_back = bars[..i - 1].iter().rev().take(REVERSAL).any(|b| near(b, bar));
    if goes_back || comes_back || !volume_scales(&bars[..i], bar.volume, ratio) {
        return None;
    }
    Some((new, old))
}

fn distance(gap: f64, (new, old): (f64, f64)) -> f64 {
    (gap + (new / old).ln()).abs()
}

/// Whether volume fits `ratio` times as many shares. Unknown volumes do not speak against it.
fn volume_scales(before: &[Candle], volume: f64, ratio: f64) -> bool {
    let mut usual: Vec<f64> = before.iter().rev().take(20).map(|b| b.volume).filter(|&v| v > 0.0).collect();
    match median(&mut usual) {
        Some(usual) if volume > 0.0 => (ratio / VOLUME..=ratio * VOLUME).contains(&(volume / usual)),
        _ => true,
    }
}

/// What a stored split takes out of the log move into bar `i`: a raw series shows its splits as jumps. Nothing where
/// the prices are restated, or run on unbroken although they are said to be raw (check 19).
fn explained(input: &Input<'_>, i: usize) -> f64 {
    if input.basis == Basis::SplitAdjusted {
        return 0.0;
    }
    let r = (input.bars[i].close / input.bars[i - 1].close).ln();
    stored_split(input, i).map(f64::ln).filter(|step| (r + step).abs() < r.abs()).unwrap_or(0.0)
}

/// Ratio of the stored split that takes effect with bar `i`.
fn stored_split(input: &Input<'_>, i: usize) -> Option<f64> {
    let (before, on) = (ts_to_date(input.bars[i - 1].ts), ts_to_date(input.bars[i].ts));
    input.splits.iter().find(|s| s.ex_date > before && s.ex_date <= on).map(crate::market::Split::ratio)
}

fn split_issue(input: &Input<'_>, i: usize, new: f64, old: f64) -> Issue {
    let (before, bar) = (&input.bars[i - 1], &input.bars[i]);
    let known = if stored_split(input, i).is_some() {
        "a split of that date is stored, but these prices were not adjusted for it"
    } else {
        "no split of that date is stored"
    };
    let message = format!(
        "{}: opened at {} after a close of {}, as a {new}-for-{old} split would; {known}; bars before are hidden",
        ts_to_date(bar.ts),
        bar.open,
        before.close
    );
    input.issue(6, Severity::Critical, Scope::Bars { from: input.bars[0].ts, to: before.ts }, message)
}

fn is_spike(returns: &[f64], i: usize) -> bool {
    let Some(&back) = returns.get(i + 1) else { return false };
    let out = returns[i];
    // NaN legs compare false. The plain sigma, not the robust one: after a calm quarter the robust one calls real
    // turmoil (March 2020) a spike.
    out * back < 0.0
        && trailing_sigma(returns, i, LEAST_RETURNS)
            .is_some_and(|s| out.abs() > LEG * s && back.abs() > LEG * s && (out + back).abs() < NET * s)
}

fn spike_issue(input: &Input<'_>, returns: &[f64], i: usize) -> Issue {
    let ts = input.bars[i].ts;
    let message = format!(
        "{}: a move of {:+.1}% that the next bar takes back with {:+.1}%",
        span_text(input.series.timeframe, ts, ts),
        returns[i].exp_m1() * 100.0,
        returns[i + 1].exp_m1() * 100.0
    );
    input.issue(8, Severity::Critical, Scope::Bars { from: ts, to: ts }, message)
}

fn jump_issue(input: &Input<'_>, returns: &[f64], i: usize) -> Option<Issue> {
    let sigma = trailing_robust_sigma(returns, i, LEAST_RETURNS)?;
    let r = returns[i];
    if r.abs() <= input.settings.jump_sigma * sigma {
        return None;
    }
    let ts = input.bars[i].ts;
    let sigmas = if sigma > 0.0 { format!("{:.0} robust sigmas", r.abs() / sigma) } else { "after prices that stood still".into() };
    let message = format!(
        "{}: closed at {} after {}, {:+.1}% ({sigmas}); hidden until a second source confirms it",
        span_text(input.series.timeframe, ts, ts),
        input.bars[i].close,
        input.bars[i - 1].close,
        r.exp_m1() * 100.0
    );
    Some(input.issue(7, Severity::Exclude, Scope::Bars { from: ts, to: ts }, message))
}
