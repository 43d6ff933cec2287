//! Which backups are kept: a pure function over the times they were made at.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Utc};

/// The backups to let go of, oldest first: all but the newest of each of the last `daily` days that have one, the
/// newest of each of the last `weekly` ISO weeks that have one, and the newest of all. Days and weeks without a backup
/// do not count, so a desk that was off for a month loses nothing.
pub fn surplus(made: &[DateTime<Utc>], daily: u32, weekly: u32) -> Vec<DateTime<Utc>> {
    let mut newest_first: Vec<_> = made.to_vec();
    newest_first.sort_unstable_by(|a, b| b.cmp(a));
    newest_first.dedup();
    let mut kept: BTreeSet<DateTime<Utc>> = newest_first.first().copied().into_iter().collect();
    kept.extend(newest_of_each(&newest_first, daily, DateTime::date_naive));
    kept.extend(newest_of_each(&newest_first, weekly, DateTime::iso_week));
    newest_first.into_iter().rev().filter(|t| !kept.contains(t)).collect()
}

fn newest_of_each<'a, P: PartialEq>(
    newest_first: &'a [DateTime<Utc>],
    periods: u32,
    period: impl Fn(&DateTime<Utc>) -> P + Copy + 'a,
) -> impl Iterator<Item = DateTime<Utc>> + 'a {
    newest_first.chunk_by(move |a, b| period(a) == period(b)).take(periods as usize).filter_map(|same| same.first().copied())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ts: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(ts, 0).unwrap()
    }

    #[test]
    fn a_daily_desk_keeps_a_week_of_days_and_a_month_of_weeks() {
        // 60 nights up to Friday 2024-03-01, 02:00.
        let last = 1_709_258_400;
        let made: Vec<_> = (0..60).map(|d| at(last - d * 86_400)).collect();
        let gone = surplus(&made, 7, 4);
        let kept: Vec<_> = made.iter().filter(|t| !gone.contains(t)).map(|t| t.format("%m-%d").to_string()).collect();
        assert_eq!(kept, ["03-01", "02-29", "02-28", "02-27", "02-26", "02-25", "02-24", "02-18", "02-11"]);
        assert!(surplus(&gone[..0], 7, 4).is_empty());
        // A desk that backs up on Sundays keeps seven of them.
        let sundays: Vec<_> = (0..20).map(|w| at(last - w * 7 * 86_400)).collect();
        assert_eq!(surplus(&sundays, 7, 4).len(), 13);
    }

    proptest! {
        #[test]
        fn the_newest_survives_and_only_what_a_newer_one_replaces_goes(
            seconds in prop::collection::vec(0_i64..200 * 86_400, 0..80), daily in 0_u32..10, weekly in 0_u32..6,
        ) {
            let made: Vec<_> = seconds.into_iter().map(|s| at(1_700_000_000 + s)).collect();
            let gone = surplus(&made, daily, weekly);
            prop_assert!(gone.iter().all(|t| made.contains(t)) && gone.is_sorted());
            let kept: Vec<_> = made.iter().filter(|t| !gone.contains(t)).copied().collect();
            prop_assert_eq!(kept.iter().max(), made.iter().max());
            prop_assert!(kept.iter().collect::<BTreeSet<_>>().len() <= (daily + weekly).max(1) as usize);
            // Each of the last days keeps its newest.
            let days: BTreeSet<_> = made.iter().map(DateTime::date_naive).collect();
            for day in days.iter().rev().take(daily as usize) {
                let best = made.iter().filter(|t| t.date_naive() == *day).max();
                prop_assert!(best.is_some_and(|t| kept.contains(t)));
            }
            // What is left is not touched again.
            prop_assert!(surplus(&kept, daily, weekly).is_empty());
        }
    }
}
