//! A strategy's scan, from the stored bars to signals on record.

use std::collections::HashMap;

use chrono::{NaiveDate, TimeDelta};

use super::decide::Night;
use super::eligible::due;
use super::order::{WatchError, WatchOrder};
use super::outcomes::Settling;
use crate::dataset::recent::Recent;
use crate::market::{AssetClass, Calendar, Series, Timeframe, Universe};
use crate::store::StoreError;
use crate::store::model::{ModelDb, Scan, SignalChange};
use crate::train::models::Compute;
use crate::train::registry::ModelFolder;

/// Days of features that are read: the newest bar is among them, holidays and a late start of a month included.
const READ_DAYS: i64 = 14;

/// What a scan came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Scanned {
    /// As it is recorded.
    pub scan: Scan,
    /// Signals that it settled, and those that it found void.
    pub settled: (u32, u32),
}

/// Does the scan of a night. Blocks, and uses all cores.
pub fn scan(db: &mut ModelDb, order: &WatchOrder<'_>) -> Result<Scanned, WatchError> {
    let now = order.clock.now();
    let session = due(session_calendar(order.universe), now);
    let recent = Recent::read(db, &order.reading(), session - TimeDelta::days(READ_DAYS))?;
    let settled = settle(db, order, &recent, now)?;
    let folder = ModelFolder::new(order.data_dir, order.strategy);
    let open: HashMap<_, _> = db.reader().open_signals()?.into_iter().map(|s| (s.signal.symbol, s.signal.date)).collect();
    let night = Night { order, recent: &recent, open: &open, compute: Compute::processor(rayon::current_num_threads()), session, now };
    let (scan, said, signals) = night.work(db.reader(), &folder)?;
    if order.stop.is_cancelled() {
        return Err(WatchError::Stopped);
    }
    db.put_scan(&scan, &said, &signals, &recent.snapshot)?;
    db.refresh_sector_outcomes(session)?;
    tracing::info!(
        target: "scan", strategy = %order.strategy, session = %session, model = scan.model_id, kind = %scan.kind, eligible = scan.eligible,
        signals = scan.signals, settled = settled.0, "The scan is done"
    );
    Ok(Scanned { scan, settled })
}

/// The calendar that sessions of a universe are counted in: that of shares where there are any.
pub fn session_calendar(universe: &Universe) -> Calendar {
    let shares = universe.instruments.iter().any(|i| i.asset == AssetClass::Stock);
    if shares { Calendar::Xnys } else { Calendar::Continuous }
}

/// Settles what can be settled, and gives how many were and how many are void.
fn settle(db: &mut ModelDb, order: &WatchOrder<'_>, recent: &Recent, now: i64) -> Result<(u32, u32), StoreError> {
    let instruments = &order.universe.instruments;
    let newest = |calendar: Calendar| {
        let same = instruments.iter().zip(&recent.symbols).filter(|(i, _)| i.calendar() == calendar);
        same.filter_map(|(_, s)| s.adjusted.bars.date.last().copied()).max().unwrap_or(NaiveDate::MIN)
    };
    let mut changes = Vec::new();
    for signal in db.reader().open_signals()? {
        let Some(at) = instruments.iter().position(|i| i.symbol == signal.signal.symbol) else {
            let reason = format!("{} left the universe", signal.signal.symbol);
            changes.push((signal.signal_id, SignalChange::Void { reason }));
            continue;
        };
        let calendar = instruments[at].calendar();
        let series = Series { symbol: signal.signal.symbol, timeframe: Timeframe::D1 };
        let hidden = order.master.ask(|reader| reader.quarantined_spans(series))?;
        let settling = Settling { symbol: &recent.symbols[at], calendar, hidden: &hidden, known: newest(calendar), now };
        changes.push((signal.signal_id, settling.settle(&signal)));
    }
    db.change_signals(&changes)?;
    let count = |of: fn(&SignalChange) -> bool| changes.iter().filter(|(_, c)| of(c)).count() as u32;
    Ok((count(|c| matches!(c, SignalChange::Settled { .. })), count(|c| matches!(c, SignalChange::Void { .. }))))
}
