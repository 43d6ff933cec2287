//! What is known of a symbol besides its bars: the facets, and the values they hold.
//!
//! Sources give these, the master database keeps them.

use chrono::NaiveDate;

use super::Symbol;

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

/// A contract resolved by IB, kept in the database so that it is resolved once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContractId {
    /// Ticker.
    pub symbol: Symbol,
    /// IB's `conId`.
    pub con_id: i32,
}
