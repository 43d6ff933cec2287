//! Bars for tests: the six stocks of the golden sample, and made-up ones.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use chrono::NaiveDate;
use nightdesk::features::bars::Adjusted;
use nightdesk::features::engine::{Block, Input, Output, Task, run};
use nightdesk::features::market::{CrossSection, MarketReturns};
use nightdesk::features::registry;
use nightdesk::market::{Calendar, DailyBars};

/// The symbols of the golden sample, which are each other's universe.
pub const SIX: [&str; 6] = ["AAPL", "AMZN", "GOOG", "META", "NFLX", "NVDA"];

/// A symbol with what lies beside it: everything that its features depend on.
#[derive(Clone, Debug)]
pub struct Symbol {
    pub adjusted: Adjusted,
    pub market: Vec<f64>,
    pub rank: Vec<f64>,
}

impl Symbol {
    pub fn input(&self) -> Input<'_> {
        Input { adjusted: &self.adjusted, market: Some(&self.market), rank: Some(&self.rank), sessions_a_year: 252.0 }
    }

    pub fn len(&self) -> usize {
        self.adjusted.bars.len()
    }

    /// Its features from the first bar on, with a checkpoint for the row `mark`.
    pub fn run(&self, mark: Option<usize>) -> Output {
        run(&Task { input: self.input(), from: None, mark }).unwrap()
    }

    pub fn block(&self) -> Block {
        self.run(None).block
    }

    /// These bars alone, as they are.
    pub fn cut(&self, rows: Range<usize>) -> Self {
        let part = |column: &[f64]| column[rows.clone()].to_vec();
        let bars = &self.adjusted.bars;
        let date = bars.date[rows.clone()].to_vec();
        let (open, high, low, close, volume) = (part(&bars.open), part(&bars.high), part(&bars.low), part(&bars.close), part(&bars.volume));
        Self {
            adjusted: Adjusted { bars: DailyBars { date, open, high, low, close, volume }, factor: part(&self.adjusted.factor) },
            market: part(&self.market),
            rank: part(&self.rank),
        }
    }

    /// The same symbol quoted in another currency and counted in other units.
    pub fn scaled(&self, price: f64, volume: f64) -> Self {
        let mut scaled = self.clone();
        let bars = &mut scaled.adjusted.bars;
        for column in [&mut bars.open, &mut bars.high, &mut bars.low, &mut bars.close] {
            for value in column.iter_mut() {
                *value *= price;
            }
        }
        for units in &mut bars.volume {
            *units *= volume;
        }
        scaled
    }
}

/// The symbols of a universe beside each other; the market is the mean of them all.
pub fn universe(bars: Vec<DailyBars>) -> Vec<Symbol> {
    let market = MarketReturns::of_stocks(&bars, Calendar::Xnys);
    let mut section = CrossSection::default();
    for bars in &bars {
        section.add(bars);
    }
    let ranks = section.rank();
    let beside = |bars: DailyBars| Symbol {
        market: market.on(&bars.date),
        rank: ranks.of(&bars),
        adjusted: Adjusted { factor: vec![1.0; bars.len()], bars },
    };
    bars.into_iter().map(beside).collect()
}

/// The six stocks and their features; `None`, and a word on it in each test that asks, without the fixtures.
pub fn six() -> Option<&'static [(Symbol, Block)]> {
    static SYMBOLS: LazyLock<Option<Vec<(Symbol, Block)>>> = LazyLock::new(|| {
        let folder = fixtures()?;
        let symbols = universe(SIX.iter().map(|symbol| stock(&folder, symbol)).collect());
        Some(symbols.into_iter().map(|symbol| (symbol.clone(), symbol.block())).collect())
    });
    if SYMBOLS.is_none() {
        println!("skipped: NIGHTDESK_FIXTURES is not set");
    }
    SYMBOLS.as_deref()
}

/// The folder of the shared fixtures, if there is one.
pub fn fixtures() -> Option<PathBuf> {
    std::env::var_os("NIGHTDESK_FIXTURES").map(PathBuf::from)
}

/// A stock's bars: prices times `adj_close`/`close`, volume as it is.
fn stock(fixtures: &Path, symbol: &str) -> DailyBars {
    let path = fixtures.join("market-data/daily-split-adjusted").join(format!("{symbol}_2013-2023.csv"));
    let mut bars = DailyBars::default();
    for row in csv::Reader::from_path(path).unwrap().deserialize() {
        let row: BTreeMap<String, String> = row.unwrap();
        let number = |name: &str| row[name].parse::<f64>().unwrap();
        let factor = number("adj_close") / number("close");
        bars.date.push(row["date"].parse::<NaiveDate>().unwrap());
        bars.open.push(number("open") * factor);
        bars.high.push(number("high") * factor);
        bars.low.push(number("low") * factor);
        bars.close.push(number("close") * factor);
        bars.volume.push(number("volume"));
    }
    bars
}

/// Fails at the first feature whose `rows` of `left` are not, bit for bit, the rows of `right`.
pub fn same(left: &Block, left_row: usize, right: &Block, right_row: usize, rows: usize) {
    for feature in registry() {
        let (l, r) = (&left.column(feature.index)[left_row..][..rows], &right.column(feature.index)[right_row..][..rows]);
        let differs = l.iter().zip(r).position(|(l, r)| l.to_bits() != r.to_bits());
        assert_eq!(differs, None, "{} differs at that row of {rows}", feature.name);
    }
}

/// Fails at the first value that differs by more than 1e-9 of its size, or of a thousandth for a smaller one.
pub fn near(left: &Block, right: &Block) {
    for feature in registry() {
        for (row, (a, b)) in left.column(feature.index).iter().zip(right.column(feature.index)).enumerate() {
            let near = (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-3);
            assert!(near || a.is_nan() && b.is_nan(), "{} row {row}: {a} became {b}", feature.name);
        }
    }
}
