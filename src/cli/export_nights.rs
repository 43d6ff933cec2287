//! `nightdesk export signals|drift`: what nights left.

use chrono::NaiveDate;

use super::{Context, Failure};
use crate::export::Sheet;
use crate::market::{Strategy, Symbol};
use crate::scan::choice::answering;
use crate::store::model::ModelReader;

fn reader(strategy: Strategy, context: &Context) -> Result<ModelReader, Failure> {
    Ok(ModelReader::open(&context.data_dir.join(strategy.database_file()), strategy)?)
}

/// Signals of a strategy, oldest first, and whether they come from simulators.
pub(super) fn signals(
    strategy: Strategy,
    symbol: Option<Symbol>,
    inside: impl Fn(NaiveDate) -> bool,
    context: &Context,
) -> Result<(Sheet, bool), Failure> {
    let reader = reader(strategy, context)?;
    let mut all = reader.signals(usize::MAX)?;
    all.retain(|s| inside(s.signal.date) && symbol.is_none_or(|wanted| wanted == s.signal.symbol));
    all.reverse();
    Ok((Sheet::signals(strategy, &all), reader.is_demo()?))
}

/// Drift of the model that is watched, oldest night first, and whether it comes from simulators.
pub(super) fn drift(strategy: Strategy, inside: impl Fn(NaiveDate) -> bool, context: &Context) -> Result<(Sheet, bool), Failure> {
    let reader = reader(strategy, context)?;
    let (model_id, mut rows) = match answering(&reader)? {
        Some(model) => (model.model_id, reader.drift_rows(model.model_id)?),
        None => (0, Vec::new()),
    };
    rows.retain(|r| inside(r.date));
    Ok((Sheet::drift(strategy, model_id, &rows), reader.is_demo()?))
}
