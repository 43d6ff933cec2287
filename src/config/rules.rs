//! Rules that types and ranges cannot say: those between keys, and those about the world.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use super::problem::{Place, Problem};
use super::{ScheduleSettings, Settings};
use crate::market::{Recurrence, Timeframe};
use crate::store::scheduler::Job;

/// Checks all rules. `places` has the place of each key that a user has set; rules about a `bad` key are left out.
pub(super) fn check(s: &Settings, places: &BTreeMap<String, Place>, bad: &BTreeSet<String>) -> Vec<Problem> {
    let mut found = Vec::new();
    let mut report = |keys: &[&str], title: String, label: &str, accepted: &str| {
        if keys.iter().any(|k| bad.contains(*k)) {
            return;
        }
        let place = keys.iter().find_map(|k| places.get(*k)).cloned().unwrap_or(Place::Unknown);
        found.push(Problem::new(place, title, label).accepted(accepted));
    };
    if s.ib.in_flight_start > s.ib.in_flight_max {
        let title = format!("`ib.in_flight_start` ({}) is more than `ib.in_flight_max` ({})", s.ib.in_flight_start, s.ib.in_flight_max);
        report(&["ib.in_flight_start", "ib.in_flight_max"], title, "these two disagree", "a start that is at most the maximum");
    }
    if let Some(reason) = s.yahoo.loopback.as_deref().and_then(not_loopback) {
        let title = "`yahoo.loopback` must be an address of this machine".to_owned();
        report(&["yahoo.loopback"], title, reason, "127.0.0.1:PORT or [::1]:PORT");
    }
    if s.yahoo.loopback_ca.is_some() && s.yahoo.loopback.is_none() {
        let title = "`yahoo.loopback_ca` is set, but `yahoo.loopback` is not".to_owned();
        report(&["yahoo.loopback_ca", "yahoo.loopback"], title, "has no effect alone", "both keys, or neither");
    }
    let zone = s.console.time_zone.as_str();
    if !zone.is_empty() && zone.parse::<chrono_tz::Tz>().is_err() {
        let title = format!("`console.time_zone`: {zone:?} is not a time zone");
        report(&["console.time_zone"], title, "unknown zone", "an IANA name such as \"Europe/Zurich\", or \"\" for the machine's own");
    }
    schedule(&s.schedule, &mut report);
    if let Err(reason) = s.alerts.address() {
        let title = "`alerts.webhook` cannot be used".to_owned();
        report(&["alerts.webhook"], title, reason, "an https:// address, or http:// on 127.0.0.1, [::1] or localhost");
    }
    if let Err(name) = s.alerts.headers() {
        // Reported without its place: the line holds a secret.
        let title = format!("`alerts.webhook_headers` has an entry {name:?} that HTTP does not allow");
        report(&["alerts.webhook_headers"], title, "not a header", "a header's name, and a value of visible ASCII characters");
    }
    let missing: Vec<&str> = underivable(&s.ingest.native).map(Timeframe::name).collect();
    if !missing.is_empty() {
        let title = format!("`ingest.native` leaves {} out of reach: nothing fetched adds up to it", missing.join(", "));
        report(&["ingest.native"], title, "not enough", "a list that holds at least \"1m\" and \"1d\"");
    }
    for t in s.ingest.native.iter().filter(|t| !s.ingest.history.contains_key(t)) {
        let title = format!("`ingest.history` does not say how far back {t} goes");
        let entry = format!("ingest.history.{t}");
        report(
            &["ingest.native", &entry],
            title,
            "a fetched timeframe needs a history",
            &format!("an entry such as {t} = \"30d\" under [ingest.history]"),
        );
    }
    for t in s.ingest.history.keys().filter(|t| !s.ingest.native.contains(t)) {
        let title = format!("`ingest.history` has {t}, which is not fetched but derived");
        let entry = format!("ingest.history.{t}");
        report(&[&entry, "ingest.native"], title, "has no effect", "histories of the timeframes in `ingest.native` only");
    }
    found
}

/// Zones that exist, expressions that some time matches, and needs without a circle.
fn schedule(s: &ScheduleSettings, report: &mut impl FnMut(&[&str], String, &str, &str)) {
    for job in Job::ALL {
        let own = !s.job(job).zone.is_empty();
        let key = if own { format!("schedule.{job}.zone") } else { "schedule.zone".to_owned() };
        let zone = s.zone_of(job);
        if zone.parse::<chrono_tz::Tz>().is_err() && (own || job == Job::Ingest) {
            report(&[&key], format!("`{key}`: {zone:?} is not a time zone"), "unknown zone", "an IANA name such as \"America/New_York\"");
        }
        if let Err(reason) = Recurrence::new(&s.job(job).cron, "UTC") {
            let key = format!("schedule.{job}.cron");
            let accepted = "such as \"45 22 * * *\": a quarter to eleven at night, every day";
            report(&[&key], format!("`{key}`: {reason}"), "not a schedule", accepted);
        }
        if reaches(s, job, job, &mut Vec::new()) {
            let key = format!("schedule.{job}.{}", if s.job(job).needs.is_empty() { "after" } else { "needs" });
            report(
                &[&key],
                format!("`{key}`: {job} would wait for itself"),
                "a circle",
                "jobs that do not wait for this one, directly or not",
            );
        }
    }
}

fn reaches(s: &ScheduleSettings, from: Job, to: Job, seen: &mut Vec<Job>) -> bool {
    let rule = s.job(from);
    rule.needs.iter().chain(&rule.after).any(|need| {
        *need == to || {
            let new = !seen.contains(need);
            seen.push(*need);
            new && reaches(s, *need, to, seen)
        }
    })
}

fn underivable(native: &[Timeframe]) -> impl Iterator<Item = Timeframe> {
    Timeframe::ALL.into_iter().filter(|t| !native.contains(t) && t.coarsest_base(native).is_none())
}

fn not_loopback(address: &str) -> Option<&'static str> {
    match address.parse::<SocketAddr>() {
        Err(_) => Some("not an address and a port"),
        Ok(a) if !a.ip().is_loopback() => Some("not a loopback address"),
        Ok(a) if a.port() == 0 => Some("port 0 is no port"),
        Ok(_) => None,
    }
}
