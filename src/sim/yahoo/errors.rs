//! Yahoo's error answers, word for word as recorded.

use serde_json::json;

use super::http::Response;

/// Intervals that Yahoo names in its refusal (2026-09).
const INTERVALS: &str = "1m, 2m, 5m, 15m, 30m, 60m, 90m, 1h, 4h, 1d, 5d, 1wk, 1mo, 3mo";

fn error(root: &str, status: u16, code: &str, description: &str) -> Response {
    let body = json!({ root: { "result": null, "error": { "code": code, "description": description } } });
    Response::json(status, &body).with("cache-control", "max-age=0, private")
}

pub(super) fn delisted() -> Response {
    error("chart", 404, "Not Found", "No data found, symbol may be delisted")
}

pub(super) fn bad_interval(interval: &str) -> Response {
    let text = format!("Invalid input - interval={interval} is not supported. Valid intervals: [{INTERVALS}]");
    error("chart", 400, "Bad Request", &text)
}

pub(super) fn bad_input(what: &str) -> Response {
    error("chart", 400, "Bad Request", &format!("Invalid input - {what}"))
}

pub(super) fn before_listing(start: i64, end: i64) -> Response {
    error("chart", 400, "Bad Request", &format!("Data doesn't exist for startDate = {start}, endDate = {end}"))
}

pub(super) fn too_far_back(interval: &str, start: i64, end: i64, days: i64) -> Response {
    let text = format!(
        "{interval} data not available for startTime={start} and endTime={end}. The requested range must be within the last {days} days."
    );
    error("chart", 422, "Unprocessable Entity", &text)
}

pub(super) fn too_long(interval: &str, start: i64, end: i64, days: i64) -> Response {
    let text = format!(
        "{interval} data not available for startTime={start} and endTime={end}. Only {days} days worth of {interval} granularity data are allowed to be fetched per request."
    );
    error("chart", 422, "Unprocessable Entity", &text)
}

pub(super) fn no_quote(symbol: &str) -> Response {
    error("quoteSummary", 404, "Not Found", &format!("Quote not found for symbol: {symbol}"))
}

pub(super) fn no_fundamentals(modules: &str) -> Response {
    error("quoteSummary", 404, "Not Found", &format!("No fundamentals data found for any of the summaryTypes={modules}"))
}

pub(super) fn invalid_crumb() -> Response {
    error("finance", 401, "Unauthorized", "Invalid Crumb")
}

pub(super) fn invalid_cookie() -> Response {
    error("finance", 401, "Unauthorized", "Invalid Cookie")
}

pub(super) fn missing_query() -> Response {
    error("finance", 400, "Bad Request", "Missing required query parameter=q")
}

pub(super) fn throttled() -> Response {
    Response::text(429, "text/html", "Too Many Requests\r\n")
}

pub(super) fn forbidden() -> Response {
    Response::text(403, "text/html", "<html><body>Access denied</body></html>")
}

pub(super) fn unavailable() -> Response {
    Response::text(503, "text/html", "<html><head><title>Yahoo</title></head><body>Will be right back...</body></html>")
}

pub(super) fn page() -> Response {
    Response::text(200, "text/html", "<!DOCTYPE html><html lang=\"en-US\"><body>Before you continue to Yahoo</body></html>")
}

pub(super) fn not_found() -> Response {
    Response::text(404, "text/html", "<html><body>Not Found</body></html>")
}
