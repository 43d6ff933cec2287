//! Brings the derived timeframes of a symbol up to date with the bars that changed.

use std::collections::BTreeMap;

use super::symbol::Change;
use super::tally::Tally;
use super::{Event, Job};
use crate::ingest::derive::{aggregate, bucket_span};
use crate::ingest::planner::SymbolPlan;
use crate::market::{Series, Timeframe};
use crate::store::master::{CandleBatch, StoreError};

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
            .with(move |r| Ok(aggregate(calendar, series.timeframe, base, &r.bars(input, (start, end), false)?, now)))
            .await?;
        let batch = CandleBatch { series, source: change.source, run_id: self.run_id, bars, replace: Some((start, end)) };
        let report = self.pipeline.writer.candles(batch).await?;
        let written = report.inserted + report.revised + report.completed;
        tally.derived += written;
        self.tell(Event::Wrote(written)).await;
        Ok(start..end)
    }
}
