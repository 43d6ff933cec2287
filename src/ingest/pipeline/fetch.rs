//! One series: ask the sources for its spans and write each answer before asking for the next.

use std::collections::BTreeSet;

use tokio::sync::mpsc;

use super::tally::Tally;
use super::{Event, Job};
use crate::config::SourcePolicy;
use crate::ingest::missing::{Reason, Want, confirmed_empty};
use crate::market::{Bars, Candle, Instrument, Series, SourceId, Timeframe, ts_to_date};
use crate::sources::hybrid::{FetchEnd, FetchRequest, Part};
use crate::sources::{Fetched, Outcome, Window};
use crate::store::master::{Attempt, CandleBatch, EmptySpan, StoreError};

/// What fetching one series came to.
#[derive(Debug, Default)]
pub(super) struct SeriesEnd {
    /// Source of the newest answer with bars.
    pub source: Option<SourceId>,
    /// Why it is not complete.
    pub error: Option<String>,
    /// Old bars changed by one common factor: the vendor has re-based the history.
    pub rebased: bool,
    /// The history was put on a new basis.
    pub swapped: bool,
    /// The bars before the next answer, for its screen.
    before: Vec<Candle>,
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
            self.fetch_want(instrument, series, want, &mut end, tally).await?;
        }
        Ok(end)
    }

    async fn fetch_want(
        &self,
        instrument: &Instrument,
        series: Series,
        want: &Want,
        end: &mut SeriesEnd,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let recovery = want.reason == Reason::Recover;
        // The fallback's own bars are what a recovery replaces: asking it again would bring them once more.
        let policy = if recovery { SourcePolicy::Ib } else { self.policy };
        let (tx, mut rx) = mpsc::channel(2);
        let fetch = self.ask(instrument, series.timeframe, want.window, policy, tx);
        let mut refused = false;
        let take = async {
            let mut taken = Ok(());
            while let Some(part) = rx.recv().await {
                refused |= matches!(part.outcome, Outcome::NotEntitled(_) | Outcome::UnknownSymbol(_));
                taken = self.take_part(instrument, series, want.reason, part, end, tally).await;
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
        let asked_at = self.pipeline.clock.now();
        if let (Some(w), Some(source)) = (fetched.unreachable, end.source) {
            // No source can serve it; like any confirmed hole it is asked for again, less and less often.
            self.record_empty(vec![EmptySpan { series, source, start: w.start, end: w.end, asked_at, times: 1 }]).await?;
        }
        match fetched.failed {
            Some(fault) if recovery => {
                // The bars are there, only not from the source that is liked best.
                tracing::info!(target: "ingest", %series, why = %fault.message, "The primary source does not replace what the fallback filled");
                if refused {
                    let Window { start, end } = want.window;
                    self.record_empty(vec![EmptySpan { series, source: SourceId::Ib, start, end, asked_at, times: 1 }]).await?;
                }
            }
            Some(fault) => end.error = Some(fault.message),
            None => {}
        }
        Ok(())
    }

    /// One fetch of the hybrid; the sender is dropped with its end, which ends the receiving side. To let go is
    /// to drop the fetch, which withdraws its request; what has arrived is still taken.
    async fn ask(
        &self,
        instrument: &Instrument,
        timeframe: Timeframe,
        span: Window,
        policy: SourcePolicy,
        parts: mpsc::Sender<Part>,
    ) -> FetchEnd {
        let want = FetchRequest { instrument: instrument.clone(), timeframe, span, policy };
        tokio::select! {
            end = self.pipeline.hybrid.fetch(&want, &parts, &self.stop.gently) => end,
            () = self.let_go() => FetchEnd { remaining: Some(span), cancelled: true, ..FetchEnd::default() },
        }
    }

    /// Fetches a whole span anew and swaps it in with one transaction; nothing changes unless all that is served arrives,
    /// from one source. What no source serves any more the store adjusts.
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
        let fetch = self.ask(instrument, timeframe, span, self.policy, tx);
        let gather = async {
            let (mut bars, mut attempts, mut sources) = (Bars::new(), Vec::new(), BTreeSet::new());
            while let Some(part) = rx.recv().await {
                attempts.push(self.attempt(series, &part));
                tally.request(part.source);
                if let Outcome::Data(fetched) = part.outcome {
                    self.tell(Event::Answered { bars: fetched.bars.len() as u64 }).await;
                    sources.insert(part.source);
                    bars.extend(fetched.bars);
                }
            }
            (bars, attempts, sources)
        };
        let (fetched, (bars, attempts, sources)) = tokio::join!(fetch, gather);
        self.pipeline.writer.attempts(attempts).await?;
        if fetched.cancelled || self.stopping() {
            return Ok(end);
        }
        let source = match whole(&fetched, &sources) {
            Ok(source) => source,
            Err(why) => {
                end.error = Some(format!("the history could not be fetched again and stays as it is until the next run: {why}"));
                return Ok(end);
            }
        };
        tally.bars += bars.len() as u64;
        let screened = self.screen(instrument, series, &[], bars);
        // Without a bar of anybody's nothing is said of whose they are.
        let batch =
            CandleBatch { series, source: source.unwrap_or(SourceId::File), run_id: self.run_id, bars: screened.bars, replace: None };
        self.write_swapped(batch, span, screened.issues, tally).await?;
        end.swapped = true;
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
        let tail = screened.bars.len().saturating_sub(25);
        let before = screened.bars[tail..].to_vec();
        let batch = CandleBatch { series, source: part.source, run_id: self.run_id, bars: screened.bars, replace: None };
        let written = self.write_screened(batch, part.window, screened.issues, tally);
        // The queue keeps this order: a record of an answer is never durable before its bars are.
        let (report, recorded) = tokio::join!(written, self.pipeline.writer.attempts(vec![attempt]));
        let report = report?;
        recorded?;
        self.record(self.changed_bars(series, reason, &report), tally).await?;
        self.record_empty(empty).await?;
        end.before = before;
        end.source = Some(part.source);
        end.rebased |= report.is_rebased();
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

/// Whether an answer may replace a whole history, and whose it is; `None` where no source serves any of it.
fn whole(fetched: &FetchEnd, sources: &BTreeSet<SourceId>) -> Result<Option<SourceId>, String> {
    if let Some(fault) = &fetched.failed {
        return Err(fault.message.clone());
    }
    if let Some(before) = fetched.remaining {
        return Err(format!("no source that can be asked now serves its bars before {}", ts_to_date(before.end)));
    }
    match sources.iter().copied().collect::<Vec<_>>()[..] {
        [] => Ok(None),
        [source] => Ok(Some(source)),
        _ => Err("two sources answered parts of it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sources::Fault;

    #[test]
    fn a_history_is_replaced_only_by_a_whole_one_from_one_source() {
        let (one, two) = (BTreeSet::from([SourceId::Ib]), BTreeSet::from([SourceId::Ib, SourceId::Yahoo]));
        let span = Some(Window { start: 0, end: 86_400 });
        assert_eq!(whole(&FetchEnd::default(), &one), Ok(Some(SourceId::Ib)));
        assert!(whole(&FetchEnd::default(), &two).is_err(), "each bar has one source");
        assert_eq!(whole(&FetchEnd::default(), &BTreeSet::new()), Ok(None), "nothing replaces nothing");
        assert_eq!(
            whole(&FetchEnd { unreachable: span, ..FetchEnd::default() }, &one),
            Ok(Some(SourceId::Ib)),
            "the store adjusts the rest"
        );
        assert!(whole(&FetchEnd { remaining: span, ..FetchEnd::default() }, &one).is_err());
        assert!(whole(&FetchEnd { failed: Some(Fault::new("refused")), ..FetchEnd::default() }, &one).is_err());
    }
}
