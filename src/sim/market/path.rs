//! The daily path of a symbol: one plan a session, whose minutes [`super::session`] fills in exactly.
//!
//! Log prices follow a trend plus a slowly mean-reverting deviation driven by a common factor and the symbol's own
//! shocks. Both have GARCH(1,1) variance (Bollerslev 1986), fat-tailed innovations, and the factor changes between
//! a calm and a stressed regime. The session's extremes are drawn from the law of the maximum of a Brownian bridge,
//! so that daily bars are known without their minutes.

use chrono::{Datelike, NaiveDate};

use super::character::{Character, anchor};
use crate::market::{Calendar, date_to_ts};
use crate::random::Stream;

/// Years of the common factor.
const FACTOR_FROM: i32 = 2000;

/// One session, in prices with all seeded splits applied and shares as traded that day.
#[derive(Clone, Copy, Debug)]
pub(super) struct DayPlan {
    pub date: NaiveDate,
    pub open: f64,
    pub high: f64,
    pub low: f64,
    pub close: f64,
    /// Units of volume on the day's own share basis: shares, or 1e-4 coins.
    pub units: u64,
}

/// GARCH(1,1) around a unit mean: 0.03 + 0.06 e^2 + 0.91 h.
#[derive(Clone, Copy, Debug)]
struct Clustering(f64);

impl Clustering {
    /// A shock scaled by today's variance, which it moves.
    fn shock(&mut self, s: &mut Stream) -> f64 {
        let e = self.0.sqrt() * s.fat();
        self.0 = (0.03 + 0.06 * e * e + 0.91 * self.0).min(9.0);
        e
    }
}

/// The common factor's return in each session from 2000 to 2040.
#[derive(Debug)]
pub(super) struct Factor {
    first: i64,
    days: Vec<(i64, f64)>,
}

impl Factor {
    pub(super) fn new(seed: u64, calendar: Calendar) -> Self {
        let (tag, sigma) = match calendar {
            Calendar::Xnys => (11, 0.010),
            Calendar::Continuous => (12, 0.028),
        };
        let mut s = Stream::new(&[seed, tag]);
        let mut clustering = Clustering(1.0);
        let mut stressed = false;
        let end = NaiveDate::from_ymd_opt(2041, 1, 1).map_or(0, date_to_ts);
        let first = NaiveDate::from_ymd_opt(FACTOR_FROM, 1, 1).map_or(0, date_to_ts);
        let days = calendar
            .sessions(first, end)
            .map(|session| {
                // Expected stays: 250 calm sessions, 50 stressed ones.
                let turn = s.uniform();
                stressed = if stressed { turn > 0.02 } else { turn < 0.004 };
                let scale = if stressed { 1.9 } else { 0.8 };
                (date_to_ts(session.date), (sigma * scale * clustering.shock(&mut s)).clamp(-0.12, 0.12))
            })
            .collect();
        Self { first, days }
    }

    fn from(&self, date: NaiveDate) -> impl Iterator<Item = f64> + '_ {
        let ts = date_to_ts(date).max(self.first);
        let at = self.days.partition_point(|d| d.0 < ts);
        self.days[at..].iter().map(|d| d.1)
    }
}

/// One symbol's sessions from its listing through the end of a year.
#[derive(Debug)]
pub(super) struct Path {
    pub through: i32,
    pub days: Vec<DayPlan>,
}

impl Path {
    /// Builds the path through the end of `year`, or of the year after the anchor if that is later.
    pub(super) fn build(c: &Character, factor: &Factor, year: i32) -> Self {
        let through = year.max(anchor().year() + 1);
        let end = NaiveDate::from_ymd_opt(through + 1, 1, 1).map_or(0, date_to_ts);
        let sessions = c.calendar.sessions(date_to_ts(c.listed), end).filter(|s| s.date >= c.listed);
        let mut walk = Walk::new(c);
        let mut steps: Vec<(NaiveDate, Step)> = Vec::new();
        for (session, common) in sessions.zip(factor.from(c.listed)) {
            steps.push((session.date, walk.step(c, session.date, common)));
        }
        let at_anchor = steps.partition_point(|s| s.0 < anchor()).min(steps.len().saturating_sub(1));
        let shift = c.level.ln() - steps.get(at_anchor).map_or(0.0, |s| s.1.close);
        let days = steps.iter().map(|(date, step)| plan(c, *date, step, shift)).collect();
        Self { through, days }
    }

    /// The plan of a date.
    pub(super) fn on(&self, date: NaiveDate) -> Option<&DayPlan> {
        self.days.binary_search_by_key(&date, |d| d.date).ok().map(|i| &self.days[i])
    }

    /// The last plan strictly before a date.
    pub(super) fn before(&self, date: NaiveDate) -> Option<&DayPlan> {
        self.days[..self.days.partition_point(|d| d.date < date)].last()
    }
}

/// A session in log prices, before the shift that puts the anchor at its level.
struct Step {
    open: f64,
    high: f64,
    low: f64,
    close: f64,
    /// Log of the volume relative to the usual.
    activity: f64,
}

struct Walk {
    stream: Stream,
    clustering: Clustering,
    trend: f64,
    deviation: f64,
}

/// Share of the deviation that is lost each session: a half-life of about three years.
const REVERSION: f64 = 0.0009;

impl Walk {
    fn new(c: &Character) -> Self {
        Self { stream: Stream::new(&[c.key, 3]), clustering: Clustering(1.0), trend: 0.0, deviation: 0.0 }
    }

    fn step(&mut self, c: &Character, date: NaiveDate, common: f64) -> Step {
        let s = &mut self.stream;
        let sigma = c.session_sigma();
        let stocks = c.calendar == Calendar::Xnys;
        let own = c.sigma * self.clustering.shock(s);
        let limit = if stocks { 0.20 } else { 0.25 };
        let regular = (c.beta * common + own).clamp(-limit, limit);
        // Quarterly results move the open of one session a quarter.
        let results = stocks && date.month() % 3 == 1 && date.day() == 20 + (c.key % 7) as u32;
        let news = if results { (0.035 * s.normal()).clamp(-0.15, 0.15) } else { 0.0 };
        let gap = if stocks { news + 0.3 * regular + 0.35 * sigma * s.normal() } else { 0.0 };
        let total = (regular + news).clamp(-limit, limit);
        let before = self.trend + self.deviation;
        self.trend += c.drift;
        self.deviation = self.deviation * (1.0 - REVERSION) + total;
        let close = self.trend + self.deviation;
        let open = before + gap;
        let calm = 0.75 * sigma * self.clustering.0.sqrt();
        let (up, down) = bridge_extremes(close - open, calm, s.uniform(), s.uniform());
        let activity = 0.3 * s.normal() + 0.35 * (total.abs() / sigma).min(3.0) - 0.25;
        Step { open, high: open + up, low: open + down, close, activity }
    }
}

/// Maximum and minimum of a Brownian bridge from 0 to `x` with volatility `sigma` (Karatzas and Shreve, Brownian
/// Motion and Stochastic Calculus, 4.3.40): P(max > m) = exp(-2 m (m - x) / sigma^2), inverted at a uniform.
fn bridge_extremes(x: f64, sigma: f64, u: f64, v: f64) -> (f64, f64) {
    let reach = |u: f64| (x * x - 2.0 * sigma * sigma * u.ln()).sqrt();
    (f64::midpoint(x, reach(u)), f64::midpoint(x, -reach(v)))
}

fn plan(c: &Character, date: NaiveDate, step: &Step, shift: f64) -> DayPlan {
    // A dollar is the lowest price the generator quotes, far above the tick.
    let price = |log: f64| (log + shift).exp().max(1.0);
    let close = price(step.close);
    // Shares of the day: adjusted price times the splits still to come is the price on that day.
    let to_come: f64 = c.splits.iter().filter(|s| s.ex_date > date).map(crate::market::Split::ratio).product();
    let shares = c.turnover * step.activity.exp() / (close * to_come);
    let scale = if c.calendar == Calendar::Xnys { 1.0 } else { 1e4 };
    DayPlan {
        date,
        open: price(step.open),
        high: price(step.high),
        low: price(step.low),
        close,
        units: (shares * scale).max(1000.0) as u64,
    }
}
