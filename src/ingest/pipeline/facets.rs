//! Splits, dividends, fundamentals and metadata of the symbols that are due, beside the candles.

use std::sync::Arc;

use super::tally::Tally;
use super::{Event, FACET_WORKERS, Job};
use crate::ingest::planner::SymbolPlan;
use crate::ingest::quality::compare::{Listing, listing};
use crate::market::{Facet, Metadata, Series, Timeframe, ts_to_date};
use crate::sources::Outcome;
use crate::sources::hybrid::Answer;
use crate::store::master::StoreError;

/// Before the first day of Yahoo's history; every stored action of a symbol is read each time, as vendors revise them.
const EARLIEST_ACTION: i64 = -252_460_800; // 1962-01-01

impl Job {
    /// Reads the facets that are due. A new split marks the series that it makes obsolete, for [`Job::refetch_due`].
    pub(super) async fn read_all_facets(self: Arc<Self>, symbols: Vec<SymbolPlan>) -> (Tally, Option<StoreError>) {
        let work = move |job: Arc<Self>, plan: SymbolPlan| async move {
            let mut tally = Tally::default();
            let ended = tokio::select! {
                ended = job.read_facets(&plan, &mut tally) => ended,
                () = job.let_go() => Ok(()),
            };
            (tally, ended.err())
        };
        self.each(symbols, FACET_WORKERS, work).await
    }

    async fn read_facets(&self, plan: &SymbolPlan, tally: &mut Tally) -> Result<(), StoreError> {
        for &facet in &plan.facets {
            if self.stopping() {
                break;
            }
            // What no source of the policy serves is neither work nor a failure.
            if self.pipeline.hybrid.answers(facet, plan.instrument.asset, self.policy).is_none() {
                continue;
            }
            match facet {
                Facet::Actions => self.read_actions(plan, tally).await?,
                Facet::Fundamentals => self.read_fundamentals(plan, tally).await?,
                Facet::Metadata => self.read_metadata(plan, tally).await?,
            }
            self.tell(Event::Answered { bars: 0 }).await;
        }
        Ok(())
    }

    async fn read_actions(&self, plan: &SymbolPlan, tally: &mut Tally) -> Result<(), StoreError> {
        let Answer { source, outcome } = self.pipeline.hybrid.actions(&plan.instrument, ts_to_date(EARLIEST_ACTION), self.policy).await;
        if let (Some(actions), Some(source)) = (facet_data(plan, "splits and dividends", source, outcome, tally), source) {
            let report = self.pipeline.writer.actions(plan.instrument.symbol, actions, source, self.run_id).await?;
            tally.splits += report.new_splits.len() as u32;
            tally.dividends += report.new_dividends.len() as u32;
        }
        Ok(())
    }

    async fn read_fundamentals(&self, plan: &SymbolPlan, tally: &mut Tally) -> Result<(), StoreError> {
        let Answer { source, outcome } = self.pipeline.hybrid.fundamentals(&plan.instrument, self.policy).await;
        if let (Some(f), Some(source)) = (facet_data(plan, "fundamentals", source, outcome, tally), source) {
            for note in &f.notes {
                tracing::debug!(target: "ingest", symbol = %plan.instrument.symbol, "{note}");
            }
            self.pipeline.writer.fundamentals(plan.instrument.symbol, f, source).await?;
            tally.fundamentals += 1;
        }
        Ok(())
    }

    async fn read_metadata(&self, plan: &SymbolPlan, tally: &mut Tally) -> Result<(), StoreError> {
        let Answer { source, outcome } = self.pipeline.hybrid.metadata(&plan.instrument, self.policy).await;
        if let (Some(m), Some(source)) = (facet_data(plan, "metadata", source, outcome, tally), source) {
            let symbol = plan.instrument.symbol;
            if let Some((old, from)) = self.pipeline.reads.with(move |r| r.symbol_metadata(symbol)).await? {
                let daily = Series { symbol, timeframe: Timeframe::D1 };
                let comparable = if from == source { m.clone() } else { common_words(&m) };
                let (old, new) = (Listing { metadata: &old, tick: None }, Listing { metadata: &comparable, tick: None });
                self.record(listing(daily, old, new).into_iter().collect(), tally).await?;
            }
            self.pipeline.writer.metadata(plan.instrument.symbol, m, source).await?;
        }
        Ok(())
    }
}

/// What every source writes alike: the ISO code of the currency, and the contract id that IB alone gives. Names, types
/// and dates are each vendor's own, and another vendor's are no change of the listing.
fn common_words(m: &Metadata) -> Metadata {
    Metadata { currency: m.currency.clone(), ib_contract_id: m.ib_contract_id, ..Metadata::default() }
}

/// The data of an answer; a failure is logged and counted.
fn facet_data<T>(
    plan: &SymbolPlan,
    what: &str,
    source: Option<crate::market::SourceId>,
    outcome: Outcome<T>,
    tally: &mut Tally,
) -> Option<T> {
    let symbol = plan.instrument.symbol;
    if let Some(source) = source {
        tally.request(source);
    }
    if let Some(fault) = outcome.fault() {
        tracing::warn!(target: "ingest", %symbol, outcome = outcome.kind(), "No {what}: {}", fault.message);
        tally.failure(format!("{symbol} {what}: {}", fault.message));
    }
    if let Outcome::Data(data) = outcome { Some(data) } else { None }
}
