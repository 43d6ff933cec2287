//! Jumps that wait for a second source: asked of the source that did not bring the bars, and shown when it agrees.

use tokio::sync::mpsc;

use super::Job;
use super::tally::Tally;
use crate::config::SourcePolicy;
use crate::ingest::quality::compare::confirms;
use crate::market::{Candle, DAY, Instrument, Series, SourceId};
use crate::sources::hybrid::FetchRequest;
use crate::sources::{Outcome, Window};
use crate::store::master::{IssueFilter, Reader, Resolution, Scope, StoreError};

/// The check whose findings wait for a second source.
const JUMP: u8 = 7;
/// Most jumps of a series asked about in one review, newest first: real ones are rare.
const ASKED: usize = 8;
/// Bars before a jump are looked for this far back: over any closure of the exchange.
const BEFORE: i64 = 15 * DAY;

/// An open finding, the stamp of its bar, and the stored bars up to it.
struct Jump {
    id: i64,
    ts: i64,
    bars: Vec<Candle>,
}

impl Job {
    /// Accepts the open jumps of a series that the other source shows as well. What it cannot be asked about, or does
    /// not show, stays hidden.
    pub(super) async fn confirm_jumps(&self, instrument: &Instrument, series: Series, tally: &mut Tally) -> Result<(), StoreError> {
        if self.policy != SourcePolicy::Auto {
            return Ok(());
        }
        let (source, jumps) = self.pipeline.reads.with(move |r| open_jumps(r, series)).await?;
        let other = if source == Some(SourceId::Ib) { SourcePolicy::Yahoo } else { SourcePolicy::Ib };
        for jump in jumps {
            let (Some(first), false) = (jump.bars.iter().rev().nth(1), self.stopping()) else { continue };
            let end = instrument.calendar().bar_close(series.timeframe, jump.ts).unwrap_or(jump.ts + series.timeframe.seconds());
            let span = Window { start: first.ts, end };
            let Some((second, bars)) = self.second_opinion(instrument, series, span, other, tally).await else { continue };
            if confirms(&jump.bars, &bars, jump.ts, &self.pipeline.settings.quality) {
                tracing::info!(target: "ingest", %series, finding = jump.id, source = %second, "A second source shows the same jump");
                self.pipeline.writer.resolve(jump.id, Resolution::Accepted, format!("{second} shows the same move")).await?;
            }
        }
        Ok(())
    }

    async fn second_opinion(
        &self,
        instrument: &Instrument,
        series: Series,
        span: Window,
        policy: SourcePolicy,
        tally: &mut Tally,
    ) -> Option<(SourceId, Vec<Candle>)> {
        let want = FetchRequest { instrument: instrument.clone(), timeframe: series.timeframe, span, policy };
        let (tx, mut rx) = mpsc::channel(8);
        let fetch = async {
            let tx = tx;
            tokio::select! {
                _ = self.pipeline.hybrid.fetch(&want, &tx, &self.stop.gently) => {}
                () = self.let_go() => {}
            }
        };
        let gather = async {
            let mut found = None;
            while let Some(part) = rx.recv().await {
                tally.request(part.source);
                if let Outcome::Data(fetched) = part.outcome {
                    found.get_or_insert((part.source, Vec::new())).1.extend(fetched.bars);
                }
            }
            found
        };
        tokio::join!(fetch, gather).1
    }
}

fn open_jumps(r: &Reader, series: Series) -> Result<(Option<SourceId>, Vec<Jump>), StoreError> {
    let filter = IssueFilter { symbol: Some(series.symbol), timeframe: Some(series.timeframe), settled: false, limit: 10_000 };
    let mut jumps = Vec::new();
    for found in r.data_quality_issues(filter)?.into_iter().filter(|i| i.issue.check == JUMP) {
        if let Scope::Bars { from: ts, .. } = found.issue.scope {
            jumps.push(Jump { id: found.id, ts, bars: r.bars(series, (ts - BEFORE, ts + 1), true)? });
        }
    }
    jumps.sort_by_key(|j| std::cmp::Reverse(j.ts));
    jumps.truncate(ASKED);
    Ok((r.series_state(series)?.and_then(|s| s.source), jumps))
}
