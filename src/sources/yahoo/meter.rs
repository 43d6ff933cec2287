//! The live state of the source: counts, rates, latencies and the link, published on every change.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

use super::pacer::Pacer;
use crate::config::YahooSettings;
use crate::market::{Clock, SourceId};
use crate::sources::{LinkState, SourceStatus};

/// Answer times kept for the percentiles.
const LATENCIES: usize = 256;
/// Seconds of history shown.
const HISTORY: usize = 60;

/// What the last exchange said about the connection.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Health {
    /// Yahoo answered as it should.
    Good,
    /// Yahoo answered, but with trouble of its own.
    Troubled(String),
    /// Yahoo was not reached.
    Unreachable(String),
}

#[derive(Default)]
struct Counters {
    /// Monotonic second of the newest entry of `sent`.
    second: u64,
    /// Requests sent in each of the last seconds, newest last.
    sent: VecDeque<u16>,
    latencies: VecDeque<u32>,
    health: Option<Health>,
    /// Wall end of the cool-down after a 429.
    cooling_until: Option<i64>,
    /// Wall end of the pause of fundamentals after a refused session.
    session_paused_until: Option<i64>,
}

pub(super) struct Meter {
    clock: Arc<dyn Clock>,
    pacer: Arc<Pacer>,
    status: watch::Sender<SourceStatus>,
    counters: Mutex<Counters>,
    ticking: AtomicBool,
}

/// One request under way; dropping it (also by cancellation) ends it.
pub(super) struct Exchange<'a> {
    meter: &'a Meter,
    began: Duration,
}

impl Meter {
    pub(super) fn new(settings: &YahooSettings, endpoint: &str, pacer: Arc<Pacer>, clock: Arc<dyn Clock>) -> Arc<Self> {
        let mut first = SourceStatus::new(SourceId::Yahoo, endpoint);
        first.in_flight_limit = settings.concurrency.max(1);
        first.requests_per_second_limit = settings.requests_per_second.max(1) as f32;
        let counters = Counters { second: clock.mono().as_secs(), sent: VecDeque::from(vec![0; HISTORY]), ..Counters::default() };
        let (status, counters) = (watch::Sender::new(first), Mutex::new(counters));
        Arc::new(Self { clock, pacer, status, counters, ticking: AtomicBool::new(false) })
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<SourceStatus> {
        self.status.subscribe()
    }

    fn counters(&self) -> MutexGuard<'_, Counters> {
        // Plain counters stay meaningful whatever a panicking holder did.
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a request leaves.
    pub(super) fn begin(self: &Arc<Self>) -> Exchange<'_> {
        let mut c = self.counters();
        c.roll(self.clock.mono().as_secs());
        if let Some(last) = c.sent.back_mut() {
            *last = last.saturating_add(1);
        }
        self.publish(&c, |s| s.in_flight += 1);
        drop(c);
        self.keep_history_moving();
        Exchange { meter: self, began: self.clock.mono() }
    }

    /// Notes a cool-down of `left`.
    pub(super) fn cooling(&self, left: Duration) {
        let mut c = self.counters();
        c.cooling_until = Some(self.clock.now() + left.as_secs() as i64);
        self.publish(&c, |s| s.pacing_errors += 1);
    }

    /// Notes that fundamentals rest for `left`.
    pub(super) fn session_paused(&self, left: Duration) {
        let mut c = self.counters();
        c.session_paused_until = Some(self.clock.now() + left.as_secs() as i64);
        self.publish(&c, |_| {});
    }

    /// Notes bars received.
    pub(super) fn bars(&self, n: usize) {
        let c = self.counters();
        self.publish(&c, |s| s.bars += n as u64);
    }

    fn publish(&self, c: &Counters, change: impl FnOnce(&mut SourceStatus)) {
        let now = self.clock.now();
        self.status.send_modify(|s| {
            change(s);
            s.history = c.sent.iter().copied().collect();
            s.requests_per_second = self.pacer.per_second() as f32;
            s.penalty_until = c.cooling_until.filter(|&t| t > now);
            s.latency_ms = percentiles(&c.latencies);
            s.link = c.link(now);
        });
    }

    /// Lets the history run on while nothing is sent, until it is empty again.
    fn keep_history_moving(self: &Arc<Self>) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.ticking.swap(true, Ordering::AcqRel) {
            return;
        }
        let weak = Arc::downgrade(self);
        runtime.spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let Some(meter) = weak.upgrade() else { return };
                let mut c = meter.counters();
                c.roll(meter.clock.mono().as_secs());
                meter.publish(&c, |_| {});
                let quiet = c.sent.iter().all(|&n| n == 0) && c.cooling_until.is_none_or(|t| t <= meter.clock.now());
                if quiet {
                    meter.ticking.store(false, Ordering::Release);
                    return;
                }
            }
        });
    }
}

impl Counters {
    fn roll(&mut self, second: u64) {
        let passed = second.saturating_sub(self.second).min(HISTORY as u64);
        for _ in 0..passed {
            self.sent.pop_front();
            self.sent.push_back(0);
        }
        self.second = self.second.max(second);
    }

    fn link(&self, now: i64) -> LinkState {
        if self.cooling_until.is_some_and(|t| t > now) {
            return LinkState::Degraded { reason: "cooling down after a 429".into() };
        }
        match &self.health {
            None => LinkState::Idle,
            Some(Health::Unreachable(cause)) => LinkState::Down { cause: cause.clone(), retry_at: None },
            Some(Health::Troubled(reason)) => LinkState::Degraded { reason: reason.clone() },
            Some(Health::Good) if self.session_paused_until.is_some_and(|t| t > now) => {
                LinkState::Degraded { reason: "fundamentals paused: session refused; candles go on".into() }
            }
            Some(Health::Good) => LinkState::Up,
        }
    }
}

impl Exchange<'_> {
    /// Notes the answer: what it says of the link, and the failure's message if it is one.
    pub(super) fn finish(self, health: Option<Health>, failure: Option<&str>) {
        let meter = self.meter;
        let took = meter.clock.mono().saturating_sub(self.began).as_millis() as u32;
        let mut c = meter.counters();
        if c.latencies.len() == LATENCIES {
            c.latencies.pop_front();
        }
        c.latencies.push_back(took);
        if health.is_some() {
            c.health = health;
        }
        let now = meter.clock.now();
        meter.publish(&c, |s| match failure {
            None => s.answered += 1,
            Some(message) => {
                s.failed += 1;
                s.last_error = Some((now, message.to_owned()));
            }
        });
    }
}

impl Drop for Exchange<'_> {
    fn drop(&mut self) {
        let c = self.meter.counters();
        self.meter.publish(&c, |s| s.in_flight = s.in_flight.saturating_sub(1));
    }
}

/// Median and 99th percentile by nearest rank.
fn percentiles(latencies: &VecDeque<u32>) -> Option<(u32, u32)> {
    let mut sorted: Vec<u32> = latencies.iter().copied().collect();
    sorted.sort_unstable();
    let rank = |p: usize| sorted.get((sorted.len() * p).div_ceil(100).saturating_sub(1)).copied();
    Some((rank(50)?, rank(99)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::ManualClock;

    #[tokio::test]
    async fn the_status_follows_requests_and_trouble() {
        let clock = ManualClock::at(1_700_000_000);
        let settings = YahooSettings::default();
        let meter = Meter::new(&settings, "test", Arc::new(Pacer::new(&settings, clock.clone())), clock.clone());
        let rx = meter.subscribe();
        assert_eq!(rx.borrow().link, LinkState::Idle);
        let exchange = meter.begin();
        assert_eq!((rx.borrow().in_flight, rx.borrow().history[HISTORY - 1]), (1, 1));
        clock.advance(Duration::from_millis(250));
        exchange.finish(Some(Health::Good), None);
        assert_eq!((rx.borrow().in_flight, rx.borrow().answered, rx.borrow().latency_ms), (0, 1, Some((250, 250))));
        assert_eq!(rx.borrow().link, LinkState::Up);

        meter.cooling(Duration::from_mins(1));
        assert_eq!(rx.borrow().penalty_until, Some(clock.now() + 60));
        assert!(matches!(rx.borrow().link, LinkState::Degraded { .. }));
        clock.advance(Duration::from_secs(61));
        let cancelled = meter.begin();
        drop(cancelled);
        assert_eq!((rx.borrow().in_flight, rx.borrow().penalty_until), (0, None));
        assert_eq!(rx.borrow().history.iter().map(|&n| u32::from(n)).sum::<u32>(), 1, "the first request is over a minute old");
    }
}
