//! The two passes over a universe: first the market of each day and the ranks, which need every symbol, then the symbols,
//! each by itself.
//!
//! A tail keeps its bars between the passes; they are some three hundred a symbol. Everything else reads each symbol twice and
//! holds no more of them at a time than are worked on.

use std::borrow::Cow;
use std::sync::mpsc::sync_channel;

use chrono::NaiveDate;
use rayon::prelude::*;

use super::plan::Plan;
use super::survey::Survey;
use super::{Desk, NightError, Steps};
use crate::features::bars::Adjusted;
use crate::features::engine::{self, Checkpoint, Input, Output, Task};
use crate::features::market::{CrossSection, MarketReturns, Ranks};
use crate::features::{Needs, registry};
use crate::market::{AssetClass, Instrument, ts_to_date};

/// Symbols read at a time in the first pass.
const CHUNK: usize = 64;

/// Computed symbols that may wait to be stored.
const WAITING: usize = 4;

/// What a symbol needs to know of the others.
pub(super) struct Market {
    returns: MarketReturns,
    ranks: Ranks,
}

/// One symbol computed.
pub(super) struct Part<'a> {
    pub adjusted: &'a Adjusted,
    pub output: Output,
    /// Rows of the block before those that were asked for.
    pub skip: usize,
}

/// Reads the bars of all symbols from their checkpoints on. `None`, and the plan is to compute everything, when some symbol
/// looks further back into the market than the others' bars reach.
pub(super) fn tails(desk: &Desk<'_>, survey: &Survey<'_>, plan: &mut Plan) -> Result<Option<Vec<Adjusted>>, NightError> {
    let steps = Steps::new(desk, 0);
    let tail = |position: usize| {
        steps.go_on()?;
        let bars = survey.bars(desk, position, plan.states[position].as_ref().map(|c| (c.date, c.factor)));
        steps.step();
        bars
    };
    let tails: Vec<Adjusted> = (0..survey.instruments.len()).into_par_iter().map(tail).collect::<Result<_, _>>()?;
    let moved = |((state, tail), _): &((&Option<Checkpoint>, &Adjusted), _)| {
        state.as_ref().is_some_and(|state| tail.bars.date.first() != Some(&state.date))
    };
    let why = if let Some((_, instrument)) = plan.states.iter().zip(&tails).zip(survey.instruments).find(moved) {
        format!("the checkpoint of {} begins where there is no bar", instrument.symbol)
    } else if let Some(symbol) = plan.from.and_then(|month| out_of_reach(survey, plan, &tails, ts_to_date(month))) {
        format!("{symbol} had so few bars of late that its features look back beyond the checkpoint")
    } else {
        return Ok(Some(tails));
    };
    *plan = Plan::whole(survey, &why);
    Ok(None)
}

/// A symbol whose first new row needs a market return that the tails cannot give.
fn out_of_reach<'a>(survey: &Survey<'a>, plan: &Plan, tails: &[Adjusted], from: NaiveDate) -> Option<&'a str> {
    if survey.benchmark.is_some() {
        return None;
    }
    let reach = registry().iter().filter(|f| f.needs == Needs::Benchmark).map(|f| f.lookback).max().unwrap_or(0);
    // A return needs the bar before. A stock without a checkpoint is there from its first bar on.
    let stocks = survey.instruments.iter().zip(&plan.states).filter(|(i, _)| i.asset == AssetClass::Stock);
    let known = stocks.filter_map(|(_, state)| Some(state.as_ref()?.date)).max()?;
    let looks_back = |tail: &Adjusted| {
        let date = &tail.bars.date;
        let emit = date.partition_point(|d| *d < from);
        (emit < date.len()).then(|| date[emit.saturating_sub(reach)])
    };
    let (instrument, _) = survey.instruments.iter().zip(tails).find(|(_, tail)| looks_back(tail).is_some_and(|date| date <= known))?;
    Some(instrument.symbol.as_str())
}

/// The first pass. Without `tails` every symbol is read; with them, days before the checkpoint know only a part of the
/// market. `until` leaves out what came after that date.
pub(super) fn market(
    steps: &Steps<'_>,
    survey: &Survey<'_>,
    tails: Option<&[Adjusted]>,
    until: Option<NaiveDate>,
) -> Result<Market, NightError> {
    let benchmark = survey.benchmark_bars(steps.desk)?.map(|bars| up_to(bars, until));
    let mut returns = MarketReturns::default();
    if let (Some(adjusted), Some(symbol)) = (&benchmark, steps.desk.benchmark) {
        returns.add(&adjusted.bars, survey.calendar_of(symbol));
    }
    let mut section = CrossSection::default();
    let mut add = |instrument: &Instrument, adjusted: &Adjusted| {
        let bars = &adjusted.bars;
        if benchmark.is_none() && instrument.asset == AssetClass::Stock {
            returns.add(bars, instrument.asset.calendar());
        }
        section.add(bars);
    };
    if let Some(tails) = tails {
        survey.instruments.iter().zip(tails).for_each(|(i, tail)| add(i, tail));
        return Ok(Market { returns, ranks: section.rank() });
    }
    let positions: Vec<usize> = (0..survey.instruments.len()).collect();
    for chunk in positions.chunks(CHUNK) {
        steps.go_on()?;
        let read = |&position: &usize| survey.bars(steps.desk, position, None).map(|bars| up_to(bars, until));
        let bars: Vec<Adjusted> = chunk.par_iter().map(read).collect::<Result<_, _>>()?;
        for (position, bars) in chunk.iter().zip(&bars) {
            add(&survey.instruments[*position], bars);
            steps.step();
        }
    }
    Ok(Market { returns, ranks: section.rank() })
}

/// The second pass: each symbol of `positions` through `work`, on all cores; what it makes goes to `sink` on the calling
/// thread, and only a few wait there.
pub(super) fn each<T: Send>(
    steps: &Steps<'_>,
    positions: &[usize],
    work: impl Fn(usize) -> Result<T, NightError> + Sync,
    mut sink: impl FnMut(T) -> Result<(), NightError>,
) -> Result<(), NightError> {
    let work = &work;
    std::thread::scope(|scope| {
        let (send, made) = sync_channel(WAITING);
        let worker = scope.spawn(move || {
            positions.par_iter().try_for_each_with(send, |send, &position| {
                steps.go_on()?;
                let one = work(position)?;
                steps.step();
                // The other end is gone only after a failure, which it reports itself.
                send.send(one).map_err(|_| NightError::Stopped)
            })
        });
        let stored = made.iter().try_for_each(&mut sink);
        drop(made);
        let computed = worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        stored.and(computed)
    })
}

/// The bars of a symbol for the second pass.
pub(super) fn bars<'t>(
    steps: &Steps<'_>,
    survey: &Survey<'_>,
    tails: Option<&'t [Adjusted]>,
    position: usize,
) -> Result<Cow<'t, Adjusted>, NightError> {
    tails.map_or_else(|| survey.bars(steps.desk, position, None).map(Cow::Owned), |tails| Ok(Cow::Borrowed(&tails[position])))
}

/// Computes one symbol.
pub(super) fn symbol<'a>(
    survey: &Survey<'_>,
    plan: &Plan,
    market: &Market,
    position: usize,
    adjusted: &'a Adjusted,
) -> Result<Part<'a>, NightError> {
    let instrument = &survey.instruments[position];
    let bars = &adjusted.bars;
    let from = plan.states.get(position).and_then(Option::as_ref);
    let base = from.map_or(0, Checkpoint::window);
    let index = |month: i64| base + bars.date.partition_point(|d| *d < ts_to_date(month));
    let (returns, ranks) = (market.returns.on(&bars.date), market.ranks.of(bars));
    let input = Input { adjusted, market: Some(&returns), rank: Some(&ranks), sessions_a_year: instrument.asset.sessions_a_year() };
    let mark = plan.mark.as_ref().map(|(month, _)| index(*month));
    let output = engine::run(&Task { input, from, mark }).map_err(|cause| NightError::Engine { symbol: instrument.symbol, cause })?;
    let skip = plan.from.map_or(0, |month| index(month) - output.block.first);
    Ok(Part { adjusted, output, skip })
}

/// The bars up to a date.
pub(super) fn up_to(mut adjusted: Adjusted, until: Option<NaiveDate>) -> Adjusted {
    let Some(until) = until else { return adjusted };
    let n = adjusted.bars.date.partition_point(|d| *d <= until);
    let bars = &mut adjusted.bars;
    bars.date.truncate(n);
    for column in [&mut bars.open, &mut bars.high, &mut bars.low, &mut bars.close, &mut bars.volume, &mut adjusted.factor] {
        column.truncate(n);
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::store::master::ReadPool;

    #[test]
    #[should_panic(expected = "a bug")]
    fn a_panic_of_a_worker_is_no_stop() {
        let (master, stop) = (ReadPool::new(Path::new("none.db")), CancellationToken::new());
        let desk = Desk { master: &master, instruments: &[], benchmark: None, dividends: true, progress: &|_, _| {}, rows: 1, stop: &stop };
        let end = each(&Steps::new(&desk, 0), &[0], |_| -> Result<(), NightError> { panic!("a bug") }, |()| Ok(()));
        assert!(end.is_ok());
    }
}
