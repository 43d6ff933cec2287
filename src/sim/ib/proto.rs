//! The protobuf messages of server versions 213 to 226 that the simulator needs, with the tags of IB's own schema.
//!
//! Every field is optional on the wire (proto3 `optional`), and presence matters: an absent string is not an empty one.

use std::collections::HashMap;

use prost::Message;

#[derive(Clone, PartialEq, Message)]
pub(super) struct StartApi {
    #[prost(int32, optional, tag = "1")]
    pub client_id: Option<i32>,
}

/// Any message that holds a request id and nothing else we use.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct RequestId {
    #[prost(int32, optional, tag = "1")]
    pub req_id: Option<i32>,
}

/// `ManagedAccounts`.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Text {
    #[prost(string, optional, tag = "1")]
    pub text: Option<String>,
}

/// `CurrentTime` and `CurrentTimeInMillis`.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
pub(super) struct Long {
    #[prost(int64, optional, tag = "1")]
    pub value: Option<i64>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ErrorMessage {
    #[prost(int32, optional, tag = "1")]
    pub id: Option<i32>,
    #[prost(int64, optional, tag = "2")]
    pub time_ms: Option<i64>,
    #[prost(int32, optional, tag = "3")]
    pub code: Option<i32>,
    #[prost(string, optional, tag = "4")]
    pub text: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Contract {
    #[prost(int32, optional, tag = "1")]
    pub con_id: Option<i32>,
    #[prost(string, optional, tag = "2")]
    pub symbol: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub sec_type: Option<String>,
    #[prost(string, optional, tag = "8")]
    pub exchange: Option<String>,
    #[prost(string, optional, tag = "9")]
    pub primary_exchange: Option<String>,
    #[prost(string, optional, tag = "10")]
    pub currency: Option<String>,
    #[prost(string, optional, tag = "11")]
    pub local_symbol: Option<String>,
    #[prost(string, optional, tag = "12")]
    pub trading_class: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ContractRequest {
    #[prost(int32, optional, tag = "1")]
    pub req_id: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub contract: Option<Contract>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContractDetails {
    #[prost(string, optional, tag = "1")]
    pub market_name: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub min_tick: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub order_types: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub valid_exchanges: Option<String>,
    #[prost(int32, optional, tag = "5")]
    pub price_magnifier: Option<i32>,
    #[prost(string, optional, tag = "7")]
    pub long_name: Option<String>,
    #[prost(string, optional, tag = "9")]
    pub industry: Option<String>,
    #[prost(string, optional, tag = "10")]
    pub category: Option<String>,
    #[prost(string, optional, tag = "12")]
    pub time_zone_id: Option<String>,
    #[prost(string, optional, tag = "13")]
    pub trading_hours: Option<String>,
    #[prost(string, optional, tag = "14")]
    pub liquid_hours: Option<String>,
    #[prost(int32, optional, tag = "18")]
    pub agg_group: Option<i32>,
    #[prost(string, optional, tag = "21")]
    pub market_rule_ids: Option<String>,
    #[prost(string, optional, tag = "23")]
    pub stock_type: Option<String>,
    #[prost(string, optional, tag = "24")]
    pub min_size: Option<String>,
    #[prost(string, optional, tag = "25")]
    pub size_increment: Option<String>,
    #[prost(string, optional, tag = "26")]
    pub suggested_size_increment: Option<String>,
}

#[derive(Clone, PartialEq, Message)]
pub(super) struct ContractAnswer {
    #[prost(int32, optional, tag = "1")]
    pub req_id: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub contract: Option<Contract>,
    #[prost(message, optional, tag = "3")]
    pub details: Option<ContractDetails>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct HistoryRequest {
    #[prost(int32, optional, tag = "1")]
    pub req_id: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub contract: Option<Contract>,
    #[prost(string, optional, tag = "3")]
    pub end: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub bar_size: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub duration: Option<String>,
    /// Makes no difference: the simulated market has no bars outside its sessions.
    #[prost(bool, optional, tag = "6")]
    pub use_rth: Option<bool>,
    #[prost(string, optional, tag = "7")]
    pub what_to_show: Option<String>,
    #[prost(int32, optional, tag = "8")]
    pub format_date: Option<i32>,
    #[prost(bool, optional, tag = "9")]
    pub keep_up_to_date: Option<bool>,
    #[prost(map = "string, string", tag = "10")]
    pub chart_options: HashMap<String, String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct HeadRequest {
    #[prost(int32, optional, tag = "1")]
    pub req_id: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub contract: Option<Contract>,
    #[prost(string, optional, tag = "4")]
    pub what_to_show: Option<String>,
    #[prost(int32, optional, tag = "5")]
    pub format_date: Option<i32>,
}

/// `HeadTimestamp`.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct IdText {
    #[prost(int32, optional, tag = "1")]
    pub req_id: Option<i32>,
    #[prost(string, optional, tag = "2")]
    pub text: Option<String>,
}

/// `HistoricalDataEnd`.
#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct HistoryEnd {
    #[prost(int32, optional, tag = "1")]
    pub req_id: Option<i32>,
    #[prost(string, optional, tag = "2")]
    pub start: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub end: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct ScheduleSession {
    #[prost(string, optional, tag = "1")]
    pub start: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub end: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub reference: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Message)]
pub(super) struct Schedule {
    #[prost(int32, optional, tag = "1")]
    pub req_id: Option<i32>,
    #[prost(string, optional, tag = "2")]
    pub start: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub end: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub time_zone: Option<String>,
    #[prost(message, repeated, tag = "5")]
    pub sessions: Vec<ScheduleSession>,
}
