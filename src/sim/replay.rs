//! Recorded bars from CSV files, served by the simulators in place of generated ones.
//!
//! A file is named `SYMBOL.csv` or `SYMBOL_anything.csv`; its header names the columns. `date` or `datetime`, `open`,
//! `high`, `low`, `close` are needed, `volume` and `adj_close` are used when there, others are ignored. With
//! `adj_close` the prices are taken as traded, the splits and dividends are read off the adjustment factor, and bars
//! are served split-adjusted as of `now`, as a vendor serves them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use chrono::{DateTime, NaiveDate, NaiveDateTime};

use super::market::exchange_date;
use crate::market::calendar::bucket_date;
use crate::market::{Actions, Bars, Calendar, Candle, Dividend, Split, Symbol, Timeframe, date_to_ts, ts_to_date};

/// Why a folder cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The folder or a file in it cannot be read.
    #[error("cannot read {path}: {source}; give --replay a folder of CSV files")]
    Io {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not the CSV we expect.
    #[error("{path}, line {line}: {reason}")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, the header being 1.
        line: u64,
        /// What is wrong with it, and what was expected.
        reason: String,
    },
    /// There is nothing to replay.
    #[error("{0} holds no SYMBOL.csv; a replay needs at least one")]
    Nothing(PathBuf),
}

/// The recorded bars of one symbol, as in the file.
#[derive(Clone, Debug)]
pub struct Recorded {
    timeframe: Timeframe,
    bars: Bars,
    actions: Actions,
}

/// Recordings by symbol.
#[derive(Clone, Debug, Default)]
pub struct Replay {
    symbols: HashMap<Symbol, Recorded>,
}

impl Replay {
    /// Reads every `*.csv` in `dir`. Of two files of one symbol the later name wins.
    pub fn load(dir: &Path) -> Result<Self, ReplayError> {
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| ReplayError::Io { path, source }
        };
        let mut files = Vec::new();
        for entry in std::fs::read_dir(dir).map_err(io(dir))? {
            files.push(entry.map_err(io(dir))?.path());
        }
        files.retain(|p| p.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv")));
        files.sort();
        let mut symbols = HashMap::new();
        for path in files {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            let name = stem.split('_').next().unwrap_or_default();
            let symbol = Symbol::new(name).map_err(|e| ReplayError::Line { path: path.clone(), line: 0, reason: e.to_string() })?;
            symbols.insert(symbol, read::recorded(&path)?);
        }
        if symbols.is_empty() { Err(ReplayError::Nothing(dir.to_owned())) } else { Ok(Self { symbols }) }
    }

    /// The recording of a symbol.
    pub fn get(&self, symbol: Symbol) -> Option<&Recorded> {
        self.symbols.get(&symbol)
    }

    /// The symbols there are recordings of, ascending.
    pub fn symbols(&self) -> Vec<Symbol> {
        let mut all: Vec<Symbol> = self.symbols.keys().copied().collect();
        all.sort();
        all
    }

    /// The stamp of the latest recorded bar, UTC seconds: a simulator's clock set a day past it makes the recording
    /// current.
    pub fn last_ts(&self) -> Option<i64> {
        self.symbols.values().filter_map(|r| r.bars.last()).map(|b| b.ts).max()
    }
}

impl Recorded {
    /// The bar size of the file.
    pub fn timeframe(&self) -> Timeframe {
        self.timeframe
    }

    /// The date of the first bar.
    pub fn first_date(&self) -> Option<NaiveDate> {
        self.bars.first().map(|b| ts_to_date(b.ts))
    }

    /// Bars with `start <= ts < end` that had begun before `now`, in the file's bar size or one that aggregates from
    /// it; none in any other size.
    pub fn bars(&self, calendar: Calendar, timeframe: Timeframe, start: i64, end: i64, now: i64) -> Bars {
        if timeframe != self.timeframe && !timeframe.divisible_by(self.timeframe) {
            return Bars::new();
        }
        let applied = self.actions(calendar, now).splits;
        let mut out: Bars = Vec::new();
        for bar in self.bars.iter().take_while(|b| b.ts < now) {
            let stamp = if timeframe == self.timeframe { Some(bar.ts) } else { calendar.bucket(timeframe, self.timeframe, bar.ts) };
            let Some(ts) = stamp.filter(|&t| t >= start && t < end) else { continue };
            if self.timeframe == Timeframe::D1 && calendar.session_on(ts_to_date(bar.ts)).is_some_and(|s| s.open >= now) {
                break;
            }
            let date = if self.timeframe.is_intraday() { exchange_date(calendar, bar.ts) } else { ts_to_date(bar.ts) };
            let bar = adjusted(bar, &applied, date);
            if let Some(last) = out.last_mut().filter(|last| last.ts == ts) {
                extend(last, &bar);
            } else {
                let is_final = calendar.bar_close(timeframe, ts).is_none_or(|c| c <= now);
                out.push(Candle { ts, is_final, ..bar });
            }
        }
        out
    }

    /// Splits and dividends known at `now`; dividends on the share basis of `now`.
    pub fn actions(&self, calendar: Calendar, now: i64) -> Actions {
        let today = exchange_date(calendar, now);
        let splits: Vec<Split> = self.actions.splits.iter().copied().filter(|s| s.ex_date <= today).collect();
        let dividends = self.actions.dividends.iter().filter(|d| d.ex_date <= today);
        let dividends = dividends.map(|d| Dividend { amount: d.amount / shares(&splits, d.ex_date), ..*d }).collect();
        Actions { splits, dividends }
    }
}

/// Shares of today per share of `date`.
fn shares(splits: &[Split], date: NaiveDate) -> f64 {
    splits.iter().filter(|s| s.ex_date > date).map(Split::ratio).product()
}

fn adjusted(bar: &Candle, splits: &[Split], date: NaiveDate) -> Candle {
    let k = shares(splits, date);
    if k == 1.0 {
        return *bar;
    }
    // Vendors serve adjusted prices to a hundredth of a cent; finer digits would be noise.
    let price = |x: f64| (x / k * 1e4).round() / 1e4;
    Candle {
        open: price(bar.open),
        high: price(bar.high),
        low: price(bar.low),
        close: price(bar.close),
        volume: (bar.volume * k).round(),
        ..*bar
    }
}

fn extend(sum: &mut Candle, bar: &Candle) {
    sum.high = sum.high.max(bar.high);
    sum.low = sum.low.min(bar.low);
    sum.close = bar.close;
    sum.volume += bar.volume;
}

mod read {
    //! Reading one file.

    use super::{
        Actions, Candle, DateTime, Dividend, NaiveDate, NaiveDateTime, Path, Recorded, ReplayError, Split, Timeframe, bucket_date,
        date_to_ts, ts_to_date,
    };

    /// Where the columns are.
    struct Columns {
        time: usize,
        ohlc: [usize; 4],
        volume: Option<usize>,
        adjusted: Option<usize>,
    }

    pub(super) fn recorded(path: &Path) -> Result<Recorded, ReplayError> {
        let fail = |line: u64, reason: String| ReplayError::Line { path: path.to_owned(), line, reason };
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_path(path).map_err(|e| fail(1, e.to_string()))?;
        let columns = columns(reader.headers().map_err(|e| fail(1, e.to_string()))?).map_err(|e| fail(1, e))?;
        let mut rows: Vec<(Candle, Option<f64>)> = Vec::new();
        let mut daily = true;
        for record in reader.records() {
            let record = record.map_err(|e| fail(e.position().map_or(0, csv::Position::line), e.to_string()))?;
            let line = record.position().map_or(0, csv::Position::line);
            let (candle, adjusted, is_date) = row(&record, &columns).map_err(|e| fail(line, e))?;
            if rows.last().is_some_and(|(last, _)| last.ts >= candle.ts) {
                return Err(fail(line, "not later than the line before; sort the file by time".into()));
            }
            daily &= is_date;
            rows.push((candle, adjusted));
        }
        let timeframe = if daily { Timeframe::D1 } else { finest(&rows) };
        let actions = derived_actions(&rows);
        Ok(Recorded { timeframe, bars: rows.into_iter().map(|r| r.0).collect(), actions })
    }

    fn columns(header: &csv::StringRecord) -> Result<Columns, String> {
        let find = |name: &str| header.iter().position(|h| h.eq_ignore_ascii_case(name));
        let need = |name: &str| {
            find(name).ok_or_else(|| format!("no column {name:?}; the header needs date (or datetime), open, high, low, close"))
        };
        let time = find("datetime").map_or_else(|| need("date"), Ok)?;
        Ok(Columns {
            time,
            ohlc: [need("open")?, need("high")?, need("low")?, need("close")?],
            volume: find("volume"),
            adjusted: find("adj_close"),
        })
    }

    fn row(record: &csv::StringRecord, columns: &Columns) -> Result<(Candle, Option<f64>, bool), String> {
        let field = |i: usize| record.get(i).unwrap_or_default();
        let number =
            |i: usize| field(i).parse::<f64>().ok().filter(|x| x.is_finite()).ok_or_else(|| format!("{:?} is not a number", field(i)));
        let (ts, is_date) = instant(field(columns.time))
            .ok_or_else(|| format!("{:?} is neither a date (2013-03-01) nor a time (2013-03-01T14:30:00Z)", field(columns.time)))?;
        let [o, h, l, c] = columns.ohlc;
        let volume = columns.volume.filter(|&i| !field(i).is_empty()).map_or(Ok(f64::NAN), number)?;
        let candle = Candle { ts, open: number(o)?, high: number(h)?, low: number(l)?, close: number(c)?, volume, is_final: true };
        let adjusted = columns.adjusted.map(number).transpose()?;
        Ok((candle, adjusted, is_date))
    }

    /// UTC seconds, and whether the text is a bare date. Times without an offset are UTC.
    fn instant(text: &str) -> Option<(i64, bool)> {
        if let Ok(date) = text.parse::<NaiveDate>() {
            return Some((date_to_ts(date), true));
        }
        let offset = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%:z"));
        if let Ok(time) = offset {
            return Some((time.timestamp(), false));
        }
        let formats = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"];
        let plain = formats.iter().find_map(|f| NaiveDateTime::parse_from_str(text, f).ok());
        plain.map(|t| (t.and_utc().timestamp(), false))
    }

    /// The coarsest bar size that steps evenly into every step of the file.
    fn finest(rows: &[(Candle, Option<f64>)]) -> Timeframe {
        let step = rows.windows(2).map(|w| w[1].0.ts - w[0].0.ts).min().unwrap_or(60);
        Timeframe::ALL.into_iter().rev().find(|t| t.is_intraday() && t.seconds() <= step).unwrap_or(Timeframe::M1)
    }

    /// Reads splits and dividends off the adjustment factor `adj_close / close`, which falls going back over an
    /// ex-date: by the ratio over a split, by `1 - D / P` over a dividend D after a close of P (the CRSP rule).
    fn derived_actions(rows: &[(Candle, Option<f64>)]) -> Actions {
        let mut actions = Actions::default();
        for pair in rows.windows(2) {
            let ((before, Some(a0)), (after, Some(a1))) = (pair[0], pair[1]) else { continue };
            let step = (a0 / before.close) / (a1 / after.close);
            let ex_date = bucket_date(Timeframe::D1, ts_to_date(after.ts));
            if let Some((numerator, denominator)) = split_ratio(1.0 / step) {
                actions.splits.push(Split { ex_date, numerator, denominator });
            } else if step < 1.0 - 1e-5 {
                // Amounts are declared to the tenth of a cent at the finest; the rest is rounding of adj_close.
                let amount = ((1.0 - step) * before.close * 1e4).round() / 1e4;
                if amount >= 0.001 {
                    actions.dividends.push(Dividend { ex_date, amount });
                }
            }
        }
        actions
    }

    /// A common ratio within one percent of `r`.
    fn split_ratio(r: f64) -> Option<(f64, f64)> {
        let whole = (2..=20).map(|n| (f64::from(n), 1.0));
        let reverse = (2..=20).map(|n| (1.0, f64::from(n)));
        let other = [(3.0, 2.0), (5.0, 4.0), (5.0, 2.0)];
        whole.chain(reverse).chain(other).find(|(n, d)| (r / (n / d) - 1.0).abs() < 0.01)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn times_with_and_without_offsets() {
            assert_eq!(instant("1970-01-02"), Some((86_400, true)));
            assert_eq!(instant("1970-01-01T01:00:00+01:00"), Some((0, false)));
            assert_eq!(instant("1970-01-01 00:01"), Some((60, false)));
            assert_eq!(instant("yesterday"), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wiki() -> Replay {
        Replay::load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/wiki"))).unwrap()
    }

    fn d(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn the_public_domain_files_are_served_split_adjusted() {
        let replay = wiki();
        assert_eq!(replay.symbols().len(), 2);
        let aapl = replay.get(Symbol::new("AAPL").unwrap()).unwrap();
        let now = date_to_ts(d("2013-03-02"));
        let bars = aapl.bars(Calendar::Xnys, Timeframe::D1, 0, now, now);
        assert_eq!(bars.len(), 3270);
        // 2000-03-01 closed at 130.31 before two splits of 2:1.
        assert_eq!(bars[0].close, 32.5775);
        assert_eq!(bars[0].volume, 9_616_100.0 * 4.0);
        assert!(bars.windows(2).all(|w| (w[1].close / w[0].close).ln().abs() < 0.75));
        let splits = aapl.actions(Calendar::Xnys, now).splits;
        let dates: Vec<(NaiveDate, f64)> = splits.iter().map(|s| (s.ex_date, s.ratio())).collect();
        assert_eq!(dates, [(d("2000-06-21"), 2.0), (d("2005-02-28"), 2.0)]);
        assert!(aapl.bars(Calendar::Xnys, Timeframe::M1, 0, now, now).is_empty());
        let months = aapl.bars(Calendar::Xnys, Timeframe::Mo1, 0, now, now);
        assert_eq!(months.len(), 13 * 12 + 1);
    }

    #[test]
    fn a_split_to_come_is_not_applied_yet() {
        let replay = wiki();
        let msft = replay.get(Symbol::new("MSFT").unwrap()).unwrap();
        let now = date_to_ts(d("2003-02-15"));
        let before = msft.bars(Calendar::Xnys, Timeframe::D1, 0, now, now);
        assert_eq!(before[0].close, 90.81);
        let special = msft.actions(Calendar::Xnys, date_to_ts(d("2004-12-01"))).dividends.into_iter().find(|d| d.amount > 1.0);
        let special = special.unwrap();
        assert_eq!(special.ex_date, d("2004-11-15"));
        assert!((special.amount - 3.0).abs() < 0.1, "{special:?}");
    }

    #[test]
    fn bad_files_name_their_line() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Replay::load(dir.path()), Err(ReplayError::Nothing(_))));
        let path = dir.path().join("ABC.csv");
        std::fs::write(&path, "date,open,high,low,close\n2020-01-02,1,2,1,1\n2020-01-03,1,x,1,1\n").unwrap();
        assert!(matches!(Replay::load(dir.path()), Err(ReplayError::Line { line: 3, .. })));
        std::fs::write(&path, "date,open,high,close\n").unwrap();
        assert!(Replay::load(dir.path()).unwrap_err().to_string().contains("no column \"low\""));
        std::fs::write(&path, "datetime,open,high,low,close\n2020-01-02 14:30:00,1,2,1,1\n2020-01-02 14:35:00,1,2,1,1\n").unwrap();
        let replay = Replay::load(dir.path()).unwrap();
        assert_eq!(replay.get(Symbol::new("ABC").unwrap()).unwrap().timeframe(), Timeframe::M5);
    }
}
