//! What an error of the gateway, or of the connection to it, means for the request that met it.
//!
//! IB reuses codes (162 alone is "no data", "too fast", "not permitted", "logged in elsewhere" and "wrong bar type"),
//! so code and text decide together. The texts are those quoted in public threads; a text in another language falls
//! through to a transient outcome, which neither invents an empty window nor writes a symbol off.

use ibapi::Error;

use crate::sources::{Fault, Outcome};

/// The outcome of a request that ended with `error`. `what` names the request (`AAPL 1m`) in the message.
pub(super) fn classify<T>(error: &Error, what: &str) -> Outcome<T> {
    match error {
        Error::Notice(n) => notice(n.code, &n.message, what),
        Error::Timeout => Outcome::Transient(Fault::new(format!("{what}: no answer in time"))),
        Error::Io(e) => Outcome::Transient(Fault::new(format!("{what}: the connection to the gateway failed: {e}"))),
        Error::ConnectionReset | Error::ConnectionFailed | Error::Shutdown | Error::Cancelled => {
            Outcome::Transient(Fault::new(format!("{what}: the connection to the gateway was lost")))
        }
        Error::UnexpectedEndOfStream | Error::EndOfStream => {
            Outcome::Transient(Fault::new(format!("{what}: the answer ended before it was complete")))
        }
        Error::InvalidFrame(m) => {
            Outcome::Transient(Fault::new(format!("{what}: the gateway sent a frame of an impossible length ({m}); connecting anew")))
        }
        Error::ClientIdInUse { client_id } => {
            Outcome::Transient(Fault::coded(326, format!("client id {client_id} is in use by another program")))
        }
        Error::ConnectionRejected(m) => Outcome::Transient(Fault::new(format!(
            "the gateway closed the connection at once ({m}); it may not trust this address: see Configuration, API, Trusted IPs"
        ))),
        Error::ServerVersion(need, got, _) => Outcome::Transient(Fault::new(format!(
            "the gateway speaks protocol {got}, at least {need} is needed; update TWS or IB Gateway"
        ))),
        Error::InvalidArgument(m) => Outcome::BadRequest(Fault::new(format!("{what}: {m}"))),
        Error::UnsupportedTimeZone(zone) => {
            Outcome::Schema(Fault::new(format!("{what}: the gateway names a time zone nobody knows: {zone:?}")))
        }
        Error::Parse(..)
        | Error::ParseInt(_)
        | Error::ParseTime(_)
        | Error::FromUtf8(_)
        | Error::HistoricalParseError(_)
        | Error::ProtobufDecode(_)
        | Error::UnexpectedResponse(_)
        | Error::UnexpectedWireFormat(_)
        | Error::NotImplemented => Outcome::Schema(Fault::new(format!("{what}: the answer cannot be read: {}", clip(&error.to_string())))),
        other => Outcome::Transient(Fault::new(format!("{what}: {}", clip(&other.to_string())))),
    }
}

/// The outcome of a request answered with an error notice.
pub(super) fn notice<T>(code: i32, text: &str, what: &str) -> Outcome<T> {
    let low = text.to_lowercase();
    let fault = |meaning: &str| Fault::coded(code, format!("{what}: {meaning} (IB {code}: {})", clip(text)));
    if low.contains("simultaneous api historical data requests") {
        return Outcome::Pacing(fault("too many requests at once"));
    }
    match code {
        162 => historical(code, text, &low, what),
        165 => Outcome::Empty(format!("{what}: {}", clip(text))),
        100 | 101 | 420 => Outcome::Pacing(fault("too fast for the gateway")),
        200 => Outcome::UnknownSymbol(fault("IB knows no such contract, or its contract server is down")),
        354 | 10089 | 10090 | 10091 | 10186 => Outcome::NotEntitled(fault("the account has no market-data subscription for it")),
        10187 if permission(&low) => Outcome::NotEntitled(fault("the account has no market-data permission for it")),
        10197 => Outcome::NotEntitled(fault("another session of this user receives the market data")),
        321 | 10299 | 10314 => Outcome::BadRequest(fault("the gateway refused the request as malformed")),
        366 => Outcome::Transient(fault("the request had already been withdrawn")),
        326 => Outcome::Transient(fault("the client id is in use")),
        _ => Outcome::Transient(fault("the gateway reported an error")),
    }
}

fn historical<T>(code: i32, text: &str, low: &str, what: &str) -> Outcome<T> {
    let fault = |meaning: &str| Fault::coded(code, format!("{what}: {meaning} (IB {code}: {})", clip(text)));
    let has = |words: &[&str]| words.iter().any(|w| low.contains(w));
    if has(&["pacing"]) {
        Outcome::Pacing(fault("too fast for the historical data service"))
    } else if has(&["returned no data", "no data of type"]) {
        Outcome::Empty(format!("{what}: {}", clip(text)))
    } else if has(&["different ip address", "trading tws session"]) {
        Outcome::NotEntitled(fault("this user is logged in elsewhere, and that session has the market data"))
    } else if permission(low) {
        Outcome::NotEntitled(fault("the account has no market-data permission for it"))
    } else if has(&["cancelled", "canceled"]) {
        Outcome::Transient(fault("the request was withdrawn"))
    } else if has(&["no historical market data for", "invalid step"]) {
        Outcome::BadRequest(fault("these bars do not exist for this kind of contract"))
    } else {
        Outcome::Transient(fault("the historical data service failed"))
    }
}

fn permission(low: &str) -> bool {
    ["permission", "not subscribed", "subscription"].iter().any(|w| low.contains(w))
}

/// Whether the failure says that another login of the same user holds the market data.
pub(super) fn competing_login(fault: &Fault) -> bool {
    match fault.code {
        Some(10197) => true,
        Some(162) => fault.message.contains("logged in elsewhere"),
        _ => false,
    }
}

/// Gateway texts end in log lines and table cells: control characters go, length is bounded.
fn clip(text: &str) -> String {
    const MOST: usize = 200;
    let mut out: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MOST).collect();
    if text.chars().count() > MOST {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HMDS: &str = "Historical Market Data Service error message:";

    #[test]
    fn every_code_and_text_of_the_table() {
        let table: &[(i32, &str, &str)] = &[
            (162, "HMDS query returned no data: DELL@SMART Trades", "empty"),
            (162, "Historical data request pacing violation", "pacing"),
            (162, "API historical data query cancelled: 1500000003", "transient"),
            (162, "No market data permissions for ISLAND STK", "not_entitled"),
            (162, "No historical market data for EUR/CASH@FXSUBPIP Last 1d", "bad_request"),
            (162, "invalid step: 1", "bad_request"),
            (162, "Trading TWS session is connected from a different IP address", "not_entitled"),
            (162, "Ningún dato devuelto por la consulta", "transient"),
            (162, "HMDS server disconnect occurred.  Attempting reconnection...", "transient"),
            (165, "Historical data farm is connected:ushmds", "empty"),
            (200, "No security definition has been found for the request", "unknown_symbol"),
            (321, "Error validating request.-'bM' : cause - Historical data requested duration is invalid.", "bad_request"),
            (322, "Error processing request: Only 50 simultaneous API historical data requests allowed", "pacing"),
            (354, "Requested market data is not subscribed.", "not_entitled"),
            (366, "No historical data query found for ticker id:7", "transient"),
            (420, "Invalid Real-time Query: pacing", "pacing"),
            (100, "Max rate of messages per second has been exceeded", "pacing"),
            (502, "Couldn't connect to TWS", "transient"),
            (504, "Not connected", "transient"),
            (1100, "Connectivity between IB and Trader Workstation has been lost.", "transient"),
            (10187, "Failed to request historical ticks:No market data permissions", "not_entitled"),
            (10197, "No market data during competing live session", "not_entitled"),
            (10299, "Expected what to show is AGGTRADES, please use that instead of TRADES.", "bad_request"),
            (10314, "End Date/Time: The date, time, or time-zone entered is invalid.", "bad_request"),
            (99_999, "", "transient"),
        ];
        for &(code, text, kind) in table {
            let text = if code == 162 { format!("{HMDS}{text}") } else { text.to_owned() };
            let got = notice::<()>(code, &text, "AAPL 1m");
            assert_eq!(got.kind(), kind, "{code} {text}");
            if let Some(f) = got.fault() {
                assert_eq!(f.code, Some(code));
                assert!(f.message.starts_with("AAPL 1m: "), "{}", f.message);
            }
        }
    }

    #[test]
    fn errors_without_a_code() {
        let io = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let table: Vec<(Error, &str)> = vec![
            (Error::Timeout, "transient"),
            (Error::Io(io), "transient"),
            (Error::ConnectionReset, "transient"),
            (Error::ConnectionFailed, "transient"),
            (Error::Shutdown, "transient"),
            (Error::UnexpectedEndOfStream, "transient"),
            (Error::InvalidFrame("length 4294967295".into()), "transient"),
            (Error::ClientIdInUse { client_id: 100 }, "transient"),
            (Error::ConnectionRejected("early eof".into()), "transient"),
            (Error::ServerVersion(213, 178, "protobuf".into()), "transient"),
            (Error::InvalidArgument("end before start".into()), "bad_request"),
            (Error::Parse(0, "x".into(), "not a date".into()), "schema"),
            (Error::UnsupportedTimeZone("Weird/Zone".into()), "schema"),
            (Error::UnexpectedResponse("HistoricalDataEnd".into()), "schema"),
        ];
        for (error, kind) in table {
            assert_eq!(classify::<()>(&error, "AAPL 1m").kind(), kind, "{error:?}");
        }
    }

    #[test]
    fn competing_logins_are_told_from_missing_subscriptions() {
        let of = |code, text: &str| notice::<()>(code, text, "A").fault().is_some_and(competing_login);
        assert!(of(10197, "No market data during competing live session"));
        assert!(of(162, "Trading TWS session is connected from a different IP address"));
        assert!(!of(162, "No market data permissions for ISLAND STK"));
        assert!(!of(354, "Requested market data is not subscribed."));
    }

    #[test]
    fn hostile_text_is_flattened_and_bounded() {
        let out = notice::<()>(321, &format!("\u{1b}[2J{}", "x".repeat(10_000)), "A");
        let message = &out.fault().unwrap().message;
        assert!(message.len() < 400 && !message.contains('\u{1b}'), "{message}");
    }
}
