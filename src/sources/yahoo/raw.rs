//! Our own requests beside the crate's, through the same client: a chart whose typed parse failed, and the small
//! quoteSummary that holds `pegRatio` (the crate has no field for it).

use std::time::Duration;

use reqwest::Url;
use reqwest::header::{COOKIE, RETRY_AFTER, SET_COOKIE};
use serde_json::Value;
use tokio::sync::Mutex;

use super::classify::{Failure, answer, transport};
use crate::sources::{Fault, Window};

const CHART: &str = "https://query1.finance.yahoo.com/v8/finance/chart";
const SUMMARY: &str = "https://query2.finance.yahoo.com/v10/finance/quoteSummary";
const COOKIE_PAGE: &str = "https://fc.yahoo.com";
const CRUMB: &str = "https://query1.finance.yahoo.com/v1/test/getcrumb";

/// Every module that a metric or a metadata field comes from.
const MODULES: &str = "defaultKeyStatistics,summaryDetail,financialData,assetProfile,quoteType";

/// Longest text that can be a crumb (they have 11 characters); a page of any kind is longer.
const CRUMB_MAX: usize = 64;

#[derive(Clone, Debug)]
struct Session {
    cookie: String,
    crumb: String,
}

/// Our own requests and their session.
pub(super) struct Raw {
    http: reqwest::Client,
    session: Mutex<Option<Session>>,
}

/// An answer before it is judged.
struct Reply {
    status: u16,
    retry_after: Option<Duration>,
    cookies: Vec<String>,
    body: String,
}

impl Raw {
    pub(super) fn new(http: reqwest::Client) -> Self {
        Self { http, session: Mutex::new(None) }
    }

    async fn get(&self, url: Url, cookie: Option<&str>) -> Result<Reply, Failure> {
        let mut request = self.http.get(url);
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        let response = request.send().await.map_err(|e| transport(&e))?;
        let header = |name| response.headers().get(name).and_then(|v: &reqwest::header::HeaderValue| v.to_str().ok());
        let retry_after = header(RETRY_AFTER).and_then(|v| v.trim().parse().ok()).map(Duration::from_secs);
        let cookies = response.headers().get_all(SET_COOKIE).iter().filter_map(|v| v.to_str().ok());
        let cookies = cookies.filter_map(|v| v.split(';').next()).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty()).collect();
        let status = response.status().as_u16();
        let body = response.text().await.map_err(|e| transport(&e))?;
        Ok(Reply { status, retry_after, cookies, body })
    }

    /// A chart as JSON, whatever its shape.
    pub(super) async fn chart(&self, symbol: &str, interval: &str, periods: Window) -> Result<Value, Failure> {
        let (start, end) = (periods.start.to_string(), periods.end.to_string());
        let query =
            [("symbol", symbol), ("period1", &start), ("period2", &end), ("interval", interval), ("events", "div|split|capitalGains")];
        let reply = self.get(url(CHART, Some(symbol), &query)?, None).await?;
        answer(reply.status, reply.retry_after, &reply.body)
    }

    /// The modules that metrics and metadata come from. A refused session is renewed once.
    pub(super) async fn summary(&self, symbol: &str) -> Result<Value, Failure> {
        let mut held = self.session.lock().await;
        let fresh = held.is_none();
        let session = match held.clone() {
            Some(session) => session,
            None => held.insert(self.open_session().await?).clone(),
        };
        match self.summary_with(symbol, &session).await {
            Err(Failure::Session(_)) if !fresh => {
                *held = None;
                let session = held.insert(self.open_session().await?).clone();
                self.summary_with(symbol, &session).await
            }
            Err(refused @ Failure::Session(_)) => {
                *held = None;
                Err(refused)
            }
            other => other,
        }
    }

    async fn summary_with(&self, symbol: &str, session: &Session) -> Result<Value, Failure> {
        let query = [("modules", MODULES), ("formatted", "false"), ("symbol", symbol), ("crumb", &session.crumb)];
        let reply = self.get(url(SUMMARY, Some(symbol), &query)?, Some(&session.cookie)).await?;
        answer(reply.status, reply.retry_after, &reply.body)
    }

    /// Cookie from fc.yahoo.com (it comes with a 404 page), then the crumb that belongs to it.
    async fn open_session(&self) -> Result<Session, Failure> {
        let page = self.get(url(COOKIE_PAGE, None, &[])?, None).await?;
        if page.status == 429 {
            return Err(Failure::Throttled(page.retry_after));
        }
        if page.cookies.is_empty() {
            return Err(no_session("fc.yahoo.com set no cookie; ad-block lists and consent pages are known to cut it off"));
        }
        let cookie = page.cookies.join("; ");
        let reply = self.get(url(CRUMB, None, &[])?, Some(&cookie)).await?;
        let crumb = reply.body.trim();
        if reply.status == 429 || crumb.to_ascii_lowercase().contains("too many requests") {
            return Err(Failure::Throttled(reply.retry_after));
        }
        let plausible = !crumb.is_empty() && crumb.len() <= CRUMB_MAX && crumb.bytes().all(|b| b.is_ascii_graphic() && b != b'<');
        if reply.status != 200 || !plausible {
            return Err(no_session(&format!("getcrumb answered {} without a crumb", reply.status)));
        }
        Ok(Session { cookie, crumb: crumb.to_owned() })
    }
}

fn no_session(why: &str) -> Failure {
    Failure::Session(Fault::new(format!("Yahoo gave no session: {why}")))
}

fn url(base: &str, symbol: Option<&str>, query: &[(&str, &str)]) -> Result<Url, Failure> {
    let bad = |why: String| Failure::Final(crate::sources::Outcome::BadRequest(Fault::new(why)));
    let mut url = Url::parse(base).map_err(|e| bad(e.to_string()))?;
    if let Some(symbol) = symbol {
        url.path_segments_mut().map_err(|()| bad("a base without a path".into()))?.push(symbol);
    }
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_and_crumbs_are_escaped() {
        let u = url(CHART, Some("^GSPC"), &[("symbol", "^GSPC"), ("crumb", "a&b/c+d#e")]).unwrap();
        assert_eq!(u.path(), "/v8/finance/chart/^GSPC");
        assert_eq!(u.query(), Some("symbol=%5EGSPC&crumb=a%26b%2Fc%2Bd%23e"));
    }
}
