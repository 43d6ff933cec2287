//! One span of one series, from whichever source gives it, part by part.

use std::collections::VecDeque;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::slot::Slot;
use super::{Hybrid, Next, Work, allowed};
use crate::config::SourcePolicy;
use crate::market::{Instrument, SourceId, Timeframe, ts_to_date};
use crate::sources::{CandleRequest, Fault, Fetched, Outcome, Window};

/// A span wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct FetchRequest {
    /// What.
    pub instrument: Instrument,
    /// In which bar size.
    pub timeframe: Timeframe,
    /// For which span.
    pub span: Window,
    /// From which sources.
    pub policy: SourcePolicy,
}

/// One try of one window: what the pipeline writes, and what the record of attempts shows. Failed tries are parts
/// too.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Who was asked.
    pub source: SourceId,
    /// For what.
    pub window: Window,
    /// What came of it.
    pub outcome: Outcome<Fetched>,
    /// Time to the answer, waiting for a permit included.
    pub millis: u32,
    /// When it was asked, UTC seconds.
    pub at: i64,
}

/// How a fetch ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FetchEnd {
    /// Why the last source gave up; `None` when the span is done or the fetch was cancelled.
    pub failed: Option<Fault>,
    /// What was not answered; `None` when the span is done.
    pub remaining: Option<Window>,
    /// The beginning of the span, where no source that may be asked serves these bars at all: not worth another try.
    pub unreachable: Option<Window>,
    /// Whether the token stopped it, or nobody took the parts.
    pub cancelled: bool,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// How one source's share ended.
enum Share {
    Done,
    Failed(Fault),
    Cancelled,
}

impl Hybrid {
    /// Fetches a span, oldest part first, sending each part as it comes. What a source leaves undone is asked of the
    /// next one. After `cancel` the request in flight is waited for and no other begun; to withdraw it, drop the future.
    pub async fn fetch(&self, want: &FetchRequest, parts: &mpsc::Sender<Part>, cancel: &CancellationToken) -> FetchEnd {
        let mut end = FetchEnd { remaining: Some(want.span), ..FetchEnd::default() };
        let mut left = want.span;
        let ready = self.ready(&want.instrument, want.timeframe, want.policy);
        if ready.is_empty() {
            end.failed = Some(self.why_none(&want.instrument, want.timeframe, want.policy));
            return end;
        }
        for (k, slot) in ready.iter().enumerate() {
            let wall = slot.source.earliest(want.timeframe, self.clock.now()).filter(|w| *w > left.start);
            let cut = wall.map(|w| Window { start: left.start, end: w.min(left.end) });
            if let (Some(wall), Some(cut)) = (wall, cut) {
                end.notes.push(format!("{} serves {} bars only since {}", slot.id(), want.timeframe, ts_to_date(wall)));
                left.start = cut.end;
            }
            let other_source = k + 1 < ready.len();
            let share = self.share(slot, want, &mut left, other_source, parts, cancel).await;
            end.remaining = (left.start < left.end).then_some(left);
            match share {
                Share::Done => {
                    // Where an earlier source only failed, it may still give what this one cannot.
                    match end.failed {
                        Some(_) if cut.is_some() => end.remaining = cut,
                        _ if cut.is_some_and(|c| self.is_within_reach(want, c)) => end.remaining = cut,
                        _ => (end.failed, end.unreachable) = (None, cut),
                    }
                    return end;
                }
                Share::Cancelled => {
                    end.failed = None;
                    end.cancelled = true;
                    return end;
                }
                Share::Failed(fault) => {
                    if other_source {
                        tracing::info!(
                            target: "ingest",
                            symbol = %want.instrument.symbol, timeframe = %want.timeframe, source = %slot.id(), why = %fault.message,
                            "Falling back to the next source"
                        );
                    }
                    end.failed = Some(fault);
                }
            }
            // The next source may reach further back than this one did.
            if let Some(cut) = cut.filter(|cut| cut.end == left.start) {
                left.start = cut.start;
                end.remaining = Some(left);
            }
        }
        end
    }

    /// Whether a source that only rests now (its breaker is open) could serve `span` later.
    fn is_within_reach(&self, want: &FetchRequest, span: Window) -> bool {
        self.slots.iter().filter(|s| allowed(want.policy, s.id()) && !s.allows()).any(|s| {
            let wall = s.source.earliest(want.timeframe, self.clock.now());
            s.source.serves(want.instrument.asset, want.timeframe) && wall.is_none_or(|w| w < span.end)
        })
    }

    /// Lets one source work through `left`, moving its start as windows are answered.
    async fn share(
        &self,
        slot: &Slot,
        want: &FetchRequest,
        left: &mut Window,
        other_source: bool,
        parts: &mpsc::Sender<Part>,
        cancel: &CancellationToken,
    ) -> Share {
        let FetchRequest { instrument, timeframe, .. } = want;
        let mut tries = self.tries(instrument.symbol, Work::Bars, other_source);
        let mut todo = VecDeque::from(slot.source.windows(instrument.asset, *timeframe, *left));
        while let Some(mut window) = todo.pop_front() {
            tries.renew();
            loop {
                if cancel.is_cancelled() {
                    return Share::Cancelled;
                }
                let (at, began) = (self.clock.now(), Instant::now());
                let request = CandleRequest { instrument: instrument.clone(), timeframe: *timeframe, window };
                let outcome = slot.source.candles(&request).await;
                let overlong = outcome.fault().is_some_and(|f| f.overlong);
                let next = self.judge(slot, &outcome, &mut tries);
                if matches!(outcome, Outcome::NotEntitled(_)) {
                    self.refuse(slot.id(), instrument.symbol);
                }
                let millis = u32::try_from(began.elapsed().as_millis()).unwrap_or(u32::MAX);
                let part = Part { source: slot.id(), window, outcome, millis, at };
                // A full channel is the pipeline's back-pressure.
                if parts.send(part).await.is_err() {
                    return Share::Cancelled;
                }
                match next {
                    Next::Advance => break,
                    Next::GiveUp(fault) => return Share::Failed(fault),
                    Next::Wait(pause) => {
                        tokio::select! {
                            () = cancel.cancelled() => return Share::Cancelled,
                            () = sleep(pause) => {}
                        }
                        if overlong && let Some([first, rest]) = window.halves(instrument.calendar(), *timeframe) {
                            todo.push_front(rest);
                            window = first;
                        }
                    }
                }
            }
            left.start = window.end;
        }
        Share::Done
    }
}
