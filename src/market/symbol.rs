//! A ticker symbol as a small `Copy` value, so that series keys travel without allocation.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

const MAX_LEN: usize = 15;

/// A ticker in Yahoo's spelling (`AAPL`, `BRK-B`, `BTC-USD`), 1 to 15 ASCII characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Symbol {
    // Zero padding keeps the derived order lexicographic.
    bytes: [u8; MAX_LEN],
    len: u8,
}

/// Why a text is not a symbol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SymbolError {
    /// Empty, or longer than 15 characters.
    #[error("a symbol has 1 to {MAX_LEN} characters, {0:?} has {1}")]
    Length(String, usize),
    /// A character outside `A-Z 0-9 . - ^ =`.
    #[error("{0:?} is not a symbol: {1:?} is not one of A-Z 0-9 . - ^ =")]
    Character(String, char),
}

impl Symbol {
    /// Parses a ticker, folding lower case to upper case.
    pub fn new(text: &str) -> Result<Self, SymbolError> {
        let n = text.chars().count();
        if n == 0 || n > MAX_LEN {
            return Err(SymbolError::Length(text.to_owned(), n));
        }
        let mut bytes = [0; MAX_LEN];
        for (slot, c) in bytes.iter_mut().zip(text.chars()) {
            let c = c.to_ascii_uppercase();
            if !matches!(c, 'A'..='Z' | '0'..='9' | '.' | '-' | '^' | '=') {
                return Err(SymbolError::Character(text.to_owned(), c));
            }
            *slot = c as u8;
        }
        Ok(Self { bytes, len: n as u8 })
    }

    /// The ticker's text.
    pub fn as_str(&self) -> &str {
        // `new` admits ASCII only, so the fallback is never taken.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or_default()
    }
}

impl fmt::Display for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Symbol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Symbol {
    type Err = SymbolError;
    fn from_str(s: &str) -> Result<Self, Self::Err> {
        Self::new(s)
    }
}

impl TryFrom<String> for Symbol {
    type Error = SymbolError;
    fn try_from(s: String) -> Result<Self, Self::Error> {
        Self::new(&s)
    }
}

impl From<Symbol> for String {
    fn from(s: Symbol) -> Self {
        s.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_and_orders_like_text() {
        let mut all: Vec<Symbol> = ["MSFT", "BTC-USD", "brk-b", "A", "AAPL"].iter().map(|s| Symbol::new(s).unwrap()).collect();
        all.sort();
        let texts: Vec<&str> = all.iter().map(Symbol::as_str).collect();
        assert_eq!(texts, ["A", "AAPL", "BRK-B", "BTC-USD", "MSFT"]);
    }

    #[test]
    fn refuses_what_is_no_ticker() {
        assert!(matches!(Symbol::new(""), Err(SymbolError::Length(_, 0))));
        assert!(matches!(Symbol::new("ABCDEFGHIJKLMNOP"), Err(SymbolError::Length(_, 16))));
        assert!(matches!(Symbol::new("../etc"), Err(SymbolError::Character(_, '/'))));
    }
}
