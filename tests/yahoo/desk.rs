//! A simulator and the Yahoo source talking to it over TLS, for the tests of both.

use std::sync::Arc;

use nightdesk::config::YahooSettings;
use nightdesk::market::{AssetClass, Instrument, ManualClock, Symbol, Timeframe, Universe};
use nightdesk::sim::MarketFeed;
use nightdesk::sim::yahoo::{Server, ServerOptions};
use nightdesk::sources::yahoo::YahooSource;
use nightdesk::sources::{CandleRequest, Outcome, Window};

/// Wednesday 2026-11-18 15:00:20 in New York, an hour before the close and inside a minute.
pub const NOW: i64 = 1_795_032_020;

/// A simulator on a clock that stands still.
pub struct Desk {
    pub clock: Arc<ManualClock>,
    pub feed: Arc<MarketFeed>,
    pub server: Server,
    folder: tempfile::TempDir,
}

pub fn instrument(symbol: &str) -> Instrument {
    let asset = if symbol.ends_with("-USD") { AssetClass::Crypto } else { AssetClass::Stock };
    let sector = if asset == AssetClass::Crypto { "Crypto" } else { "Technology" };
    Instrument { symbol: Symbol::new(symbol).unwrap(), asset, sector: sector.into(), name: format!("{symbol} Incorporated") }
}

impl Desk {
    pub async fn open() -> Self {
        Self::at(NOW).await
    }

    pub async fn at(now: i64) -> Self {
        let instruments = ["AAPL", "MSFT", "KO", "BRK-B", "BTC-USD"].map(instrument).to_vec();
        let clock = ManualClock::at(now);
        let feed = Arc::new(MarketFeed::new(Universe { instruments }, 7));
        let server = Server::start(ServerOptions::new(feed.clone(), clock.clone())).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        server.write_ca(&folder.path().join("ca.pem")).unwrap();
        Self { clock, feed, server, folder }
    }

    /// Settings of a client of this simulator, too fast for pacing to matter.
    pub fn settings(&self) -> YahooSettings {
        YahooSettings {
            requests_per_second: 1000,
            timeout_s: 5,
            loopback: Some(self.server.addr().to_string()),
            loopback_ca: Some(self.folder.path().join("ca.pem")),
            ..YahooSettings::default()
        }
    }

    pub fn source(&self) -> Arc<YahooSource> {
        YahooSource::new(&self.settings(), self.clock.clone()).unwrap()
    }
}

pub fn request(symbol: &str, timeframe: Timeframe, start: i64, end: i64) -> CandleRequest {
    CandleRequest { instrument: instrument(symbol), timeframe, window: Window { start, end } }
}

/// The data of an outcome that must have some.
pub fn data<T: std::fmt::Debug>(outcome: Outcome<T>) -> T {
    match outcome {
        Outcome::Data(data) => data,
        other => panic!("expected data, got {other:?}"),
    }
}
