//! Brings the derived timeframes of a symbol up to date with the bars that changed, were hidden or shown.
//!
//! Which these are is on record with the change itself, so that a run that was cut off, a finding that was settled and
//! a base that was blocked for a while all end in the same derivation.

use std::collections::BTreeMap;

use super::tally::Tally;
use super::{Event, Job};
use crate::ingest::derive::{aggregate, bucket_span, by_source};
use crate::ingest::planner;
use crate::market::{Bars, Calendar, Candle, Instrument, Series, SourceId, Timeframe};
use crate::store::master::{CandleBatch, Reader, StoreError};

impl Job {
    /// Derives every timeframe of `order` whose base changed, bases first, in whole buckets; a bucket that lost its inputs
    /// goes. Nothing is derived from a blocked base until it is settled.
    pub(super) async fn derive(
        &self,
        instrument: &Instrument,
        order: &[(Timeframe, Timeframe)],
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let (symbol, asked) = (instrument.symbol, order.to_vec());
        let due = self.pipeline.reads.with(move |r| planner::derivable(r, symbol, &asked)).await?;
        let mut spans: BTreeMap<Timeframe, (i64, i64)> = due.iter().map(|d| (d.series.timeframe, d.span)).collect();
        for &(target, base) in order {
            let Some(&span) = spans.get(&base) else { continue };
            let series = Series { symbol, timeframe: target };
            self.tell(Event::Working(series)).await;
            let span = self.derive_one(instrument.calendar(), series, base, span, tally).await?;
            spans.insert(target, span);
            self.record_end(series, None, None, Some(base), tally).await?;
        }
        for seen in due {
            self.pipeline.writer.derived(seen).await?;
        }
        Ok(())
    }

    async fn derive_one(
        &self,
        calendar: Calendar,
        series: Series,
        base: Timeframe,
        (start, end): (i64, i64),
        tally: &mut Tally,
    ) -> Result<(i64, i64), StoreError> {
        let (input, now) = (Series { timeframe: base, ..series }, self.pipeline.clock.now());
        let aggregated = move |r: &Reader| {
            // The bucket before may have closed since without another bar of its own.
            let start = r.stamp_before(input, start)?.unwrap_or(start);
            let span = bucket_span(calendar, series.timeframe, base, start, end);
            let inputs = r.sourced_bars(input, span)?;
            let bases: Vec<Candle> = inputs.iter().map(|(bar, _)| *bar).collect();
            let mut bars = aggregate(calendar, series.timeframe, base, &bases, now);
            drop_unasked_beginning(r, calendar, input, &mut bars)?;
            Ok((span, by_source(&bars, &inputs)))
        };
        let (span, runs) = self.pipeline.reads.with(aggregated).await?;
        let report = self.pipeline.writer.batches(batches(series, self.run_id, span, runs)).await?;
        let written = report.inserted + report.revised + report.completed;
        tally.derived += written;
        self.tell(Event::Wrote(written)).await;
        Ok(span)
    }
}

/// Batches that together replace all of a span: one for each run of bars of one source.
fn batches(series: Series, run_id: i64, (start, end): (i64, i64), runs: Vec<(SourceId, Bars)>) -> Vec<CandleBatch> {
    let mut cuts: Vec<i64> = runs.iter().skip(1).filter_map(|(_, bars)| bars.first().map(|b| b.ts)).collect();
    cuts.push(end);
    // Nothing to write still is something to delete.
    let runs = if runs.is_empty() { vec![(SourceId::File, Bars::new())] } else { runs };
    let mut from = start;
    let batch = |((source, bars), until): ((SourceId, Bars), i64)| {
        let replace = Some((std::mem::replace(&mut from, until), until));
        CandleBatch { series, source, run_id, bars, replace }
    };
    runs.into_iter().zip(cuts).map(batch).collect()
}

/// Drops a first week or month whose beginning nobody was asked for, because the history wanted starts inside it: it
/// would look like a whole one. Days that a source said it lacks (before a listing, say) do not count as missing.
fn drop_unasked_beginning(r: &Reader, calendar: Calendar, base: Series, bars: &mut Bars) -> Result<(), StoreError> {
    let state = r.series_state(base)?;
    let (Some(bar), Some(first)) = (bars.first(), state.and_then(|s| s.first_ts)) else { return Ok(()) };
    if base.timeframe != Timeframe::D1 || bar.ts >= first {
        return Ok(());
    }
    let empty = r.empty_spans(base)?;
    let asked = |&t: &i64| empty.iter().any(|e| e.start <= t && t < e.end);
    if !calendar.expected(base.timeframe, bar.ts, first).iter().all(asked) {
        bars.remove(0);
    }
    Ok(())
}
