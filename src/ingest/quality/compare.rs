//! Checks that need two of something: two versions of a bar, two sources, two timeframes, two readings of a listing,
//! or the whole universe on one day.

use super::faults::{Fault, Faults, stamp_text};
use super::measures::is_jump;
use crate::config::QualitySettings;
use crate::ingest::derive::{Field, Mismatch};
use crate::market::{Candle, Metadata, Series};
use crate::store::master::{Issue, Revision, Scope, Severity};

/// Check 17: changes of a price (one basis point) and of a volume that count as a revision.
const PRICE_REVISED: f64 = 1e-4;
const VOLUME_REVISED: f64 = 0.01;
/// Check 20: how many times the reported difference is a contradiction.
const CONTRADICTION: f64 = 5.0;
/// Check 21: share of the universe, and members, from which a common event is suspected.
const SHARE: f64 = 0.05;
const LEAST_AFFECTED: usize = 2;
/// Check 23: from which difference the daily bar is excluded.
const EXCLUDED: f64 = 0.05;

/// Check 17 on what a write changed (`WriteReport::revisions`), ascending.
pub fn revisions(series: Series, revisions: &[Revision]) -> Vec<Issue> {
    let mut faults = Faults::new(series);
    for (position, Revision { old, new }) in revisions.iter().enumerate() {
        let prices = [(old.open, new.open), (old.high, new.high), (old.low, new.low), (old.close, new.close)];
        let price = prices.into_iter().map(|(a, b)| relative(a, b)).fold(0.0, f64::max);
        let volume = relative(old.volume, new.volume);
        if price > PRICE_REVISED {
            faults.note(Fault::Revised, position, new.ts, price);
        } else if volume > VOLUME_REVISED {
            faults.note(Fault::Revised, position, new.ts, volume);
        }
    }
    faults.into_issues()
}

/// `|b / a - 1|`; NaN inputs give NaN, which no threshold exceeds and `f64::max` passes over.
fn relative(a: f64, b: f64) -> f64 {
    if a == b { 0.0 } else { (b - a).abs() / a.abs() }
}

/// Check 20: closes of final bars against a second source's, both ascending. E from five times the reported
/// difference.
pub fn cross_source(series: Series, bars: &[Candle], second: &[Candle], settings: &QualitySettings) -> Vec<Issue> {
    let mut faults = Faults::new(series);
    for (position, (ours, theirs)) in common(bars, second).enumerate() {
        let off = relative(theirs.close, ours.close);
        if off > CONTRADICTION * settings.cross_source {
            faults.note(Fault::SourceContradicts, position, ours.ts, off);
        } else if off > settings.cross_source {
            faults.note(Fault::SourceDiffers, position, ours.ts, off);
        }
    }
    faults.into_issues()
}

fn common<'a>(bars: &'a [Candle], second: &'a [Candle]) -> impl Iterator<Item = (&'a Candle, &'a Candle)> {
    bars.iter().filter(|b| b.is_final).filter_map(|b| {
        let i = second.binary_search_by_key(&b.ts, |s| s.ts).ok()?;
        second[i].is_final.then_some((b, &second[i]))
    })
}

/// Whether a second source shows the same move as `bars` at `ts`: its closes there and one bar earlier agree within
/// the cross-source difference. This is what a jump (check 7) waits for; the pipeline then accepts it.
pub fn confirms(bars: &[Candle], second: &[Candle], ts: i64, settings: &QualitySettings) -> bool {
    let Ok(i) = bars.binary_search_by_key(&ts, |b| b.ts) else { return false };
    let Some(before) = i.checked_sub(1) else { return false };
    let agrees = |b: &Candle| {
        let theirs = second.binary_search_by_key(&b.ts, |s| s.ts).ok().map(|k| second[k].close);
        theirs.is_some_and(|close| relative(close, b.close) <= settings.cross_source)
    };
    agrees(&bars[i]) && agrees(&bars[before])
}

/// One series on the day that [`cross_section`] looks at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Member {
    /// Which series; all of one timeframe and calendar.
    pub series: Series,
    /// Its bar of the day; `None` when it has none.
    pub bar: Option<Candle>,
    /// Its bar before.
    pub before: Option<Candle>,
}

/// Check 21 for the bar stamped `ts` of all series of one calendar: more than 5% of them (and at least two) jump, or
/// are missing. Also the last clause of check 12, not one price changed: it is about the universe, and a review of one
/// series must not close it.
pub fn cross_section(ts: i64, members: &[Member], settings: &QualitySettings) -> Vec<Issue> {
    let moved = |m: &&Member| matches!((m.bar, m.before), (Some(b), Some(a)) if is_jump((b.close / a.close).ln(), settings.jump));
    let jumped: Vec<&Member> = members.iter().filter(moved).collect();
    let missing: Vec<&Member> = members.iter().filter(|m| m.bar.is_none()).collect();
    let mut out = Vec::new();
    for (affected, what) in [(jumped, "jumped"), (missing, "have no bar")] {
        if affected.len() >= LEAST_AFFECTED && affected.len() as f64 > SHARE * members.len() as f64 {
            let said =
                format!("{} of {} series {what}: a fault of the vendor, or an event that an operator knows", affected.len(), members.len());
            out.extend(affected.into_iter().map(|m| on_day(m.series, ts, &said)));
        }
    }
    let unchanged = |m: &Member| matches!((m.bar, m.before), (Some(b), Some(a)) if (b.open, b.high, b.low, b.close) == (a.open, a.high, a.low, a.close));
    if members.len() >= LEAST_AFFECTED && members.iter().all(unchanged) {
        let said = format!("not one of {} series changed a price: the feed is dead", members.len());
        out.extend(members.iter().map(|m| on_day(m.series, ts, &said)));
    }
    out
}

fn on_day(series: Series, ts: i64, said: &str) -> Issue {
    let message = format!("{}: {said}", stamp_text(series.timeframe, ts));
    Issue { check: 21, severity: Severity::Critical, series, scope: Scope::Bars { from: ts, to: ts }, message }
}

/// What identifies a listing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Listing<'a> {
    /// Metadata as a source gave it.
    pub metadata: &'a Metadata,
    /// Smallest price step, where known.
    pub tick: Option<f64>,
}

/// Check 22: stored against freshly read. A change of currency, tick, contract, type or first trade date means that
/// the ticker may stand for something else now, and blocks the series; another name alone is for the operator. What
/// either side does not know is not compared.
pub fn listing(series: Series, old: Listing<'_>, new: Listing<'_>) -> Option<Issue> {
    let (a, b) = (old.metadata, new.metadata);
    let text = |what: &str, x: &Option<String>, y: &Option<String>| match (x, y) {
        (Some(x), Some(y)) if !x.eq_ignore_ascii_case(y) => Some(format!("{what} changed from {x} to {y}")),
        _ => None,
    };
    let identity = [
        text("the currency", &a.currency, &b.currency),
        text("the type", &a.quote_type, &b.quote_type),
        differs("the IB contract", a.ib_contract_id, b.ib_contract_id),
        differs("the first trade date", a.first_trade_date, b.first_trade_date),
        differs("the tick size", old.tick, new.tick),
    ];
    let severity = if identity.iter().any(Option::is_some) { Severity::Exclude } else { Severity::Warn };
    let bare = |m: &Metadata| m.name.as_deref().map(bare_name);
    let name = text("the name", &a.name, &b.name).filter(|_| bare(a) != bare(b));
    let changes: Vec<String> = identity.into_iter().flatten().chain(name).collect();
    let message = format!("{}: {}; the ticker may stand for something else now", series.symbol, changes.join(", "));
    (!changes.is_empty()).then_some(Issue { check: 22, severity, series, scope: Scope::Series, message })
}

fn differs<T: PartialEq + std::fmt::Display>(what: &str, old: Option<T>, new: Option<T>) -> Option<String> {
    let (old, new) = (old?, new?);
    (old != new).then(|| format!("{what} changed from {old} to {new}"))
}

/// A name without punctuation, case and the words for a company's form, which sources write differently.
fn bare_name(name: &str) -> String {
    const FORMS: [&str; 10] = ["inc", "corp", "corporation", "co", "company", "plc", "ltd", "limited", "the", "class"];
    let lower = name.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty() && !FORMS.contains(w));
    words.collect::<Vec<_>>().join(" ")
}

/// Check 23 on what [`crate::ingest::derive::compare`] found between a daily series and the intraday bars that should
/// add up to it. A shortfall of volume is W however large: auctions and late prints are in the daily figure only.
/// More volume inside the day than in the day cannot be, and counts as the rule says.
pub fn intraday_vs_daily(series: Series, mismatches: &[Mismatch]) -> Vec<Issue> {
    let mut faults = Faults::new(series);
    let (mut position, mut last) = (0, None);
    for m in mismatches {
        // Figures of one bar adjoin each other; bars do not adjoin across the days in between that agree.
        if last.replace(m.ts).is_some_and(|ts| ts != m.ts) {
            position += 2;
        }
        let off = m.relative();
        let fault = match (m.field, off.abs() > EXCLUDED) {
            (Field::Volume, true) if off > 0.0 => Fault::VolumeContradicts,
            (Field::Volume, _) => Fault::VolumeDiffers,
            (_, true) => Fault::PriceContradicts,
            (_, false) => Fault::PriceDiffers,
        };
        faults.note(fault, position, m.ts, off);
    }
    faults.into_issues()
}

#[cfg(test)]
mod tests;
