//! What an answer that brought no data means: from the crate's errors, and from status and body of our own requests.

use std::convert::Infallible;
use std::time::Duration;

use serde_json::Value;
use yahoo_finance_api::YahooError;

use super::client::{chain, strip_query};
use crate::sources::{Fault, Outcome};

/// An outcome without data.
pub(super) type Refusal = Outcome<Infallible>;

/// Why a request failed, seen from the session that sent it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Failure {
    /// A 429: the cool-down begins, lasting at least as long as Yahoo asked where it told.
    Throttled(Option<Duration>),
    /// Cookie or crumb refused: only fundamentals and metadata need them.
    Session(Fault),
    /// The answer came but its shape is not the expected one; the tolerant reading may still rescue it.
    Drift(Fault),
    /// Nothing was reached: no connection, no TLS, no answer in time.
    Unreachable(Fault),
    /// Everything else, already final.
    Final(Refusal),
}

/// Turns an outcome that cannot hold data into one that could.
pub(super) fn widen<T>(refusal: Refusal) -> Outcome<T> {
    refusal.map(|never| match never {})
}

/// How much of a body that could not be read is kept.
const SAMPLE: usize = 300;

/// The first characters of a body, for the message of a schema fault.
pub(super) fn sample(body: &str) -> String {
    let cut = body.char_indices().nth(SAMPLE).map_or(body.len(), |(i, _)| i);
    body[..cut].replace(|c: char| c.is_control(), " ")
}

/// A fault for an answer of unexpected shape.
pub(super) fn drift(what: &str, body: &str) -> Failure {
    Failure::Drift(Fault::new(format!("Yahoo's answer could not be read ({what}); it begins: {}", sample(body))))
}

/// What an error of the crate means.
pub(super) fn crate_error(error: &YahooError) -> Failure {
    match error {
        YahooError::TooManyRequests(_) => Failure::Throttled(None),
        YahooError::Unauthorized => Failure::Session(Fault::coded(401, "Yahoo refused the request (401 or 403)")),
        YahooError::InvalidCrumb | YahooError::InvalidCookie | YahooError::NoCookies | YahooError::InvisibleAsciiInCookies => {
            Failure::Session(Fault::new(format!("Yahoo gave no usable session ({error}); {COOKIE_HINT}")))
        }
        YahooError::ServerError(text) => server_trouble(status_in(text)),
        YahooError::HtmlResponse => html(),
        YahooError::EmptyResponse | YahooError::NoResponse => empty_body(),
        YahooError::ConnectionFailed(e) => transport(e),
        YahooError::ApiError(m) => api_error(None, m.code.as_deref().unwrap_or_default(), m.description.as_deref().unwrap_or_default()),
        YahooError::FetchFailed(text) if text.contains("get_cookie") || text.contains("get_crumb") => {
            Failure::Session(Fault::new(format!("Yahoo gave no session: {}; {COOKIE_HINT}", strip_query(text))))
        }
        YahooError::FetchFailed(text) if text.starts_with("404") => unknown("No data found, symbol may be delisted"),
        YahooError::FetchFailed(text) => match status_in(text) {
            Some(code) => unexpected_status(code),
            None => Failure::Final(Outcome::Transient(Fault::new(format!("Yahoo failed: {}", strip_query(text))))),
        },
        YahooError::NoResult | YahooError::NoQuotes => Failure::Final(Outcome::Empty("Yahoo has no rows in this window".into())),
        // Some of these carry up to 4,000 characters of the body.
        other => Failure::Drift(Fault::new(format!("Yahoo's answer could not be read ({})", sample(&strip_query(&other.to_string()))))),
    }
}

const COOKIE_HINT: &str = "the cookie comes from fc.yahoo.com, which ad-block lists and consent pages are known to cut off";

/// What a failed exchange of our own means.
pub(super) fn transport(error: &reqwest::Error) -> Failure {
    let text = chain(error);
    let fault = if error.is_timeout() {
        Fault::new("Yahoo did not answer in time")
    } else if text.contains("certificate") || text.contains("tls") || text.contains("TLS") {
        Fault::new(format!(
            "the TLS connection to Yahoo failed ({text}); something between here and Yahoo presents its own certificate, or the clock is wrong"
        ))
    } else if error.is_connect() {
        Fault::new(format!("Yahoo cannot be reached: {}; check the network and DNS", root(error)))
    } else {
        Fault::new(format!("the connection to Yahoo broke ({text})"))
    };
    Failure::Unreachable(fault)
}

/// The innermost cause, which is the one that tells: the outer ones repeat the address.
fn root(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// The HTTP status with which the crate's message begins.
fn status_in(text: &str) -> Option<u16> {
    text.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok())
}

fn server_trouble(status: Option<u16>) -> Failure {
    let code = status.map_or(503, i32::from);
    Failure::Final(Outcome::Transient(Fault::coded(code, format!("Yahoo's server failed ({code}), twice in a row"))))
}

fn html() -> Failure {
    Failure::Final(Outcome::Transient(Fault::new("Yahoo answered with a web page instead of data (maintenance, consent or block page)")))
}

fn empty_body() -> Failure {
    Failure::Final(Outcome::Transient(Fault::new("Yahoo answered with an empty body")))
}

fn unknown(description: &str) -> Failure {
    Failure::Final(Outcome::UnknownSymbol(Fault::coded(404, format!("Yahoo does not know this symbol: {description}"))))
}

fn unexpected_status(code: u16) -> Failure {
    Failure::Final(Outcome::Transient(Fault::coded(i32::from(code), format!("Yahoo answered with the unexpected status {code}"))))
}

/// What Yahoo's own words mean. `status` is the HTTP status where it is known.
fn api_error(status: Option<u16>, code: &str, description: &str) -> Failure {
    let says = if description.is_empty() { code } else { description };
    let fault = |text: String| Fault { code: status.map(i32::from), ..Fault::new(text) };
    if code.contains("Too Many Requests") {
        return Failure::Throttled(None);
    }
    if description.contains("Invalid Crumb") || description.contains("Invalid Cookie") || code.contains("Unauthorized") {
        return Failure::Session(fault(format!("Yahoo refused the session: {says}")));
    }
    if description.contains("Data doesn't exist") {
        return Failure::Final(Outcome::Empty(format!("Yahoo has nothing here: {description}")));
    }
    if description.contains("No fundamentals data found") {
        return Failure::Final(Outcome::Empty(format!("Yahoo has no fundamentals: {description}")));
    }
    if code.contains("Not Found") || status == Some(404) {
        return unknown(says);
    }
    if description.contains("within the last") || description.contains("worth of") || matches!(status, Some(400 | 422)) {
        return Failure::Final(Outcome::BadRequest(fault(format!("Yahoo rejects this request: {says}"))));
    }
    if code.contains("Bad Request") || code.contains("Unprocessable") {
        return Failure::Final(Outcome::BadRequest(fault(format!("Yahoo rejects this request: {says}"))));
    }
    Failure::Final(Outcome::Transient(fault(format!("Yahoo reports an error: {code}: {description}"))))
}

/// The `error` object of an answer, under whichever root Yahoo put it.
fn error_of(json: &Value) -> Option<(&str, &str)> {
    let roots = ["chart", "quoteSummary", "finance", "quoteResponse"];
    let error = roots.iter().find_map(|root| json.get(root)?.get("error")).or_else(|| json.get("error"))?;
    if error.is_null() {
        return None;
    }
    let text = |key| error.get(key).and_then(Value::as_str).unwrap_or_default();
    Some((text("code"), text("description")))
}

/// Reads an answer of our own request: its JSON, or what its absence means. An answer with both a result and an error
/// counts as an error, as in the crate.
pub(super) fn answer(status: u16, retry_after: Option<Duration>, body: &str) -> Result<Value, Failure> {
    let text = body.trim().trim_start_matches('\u{feff}');
    let is_json = text.starts_with('{') || text.starts_with('[');
    if status == 429 || (!is_json && text.to_ascii_lowercase().contains("too many requests")) {
        return Err(Failure::Throttled(retry_after));
    }
    let json = serde_json::from_str::<Value>(text);
    if let Ok(json) = &json
        && let Some((code, description)) = error_of(json)
    {
        return Err(api_error(Some(status), code, description));
    }
    match status {
        401 | 403 => return Err(Failure::Session(Fault::coded(i32::from(status), format!("Yahoo refused the request ({status})")))),
        404 => return Err(unknown("nothing at this address")),
        500..=599 => return Err(server_trouble(Some(status))),
        200..=299 => {}
        other => return Err(unexpected_status(other)),
    }
    if text.is_empty() {
        return Err(empty_body());
    }
    if text.starts_with('<') || (!is_json && text.contains("Will be right back")) {
        return Err(html());
    }
    json.map_err(|e| drift(&e.to_string(), text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(failure: &Failure) -> &'static str {
        match failure {
            Failure::Throttled(_) => "throttled",
            Failure::Session(_) => "session",
            Failure::Drift(_) => "drift",
            Failure::Unreachable(_) => "unreachable",
            Failure::Final(o) => o.kind(),
        }
    }

    #[test]
    fn statuses_and_texts_are_told_apart() {
        let of = |status, body: &str| answer(status, None, body).err().map(|f| kind(&f));
        let wall = r#"{"chart":{"result":null,"error":{"code":"Unprocessable Entity","description":"1m data not available for startTime=1 and endTime=2. The requested range must be within the last 30 days."}}}"#;
        let cases = [
            (429, "Too Many Requests\r\n", "throttled"),
            (200, "Edge: Too Many Requests", "throttled"),
            (401, r#"{"finance":{"result":null,"error":{"code":"Unauthorized","description":"Invalid Crumb"}}}"#, "session"),
            (403, "", "session"),
            (404, "", "unknown_symbol"),
            (422, wall, "bad_request"),
            (200, wall, "bad_request"),
            (500, "oops", "transient"),
            (999, "Request denied", "transient"),
            (200, "", "transient"),
            (200, "<!DOCTYPE html>", "transient"),
            (200, r#"{"chart":{"resu"#, "drift"),
            (200, r#"{"a":NaN}"#, "drift"),
        ];
        for (status, body, expected) in cases {
            assert_eq!(of(status, body), Some(expected), "{status} {body}");
        }
        assert_eq!(of(200, r#"{"chart":{"result":[],"error":null}}"#), None);
    }

    #[test]
    fn the_crates_errors_map_to_the_same_classes() {
        let of = |e: &YahooError| kind(&crate_error(e));
        assert_eq!(of(&YahooError::FetchFailed("404, request url: https://x/y?symbol=Z".into())), "unknown_symbol");
        assert_eq!(of(&YahooError::FetchFailed("404 status, GET https://x in get_crumb".into())), "session");
        assert_eq!(of(&YahooError::FetchFailed("999 status, request url: https://x".into())), "transient");
        assert_eq!(of(&YahooError::TooManyRequests(String::new())), "throttled");
        assert_eq!(of(&YahooError::DataInconsistency), "drift");
        assert_eq!(of(&YahooError::NoQuotes), "empty");
        assert_eq!(of(&YahooError::HtmlResponse), "transient");
    }

    #[test]
    fn a_sample_is_short_and_printable() {
        let s = sample(&"é\n".repeat(500));
        assert_eq!(s.chars().count(), 300);
        assert!(!s.contains('\n'));
    }
}
