//! What the simulated Yahoo knows of a symbol beyond its prices: the 37 metrics and the metadata, coherent with each
//! other and with the price of the day.

use chrono::Days;

use super::{Generator, exchange_date};
use crate::market::{AssetClass, DAY, Instrument, METRICS, Metadata, Timeframe};
use crate::random::Stream;

/// A symbol's fundamentals and metadata at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// One value per entry of [`METRICS`]. Crypto has a market capitalisation only.
    pub metrics: [Option<f64>; METRICS.len()],
    /// Name, sector, exchange and so on.
    pub metadata: Metadata,
}

impl Profile {
    /// A metric by its name in [`METRICS`].
    pub fn metric(&self, name: &str) -> Option<f64> {
        METRICS.iter().position(|m| *m == name).and_then(|i| self.metrics[i])
    }
}

const INDUSTRIES: [(&str, &str); 11] = [
    ("Technology", "Software - Infrastructure"),
    ("Financial", "Banks - Diversified"),
    ("Health", "Drug Manufacturers - General"),
    ("Consumer Cyclical", "Specialty Retail"),
    ("Consumer Defensive", "Household & Personal Products"),
    ("Consumer Staples", "Household & Personal Products"),
    ("Energy", "Oil & Gas Integrated"),
    ("Industrial", "Aerospace & Defense"),
    ("Utilities", "Utilities - Regulated Electric"),
    ("Real Estate", "REIT - Industrial"),
    ("Communication", "Internet Content & Information"),
];

/// A company's yearly figures, in the currency; `book` is per share.
struct Books {
    revenue: f64,
    gross: f64,
    ebitda: f64,
    net_income: f64,
    cash: f64,
    debt: f64,
    book: f64,
    operating_cash: f64,
}

impl Books {
    fn draw(s: &mut Stream, market_cap: f64, shares: f64) -> Self {
        let revenue = market_cap / s.between(1.0, 9.0);
        let gross = revenue * s.between(0.3, 0.75);
        let ebitda = gross * s.between(0.4, 0.7);
        Self {
            revenue,
            gross,
            ebitda,
            net_income: ebitda * s.between(0.4, 0.7),
            cash: revenue * s.between(0.1, 0.5),
            debt: revenue * s.between(0.1, 0.8),
            book: market_cap / s.between(1.2, 12.0) / shares,
            operating_cash: ebitda * s.between(0.7, 0.95),
        }
    }
}

const CITIES: [&str; 6] = ["New York", "Austin", "Seattle", "Chicago", "Boston", "Minneapolis"];

impl Generator {
    /// Fundamentals and metadata at `now`. The figures drift with the price and change once a quarter otherwise.
    pub fn profile(&self, instrument: &Instrument, now: i64) -> Profile {
        let daily = self.bars(instrument, Timeframe::D1, now - 372 * DAY, now, now);
        let price = daily.last().map_or(1.0, |b| b.close);
        let year_ago = daily.first().map_or(price, |b| b.close);
        let metrics = match instrument.asset {
            AssetClass::Crypto => self.crypto_metrics(instrument, price),
            AssetClass::Stock => self.stock_metrics(instrument, price, year_ago, now),
        };
        Profile { metrics, metadata: self.metadata(instrument) }
    }

    fn crypto_metrics(&self, instrument: &Instrument, price: f64) -> [Option<f64>; METRICS.len()] {
        let coins = match instrument.symbol.as_str() {
            "BTC-USD" => 19_900_000.0,
            "ETH-USD" => 120_600_000.0,
            "SOL-USD" => 545_000_000.0,
            _ => Stream::new(&[self.seed, crate::random::key(instrument.symbol.as_str()), 6]).between(1e8, 1e9).round(),
        };
        let mut metrics = [None; METRICS.len()];
        metrics[0] = Some((coins * price).round());
        metrics
    }

    fn stock_metrics(&self, instrument: &Instrument, price: f64, year_ago: f64, now: i64) -> [Option<f64>; METRICS.len()] {
        let key = crate::random::key(instrument.symbol.as_str());
        let mut s = Stream::new(&[self.seed, key, 7]);
        let mut quarter = Stream::new(&[self.seed, key, 8, now.div_euclid(91 * DAY).unsigned_abs()]);
        let shares = (1.2e8 * 40.0_f64.powf(s.uniform())).round();
        let market_cap = shares * price;
        let Books { revenue, gross, ebitda, net_income, cash, debt, book, operating_cash } = Books::draw(&mut s, market_cap, shares);
        let (eps, enterprise) = (net_income / shares, market_cap + debt - cash);
        let float_share = s.between(0.85, 0.99);
        let shorted = (shares * s.between(0.005, 0.06) * quarter.between(0.9, 1.1)).round();
        let growth = quarter.between(-0.08, 0.22);
        let forward = price / (eps * (1.0 + growth.max(0.01)));
        let trailing = price / eps;
        let paid: f64 = self.trailing_dividends(instrument, now);
        let beta = super::character::Character::of(self.seed, instrument).beta;
        // A few companies lack a figure, as they do at the vendor.
        let peg = (s.uniform() > 0.08).then(|| forward / (100.0 * growth.max(0.02)));
        [
            Some(market_cap.round()),
            Some(enterprise.round()),
            Some(trailing),
            Some(forward),
            peg,
            Some(price / book),
            Some(market_cap / revenue),
            Some(enterprise / revenue),
            Some(enterprise / ebitda),
            Some(net_income / revenue),
            Some(ebitda * 0.85 / revenue),
            Some(s.between(0.02, 0.12)),
            Some(net_income / (book * shares)),
            Some(revenue.round()),
            Some(revenue / shares),
            Some(growth),
            Some(gross.round()),
            Some(ebitda.round()),
            Some(net_income.round()),
            Some(eps),
            Some(growth * quarter.between(0.5, 1.6)),
            Some(cash.round()),
            Some(cash / shares),
            Some(debt.round()),
            Some(100.0 * debt / (book * shares)),
            Some(s.between(0.8, 2.6)),
            Some(book),
            Some(operating_cash.round()),
            Some((operating_cash * s.between(0.5, 0.85)).round()),
            Some(beta),
            Some(price / year_ago - 1.0),
            Some(s.between(1.0, 6.0)),
            Some(shorted / (shares * float_share)),
            Some(shorted),
            Some(shares),
            (paid > 0.0).then(|| paid / price),
            Some((paid / eps).max(0.0)),
        ]
    }

    fn trailing_dividends(&self, instrument: &Instrument, now: i64) -> f64 {
        let since = exchange_date(instrument.calendar(), now) - Days::new(365);
        self.actions(instrument, now).dividends.iter().filter(|d| d.ex_date > since).map(|d| d.amount).sum()
    }

    fn metadata(&self, instrument: &Instrument) -> Metadata {
        let symbol = instrument.symbol.as_str();
        let common = Metadata {
            name: Some(instrument.name.clone()),
            currency: Some("USD".into()),
            first_trade_date: Some(self.first_trade_date(instrument)),
            ..Metadata::default()
        };
        if instrument.asset == AssetClass::Crypto {
            return Metadata {
                exchange: Some("CCC".into()),
                quote_type: Some("CRYPTOCURRENCY".into()),
                time_zone: Some("UTC".into()),
                ..common
            };
        }
        let mut s = Stream::new(&[self.seed, crate::random::key(symbol), 9]);
        let industry = INDUSTRIES.iter().find(|(sector, _)| instrument.sector.starts_with(sector)).map_or("Conglomerates", |i| i.1);
        Metadata {
            sector: Some(instrument.sector.clone()),
            industry: Some(industry.into()),
            country: Some("United States".into()),
            city: Some(CITIES[s.below(CITIES.len())].into()),
            website: Some(format!("https://{}.example", symbol.to_ascii_lowercase())),
            summary: Some(format!("{} is a simulated company in the sector {}.", instrument.name, instrument.sector)),
            employees: Some((1_200.0 * 150.0_f64.powf(s.uniform())) as i64),
            exchange: Some(if s.uniform() < 0.5 { "NMS" } else { "NYQ" }.into()),
            quote_type: Some("EQUITY".into()),
            time_zone: Some("America/New_York".into()),
            ..common
        }
    }
}
