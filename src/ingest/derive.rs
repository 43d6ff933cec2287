//! Exact aggregation of bars into coarser timeframes, on session boundaries.
//!
//! The pipeline calls [`order`] once to learn what is derived from what, [`bucket_span`] to widen what a fetch
//! touched to whole target bars, and [`aggregate`] on the stored bars of that span, cut [`by_source`]. [`compare`] checks a derived
//! series against the same bars fetched natively.

use crate::market::calendar::{bucket_date, bucket_end};
use crate::market::{Bars, Calendar, Candle, Session, SourceId, Timeframe, date_to_ts, ts_to_date};

/// What is derived from what: for every timeframe that is not in `native`, the coarsest base among the native and the
/// already derived ones, in an order in which each base comes before its dependants. Timeframes that nothing
/// divides are left out.
pub fn order(native: &[Timeframe]) -> Vec<(Timeframe, Timeframe)> {
    let mut available = native.to_vec();
    let mut out = Vec::with_capacity(Timeframe::ALL.len());
    // ALL runs from fine to coarse and a base is always finer than its target, so one walk is a topological order.
    for target in Timeframe::ALL {
        if native.contains(&target) {
            continue;
        }
        if let Some(base) = target.coarsest_base(&available) {
            available.push(target);
            out.push((target, base));
        }
    }
    out
}

/// Widens the touched span `start..end` (stamps of `base` bars, UTC seconds) to whole bars of `target`. The result is
/// good both for reading the base bars and for replacing the target bars: it holds every base stamp of the touched
/// buckets and the stamps of the target bars themselves. An empty span stays as it is.
pub fn bucket_span(calendar: Calendar, target: Timeframe, base: Timeframe, start: i64, end: i64) -> (i64, i64) {
    if start >= end {
        return (start, end);
    }
    let last = end - 1;
    if target.is_intraday() {
        let from = calendar.bucket(target, base, start).unwrap_or(start);
        let until = calendar.session_at(last).map_or(end, |s| Bucket::intraday(target, s, last).until);
        return (from, until);
    }
    // Both calendars keep a session inside the UTC day of its date, so whole days hold whole sessions.
    let from = date_to_ts(bucket_date(target, ts_to_date(start)));
    let until = date_to_ts(bucket_end(target, bucket_date(target, ts_to_date(last))));
    (from, until)
}

/// The bars of one target bucket are those stamped `from..until`.
#[derive(Clone, Copy)]
struct Bucket {
    stamp: i64,
    from: i64,
    until: i64,
    /// When the bucket is complete.
    close: i64,
}

impl Bucket {
    fn intraday(target: Timeframe, s: Session, ts: i64) -> Self {
        let step = target.seconds();
        let stamp = s.open + (ts - s.open) / step * step;
        let until = (stamp + step).min(s.close);
        Self { stamp, from: stamp, until, close: until }
    }

    fn day(s: Session) -> Self {
        Self { stamp: date_to_ts(s.date), from: s.open, until: s.close, close: s.close }
    }

    fn dates(calendar: Calendar, target: Timeframe, ts: i64) -> Option<Self> {
        let first = bucket_date(target, ts_to_date(ts));
        let stamp = date_to_ts(first);
        let close = calendar.bar_close(target, stamp)?;
        Some(Self { stamp, from: stamp, until: date_to_ts(bucket_end(target, first)), close })
    }
}

/// Finds the bucket of ascending stamps, remembering the session: the calendar is asked once a session.
struct Buckets {
    calendar: Calendar,
    target: Timeframe,
    session: Option<Session>,
}

impl Buckets {
    fn at(&mut self, ts: i64) -> Option<Bucket> {
        if matches!(self.target, Timeframe::W1 | Timeframe::Mo1) {
            return Bucket::dates(self.calendar, self.target, ts);
        }
        let session = match self.session {
            Some(s) if (s.open..s.close).contains(&ts) => s,
            _ => *self.session.insert(self.calendar.session_at(ts)?),
        };
        Some(if self.target == Timeframe::D1 { Bucket::day(session) } else { Bucket::intraday(self.target, session, ts) })
    }
}

/// Aggregates ascending `base` bars into `target` bars: first open, highest high, lowest low, last close, summed
/// volume. A volume that is unknown in one input is unknown in the sum. A bar is final when its bucket closed by
/// `now` and all its inputs are final. A bucket with holes is made of what is there (an instant without a trade has
/// no bar); a bucket without any bar, and bars outside sessions, give nothing. Give whole buckets
/// ([`bucket_span`]): a span that begins inside one yields a bar of its remainder. A `base` that does not add up to
/// `target` gives no bars.
pub fn aggregate(calendar: Calendar, target: Timeframe, base: Timeframe, bars: &[Candle], now: i64) -> Bars {
    if !target.divisible_by(base) {
        return Bars::new();
    }
    let ratio = usize::try_from(target.seconds() / base.seconds()).unwrap_or(1).max(1);
    let mut out = Bars::with_capacity(bars.len() / ratio + 2);
    let mut buckets = Buckets { calendar, target, session: None };
    let mut current: Option<(Bucket, Candle)> = None;
    for bar in bars {
        if let Some((bucket, sum)) = &mut current
            && bar.ts >= bucket.from
            && bar.ts < bucket.until
        {
            sum.high = sum.high.max(bar.high);
            sum.low = sum.low.min(bar.low);
            sum.close = bar.close;
            sum.volume += bar.volume;
            sum.is_final &= bar.is_final;
            continue;
        }
        out.extend(current.take().map(|(_, sum)| sum));
        current = buckets.at(bar.ts).map(|b| (b, Candle { ts: b.stamp, is_final: bar.is_final && b.close <= now, ..*bar }));
    }
    out.extend(current.map(|(_, sum)| sum));
    out
}

/// Cuts derived `bars` into runs of one source each. A bar has the least preferred source among its inputs, so that only
/// what is the primary's throughout is called the primary's. `inputs` are the base bars, ascending; those of a bar are
/// stamped from its stamp on, up to the next bar's.
pub fn by_source(bars: &[Candle], inputs: &[(Candle, SourceId)]) -> Vec<(SourceId, Bars)> {
    let mut runs: Vec<(SourceId, Bars)> = Vec::new();
    let mut rest = &inputs[bars.first().map_or(0, |b| inputs.partition_point(|(i, _)| i.ts < b.ts))..];
    for (i, bar) in bars.iter().enumerate() {
        let until = bars.get(i + 1).map_or(i64::MAX, |next| next.ts);
        let (own, others) = rest.split_at(rest.partition_point(|(input, _)| input.ts < until));
        rest = others;
        let source = own.iter().map(|(_, source)| *source).max().unwrap_or(SourceId::File);
        match runs.last_mut().filter(|(s, _)| *s == source) {
            Some((_, run)) => run.push(*bar),
            None => runs.push((source, vec![*bar])),
        }
    }
    runs
}

/// A figure of a bar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names of a bar's figures")]
pub enum Field {
    Open,
    High,
    Low,
    Close,
    Volume,
}

impl Field {
    /// The name in messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::High => "high",
            Self::Low => "low",
            Self::Close => "close",
            Self::Volume => "volume",
        }
    }
}

/// A figure in which a native and a derived bar disagree.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mismatch {
    /// Stamp of both bars.
    pub ts: i64,
    /// Which figure.
    pub field: Field,
    /// As the source served it.
    pub native: f64,
    /// As aggregated.
    pub derived: f64,
}

impl Mismatch {
    /// `derived / native - 1`; infinite when the native figure is zero.
    pub fn relative(&self) -> f64 {
        self.derived / self.native - 1.0
    }
}

/// Differences above 1% between natively fetched and derived bars with the same stamp, both final (check 23: from 5%
/// on a difference is no longer rounding or a late print). Both runs ascending; an unknown volume is not compared.
pub fn compare(native: &[Candle], derived: &[Candle]) -> Vec<Mismatch> {
    let mut out = Vec::new();
    let mut rest = derived;
    for n in native {
        rest = &rest[rest.partition_point(|d| d.ts < n.ts)..];
        let Some(d) = rest.first().filter(|d| d.ts == n.ts && d.is_final && n.is_final) else { continue };
        let figures = [
            (Field::Open, n.open, d.open),
            (Field::High, n.high, d.high),
            (Field::Low, n.low, d.low),
            (Field::Close, n.close, d.close),
            (Field::Volume, n.volume, d.volume),
        ];
        // NaN compares false, which is what leaves unknown volumes out.
        let differing = figures.into_iter().filter(|&(_, a, b)| (b - a).abs() > 0.01 * a.abs());
        out.extend(differing.map(|(field, native, derived)| Mismatch { ts: n.ts, field, native, derived }));
    }
    out
}
