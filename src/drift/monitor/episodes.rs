//! The episodes of a night: which alarms begin, go on, or have ended.

use chrono::NaiveDate;

use crate::drift::Verdict;
use crate::drift::episode::{Episode, Finding, Severity, Step, Told, step};
use crate::market::date_to_ts;
use crate::store::model::DriftEpisode;

/// What a night makes of one subject's episode.
pub struct Stepped {
    /// The episode as it stands after the night, also one that has ended in it.
    pub episode: Option<DriftEpisode>,
    /// It alarms in this night, this badly.
    pub alarm: Option<Severity>,
}

/// Takes the episode of `subject`, if one is `open`, through the night of `date`. A night that is looked at again changes nothing
/// of what it made of it, unless it has become worse.
pub fn take(open: Option<&DriftEpisode>, subject: &str, finding: Finding, (date, now): (NaiveDate, i64), hysteresis: u32) -> Stepped {
    // Nor does a night that could not judge: what it lacked may still come, and the night be looked at again.
    let worse = |e: &DriftEpisode| e.last_night == date && finding == Finding::Alarm(Severity::Critical) && e.verdict != Verdict::Critical;
    if let Some(known) = open.filter(|e| finding == Finding::Unknown || (e.last_night >= date && !worse(e))) {
        return Stepped { episode: Some(known.clone()), alarm: None };
    }
    let before = open.map(|e| Episode {
        began: date_to_ts(e.since),
        severity: severity(e.verdict),
        quiet: e.quiet_nights,
        acked: e.acked_at.is_some(),
        snoozed_until: e.snoozed_until,
    });
    let Step { episode: after, told } = step(before, finding, now, hysteresis);
    let alarm = match told {
        Some(Told::Alarm(severity)) => Some(severity),
        _ => None,
    };
    let episode = match (open, after) {
        (None, None) => None,
        (Some(open), None) => Some(DriftEpisode { last_night: date, ended: Some(date), ..open.clone() }),
        (open, Some(now)) => Some(DriftEpisode {
            episode_id: open.map_or(0, |e| e.episode_id),
            subject: subject.to_owned(),
            since: open.map_or(date, |e| e.since),
            last_night: date,
            verdict: if now.severity == Severity::Critical { Verdict::Critical } else { Verdict::Drifted },
            quiet_nights: now.quiet,
            ended: None,
            acked_at: open.and_then(|e| e.acked_at).filter(|_| now.acked),
            acked_by: open.and_then(|e| e.acked_by.clone()).filter(|_| now.acked),
            snoozed_until: now.snoozed_until,
            acted: open.is_some_and(|e| e.acted),
            challenger: open.is_some_and(|e| e.challenger),
        }),
    };
    Stepped { episode, alarm }
}

fn severity(verdict: Verdict) -> Severity {
    if verdict == Verdict::Critical { Severity::Critical } else { Severity::Drifted }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn night(n: u64) -> (NaiveDate, i64) {
        let date = NaiveDate::from_ymd_opt(2026, 11, 2).unwrap() + chrono::Days::new(n);
        (date, date_to_ts(date) + 80_000)
    }

    #[test]
    fn an_alarm_is_given_once_until_three_quiet_nights_have_passed_and_a_night_done_twice_counts_once() {
        let alarm = Finding::Alarm(Severity::Drifted);
        let first = take(None, "rsi_14", alarm, night(0), 3);
        let mut open = first.episode.unwrap();
        assert_eq!((first.alarm, open.since, open.quiet_nights, open.ended), (Some(Severity::Drifted), night(0).0, 0, None));
        let again = take(Some(&open), "rsi_14", alarm, night(0), 3);
        assert_eq!((again.alarm, again.episode.as_ref()), (None, Some(&open)), "looked at again");
        let worse = take(Some(&open), "rsi_14", Finding::Alarm(Severity::Critical), night(0), 3);
        assert_eq!(
            (worse.alarm, worse.episode.unwrap().verdict),
            (Some(Severity::Critical), Verdict::Critical),
            "mended data made it worse"
        );
        for (n, finding) in [(1, alarm), (2, Finding::Quiet), (3, Finding::Quiet), (4, Finding::Unknown)] {
            let next = take(Some(&open), "rsi_14", finding, night(n), 3);
            assert_eq!(next.alarm, None, "night {n}");
            open = next.episode.unwrap();
        }
        assert_eq!((open.quiet_nights, open.ended), (2, None));
        let last = take(Some(&open), "rsi_14", Finding::Quiet, night(5), 3);
        assert_eq!(last.episode.unwrap().ended, Some(night(5).0));
        let worse = take(Some(&open), "rsi_14", Finding::Alarm(Severity::Critical), night(5), 3);
        assert_eq!((worse.alarm, worse.episode.unwrap().verdict), (Some(Severity::Critical), Verdict::Critical));
    }
}
