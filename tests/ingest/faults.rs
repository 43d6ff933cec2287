//! Every fault of both vendors, met by a whole engine: the run ends, says what happened, spares the other symbol, and
//! the engine answers afterwards.

use std::fmt::Write;

use nightdesk::config::SourcePolicy;
use nightdesk::engine::{IngestSpec, Query, Reply, RunView};
use nightdesk::market::{SystemClock, Timeframe};
use nightdesk::sim::OffsetClock;
use nightdesk::store::master::RunState;

use crate::support::{Build, Desk, SUNDAY, daily, quick_settings, series};

/// A fault, the only source that may be asked, how the run ends, and words that its record holds; `|` parts alternatives.
type Case = (&'static str, Option<SourcePolicy>, RunState, &'static str);

const AUTO: Option<SourcePolicy> = None;
const IB: Option<SourcePolicy> = Some(SourcePolicy::Ib);
const YAHOO: Option<SourcePolicy> = Some(SourcePolicy::Yahoo);

const GATEWAY: &[Case] = &[
    ("close-after-accept", IB, RunState::Partial, "Trusted IPs"),
    ("close-after-accept", AUTO, RunState::Succeeded, "Trusted IPs"),
    ("accept-silent", AUTO, RunState::Succeeded, "is its login complete?"),
    ("client-id-in-use*2", IB, RunState::Succeeded, "ib data 274"),
    ("abort-mid-frame:AAPL*1", IB, RunState::Succeeded, "the connection to the gateway was lost"),
    ("truncated-frame:AAPL*1", IB, RunState::Succeeded, "the connection to the gateway was lost"),
    ("oversize-frame:AAPL*1", IB, RunState::Succeeded, "the connection to the gateway was lost"),
    ("unknown-frame:AAPL*1", IB, RunState::Succeeded, "ib data 274"),
    ("no-end-marker:AAPL*1", IB, RunState::Succeeded, "no answer in time"),
    ("hang:AAPL*1", IB, RunState::Succeeded, "no answer in time"),
    ("hang:AAPL", AUTO, RunState::Succeeded, "yahoo data 274"),
    // Where the drip outlasts the limit, the window comes in halves.
    ("slow-drip:AAPL*1", IB, RunState::Succeeded, "ib data "),
    ("pacing:AAPL*1", AUTO, RunState::Succeeded, "too fast for the historical data service"),
    ("no-permission:AAPL", IB, RunState::Partial, "no market-data permission"),
    ("no-permission:AAPL", AUTO, RunState::Succeeded, "no market-data permission"),
    ("no-data:AAPL", IB, RunState::Succeeded, "ib empty 0"),
    ("spurious-200:AAPL", IB, RunState::Partial, "IB knows no such contract"),
    ("spurious-200:AAPL*1", AUTO, RunState::Succeeded, "yahoo data 274"),
    ("competing-login:AAPL*1", AUTO, RunState::Succeeded, "another session of this user"),
    ("link-down*1", AUTO, RunState::Succeeded, "no answer in time"),
    // The restart meets the request, or the request meets the gateway that is away.
    ("restart*1", AUTO, RunState::Succeeded, "the connection to the gateway was lost|the gateway reset its port"),
    ("hmds-down", AUTO, RunState::Succeeded, "yahoo data 274"),
    ("unknown-zone:AAPL", IB, RunState::Succeeded, "ib data 274"),
    ("zoneless-end:AAPL", AUTO, RunState::Succeeded, "the answer cannot be read"),
    ("duplicate-bars:AAPL", IB, RunState::Succeeded, "ib data 274"),
    ("out-of-order-bars:AAPL", IB, RunState::Succeeded, "ib data 274"),
    ("nan-volume:AAPL", IB, RunState::Succeeded, "ib data 274"),
    ("empty:AAPL", IB, RunState::Succeeded, "IB has no bars in this window"),
];

const YAHOOS: &[Case] = &[
    // The one fault may meet the request for splits and dividends, which is sent beside the bars.
    ("429:AAPL*1", YAHOO, RunState::Succeeded, "yahoo data 274"),
    ("429-retry-after:AAPL*1", YAHOO, RunState::Succeeded, "yahoo data 274"),
    ("401-crumb*1", YAHOO, RunState::Succeeded, "yahoo data 274"),
    ("403:AAPL", YAHOO, RunState::Partial, "refused the request (401 or 403)"),
    ("5xx:AAPL", YAHOO, RunState::Partial, "Yahoo's server failed (503)"),
    ("5xx:AAPL*2", YAHOO, RunState::Succeeded, "yahoo data 274"),
    ("html:AAPL", YAHOO, RunState::Partial, "a web page instead of data"),
    ("empty-body:AAPL", YAHOO, RunState::Partial, "an empty body"),
    ("truncated:AAPL", YAHOO, RunState::Partial, "could not be read"),
    ("slow:AAPL*2", YAHOO, RunState::Succeeded, "did not answer in time"),
    ("reset:AAPL", YAHOO, RunState::Partial, "the connection to Yahoo broke"),
    ("null-ohlc:AAPL", YAHOO, RunState::Succeeded, "yahoo data 2"),
    ("null-bar:AAPL", YAHOO, RunState::Succeeded, "yahoo data 273"),
    ("zero-volume:AAPL", YAHOO, RunState::Succeeded, "yahoo data 274"),
    ("x100:AAPL", YAHOO, RunState::Succeeded, "yahoo data 274"),
    ("float-volume:AAPL", YAHOO, RunState::Succeeded, "yahoo data 274"),
    ("missing-meta:AAPL", YAHOO, RunState::Succeeded, "yahoo data 274"),
    ("404-delisted:AAPL", YAHOO, RunState::Partial, "symbol may be delisted"),
    ("422-window:AAPL", YAHOO, RunState::Partial, "must be within the last 30 days"),
    ("bad-tls", YAHOO, RunState::Partial, "the TLS connection to Yahoo failed"),
];

/// Everything the record of a run says about the daily bars of `symbols`.
async fn record(desk: &Desk, run: &RunView, symbols: &[&str]) -> String {
    let mut text = String::new();
    for symbol in symbols {
        let query = Query::Series { series: series(symbol, Timeframe::D1) };
        let Reply::Series(page) = desk.client().query(query).await.unwrap() else { panic!("no page") };
        for a in &page.attempts {
            writeln!(text, "{symbol}: {} {} {} bars: {}", a.source, a.outcome, a.bars, a.message.as_deref().unwrap_or("-")).unwrap();
        }
    }
    for failure in run.summary.iter().flat_map(|s| &s.failures) {
        writeln!(text, "failure {failure}").unwrap();
    }
    text
}

async fn meet(case: Case) -> Result<(), String> {
    let (fault, policy, state, words) = case;
    let mut settings = quick_settings();
    settings.yahoo.cooldown_s = 1;
    // Faults that only a time-out ends.
    let silent = ["accept-silent", "hang", "hmds-down"].iter().any(|name| fault.starts_with(name));
    if silent || words.contains("in time") {
        (settings.ib.connect_timeout_s, settings.ib.request_timeout_s, settings.yahoo.timeout_s) = (2, 2, 2);
    }
    let time = OffsetClock::starting_at(SystemClock::shared(), SUNDAY);
    let mut desk = Desk::build(&["AAPL", "KO"], Build { settings, time: Some(time), ..Build::default() }).await;
    if GATEWAY.iter().any(|c| c.0 == fault) {
        desk.ib_fault(fault);
    } else {
        desk.yahoo_fault(fault);
    }
    let refresh_facets = fault.starts_with("401");
    let run = desk.ingest(IngestSpec { source: policy, refresh_facets, ..daily() }).await;
    // A fault of one symbol is told of that symbol; one of the whole source by whichever series met it first.
    let told_of: &[&str] = if fault.contains(':') { &["AAPL"] } else { &["AAPL", "KO"] };
    let said = record(&desk, &run, told_of).await;
    let wrong = |why: &str| Err(format!("{fault} ({policy:?}): {why}; it ended {:?} and said:\n{said}", run.state));
    // A fault of the whole source, with no other to fall back on, leaves nothing that worked.
    let everybody = !fault.contains(':') && state == RunState::Partial;
    let due = if everybody { RunState::Failed } else { state };
    if run.state != due {
        return wrong("another end was due");
    }
    if !words.split('|').any(|word| said.contains(word)) {
        return wrong(&format!("no word of {words:?}"));
    }
    // The symbol that a fault spares, or both where it struck the source and another served, hold their bars.
    let whole = if fault.contains(':') { &["KO"] } else { told_of };
    for symbol in whole {
        let rows = desk.reader().series_state(series(symbol, Timeframe::D1)).unwrap().map_or(0, |s| s.rows);
        if rows < 200 && !everybody {
            return wrong(&format!("{symbol} has {rows} bars"));
        }
    }
    desk.stop().await;
    Ok(())
}

async fn meet_all(cases: &'static [Case]) {
    // A few at a time: a machine that is out of breath answers late, and lateness is a fault of its own here.
    let desks = std::sync::Arc::new(tokio::sync::Semaphore::new(4));
    let mut tasks = tokio::task::JoinSet::new();
    for case in cases {
        let desks = std::sync::Arc::clone(&desks);
        tasks.spawn(async move {
            let _one = desks.acquire_owned().await.unwrap();
            meet(*case).await
        });
    }
    let ends = tasks.join_all().await;
    let wrong: Vec<String> = ends.into_iter().filter_map(Result::err).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_the_gateway_is_survived_and_told() {
    meet_all(GATEWAY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_of_yahoo_is_survived_and_told() {
    meet_all(YAHOOS).await;
}
