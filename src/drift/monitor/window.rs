//! The current window: all rows of the newest sessions, labelled or not.

use chrono::{NaiveDate, TimeDelta};
use rayon::prelude::*;

use super::night::Subject;
use crate::config::strategy::DriftDetection;
use crate::dataset::recent::{Recent, RowAt};
use crate::drift::{Bins, Family, Measured, Sketch, Uncalibrated, compare, order_statistics};
use crate::features::{feature, registry};
use crate::market::{DAY, date_to_ts};
use crate::scan::eligible::due;
use crate::scan::night::session_calendar;
use crate::scan::{WatchError, WatchOrder};
use crate::store::model::{DriftBaseline, ModelDb};

/// Order statistics that a night keeps of a subject.
const KEPT: usize = 129;

/// Rows of the newest sessions.
pub struct Window {
    /// Bars, features and regimes.
    pub recent: Recent,
    /// First session of the window.
    pub first: NaiveDate,
    /// The session that has closed: the night's.
    pub session: NaiveDate,
    /// Whether each symbol trades on another calendar than the market.
    apart: Vec<bool>,
    /// Numbers of the features that have baselines.
    used: Vec<usize>,
}

impl Window {
    /// Reads as many sessions as the rules say. Features are brought up to date first.
    pub fn read(db: &mut ModelDb, order: &WatchOrder<'_>, baselines: &[DriftBaseline]) -> Result<Self, WatchError> {
        let calendar = session_calendar(order.universe);
        let session = due(calendar, order.clock.now());
        let sessions = order.rules.drift_detection.window_sessions as usize;
        // Twice as many days hold that many sessions of any exchange, and a month more those of its longest closure.
        let from = date_to_ts(session) - (2 * sessions as i64 + 30) * DAY;
        let dates: Vec<NaiveDate> = calendar.sessions(from, date_to_ts(session) + DAY).map(|s| s.date).filter(|d| *d <= session).collect();
        let first = dates.len().checked_sub(sessions).map_or(session, |at| dates[at]);
        let recent = Recent::read(db, &order.reading(), first - TimeDelta::days(1))?;
        let apart = order.universe.instruments.iter().map(|i| i.calendar() != calendar).collect();
        let used = baselines.iter().filter_map(|b| feature(&b.subject)).map(|f| f.index).collect();
        Ok(Self { recent, first, session, apart, used })
    }

    /// Rows of the window that have history enough for `lookback` bars. What trades on another calendar than the market lacks
    /// the market's return by nature: of it only rows count that models see, as in the reference.
    pub fn rows(&self, lookback: usize) -> impl Iterator<Item = RowAt> + '_ {
        let counts = |row: &RowAt| !self.apart[row.symbol] || self.recent.lacks(*row, &self.used).is_none();
        self.recent.rows().filter(move |row| row.bar >= lookback && self.recent.date(*row) >= self.first && counts(row))
    }

    /// Whether any symbol has a bar of the session.
    pub fn has_come(&self) -> bool {
        // A coin's day says nothing about the market's, unless there is nothing but coins.
        let only_apart = self.apart.iter().all(|apart| *apart);
        let mut counted = self.recent.symbols.iter().zip(&self.apart).filter(|(_, apart)| only_apart || !**apart);
        counted.any(|(s, _)| s.adjusted.bars.date.last().is_some_and(|d| *d >= self.session))
    }

    /// How far each feature that has a baseline has moved.
    pub fn features(&self, baselines: &[DriftBaseline], rule: &DriftDetection) -> Vec<Subject> {
        let of = |b: &DriftBaseline| {
            let feature = feature(&b.subject)?;
            // The baseline holds what the models are fed: single precision.
            let values = self.rows(longest()).map(|row| f64::from(self.recent.value(row, feature) as f32)).collect::<Vec<_>>();
            Some(measure(b, &values, Family::Features, rule))
        };
        baselines.par_iter().filter_map(of).collect()
    }
}

/// Bars before the first row of a symbol that models learn from.
fn longest() -> usize {
    registry().iter().map(|f| f.lookback).max().unwrap_or(0)
}

/// How far current values lie from a baseline.
pub fn measure(baseline: &DriftBaseline, values: &[f64], family: Family, rule: &DriftDetection) -> Subject {
    let missing = baseline.counts.last().copied().unwrap_or(0.0) as u64;
    let mut ascending: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    ascending.sort_unstable_by(f64::total_cmp);
    Subject {
        measured: Measured {
            subject: baseline.subject.clone(),
            family,
            shift: compare(baseline, values, rule.smoothing),
            ks: Sketch::new(&baseline.sketch, baseline.rows.saturating_sub(missing)).distance(values),
            uncalibrated: Uncalibrated::of(baseline),
        },
        counts: Bins::between(&baseline.edges).counts(values.iter().copied()),
        sketch: thinned(&order_statistics(&ascending)),
    }
}

/// At most [`KEPT`] of ascending values, at equal ranks.
pub fn thinned(values: &[f64]) -> Vec<f64> {
    if values.len() <= KEPT {
        return values.to_vec();
    }
    (0..KEPT).map(|k| values[k * (values.len() - 1) / (KEPT - 1)]).collect()
}
