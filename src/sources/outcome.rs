//! What became of one request.

use std::time::Duration;

/// The details of a request that gave no data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fault {
    /// What the source said, and what it means, for people.
    pub message: String,
    /// The source's own code (IB error code, HTTP status), when there is one.
    pub code: Option<i32>,
    /// How long the source asked us to wait.
    pub retry_after: Option<Duration>,
    /// Whether the request may have asked for too much: no answer came in time, and a shorter window may get one.
    pub overlong: bool,
}

impl Fault {
    /// A fault without a code.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// A fault with the source's code.
    pub fn coded(code: i32, message: impl Into<String>) -> Self {
        Self { message: message.into(), code: Some(code), ..Self::default() }
    }
}

/// The answer to one request: data, an honest nothing, or one of six reasons for failure, each with its own policy.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<T> {
    /// The data asked for.
    Data(T),
    /// The source answered that there is nothing in this window: advance, do not retry.
    Empty(String),
    /// This account may not see this instrument here: use another source, ask again in an hour.
    NotEntitled(Fault),
    /// The source does not know the symbol. Not to be believed once: three strikes, with a canary.
    UnknownSymbol(Fault),
    /// Our request was wrong: never retry it unchanged.
    BadRequest(Fault),
    /// Too fast: slow down, then retry.
    Pacing(Fault),
    /// Network, time-out, server trouble: retry with back-off, then the other source.
    Transient(Fault),
    /// The answer could not be read: keep a sample, do not hot-retry.
    Schema(Fault),
}

impl<T> Outcome<T> {
    /// The fault, when the request failed.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Data(_) | Self::Empty(_) => None,
            Self::NotEntitled(f)
            | Self::UnknownSymbol(f)
            | Self::BadRequest(f)
            | Self::Pacing(f)
            | Self::Transient(f)
            | Self::Schema(f) => Some(f),
        }
    }

    /// A word for logs, attempts and JSON.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Data(_) => "data",
            Self::Empty(_) => "empty",
            Self::NotEntitled(_) => "not_entitled",
            Self::UnknownSymbol(_) => "unknown_symbol",
            Self::BadRequest(_) => "bad_request",
            Self::Pacing(_) => "pacing",
            Self::Transient(_) => "transient",
            Self::Schema(_) => "schema",
        }
    }

    /// Applies `f` to the data.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Self::Data(t) => Outcome::Data(f(t)),
            Self::Empty(s) => Outcome::Empty(s),
            Self::NotEntitled(x) => Outcome::NotEntitled(x),
            Self::UnknownSymbol(x) => Outcome::UnknownSymbol(x),
            Self::BadRequest(x) => Outcome::BadRequest(x),
            Self::Pacing(x) => Outcome::Pacing(x),
            Self::Transient(x) => Outcome::Transient(x),
            Self::Schema(x) => Outcome::Schema(x),
        }
    }
}
