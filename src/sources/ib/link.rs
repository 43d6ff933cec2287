//! The health of what lies behind the gateway: IB's own link and its data farms, followed from the notices.

use std::collections::BTreeMap;

use crate::sources::FarmState;

/// A gateway has a handful of farms; a peer that invents names must not grow the table without end.
const MOST_FARMS: usize = 64;

/// What a notice asks of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Nothing of the link: a note for the log.
    None,
    /// The picture changed.
    Changed,
    /// The gateway says that we send too fast (100); three strikes end the session.
    TooFast,
    /// The gateway is about to drop this connection (1300).
    Ending,
}

/// Why the source is degraded although the gateway answers, by what was last said of each part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LinkHealth {
    /// 1100 or 2110 is in force: the gateway lost IB's servers.
    upstream: Option<&'static str>,
    farms: BTreeMap<String, (Kind, FarmState)>,
    silent: bool,
    competing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Historical,
    Market,
    Definitions,
}

impl LinkHealth {
    /// Takes in one notice without a request.
    pub(super) fn notice(&mut self, code: i32, text: &str) -> Effect {
        let before = self.clone();
        match code {
            100 => return Effect::TooFast,
            1300 => return Effect::Ending,
            1100 => self.upstream = Some("the gateway lost its link to IB's servers"),
            2110 => self.upstream = Some("TWS lost its link to IB's servers"),
            1101 | 1102 => self.upstream = None,
            2103..=2108 | 2119 | 2157 | 2158 => self.farm(code, text),
            _ => return Effect::None,
        }
        if *self == before { Effect::None } else { Effect::Changed }
    }

    fn farm(&mut self, code: i32, text: &str) {
        let state = match code {
            2104 | 2106 | 2158 => FarmState::Ok,
            2107 | 2108 => FarmState::Inactive,
            2119 => FarmState::Connecting,
            _ => FarmState::Broken,
        };
        let kind = match code {
            2105..=2107 => Kind::Historical,
            2157 | 2158 => Kind::Definitions,
            _ => Kind::Market,
        };
        // A farm that answers proves that the link which 2110 reported is back.
        if state == FarmState::Ok && self.upstream.is_some_and(|u| u.starts_with("TWS")) {
            self.upstream = None;
        }
        let name = farm_name(text);
        if self.farms.len() < MOST_FARMS || self.farms.contains_key(&name) {
            self.farms.insert(name, (kind, state));
        }
    }

    /// The historical service stopped answering although the gateway does, or answers again.
    pub(super) fn set_silent(&mut self, silent: bool) -> bool {
        std::mem::replace(&mut self.silent, silent) != silent
    }

    /// Another login of this user holds the market data, or no longer.
    pub(super) fn set_competing(&mut self, competing: bool) -> bool {
        std::mem::replace(&mut self.competing, competing) != competing
    }

    /// What is wrong, the gravest first; `None` when all is well.
    pub(super) fn degraded(&self) -> Option<String> {
        if let Some(why) = self.upstream {
            return Some(why.to_owned());
        }
        if self.silent {
            return Some("historical data farm silent".to_owned());
        }
        for (kind, label) in
            [(Kind::Historical, "historical data farm"), (Kind::Definitions, "contract farm"), (Kind::Market, "market data farm")]
        {
            let broken = self.farms.iter().find(|(_, (k, s))| *k == kind && *s == FarmState::Broken);
            if let Some((name, _)) = broken {
                return Some(format!("{label} {name} broken"));
            }
        }
        self.competing.then(|| "another login of this user has the market data".to_owned())
    }

    /// Farms by name.
    pub(super) fn farms(&self) -> Vec<(String, FarmState)> {
        self.farms.iter().map(|(name, (_, state))| (name.clone(), *state)).collect()
    }
}

/// The farm's name ends the text, after a colon (2104) or, in older gateways, after a full stop (2108).
fn farm_name(text: &str) -> String {
    let tail = text.rsplit([':', '.']).map(str::trim).find(|s| !s.is_empty()).unwrap_or("farm");
    tail.chars().filter(|c| !c.is_control()).take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_text() {
        assert_eq!(farm_name("Market data farm connection is OK:usfarm"), "usfarm");
        assert_eq!(farm_name("Market data farm connection is inactive but should be available upon demand.usfarm"), "usfarm");
        assert_eq!(farm_name("HMDS data farm connection is broken: ushmds "), "ushmds");
        assert_eq!(farm_name(""), "farm");
    }

    #[test]
    fn a_night_at_the_gateway() {
        let mut l = LinkHealth::default();
        assert_eq!(l.notice(2104, "Market data farm connection is OK:usfarm"), Effect::Changed);
        assert_eq!(l.notice(2106, "HMDS data farm connection is OK:ushmds"), Effect::Changed);
        assert_eq!(l.notice(2106, "HMDS data farm connection is OK:ushmds"), Effect::None);
        assert_eq!(l.degraded(), None);

        l.notice(2105, "HMDS data farm connection is broken:ushmds");
        assert_eq!(l.degraded().as_deref(), Some("historical data farm ushmds broken"));
        l.notice(1100, "Connectivity between IB and Trader Workstation has been lost.");
        assert_eq!(l.degraded().as_deref(), Some("the gateway lost its link to IB's servers"));
        l.notice(2106, "HMDS data farm connection is OK:ushmds");
        assert!(l.degraded().is_some(), "a farm does not undo 1100");
        assert_eq!(l.notice(1102, "Connectivity between IB and TWS has been restored- data maintained."), Effect::Changed);
        assert_eq!(l.degraded(), None);

        l.notice(2107, "HMDS data farm connection is inactive but should be available upon demand.ushmds");
        assert_eq!(l.degraded(), None, "an idle farm is healthy");
        assert!(l.farms().contains(&("ushmds".into(), FarmState::Inactive)));
    }

    #[test]
    fn tws_link_returns_with_its_farms() {
        let mut l = LinkHealth::default();
        l.notice(2110, "Connectivity between Trader Workstation and server is broken. It will be restored automatically.");
        assert!(l.degraded().is_some());
        l.notice(2104, "Market data farm connection is OK:usfarm");
        assert_eq!(l.degraded(), None);
    }

    #[test]
    fn endings_and_strikes() {
        let mut l = LinkHealth::default();
        assert_eq!(l.notice(1300, "TWS socket port has been reset and this connection is being dropped."), Effect::Ending);
        assert_eq!(l.notice(100, "Max rate of messages per second has been exceeded"), Effect::TooFast);
        assert_eq!(l.notice(-5, "unknown message type"), Effect::None);
    }

    #[test]
    fn invented_farms_are_bounded() {
        let mut l = LinkHealth::default();
        for k in 0..10_000 {
            l.notice(2104, &format!("Market data farm connection is OK:f{k}"));
        }
        assert_eq!(l.farms().len(), 64);
    }
}
