//! Where the data-quality checks meet the run: what each is given, and where its findings go.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::symbol::Change;
use super::tally::Tally;
use super::{Event, Job};
use crate::ingest::derive::{aggregate, compare};
use crate::ingest::missing::Reason;
use crate::ingest::quality::{self, Stage, compare as between};
use crate::market::{Bars, Candle, DAY, Instrument, Series, Timeframe};
use crate::sources::Window;
use crate::store::master::{CandleBatch, Issue, Reader, StoreError, WriteReport};

/// Stored bars given to the screen as context.
const CONTEXT_BARS: usize = 25;
/// Checks of adjusted prices, which imports run on what only a file holds.
const ADJUSTMENT: [u8; 2] = [18, 19];
/// Sessions whose minutes are compared with the daily bar, newest first.
const COMPARED_SESSIONS: i64 = 40;

impl Job {
    /// Screens one answer as received.
    pub(super) fn screen(&self, instrument: &Instrument, series: Series, before: &[Candle], bars: Bars) -> quality::Screened {
        let before: Vec<Candle> = before.iter().copied().filter(|b| bars.first().is_some_and(|f| b.ts < f.ts)).collect();
        let context = quality::Context {
            series,
            calendar: instrument.calendar(),
            before: &before,
            now: self.pipeline.clock.now(),
            settings: &self.pipeline.settings.quality,
        };
        quality::screen(&context, bars)
    }

    /// The newest stored bars, for the screen of the first answer of a series.
    pub(super) async fn context(&self, series: Series) -> Result<Vec<Candle>, StoreError> {
        let stored = self.pipeline.reads.with(move |r| r.last_bars(series, CONTEXT_BARS)).await?;
        Ok(stored.into_iter().map(|(bar, _)| bar).collect())
    }

    /// What changed bars say: a revision by the same vendor, or a difference between two.
    pub(super) fn changed_bars(&self, series: Series, reason: Reason, report: &WriteReport) -> Vec<Issue> {
        if !self.pipeline.settings.quality.enabled || report.revisions.is_empty() {
            return Vec::new();
        }
        if reason == Reason::Recover {
            let (old, new): (Vec<Candle>, Vec<Candle>) = report.revisions.iter().map(|r| (r.old, r.new)).unzip();
            return between::cross_source(series, &new, &old, &self.pipeline.settings.quality);
        }
        between::revisions(series, &report.revisions)
    }

    /// Writes an answer with its screen's findings in one transaction, so that no reader, and no crash in between, ever
    /// shows a bar that the screen has quarantined. Earlier findings that changed bars no longer show are settled.
    pub(super) async fn write_screened(
        &self,
        batch: CandleBatch,
        window: Window,
        found: Vec<Issue>,
        tally: &mut Tally,
    ) -> Result<WriteReport, StoreError> {
        let checks = quality::checks_of(Stage::Screen);
        let (report, issues) = self.pipeline.writer.screened(batch, checks, (window.start, window.end), found).await?;
        tally.wrote(&report);
        tally.issues += issues.opened;
        self.tell(Event::Wrote(report.inserted + report.revised + report.completed)).await;
        Ok(report)
    }

    /// Writes findings.
    pub(super) async fn record(&self, found: Vec<Issue>, tally: &mut Tally) -> Result<(), StoreError> {
        if !found.is_empty() {
            tally.issues += self.pipeline.writer.issues(found, Some(self.run_id)).await?.opened;
        }
        Ok(())
    }

    /// Runs the history checks on a stored series and settles the findings that no longer hold.
    pub(super) async fn review(&self, instrument: &Instrument, timeframe: Timeframe, tally: &mut Tally) -> Result<(), StoreError> {
        if !self.pipeline.settings.quality.enabled {
            return Ok(());
        }
        let series = Series { symbol: instrument.symbol, timeframe };
        let (calendar, now) = (instrument.calendar(), self.pipeline.clock.now());
        let settings = Arc::clone(&self.pipeline.settings);
        let review = move |r: &Reader| {
            let (bars, splits, dividends) =
                (r.bars(series, (i64::MIN, i64::MAX), true)?, r.splits(series.symbol)?, r.dividends(series.symbol)?);
            let input = quality::Input {
                series,
                calendar,
                bars: &bars,
                basis: quality::Basis::SplitAdjusted,
                splits: &splits,
                dividends: &dividends,
                adj_close: None,
                now,
                delay: quality::VENDOR_DELAY,
                settings: &settings.quality,
            };
            Ok(quality::review(&input))
        };
        let found = self.pipeline.reads.with(review).await?;
        // Without the file that showed them, a run cannot disprove findings about adjustment; it may only add some.
        let (adjustment, found): (Vec<Issue>, Vec<Issue>) = found.into_iter().partition(|i| ADJUSTMENT.contains(&i.check));
        let checks = quality::checks_of(Stage::Review).into_iter().filter(|c| !ADJUSTMENT.contains(c)).collect();
        let report = self.pipeline.writer.reconcile(series, checks, (i64::MIN, i64::MAX), found, Some(self.run_id)).await?;
        tally.issues += report.opened;
        self.record(adjustment, tally).await?;
        self.confirm_jumps(instrument, series, tally).await
    }

    /// Compares the minutes of the sessions that changed with their daily bars (check 23).
    pub(super) async fn minutes_against_days(
        &self,
        instrument: &Instrument,
        changes: &BTreeMap<Timeframe, Change>,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let finest = changes.keys().copied().find(|t| t.is_intraday());
        let (Some(intraday), true) = (finest, self.pipeline.settings.quality.enabled) else { return Ok(()) };
        let Range { start, end } = changes[&intraday].span.clone();
        let (calendar, now, symbol) = (instrument.calendar(), self.pipeline.clock.now(), instrument.symbol);
        let daily = Series { symbol, timeframe: Timeframe::D1 };
        let mismatches = self
            .pipeline
            .reads
            .with(move |r| {
                // Whole sessions only: the first one touched may have been there in part before.
                let from = start.max(end - COMPARED_SESSIONS * DAY);
                let whole: Vec<_> = calendar.sessions(from, end).filter(|s| s.open >= from && s.close <= now).collect();
                let (Some(first), Some(last)) = (whole.first(), whole.last()) else { return Ok(Vec::new()) };
                let minutes = r.bars(Series { symbol, timeframe: intraday }, (first.open, last.close), false)?;
                let days = r.bars(daily, (crate::market::date_to_ts(first.date), crate::market::date_to_ts(last.date) + 1), false)?;
                Ok(compare(&days, &aggregate(calendar, Timeframe::D1, intraday, &minutes, now)))
            })
            .await?;
        self.record(between::intraday_vs_daily(daily, &mismatches), tally).await
    }

    /// Checks that look at many symbols on one date, after all of them are up to date.
    pub(super) async fn cross_section(&self, tally: &mut Tally) -> Result<(), StoreError> {
        if !self.pipeline.settings.quality.enabled || !self.spec.symbols.is_empty() {
            return Ok(());
        }
        let (universe, settings, now) =
            (Arc::clone(&self.pipeline.universe), Arc::clone(&self.pipeline.settings), self.pipeline.clock.now());
        let look = move |r: &Reader| {
            let mut found = Vec::new();
            for class in [crate::market::AssetClass::Stock, crate::market::AssetClass::Crypto] {
                let Some(day) = class.calendar().last_closed(now - quality::VENDOR_DELAY) else { continue };
                let ts = crate::market::date_to_ts(day.date);
                let mut members = Vec::new();
                for i in universe.instruments.iter().filter(|i| i.asset == class) {
                    let series = Series { symbol: i.symbol, timeframe: Timeframe::D1 };
                    let last: Vec<Candle> = r.bars(series, (ts - 15 * DAY, ts + 1), true)?;
                    let (bar, before) = match last.split_last() {
                        Some((bar, rest)) if bar.ts == ts => (Some(*bar), rest.last().copied()),
                        Some((older, _)) => (None, Some(*older)),
                        None => continue,
                    };
                    members.push(between::Member { series, bar, before });
                }
                found.extend(between::cross_section(ts, &members, &settings.quality));
            }
            Ok(found)
        };
        let found = self.pipeline.reads.with(look).await?;
        self.record(found, tally).await
    }
}
