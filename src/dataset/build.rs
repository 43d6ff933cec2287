//! Making the data set: features up to date, rows of each symbol, rows from aside, and the summary.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;
use rayon::prelude::*;
use tokio_util::sync::CancellationToken;

use super::kept::Kept;
use super::samples::{Samples, SymbolRows};
use super::summary::{self, Archived, BlockSize, Dropped, Group, Summary, Without};
use super::symbol::{self, Made, Source};
use super::tracking::{self, Sector};
use super::{DataSet, archive};
use crate::config::strategy::{MissingMarket, StrategySettings, ThinAlert, UpdateTime};
use crate::features::bars::forward_adjusted;
use crate::features::nightly::{self, Desk, NightError, NoFeatures};
use crate::features::{Feature, Needs, definition_hash, registry};
use crate::labels::splits::{self, SplitError, Splits};
use crate::market::{AssetClass, Calendar, DAY, DailyBars, Instrument, Regime, Strategy, Symbol, Universe, date_to_ts};
use crate::store::StoreError;
use crate::store::master::ReadPool;
use crate::store::model::{FeatureColumns, ModelDb, RareEvent, Sample, SectorStats, Shortage};

/// What a data set is made of, and who is told.
pub struct Order<'a> {
    /// Whose data set.
    pub strategy: Strategy,
    /// Its rules.
    pub rules: &'a StrategySettings,
    /// Its symbols.
    pub universe: &'a Universe,
    /// The market data.
    pub master: &'a ReadPool,
    /// A training run makes it: see [`UpdateTime`].
    pub training: bool,
    /// The time now, UTC seconds.
    pub now: i64,
    /// Hears of steps done and of all steps of a phase.
    pub progress: &'a (dyn Fn(Phase, usize, usize) + Sync),
    /// Ends the work within a second and leaves what is stored as it was.
    pub stop: &'a CancellationToken,
}

/// A part of the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[strum(serialize_all = "snake_case")]
pub enum Phase {
    /// Features are brought up to date.
    Features,
    /// Rows are labelled, symbol by symbol.
    Rows,
}

/// Why there is no data set.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The features could not be brought up to date, or it was told to stop.
    #[error(transparent)]
    Features(#[from] NightError),
    /// A database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An ingest wrote at the same time.
    #[error("the daily bars changed while rows were made of them; run again when the ingest has ended")]
    Changed,
    /// The rules leave nothing to learn from.
    #[error("no feature is left: [features] names those that need the market only, and missing_market leaves them out")]
    NoFeature,
}

/// One symbol on its way into the data set.
#[derive(Default)]
struct Part {
    bars: DailyBars,
    made: Made,
    rare: Vec<RareEvent>,
    without: Option<String>,
}

/// Makes the data set of a strategy from what is stored now. Blocks, and uses all cores.
pub fn build(db: &mut ModelDb, order: &Order<'_>) -> Result<DataSet, DatasetError> {
    let rules = order.rules;
    let used: Vec<&Feature> = registry().iter().filter(|f| is_used(f, rules)).collect();
    if used.is_empty() {
        return Err(DatasetError::NoFeature);
    }
    let instruments = &order.universe.instruments;
    let told = |done, all| (order.progress)(Phase::Features, done, all);
    let desk = Desk {
        master: order.master,
        instruments,
        benchmark: rules.features.benchmark,
        dividends: rules.features.uses_dividends(),
        progress: &told,
        rows: nightly::ROWS,
        stop: order.stop,
    };
    let features = nightly::bring_up_to_date(db, &desk, false)?;
    let mut parts = parts(db, order, &used)?;
    if nightly::snapshot_id(&desk)? != features.snapshot {
        return Err(DatasetError::Changed);
    }
    let symbols: Vec<Symbol> = instruments.iter().map(|i| i.symbol).collect();
    let rows: Vec<SymbolRows> = parts.iter_mut().map(|p| std::mem::take(&mut p.made.rows)).collect();
    let samples = Samples::gather(symbols, used.len(), &rows);
    drop(rows);
    let sessions = sessions(&samples, instruments);
    let splits = splits::plan(&samples.lifetimes(), &sessions, &rules.validation);
    let (archive, archived) = rare_events(db, order, &mut parts, &sessions, &used)?;
    let replay: Vec<Kept> = db.reader().replay_errors()?.iter().filter_map(|e| Kept::of_error(e, &used, definition_hash())).collect();
    let mut summary = summarise(order, &samples, &parts, &splits, features.snapshot);
    (summary.features, summary.archive, summary.replay) = (used.len(), archived, replay.len());
    put_sector_stats(db, &summary, &samples, instruments)?;
    let alert = rules.sector_symbol_tracking.alert;
    db.put_shortage(tracking::summary(&summary.thin).map(|text| Shortage { alert, text }).as_ref())?;
    tell(&summary, rules);
    let bars = parts.into_iter().map(|p| p.bars).collect();
    let columns = used.iter().map(|f| f.index).collect();
    Ok(DataSet { samples, bars, columns, sessions, splits: splits.ok(), archive, replay, summary })
}

fn is_used(feature: &Feature, rules: &StrategySettings) -> bool {
    let features = &rules.features;
    features.uses(feature) && (feature.needs == Needs::None || features.missing_market == MissingMarket::DropRows)
}

/// What each symbol gives, in the order of the universe. The strategy's database has one connection, so symbols are read
/// in turn and worked on together, a few at a time to bound the memory.
fn parts(db: &ModelDb, order: &Order<'_>, used: &[&Feature]) -> Result<Vec<Part>, DatasetError> {
    let instruments = &order.universe.instruments;
    let mut parts = Vec::with_capacity(instruments.len());
    for chunk in instruments.chunks(2 * rayon::current_num_threads()) {
        if order.stop.is_cancelled() {
            return Err(NightError::Stopped.into());
        }
        let read = |i: &Instrument| nightly::read_features(db.reader(), i.symbol, (i64::MIN, i64::MAX));
        let features = chunk.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let made = chunk.par_iter().zip(features).map(|(instrument, features)| part(order, instrument, &features, used));
        parts.extend(made.collect::<Result<Vec<_>, _>>()?);
        (order.progress)(Phase::Rows, parts.len(), instruments.len());
    }
    Ok(parts)
}

fn part(order: &Order<'_>, instrument: &Instrument, features: &FeatureColumns, used: &[&Feature]) -> Result<Part, DatasetError> {
    let (state, candles) = order.master.ask(|reader| reader.daily(instrument.symbol, i64::MIN))?;
    if let Some(why) = state.unusable {
        return Ok(Part { without: Some(NoFeatures::Blocked(why).to_string()), ..Part::default() });
    }
    let dividends = if order.rules.features.uses_dividends() { &state.dividends[..] } else { &[] };
    let bars = forward_adjusted(&candles, dividends, 1.0).bars;
    if bars.is_empty() {
        return Ok(Part { without: Some(NoFeatures::NoBars.to_string()), ..Part::default() });
    }
    if !features.ts.iter().copied().eq(bars.date.iter().map(|d| date_to_ts(*d))) {
        return Err(DatasetError::Changed);
    }
    let made = symbol::rows(&Source { bars: &bars, features, calendar: instrument.calendar() }, used, order.rules);
    let without = made.rows.rows.is_empty().then(|| "no bar gives a row".to_owned());
    let event = |&(row, rarity): &(usize, archive::Rarity)| {
        let row = &made.rows.rows[row];
        RareEvent {
            sample: Sample {
                symbol: instrument.symbol,
                date: row.date,
                label_end: row.label_end,
                class: row.class.index() as u8,
                regime: row.regime.name().to_owned(),
                features: features.columns.iter().map(|c| c[row.bar as usize]).collect(),
                definition: definition_hash().to_owned(),
            },
            kind: rarity.kind.to_owned(),
            magnitude: rarity.magnitude,
            archived_at: order.now,
        }
    };
    let rare = made.rare.iter().map(event).collect();
    Ok(Part { bars, made, rare, without })
}

/// The sessions from the first row to the last: those of shares where there are any.
fn sessions(samples: &Samples, instruments: &[Instrument]) -> Vec<NaiveDate> {
    let (Some(&first), Some(&last)) = (samples.date.first(), samples.date.last()) else { return Vec::new() };
    let shares = samples.symbol.iter().any(|&s| instruments[s as usize].asset == AssetClass::Stock);
    let calendar = if shares { Calendar::Xnys } else { Calendar::Continuous };
    let around = calendar.sessions(date_to_ts(first) - DAY, date_to_ts(last) + 2 * DAY);
    around.map(|s| s.date).filter(|d| (first..=last).contains(d)).collect()
}

/// Brings the archive up to date, and gives what of it may be mixed in.
fn rare_events(
    db: &mut ModelDb,
    order: &Order<'_>,
    parts: &mut [Part],
    sessions: &[NaiveDate],
    used: &[&Feature],
) -> Result<(Vec<Kept>, Archived), DatasetError> {
    let rules = order.rules;
    let stored = db.reader().rare_events()?;
    let found: Vec<RareEvent> = parts.iter_mut().flat_map(|p| std::mem::take(&mut p.rare)).collect();
    let change = match rules.dynamic_archive_updates.when {
        UpdateTime::Training if !order.training => archive::Change::default(),
        _ => archive::update(&stored, &found, sessions, &rules.rare_event_archive, &rules.dynamic_archive_updates),
    };
    let mut archived = Archived { added: change.taken.len(), gone: change.gone.len(), ..Archived::default() };
    if change != archive::Change::default() {
        db.update_archive(&change.gone, &change.taken)?;
    }
    let kept = db.reader().rare_events()?;
    let usable: Vec<Kept> = kept.iter().filter_map(|e| Kept::of_event(e, used, definition_hash())).collect();
    (archived.kept, archived.usable) = (kept.len(), usable.len());
    Ok((usable, archived))
}

fn summarise(order: &Order<'_>, samples: &Samples, parts: &[Part], splits: &Result<Splits, SplitError>, snapshot: String) -> Summary {
    let instruments = &order.universe.instruments;
    let sector_of: Vec<&str> = instruments.iter().map(|i| i.sector.as_str()).collect();
    let sectors: Vec<&str> = sector_of.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let sector_at = |row: usize| sectors.binary_search(&sector_of[samples.symbol[row] as usize]).unwrap_or(0);
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let by_sector = summary::groups(samples, names(&sectors), sector_at);
    let by_symbol = summary::groups(samples, instruments.iter().map(|i| i.symbol.to_string()), |row| samples.symbol[row] as usize);
    let by_regime = summary::groups(samples, Regime::ALL.map(|r| r.name().to_owned()), |row| samples.regime[row] as usize);
    let with_rows = |sector: &str| sector_of.iter().zip(&by_symbol).filter(|(s, g)| **s == sector && g.rows > 0).count();
    let measured: Vec<Sector<'_>> = by_sector.iter().map(|group| Sector { group, symbols: with_rows(&group.name) }).collect();
    let thin = tracking::thin(&measured, &by_symbol, &order.rules.sector_symbol_tracking);
    let mut dropped: BTreeMap<Dropped, u64> = BTreeMap::new();
    for (why, rows) in parts.iter().flat_map(|p| &p.made.dropped) {
        *dropped.entry(why.clone()).or_default() += rows;
    }
    let size = |b: &splits::Block| BlockSize {
        first: b.first,
        last: b.last,
        bound: b.bound,
        train: b.train.len(),
        purged: b.purged,
        test: b.test.len(),
    };
    Summary {
        strategy: order.strategy,
        config_version: order.rules.metadata.version,
        snapshot,
        definition: definition_hash().to_owned(),
        features: samples.width,
        dates: samples.date.first().copied().zip(samples.date.last().copied()),
        bars: parts.iter().map(|p| p.bars.len() as u64).sum(),
        all: summary::groups(samples, ["all".to_owned()], |_| 0).pop().unwrap_or_default(),
        emphasis: summary::emphasis(&by_regime, order.rules),
        regimes: by_regime,
        sectors: by_sector,
        symbols: by_symbol,
        dropped: summary::drop_counts(dropped),
        without: instruments.iter().zip(parts).filter_map(|(i, p)| Some(Without { symbol: i.symbol, why: p.without.clone()? })).collect(),
        thin,
        archive: Archived::default(),
        replay: 0,
        blocks: splits.iter().flat_map(|s| s.blocks.iter().chain([&s.holdout])).map(size).collect(),
        no_blocks: splits.as_ref().err().map(ToString::to_string),
    }
}

/// Stores what each sector has to offer. What came of signals of that date, if stored, stays.
fn put_sector_stats(db: &mut ModelDb, summary: &Summary, samples: &Samples, instruments: &[Instrument]) -> Result<(), StoreError> {
    let Some(&date) = samples.date.last() else { return Ok(()) };
    let stored = db.reader().sector_stats()?;
    let of = |group: &Group| {
        let before = stored.iter().find(|s| s.date == date && s.sector == group.name);
        let in_sector = |s: &&Group| instruments.iter().any(|i| i.sector == group.name && i.symbol.as_str() == s.name);
        SectorStats {
            date,
            sector: group.name.clone(),
            symbols: summary.symbols.iter().filter(|s| s.rows > 0).filter(in_sector).count() as u32,
            samples: group.classes,
            signals: before.map_or(0, |s| s.signals),
            wins: before.map_or(0, |s| s.wins),
            net_return: before.and_then(|s| s.net_return),
        }
    };
    db.put_sector_stats(&summary.sectors.iter().map(of).collect::<Vec<_>>())
}

fn tell(summary: &Summary, rules: &StrategySettings) {
    let (strategy, rows, n_eff) = (summary.strategy.name(), summary.all.rows, summary.all.n_eff.round());
    tracing::info!(target: "dataset", strategy, rows, n_eff, snapshot = summary.snapshot, "The data set is made");
    let thin = summary.thin.len();
    let Some(first) = summary.thin.first().map(super::Thin::sentence) else { return };
    match rules.sector_symbol_tracking.alert {
        ThinAlert::Off => {}
        ThinAlert::Warn => tracing::warn!(target: "dataset", strategy, thin, first, "Some sectors or symbols are thin"),
        ThinAlert::Bad => tracing::error!(target: "dataset", strategy, thin, first, "Some sectors or symbols are thin"),
    }
}
