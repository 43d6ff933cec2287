//! `nightdesk export features|labels`: what the models of a strategy learn from.

use chrono::NaiveDate;

use super::features::build::standing;
use super::{Context, Failure, output};
use crate::export::{LabelRow, Sheet};
use crate::features::bars::forward_adjusted;
use crate::features::nightly::{Freshness, read_features};
use crate::features::{definition_hash, registry};
use crate::labels::{Barriers, average_true_range, regimes, weights};
use crate::market::{DAY, Strategy, Symbol, date_to_ts};
use crate::store::master::Reader;
use crate::store::model::ModelReader;

/// Which days of which symbol for which strategy.
pub(super) struct Wanted {
    pub symbol: Symbol,
    pub strategy: Strategy,
    pub from: Option<NaiveDate>,
    pub to: Option<NaiveDate>,
}

impl Wanted {
    fn has(&self, date: NaiveDate) -> bool {
        self.from.is_none_or(|f| date >= f) && self.to.is_none_or(|t| date <= t)
    }
}

/// The cached features, and whether they come from simulators.
pub(super) fn features(wanted: &Wanted, context: &Context) -> Result<(Sheet, bool), Failure> {
    let Wanted { symbol, strategy, from, to } = *wanted;
    let reader = ModelReader::open(&context.data_dir.join(strategy.database_file()), strategy)?;
    let span = (from.map_or(i64::MIN, date_to_ts), to.map_or(i64::MAX, |d| date_to_ts(d) + DAY));
    let found = read_features(&reader, symbol, span)?;
    let (known, note) = standing(&reader, strategy, context);
    if known == Some(Freshness::CutShort) && !found.ts.is_empty() {
        return Err(Failure::new(format!("the features of {strategy} are of two states: a build is under way, or was cut short"))
            .next(format!("nightdesk features build --strategy {strategy}")));
    }
    let mut facts = vec![("strategy", strategy.to_string()), ("definition", definition_hash().to_owned())];
    if let Some(note) = note {
        output::remark(format_args!("warning: the features of {strategy}: {note}"));
        facts.push(("note", note));
    }
    facts.extend(reader.features_made()?.map(|made| ("snapshot", made.snapshot)));
    let columns = registry().iter().map(|f| f.name.as_str()).zip(found.columns);
    Ok((Sheet::features(symbol, facts, found.ts, columns), reader.is_demo()?))
}

/// Labels and regimes of the stored daily bars, by the strategy's rules.
pub(super) fn labels(wanted: &Wanted, reader: &Reader, context: &Context) -> Result<Sheet, Failure> {
    let Wanted { symbol, strategy, .. } = *wanted;
    let rules = &context.strategies.get(strategy).settings;
    let (state, candles) = reader.daily(symbol, i64::MIN)?;
    if let Some(why) = state.unusable {
        return Err(
            Failure::new(format!("the daily bars of {symbol} are blocked: {why}")).next(format!("nightdesk issues list --symbol {symbol}"))
        );
    }
    let dividends = if rules.features.uses_dividends() { &state.dividends[..] } else { &[] };
    let bars = forward_adjusted(&candles, dividends, 1.0).bars;
    let rule = &rules.validation.label;
    let atr = average_true_range(&bars, rule.atr_sessions);
    let barriers = Barriers::new(&bars, &atr, context.asset(symbol).calendar(), rule);
    let labels = barriers.labels();
    let spans: Vec<_> = labels.iter().enumerate().filter_map(|(row, l)| Some(barriers.span(row, l.as_ref().ok()?))).collect();
    let mut unique = weights::uniqueness(&spans).into_iter();
    let days = bars.date.iter().zip(regimes(&bars.close, &rules.regime_labeling)).zip(labels);
    let rows: Vec<LabelRow> = days
        .map(|((&date, regime), label)| {
            let uniqueness = if label.is_ok() { unique.next().unwrap_or(f64::NAN) } else { f64::NAN };
            LabelRow { date, regime, label, uniqueness }
        })
        .filter(|row| wanted.has(row.date))
        .collect();
    let facts = vec![("strategy", strategy.to_string()), ("rules", rules.hash()), ("rules_version", rules.metadata.version.to_string())];
    Ok(Sheet::labels(symbol, facts, &rows))
}
