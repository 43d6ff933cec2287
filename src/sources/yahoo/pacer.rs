//! When a request may leave: an evenly spaced rate, a ceiling on requests in flight, and one cool-down for all.
//!
//! A 429 stops every worker at once, and no request leaves before the cool-down ends; then a single request goes
//! ahead, and only its success lets the others follow. Retrying earlier prolongs Yahoo's block.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Gate, MutexGuard as GateGuard, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use crate::config::YahooSettings;
use crate::market::Clock;

/// The longest cool-down.
const LONGEST: Duration = Duration::from_mins(30);
const SECOND: Duration = Duration::from_secs(1);

/// Leave to send one request; dropped when the answer is in.
pub(super) struct Permit<'a> {
    _slot: Option<SemaphorePermit<'a>>,
    /// Held by the single request that tries again after a cool-down.
    _probe: Option<GateGuard<'a, ()>>,
}

pub(super) struct Pacer {
    clock: Arc<dyn Clock>,
    slots: Semaphore,
    spacing: Duration,
    first_cooldown: Duration,
    probe: Gate<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Monotonic end of the cool-down, while none has succeeded since.
    cooling: Option<Duration>,
    /// What the next cool-down lasts.
    next_cooldown: Duration,
    /// Earliest instant of the next request.
    next_slot: Instant,
    /// Instants given out that may lie within the last second, oldest first, without their jitter.
    given: VecDeque<Instant>,
    /// xorshift state of the jitter.
    noise: u64,
}

impl Pacer {
    pub(super) fn new(settings: &YahooSettings, clock: Arc<dyn Clock>) -> Self {
        let first_cooldown = Duration::from_secs(settings.cooldown_s.max(1)).min(LONGEST);
        let noise = clock.now_ms().unsigned_abs() | 1;
        Self {
            slots: Semaphore::new(settings.concurrency.max(1) as usize),
            // Rounded up, so that no second holds one more.
            spacing: Duration::from_nanos(1_000_000_000_u64.div_ceil(u64::from(settings.requests_per_second.max(1)))),
            first_cooldown,
            probe: Gate::new(()),
            state: Mutex::new(State {
                cooling: None,
                next_cooldown: first_cooldown,
                next_slot: Instant::now(),
                given: VecDeque::new(),
                noise,
            }),
            clock,
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        // The state is plain numbers, valid whatever a panicking holder had done to them.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is left of the cool-down.
    pub(super) fn cooling(&self) -> Option<Duration> {
        let end = self.state().cooling?;
        end.checked_sub(self.clock.mono()).filter(|d| !d.is_zero())
    }

    /// Whether a cool-down has ended that no success has closed yet.
    fn half_open(&self) -> bool {
        self.state().cooling.is_some_and(|end| end <= self.clock.mono())
    }

    /// Waits for leave to send one request. During a cool-down it does not wait but says how long it lasts.
    pub(super) async fn admit(&self) -> Result<Permit<'_>, Duration> {
        self.refuse_while_cooling()?;
        // The semaphore is never closed, so a permit is always had.
        let slot = self.slots.acquire().await.ok();
        self.refuse_while_cooling()?;
        let mut probe = None;
        if self.half_open() {
            let gate = self.probe.lock().await;
            self.refuse_while_cooling()?;
            probe = self.half_open().then_some(gate);
        }
        let at = self.reserve();
        tokio::time::sleep_until(at).await;
        self.refuse_while_cooling()?;
        Ok(Permit { _slot: slot, _probe: probe })
    }

    fn refuse_while_cooling(&self) -> Result<(), Duration> {
        self.cooling().map_or(Ok(()), Err)
    }

    /// Takes the next instant of the rate, with up to a quarter of the spacing added so that requests do not beat.
    fn reserve(&self) -> Instant {
        let mut s = self.state();
        s.noise ^= s.noise << 13;
        s.noise ^= s.noise >> 7;
        s.noise ^= s.noise << 17;
        let jitter = self.spacing.mul_f64((s.noise % 1000) as f64 / 4000.0);
        let at = s.next_slot.max(Instant::now());
        s.next_slot = at + self.spacing;
        s.given.push_back(at);
        at + jitter
    }

    /// Requests whose turn came within the last second: never more than the rate, since turns keep their spacing.
    pub(super) fn per_second(&self) -> u32 {
        let now = Instant::now();
        let mut s = self.state();
        while s.given.front().is_some_and(|at| *at + SECOND <= now) {
            s.given.pop_front();
        }
        s.given.iter().filter(|at| **at <= now).count() as u32
    }

    /// Begins or extends the cool-down after a 429 and returns what is left of it. Answers to requests that were
    /// already under way when it began do not lengthen it.
    pub(super) fn throttled(&self, asked: Option<Duration>) -> Duration {
        let now = self.clock.mono();
        let mut s = self.state();
        let running = s.cooling.is_some_and(|end| end > now);
        let mut end = s.cooling.filter(|_| running).unwrap_or(now + s.next_cooldown);
        if !running {
            s.next_cooldown = (s.next_cooldown * 2).min(LONGEST);
        }
        if let Some(asked) = asked {
            end = end.max(now + asked.min(LONGEST));
        }
        s.cooling = Some(end);
        end.saturating_sub(now)
    }

    /// Notes an answer that was not a 429: the next cool-down is a short one again.
    pub(super) fn answered(&self) {
        let now = self.clock.mono();
        let mut s = self.state();
        // An answer that arrives inside a cool-down belongs to a request sent before it.
        if s.cooling.is_none_or(|end| end <= now) {
            s.cooling = None;
            s.next_cooldown = self.first_cooldown;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::ManualClock;

    fn pacer(rps: u32, concurrency: u32) -> (Pacer, Arc<ManualClock>) {
        let clock = ManualClock::at(1_700_000_000);
        let settings = YahooSettings { requests_per_second: rps, concurrency, cooldown_s: 60, ..YahooSettings::default() };
        (Pacer::new(&settings, clock.clone()), clock)
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_spaced_evenly() {
        let (p, _) = pacer(2, 8);
        let start = Instant::now();
        for _ in 0..5 {
            drop(p.admit().await.unwrap());
        }
        let took = start.elapsed();
        assert!(took >= Duration::from_secs(2) && took < Duration::from_millis(2_300), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_reaches_the_limit_and_never_passes_it() {
        let (p, _) = pacer(7, 8);
        let mut most = 0;
        for _ in 0..50 {
            drop(p.admit().await.unwrap());
            most = most.max(p.per_second());
        }
        assert_eq!(most, 7);
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(p.per_second(), 0);
    }

    #[tokio::test]
    async fn cool_downs_double_up_to_half_an_hour_and_shrink_after_a_success() {
        let (p, clock) = pacer(1000, 4);
        let mut lengths = Vec::new();
        for _ in 0..7 {
            let left = p.throttled(None);
            lengths.push(left.as_secs());
            assert_eq!(p.throttled(None), left, "a straggler does not lengthen it");
            assert_eq!(p.admit().await.err(), Some(left));
            clock.advance(left);
        }
        assert_eq!(lengths, [60, 120, 240, 480, 960, 1800, 1800]);
        drop(p.admit().await.unwrap());
        p.answered();
        assert_eq!(p.throttled(None).as_secs(), 60);
    }

    #[tokio::test]
    async fn the_servers_wait_is_honoured_when_longer() {
        let (p, _) = pacer(1000, 4);
        assert_eq!(p.throttled(Some(Duration::from_secs(5))).as_secs(), 60);
        assert_eq!(p.throttled(Some(Duration::from_secs(100))).as_secs(), 100);
        assert_eq!(p.throttled(Some(Duration::from_secs(1_000_000))).as_secs(), 1800);
    }

    #[tokio::test]
    async fn after_a_cool_down_one_request_goes_ahead() {
        let (p, clock) = pacer(1000, 4);
        clock.advance(p.throttled(None));
        let first = p.admit().await.unwrap();
        let second = p.admit();
        tokio::pin!(second);
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        // The probe fails: the one that waited behind it is refused rather than sent.
        p.throttled(None);
        drop(first);
        assert_eq!(second.await.err(), Some(Duration::from_mins(2)));
    }
}
