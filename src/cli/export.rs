//! `nightdesk export`: stored data as CSV, Parquet or JSON.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use clap::{Args, ValueEnum};

use super::export_learning::{self, Wanted};
use super::output::{self, count};
use super::{Context, Exit, Failure, strategy};
use crate::export::{self as house, AtomicFile, Sheet};
use crate::market::{DAY, Series, Strategy, Symbol, Timeframe, date_to_ts};
use crate::store::master::{Adjustment, CandleQuery, Reader, Span};

/// Export candles, splits, dividends, or the features and labels of a strategy
#[derive(Debug, Args)]
pub struct Arguments {
    /// What to export
    #[arg(value_enum)]
    kind: Kind,
    /// Symbol in Yahoo's spelling, such as AAPL or BTC-USD
    #[arg(long, value_name = "S")]
    symbol: Symbol,
    /// Bar size of candles
    #[arg(long, value_name = "T")]
    timeframe: Option<Timeframe>,
    /// Price basis: split-adjusted, as traded, or adjusted for splits and dividends
    #[arg(long, value_enum, default_value_t)]
    adjust: Adjust,
    /// Whose features or labels [default: turbomode]
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
    let (sheet, is_demo) = if arguments.kind == Kind::Features {
        export_learning::features(&arguments.wanted(), context)?
    } else {
        let reader = Reader::open(&context.database())?;
        (sheet(arguments, &reader, context)?, reader.is_demo()?)
    };
    if sheet.rows() == 0 {
        let made = if arguments.kind == Kind::Features { "make them with `nightdesk features build`" } else { "ingest or import it first" };
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

fn sheet(arguments: &Arguments, reader: &Reader, context: &Context) -> Result<Sheet, Failure> {
    let symbol = arguments.symbol;
    let inside = |date: NaiveDate| arguments.from.is_none_or(|f| date >= f) && arguments.to.is_none_or(|t| date <= t);
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
        (Kind::Candles, None) | (Kind::Features, _) => Sheet::default(),
        (Kind::Labels, _) => export_learning::labels(&arguments.wanted(), reader, context)?,
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
        let learning = matches!(self.kind, Kind::Features | Kind::Labels);
        if !learning && self.strategy.is_some() {
            return Err(Failure::usage("--strategy is for features and labels only"));
        }
        if learning && self.include_quarantined {
            let why = "features and labels are made of sound bars only";
            return Err(Failure::usage(format!("--include-quarantined is not for them: {why}")));
        }
        Ok(())
    }

    fn wanted(&self) -> Wanted {
        let strategy = self.strategy.unwrap_or(Strategy::Turbomode);
        Wanted { symbol: self.symbol, strategy, from: self.from, to: self.to }
    }

    fn subject(&self) -> String {
        let kind = match self.kind {
            Kind::Candles => "candles",
            Kind::Splits => "splits",
            Kind::Dividends => "dividends",
            Kind::Features => "features",
            Kind::Labels => "labels",
        };
        let timeframe = self.timeframe.map(|t| format!(" {t}")).unwrap_or_default();
        format!("{kind} of {}{timeframe}", self.symbol)
    }
}
