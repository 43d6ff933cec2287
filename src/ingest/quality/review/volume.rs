//! Stale prices (check 12), flat or volumeless bars (check 13), volume outliers (check 14).

use super::Input;
use crate::ingest::quality::facts::Facts;
use crate::ingest::quality::faults::{Fault, Faults, span_text};
use crate::ingest::quality::measures::{WINDOW, median, runs, trailing_moments};
use crate::market::Candle;
use crate::store::master::{Issue, Scope, Severity};

/// Check 12: identical prices, from which length W and from which C.
const STALE_WARN: usize = 3;
const STALE_CRITICAL: usize = 5;
/// Check 13: lifeless bars in a row that are excluded.
const LIFELESS: usize = 3;
/// Check 14: standard deviations of log volume, share of the median, and volumes a judgement needs.
const VOLUME_SIGMAS: f64 = 6.0;
const VOLUME_SHARE: f64 = 0.01;
const LEAST_VOLUMES: usize = 20;

/// Check 12.
pub(super) fn stale(input: &Input<'_>) -> Vec<Issue> {
    let same = |a: &Candle, b: &Candle| a.open == b.open && a.high == b.high && a.low == b.low && a.close == b.close;
    let found = runs(input.bars, STALE_WARN, same).into_iter();
    found
        .map(|(first, last)| {
            let count = last - first + 1;
            let severity = if count >= STALE_CRITICAL { Severity::Critical } else { Severity::Warn };
            let (from, to) = (input.bars[first].ts, input.bars[last].ts);
            let message = format!(
                "{}: {count} bars with the same open, high, low and close ({})",
                span_text(input.series.timeframe, from, to),
                input.bars[first].close
            );
            input.issue(12, severity, Scope::Bars { from, to }, message)
        })
        .collect()
}

/// Check 13. An unknown volume is not a volume of zero.
pub(super) fn lifeless(input: &Input<'_>) -> Vec<Issue> {
    let dead = |b: &Candle| {
        let facts = Facts::of(b);
        facts.any(Facts::ZERO_VOLUME) || (facts.any(Facts::FLAT) && b.volume > 0.0)
    };
    let same = |a: &Candle, b: &Candle| dead(a) && dead(b);
    let found = runs(input.bars, 1, same).into_iter().filter(|&(first, _)| dead(&input.bars[first]));
    found
        .map(|(first, last)| {
            let count = last - first + 1;
            let severity = if count >= LIFELESS { Severity::Exclude } else { Severity::Warn };
            let (from, to) = (input.bars[first].ts, input.bars[last].ts);
            let bars = if count == 1 { "1 bar" } else { &format!("{count} bars") };
            let message = format!("{}: {bars} without volume or with one price all day", span_text(input.series.timeframe, from, to));
            input.issue(13, severity, Scope::Bars { from, to }, message)
        })
        .collect()
}

/// Check 14.
pub(super) fn outliers(input: &Input<'_>, faults: &mut Faults) {
    let logs: Vec<f64> = input.bars.iter().map(|b| if b.volume > 0.0 { b.volume.ln() } else { f64::NAN }).collect();
    for (i, bar) in input.bars.iter().enumerate() {
        let Some((mean, sigma)) = trailing_moments(&logs, i, LEAST_VOLUMES) else { continue };
        let above = (logs[i] - mean) / sigma;
        if above > VOLUME_SIGMAS {
            faults.note(Fault::VolumeHigh, i, bar.ts, above);
        } else if logs[i] < mean {
            let mut window: Vec<f64> = input.bars[i.saturating_sub(WINDOW)..i].iter().map(|b| b.volume).filter(|&v| v > 0.0).collect();
            if let Some(share) = median(&mut window).map(|m| bar.volume / m).filter(|&s| s < VOLUME_SHARE) {
                faults.note(Fault::VolumeLow, i, bar.ts, share);
            }
        }
    }
}
