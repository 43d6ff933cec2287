//! What the workers of one run found and did, added up.

use std::collections::BTreeMap;

use super::super::RunSummary;
use crate::market::SourceId;
use crate::store::master::WriteReport;

/// Failures kept word for word; the rest are only counted.
const FAILURES_KEPT: usize = 50;

/// The sums of one worker, or of a whole run.
#[derive(Clone, Debug, Default)]
pub(super) struct Tally {
    pub series_ok: u32,
    pub series_failed: u32,
    pub requests: BTreeMap<SourceId, u32>,
    pub bars: u64,
    pub inserted: u64,
    pub revised: u64,
    pub derived: u64,
    pub splits: u32,
    pub dividends: u32,
    pub fundamentals: u32,
    pub issues: u32,
    pub failures: Vec<String>,
}

impl Tally {
    pub fn request(&mut self, source: SourceId) {
        *self.requests.entry(source).or_default() += 1;
    }

    pub fn wrote(&mut self, report: &WriteReport) {
        self.inserted += report.inserted;
        self.revised += report.revised;
    }

    pub fn failure(&mut self, text: String) {
        if self.failures.len() < FAILURES_KEPT {
            self.failures.push(text);
        }
    }

    pub fn add(&mut self, other: Self) {
        self.series_ok += other.series_ok;
        self.series_failed += other.series_failed;
        self.bars += other.bars;
        self.inserted += other.inserted;
        self.revised += other.revised;
        self.derived += other.derived;
        self.splits += other.splits;
        self.dividends += other.dividends;
        self.fundamentals += other.fundamentals;
        self.issues += other.issues;
        for (source, n) in other.requests {
            *self.requests.entry(source).or_default() += n;
        }
        for text in other.failures {
            self.failure(text);
        }
    }

    pub fn summary(self, fresh: u32, seconds: f64) -> RunSummary {
        RunSummary {
            series_ok: self.series_ok,
            series_failed: self.series_failed,
            series_fresh: fresh,
            requests: self.requests.into_iter().collect(),
            bars: self.bars,
            inserted: self.inserted,
            revised: self.revised,
            derived: self.derived,
            splits: self.splits,
            dividends: self.dividends,
            fundamentals: self.fundamentals,
            issues: self.issues,
            seconds,
            failures: self.failures,
        }
    }
}
