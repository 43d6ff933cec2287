//! From what the database keeps of scans and signals to what panes and pages show.

use std::collections::{BTreeMap, HashMap};

use chrono::{NaiveDate, TimeDelta};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::labels::Class;
use crate::market::{DAY, Series, Strategy, Symbol, Timeframe, Universe, date_to_ts, ts_to_date};
use crate::scan::night::session_calendar;
use crate::scan::outcomes::side;
use crate::scan::views::{OutcomeView, ScannedSymbol, SectorRow, Settled, SignalDetail, SignalRow, SignalState, SignalsPage, SignalsView};
use crate::store::StoreError;
use crate::store::master::{CandleQuery, ReadPool, Span};
use crate::store::model::{ModelReader, NightPrediction, Scan, ScanKind, SettledSum, StoredOutcome, StoredSignal};

/// What is said of a strategy that was never scanned.
pub(super) const NO_SCAN: &str = "no scan yet; `nightdesk scan` does one";
/// Open signals that the first screen shows, and sessions whose outcomes it adds up.
const SHOWN: usize = 20;
const SETTLED_SESSIONS: usize = 60;
/// Days of closes before the decision that a signal's page shows.
const BEFORE_DAYS: i64 = 60;

/// What views are made of.
pub(super) struct Pages<'a> {
    pub strategy: Strategy,
    pub universe: &'a Universe,
    pub master: &'a ReadPool,
    /// UTC seconds.
    pub now: i64,
}

/// The signals of a strategy, in short.
pub(super) fn view(reader: &ModelReader, pages: &Pages<'_>) -> Result<SignalsView, StoreError> {
    let Some(scan) = reader.newest_scan()? else { return Ok(SignalsView::unscanned(pages.strategy, NO_SCAN)) };
    let mut open = reader.open_signals()?;
    open.reverse();
    let shown = open.iter().take(SHOWN).map(|s| pages.row(s)).collect::<Result<_, _>>()?;
    Ok(SignalsView {
        strategy: pages.strategy,
        session: Some(scan.date),
        at: Some(scan.made_at),
        model_id: scan.model_id,
        paper: scan.kind == ScanKind::Shadow,
        symbols: scan.symbols,
        eligible: scan.eligible,
        new: scan.signals,
        open: open.len() as u32,
        shown,
        settled: pages.settled(reader)?,
        words: scan.words,
    })
}

/// At most `limit` signals and the newest scan.
pub(super) fn page(reader: &ModelReader, pages: &Pages<'_>, limit: usize) -> Result<SignalsPage, StoreError> {
    let signals = reader.signals(limit)?.iter().map(|s| pages.row(s)).collect::<Result<_, _>>()?;
    let scanned = match reader.newest_scan()? {
        Some(scan) => pages.scanned(reader, &scan)?,
        None => Vec::new(),
    };
    Ok(SignalsPage { view: view(reader, pages)?, signals, scanned })
}

/// Everything about one signal.
pub(super) fn detail(reader: &ModelReader, pages: &Pages<'_>, signal_id: i64) -> Result<Option<SignalDetail>, StoreError> {
    let Some(stored) = reader.signal(signal_id)? else { return Ok(None) };
    let row = pages.row(&stored)?;
    let from = date_to_ts(row.date - TimeDelta::days(BEFORE_DAYS));
    let to = row.outcome.as_ref().map_or(i64::MAX, |o| date_to_ts(o.exit_date) + 1);
    let series = Series { symbol: row.symbol, timeframe: Timeframe::D1 };
    let bars = pages.master.ask(|r| r.candles(&CandleQuery::new(series, Span::Range(from, to))))?;
    Ok(Some(SignalDetail {
        strategy: pages.strategy,
        contributions: list(&stored.signal.contributions),
        cases: list(&stored.signal.cases),
        closes: bars.ts.iter().zip(&bars.close).map(|(ts, close)| (ts_to_date(*ts), *close)).collect(),
        row,
    }))
}

/// The sectors of the universe by name.
pub(super) fn sectors(reader: Option<&ModelReader>, pages: &Pages<'_>) -> Result<Vec<SectorRow>, StoreError> {
    let (mut stats, mut signals, mut leans) = (Vec::new(), BTreeMap::new(), HashMap::new());
    if let Some(reader) = reader {
        (stats, signals) = (reader.sector_stats()?, reader.signals_by_sector()?);
        if let Some(scan) = reader.newest_scan()? {
            leans = answers(reader, &scan, pages.universe)?.into_values().map(|p| (p.symbol, p.p[2] - p.p[0])).collect();
        }
    }
    let mut of: BTreeMap<&str, Vec<Symbol>> = BTreeMap::new();
    for instrument in &pages.universe.instruments {
        of.entry(&instrument.sector).or_default().push(instrument.symbol);
    }
    let row = |(sector, symbols): (&str, Vec<Symbol>)| {
        let known: Vec<f64> = symbols.iter().filter_map(|s| leans.get(s).copied()).collect();
        let (open, sum) = signals.get(sector).copied().unwrap_or_default();
        SectorRow {
            sector: sector.to_owned(),
            symbols: symbols.len() as u32,
            samples: stats.iter().find(|s| s.sector == sector).map(|s| s.samples),
            open,
            settled: settled(sum),
            lean: (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64),
        }
    };
    Ok(of.into_iter().map(row).collect())
}

impl Pages<'_> {
    /// Outcomes of the last sessions.
    fn settled(&self, reader: &ModelReader) -> Result<Settled, StoreError> {
        let calendar = session_calendar(self.universe);
        let last = calendar.last_closed(self.now).map_or(NaiveDate::MIN, |s| s.date);
        // Twice as many days hold that many sessions of any exchange.
        let from = date_to_ts(last) - 2 * SETTLED_SESSIONS as i64 * DAY;
        let around = calendar.sessions(from, date_to_ts(last) + DAY);
        let dates: Vec<NaiveDate> = around.map(|s| s.date).filter(|d| *d <= last).collect();
        let since = dates.len().checked_sub(SETTLED_SESSIONS).and_then(|n| dates.get(n).copied()).unwrap_or(NaiveDate::MIN);
        Ok(settled(reader.settled_since(since)?))
    }

    fn scanned(&self, reader: &ModelReader, scan: &Scan) -> Result<Vec<ScannedSymbol>, StoreError> {
        let said = answers(reader, scan, self.universe)?;
        let of = |i: &crate::market::Instrument| {
            let p = said.get(&i.symbol);
            ScannedSymbol {
                symbol: i.symbol,
                sector: i.sector.clone(),
                p: p.map(|p| p.p),
                decision: p.and_then(|p| class(p.decision)),
                lift: p.map(|p| p.edge),
                regime: p.map(|p| p.regime.clone()),
                why_none: scan.why_none.get(i.symbol.as_str()).cloned(),
            }
        };
        Ok(self.universe.instruments.iter().map(of).collect())
    }

    fn row(&self, stored: &StoredSignal) -> Result<SignalRow, StoreError> {
        let (signal, said) = (&stored.signal, &stored.prediction);
        let state = stored.state.parse().unwrap_or(SignalState::Void);
        let middle = stored.entry.unwrap_or(signal.close);
        let half = signal.half_width * signal.close;
        Ok(SignalRow {
            signal_id: stored.signal_id,
            model_id: stored.model_id,
            symbol: signal.symbol,
            sector: signal.sector.clone(),
            date: signal.date,
            side: side(stored),
            p: said.p,
            lift: said.edge,
            regime: said.regime.clone(),
            close: signal.close,
            entry: stored.entry,
            lower: middle - half,
            upper: middle + half,
            horizon_end: signal.horizon_end,
            state,
            last: if state == SignalState::Open { self.newest_close(signal.symbol)? } else { None },
            outcome: stored.outcome.as_ref().map(outcome),
            void: stored.void.clone(),
        })
    }

    fn newest_close(&self, symbol: Symbol) -> Result<Option<f64>, StoreError> {
        let series = Series { symbol, timeframe: Timeframe::D1 };
        let bars = self.master.ask(|r| r.candles(&CandleQuery::new(series, Span::Last(1))))?;
        Ok(bars.close.last().copied())
    }
}

/// What the model of a scan said of each symbol in it. A coin's day may be the one before the session's; an older answer is that of
/// another night.
fn answers(reader: &ModelReader, scan: &Scan, universe: &Universe) -> Result<HashMap<Symbol, NightPrediction>, StoreError> {
    let Some(model_id) = scan.model_id else { return Ok(HashMap::new()) };
    let calendar = session_calendar(universe);
    let of_night = |p: &NightPrediction| p.date >= scan.date || universe.get(p.symbol).is_some_and(|i| i.calendar() != calendar);
    let said = reader.newest_predictions(model_id, scan.date - TimeDelta::days(1))?;
    Ok(said.into_iter().filter(of_night).map(|p| (p.symbol, p)).collect())
}

fn settled(sum: SettledSum) -> Settled {
    Settled { signals: sum.signals, wins: sum.wins, net: sum.net }
}

fn class(index: u8) -> Option<Class> {
    Class::ALL.get(usize::from(index)).copied()
}

fn outcome(o: &StoredOutcome) -> OutcomeView {
    OutcomeView {
        settled_at: o.settled_at,
        class: o.class.and_then(class),
        reason: o.reason,
        exit_date: o.exit_date,
        exit_price: o.exit_price,
        bars_held: o.bars_held,
        gross: o.gross,
        cost: o.cost,
        net: o.net,
    }
}

/// A list that an older program may have stored in another form: then there is nothing to show.
fn list<T: DeserializeOwned>(value: &Value) -> Vec<T> {
    serde_json::from_value(value.clone()).unwrap_or_default()
}
