//! The current window: all rows of the newest sessions, labelled or not.

use std::collections::BTreeSet;

use chrono::{NaiveDate, TimeDelta};
use rayon::prelude::*;

use super::night::Subject;
use crate::dataset::recent::{Recent, RowAt};
use crate::drift::{Bins, Family, Measured, Sketch, Uncalibrated, compare, order_statistics};
use crate::features::{feature, nightly, registry};
use crate::market::{DAY, date_to_ts};
use crate::scan::eligible::due;
use crate::scan::night::session_calendar;
use crate::scan::{WatchError, WatchOrder};
use crate::store::model::{DriftBaseline, FeatureColumns, Model, ModelDb};

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
    /// Whether each symbol trades on another calendar than the market, or gave the reference no row, for a feature that it always
    /// lacked: of these only rows count that models see.
    apart: Vec<bool>,
    /// Numbers of the features that have baselines.
    used: Vec<usize>,
}

impl Window {
    /// Reads as many sessions as the rules say. Features are brought up to date first.
    pub fn read(db: &mut ModelDb, order: &WatchOrder<'_>, model: &Model, baselines: &[DriftBaseline]) -> Result<Self, WatchError> {
        let calendar = session_calendar(order.universe);
        let session = due(calendar, order.clock.now());
        // As long as the windows that the baselines are calibrated by, whatever the rules say by now.
        let sessions = baselines.first().map_or(order.rules.drift_detection.window_sessions, |b| b.window_sessions) as usize;
        // Twice as many days hold that many sessions of any exchange, and a month more those of its longest closure.
        let from = date_to_ts(session) - (2 * sessions as i64 + 30) * DAY;
        let dates: Vec<NaiveDate> = calendar.sessions(from, date_to_ts(session) + DAY).map(|s| s.date).filter(|d| *d <= session).collect();
        let first = dates.len().checked_sub(sessions).map_or(session, |at| dates[at]);
        let recent = Recent::read(db, &order.reading(), first - TimeDelta::days(1))?;
        let used: Vec<usize> = baselines.iter().filter_map(|b| feature(&b.subject)).map(|f| f.index).collect();
        let apart = order.universe.instruments.iter().map(|i| i.calendar() != calendar).collect();
        let mut window = Self { recent, first, session, apart, used };
        let lacking: BTreeSet<usize> =
            window.rows(longest()).filter(|row| window.recent.lacks(*row, &window.used).is_some()).map(|row| row.symbol).collect();
        for symbol in lacking {
            let name = order.universe.instruments[symbol].symbol;
            let known = nightly::read_features(db.reader(), name, (i64::MIN, date_to_ts(model.trained_to) + DAY))?;
            window.apart[symbol] |= !holds_a_whole_row(&known, &window.used);
        }
        Ok(window)
    }

    /// Rows of the window that have history enough for `lookback` bars. What trades on another calendar than the market lacks
    /// the market's return by nature, and a symbol may always have lacked its volumes: of these only rows count that models see, as in
    /// the reference. What is missing since shows as missing.
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
    pub fn features(&self, baselines: &[DriftBaseline]) -> Vec<Subject> {
        let of = |b: &DriftBaseline| {
            let feature = feature(&b.subject)?;
            // The baseline holds what the models are fed: single precision.
            let values = self.rows(longest()).map(|row| f64::from(self.recent.value(row, feature) as f32)).collect::<Vec<_>>();
            Some(measure(b, &values, Family::Features))
        };
        baselines.par_iter().filter_map(of).collect()
    }
}

/// Whether any row has all of the features `used`.
fn holds_a_whole_row(known: &FeatureColumns, used: &[usize]) -> bool {
    (0..known.ts.len()).any(|row| used.iter().all(|f| known.columns[*f][row].is_finite()))
}

/// Bars before the first row of a symbol that models learn from.
fn longest() -> usize {
    registry().iter().map(|f| f.lookback).max().unwrap_or(0)
}

/// How far current values lie from a baseline.
pub fn measure(baseline: &DriftBaseline, values: &[f64], family: Family) -> Subject {
    let missing = baseline.counts.last().copied().unwrap_or(0.0) as u64;
    let mut ascending: Vec<f64> = values.iter().copied().filter(|v| !v.is_nan()).collect();
    ascending.sort_unstable_by(f64::total_cmp);
    Subject {
        measured: Measured {
            subject: baseline.subject.clone(),
            family,
            shift: compare(baseline, values, baseline.smoothing),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symbol_gave_the_reference_a_row_if_all_features_were_there_at_once() {
        let columns = |second: [f64; 3]| FeatureColumns {
            ts: vec![0, 1, 2],
            columns: vec![vec![1.0, f64::NAN, 3.0], second.to_vec(), vec![f64::NAN; 3]],
        };
        assert!(holds_a_whole_row(&columns([f64::NAN, 2.0, 3.0]), &[0, 1]));
        assert!(!holds_a_whole_row(&columns([f64::NAN, 2.0, f64::NAN]), &[0, 1]), "never both");
        assert!(!holds_a_whole_row(&FeatureColumns::default(), &[0, 1]), "nothing is known of it");
    }
}
