//! Which answer a request gets: faults first, recorded answers second, then the route's own.

use crate::market::{Split, Symbol};
use crate::sim::FaultName;

use super::http::{Ending, Request, Response};
use super::{World, chart, errors, hold, summary};

/// Seconds in the `Retry-After` of the fault `429-retry-after`.
const RETRY_AFTER_S: &str = "90";

const CHART: &str = "/v8/finance/chart/";
const SUMMARY: &str = "/v10/finance/quoteSummary/";
const TIMESERIES: &str = "/ws/fundamentals-timeseries/v1/finance/timeseries/";

/// Answers one request.
pub(super) fn answer(world: &World, request: &Request) -> Response {
    // Yahoo answers this to any client without a user agent, whatever its rate.
    if request.header("user-agent").is_none_or(str::is_empty) {
        return errors::throttled();
    }
    let symbol = symbol_of(&request.path);
    announce_split(world, symbol);
    if let Some(refusal) = refused(world, symbol) {
        return refusal;
    }
    let recorded = hold(&world.recorded).get(&request.path).cloned();
    let response = match recorded {
        Some(r) => Response::text(r.status, "application/json;charset=utf-8", r.body),
        None => route(world, request),
    };
    spoil(world, symbol, response)
}

fn route(world: &World, request: &Request) -> Response {
    let path = request.path.as_str();
    match (request.host(), path) {
        ("fc.yahoo.com", _) => summary::cookie(world),
        (_, "/v1/test/getcrumb") => summary::crumb(world, request),
        (_, "/v1/finance/search") => summary::search(world, request),
        (_, "/v7/finance/quote") => summary::quotes(world, request),
        _ if path.starts_with(CHART) => chart::answer(world, request, &path[CHART.len()..]),
        _ if path.starts_with(SUMMARY) => summary::answer(world, request, &path[SUMMARY.len()..]),
        _ if path.starts_with(TIMESERIES) => summary::timeseries(),
        _ => errors::not_found(),
    }
}

fn symbol_of(path: &str) -> Option<Symbol> {
    let text = [CHART, SUMMARY, TIMESERIES].iter().find_map(|root| path.strip_prefix(root))?;
    Symbol::new(text).ok()
}

/// Faults that take the place of an answer.
fn refused(world: &World, symbol: Option<Symbol>) -> Option<Response> {
    let strikes = |name| world.faults.strike(name, symbol);
    if strikes(FaultName::TooMany) {
        return Some(errors::throttled());
    }
    if strikes(FaultName::TooManyRetryAfter) {
        return Some(errors::throttled().with("retry-after", RETRY_AFTER_S));
    }
    if strikes(FaultName::Forbidden) {
        return Some(errors::forbidden());
    }
    if strikes(FaultName::ServerError) {
        return Some(errors::unavailable());
    }
    if strikes(FaultName::Html) {
        return Some(errors::page());
    }
    if strikes(FaultName::EmptyBody) {
        return Some(Response::text(200, "application/json;charset=utf-8", ""));
    }
    None
}

/// Faults that damage a good answer on its way.
fn spoil(world: &World, symbol: Option<Symbol>, mut response: Response) -> Response {
    if world.faults.strike(FaultName::Truncated, symbol) {
        let half = (0..=response.body.len() / 2).rev().find(|&i| response.body.is_char_boundary(i)).unwrap_or(0);
        response.body.truncate(half);
    }
    if world.faults.strike(FaultName::Slow, symbol) {
        return response.ending(Ending::Silence);
    }
    if world.faults.strike(FaultName::Reset, symbol) {
        return response.ending(Ending::Reset);
    }
    response
}

/// Lets a 4:1 split go ex on the next session, once a symbol.
fn announce_split(world: &World, symbol: Option<Symbol>) {
    let Some(symbol) = symbol else { return };
    if !world.faults.pending(FaultName::SplitTonight, Some(symbol)) || !hold(&world.splitting).insert(symbol) {
        return;
    }
    let next = world.feed.instrument(symbol).and_then(|i| i.calendar().next_open(world.clock.now()));
    if let Some(session) = next {
        world.feed.generator().announce_split(symbol, Split { ex_date: session.date, numerator: 4.0, denominator: 1.0 });
        world.faults.strike(FaultName::SplitTonight, Some(symbol));
    }
}
