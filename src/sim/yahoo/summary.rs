//! Sessions (cookie and crumb), `quoteSummary`, and the smaller routes that other clients of Yahoo call.

use serde_json::{Map, Value, json};

use super::http::{Request, Response};
use super::{World, errors, hold};
use crate::market::{AssetClass, Instrument, METRICS, Metadata, Symbol};
use crate::sim::FaultName;
use crate::sources::yahoo::METRIC_FIELDS;

/// fc.yahoo.com: no page, but the cookie.
pub(super) fn cookie(world: &World) -> Response {
    let mut sessions = hold(&world.sessions);
    let n = sessions.len();
    let cookie = format!("A3=d=AQABBNight{n:04}&S=AQAAAsimulated{n:04}");
    // Eleven characters, with those that a careless client breaks on.
    sessions.insert(cookie.clone(), format!("s.Lp/Qa{n:04}"));
    let set = format!(
        "{cookie}; Expires=Tue, 22 Nov 2039 00:00:00 GMT; Max-Age=31557600; Domain=.yahoo.com; Path=/; SameSite=None; Secure; HttpOnly"
    );
    errors::not_found().with("set-cookie", set)
}

fn crumb_of(world: &World, request: &Request) -> Option<String> {
    let cookies = request.header("cookie")?;
    cookies.split("; ").find_map(|c| hold(&world.sessions).get(c).cloned())
}

/// The crumb that belongs to the cookie.
pub(super) fn crumb(world: &World, request: &Request) -> Response {
    match crumb_of(world, request) {
        Some(crumb) => Response::text(200, "text/plain;charset=utf-8", crumb),
        None => errors::invalid_cookie(),
    }
}

/// `quoteSummary`: the modules asked for, of those that the symbol has.
pub(super) fn answer(world: &World, request: &Request, ticker: &str) -> Response {
    let symbol = Symbol::new(ticker).ok();
    let crumb = crumb_of(world, request);
    if world.faults.strike(FaultName::BadCrumb, symbol) || crumb.is_none() || crumb.as_deref() != request.param("crumb") {
        return errors::invalid_crumb();
    }
    let Some(instrument) = symbol.and_then(|s| world.feed.instrument(s)) else { return errors::no_quote(ticker) };
    if world.faults.strike(FaultName::Delisted, symbol) {
        return errors::no_quote(ticker);
    }
    let wanted = request.param("modules").unwrap_or_default();
    let float = world.faults.strike(FaultName::FloatVolume, symbol);
    let all = modules(world, instrument, float);
    let mut chosen: Map<String, Value> = all.into_iter().filter(|(name, _)| wanted.split(',').any(|w| w == name)).collect();
    if chosen.is_empty() {
        return errors::no_fundamentals(wanted);
    }
    if request.param("formatted") != Some("false") {
        chosen.values_mut().for_each(format_numbers);
    }
    let body = json!({ "quoteSummary": { "result": [chosen], "error": null } });
    Response::json(200, &body).with("cache-control", "private, max-age=1")
}

/// A whole number as an integer: the typed clients expect one where amounts and counts stand.
fn plain(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { json!(value as i64) } else { json!(value) }
}

fn modules(world: &World, instrument: &Instrument, float: bool) -> Map<String, Value> {
    let profile = world.feed.profile(instrument, world.clock.now());
    let mut out = Map::new();
    for ((_, (module, field)), value) in METRICS.iter().zip(METRIC_FIELDS).zip(profile.metrics) {
        let Some(value) = value else { continue };
        let spoilt = float && matches!(field, "marketCap" | "totalRevenue");
        let number = if spoilt { json!(value.round() + 0.5) } else { plain(value) };
        put(&mut out, module, field, number);
    }
    describe(&mut out, instrument, &profile.metadata);
    out
}

fn put(modules: &mut Map<String, Value>, module: &str, field: &str, value: Value) {
    let entry = modules.entry(module).or_insert_with(|| json!({ "maxAge": 86400 }));
    if let Some(fields) = entry.as_object_mut() {
        fields.insert(field.to_owned(), value);
    }
}

fn describe(modules: &mut Map<String, Value>, instrument: &Instrument, about: &Metadata) {
    let crypto = instrument.asset == AssetClass::Crypto;
    let first_trade = about.first_trade_date.map(|d| instrument.calendar().session_on(d).map_or(crate::market::date_to_ts(d), |s| s.open));
    let (name, text) = if crypto { (Some("name"), "description") } else { (None, "longBusinessSummary") };
    let texts: [(&str, &str, &Option<String>); 12] = [
        ("quoteType", "longName", &about.name),
        ("quoteType", "shortName", &about.name),
        ("quoteType", "exchange", &about.exchange),
        ("quoteType", "quoteType", &about.quote_type),
        ("quoteType", "timeZoneFullName", &about.time_zone),
        ("summaryDetail", "currency", &about.currency),
        ("assetProfile", "sector", &about.sector),
        ("assetProfile", "industry", &about.industry),
        ("assetProfile", "country", &about.country),
        ("assetProfile", "city", &about.city),
        ("assetProfile", "website", &about.website),
        ("assetProfile", text, &about.summary),
    ];
    for (module, field, value) in texts {
        if let Some(value) = value {
            put(modules, module, field, json!(value));
        }
    }
    put(modules, "quoteType", "symbol", json!(instrument.symbol.as_str()));
    put(modules, "assetProfile", "companyOfficers", json!([]));
    if let Some(key) = name {
        put(modules, "assetProfile", key, json!(about.name));
    }
    if let Some(ts) = first_trade {
        put(modules, "quoteType", "firstTradeDateEpochUtc", json!(ts));
    }
    if let Some(n) = about.employees {
        put(modules, "assetProfile", "fullTimeEmployees", json!(n));
    }
}

/// Without `formatted=false` Yahoo wraps every number.
fn format_numbers(module: &mut Value) {
    let Some(fields) = module.as_object_mut() else { return };
    for (key, value) in fields.iter_mut() {
        if value.is_number() && key != "maxAge" && key != "firstTradeDateEpochUtc" && key != "fullTimeEmployees" {
            *value = json!({ "raw": value.clone(), "fmt": value.to_string() });
        }
    }
}

/// `v7/finance/quote`, as much of it as yfinance reads.
pub(super) fn quotes(world: &World, request: &Request) -> Response {
    let now = world.clock.now();
    let wanted = request.param("symbols").unwrap_or_default().split(',').filter_map(|s| Symbol::new(s).ok());
    let found = wanted.filter_map(|s| world.feed.instrument(s)).map(|instrument| {
        let about = world.feed.profile(instrument, now);
        let last =
            world.feed.bars(instrument, crate::market::Timeframe::D1, now - 10 * crate::market::DAY, now, now).last().map(|b| b.close);
        json!({
            "symbol": instrument.symbol.as_str(),
            "quoteType": about.metadata.quote_type,
            "longName": about.metadata.name,
            "exchange": about.metadata.exchange,
            "currency": about.metadata.currency,
            "exchangeTimezoneName": about.metadata.time_zone,
            "regularMarketPrice": last,
            "marketCap": about.metric("market_cap").map(|v| v as i64),
        })
    });
    Response::json(200, &json!({ "quoteResponse": { "result": found.collect::<Vec<_>>(), "error": null } }))
}

/// `fundamentals-timeseries`, which has nothing to say here.
pub(super) fn timeseries() -> Response {
    Response::json(200, &json!({ "timeseries": { "result": [], "error": null } }))
}

/// `v1/finance/search` over tickers and names.
pub(super) fn search(world: &World, request: &Request) -> Response {
    let Some(query) = request.param("q").map(str::to_lowercase).filter(|q| !q.is_empty()) else { return errors::missing_query() };
    let matches = |i: &&Instrument| i.symbol.as_str().to_lowercase().starts_with(&query) || i.name.to_lowercase().contains(&query);
    let hits: Vec<Value> = world
        .feed
        .universe()
        .instruments
        .iter()
        .filter(matches)
        .map(|i| {
            let about = world.feed.profile(i, world.clock.now()).metadata;
            json!({
                "exchange": about.exchange, "shortname": i.name, "longname": i.name, "quoteType": about.quote_type,
                "symbol": i.symbol.as_str(), "index": "quotes", "score": 20000.0,
                "typeDisp": about.quote_type, "isYahooFinance": true,
            })
        })
        .collect();
    Response::json(200, &json!({ "explains": [], "count": hits.len(), "quotes": hits, "news": [] }))
}
