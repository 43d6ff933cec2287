//! What a trained ensemble says of the newest rows, as scans and drift read them.

use crate::dataset::recent::{Recent, RowAt};
use crate::dataset::windows::Channels;
use crate::features::feature;
use crate::market::{DailyBars, Regime};
use crate::train::ensemble::{Ensemble, EnsembleError, Rows};
use crate::train::metrics::Probabilities;
use crate::train::models::Compute;
use crate::train::pipeline::fitting::on_windows;

/// An ensemble with the rows it can be asked about.
pub struct Asking<'a> {
    /// Whom.
    pub ensemble: &'a Ensemble,
    recent: &'a Recent,
    /// Numbers of the features that it sees, in its order.
    pub columns: Vec<usize>,
    /// Channels of all bars; empty where no model sees windows.
    channels: Channels,
}

impl<'a> Asking<'a> {
    /// Prepares the bars that its models see.
    pub fn new(ensemble: &'a Ensemble, recent: &'a Recent) -> Result<Self, EnsembleError> {
        let header = ensemble.header();
        let number = |name: &String| feature(name).map(|f| f.index).ok_or_else(|| EnsembleError::Feature(name.clone()));
        let columns = header.features.iter().map(number).collect::<Result<_, _>>()?;
        let windows = header.models.iter().any(|m| on_windows(m.name));
        let bars: Vec<DailyBars> = if windows { recent.symbols.iter().map(|s| s.adjusted.bars.clone()).collect() } else { Vec::new() };
        Ok(Self { ensemble, recent, columns, channels: Channels::of(&bars) })
    }

    /// The features of a row, as they are stored; NaN where one is missing.
    pub fn features(&self, row: RowAt) -> Vec<f32> {
        let registry = crate::features::registry();
        self.columns.iter().map(|c| self.recent.value(row, &registry[*c]) as f32).collect()
    }

    /// Calibrated probabilities of rows that lack no feature and have a regime; the others are not asked about.
    pub fn ask(&self, rows: &[RowAt], compute: &Compute) -> Result<Vec<Option<Probabilities>>, EnsembleError> {
        let regime = |row: &RowAt| self.recent.symbols[row.symbol].regimes[row.bar];
        let fit = |row: &&RowAt| regime(row).is_some() && self.recent.lacks(**row, &self.columns).is_none();
        let asked: Vec<RowAt> = rows.iter().filter(fit).copied().collect();
        let table = asked.iter().map(|row| (self.features(*row), *row, regime(row).unwrap_or(Regime::Normal)));
        let mut answers = self.ask_with(table, compute)?.into_iter();
        Ok(rows.iter().map(|row| if fit(&row) { answers.next() } else { None }).collect())
    }

    /// The same of rows with features of the caller's: all must be numbers.
    pub fn ask_with(
        &self,
        rows: impl IntoIterator<Item = (Vec<f32>, RowAt, Regime)>,
        compute: &Compute,
    ) -> Result<Vec<Probabilities>, EnsembleError> {
        let (mut table, mut last, mut regimes) = (Vec::new(), Vec::new(), Vec::new());
        for (features, row, regime) in rows {
            table.extend(features);
            regimes.push(regime);
            if let Some(first) = self.channels.first.get(row.symbol) {
                last.push((first + row.bar) as u32);
            }
        }
        if regimes.is_empty() {
            return Ok(Vec::new());
        }
        self.ensemble.answer(&Rows { table: &table, series: &self.channels.values, last: &last, regimes: &regimes }, compute)
    }
}
