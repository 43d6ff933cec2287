//! The source's figures for the console: counters, answer times, requests a second, link; published at a calm rate.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::link::{Effect, LinkHealth};
use super::pacer::Pacer;
use crate::market::{Clock, SourceId};
use crate::sources::{LinkState, SourceStatus};

/// Answer times kept for the percentiles.
const LATENCIES: usize = 512;
/// Seconds of history shown.
const HISTORY: usize = 60;
/// Least time between two published states.
const CALM: Duration = Duration::from_millis(200);

/// Counts, and publishes what it counted.
pub(super) struct Meter {
    state: Mutex<State>,
    dirty: Notify,
    publish: watch::Sender<SourceStatus>,
    pacer: Arc<Pacer>,
    clock: Arc<dyn Clock>,
}

struct State {
    /// The connection as the supervisor sees it.
    session: LinkState,
    health: LinkHealth,
    answered: u64,
    failed: u64,
    pacing_errors: u64,
    bars: u64,
    timeouts_in_a_row: u32,
    last_error: Option<(i64, String)>,
    latencies: VecDeque<u32>,
    /// Requests sent in each second since `epoch`, newest last, and the number of that newest second.
    seconds: VecDeque<u16>,
    newest: u64,
    epoch: Instant,
}

/// What became of a request, for the counters.
pub(super) enum Tally<'a> {
    /// Answered with this many bars.
    Answered(usize),
    /// Failed, and why.
    Failed(&'a str),
    /// Failed with a pacing error.
    TooFast(&'a str),
    /// No answer in time.
    TimedOut(&'a str),
}

impl Meter {
    pub(super) fn new(endpoint: String, messages_per_second: u32, pacer: Arc<Pacer>, clock: Arc<dyn Clock>) -> Self {
        let mut status = SourceStatus::new(SourceId::Ib, endpoint);
        status.requests_per_second_limit = messages_per_second as f32;
        let state = State {
            session: LinkState::Idle,
            health: LinkHealth::default(),
            answered: 0,
            failed: 0,
            pacing_errors: 0,
            bars: 0,
            timeouts_in_a_row: 0,
            last_error: None,
            latencies: VecDeque::with_capacity(LATENCIES),
            seconds: VecDeque::from(vec![0; HISTORY]),
            newest: 0,
            epoch: Instant::now(),
        };
        Self { state: Mutex::new(state), dirty: Notify::new(), publish: watch::Sender::new(status), pacer, clock }
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<SourceStatus> {
        self.publish.subscribe()
    }

    /// A request goes out.
    pub(super) fn sent(&self) {
        let mut s = self.lock();
        s.roll();
        if let Some(n) = s.seconds.back_mut() {
            *n = n.saturating_add(1);
        }
        drop(s);
        self.dirty.notify_one();
    }

    /// A request ended after `took`.
    pub(super) fn ended(&self, tally: &Tally<'_>, took: Duration) {
        let now = self.clock.now();
        let mut s = self.lock();
        match tally {
            Tally::Answered(bars) => {
                s.answered += 1;
                s.bars += *bars as u64;
                s.timeouts_in_a_row = 0;
                s.health.set_silent(false);
                s.health.set_competing(false);
                if s.latencies.len() == LATENCIES {
                    s.latencies.pop_front();
                }
                s.latencies.push_back(u32::try_from(took.as_millis()).unwrap_or(u32::MAX));
            }
            Tally::Failed(why) => s.fail(now, why),
            Tally::TooFast(why) => {
                s.pacing_errors += 1;
                s.fail(now, why);
            }
            Tally::TimedOut(why) => {
                s.fail(now, why);
                s.timeouts_in_a_row += 1;
                // The gateway itself answers its watchdog, or the session would be down by now.
                if s.timeouts_in_a_row >= 3 && s.session == LinkState::Up && s.health.set_silent(true) {
                    tracing::warn!(target: "ib", "Historical data farm silent: three requests in a row had no answer, though the gateway lives");
                }
            }
        }
        drop(s);
        self.dirty.notify_one();
    }

    /// The supervisor's view of the connection changed.
    pub(super) fn session(&self, session: LinkState) {
        let mut s = self.lock();
        if let LinkState::Down { cause, .. } = &session {
            s.last_error = Some((self.clock.now(), cause.clone()));
        }
        if !matches!(session, LinkState::Up) {
            s.health = LinkHealth::default();
            s.timeouts_in_a_row = 0;
        }
        s.session = session;
        drop(s);
        // Rare, and what the breaker looks at: shown without delay.
        self.publish_now();
    }

    /// Takes in a notice that belongs to no request.
    pub(super) fn notice(&self, code: i32, text: &str) -> Effect {
        let effect = self.lock().health.notice(code, text);
        if effect != Effect::None {
            self.dirty.notify_one();
        }
        effect
    }

    /// Another login of this user holds the market data.
    pub(super) fn competing(&self) {
        if self.lock().health.set_competing(true) {
            tracing::warn!(target: "ib", "Another login of this user has the market data; it is asked for again in an hour, or when that login ends");
            self.dirty.notify_one();
        }
    }

    /// Publishes until `stop`: at once after a quiet spell, then at most every [`CALM`], and once a second while the
    /// history still moves.
    pub(super) async fn run(&self, stop: &CancellationToken) {
        loop {
            let moving = self.publish_now();
            let next = async {
                if moving {
                    tokio::select! { () = self.dirty.notified() => {}, () = sleep(Duration::from_secs(1)) => {} }
                } else {
                    self.dirty.notified().await;
                }
            };
            tokio::select! { () = stop.cancelled() => break, () = next => {} }
            // A change after a quiet spell is shown now; what follows it waits for the next turn.
            if moving {
                tokio::select! { () = stop.cancelled() => break, () = sleep(CALM) => {} }
            }
        }
        self.publish_now();
    }

    /// Publishes, and tells whether the figures will change by themselves.
    fn publish_now(&self) -> bool {
        let gauge = self.pacer.gauge();
        let now = self.clock.now();
        let mut s = self.lock();
        s.roll();
        let moving = gauge.in_flight > 0 || gauge.penalty.is_some() || s.seconds.iter().any(|n| *n > 0);
        self.publish.send_if_modified(|status| {
            let mut next = status.clone();
            next.link = s.link();
            next.farms = s.health.farms();
            next.in_flight = gauge.in_flight;
            next.in_flight_limit = gauge.limit;
            next.penalty_until = gauge.penalty.map(|p| now + p.as_secs_f64().ceil() as i64);
            next.history.clear();
            next.history.extend(&s.seconds);
            next.requests_per_second = gauge.admitted as f32;
            next.answered = s.answered;
            next.failed = s.failed;
            next.pacing_errors = s.pacing_errors;
            next.bars = s.bars;
            next.latency_ms = s.percentiles();
            next.last_error.clone_from(&s.last_error);
            let changed = next != *status;
            *status = next;
            changed
        });
        moving
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn fail(&mut self, now: i64, why: &str) {
        self.failed += 1;
        self.last_error = Some((now, why.to_owned()));
    }

    /// Moves the history on to the current second.
    fn roll(&mut self) {
        let second = self.epoch.elapsed().as_secs();
        let steps = second.saturating_sub(self.newest).min(HISTORY as u64);
        for _ in 0..steps {
            self.seconds.pop_front();
            self.seconds.push_back(0);
        }
        self.newest = second;
    }

    fn link(&self) -> LinkState {
        match (&self.session, self.health.degraded()) {
            (LinkState::Up, Some(reason)) => LinkState::Degraded { reason },
            (session, _) => session.clone(),
        }
    }

    fn percentiles(&self) -> Option<(u32, u32)> {
        let mut sorted: Vec<u32> = self.latencies.iter().copied().collect();
        sorted.sort_unstable();
        let at = |q: usize| sorted.get((sorted.len() * q / 100).min(sorted.len().saturating_sub(1))).copied();
        Some((at(50)?, at(99)?))
    }
}

#[cfg(test)]
mod tests {
    use super::super::pacer::{Ask, Feedback, Limits};
    use super::*;
    use crate::market::ManualClock;

    fn meter() -> Arc<Meter> {
        Arc::new(Meter::new("127.0.0.1:1".into(), 40, Arc::new(Pacer::new(Limits::default())), ManualClock::at(1_000)))
    }

    #[tokio::test(start_paused = true)]
    async fn figures_reach_the_watch_and_the_history_moves_on() {
        let meter = meter();
        let stop = CancellationToken::new();
        let task = tokio::spawn({
            let (meter, stop) = (meter.clone(), stop.clone());
            async move { meter.run(&stop).await }
        });
        let mut rx = meter.subscribe();
        for ms in 1..=100 {
            meter.sent();
            meter.ended(&Tally::Answered(10), Duration::from_millis(ms));
        }
        meter.ended(&Tally::TooFast("slow down"), Duration::ZERO);
        let status = rx.wait_for(|s| s.answered == 100 && s.failed == 1).await.unwrap().clone();
        assert_eq!((status.bars, status.pacing_errors, status.latency_ms), (1_000, 1, Some((51, 100))));
        assert_eq!(status.last_error, Some((1_000, "slow down".into())));
        assert_eq!(status.history.iter().map(|n| u32::from(*n)).sum::<u32>(), 100);
        let quiet = rx.wait_for(|s| s.history.iter().all(|n| *n == 0)).await.unwrap().clone();
        assert_eq!(quiet.requests_per_second, 0.0);
        stop.cancel();
        task.await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_shown_reaches_the_limit_and_never_passes_it() {
        let meter = meter();
        let rx = meter.subscribe();
        let mut most = 0.0_f32;
        // Two and a half seconds' worth of requests, the first 40 of them in the middle of a second.
        sleep(Duration::from_millis(700)).await;
        for k in 0..100 {
            meter.pacer.acquire(&Ask { burst: None, identity: None }).await.finish(Feedback::Answered);
            if k >= 60 && k % 3 == 0 {
                // A withdrawal is a message too, and no request.
                drop(meter.pacer.acquire(&Ask { burst: None, identity: None }).await);
            }
            meter.publish_now();
            most = most.max(rx.borrow().requests_per_second);
        }
        assert_eq!((most, rx.borrow().requests_per_second_limit), (40.0, 40.0));
        sleep(Duration::from_secs(1)).await;
        meter.publish_now();
        assert_eq!(rx.borrow().requests_per_second, 0.0);
    }

    #[tokio::test(start_paused = true)]
    async fn three_silences_degrade_and_an_answer_heals() {
        let meter = meter();
        meter.session(LinkState::Up);
        for _ in 0..3 {
            meter.ended(&Tally::TimedOut("AAPL 1m: no answer in time"), Duration::from_mins(1));
        }
        meter.publish_now();
        assert_eq!(meter.subscribe().borrow().link, LinkState::Degraded { reason: "historical data farm silent".into() });
        meter.ended(&Tally::Answered(0), Duration::from_secs(1));
        meter.publish_now();
        assert_eq!(meter.subscribe().borrow().link, LinkState::Up);
    }
}
