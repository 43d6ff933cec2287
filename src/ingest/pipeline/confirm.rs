//! Jumps (check 7) wait for a second source: when it shows the same move, the finding is settled and the bars are read
//! again. A true crash day is not for an operator to confirm at night.

use super::Job;
use crate::config::SourcePolicy;
use crate::ingest::quality::compare::confirms;
use crate::market::{Candle, DAY, Instrument, Series, SourceId, Timeframe};
use crate::sources::{CandleRequest, Outcome, Window};
use crate::store::master::{IssueFilter, Resolution, Scope, StoreError, StoredIssue};

/// Jumps looked up in one run and series; each costs a request.
const LOOKED_UP: usize = 5;
/// Enough to reach the session before over any holiday.
const BEFORE: i64 = 7 * DAY;
const JUMP: u8 = 7;

impl Job {
    /// Asks the source that did not serve a jump's bars about them, and accepts the jump when it agrees.
    pub(super) async fn confirm_jumps(&self, instrument: &Instrument) -> Result<(), StoreError> {
        let series = Series { symbol: instrument.symbol, timeframe: Timeframe::D1 };
        let filter = IssueFilter { symbol: Some(series.symbol), timeframe: Some(series.timeframe), settled: false, limit: 200 };
        let open = self.pipeline.reads.with(move |r| r.data_quality_issues(filter)).await?;
        for finding in open.into_iter().filter(|f| f.issue.check == JUMP).take(LOOKED_UP) {
            if self.stopping() || self.policy != SourcePolicy::Auto {
                break;
            }
            self.confirm_jump(instrument, series, &finding).await?;
        }
        Ok(())
    }

    async fn confirm_jump(&self, instrument: &Instrument, series: Series, finding: &StoredIssue) -> Result<(), StoreError> {
        let Scope::Bars { to: ts, .. } = finding.issue.scope else { return Ok(()) };
        let window = Window { start: ts - BEFORE, end: ts + DAY };
        let stored = self.pipeline.reads.with(move |r| r.bars(series, (window.start, window.end), true)).await?;
        let served = self.pipeline.reads.with(move |r| r.provenance(series)).await?;
        let mostly = served.into_iter().max_by_key(|(_, n)| *n).map_or(SourceId::Ib, |(source, _)| source);
        let Some(second) = self.pipeline.hybrid.pick(instrument, series.timeframe, self.policy).into_iter().find(|s| s.id() != mostly)
        else {
            return Ok(());
        };
        let request = CandleRequest { instrument: instrument.clone(), timeframe: series.timeframe, window };
        let Outcome::Data(fetched) = second.candles(&request).await else { return Ok(()) };
        let theirs: Vec<Candle> = fetched.bars;
        if confirms(&stored, &theirs, ts, &self.pipeline.settings.quality) {
            let note = format!("{} shows the same move", second.id());
            self.pipeline.writer.resolve(finding.id, Resolution::Accepted, note).await?;
        }
        Ok(())
    }
}
