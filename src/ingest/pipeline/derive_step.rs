//! Brings the derived timeframes of a symbol up to date with the bars that changed.

use std::collections::BTreeMap;

use super::symbol::Change;
use super::tally::Tally;
use super::{Event, Job};
use crate::ingest::derive::{aggregate, bucket_span};
use crate::ingest::planner::SymbolPlan;
use crate::market::{Bars, Calendar, Series, Timeframe};
use crate::store::master::{CandleBatch, Reader, StoreError};

impl Job {
    /// Derives every timeframe whose base changed, bases first, in whole buckets; a bucket that lost its inputs goes.
    pub(super) async fn derive(
        &self,
        plan: &SymbolPlan,
        mut changes: BTreeMap<Timeframe, Change>,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        for &(target, base) in &plan.derive {
            let Some(change) = changes.get(&base).cloned() else { continue };
            let series = Series { symbol: plan.instrument.symbol, timeframe: target };
            self.tell(Event::Working(series)).await;
            let span = self.derive_one(plan, series, base, &change, tally).await?;
            changes.insert(target, Change { span, source: change.source });
            self.record_end(series, None, None, Some(base), tally).await?;
        }
        Ok(())
    }

    async fn derive_one(
        &self,
        plan: &SymbolPlan,
        series: Series,
        base: Timeframe,
        change: &Change,
        tally: &mut Tally,
    ) -> Result<std::ops::Range<i64>, StoreError> {
        let calendar = plan.instrument.calendar();
        let (start, end) = bucket_span(calendar, series.timeframe, base, change.span.start, change.span.end);
        let input = Series { symbol: series.symbol, timeframe: base };
        let now = self.pipeline.clock.now();
        let bars = self
            .pipeline
            .reads
            .with(move |r| {
                let mut bars = aggregate(calendar, series.timeframe, base, &r.bars(input, (start, end), false)?, now);
                drop_unasked_beginning(r, calendar, input, &mut bars)?;
                Ok(bars)
            })
            .await?;
        let batch = CandleBatch { series, source: change.source, run_id: self.run_id, bars, replace: Some((start, end)) };
        let report = self.pipeline.writer.candles(batch).await?;
        let written = report.inserted + report.revised + report.completed;
        tally.derived += written;
        self.tell(Event::Wrote(written)).await;
        Ok(start..end)
    }
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
