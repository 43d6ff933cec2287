//! Making the data set: features up to date, rows of each symbol, rows from aside, and the summary.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::NaiveDate;
use rayon::prelude::*;
use tokio_util::sync::CancellationToken;

use super::DataSet;
use super::archive::Rarity;
use super::aside;
use super::samples::{Row, Samples, SymbolRows};
use super::summary::{self, Archived, BlockSize, Dropped, Group, Summary, Without};
use super::symbol::{self, Made, Source};
use super::tracking::{self, Sector};
use crate::config::strategy::{MissingMarket, StrategySettings, ThinAlert};
use crate::features::bars::forward_adjusted;
use crate::features::nightly::{self, Desk, NightError, NoFeatures};
use crate::features::{Feature, Needs, definition_hash, registry};
use crate::labels::splits::{self, SplitError, Splits};
use crate::market::{AssetClass, Calendar, DAY, DailyBars, Instrument, Regime, Strategy, Symbol, Universe, date_to_ts};
use crate::store::StoreError;
use crate::store::master::ReadPool;
use crate::store::model::{FeatureColumns, ModelDb, RareEvent, ReplayError, Sample, SectorStats, Shortage};

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
    /// A training run makes it: see [`crate::config::strategy::UpdateTime`].
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
    /// Bars made up to try a pipeline on could not be turned into rows.
    #[error("the features of a random walk could not be computed: {0}")]
    Walk(String),
    /// The rules leave nothing to learn from.
    #[error("no feature is left: [features] names those that need the market only, and missing_market leaves them out")]
    NoFeature,
}

/// One symbol on its way into the data set.
#[derive(Default)]
pub(super) struct Part {
    pub bars: DailyBars,
    pub made: Made,
    pub rare: Vec<RareEvent>,
    /// Its rows that are in the replay buffer, as they are now.
    pub replayed: Vec<Sample>,
    pub without: Option<String>,
    /// Its bars must not be used.
    pub blocked: bool,
}

/// Makes the data set of a strategy from what is stored now. Blocks, and uses all cores.
pub fn build(db: &mut ModelDb, order: &Order<'_>) -> Result<DataSet, DatasetError> {
    let rules = order.rules;
    let used = used(rules)?;
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
    let errors = db.reader().replay_errors()?;
    let mut parts = parts(db, order, &used, &errors)?;
    if nightly::snapshot_id(&desk)? != features.snapshot {
        return Err(DatasetError::Changed);
    }
    let symbols: Vec<Symbol> = instruments.iter().map(|i| i.symbol).collect();
    let rows: Vec<SymbolRows> = parts.iter_mut().map(|p| std::mem::take(&mut p.made.rows)).collect();
    let samples = Samples::gather(symbols, used.len(), &rows);
    drop(rows);
    let sessions = sessions(&samples, instruments);
    let splits = splits::plan(&samples.lifetimes(), &sessions, &rules.validation);
    let aside = aside::bring_up_to_date(db, order, &mut parts, &sessions, (&used, &errors))?;
    let mut summary = summarise((order.strategy, rules, order.universe), &samples, &parts, &splits, features.snapshot);
    (summary.features, summary.archive, summary.replay) = (used.len(), aside.archived, aside.replay.len());
    summary.aside = aside.digest();
    put_sector_stats(db, &summary, &samples, instruments)?;
    let alert = rules.sector_symbol_tracking.alert;
    db.put_shortage(tracking::summary(&summary.thin).map(|text| Shortage { alert, text }).as_ref())?;
    tell(&summary, rules);
    let bars = parts.into_iter().map(|p| p.bars).collect();
    let columns = used.iter().map(|f| f.index).collect();
    Ok(DataSet { samples, bars, columns, sessions, splits: splits.ok(), archive: aside.archive, replay: aside.replay, summary })
}

/// The features that the rules let a model see.
pub(super) fn used(rules: &StrategySettings) -> Result<Vec<&'static Feature>, DatasetError> {
    let features = &rules.features;
    let is_used = |f: &&Feature| features.uses(f) && (f.needs == Needs::None || features.missing_market == MissingMarket::DropRows);
    let used: Vec<&Feature> = registry().iter().filter(is_used).collect();
    if used.is_empty() { Err(DatasetError::NoFeature) } else { Ok(used) }
}

/// What each symbol gives, in the order of the universe. The strategy's database has one connection, so symbols are read
/// in turn and worked on together, a few at a time to bound the memory.
fn parts(db: &ModelDb, order: &Order<'_>, used: &[&Feature], errors: &[ReplayError]) -> Result<Vec<Part>, DatasetError> {
    let instruments = &order.universe.instruments;
    let mut parts = instruments.par_iter().map(|i| with_bars(order, i)).collect::<Result<Vec<_>, _>>()?;
    let newest = |calendar: Calendar| {
        let same = instruments.iter().zip(&parts).filter(|(i, _)| i.calendar() == calendar);
        same.filter_map(|(_, p)| p.bars.date.last().copied()).max().unwrap_or(NaiveDate::MIN)
    };
    let known: Vec<NaiveDate> = instruments.iter().map(|i| newest(i.calendar())).collect();
    let wanted: HashSet<(Symbol, NaiveDate)> = errors.iter().map(|e| (e.sample.symbol, e.sample.date)).collect();
    let (row_rules, step) = (order.rules.row_hash(), 2 * rayon::current_num_threads());
    for (at, chunk) in parts.chunks_mut(step).enumerate() {
        if order.stop.is_cancelled() {
            return Err(NightError::Stopped.into());
        }
        let of = &instruments[at * step..][..chunk.len()];
        let read = |i: &Instrument| nightly::read_features(db.reader(), i.symbol, (i64::MIN, i64::MAX));
        let features = of.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let with = of.par_iter().zip(&known[at * step..]).zip(features);
        let filled = chunk.par_iter_mut().zip(with).map(|(part, ((instrument, known), features))| {
            let with = Filling { order, instrument, features: &features, used, known: *known, row_rules: &row_rules };
            with.fill(part, &wanted)
        });
        filled.collect::<Result<(), _>>()?;
        (order.progress)(Phase::Rows, at * step + of.len(), instruments.len());
    }
    Ok(parts)
}

/// A symbol's bars, or why it has none.
fn with_bars(order: &Order<'_>, instrument: &Instrument) -> Result<Part, DatasetError> {
    let (state, candles) = order.master.ask(|reader| reader.daily(instrument.symbol, i64::MIN))?;
    if let Some(why) = state.unusable {
        return Ok(Part { without: Some(NoFeatures::Blocked(why).to_string()), blocked: true, ..Part::default() });
    }
    let dividends = if order.rules.features.uses_dividends() { &state.dividends[..] } else { &[] };
    let bars = forward_adjusted(&candles, dividends, 1.0).bars;
    let without = bars.is_empty().then(|| NoFeatures::NoBars.to_string());
    Ok(Part { bars, without, ..Part::default() })
}

/// What turns the bars of a symbol into rows.
struct Filling<'a> {
    order: &'a Order<'a>,
    instrument: &'a Instrument,
    features: &'a FeatureColumns,
    used: &'a [&'a Feature],
    known: NaiveDate,
    row_rules: &'a str,
}

impl Filling<'_> {
    /// `wanted` are the keys of the replay buffer.
    fn fill(&self, part: &mut Part, wanted: &HashSet<(Symbol, NaiveDate)>) -> Result<(), DatasetError> {
        let (bars, features) = (&part.bars, self.features);
        if part.without.is_some() {
            return Ok(());
        }
        if !features.ts.iter().copied().eq(bars.date.iter().map(|d| date_to_ts(*d))) {
            return Err(DatasetError::Changed);
        }
        let source = Source { bars, features, calendar: self.instrument.calendar(), known: self.known };
        part.made = symbol::rows(&source, self.used, self.order.rules);
        let rows = &part.made.rows.rows;
        part.without = rows.is_empty().then(|| "no bar gives a row".to_owned());
        part.replayed = rows.iter().filter(|r| wanted.contains(&(self.instrument.symbol, r.date))).map(|r| self.sample(r)).collect();
        let event = |&(row, rarity): &(usize, Rarity)| RareEvent {
            sample: self.sample(&rows[row]),
            kind: rarity.kind.to_owned(),
            magnitude: rarity.magnitude,
            archived_at: self.order.now,
        };
        part.rare = part.made.rare.iter().map(event).collect();
        Ok(())
    }

    fn sample(&self, row: &Row) -> Sample {
        Sample {
            symbol: self.instrument.symbol,
            date: row.date,
            label_end: row.label_end,
            matured: row.matured,
            class: row.class.index() as u8,
            regime: row.regime.name().to_owned(),
            features: self.features.columns.iter().map(|c| c[row.bar as usize]).collect(),
            definition: definition_hash().to_owned(),
            rules: self.row_rules.to_owned(),
        }
    }
}

/// The sessions from the first row to the last: those of shares where there are any.
pub(super) fn sessions(samples: &Samples, instruments: &[Instrument]) -> Vec<NaiveDate> {
    let (Some(&first), Some(&last)) = (samples.date.first(), samples.date.last()) else { return Vec::new() };
    let shares = samples.symbol.iter().any(|&s| instruments[s as usize].asset == AssetClass::Stock);
    let calendar = if shares { Calendar::Xnys } else { Calendar::Continuous };
    let around = calendar.sessions(date_to_ts(first) - DAY, date_to_ts(last) + 2 * DAY);
    around.map(|s| s.date).filter(|d| (first..=last).contains(d)).collect()
}

pub(super) fn summarise(
    (strategy, rules, universe): (Strategy, &StrategySettings, &Universe),
    samples: &Samples,
    parts: &[Part],
    splits: &Result<Splits, SplitError>,
    snapshot: String,
) -> Summary {
    let instruments = &universe.instruments;
    let sector_of: Vec<&str> = instruments.iter().map(|i| i.sector.as_str()).collect();
    let sectors: Vec<&str> = sector_of.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let sector_at = |row: usize| sectors.binary_search(&sector_of[samples.symbol[row] as usize]).unwrap_or(0);
    let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let known = (samples, splits.as_ref().map_or(NaiveDate::MAX, |s| s.holdout.bound));
    let by_sector = summary::groups(known, names(&sectors), sector_at);
    let by_symbol = summary::groups(known, instruments.iter().map(|i| i.symbol.to_string()), |row| samples.symbol[row] as usize);
    let by_regime = summary::groups(known, Regime::ALL.map(|r| r.name().to_owned()), |row| samples.regime[row] as usize);
    let with_rows = |sector: &str| sector_of.iter().zip(&by_symbol).filter(|(s, g)| **s == sector && g.rows > 0).count();
    let measured: Vec<Sector<'_>> = by_sector.iter().map(|group| Sector { group, symbols: with_rows(&group.name) }).collect();
    let thin = tracking::thin(&measured, &by_symbol, &rules.sector_symbol_tracking);
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
        strategy,
        config_version: rules.metadata.version,
        rules: rules.hash(),
        snapshot,
        definition: definition_hash().to_owned(),
        features: samples.width,
        dates: samples.date.first().copied().zip(samples.date.last().copied()),
        bars: parts.iter().map(|p| p.bars.len() as u64).sum(),
        all: summary::groups(known, ["all".to_owned()], |_| 0).pop().unwrap_or_default(),
        emphasis: summary::emphasis(&by_regime, rules),
        regimes: by_regime,
        sectors: by_sector,
        symbols: by_symbol,
        dropped: summary::drop_counts(dropped),
        without: instruments.iter().zip(parts).filter_map(|(i, p)| Some(Without { symbol: i.symbol, why: p.without.clone()? })).collect(),
        thin,
        archive: Archived::default(),
        replay: 0,
        aside: String::new(),
        blocks: splits.iter().flat_map(|s| s.blocks.iter().chain([&s.holdout])).map(size).collect(),
        no_blocks: splits.as_ref().err().map(ToString::to_string),
    }
}

/// Stores what each sector has to offer. What came of signals of that date, if stored, stays.
fn put_sector_stats(db: &mut ModelDb, summary: &Summary, samples: &Samples, instruments: &[Instrument]) -> Result<(), StoreError> {
    let Some(&date) = samples.date.last() else { return Ok(()) };
    let stored = db.reader().sector_stats()?;
    // Scans write later rows: what is newest must tell of this data set.
    let date = stored.first().map_or(date, |s| s.date.max(date));
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
