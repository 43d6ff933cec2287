//! Contracts: which of IB's many is meant by a ticker, found once and kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ibapi::Client;
use ibapi::contracts::{Contract, ContractDetails, Currency, Exchange, SecurityType, Symbol as IbSymbol};
use tokio::sync::OnceCell;

use super::classify::classify;
use crate::market::{AssetClass, ContractId, Instrument, Metadata, Symbol};
use crate::sources::{Fault, Outcome};

/// Where contract ids are kept between runs: the database, or [`MemoryBook`].
pub trait ContractBook: Send + Sync {
    /// The id stored for a symbol.
    fn get(&self, symbol: Symbol) -> Option<ContractId>;
    /// Stores an id, replacing an older one.
    fn put(&self, contract: ContractId);
}

/// A book for one process, where there is no database (`doctor`).
#[derive(Debug, Default)]
pub struct MemoryBook {
    ids: Mutex<HashMap<Symbol, i32>>,
}

impl ContractBook for MemoryBook {
    fn get(&self, symbol: Symbol) -> Option<ContractId> {
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.get(&symbol).map(|&con_id| ContractId { symbol, con_id })
    }

    fn put(&self, contract: ContractId) {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner).insert(contract.symbol, contract.con_id);
    }
}

/// Rows of contract details read at most: an ambiguous ticker has dozens, a hostile peer has no end.
const MOST_ROWS: usize = 256;
/// US primary exchanges, as IB names them.
const US_PRIMARY: [&str; 6] = ["NASDAQ", "NYSE", "ARCA", "AMEX", "BATS", "ISLAND"];
/// Where IB trades crypto, in order of coverage.
pub(super) const CRYPTO_VENUES: [&str; 2] = ["PAXOS", "ZEROHASH"];

/// The contracts of one source.
pub(super) struct Contracts {
    book: Arc<dyn ContractBook>,
    /// One cell a symbol, so that several timeframes of one symbol ask once.
    cells: Mutex<HashMap<Symbol, Entry>>,
}

#[derive(Clone, Default)]
struct Entry {
    contract: Arc<OnceCell<Contract>>,
    /// IB did not know the id from the book: it is looked up again.
    distrusted: bool,
}

impl Contracts {
    pub(super) fn new(book: Arc<dyn ContractBook>) -> Self {
        Self { book, cells: Mutex::new(HashMap::new()) }
    }

    /// The contract of `instrument`, by memory, book, or `look_up` (contract details of a sample).
    pub(super) async fn resolve<F>(
        &self,
        instrument: &Instrument,
        look_up: impl Fn(Contract) -> F + Send + Sync,
    ) -> Result<Contract, Outcome<()>>
    where
        F: Future<Output = Outcome<Vec<ContractDetails>>> + Send,
    {
        let Entry { contract, distrusted } = self.entry(instrument.symbol);
        contract
            .get_or_try_init(|| async {
                // The book does not say on which venue a coin trades; a coin is looked up once a process.
                if instrument.asset == AssetClass::Stock
                    && !distrusted
                    && let Some(known) = self.book.get(instrument.symbol)
                {
                    return Ok(by_id(instrument, known.con_id, "SMART"));
                }
                let details = find(instrument, look_up).await?;
                let id = details.contract.contract_id;
                self.book.put(ContractId { symbol: instrument.symbol, con_id: id });
                tracing::debug!(target: "ib", symbol = %instrument.symbol, con_id = id, "Contract resolved");
                Ok(by_id(instrument, id, venue(instrument.asset, &details)))
            })
            .await
            .cloned()
    }

    /// Forgets a contract that IB no longer knows, whatever the book says, so that it is looked up anew.
    pub(super) fn distrust(&self, symbol: Symbol) {
        let entry = Entry { distrusted: true, ..Entry::default() };
        self.cells.lock().unwrap_or_else(PoisonError::into_inner).insert(symbol, entry);
    }

    fn entry(&self, symbol: Symbol) -> Entry {
        self.cells.lock().unwrap_or_else(PoisonError::into_inner).entry(symbol).or_default().clone()
    }
}

/// The details of the contract meant by `instrument`.
pub(super) async fn find<F>(instrument: &Instrument, look_up: impl Fn(Contract) -> F + Send + Sync) -> Result<ContractDetails, Outcome<()>>
where
    F: Future<Output = Outcome<Vec<ContractDetails>>> + Send,
{
    let venues: &[&str] = if instrument.asset == AssetClass::Crypto { &CRYPTO_VENUES } else { &["SMART"] };
    let mut unknown = Outcome::UnknownSymbol(Fault::new(format!("{}: IB lists no such contract in US dollars", instrument.symbol)));
    for venue in venues {
        match look_up(sample(instrument, venue)).await {
            Outcome::Data(rows) => {
                if let Some(best) = choose(rows) {
                    return Ok(best);
                }
            }
            o @ Outcome::UnknownSymbol(_) => unknown = o.map(|_| ()),
            other => return Err(other.map(|_| ())),
        }
    }
    Err(unknown)
}

/// Contract details of `contract`, bounded in time and number.
pub(super) async fn details(client: &Client, contract: &Contract, limit: Duration, what: &str) -> Outcome<Vec<ContractDetails>> {
    let read = async {
        let mut rows = client.contract_details_stream(contract).buffer_limit(MOST_ROWS).subscribe().await?;
        rows.collect_to_end_within(limit).await
    };
    match tokio::time::timeout(limit, read).await {
        Ok(Ok(rows)) => Outcome::Data(rows),
        Ok(Err(e)) => classify(&e, what),
        Err(_) => classify(&ibapi::Error::Timeout, what),
    }
}

/// The dollar contract; among several the one with a US primary exchange.
fn choose(rows: Vec<ContractDetails>) -> Option<ContractDetails> {
    let rank = |d: &ContractDetails| {
        let primary = US_PRIMARY.contains(&d.contract.primary_exchange.as_str());
        (d.contract.currency.as_str() == "USD", primary, d.contract.exchange.as_str() == "SMART")
    };
    let usable = |d: &ContractDetails| d.contract.contract_id > 0 && d.contract.currency.as_str() == "USD";
    // `max_by_key` keeps the last of equals; the first is IB's own preference.
    rows.into_iter().filter(usable).rev().max_by_key(rank)
}

fn venue(asset: AssetClass, details: &ContractDetails) -> &str {
    match asset {
        AssetClass::Stock => "SMART",
        AssetClass::Crypto if details.contract.exchange.is_empty() => CRYPTO_VENUES[0],
        AssetClass::Crypto => details.contract.exchange.as_str(),
    }
}

/// What is asked for by name. IB writes share classes with a blank (`BRK B`) and coins without their currency.
fn sample(instrument: &Instrument, venue: &str) -> Contract {
    let ticker = instrument.symbol.as_str();
    let (name, kind) = match instrument.asset {
        AssetClass::Stock => (ticker.replace(['-', '.'], " "), SecurityType::Stock),
        AssetClass::Crypto => (ticker.split('-').next().unwrap_or(ticker).to_owned(), SecurityType::Crypto),
    };
    Contract {
        symbol: IbSymbol::new(name),
        security_type: kind,
        exchange: Exchange::new(venue),
        currency: Currency::new("USD"),
        ..Contract::default()
    }
}

fn by_id(instrument: &Instrument, con_id: i32, venue: &str) -> Contract {
    Contract { contract_id: con_id, ..sample(instrument, venue) }
}

/// What contract details say of an instrument. IB's stock type is left out: `quote_type` speaks Yahoo's vocabulary
/// (`EQUITY`, not `COMMON`), and an answer may be merged from both.
pub(super) fn metadata(details: &ContractDetails) -> Metadata {
    let text = |s: &str| Some(s.trim()).filter(|s| !s.is_empty()).map(str::to_owned);
    let primary = text(details.contract.primary_exchange.as_str()).or_else(|| text(details.contract.exchange.as_str()));
    Metadata {
        name: text(&details.long_name),
        industry: text(&details.category).or_else(|| text(&details.industry)),
        exchange: primary,
        currency: text(details.contract.currency.as_str()),
        time_zone: text(&details.time_zone_id),
        ib_contract_id: Some(i64::from(details.contract.contract_id)),
        ..Metadata::default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    fn instrument(symbol: &str, asset: AssetClass) -> Instrument {
        Instrument { symbol: Symbol::new(symbol).unwrap(), asset, sector: String::new(), name: String::new() }
    }

    fn row(id: i32, primary: &str, currency: &str, exchange: &str) -> ContractDetails {
        let contract = Contract {
            contract_id: id,
            primary_exchange: Exchange::new(primary),
            currency: Currency::new(currency),
            exchange: Exchange::new(exchange),
            ..Contract::default()
        };
        ContractDetails { contract, ..ContractDetails::default() }
    }

    #[test]
    fn ambiguity_is_settled_for_the_us_listing() {
        let rows = vec![
            row(1, "MEXI", "MXN", "SMART"),
            row(2, "EBS", "USD", "SMART"),
            row(3, "NASDAQ", "USD", "SMART"),
            row(4, "NYSE", "USD", "SMART"),
        ];
        assert_eq!(choose(rows).map(|d| d.contract.contract_id), Some(3));
        assert!(choose(vec![row(1, "MEXI", "MXN", "SMART")]).is_none());
    }

    #[test]
    fn tickers_are_spelled_ibs_way() {
        let s = sample(&instrument("BRK-B", AssetClass::Stock), "SMART");
        assert_eq!((s.symbol.as_str(), s.exchange.as_str(), s.security_type), ("BRK B", "SMART", SecurityType::Stock));
        let s = sample(&instrument("BTC-USD", AssetClass::Crypto), "PAXOS");
        assert_eq!((s.symbol.as_str(), s.exchange.as_str(), s.security_type), ("BTC", "PAXOS", SecurityType::Crypto));
    }

    #[tokio::test]
    async fn a_contract_is_looked_up_once_and_stored() {
        let book = Arc::new(MemoryBook::default());
        let contracts = Contracts::new(book.clone());
        let asked = AtomicU32::new(0);
        let look_up = |_: Contract| {
            asked.fetch_add(1, Ordering::SeqCst);
            async { Outcome::Data(vec![row(265_598, "NASDAQ", "USD", "SMART")]) }
        };
        let aapl = instrument("AAPL", AssetClass::Stock);
        let (a, b) = tokio::join!(contracts.resolve(&aapl, look_up), contracts.resolve(&aapl, look_up));
        assert_eq!((a.unwrap().contract_id, b.unwrap().contract_id), (265_598, 265_598));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        assert_eq!(book.get(aapl.symbol).map(|c| c.con_id), Some(265_598));
        let next = Contracts::new(book);
        assert_eq!(next.resolve(&aapl, look_up).await.unwrap().contract_id, 265_598);
        assert_eq!(asked.load(Ordering::SeqCst), 1, "the book answers");
        next.distrust(aapl.symbol);
        assert_eq!(next.resolve(&aapl, look_up).await.unwrap().contract_id, 265_598);
        assert_eq!(asked.load(Ordering::SeqCst), 2, "a distrusted id is looked up again");
    }

    #[tokio::test]
    async fn a_coin_is_sought_on_the_second_venue_too() {
        let contracts = Contracts::new(Arc::new(MemoryBook::default()));
        let look_up = |c: Contract| async move {
            if c.exchange.as_str() == "ZEROHASH" {
                Outcome::Data(vec![row(7, "", "USD", "ZEROHASH")])
            } else {
                Outcome::UnknownSymbol(Fault::coded(200, "none"))
            }
        };
        let got = contracts.resolve(&instrument("SOL-USD", AssetClass::Crypto), look_up).await.unwrap();
        assert_eq!((got.contract_id, got.exchange.as_str()), (7, "ZEROHASH"));
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let contracts = Contracts::new(Arc::new(MemoryBook::default()));
        let aapl = instrument("AAPL", AssetClass::Stock);
        let down = |_: Contract| async { Outcome::Transient(Fault::new("down")) };
        assert_eq!(contracts.resolve(&aapl, down).await.unwrap_err().kind(), "transient");
        let up = |_: Contract| async { Outcome::Data(vec![row(1, "NYSE", "USD", "SMART")]) };
        assert_eq!(contracts.resolve(&aapl, up).await.unwrap().contract_id, 1);
    }
}
