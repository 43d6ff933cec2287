//! The Yahoo simulator seen by a plain HTTP client and by the crate: routes, limits, quirks, both front doors.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;

use nightdesk::market::{Clock, DAY, ManualClock, SystemClock, Timeframe, Universe};
use nightdesk::sim::yahoo::{Server, ServerError, ServerOptions};
use nightdesk::sim::{MarketFeed, Replay};
use nightdesk::sources::{Outcome, Source};
use serde_json::Value;

use crate::desk::{Desk, NOW, instrument, request};

struct OnlyHere(SocketAddr);

impl reqwest::dns::Resolve for OnlyHere {
    fn resolve(&self, _: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let addr = self.0;
        Box::pin(async move { Ok(Box::new(std::iter::once(addr)) as reqwest::dns::Addrs) })
    }
}

fn builder(server: &Server) -> reqwest::ClientBuilder {
    let ca = reqwest::Certificate::from_pem(server.ca_pem().as_bytes()).unwrap();
    reqwest::Client::builder().tls_certs_only([ca]).https_only(true)
}

/// A client that finds every host at the simulator.
fn browser(server: &Server) -> reqwest::Client {
    builder(server).user_agent("test").no_proxy().dns_resolver(Arc::new(OnlyHere(server.addr()))).build().unwrap()
}

async fn get(client: &reqwest::Client, url: &str) -> (u16, String) {
    let response = client.get(url).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn chart(client: &reqwest::Client, query: &str) -> Value {
    let (status, body) = get(client, &format!("https://query2.finance.yahoo.com/v8/finance/chart/{query}")).await;
    assert_eq!(status, 200, "{query}: {body}");
    serde_json::from_str::<Value>(&body).unwrap()["chart"]["result"][0].take()
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

#[tokio::test]
async fn errors_are_yahoos_own_words() {
    let desk = Desk::open().await;
    let client = browser(&desk.server);
    let (old, day) = (NOW - 40 * DAY, DAY);
    let cases = [
        ("ZZZZ?interval=1d&range=1mo".to_owned(), 404, "No data found, symbol may be delisted"),
        ("AAPL?interval=10m&range=1d".to_owned(), 400, "interval=10m is not supported. Valid intervals: [1m, 2m"),
        ("AAPL?interval=1d&period1=x&period2=2".to_owned(), 400, "period1=x"),
        ("AAPL?interval=1d&range=2w".to_owned(), 400, "range=2w"),
        ("AAPL?interval=1d&period1=5&period2=5".to_owned(), 400, "start date cannot be after end date"),
        ("AAPL?interval=1d&period1=0&period2=86400".to_owned(), 400, "Data doesn't exist for startDate = 0, endDate = 86400"),
        (format!("AAPL?interval=1m&period1={old}&period2={}", old + day), 422, "must be within the last 30 days"),
        (format!("AAPL?interval=1m&period1={}&period2={NOW}", NOW - 9 * day), 422, "Only 8 days worth of 1m granularity"),
        (format!("AAPL?interval=5m&period1={}&period2={NOW}", NOW - 61 * day), 422, "within the last 60 days"),
        (format!("AAPL?interval=1h&period1={}&period2={NOW}", NOW - 731 * day), 422, "within the last 730 days"),
    ];
    for (query, status, text) in cases {
        let (got, body) = get(&client, &format!("https://query1.finance.yahoo.com/v8/finance/chart/{query}")).await;
        let error = &serde_json::from_str::<Value>(&body).unwrap()["chart"]["error"];
        assert_eq!(got, status, "{query}");
        assert!(error["description"].as_str().unwrap().contains(text), "{query}: {error}");
    }
    let nameless = builder(&desk.server).no_proxy().dns_resolver(Arc::new(OnlyHere(desk.server.addr()))).build().unwrap();
    let (status, body) = get(&nameless, "https://query1.finance.yahoo.com/v8/finance/chart/AAPL").await;
    assert_eq!((status, body.as_str()), (429, "Too Many Requests\r\n"), "no user agent");
}

#[tokio::test]
async fn a_daily_chart_has_yahoos_shape() {
    let desk = Desk::open().await;
    let client = browser(&desk.server);
    let start = NOW - 1500 * DAY;
    let result = chart(&client, &format!("KO?interval=1d&period1={start}&period2={NOW}&events=div|split|capitalGains")).await;
    let meta = &result["meta"];
    assert_eq!(meta["symbol"], "KO");
    assert_eq!((meta["dataGranularity"].as_str(), meta["gmtoffset"].as_i64()), (Some("1d"), Some(-18000)));
    assert_eq!((meta["timezone"].as_str(), meta["exchangeTimezoneName"].as_str()), (Some("EST"), Some("America/New_York")));
    assert!(meta.get("tradingPeriods").is_none());
    let stamps: Vec<i64> = result["timestamp"].as_array().unwrap().iter().map(|t| t.as_i64().unwrap()).collect();
    assert_eq!(*stamps.last().unwrap(), NOW, "the live bar carries the second of the last trade");
    let summer = stamps.iter().filter(|t| *t % DAY == 13 * 3600 + 1800).count();
    let winter = stamps.iter().filter(|t| *t % DAY == 14 * 3600 + 1800).count();
    assert!(summer > 0 && winter > 0 && summer + winter == stamps.len() - 1, "opens at 09:30 in New York");
    let close = numbers(&result["indicators"]["quote"][0]["close"]);
    assert!(close.iter().all(|p| f64::from(*p as f32) == *p), "prices are widened 32-bit floats");
    adjusted_by_the_factor_formula(&result, &stamps, &close);
}

/// Each ex-date scales what lies before it by `1 - dividend / close before`.
fn adjusted_by_the_factor_formula(result: &Value, stamps: &[i64], close: &[f64]) {
    let adjclose = numbers(&result["indicators"]["adjclose"][0]["adjclose"]);
    let dividends = result["events"]["dividends"].as_object().unwrap();
    assert!(dividends.len() >= 8, "a payer pays four times a year: {}", dividends.len());
    for (key, event) in dividends {
        assert_eq!(key.parse::<i64>().ok(), event["date"].as_i64());
    }
    for i in 1..stamps.len() {
        let dividend = dividends.get(&stamps[i].to_string()).map_or(0.0, |d| d["amount"].as_f64().unwrap());
        let step = (adjclose[i - 1] / close[i - 1]) / (adjclose[i] / close[i]);
        let want = 1.0 - dividend / close[i - 1];
        assert!((step - want).abs() < 3e-7, "{}: {step} is not {want}", stamps[i]);
    }
}

#[tokio::test]
async fn an_intraday_chart_has_sessions_and_no_adjusted_close() {
    let desk = Desk::open().await;
    let client = browser(&desk.server);
    let result = chart(&client, "AAPL?interval=1h&range=5d").await;
    assert_eq!(result["meta"]["dataGranularity"], "1h");
    assert_eq!(result["meta"]["range"], "5d");
    assert_eq!(result["meta"]["tradingPeriods"].as_array().unwrap().len(), 5);
    assert!(result["indicators"].get("adjclose").is_none());
    // Seven bars in each whole session, six of them begun by three in the afternoon, and the one still forming.
    assert_eq!(result["timestamp"].as_array().unwrap().len(), 4 * 7 + 6);
    let weekend = format!("AAPL?interval=1m&period1={}&period2={}", NOW - 4 * DAY, NOW - 3 * DAY);
    let nothing = chart(&client, &weekend).await;
    assert!(nothing.get("timestamp").is_none());
    assert_eq!(nothing["indicators"]["quote"], serde_json::json!([{}]));
}

#[tokio::test]
async fn every_interval_that_yahoo_names_is_served() {
    let desk = Desk::open().await;
    let client = browser(&desk.server);
    for (interval, granularity) in [
        ("1m", "1m"),
        ("2m", "2m"),
        ("60m", "1h"),
        ("4h", "4h"),
        ("1d", "1d"),
        ("5d", "5d"),
        ("1wk", "1wk"),
        ("1mo", "1mo"),
        ("3mo", "3mo"),
    ] {
        let range = if interval.ends_with(['m', 'h']) { "1d" } else { "1y" };
        let result = chart(&client, &format!("BTC-USD?interval={interval}&range={range}")).await;
        assert_eq!(result["meta"]["dataGranularity"], granularity);
        let quote = &result["indicators"]["quote"][0];
        let (high, low) = (numbers(&quote["high"]), numbers(&quote["low"]));
        assert!(!high.is_empty() && high.iter().zip(&low).all(|(h, l)| h >= l), "{interval}");
    }
    let quarters = chart(&client, "AAPL?interval=3mo&range=max").await["timestamp"].as_array().unwrap().len();
    let months = chart(&client, "AAPL?interval=1mo&range=max").await["timestamp"].as_array().unwrap().len();
    assert!(quarters.abs_diff(months.div_ceil(3)) <= 1, "{quarters} quarters, {months} months");
}

#[tokio::test]
async fn sessions_need_their_own_cookie_and_crumb() {
    let desk = Desk::open().await;
    let client = browser(&desk.server);
    let page = client.get("https://fc.yahoo.com").send().await.unwrap();
    assert_eq!(page.status().as_u16(), 404);
    let set = page.headers()["set-cookie"].to_str().unwrap().to_owned();
    assert!(set.starts_with("A3=") && set.contains("Domain=.yahoo.com"));
    let cookie = set.split(';').next().unwrap();
    let crumb_url = "https://query1.finance.yahoo.com/v1/test/getcrumb";
    let (status, body) = get(&client, crumb_url).await;
    assert!(status == 401 && body.contains("Invalid Cookie"));
    let crumb = client.get(crumb_url).header("cookie", cookie).send().await.unwrap().text().await.unwrap();
    assert_eq!(crumb.len(), 11);
    let ask = async |crumb: &str, symbol: &str, rest: &str| {
        let url = format!("https://query2.finance.yahoo.com/v10/finance/quoteSummary/{symbol}?crumb={crumb}&modules={rest}");
        let response = client.get(url).header("cookie", cookie).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let (status, body) = ask("wrong", "AAPL", "financialData").await;
    assert_eq!((status, body["finance"]["error"]["description"].as_str()), (401, Some("Invalid Crumb")));
    let (_, body) = ask(&crumb, "AAPL", "financialData&formatted=false").await;
    let modules = body["quoteSummary"]["result"][0].as_object().unwrap();
    assert!(modules.len() == 1 && modules["financialData"]["totalRevenue"].is_i64());
    let (_, body) = ask(&crumb, "AAPL", "financialData").await;
    assert!(body["quoteSummary"]["result"][0]["financialData"]["totalRevenue"]["raw"].is_i64());
    let (status, body) = ask(&crumb, "BTC-USD", "financialData").await;
    assert_eq!(status, 404);
    assert!(body["quoteSummary"]["error"]["description"].as_str().unwrap().contains("summaryTypes=financialData"));
    let (status, body) = ask(&crumb, "ZZZZ", "financialData").await;
    assert_eq!((status, body["quoteSummary"]["error"]["description"].as_str()), (404, Some("Quote not found for symbol: ZZZZ")));
}

#[tokio::test]
async fn the_smaller_routes_answer() {
    let desk = Desk::open().await;
    let client = browser(&desk.server);
    let host = "https://query2.finance.yahoo.com";
    let (status, body) = get(&client, &format!("{host}/v7/finance/quote?symbols=AAPL,BTC-USD,ZZZZ")).await;
    let quotes: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, quotes["quoteResponse"]["result"].as_array().unwrap().len()), (200, 2));
    let (_, body) = get(&client, &format!("{host}/ws/fundamentals-timeseries/v1/finance/timeseries/AAPL?type=x")).await;
    assert_eq!(body, r#"{"timeseries":{"error":null,"result":[]}}"#);
    assert_eq!(get(&client, &format!("{host}/v1/finance/search")).await.0, 400);
    assert_eq!(get(&client, &format!("{host}/nothing")).await.0, 404);
    let connector = yahoo_finance_api::YahooConnectorBuilder::build_with_client(client).unwrap();
    let hits = connector.search_ticker_opt("msft").await.unwrap();
    assert_eq!(hits.quotes.iter().map(|q| q.symbol.as_str()).collect::<Vec<_>>(), ["MSFT"]);
}

#[tokio::test]
async fn the_same_port_is_a_proxy() {
    let desk = Desk::open().await;
    let proxy = reqwest::Proxy::all(format!("http://{}", desk.server.addr())).unwrap();
    let client = builder(&desk.server).user_agent("test").proxy(proxy).build().unwrap();
    let result = chart(&client, "AAPL?interval=1d&range=5d").await;
    assert_eq!(result["timestamp"].as_array().unwrap().len(), 5);
    let entry = desk.server.journal().pop().unwrap();
    assert_eq!((entry.host.as_str(), entry.status, entry.cookie), ("query2.finance.yahoo.com", 200, false));
}

#[test]
fn what_is_no_client_is_turned_away() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let desk = runtime.block_on(Desk::open());
    let said = |bytes: &[u8]| {
        let mut stream = std::net::TcpStream::connect(desk.server.addr()).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // A refusal may end in a reset once the answer is out.
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    assert!(said(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").starts_with("HTTP/1.1 400"));
    assert_eq!(said(b"\0\0\0\0garbage"), "");
    said(&[0x16; 64]);
    let source = desk.source();
    assert_eq!(runtime.block_on(source.probe()).kind(), "data", "it still serves");
}

#[tokio::test]
async fn it_never_leaves_this_machine_and_stops_when_told() {
    let feed = Arc::new(MarketFeed::new(Universe::default(), 1));
    let bind = SocketAddr::from(([0, 0, 0, 0], 0));
    let options = ServerOptions { bind, ..ServerOptions::new(feed, SystemClock::shared()) };
    assert!(matches!(Server::start(options).await.err(), Some(ServerError::NotLoopback(a)) if a == bind));

    let desk = Desk::open().await;
    let source = desk.source();
    assert_eq!(source.probe().await.kind(), "data");
    desk.server.shutdown();
    assert_eq!(source.probe().await.kind(), "transient");
}

#[tokio::test]
async fn recorded_bars_are_replayed_as_current() {
    let folder = tempfile::tempdir().unwrap();
    let csv = "date,open,high,low,close,volume\n2013-02-26,443.82,451.54,437.66,448.97,125374100\n2013-02-27,448.43,452.44,440.65,444.57,146837300\n2013-02-28,444.05,447.87,441.40,441.40,80628800\n";
    std::fs::write(folder.path().join("AAPL.csv"), csv).unwrap();
    let replay = Replay::load(folder.path()).unwrap();
    let clock = ManualClock::at(replay.last_ts().unwrap() + 2 * DAY);
    let universe = Universe { instruments: vec![instrument("AAPL")] };
    let feed = Arc::new(MarketFeed::new(universe, 1).with_replay(replay));
    let server = Server::start(ServerOptions::new(feed, clock.clone())).await.unwrap();
    let ca = folder.path().join("ca.pem");
    server.write_ca(&ca).unwrap();
    let settings = nightdesk::config::YahooSettings {
        loopback: Some(server.addr().to_string()),
        loopback_ca: Some(ca),
        requests_per_second: 1000,
        ..Default::default()
    };
    let source = nightdesk::sources::yahoo::YahooSource::new(&settings, clock.clone()).unwrap();
    let outcome = source.candles(&request("AAPL", Timeframe::D1, clock.now() - 9 * DAY, clock.now())).await;
    let Outcome::Data(fetched) = outcome else { panic!("{outcome:?}") };
    let closes: Vec<f64> = fetched.bars.iter().map(|b| b.close).collect();
    assert_eq!(closes, [448.97, 444.57, 441.40].map(|p: f64| f64::from(p as f32)));
    assert_eq!(fetched.bars[2].volume, 80_628_800.0);
}
