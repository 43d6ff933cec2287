//! Instants that recur by the wall clock of a time zone: a five-field cron expression and an IANA zone.
//!
//! `config` checks expressions with it, `schedule` computes ticks with it. croner 4 gives a time that a change of the
//! clocks skips once, right after the gap, and a time that it repeats once; earlier versions do not.

use chrono::{DateTime, TimeZone, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};

use super::DAY;

/// A cron expression in a time zone.
#[derive(Clone, Debug)]
pub struct Recurrence {
    cron: Cron,
    zone: Tz,
}

/// Why an expression or a zone was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecurrenceError {
    /// Not five fields.
    #[error("five fields are needed (minute, hour, day of month, month, day of week), not {0}")]
    Fields(usize),
    /// A field makes no sense.
    #[error("the {field} {text:?} is wrong: {why}")]
    Field {
        /// Which.
        field: &'static str,
        /// What it says.
        text: String,
        /// What the parser says of it.
        why: String,
    },
    /// Such as the 30th of February.
    #[error("no such time ever comes")]
    Never,
    /// No such zone.
    #[error("{0:?} is not a time zone; use an IANA name such as \"America/New_York\"")]
    Zone(String),
}

impl Recurrence {
    /// Compiles an expression; when both days are given, both must match.
    pub fn new(cron: &str, zone: &str) -> Result<Self, RecurrenceError> {
        let zone: Tz = zone.parse().map_err(|_| RecurrenceError::Zone(zone.to_owned()))?;
        let fields = cron.split_whitespace().count();
        if fields != 5 {
            return Err(RecurrenceError::Fields(fields));
        }
        let cron = parse(cron).map_err(|e| culprit(cron).unwrap_or_else(|| refused("expression", cron, &e)))?;
        let recurrence = Self { cron, zone };
        recurrence.next_after(0).ok_or(RecurrenceError::Never)?;
        Ok(recurrence)
    }

    /// The zone.
    pub const fn zone(&self) -> Tz {
        self.zone
    }

    /// The first tick after `ts` (UTC seconds).
    pub fn next_after(&self, ts: i64) -> Option<i64> {
        let at = self.zone.from_utc_datetime(&DateTime::from_timestamp(ts, 0)?.naive_utc());
        self.cron.find_next_occurrence(&at, false).ok().map(|t| t.timestamp())
    }

    /// The first tick at or after `ts`. Not croner's inclusive search, which takes a tick that a gap moved for none.
    pub fn next_from(&self, ts: i64) -> Option<i64> {
        self.next_after(ts - 1)
    }

    /// The last tick before `ts`, looking back over two leap years at most. Ticks are only ever computed forwards, so
    /// that both directions agree across every change of the clocks.
    pub fn last_before(&self, ts: i64) -> Option<i64> {
        const SPANS: [i64; 6] = [3_600, DAY + 3_600, 8 * DAY, 32 * DAY, 367 * DAY, 9 * 366 * DAY];
        SPANS.into_iter().find_map(|span| self.between(ts - span - 1, ts - 1).last())
    }

    /// Ticks in `(after, until]`, ascending.
    pub fn between(&self, after: i64, until: i64) -> impl Iterator<Item = i64> {
        std::iter::successors(self.next_after(after), |&t| self.next_after(t)).take_while(move |&t| t <= until)
    }

    /// The expression in words: `22:45 New York`, `02:00 New York, on Sunday`.
    pub fn words(&self) -> String {
        let text = self.cron.describe();
        let text = text.trim_end_matches('.').trim_start_matches("At ");
        let (time, days) = text.split_once(", ").map_or((text, ""), |(time, days)| (time, days));
        let zone = self.zone.name();
        let city = zone.rsplit('/').next().unwrap_or(zone).replace('_', " ");
        let time = time.strip_prefix("Every").map_or_else(|| time.to_owned(), |rest| format!("every{rest}"));
        if days.is_empty() { format!("{time} {city}") } else { format!("{time} {city}, {days}") }
    }

    /// An instant as the zone's wall clock shows it: `2026-11-22 22:45`.
    pub fn local(&self, ts: i64) -> String {
        let at = DateTime::from_timestamp(ts, 0).unwrap_or(DateTime::<Utc>::UNIX_EPOCH);
        at.with_timezone(&self.zone).format("%F %H:%M").to_string()
    }
}

fn parse(cron: &str) -> Result<Cron, CronError> {
    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).dom_and_dow(true).build().parse(cron)
}

/// The first field that is refused on its own; the parser does not say which one it stumbled over.
fn culprit(cron: &str) -> Option<RecurrenceError> {
    const FIELDS: [&str; 5] = ["minute", "hour", "day of month", "month", "day of week"];
    cron.split_whitespace().enumerate().find_map(|(i, text)| {
        let mut alone = ["*"; 5];
        alone[i] = text;
        parse(&alone.join(" ")).err().map(|e| refused(FIELDS[i], text, &e))
    })
}

fn refused(field: &'static str, text: &str, error: &CronError) -> RecurrenceError {
    let why = error.to_string();
    let why = why.trim_start_matches("Component error: ").trim_end_matches('.').to_lowercase();
    RecurrenceError::Field { field, text: text.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ZONES: [&str; 4] = ["America/New_York", "Europe/London", "Australia/Lord_Howe", "UTC"];
    const Y2025: i64 = 1_735_689_600;
    const Y2031: i64 = 1_924_992_000;

    #[test]
    fn wrong_expressions_say_what_is_wrong() {
        let why = |cron: &str, zone: &str| Recurrence::new(cron, zone).unwrap_err().to_string();
        assert!(why("45 22 * *", "UTC").ends_with(", not 4"));
        assert!(why("0 45 22 * * *", "UTC").ends_with(", not 6"));
        assert!(why("@daily", "UTC").ends_with(", not 1"));
        assert_eq!(why("45 25 * * *", "UTC"), "the hour \"25\" is wrong: number out of bounds");
        assert!(why("0 0 * JANUARY *", "UTC").starts_with("the month \"JANUARY\" is wrong"));
        assert_eq!(Recurrence::new("0 0 30 2 *", "UTC").unwrap_err(), RecurrenceError::Never);
        assert_eq!(Recurrence::new("0 0 * * *", "Mars/Base").unwrap_err(), RecurrenceError::Zone("Mars/Base".into()));
    }

    #[test]
    fn expressions_read_as_words() {
        let words = |cron: &str, zone: &str| Recurrence::new(cron, zone).unwrap().words();
        assert_eq!(words("45 22 * * *", "America/New_York"), "22:45 New York");
        assert_eq!(words("0 2 * * SUN", "America/New_York"), "02:00 New York, on Sunday");
        assert_eq!(words("30 5 1 * *", "UTC"), "05:30 UTC, on day 1");
        assert_eq!(words("*/5 * * * *", "UTC"), "every 5 minutes UTC");
        assert_eq!(words("* * * * *", "UTC"), "every minute UTC");
    }

    #[test]
    fn both_days_must_match() {
        let first_sundays = Recurrence::new("0 3 1 * SUN", "UTC").unwrap();
        let dates: Vec<_> = first_sundays.between(Y2025, Y2025 + 730 * DAY).map(|t| first_sundays.local(t)).collect();
        assert_eq!(dates, ["2025-06-01 03:00", "2026-02-01 03:00", "2026-03-01 03:00", "2026-11-01 03:00"]);
    }

    #[test]
    fn every_local_day_has_one_tick_across_every_change_of_the_clocks() {
        for zone in ZONES {
            for cron in ["45 22 * * *", "30 1 * * *", "45 1 * * *", "15 2 * * *", "30 2 * * *", "0 0 * * *"] {
                let r = Recurrence::new(cron, zone).unwrap();
                let days: Vec<_> = r.between(Y2025 - DAY, Y2031).map(|t| r.local(t)[..10].to_owned()).collect();
                let mut once = days.clone();
                once.dedup();
                assert_eq!(days, once, "{cron} {zone}");
                assert!((2191..=2193).contains(&days.len()), "{cron} {zone}: {}", days.len());
            }
        }
    }

    proptest! {
        #[test]
        fn back_and_forth_agree(ts in Y2025..Y2031, zone in 0..4_usize, cron in prop::sample::select(vec![
            "45 22 * * *", "*/30 * * * *", "30 1 * * *", "30 2 * * *", "0 2 * * SUN", "0 0 1 * *", "15 1-3 * * MON-FRI",
        ])) {
            let r = Recurrence::new(cron, ZONES[zone]).unwrap();
            let tick = r.next_after(ts).unwrap();
            let before = r.last_before(tick).unwrap();
            prop_assert!(before <= ts && ts < tick);
            prop_assert_eq!(r.next_after(before), Some(tick));
            prop_assert_eq!(r.next_from(tick), Some(tick));
        }
    }
}
