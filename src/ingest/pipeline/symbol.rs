//! One symbol: fetch its native series, review them, derive the rest, record the state of each.

use std::sync::Arc;

use super::fetch::SeriesEnd;
use super::tally::Tally;
use super::{Event, Job};
use crate::ingest::missing::{Known, Rules, missing_stamps};
use crate::ingest::planner::SymbolPlan;
use crate::market::{DAY, Instrument, Series, Timeframe};
use crate::sources::Window;
use crate::store::master::{SeriesUpdate, StoreError, Underived};

impl Job {
    /// The whole work on one symbol. Only a failing store is an error; a failing source is in the tally.
    pub(super) async fn work_symbol(self: &Arc<Self>, plan: &SymbolPlan) -> (Tally, Option<StoreError>) {
        let mut tally = Tally::default();
        let ended = self.fetch_and_derive(plan, &mut tally).await;
        (tally, ended.err())
    }

    /// Fetches the whole stored history of the plan's series anew, after a split.
    pub(super) async fn refetch_symbol(self: &Arc<Self>, plan: &SymbolPlan) -> (Tally, Option<StoreError>) {
        let mut tally = Tally::default();
        let ended = self.replace_and_derive(plan, &mut tally).await;
        (tally, ended.err())
    }

    async fn fetch_and_derive(&self, plan: &SymbolPlan, tally: &mut Tally) -> Result<(), StoreError> {
        let instrument = &plan.instrument;
        for (timeframe, wants) in &plan.fetch {
            if self.stopping() {
                return Ok(());
            }
            let series = Series { symbol: instrument.symbol, timeframe: *timeframe };
            self.tell(Event::Working(series)).await;
            let mut end = self.fetch_series(instrument, *timeframe, wants, tally).await?;
            if end.rebased && end.error.is_none() {
                tracing::warn!(target: "ingest", %series, "The vendor re-based the history, fetching it again");
                end = self.replace_stored(instrument, *timeframe, tally).await?;
            }
            self.end_series(instrument, series, &mut end, tally).await?;
        }
        self.review_and_derive(plan, tally).await
    }

    async fn replace_and_derive(&self, plan: &SymbolPlan, tally: &mut Tally) -> Result<(), StoreError> {
        for &(timeframe, _) in &plan.fetch {
            let series = Series { symbol: plan.instrument.symbol, timeframe };
            self.tell(Event::Working(series)).await;
            let mut end = self.replace_stored(&plan.instrument, timeframe, tally).await?;
            // What was swapped in already must reach the derived series even if the rest has to wait.
            if self.stopping() && end.source.is_none() {
                break;
            }
            self.end_series(&plan.instrument, series, &mut end, tally).await?;
        }
        self.review_and_derive(plan, tally).await
    }

    /// Replaces what is stored of a series; an empty series has nothing to replace.
    async fn replace_stored(&self, instrument: &Instrument, timeframe: Timeframe, tally: &mut Tally) -> Result<SeriesEnd, StoreError> {
        let series = Series { symbol: instrument.symbol, timeframe };
        let state = self.pipeline.reads.with(move |r| r.series_state(series)).await?;
        let Some(start) = state.and_then(|s| s.first_ts) else { return Ok(SeriesEnd::default()) };
        let span = Window { start, end: self.pipeline.clock.now() };
        self.replace_series(instrument, timeframe, span, tally).await
    }

    async fn end_series(&self, instrument: &Instrument, series: Series, end: &mut SeriesEnd, tally: &mut Tally) -> Result<(), StoreError> {
        let gaps = self.count_gaps(instrument, series).await?;
        self.record_end(series, end.error.take(), Some(gaps), None, tally).await
    }

    /// Records the end of one series in the store, the tally and the event stream.
    pub(super) async fn record_end(
        &self,
        series: Series,
        error: Option<String>,
        gaps: Option<u64>,
        derived_from: Option<Timeframe>,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let update = SeriesUpdate { series, attempted_at: self.pipeline.clock.now(), error: error.clone(), gaps, derived_from };
        self.pipeline.writer.series(vec![update]).await?;
        match &error {
            None => tally.series_ok += 1,
            Some(e) => {
                tally.series_failed += 1;
                tally.failure(format!("{series}: {e}"));
            }
        }
        let state = self.pipeline.reads.with(move |r| r.series_state(series)).await?;
        self.tell(Event::Done { series, error, state: state.map(Box::new) }).await;
        Ok(())
    }

    /// Holes between the first and the last final bar that no source has explained.
    async fn count_gaps(&self, instrument: &Instrument, series: Series) -> Result<u64, StoreError> {
        let (calendar, now) = (instrument.calendar(), self.pipeline.clock.now());
        self.pipeline
            .reads
            .with(move |r| {
                let Some(state) = r.series_state(series)? else { return Ok(0) };
                let (Some(first), Some(last)) = (state.first_ts, state.last_final_ts) else { return Ok(0) };
                let rules =
                    Rules { calendar, timeframe: series.timeframe, horizon: first, now, reask_days: u32::from(u16::MAX), recover: false };
                let known = Known {
                    stamps: r.stamps(series, (first, last + DAY))?,
                    last_final: Some(last),
                    empty: r.empty_spans(series)?,
                    fallback: Vec::new(),
                };
                Ok(missing_stamps(&rules, &known).iter().filter(|&&t| t < last).count() as u64)
            })
            .await
    }

    /// Reviews the fetched series that changed, so that hidden bars do not reach the derived ones, then derives.
    async fn review_and_derive(&self, plan: &SymbolPlan, tally: &mut Tally) -> Result<(), StoreError> {
        let symbol = plan.instrument.symbol;
        let concerned = |t: Timeframe| plan.fetch.iter().any(|(f, _)| *f == t) || plan.derive.iter().any(|(_, base)| *base == t);
        let native: Vec<Timeframe> = self.pipeline.settings.ingest.native.iter().copied().filter(|&t| concerned(t)).collect();
        let changed = self.pipeline.reads.with(crate::store::master::Reader::underived).await?;
        let changed: Vec<Underived> =
            changed.into_iter().filter(|u| u.series.symbol == symbol && native.contains(&u.series.timeframe)).collect();
        for one in &changed {
            self.review(&plan.instrument, one, tally).await?;
        }
        self.minutes_against_days(&plan.instrument, &changed, tally).await?;
        self.derive(&plan.instrument, &plan.derive, tally).await
    }
}
