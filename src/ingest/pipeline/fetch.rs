//! One series: ask the sources for its spans and write each answer before asking for the next.

use std::ops::Range;

use tokio::sync::mpsc;

use super::tally::Tally;
use super::{Event, Job};
use crate::ingest::missing::{Reason, Want, confirmed_empty};
use crate::market::{Bars, Candle, Instrument, Series, SourceId, Timeframe};
use crate::sources::hybrid::{FetchEnd, FetchRequest, Part};
use crate::sources::{Fetched, Outcome, Window};
use crate::store::master::{Attempt, CandleBatch, EmptySpan, Revision, StoreError};

/// What fetching one series came to.
#[derive(Debug, Default)]
pub(super) struct SeriesEnd {
    /// Span of stamps whose stored bars changed.
    pub changed: Option<Range<i64>>,
    /// Source of the newest answer with bars.
    pub source: Option<SourceId>,
    /// Why it is not complete.
    pub error: Option<String>,
    /// Old bars changed by one common factor: the vendor has re-based the history.
    pub rebased: bool,
    /// The bars before the next answer, for its screen.
    before: Vec<Candle>,
}

impl SeriesEnd {
    fn touch(&mut self, span: Range<i64>) {
        self.changed = Some(self.changed.take().map_or(span.clone(), |c| c.start.min(span.start)..c.end.max(span.end)));
    }
}

impl Job {
    /// Fetches the spans of one series, oldest first.
    pub(super) async fn fetch_series(
        &self,
        instrument: &Instrument,
        timeframe: Timeframe,
        wants: &[Want],
        tally: &mut Tally,
    ) -> Result<SeriesEnd, StoreError> {
        let series = Series { symbol: instrument.symbol, timeframe };
        let mut end = SeriesEnd { before: self.context(series).await?, ..SeriesEnd::default() };
        for want in wants {
            if self.stopping() {
                break;
            }
            let (tx, mut rx) = mpsc::channel(2);
            let fetch = self.ask(instrument, timeframe, want.window, tx);
            let take = async {
                let mut taken = Ok(());
                while let Some(part) = rx.recv().await {
                    taken = self.take_part(instrument, series, want.reason, part, &mut end, tally).await;
                    if taken.is_err() {
                        // Ends the fetch as well, which would otherwise wait for room in the channel for ever.
                        rx.close();
                        break;
                    }
                }
                taken
            };
            let (fetched, taken) = tokio::join!(fetch, take);
            taken?;
            for note in &fetched.notes {
                tracing::info!(target: "ingest", %series, "{note}");
            }
            if let (Some(w), Some(source)) = (fetched.unreachable, end.source) {
                // No source can serve it now; like any confirmed hole it is asked for again, less and less often.
                let asked_at = self.pipeline.clock.now();
                self.record_empty(vec![EmptySpan { series, source, start: w.start, end: w.end, asked_at, times: 1 }]).await?;
            }
            if let Some(fault) = fetched.failed {
                end.error = Some(fault.message);
            }
        }
        Ok(end)
    }

    /// One fetch of the hybrid; the sender is dropped with its end, which ends the receiving side. To stop at once is
    /// to drop the fetch, which withdraws its request; what has arrived is still taken.
    async fn ask(&self, instrument: &Instrument, timeframe: Timeframe, span: Window, parts: mpsc::Sender<Part>) -> FetchEnd {
        let want = FetchRequest { instrument: instrument.clone(), timeframe, span, policy: self.policy };
        tokio::select! {
            end = self.pipeline.hybrid.fetch(&want, &parts, &self.stop.gently) => end,
            () = self.stop.now.cancelled() => FetchEnd { remaining: Some(span), cancelled: true, ..FetchEnd::default() },
        }
    }

    /// Fetches a whole span anew and swaps it in with one transaction; nothing changes unless all of it arrives.
    pub(super) async fn replace_series(
        &self,
        instrument: &Instrument,
        timeframe: Timeframe,
        span: Window,
        tally: &mut Tally,
    ) -> Result<SeriesEnd, StoreError> {
        let series = Series { symbol: instrument.symbol, timeframe };
        let mut end = SeriesEnd::default();
        let (tx, mut rx) = mpsc::channel(2);
        let fetch = self.ask(instrument, timeframe, span, tx);
        let gather = async {
            let (mut bars, mut attempts, mut source) = (Bars::new(), Vec::new(), None);
            while let Some(part) = rx.recv().await {
                attempts.push(self.attempt(series, &part));
                tally.request(part.source);
                if let Outcome::Data(fetched) = part.outcome {
                    self.tell(Event::Answered { bars: fetched.bars.len() as u64 }).await;
                    source = Some(part.source);
                    bars.extend(fetched.bars);
                }
            }
            (bars, attempts, source)
        };
        let (fetched, (bars, attempts, source)) = tokio::join!(fetch, gather);
        self.pipeline.writer.attempts(attempts).await?;
        let complete = fetched.failed.is_none() && fetched.remaining.is_none() && !self.stopping();
        let (Some(source), true) = (source, complete) else {
            end.error = Some(fetched.failed.map_or_else(|| "the re-fetch was interrupted".to_owned(), |f| f.message));
            return Ok(end);
        };
        let screened = self.screen(instrument, series, &[], bars);
        let replace = Some((span.start, span.end));
        let batch = CandleBatch { series, source, run_id: self.run_id, bars: screened.bars, replace };
        let report = self.pipeline.writer.candles(batch).await?;
        tally.wrote(&report);
        self.tell(Event::Wrote(report.inserted + report.revised + report.completed)).await;
        self.record(screened.issues, tally).await?;
        end.source = Some(source);
        end.touch(span.start..span.end);
        Ok(end)
    }

    async fn take_part(
        &self,
        instrument: &Instrument,
        series: Series,
        reason: Reason,
        part: Part,
        end: &mut SeriesEnd,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let attempt = self.attempt(series, &part);
        tally.request(part.source);
        let empty = self.holes(instrument, series, &part);
        self.tell(Event::Answered { bars: u64::from(attempt.bars) }).await;
        let Outcome::Data(fetched) = part.outcome else {
            let (a, b) = tokio::join!(self.pipeline.writer.attempts(vec![attempt]), self.record_empty(empty));
            return a.and(b);
        };
        let Fetched { bars, notes } = fetched;
        for note in notes {
            tracing::info!(target: "ingest", %series, source = %part.source, "{note}");
        }
        tally.bars += bars.len() as u64;
        let screened = self.screen(instrument, series, &end.before, bars);
        let span = screened.bars.first().map(|b| b.ts).zip(screened.bars.last().map(|b| b.ts + 1));
        let tail = screened.bars.len().saturating_sub(25);
        let before = screened.bars[tail..].to_vec();
        let batch = CandleBatch { series, source: part.source, run_id: self.run_id, bars: screened.bars, replace: None };
        // The queue keeps this order: a record of an answer is never durable before its bars are.
        let (report, recorded) = tokio::join!(self.pipeline.writer.candles(batch), self.pipeline.writer.attempts(vec![attempt]));
        let report = report?;
        recorded?;
        tally.wrote(&report);
        self.tell(Event::Wrote(report.inserted + report.revised + report.completed)).await;
        self.record_screen(series, part.window, &report, screened.issues, tally).await?;
        self.record(self.changed_bars(series, reason, &report), tally).await?;
        self.record_empty(empty).await?;
        end.before = before;
        end.source = Some(part.source);
        end.rebased |= looks_rebased(&report.revisions);
        if let (Some((from, to)), true) = (span, report.inserted + report.revised + report.completed + report.deleted > 0) {
            end.touch(from..to);
        }
        Ok(())
    }

    async fn record_empty(&self, empty: Vec<EmptySpan>) -> Result<(), StoreError> {
        if empty.is_empty() { Ok(()) } else { self.pipeline.writer.empty_spans(empty).await }
    }

    fn attempt(&self, series: Series, part: &Part) -> Attempt {
        let bars = if let Outcome::Data(f) = &part.outcome { f.bars.len() as u32 } else { 0 };
        let message = match &part.outcome {
            Outcome::Empty(note) => Some(note.clone()),
            other => other.fault().map(|f| f.message.clone()),
        };
        if let Some(fault) = part.outcome.fault() {
            tracing::warn!(target: "ingest", %series, source = %part.source, outcome = part.outcome.kind(), code = fault.code, "{}", fault.message);
        }
        Attempt {
            run_id: self.run_id,
            at: part.at,
            series,
            source: part.source,
            window: (part.window.start, part.window.end),
            outcome: part.outcome.kind().to_owned(),
            bars,
            millis: part.millis,
            message,
        }
    }

    /// Bars that the answered window should have held and does not.
    fn holes(&self, instrument: &Instrument, series: Series, part: &Part) -> Vec<EmptySpan> {
        let stamps: Vec<i64> = match &part.outcome {
            Outcome::Data(f) => f.bars.iter().map(|b| b.ts).collect(),
            Outcome::Empty(_) => Vec::new(),
            _ => return Vec::new(),
        };
        let now = self.pipeline.clock.now();
        let settled = now - i64::from(self.pipeline.settings.ingest.settle_minutes) * 60;
        confirmed_empty(instrument.calendar(), series.timeframe, part.window, &stamps, settled)
            .into_iter()
            .map(|(start, end)| EmptySpan { series, source: part.source, start, end, asked_at: now, times: 1 })
            .collect()
    }
}

/// Whether revisions share one factor away from 1: what a split, or its reversal, does to a vendor's history.
fn looks_rebased(revisions: &[Revision]) -> bool {
    let mut factors = revisions.iter().map(|r| r.new.close / r.old.close);
    let Some(first) = factors.next() else { return false };
    revisions.len() >= 2 && (first - 1.0).abs() > 0.05 && factors.all(|f| (f / first - 1.0).abs() < 1e-3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::Candle;

    fn revision(old: f64, new: f64) -> Revision {
        let bar = |c| Candle { ts: 0, open: c, high: c, low: c, close: c, volume: 1.0, is_final: true };
        Revision { old: bar(old), new: bar(new) }
    }

    #[test]
    fn a_common_factor_is_a_rebase_and_noise_is_not() {
        assert!(looks_rebased(&[revision(400.0, 100.0), revision(404.0, 101.0)]));
        assert!(!looks_rebased(&[revision(400.0, 400.1), revision(404.0, 404.1)]));
        assert!(!looks_rebased(&[revision(400.0, 100.0), revision(404.0, 404.5)]));
        assert!(!looks_rebased(&[revision(400.0, 100.0)]));
        assert!(!looks_rebased(&[]));
    }
}
