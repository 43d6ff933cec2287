//! The whole reading of one answer without a network: status and body in, outcome out.
//!
//! For recorded payloads and for diagnosis: the same functions that live answers go through, the crate's types first
//! and the tolerant reading second.

use chrono::NaiveDate;
use serde_json::Value;
use yahoo_finance_api::{YQuoteSummary, YResponse};

use super::chart::Chart;
use super::classify::{Failure, Refusal, answer, widen};
use super::exchange::untyped;
use super::summary::Summary;
use super::{Actions, CandleRequest, Fault, Fetched, Fundamentals, Instrument, Metadata, Outcome, bars};
use crate::market::Symbol;

/// What a failure is when there is nobody left to ask.
fn last_word(failure: Failure) -> Refusal {
    match failure {
        Failure::Throttled(retry_after) => {
            Outcome::Pacing(Fault { retry_after, ..Fault::coded(429, "Yahoo answered 429 (too many requests)") })
        }
        Failure::Drift(fault) => Outcome::Schema(fault),
        Failure::Session(fault) | Failure::Unreachable(fault) => Outcome::Transient(fault),
        Failure::Final(refusal) => refusal,
    }
}

fn chart(status: u16, body: &str) -> Result<Chart, Refusal> {
    let json = answer(status, None, body).map_err(last_word)?;
    YResponse::from_json(json.clone()).ok().map_or_else(|| Chart::read(&json), |typed| untyped(&typed)).map_err(last_word)
}

/// Reads a chart answer as the bars that `request` asked for, judged at `now` (UTC seconds).
pub fn read_chart(status: u16, body: &str, request: &CandleRequest, now: i64) -> Outcome<Fetched> {
    match chart(status, body) {
        Ok(chart) => bars::bars(&chart, request, now),
        Err(refusal) => widen(refusal),
    }
}

/// Reads the splits and dividends of a chart answer about `asked` with an ex-date on or after `since`.
pub fn read_chart_actions(status: u16, body: &str, asked: Symbol, since: NaiveDate) -> Outcome<Actions> {
    match chart(status, body) {
        Ok(chart) => bars::actions(&chart, asked, since),
        Err(refusal) => widen(refusal),
    }
}

/// Reads a quoteSummary answer as fundamentals of `date` and metadata.
pub fn read_summary(status: u16, body: &str, instrument: &Instrument, date: NaiveDate) -> Outcome<(Fundamentals, Metadata)> {
    match answer(status, None, body).and_then(|json| summary(&json)).map_err(last_word) {
        Ok(summary) => Outcome::Data((summary.fundamentals(instrument.asset, date, Vec::new()), summary.metadata())),
        Err(refusal) => widen(refusal),
    }
}

/// The typed reading, completed by the tolerant one, as live answers are.
fn summary(json: &Value) -> Result<Summary, Failure> {
    let tolerant = Summary::read(json)?;
    let typed = YQuoteSummary::from_json(json.clone()).ok().and_then(|t| serde_json::to_value(&t).ok());
    let Some(Ok(mut summary)) = typed.map(|t| Summary::read(&t)) else { return Ok(tolerant) };
    summary.fill_from(&tolerant);
    Ok(summary)
}
