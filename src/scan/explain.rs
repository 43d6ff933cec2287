//! What spoke for a signal, and past rows that looked like it.

use chrono::NaiveDate;

use super::views::{Contribution, PastCase};
use crate::config::strategy::LabelRule;
use crate::dataset::recent::{Recent, RowAt};
use crate::features::registry;
use crate::labels::{Barriers, Class, average_true_range};
use crate::market::{Calendar, Instrument, Regime};
use crate::store::model::FeatureColumns;
use crate::train::asking::Asking;
use crate::train::backtest::Side;
use crate::train::ensemble::EnsembleError;
use crate::train::metrics::Probabilities;
use crate::train::models::Compute;

/// By how much the probability of `side` falls when one feature is at its training mean and all others are as they are: the
/// whole ensemble is asked once for each feature. The `top` that move it most, either way.
pub fn contributions(
    asking: &Asking<'_>,
    recent: &Recent,
    (row, side): (RowAt, Side),
    top: usize,
    compute: &Compute,
) -> Result<Vec<Contribution>, EnsembleError> {
    let features = asking.features(row);
    let scales = &asking.ensemble.header().normaliser.scales;
    let regime = recent.symbols[row.symbol].regimes[row.bar].unwrap_or(Regime::Normal);
    let without = |number: usize| {
        let mut other = features.clone();
        other[number] = scales[number].mean as f32;
        (other, row, regime)
    };
    let asked = std::iter::once((features.clone(), row, regime)).chain((0..features.len()).map(without));
    let answers = asking.ask_with(asked, compute)?;
    let of = |p: &Probabilities| p[side.class().index()];
    let Some((whole, rest)) = answers.split_first() else { return Ok(Vec::new()) };
    let mut given: Vec<Contribution> =
        rest.iter().enumerate().map(|(i, p)| contribution(asking, i, &features, of(whole) - of(p))).collect();
    given.sort_by(|a, b| b.adds.abs().total_cmp(&a.adds.abs()));
    given.truncate(top);
    Ok(given)
}

fn contribution(asking: &Asking<'_>, number: usize, features: &[f32], adds: f64) -> Contribution {
    let scale = &asking.ensemble.header().normaliser.scales[number];
    let value = f64::from(features[number]);
    let cut = value.max(scale.low).min(scale.high);
    let scaled = if scale.deviation > 0.0 { (cut - scale.mean) / scale.deviation } else { 0.0 };
    Contribution { feature: registry()[asking.columns[number]].name.clone(), value, scaled, adds }
}

/// One symbol's past rows with what came of them, to look for cases in.
pub struct Past {
    instrument: Instrument,
    dates: Vec<NaiveDate>,
    /// Class and net return of a long and of a short position, of rows whose horizon has passed.
    outcomes: Vec<Option<(Class, [f64; 2])>>,
    /// Scaled as the models see them, row by row; empty for a row that lacks one.
    rows: Vec<Vec<f32>>,
}

impl Past {
    /// The rows of `features`, which end with the symbol's newest bar.
    pub fn new(
        asking: &Asking<'_>,
        (recent, position, instrument): (&Recent, usize, &Instrument),
        features: &FeatureColumns,
        (rule, calendar): (&LabelRule, Calendar),
    ) -> Self {
        let bars = &recent.symbols[position].adjusted.bars;
        let atr = average_true_range(bars, rule.atr_sessions);
        let barriers = Barriers::new(bars, &atr, calendar, rule);
        let first = bars.len() - features.ts.len();
        let outcome = |bar: usize| barriers.label(bar).ok().map(|l| (l.class, [l.net, l.short_net()]));
        let scales = &asking.ensemble.header().normaliser;
        let row = |row: usize| {
            let mut values: Vec<f32> = asking.columns.iter().map(|c| features.columns[*c][row] as f32).collect();
            scales.apply(&mut values);
            if values.iter().all(|v| v.is_finite()) { values } else { Vec::new() }
        };
        Self {
            instrument: instrument.clone(),
            dates: bars.date[first..].to_vec(),
            outcomes: (first..bars.len()).map(outcome).collect(),
            rows: (0..features.ts.len()).map(row).collect(),
        }
    }
}

/// The rows of `pasts` nearest to `features`, as they are stored, among those whose outcome is known: by root mean square
/// distance in standard deviations of the training rows. Of rows of one symbol within `apart` sessions of each other only the
/// nearest counts: neighbours tell the same story.
pub fn cases(asking: &Asking<'_>, pasts: &[&Past], features: &[f32], side: Side, (most, apart): (usize, usize)) -> Vec<PastCase> {
    let mut own = features.to_vec();
    asking.ensemble.header().normaliser.apply(&mut own);
    let distance = |row: &[f32]| {
        let sum: f64 = row.iter().zip(&own).map(|(a, b)| f64::from(a - b).powi(2)).sum();
        (sum / own.len().max(1) as f64).sqrt()
    };
    let mut found: Vec<(f64, usize, usize)> = Vec::new();
    for (symbol, past) in pasts.iter().enumerate() {
        let known = past.rows.iter().enumerate().filter(|(at, row)| past.outcomes[*at].is_some() && !row.is_empty());
        found.extend(known.map(|(at, row)| (distance(row), symbol, at)));
    }
    found.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    let mut taken: Vec<(f64, usize, usize)> = Vec::new();
    for near in found {
        if taken.len() == most {
            break;
        }
        if !taken.iter().any(|t| t.1 == near.1 && t.2.abs_diff(near.2) < apart) {
            taken.push(near);
        }
    }
    let case = |(distance, symbol, at): (f64, usize, usize)| {
        let past = pasts[symbol];
        let (class, net) = past.outcomes[at]?;
        let net = if side == Side::Buy { net[0] } else { net[1] };
        Some(PastCase { symbol: past.instrument.symbol, date: past.dates[at], distance, class, net })
    };
    taken.into_iter().filter_map(case).collect()
}
