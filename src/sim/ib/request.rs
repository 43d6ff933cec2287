//! What a client asks, read from either dialect.

use prost::Message;

use super::proto;
use super::wire::Dialect;

/// The fields of a contract that select an instrument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ContractKey {
    pub con_id: i32,
    pub symbol: String,
    pub sec_type: String,
    pub exchange: String,
    pub currency: String,
}

/// `reqHistoricalData` as sent; nothing is checked yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct History {
    pub id: i32,
    pub contract: ContractKey,
    pub end: String,
    pub bar_size: String,
    pub duration: String,
    pub what: String,
    pub format_date: i32,
    pub keep_up_to_date: bool,
}

/// One message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    StartApi {
        client_id: i32,
    },
    NextId,
    Accounts,
    Time,
    TimeMillis,
    Contract {
        id: i32,
        contract: ContractKey,
    },
    CancelContract,
    History(Box<History>),
    CancelHistory {
        id: i32,
    },
    Head {
        id: i32,
        contract: ContractKey,
        what: String,
        format_date: i32,
    },
    CancelHead {
        id: i32,
    },
    RealTimeBars {
        id: i32,
    },
    Positions,
    OpenOrders,
    CompletedOrders,
    AccountUpdates {
        account: String,
    },
    AccountUpdatesMulti {
        id: i32,
    },
    Executions {
        id: i32,
    },
    /// Known and without an answer.
    Silent,
    Unknown,
}

/// A message that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("message {id} cannot be read: {reason}")]
pub(super) struct Unreadable {
    pub id: i32,
    pub reason: String,
}

/// Reads one frame body; gives the message id with it.
pub(super) fn read(dialect: Dialect, body: &[u8]) -> Result<(i32, Request), Unreadable> {
    match dialect {
        Dialect::Protobuf => {
            let (head, payload) = body.split_first_chunk().ok_or_else(|| Unreadable { id: 0, reason: "shorter than its id".into() })?;
            let id = i32::from_be_bytes(*head) - 200;
            let request = protobuf(id, payload).map_err(|e| Unreadable { id, reason: e.to_string() })?;
            Ok((id, request))
        }
        Dialect::Text => {
            let fields = Fields::new(body);
            let id = fields.int(0);
            Ok((id, text(id, &fields)))
        }
    }
}

fn protobuf(id: i32, payload: &[u8]) -> Result<Request, prost::DecodeError> {
    let req_id = || proto::RequestId::decode(payload).map(|m| m.req_id.unwrap_or_default());
    Ok(match id {
        71 => Request::StartApi { client_id: proto::StartApi::decode(payload)?.client_id.unwrap_or_default() },
        8 => Request::NextId,
        17 => Request::Accounts,
        49 => Request::Time,
        105 => Request::TimeMillis,
        9 => {
            let m = proto::ContractRequest::decode(payload)?;
            Request::Contract { id: m.req_id.unwrap_or_default(), contract: m.contract.unwrap_or_default().into() }
        }
        106 => Request::CancelContract,
        20 => Request::History(Box::new(proto::HistoryRequest::decode(payload)?.into())),
        25 => Request::CancelHistory { id: req_id()? },
        87 => {
            let m = proto::HeadRequest::decode(payload)?;
            Request::Head {
                id: m.req_id.unwrap_or_default(),
                contract: m.contract.unwrap_or_default().into(),
                what: m.what_to_show.unwrap_or_default(),
                format_date: m.format_date.unwrap_or_default(),
            }
        }
        90 => Request::CancelHead { id: req_id()? },
        50 => Request::RealTimeBars { id: req_id()? },
        51 | 59 => Request::Silent,
        _ => Request::Unknown,
    })
}

impl From<proto::Contract> for ContractKey {
    fn from(c: proto::Contract) -> Self {
        Self {
            con_id: c.con_id.unwrap_or_default(),
            symbol: c.symbol.unwrap_or_default(),
            sec_type: c.sec_type.unwrap_or_default(),
            exchange: c.exchange.unwrap_or_default(),
            currency: c.currency.unwrap_or_default(),
        }
    }
}

impl From<proto::HistoryRequest> for History {
    fn from(m: proto::HistoryRequest) -> Self {
        Self {
            id: m.req_id.unwrap_or_default(),
            contract: m.contract.unwrap_or_default().into(),
            end: m.end.unwrap_or_default(),
            bar_size: m.bar_size.unwrap_or_default(),
            duration: m.duration.unwrap_or_default(),
            what: m.what_to_show.unwrap_or_default(),
            format_date: m.format_date.unwrap_or_default(),
            keep_up_to_date: m.keep_up_to_date.unwrap_or_default(),
        }
    }
}

/// NUL-terminated fields; a missing one reads as empty.
struct Fields<'a>(Vec<&'a str>);

impl<'a> Fields<'a> {
    fn new(body: &'a [u8]) -> Self {
        Self(body.split(|&b| b == 0).map(|f| std::str::from_utf8(f).unwrap_or_default()).collect())
    }

    fn str(&self, i: usize) -> &'a str {
        self.0.get(i).copied().unwrap_or_default()
    }

    fn int(&self, i: usize) -> i32 {
        self.str(i).parse().unwrap_or_default()
    }

    /// The twelve contract fields that begin at `i`.
    fn contract(&self, i: usize) -> ContractKey {
        ContractKey {
            con_id: self.int(i),
            symbol: self.str(i + 1).to_owned(),
            sec_type: self.str(i + 2).to_owned(),
            exchange: self.str(i + 7).to_owned(),
            currency: self.str(i + 9).to_owned(),
        }
    }
}

fn text(id: i32, f: &Fields) -> Request {
    match id {
        71 => Request::StartApi { client_id: f.int(2) },
        8 => Request::NextId,
        17 => Request::Accounts,
        49 => Request::Time,
        105 => Request::TimeMillis,
        9 => Request::Contract { id: f.int(2), contract: f.contract(3) },
        20 => {
            // id, request, 12 contract fields, includeExpired, then the query.
            let at = 2 + 12 + 1;
            Request::History(Box::new(History {
                id: f.int(1),
                contract: f.contract(2),
                end: f.str(at).to_owned(),
                bar_size: f.str(at + 1).to_owned(),
                duration: f.str(at + 2).to_owned(),
                what: f.str(at + 4).to_owned(),
                format_date: f.int(at + 5),
                keep_up_to_date: f.str(at + 6) == "1",
            }))
        }
        25 => Request::CancelHistory { id: f.int(2) },
        87 => Request::Head { id: f.int(1), contract: f.contract(2), what: f.str(16).to_owned(), format_date: f.int(17) },
        90 => Request::CancelHead { id: f.int(1) },
        50 => Request::RealTimeBars { id: f.int(2) },
        61 => Request::Positions,
        5 => Request::OpenOrders,
        99 => Request::CompletedOrders,
        6 => Request::AccountUpdates { account: f.str(3).to_owned() },
        76 => Request::AccountUpdatesMulti { id: f.int(2) },
        7 => Request::Executions { id: f.int(2) },
        51 | 59 | 64 | 77 => Request::Silent,
        _ => Request::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_golden_requests_of_the_real_clients() {
        // START_API of the Rust client, id 71 + 200 and clientId 100.
        let (id, request) = read(Dialect::Protobuf, &[0, 0, 1, 0x0f, 0x08, 0x64]).unwrap();
        assert_eq!((id, request), (71, Request::StartApi { client_id: 100 }));
        let (_, request) = read(Dialect::Text, b"71\x002\x00100\x00\x00").unwrap();
        assert_eq!(request, Request::StartApi { client_id: 100 });
        let body = b"20\x009\x000\x00AAPL\x00STK\x00\x000.0\x00\x00\x00SMART\x00\x00USD\x00\x00\x000\x00\x005 mins\x001 D\x001\x00TRADES\x002\x000\x00\x00";
        let (_, request) = read(Dialect::Text, body).unwrap();
        let Request::History(h) = request else { panic!("not a history request") };
        assert_eq!((h.id, h.bar_size.as_str(), h.duration.as_str(), h.what.as_str(), h.format_date), (9, "5 mins", "1 D", "TRADES", 2));
        assert_eq!((h.contract.symbol.as_str(), h.contract.exchange.as_str(), h.contract.currency.as_str()), ("AAPL", "SMART", "USD"));
    }

    #[test]
    fn garbage_is_an_error_or_unknown_never_a_panic() {
        assert!(read(Dialect::Protobuf, &[1]).is_err());
        assert!(read(Dialect::Protobuf, &[0, 0, 0, 220, 0xff]).is_err());
        assert!(matches!(read(Dialect::Protobuf, &[0x7f, 0, 0, 0]), Ok((_, Request::Unknown))));
        assert!(matches!(read(Dialect::Text, b"\xff\xfe\x00"), Ok((0, Request::Unknown))));
    }
}
