//! Where market data comes from: one trait, one outcome type, and the implementations.
//!
//! `ingest` is the only caller. A source paces itself, bounds every request with a deadline, classifies every answer
//! and never panics; it knows nothing of the database.

mod backoff;
mod breaker;
pub mod file;
pub mod hybrid;
pub mod ib;
mod outcome;
mod status;
pub mod yahoo;

use async_trait::async_trait;
use chrono::NaiveDate;
use tokio::sync::watch;

pub use outcome::{Fault, Outcome};
pub use status::{BreakerState, FarmState, LinkState, SourceStatus};

use crate::market::{Actions, AssetClass, Bars, Instrument, SourceId, Symbol, Timeframe};

/// A half-open span of time, UTC seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Window {
    /// First instant wanted.
    pub start: i64,
    /// First instant not wanted.
    pub end: i64,
}

/// One request for bars: a window that fits one wire request of the source it is meant for.
#[derive(Clone, Debug, PartialEq)]
pub struct CandleRequest {
    /// What.
    pub instrument: Instrument,
    /// In which bar size.
    pub timeframe: Timeframe,
    /// For which span; the source returns no bar outside it.
    pub window: Window,
}

/// The bars of one answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fetched {
    /// Ascending, without duplicates, stamped canonically (intraday: open in UTC on session boundaries; daily and
    /// longer: midnight UTC of the bucket's first date). The forming bar, if any, is last and not final.
    pub bars: Bars,
    /// What the source said beside the bars and the user should know (dropped null bars, coarser granularity).
    pub notes: Vec<String>,
}

/// The 37 fundamental metrics, in the column order of the `fundamentals` table.
pub const METRICS: [&str; 37] = [
    "market_cap",
    "enterprise_value",
    "trailing_pe",
    "forward_pe",
    "peg_ratio",
    "price_to_book",
    "price_to_sales",
    "enterprise_to_revenue",
    "enterprise_to_ebitda",
    "profit_margin",
    "operating_margin",
    "return_on_assets",
    "return_on_equity",
    "revenue",
    "revenue_per_share",
    "quarterly_revenue_growth",
    "gross_profit",
    "ebitda",
    "net_income",
    "diluted_eps",
    "quarterly_earnings_growth",
    "total_cash",
    "total_cash_per_share",
    "total_debt",
    "debt_to_equity",
    "current_ratio",
    "book_value_per_share",
    "operating_cash_flow",
    "levered_free_cash_flow",
    "beta",
    "fifty_two_week_change",
    "short_ratio",
    "short_percent_of_float",
    "shares_short",
    "shares_outstanding",
    "dividend_yield",
    "payout_ratio",
];

/// One day's fundamentals of one symbol; `None` where the source gave no usable number.
#[derive(Clone, Debug, PartialEq)]
pub struct Fundamentals {
    /// The date they were read.
    pub date: NaiveDate,
    /// One value per entry of [`METRICS`].
    pub values: [Option<f64>; METRICS.len()],
    /// Why a metric is missing, where the source told (`peg_ratio: not in the answer`).
    pub notes: Vec<String>,
}

/// What a source knows of a symbol beyond prices. All optional: crypto has hardly any of it.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(missing_docs, reason = "the names are those of the symbol_metadata columns")]
pub struct Metadata {
    pub name: Option<String>,
    pub sector: Option<String>,
    pub industry: Option<String>,
    pub country: Option<String>,
    pub city: Option<String>,
    pub website: Option<String>,
    pub summary: Option<String>,
    pub employees: Option<i64>,
    pub exchange: Option<String>,
    pub currency: Option<String>,
    pub quote_type: Option<String>,
    pub first_trade_date: Option<NaiveDate>,
    pub time_zone: Option<String>,
    pub ib_contract_id: Option<i64>,
}

/// What can be asked of a source besides bars.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Facet {
    /// Splits and dividends.
    Actions,
    /// The 37 metrics.
    Fundamentals,
    /// Name, sector, exchange, ...
    Metadata,
}

/// A provider of market data.
#[async_trait]
pub trait Source: Send + Sync {
    /// Which one.
    fn id(&self) -> SourceId;

    /// Whether it serves bars of `timeframe` stamped on our session boundaries. (IB cuts hour bars at clock hours,
    /// not at the session's open, so it does not "serve" hours in this sense: they are derived.)
    fn serves(&self, asset: AssetClass, timeframe: Timeframe) -> bool;

    /// Whether it answers this facet at all.
    fn answers(&self, facet: Facet, asset: AssetClass) -> bool;

    /// The earliest instant it would serve `timeframe` for at `now`; `None` when there is no wall.
    fn earliest(&self, timeframe: Timeframe, now: i64) -> Option<i64>;

    /// Cuts a span into windows of one wire request each, oldest first.
    fn windows(&self, asset: AssetClass, timeframe: Timeframe, span: Window) -> Vec<Window>;

    /// Fetches one window. Cancel-safe: dropping the future withdraws the request.
    async fn candles(&self, request: &CandleRequest) -> Outcome<Fetched>;

    /// Splits and dividends with an ex-date on or after `since`.
    async fn actions(&self, instrument: &Instrument, since: NaiveDate) -> Outcome<Actions>;

    /// Today's fundamentals.
    async fn fundamentals(&self, instrument: &Instrument) -> Outcome<Fundamentals>;

    /// Name, sector, exchange and so on.
    async fn metadata(&self, instrument: &Instrument) -> Outcome<Metadata>;

    /// Asks whether the source answers at all, with the cheapest request it has.
    async fn probe(&self) -> Outcome<()>;

    /// Live state for the Sources pane.
    fn status(&self) -> watch::Receiver<SourceStatus>;

    /// Closes connections politely; later calls fail with a transient outcome.
    async fn shutdown(&self);
}

/// A contract resolved by IB, kept in the database so that it is resolved once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContractId {
    /// Ticker.
    pub symbol: Symbol,
    /// IB's `conId`.
    pub con_id: i32,
}
