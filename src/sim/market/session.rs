//! The minutes of one session, inside the frame its [`DayPlan`] sets: they open, peak, bottom and close exactly where
//! the plan says, and their volumes add up to the plan's.

use super::path::DayPlan;
use crate::random::Stream;

/// One minute, in the plan's units.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Minute {
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    pub units: u64,
}

/// Shape of trading inside a session.
#[derive(Clone, Copy, Debug)]
pub(super) enum Profile {
    /// Busy at the open and the close.
    UShaped,
    /// Nearly even, with a slow wave.
    Even,
}

impl Profile {
    /// Relative intensity at `t` in 0..1; its mean is about one.
    fn at(self, t: f64) -> f64 {
        let x = 2.0 * t - 1.0;
        match self {
            Self::UShaped => 0.55 + 0.75 * x * x + x.powi(4),
            Self::Even => 1.0 + 0.35 * (std::f64::consts::TAU * t).sin(),
        }
    }
}

/// Fills `out` with the `n` minutes of a session.
pub(super) fn minutes(key: u64, plan: &DayPlan, n: usize, profile: Profile, out: &mut Vec<Minute>) {
    out.clear();
    out.resize(n, Minute::default());
    let mut s = Stream::new(&[key, 4, u64::from(chrono::Datelike::num_days_from_ce(&plan.date).unsigned_abs())]);
    let (peak, trough) = (s.below(n), s.below(n));
    // A Brownian motion's expected range is 1.6 standard deviations (Feller 1951).
    let sigma = (plan.high - plan.low) / (1.6 * (n as f64).sqrt());
    walk(&mut s, plan, [peak, trough], sigma, profile, out);
    wicks(&mut s, plan, sigma, out);
    out[peak].high = plan.high;
    out[trough].low = plan.low;
    volumes(&mut s, plan.units, profile, out);
}

/// Reflects a price that left the session's range back into it.
fn fold(x: f64, low: f64, high: f64) -> f64 {
    let y = if x > high {
        2.0 * high - x
    } else if x < low {
        2.0 * low - x
    } else {
        x
    };
    y.clamp(low, high)
}

/// Opens and closes: a Brownian bridge through the open, the two extremes and the close.
fn walk(s: &mut Stream, plan: &DayPlan, [peak, trough]: [usize; 2], sigma: f64, profile: Profile, out: &mut [Minute]) {
    let n = out.len();
    // Minute k opens at stop k; an extreme that falls on the first minute is left to its wick.
    let mut stops = [(0, plan.open), (peak, plan.high), (trough, plan.low), (n, plan.close)];
    if peak > trough {
        stops.swap(1, 2);
    }
    let mut from = stops[0];
    for to in &stops[1..] {
        if to.0 == from.0 {
            continue;
        }
        bridge(s, from, *to, sigma, profile, n, out);
        from = *to;
    }
    for k in 0..n {
        let next = if k + 1 < n { out[k + 1].open } else { plan.close };
        out[k].open = fold(out[k].open, plan.low, plan.high);
        out[k].close = fold(next, plan.low, plan.high);
    }
    out[0].open = plan.open;
    out[n - 1].close = plan.close;
}

/// Writes the opens of the minutes `from.0..to.0`.
fn bridge(s: &mut Stream, from: (usize, f64), to: (usize, f64), sigma: f64, profile: Profile, n: usize, out: &mut [Minute]) {
    let steps = to.0 - from.0;
    let mut sum = 0.0;
    for (j, minute) in out[from.0..to.0].iter_mut().enumerate() {
        minute.open = sum;
        sum += sigma * profile.at((from.0 + j) as f64 / n as f64).sqrt() * s.bell();
    }
    let slope = (to.1 - from.1 - sum) / steps as f64;
    for (j, minute) in out[from.0..to.0].iter_mut().enumerate() {
        minute.open += from.1 + slope * j as f64;
    }
}

/// Highs and lows around opens and closes, and a small step between one minute's close and the next one's open.
fn wicks(s: &mut Stream, plan: &DayPlan, sigma: f64, out: &mut [Minute]) {
    let clamp = |x: f64| x.clamp(plan.low, plan.high);
    for (k, m) in out.iter_mut().enumerate() {
        if k > 0 {
            m.open = clamp(m.open + 0.1 * sigma * s.bell());
        }
        let (top, bottom) = if m.open > m.close { (m.open, m.close) } else { (m.close, m.open) };
        m.high = clamp(top + 0.4 * sigma * s.bell().abs());
        m.low = clamp(bottom - 0.4 * sigma * s.bell().abs());
    }
}

/// Splits `units` over the minutes by a noisy profile; cumulative rounding keeps the sum exact.
fn volumes(s: &mut Stream, units: u64, profile: Profile, out: &mut [Minute]) {
    let n = out.len() as f64;
    let mut total = 0.0;
    for (k, m) in out.iter_mut().enumerate() {
        let noise = s.uniform();
        total += profile.at(k as f64 / n) * (0.35 + 1.3 * noise * noise + 0.2 * noise);
        // The running weight waits in `units` as bits until the total is known.
        m.units = total.to_bits();
    }
    let scale = units as f64 / total;
    let mut done = 0;
    let last = out.len() - 1;
    for (k, m) in out.iter_mut().enumerate() {
        let upto = if k == last { units } else { ((f64::from_bits(m.units) * scale) as u64).clamp(done, units) };
        m.units = upto - done;
        done = upto;
    }
}
