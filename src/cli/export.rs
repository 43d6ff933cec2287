//! `nightdesk export`: stored data as CSV, Parquet or JSON.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::{Args, ValueEnum};

use super::export_learning::{self, Wanted};
use super::export_nights;
use super::output::{self, count};
use super::{Context, Exit, Failure, strategy};
use crate::export::{self as house, AtomicFile, Sheet};
use crate::market::{DAY, Series, Strategy, Symbol, Timeframe, date_to_ts};
use crate::store::master::{Adjustment, CandleQuery, Reader, Span};

/// Export candles, splits, dividends, or the features, labels, signals and drift of a strategy
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to export
    #[arg(value_enum)]
    kind: Kind,
    /// Symbol in Yahoo's spelling, such as AAPL or BTC-USD. Signals are of all symbols unless one is named
    #[arg(long, value_name = "S")]
    symbol: Option<Symbol>,
    /// Bar size of candles
    #[arg(long, value_name = "T")]
    timeframe: Option<Timeframe>,
    /// Price basis: split-adjusted, as traded, or adjusted for splits and dividends
    #[arg(long, value_enum, default_value_t)]
    adjust: Adjust,
    /// Whose features, labels, signals or drift [default: turbomode]
    #[arg(long, value_name = "S", value_parser = strategy::parser())]
    strategy: Option<Strategy>,
    /// First date
    #[arg(long, value_name = "DATE")]
    from: Option<NaiveDate>,
    /// Last date
    #[arg(long, value_name = "DATE")]
    to: Option<NaiveDate>,
    /// Also bars that an open data-quality finding hides
    #[arg(long)]
    include_quarantined: bool,
    /// How to write it
    #[arg(long, value_enum)]
    format: Format,
    /// File to write, whole or not at all [default: standard output]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Candles,
    Splits,
    Dividends,
    /// The cached features, a column each; empty where missing
    Features,
    /// Outcome and regime of each day by the strategy's rules, or why there is none
    Labels,
    /// Signals with what came of them
    Signals,
    /// What each night made of the drift of the model that is watched
    Drift,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Adjust {
    #[default]
    Split,
    Raw,
    Total,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Csv,
    Parquet,
    Json,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    arguments.check()?;
    let (sheet, is_demo) = arguments.sheet(context)?;
    if sheet.rows() == 0 {
        let made = match arguments.kind {
            Kind::Features => "make them with `nightdesk features build`",
            Kind::Signals => "see how the last scan went: `nightdesk signals list`",
            Kind::Drift => "take a look first: `nightdesk drift`",
            _ => "ingest or import it first",
        };
        let advice = format!("widen --from and --to, or {made}");
        return Err(Failure::new(format!("nothing is stored that matches: {}", arguments.subject())).next(advice));
    }
    if is_demo {
        output::remark("DEMO: simulators made these figures, no market did");
    }
    let format = match arguments.format {
        Format::Csv => house::Format::Csv,
        Format::Parquet => house::Format::Parquet,
        Format::Json => house::Format::Json,
    };
    match &arguments.out {
        None => {
            let mut out = std::io::stdout();
            house::write(&sheet, format, &mut out)?;
            out.flush()?;
        }
        Some(path) => {
            write_file(&sheet, format, path)?;
            output::remark(format_args!("{}: {} written to {}", arguments.subject(), count(sheet.rows(), "row", "rows"), path.display()));
        }
    }
    Ok(Exit::Done)
}

fn write_file(sheet: &Sheet, format: house::Format, path: &Path) -> Result<(), Failure> {
    let mut file = AtomicFile::create(path)?;
    house::write(sheet, format, &mut file)?;
    Ok(file.commit()?)
}

fn sheet(arguments: &Arguments, symbol: Symbol, reader: &Reader, context: &Context) -> Result<Sheet, Failure> {
    let inside = |date: NaiveDate| arguments.has(date);
    Ok(match (arguments.kind, arguments.timeframe) {
        (Kind::Candles, Some(timeframe)) => {
            let series = Series { symbol, timeframe };
            let (adjustment, name) = match arguments.adjust {
                Adjust::Split => (Adjustment::Split, "split"),
                Adjust::Raw => (Adjustment::Raw, "raw"),
                Adjust::Total => (Adjustment::Total, "total"),
            };
            let start = arguments.from.map_or(i64::MIN, date_to_ts);
            let end = arguments.to.map_or(i64::MAX, |d| date_to_ts(d) + DAY);
            let query = CandleQuery::new(series, Span::Range(start, end));
            let query = CandleQuery { adjustment, include_quarantined: arguments.include_quarantined, ..query };
            Sheet::candles(series, name, &reader.candles(&query)?.iter().collect())
        }
        // Refused or dealt with before; an empty sheet is reported as nothing to export.
        (Kind::Candles, None) | (Kind::Features | Kind::Signals | Kind::Drift, _) => Sheet::default(),
        (Kind::Labels, _) => export_learning::labels(&arguments.wanted(symbol), reader, context)?,
        (Kind::Splits, _) => {
            let splits: Vec<_> = reader.splits(symbol)?.into_iter().filter(|s| inside(s.ex_date)).collect();
            Sheet::splits(symbol, &splits)
        }
        (Kind::Dividends, _) => {
            let dividends: Vec<_> = reader.dividends(symbol)?.into_iter().filter(|d| inside(d.ex_date)).collect();
            Sheet::dividends(symbol, &dividends)
        }
    })
}

impl Arguments {
    fn check(&self) -> Result<(), Failure> {
        if self.out.is_none() && self.format == Format::Parquet && std::io::stdout().is_terminal() {
            return Err(Failure::usage("Parquet is binary and this is a terminal").next("name a file with --out, or redirect the output"));
        }
        if self.kind == Kind::Candles && self.timeframe.is_none() {
            return Err(Failure::usage("--timeframe is needed to export candles").next("add, for example, --timeframe 1d"));
        }
        if self.kind != Kind::Candles && (self.timeframe.is_some() || self.adjust != Adjust::Split) {
            return Err(Failure::usage("--timeframe and --adjust are for candles only"));
        }
        let learning = matches!(self.kind, Kind::Features | Kind::Labels | Kind::Signals | Kind::Drift);
        if !learning && self.strategy.is_some() {
            return Err(Failure::usage("--strategy is for features, labels, signals and drift only"));
        }
        if learning && self.include_quarantined {
            let why = "what strategies keep is made of sound bars only";
            return Err(Failure::usage(format!("--include-quarantined is not for them: {why}")));
        }
        if self.kind == Kind::Drift && self.symbol.is_some() {
            return Err(Failure::usage("--symbol is not for drift: it is of all symbols together"));
        }
        if !matches!(self.kind, Kind::Signals | Kind::Drift) && self.symbol.is_none() {
            return Err(Failure::usage(format!("--symbol is needed to export {}", self.words())).next("add, for example, --symbol AAPL"));
        }
        Ok(())
    }

    /// What is asked for, and whether it comes from simulators.
    fn sheet(&self, context: &Context) -> Result<(Sheet, bool), Failure> {
        let inside = |date: NaiveDate| self.has(date);
        match (self.kind, self.symbol) {
            (Kind::Signals, symbol) => export_nights::signals(self.of(), symbol, inside, context),
            (Kind::Drift, _) => export_nights::drift(self.of(), inside, context),
            (Kind::Features, Some(symbol)) => export_learning::features(&self.wanted(symbol), context),
            (_, Some(symbol)) => {
                let reader = Reader::open(&context.database())?;
                Ok((sheet(self, symbol, &reader, context)?, reader.is_demo()?))
            }
            // Refused before.
            (_, None) => Ok((Sheet::default(), false)),
        }
    }

    fn has(&self, date: NaiveDate) -> bool {
        self.from.is_none_or(|f| date >= f) && self.to.is_none_or(|t| date <= t)
    }

    fn of(&self) -> Strategy {
        self.strategy.unwrap_or(Strategy::Turbomode)
    }

    fn wanted(&self, symbol: Symbol) -> Wanted {
        Wanted { symbol, strategy: self.of(), from: self.from, to: self.to }
    }

    const fn words(&self) -> &'static str {
        match self.kind {
            Kind::Candles => "candles",
            Kind::Splits => "splits",
            Kind::Dividends => "dividends",
            Kind::Features => "features",
            Kind::Labels => "labels",
            Kind::Signals => "signals",
            Kind::Drift => "drift",
        }
    }

    fn subject(&self) -> String {
        let timeframe = self.timeframe.map(|t| format!(" {t}")).unwrap_or_default();
        let of = self.symbol.map_or_else(|| self.of().to_string(), |s| s.to_string());
        format!("{} of {of}{timeframe}", self.words())
    }
}
