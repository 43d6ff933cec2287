//! One symbol: fetch its native series, review them, derive the rest, record the state of each.

use std::sync::Arc;

use super::tally::Tally;
use super::{Event, Job};
use crate::ingest::missing::{Known, Rules, Want, missing_stamps};
use crate::ingest::planner::SymbolPlan;
use crate::market::{DAY, Instrument, Series, Timeframe};
use crate::sources::Window;
use crate::store::master::{Reader, SeriesUpdate, StoreError, Underived};

/// From the first stamp wanted to the last.
fn hull(wants: &[Want]) -> Window {
    let start = wants.iter().map(|w| w.window.start).min().unwrap_or(0);
    Window { start, end: wants.iter().map(|w| w.window.end).max().unwrap_or(start) }
}

impl Job {
    /// The whole work on one symbol. Only a failing store is an error; a failing source is in the tally.
    pub(super) async fn work_symbol(self: &Arc<Self>, plan: &SymbolPlan) -> (Tally, Option<StoreError>) {
        let mut tally = Tally::default();
        let ended = self.fetch_and_derive(plan, &mut tally).await;
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
            let asked = hull(wants);
            let (recorded, before) = self.gaps(instrument, series, asked).await?;
            let end = self.fetch_series(instrument, *timeframe, wants, tally).await?;
            if end.rebased {
                tracing::warn!(target: "ingest", %series, "The vendor re-based the history; it is fetched again when the splits are known");
            }
            let (_, after) = self.gaps(instrument, series, asked).await?;
            self.record_end(series, end.error, Some((recorded + after).saturating_sub(before)), None, tally).await?;
        }
        self.review_and_derive(plan, tally).await
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

    /// The unexplained holes on record for a series, and those between its first and last final bar that lie in `span`.
    /// What a fetch changes lies in what it asked for, so that holes elsewhere need no counting.
    pub(super) async fn gaps(&self, instrument: &Instrument, series: Series, span: Window) -> Result<(u64, u64), StoreError> {
        let (calendar, now) = (instrument.calendar(), self.pipeline.clock.now());
        let count = move |r: &Reader| {
            let Some(state) = r.series_state(series)? else { return Ok((0, 0)) };
            let (Some(first), Some(last)) = (state.first_ts, state.last_final_ts) else { return Ok((state.gaps, 0)) };
            let (from, until) = (first.max(span.start), last.min(span.end));
            let rules = Rules {
                calendar,
                timeframe: series.timeframe,
                horizon: from,
                now: now.min(span.end),
                reask_days: u32::from(u16::MAX),
                recover: false,
            };
            // A weekly stamp may lie six days before the horizon it belongs to, a monthly one thirty.
            let stamps = r.stamps(series, (from - 31 * DAY, until + DAY))?;
            let known = Known { stamps, last_final: Some(last), empty: r.empty_spans(series)?, fallback: Vec::new() };
            let inside = missing_stamps(&rules, &known).into_iter().filter(|t| (from..until).contains(t));
            Ok((state.gaps, inside.count() as u64))
        };
        self.pipeline.reads.with(count).await
    }

    /// Reviews the fetched series that changed, so that hidden bars do not reach the derived ones, then derives.
    pub(super) async fn review_and_derive(&self, plan: &SymbolPlan, tally: &mut Tally) -> Result<(), StoreError> {
        let symbol = plan.instrument.symbol;
        let concerned = |t: Timeframe| plan.fetch.iter().any(|(f, _)| *f == t) || plan.derive.iter().any(|(_, base)| *base == t);
        let native: Vec<Timeframe> = self.pipeline.settings.ingest.native.iter().copied().filter(|&t| concerned(t)).collect();
        let changed = self.pipeline.reads.with(Reader::underived).await?;
        let changed: Vec<Underived> =
            changed.into_iter().filter(|u| u.series.symbol == symbol && native.contains(&u.series.timeframe)).collect();
        for one in &changed {
            self.review(&plan.instrument, one, tally).await?;
        }
        self.minutes_against_days(&plan.instrument, &changed, tally).await?;
        self.derive(&plan.instrument, &plan.derive, tally).await
    }
}
