//! Histories that a split, or the vendor, has put on another share basis: fetched again and swapped in, or adjusted in
//! place where nobody serves them.
//!
//! They are marked with the change that makes them obsolete, so that a run takes up what an earlier one did not get to.

use std::sync::Arc;

use super::tally::Tally;
use super::{Event, Job};
use crate::ingest::planner::{Plan, SymbolPlan};
use crate::market::{Bars, Series, SourceId};
use crate::sources::Window;
use crate::store::master::{CandleBatch, StoreError};

impl Job {
    /// Brings the marked histories on the basis of today. Splits are known by now, if their source answered.
    pub(super) async fn refetch_due(self: &Arc<Self>, total: &mut Tally) -> Result<(), StoreError> {
        let Plan { symbols, in_place, .. } = self.pipeline.refetches(&self.spec).await?;
        for series in in_place {
            self.adjust_in_place(series, total).await?;
        }
        if symbols.is_empty() || self.stopping() {
            return Ok(());
        }
        self.tell(Event::Phase("re-fetching after a split")).await;
        let plan = Plan { symbols, ..Plan::default() };
        self.announce(&plan).await;
        let workers = self.pipeline.settings.ingest.workers.max(1) as usize;
        let refetch = |job: Arc<Self>, plan: SymbolPlan| async move {
            let mut tally = Tally::default();
            let ended = job.refetch_symbol(&plan, &mut tally).await;
            (tally, ended.err())
        };
        let (tally, failed) = Arc::clone(self).each(plan.symbols, workers, refetch).await;
        total.add(tally);
        failed.map_or(Ok(()), Err)
    }

    async fn refetch_symbol(&self, plan: &SymbolPlan, tally: &mut Tally) -> Result<(), StoreError> {
        for (timeframe, wants) in &plan.fetch {
            let series = Series { symbol: plan.instrument.symbol, timeframe: *timeframe };
            self.tell(Event::Working(series)).await;
            for want in wants {
                let end = self.replace_series(&plan.instrument, *timeframe, want.window, tally).await?;
                // What was swapped in already must reach the derived series even if the rest has to wait.
                if self.stopping() && !end.swapped {
                    return self.review_and_derive(plan, tally).await;
                }
                let (_, gaps) = self.gaps(&plan.instrument, series, want.window).await?;
                self.record_end(series, end.error, Some(gaps), None, tally).await?;
            }
        }
        self.review_and_derive(plan, tally).await
    }

    /// Adjusts a series that only a file, or no timeframe that is fetched, can bring again.
    async fn adjust_in_place(&self, series: Series, tally: &mut Tally) -> Result<(), StoreError> {
        let batch = CandleBatch { series, source: SourceId::File, run_id: self.run_id, bars: Bars::new(), replace: None };
        self.write_swapped(batch, Window { start: i64::MIN, end: i64::MAX }, Vec::new(), tally).await
    }
}
