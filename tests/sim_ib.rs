//! The simulated IB Gateway, seen by the real `ibapi` client and by raw sockets.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at the first assumption that does not hold")]

#[path = "sim_ib/faults.rs"]
mod faults;
#[path = "sim_ib/protocol.rs"]
mod protocol;
#[path = "sim_ib/wire.rs"]
mod wire;

use std::sync::Arc;
use std::time::Duration;

use ibapi::prelude::*;
use nightdesk::market::{AssetClass, Instrument, ManualClock, Symbol, Universe};
use nightdesk::sim::MarketFeed;
use nightdesk::sim::ib::{Gateway, GatewayOptions};

/// A Friday evening after the close.
const NOW: &str = "2026-11-20T21:05:00Z";

fn at(text: &str) -> i64 {
    text.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp()
}

fn symbol(text: &str) -> Symbol {
    Symbol::new(text).unwrap()
}

fn feed() -> Arc<MarketFeed> {
    let instrument = |name: &str, asset, sector: &str| Instrument { symbol: symbol(name), asset, sector: sector.into(), name: name.into() };
    let stock = |name| instrument(name, AssetClass::Stock, "Technology");
    let crypto = |name| instrument(name, AssetClass::Crypto, "Crypto");
    let instruments = vec![stock("AAPL"), stock("MSFT"), stock("BRK-B"), crypto("BTC-USD"), crypto("ETH-USD")];
    Arc::new(MarketFeed::new(Universe { instruments }, 42))
}

fn options() -> GatewayOptions {
    GatewayOptions::new(feed(), ManualClock::at(at(NOW)))
}

async fn gateway() -> Gateway {
    Gateway::start(options()).await.unwrap()
}

async fn connect(gateway: &Gateway, client_id: i32) -> Result<Client, Error> {
    let builder = Client::builder().address(gateway.addr().to_string()).client_id(client_id).max_reconnect_attempts(0);
    within(builder.connect()).await
}

/// Bounds a wait that must end; ten seconds is far beyond anything here.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), future).await.expect("took longer than ten seconds")
}

fn aapl() -> Contract {
    Contract::stock("AAPL").build()
}

fn btc() -> Contract {
    Contract::crypto("BTC").build()
}

/// Five-minute bars of the last session.
async fn five_minutes(client: &Client, contract: &Contract) -> Result<ibapi::market_data::historical::HistoricalData, Error> {
    within(client.historical_data(contract, HistoricalBarSize::Min5).duration(1.days()).fetch()).await
}

/// Waits for a notice; those before it, such as the greetings of the farms, are passed over.
async fn until(notices: &mut NoticeStream, code: i32) {
    while within(notices.next()).await.expect("the notices ended").code != code {}
}
