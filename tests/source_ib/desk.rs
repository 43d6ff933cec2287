//! A simulated gateway and the IB source talking to it over a real socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use nightdesk::config::IbSettings;
use nightdesk::market::{AssetClass, Candle, Instrument, ManualClock, Symbol, Timeframe, Universe};
use nightdesk::sim::ib::{Gateway, GatewayOptions};
use nightdesk::sim::{Fault, FaultName, MarketFeed};
use nightdesk::sources::ib::{IbSource, IbTuning, MemoryBook};
use nightdesk::sources::{CandleRequest, Fetched, LinkState, Outcome, Source, SourceStatus, Window};

/// Wednesday 2026-11-18 15:00:20 in New York, an hour before the close and twenty seconds into a minute.
pub const NOW: i64 = 1_795_032_020;

/// A gateway on a clock that stands still.
pub struct IbDesk {
    pub clock: Arc<ManualClock>,
    pub feed: Arc<MarketFeed>,
    pub gateway: Gateway,
}

pub fn instrument(symbol: &str) -> Instrument {
    let asset = if symbol.ends_with("-USD") { AssetClass::Crypto } else { AssetClass::Stock };
    Instrument { symbol: Symbol::new(symbol).unwrap(), asset, sector: "Technology".into(), name: symbol.into() }
}

/// Settings of a source that talks to `addr`.
pub fn settings(addr: SocketAddr) -> IbSettings {
    IbSettings { host: addr.ip().to_string(), port: addr.port(), ..IbSettings::default() }
}

/// Limits short enough for tests; IB's rules on repeats and penalties keep their shape, not their length.
pub fn tuning(settings: &IbSettings) -> IbTuning {
    IbTuning {
        connect: Duration::from_millis(800),
        request: Duration::from_millis(600),
        farewell: Duration::from_millis(500),
        backoff_first: Duration::from_millis(40),
        backoff_most: Duration::from_millis(200),
        identical_gap: Duration::from_millis(1),
        penalty_first: Duration::from_millis(300),
        penalty_most: Duration::from_secs(1),
        ..IbTuning::from(settings)
    }
}

impl IbDesk {
    pub async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut GatewayOptions)) -> Self {
        let mut instruments: Vec<Instrument> = ["AAPL", "MSFT", "KO", "BRK-B", "BTC-USD"].map(instrument).to_vec();
        instruments.extend((0..20).map(|k| instrument(&format!("T{k}"))));
        let clock = ManualClock::at(NOW);
        let feed = Arc::new(MarketFeed::new(Universe { instruments }, 7));
        let mut options = GatewayOptions::new(feed.clone(), clock.clone());
        options.outage = Duration::from_millis(150);
        change(&mut options);
        let gateway = Gateway::start(options).await.unwrap();
        Self { clock, feed, gateway }
    }

    pub fn source(&self) -> Arc<IbSource> {
        self.tuned(|_| {})
    }

    pub fn tuned(&self, change: impl FnOnce(&mut IbTuning)) -> Arc<IbSource> {
        self.at(self.gateway.addr(), change)
    }

    /// A source on this desk's clock that talks to `addr`.
    pub fn at(&self, addr: SocketAddr, change: impl FnOnce(&mut IbTuning)) -> Arc<IbSource> {
        let settings = settings(addr);
        let mut tuning = tuning(&settings);
        change(&mut tuning);
        IbSource::start_tuned(&settings, tuning, Arc::new(MemoryBook::default()), self.clock.clone())
    }
}

pub fn request(symbol: &str, timeframe: Timeframe, start: i64, end: i64) -> CandleRequest {
    CandleRequest { instrument: instrument(symbol), timeframe, window: Window { start, end } }
}

/// The minutes of the last hour: what a top-up asks for.
pub fn top_up(symbol: &str) -> CandleRequest {
    request(symbol, Timeframe::M1, NOW - NOW % 60 - 3_540, NOW)
}

/// Waits for a state of the source.
pub async fn until(source: &dyn Source, reached: impl FnMut(&SourceStatus) -> bool) -> SourceStatus {
    let mut status = source.status();
    let found = tokio::time::timeout(Duration::from_secs(10), status.wait_for(reached)).await;
    let status = found.map(|s| s.unwrap().clone());
    status.unwrap_or_else(|_| panic!("the state was not reached: {:?}", source.status().borrow()))
}

pub fn is_down(s: &SourceStatus) -> bool {
    matches!(s.link, LinkState::Down { .. })
}

pub fn is_degraded(s: &SourceStatus) -> bool {
    matches!(s.link, LinkState::Degraded { .. })
}

/// One fault of a kind.
pub fn fault(desk: &IbDesk, name: FaultName) {
    desk.gateway.inject(Fault::new(name).times(1));
}

pub fn data(outcome: Outcome<Fetched>) -> Fetched {
    match outcome {
        Outcome::Data(f) => f,
        other => panic!("no data: {other:?}"),
    }
}

pub fn same(a: &[Candle], b: &[Candle]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.same_content(y))
}

pub async fn fails(source: &IbSource, symbol: &str, kind: &str) -> String {
    let outcome = source.candles(&top_up(symbol)).await;
    assert_eq!(outcome.kind(), kind, "{outcome:?}");
    outcome.fault().map(|f| f.message.clone()).unwrap_or_default()
}

pub async fn serves_again(source: &IbSource) {
    until(source, |s| s.link == LinkState::Up).await;
    assert_eq!(data(source.candles(&top_up("MSFT")).await).bars.len(), 60);
}

pub async fn warm_up(source: &IbSource) {
    data(source.candles(&top_up("MSFT")).await);
}
