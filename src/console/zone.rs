//! The time zone shown beside UTC.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

/// A zone with the short name the header shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    zone: Option<Tz>,
    label: String,
}

/// A time zone setting that names no zone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("console.time_zone: {0:?} is not an IANA time zone; write one such as Europe/Paris, or leave it empty for the machine's")]
pub struct ZoneError(pub String);

impl Zone {
    /// The zone of the setting; empty means the machine's.
    pub fn new(setting: &str) -> Result<Self, ZoneError> {
        let name = if setting.is_empty() { machine() } else { Some(setting.to_owned()) };
        let Some(name) = name else { return Ok(Self { zone: None, label: String::new() }) };
        match name.parse::<Tz>() {
            Ok(zone) => Ok(Self { zone: Some(zone), label: city(&name) }),
            Err(_) if setting.is_empty() => Ok(Self { zone: None, label: String::new() }),
            Err(_) => Err(ZoneError(setting.to_owned())),
        }
    }

    /// `15:32 Paris`; empty when the zone is UTC or unknown, because UTC is shown anyway.
    pub fn show(&self, now_ms: i64) -> String {
        let utc: DateTime<Utc> = DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
        match self.zone {
            Some(zone) if !matches!(zone, Tz::UTC | Tz::Etc__UTC) => format!("{} {}", utc.with_timezone(&zone).format("%H:%M"), self.label),
            _ => String::new(),
        }
    }
}

fn city(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).replace('_', " ")
}

/// The machine's zone by `TZ`, else by where `/etc/localtime` points.
fn machine() -> Option<String> {
    if let Some(tz) = std::env::var("TZ").ok().filter(|t| !t.is_empty()) {
        return Some(tz.trim_start_matches(':').to_owned());
    }
    let target = std::fs::read_link("/etc/localtime").ok()?;
    let path = target.to_str()?;
    path.split_once("zoneinfo/").map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_local_time_with_its_city_and_nothing_for_utc() {
        let noon = 1_795_348_800_000;
        assert_eq!(Zone::new("Europe/Paris").unwrap().show(noon), "13:00 Paris");
        assert_eq!(Zone::new("America/New_York").unwrap().show(noon), "07:00 New York");
        assert_eq!(Zone::new("UTC").unwrap().show(noon), "");
        assert!(Zone::new("Mars/Olympus").is_err());
    }
}
