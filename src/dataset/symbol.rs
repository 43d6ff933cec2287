//! One symbol's bars and features, turned into rows; every bar that gives none is counted with its reason.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::archive::{self, Rarity};
use super::samples::{Row, SymbolRows};
use super::summary::Dropped;
use crate::config::strategy::StrategySettings;
use crate::features::{Feature, missing};
use crate::labels::regime::{Measures, measures, regimes_of};
use crate::labels::{Barriers, Label, NoLabel, average_true_range};
use crate::market::{Calendar, DailyBars, Regime};
use crate::store::model::FeatureColumns;

/// What rows are made of.
pub(super) struct Source<'a> {
    /// Forward-adjusted, from the first stored bar on.
    pub bars: &'a DailyBars,
    /// All features of the same bars.
    pub features: &'a FeatureColumns,
    pub calendar: Calendar,
    /// The newest date of which any symbol of that calendar has a bar.
    pub known: NaiveDate,
}

/// What came of a symbol.
#[derive(Default)]
pub(super) struct Made {
    pub rows: SymbolRows,
    pub dropped: BTreeMap<Dropped, u64>,
    /// Rows of `rows` that are rare events.
    pub rare: Vec<(usize, Rarity)>,
}

/// The rows of a symbol with the features of `used`, in their order.
pub(super) fn rows(source: &Source<'_>, used: &[&Feature], rules: &StrategySettings) -> Made {
    let bars = source.bars;
    let atr = average_true_range(bars, rules.validation.label.atr_sessions);
    let barriers = Barriers::known_to(source.known, bars, &atr, source.calendar, &rules.validation.label);
    let measured = measures(&bars.close, &rules.regime_labeling);
    let regimes = regimes_of(&bars.close, &measured, &rules.regime_labeling);
    let mut made = Made::default();
    for bar in 0..bars.len() {
        let known = regimes[bar].zip(measured[bar]);
        match row(source, used, &barriers, bar, known) {
            Ok((row, day)) => {
                if let Some(rarity) = archive::rarity(row.regime, &day, &rules.rare_event_archive) {
                    made.rare.push((made.rows.rows.len(), rarity));
                }
                made.rows.rows.push(row);
                made.rows.features.extend(used.iter().map(|f| source.features.columns[f.index][bar] as f32));
            }
            Err(why) => *made.dropped.entry(why).or_default() += 1,
        }
    }
    made
}

fn row(
    source: &Source<'_>,
    used: &[&Feature],
    barriers: &Barriers<'_>,
    bar: usize,
    known: Option<(Regime, Measures)>,
) -> Result<(Row, Measures), Dropped> {
    let (regime, day) = known.ok_or(Dropped::ShortHistory)?;
    if used.iter().any(|f| bar < f.lookback) {
        return Err(Dropped::ShortHistory);
    }
    let absent = |f: &&&Feature| missing(f, source.features.columns[f.index][bar], bar, &source.bars.volume[..=bar]);
    if let Some((feature, why)) = used.iter().find_map(|f| Some((f, absent(&f)?))) {
        return Err(Dropped::MissingFeature { feature: feature.name.clone(), why: why.to_string() });
    }
    let label = barriers.label(bar).map_err(|why| match why {
        NoLabel::ShortHistory => Dropped::ShortHistory,
        NoLabel::Unmatured => Dropped::Unmatured,
        NoLabel::MissingSession(_) => Dropped::MissingSession,
        NoLabel::Ambiguous { .. } => Dropped::Ambiguous,
        NoLabel::NoWidth => Dropped::NoWidth,
    })?;
    Ok((labelled(source.bars, barriers, bar, regime, &label), day))
}

fn labelled(bars: &DailyBars, barriers: &Barriers<'_>, bar: usize, regime: Regime, label: &Label) -> Row {
    Row {
        bar: bar as u32,
        date: bars.date[bar],
        class: label.class,
        label_end: label.end,
        matured: label.matured,
        span: barriers.span(bar, label),
        regime,
        gross: label.gross,
        net: label.net,
        risk: label.half_width / label.entry,
    }
}
