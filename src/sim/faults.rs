//! Faults by name, for `nightdesk sim ... --fault NAME` and the tests.
//!
//! A fault is written `name`, `name:SYMBOL`, `name*3` or `name:SYMBOL*3`: what goes wrong, for which symbol only, and
//! how often before it is used up. Each simulator asks [`Faults::strike`] at the place where the fault belongs.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use strum::{Display, EnumIter, EnumMessage, EnumString, IntoEnumIterator, IntoStaticStr};

use crate::market::Symbol;

/// What can go wrong; `nightdesk sim --list-faults` prints these descriptions. The text is the name in kebab case, except where Yahoo's own status is the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Display, EnumString, EnumIter, EnumMessage, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum FaultName {
    /// IB: the connection is closed as soon as it is accepted.
    CloseAfterAccept,
    /// IB: the connection is accepted and nothing is ever said (a login screen is open).
    AcceptSilent,
    /// IB: error 326, the client id is taken, then close.
    ClientIdInUse,
    /// IB: the connection is cut in the middle of a bars frame.
    AbortMidFrame,
    /// IB: a frame shorter than its length says, then an orderly close.
    TruncatedFrame,
    /// IB: a frame that announces more than 16 MiB.
    OversizeFrame,
    /// IB: a frame with a message id nobody knows, before the answer.
    UnknownFrame,
    /// IB: the bars come, their end marker does not.
    NoEndMarker,
    /// IB: a request is never answered.
    Hang,
    /// IB: the answer arrives in single bytes.
    SlowDrip,
    /// IB: error 162, pacing violation.
    Pacing,
    /// IB: error 162, no market data permissions.
    NoPermission,
    /// IB: error 162, the query returned no data.
    NoData,
    /// IB: error 200 for a symbol that exists.
    #[strum(serialize = "spurious-200")]
    Spurious200,
    /// IB: error 10197, a competing live session.
    CompetingLogin,
    /// IB: 1100, and 1102 a while later; requests in between stay unanswered.
    LinkDown,
    /// IB: 1300, then every connection is closed.
    Restart,
    /// IB: notice 2105, and requests for history stay unanswered while it lasts.
    HmdsDown,
    /// IB: an unknown time zone in the end marker.
    UnknownZone,
    /// IB: no time zone in the end marker.
    ZonelessEnd,
    /// IB: every bar twice.
    DuplicateBars,
    /// IB: bars in no order.
    OutOfOrderBars,
    /// IB: volumes that are not a number.
    NanVolume,
    /// IB: an answer without bars.
    Empty,
    /// Yahoo: status 429 without Retry-After.
    #[strum(serialize = "429")]
    TooMany,
    /// Yahoo: status 429 with Retry-After.
    #[strum(serialize = "429-retry-after")]
    TooManyRetryAfter,
    /// Yahoo: status 401, invalid crumb.
    #[strum(serialize = "401-crumb")]
    BadCrumb,
    /// Yahoo: status 403.
    #[strum(serialize = "403")]
    Forbidden,
    /// Yahoo: status 503.
    #[strum(serialize = "5xx")]
    ServerError,
    /// Yahoo: an HTML page with status 200.
    Html,
    /// Yahoo: status 200 and no body.
    EmptyBody,
    /// Yahoo: a body cut off in the middle.
    Truncated,
    /// Yahoo: an answer that takes longer than any deadline.
    Slow,
    /// Yahoo: the connection is reset.
    Reset,
    /// Yahoo: nulls in some price columns.
    NullOhlc,
    /// Yahoo: a bar of nulls only.
    NullBar,
    /// Yahoo: volumes of zero.
    ZeroVolume,
    /// Yahoo: some prices a hundred times too high.
    #[strum(serialize = "x100")]
    Hundredfold,
    /// Yahoo: volumes written with a decimal point.
    FloatVolume,
    /// Yahoo: a chart without the fields of its meta block.
    MissingMeta,
    /// Yahoo: status 404, delisted.
    #[strum(serialize = "404-delisted")]
    Delisted,
    /// Yahoo: status 422, the window is outside the look-back limit.
    #[strum(serialize = "422-window")]
    WindowRefused,
    /// Both: a 4:1 split goes ex on the next session.
    SplitTonight,
    /// Yahoo: a certificate of an authority nobody trusts.
    BadTls,
}

/// A text that names no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// The name is unknown.
    #[error("{0:?} is not a fault; the names are: {names}", names = FaultName::names().join(" "))]
    Name(String),
    /// What follows the colon is not a symbol.
    #[error("{text:?}: {reason}; write name:SYMBOL")]
    Symbol {
        /// The whole text.
        text: String,
        /// Why.
        reason: String,
    },
    /// What follows the star is not a count.
    #[error("{0:?}: a count is a whole number from 1, such as name*3")]
    Count(String),
}

impl FaultName {
    /// All names, in the order of the documentation.
    pub fn names() -> Vec<&'static str> {
        Self::iter().map(Into::into).collect()
    }
}

/// A fault with its scope and its count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub name: FaultName,
    /// For this symbol only.
    pub symbol: Option<Symbol>,
    /// How many times; `None` = until cleared.
    pub count: Option<u32>,
}

impl Fault {
    /// A fault for every symbol, until cleared.
    pub const fn new(name: FaultName) -> Self {
        Self { name, symbol: None, count: None }
    }

    /// The same fault for one symbol.
    #[must_use]
    pub const fn on(self, symbol: Symbol) -> Self {
        Self { symbol: Some(symbol), ..self }
    }

    /// The same fault, `n` times.
    #[must_use]
    pub const fn times(self, n: u32) -> Self {
        Self { count: Some(n), ..self }
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (head, count) = match text.split_once('*') {
            Some((head, n)) => (head, Some(n.parse().ok().filter(|&n: &u32| n > 0).ok_or_else(|| FaultError::Count(text.to_owned()))?)),
            None => (text, None),
        };
        let (name, symbol) = match head.split_once(':') {
            Some((name, symbol)) => {
                let symbol = Symbol::new(symbol).map_err(|e| FaultError::Symbol { text: text.to_owned(), reason: e.to_string() })?;
                (name, Some(symbol))
            }
            None => (head, None),
        };
        let name = name.parse().map_err(|_| FaultError::Name(name.to_owned()))?;
        Ok(Self { name, symbol, count })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if let Some(symbol) = self.symbol {
            write!(f, ":{symbol}")?;
        }
        if let Some(count) = self.count {
            write!(f, "*{count}")?;
        }
        Ok(())
    }
}

/// The faults in force in one simulator; they can be added and cleared while it runs.
#[derive(Debug, Default)]
pub struct Faults {
    list: Mutex<Vec<Fault>>,
}

impl Faults {
    /// Faults in force from the start.
    pub fn new(list: Vec<Fault>) -> Self {
        Self { list: Mutex::new(list) }
    }

    /// Adds one.
    pub fn inject(&self, fault: Fault) {
        self.lock().push(fault);
    }

    /// Clears all.
    pub fn clear(&self) {
        self.lock().clear();
    }

    /// Whether `name` strikes here and now; a counted fault loses one.
    pub fn strike(&self, name: FaultName, symbol: Option<Symbol>) -> bool {
        let mut list = self.lock();
        let hit = list.iter().position(|f| f.name == name && f.count != Some(0) && (f.symbol.is_none() || f.symbol == symbol));
        if let Some(count) = hit.and_then(|i| list[i].count.as_mut()) {
            *count -= 1;
        }
        list.retain(|f| f.count != Some(0));
        hit.is_some()
    }

    /// Whether `name` is in force for `symbol`, without using it up.
    pub fn pending(&self, name: FaultName, symbol: Option<Symbol>) -> bool {
        self.lock().iter().any(|f| f.name == name && (f.symbol.is_none() || f.symbol == symbol))
    }

    /// What is in force.
    pub fn list(&self) -> Vec<Fault> {
        self.lock().clone()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fault>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_parses_back() {
        for name in FaultName::iter() {
            let text = name.to_string();
            assert_eq!(text.parse::<Fault>().unwrap(), Fault::new(name), "{text}");
        }
        assert_eq!("spurious-200".parse::<Fault>().unwrap().name, FaultName::Spurious200);
        assert_eq!("429".parse::<Fault>().unwrap().name, FaultName::TooMany);
    }

    #[test]
    fn scope_and_count() {
        let fault: Fault = "hang:BTC-USD*3".parse().unwrap();
        assert_eq!(fault, Fault::new(FaultName::Hang).on(Symbol::new("BTC-USD").unwrap()).times(3));
        assert_eq!(fault.to_string(), "hang:BTC-USD*3");
        assert!(matches!("hung".parse::<Fault>(), Err(FaultError::Name(_))));
        assert!(matches!("hang*0".parse::<Fault>(), Err(FaultError::Count(_))));
        assert!(matches!("hang:a/b".parse::<Fault>(), Err(FaultError::Symbol { .. })));
        assert!("hung".parse::<Fault>().unwrap_err().to_string().contains("close-after-accept"));
    }

    #[test]
    fn a_counted_fault_is_used_up_by_its_own_symbol() {
        let (a, b) = (Symbol::new("A").unwrap(), Symbol::new("B").unwrap());
        let faults = Faults::new(vec![Fault::new(FaultName::Hang).on(a).times(2)]);
        assert!(!faults.strike(FaultName::Hang, Some(b)));
        assert!(faults.pending(FaultName::Hang, Some(a)));
        assert!(faults.strike(FaultName::Hang, Some(a)));
        assert!(faults.strike(FaultName::Hang, Some(a)));
        assert!(!faults.strike(FaultName::Hang, Some(a)));
        assert!(faults.list().is_empty());
    }
}
