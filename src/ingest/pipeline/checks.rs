//! Where the data-quality checks meet the run: what each is given, and where its findings go.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::tally::Tally;
use super::{Event, Job};
use crate::ingest::derive::{aggregate, compare};
use crate::ingest::missing::Reason;
use crate::ingest::quality::{self, Stage, compare as between};
use crate::market::{AssetClass, Bars, Candle, DAY, Instrument, Series, Timeframe, date_to_ts};
use crate::sources::Window;
use crate::store::master::{CandleBatch, Issue, IssueFilter, Reader, Resolution, Scope, StoreError, StoredIssue, Underived, WriteReport};

/// Stored bars given to the screen as context.
const CONTEXT_BARS: usize = 25;
/// Checks of adjusted prices, which imports run on what only a file holds.
const ADJUSTMENT: [u8; 2] = [18, 19];
/// Two sources contradict each other; the universe is odd on one day; minutes contradict their day.
const TWO_SOURCES: u8 = 20;
const UNIVERSE: u8 = 21;
const INSIDE_A_DAY: u8 = 23;
/// The bar before one is looked for this far back: over any closure of the exchange.
const BEFORE: i64 = 15 * DAY;
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

    /// Swaps a history in with its screen's findings, and says what became of the bars that nothing replaced.
    pub(super) async fn write_swapped(
        &self,
        batch: CandleBatch,
        window: Window,
        found: Vec<Issue>,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let (series, checks) = (batch.series, quality::checks_of(Stage::Screen));
        let (report, issues) = self.pipeline.writer.swap(batch, (window.start, window.end), checks, found).await?;
        let written = &report.written;
        tracing::info!(
            target: "ingest", %series, revised = written.revised, kept = report.kept, adjusted = report.adjusted,
            "The history is on the new share basis"
        );
        tally.wrote(written);
        tally.issues += issues.opened;
        self.tell(Event::Wrote(written.inserted + written.revised + written.completed + report.adjusted)).await;
        Ok(())
    }

    /// Writes findings.
    pub(super) async fn record(&self, found: Vec<Issue>, tally: &mut Tally) -> Result<(), StoreError> {
        if !found.is_empty() {
            tally.issues += self.pipeline.writer.issues(found, Some(self.run_id)).await?.opened;
        }
        Ok(())
    }

    /// Runs the history checks on a stored series and settles the findings that no longer hold. Daily and longer bars are
    /// judged by all that came before them; of the others, only what may have changed is read.
    pub(super) async fn review(&self, instrument: &Instrument, changed: &Underived, tally: &mut Tally) -> Result<(), StoreError> {
        if !self.pipeline.settings.quality.enabled {
            return Ok(());
        }
        let (series, span) = (changed.series, changed.span);
        let (calendar, now) = (instrument.calendar(), self.pipeline.clock.now());
        let settings = Arc::clone(&self.pipeline.settings);
        let review = move |r: &Reader| {
            let from = if series.timeframe.is_intraday() { widened(r, series, span.0 - BEFORE)? } else { i64::MIN };
            let (bars, splits, dividends) =
                (r.bars(series, (from, i64::MAX), true)?, r.splits(series.symbol)?, r.dividends(series.symbol)?);
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
            Ok((from, quality::review(&input)))
        };
        let (from, found) = self.pipeline.reads.with(review).await?;
        // Without the file that showed them, a run cannot disprove findings about adjustment; it may only add some.
        let (adjustment, found): (Vec<Issue>, Vec<Issue>) = found.into_iter().partition(|i| ADJUSTMENT.contains(&i.check));
        let checks = quality::checks_of(Stage::Review).into_iter().filter(|c| !ADJUSTMENT.contains(c)).collect();
        self.settle(series, checks, (from, i64::MAX), found, tally).await?;
        self.record(adjustment, tally).await?;
        self.void_comparisons(series).await?;
        self.confirm_jumps(instrument, series, tally).await
    }

    /// Logs what checks found on a span of a series, and settles what they found there before and do not find any more.
    async fn settle(
        &self,
        series: Series,
        checks: Vec<u8>,
        window: (i64, i64),
        found: Vec<Issue>,
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let report = self.pipeline.writer.reconcile(series, checks, window, found, Some(self.run_id)).await?;
        tally.issues += report.opened;
        Ok(())
    }

    /// Settles contradictions between two sources (check 20) whose bars were written anew since: what was compared is gone.
    async fn void_comparisons(&self, series: Series) -> Result<(), StoreError> {
        let void = move |r: &Reader| {
            let mut void = Vec::new();
            for stored in open_findings(r, series)?.into_iter().filter(|s| s.issue.check == TWO_SOURCES) {
                if let (Scope::Bars { from, to }, Some(run)) = (stored.issue.scope, stored.run_id)
                    && r.written_after(series, (from, to), run)?
                {
                    void.push(stored.id);
                }
            }
            Ok(void)
        };
        for id in self.pipeline.reads.with(void).await? {
            self.pipeline.writer.resolve(id, Resolution::Fixed, "the bars that were compared have been replaced".to_owned()).await?;
        }
        Ok(())
    }

    /// Compares the minutes of the sessions that changed, in minutes or in days, with their daily bars (check 23).
    pub(super) async fn minutes_against_days(
        &self,
        instrument: &Instrument,
        changed: &[Underived],
        tally: &mut Tally,
    ) -> Result<(), StoreError> {
        let finest = self.pipeline.settings.ingest.native.iter().copied().filter(|t| t.is_intraday()).min();
        let (Some(intraday), true) = (finest, self.pipeline.settings.quality.enabled) else { return Ok(()) };
        let of = |t: Timeframe, length: i64| changed.iter().find(|u| u.series.timeframe == t).map(|u| (u.span.0, u.span.1 + length));
        let spans = [of(intraday, 0), of(Timeframe::D1, DAY)];
        let Some((start, end)) = spans.into_iter().flatten().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))) else { return Ok(()) };
        let (calendar, now, symbol) = (instrument.calendar(), self.pipeline.clock.now(), instrument.symbol);
        let daily = Series { symbol, timeframe: Timeframe::D1 };
        let look = move |r: &Reader| {
            let from = start.max(end - COMPARED_SESSIONS * DAY);
            // Whole sessions only: minutes that begin inside one add up to less than its day.
            let minutes = Series { symbol, timeframe: intraday };
            let first_minute = r.series_state(minutes)?.and_then(|s| s.first_ts).unwrap_or(i64::MAX);
            let begins = calendar.session_at(from).map_or(from, |s| s.open).max(first_minute);
            let whole: Vec<_> = calendar.sessions(begins, end).filter(|s| s.open >= begins && s.close <= now).collect();
            let (Some(first), Some(last)) = (whole.first(), whole.last()) else { return Ok(None) };
            let minutes = r.bars(minutes, (first.open, last.close), false)?;
            let window = (date_to_ts(first.date), date_to_ts(last.date) + 1);
            // Hidden days too: the one that is hidden for this very reason is not to come back for being hidden.
            let days = r.bars(daily, window, true)?;
            Ok(Some((window, compare(&days, &aggregate(calendar, Timeframe::D1, intraday, &minutes, now)))))
        };
        let Some((window, mismatches)) = self.pipeline.reads.with(look).await? else { return Ok(()) };
        self.settle(daily, vec![INSIDE_A_DAY], window, between::intraday_vs_daily(daily, &mismatches), tally).await
    }

    /// Checks that look at many symbols on one date, after all of them are up to date: on the last day, and on the days
    /// that were found odd before and may have been made good since.
    pub(super) async fn cross_section(&self, tally: &mut Tally) -> Result<(), StoreError> {
        if !self.pipeline.settings.quality.enabled || !self.spec.symbols.is_empty() {
            return Ok(());
        }
        let (universe, settings, now) =
            (Arc::clone(&self.pipeline.universe), Arc::clone(&self.pipeline.settings), self.pipeline.clock.now());
        let look = move |r: &Reader| {
            let open = r.open_of_check(UNIVERSE)?;
            let mut looks = Vec::new();
            for class in [AssetClass::Stock, AssetClass::Crypto] {
                let listed: Vec<&Instrument> = universe.instruments.iter().filter(|i| i.asset == class).collect();
                let own = open.iter().filter(|(series, _)| listed.iter().any(|i| i.symbol == series.symbol)).map(|(_, ts)| *ts);
                let last = class.calendar().last_closed(now - quality::VENDOR_DELAY).map(|day| date_to_ts(day.date));
                for ts in own.chain(last).collect::<BTreeSet<i64>>() {
                    let found = between::cross_section(ts, &members(r, &listed, ts)?, &settings.quality);
                    for instrument in &listed {
                        let series = Series { symbol: instrument.symbol, timeframe: Timeframe::D1 };
                        let own: Vec<Issue> = found.iter().filter(|i| i.series == series).cloned().collect();
                        if !own.is_empty() || open.contains(&(series, ts)) {
                            looks.push((series, ts, own));
                        }
                    }
                }
            }
            Ok(looks)
        };
        for (series, ts, found) in self.pipeline.reads.with(look).await? {
            self.settle(series, vec![UNIVERSE], (ts, ts + 1), found, tally).await?;
        }
        Ok(())
    }
}

/// The daily bars of `ts` and before of those that have any.
fn members(r: &Reader, listed: &[&Instrument], ts: i64) -> Result<Vec<between::Member>, StoreError> {
    let mut members = Vec::with_capacity(listed.len());
    for instrument in listed {
        let series = Series { symbol: instrument.symbol, timeframe: Timeframe::D1 };
        let last: Vec<Candle> = r.bars(series, (ts - BEFORE, ts + 1), true)?;
        let (bar, before) = match last.split_last() {
            Some((bar, rest)) if bar.ts == ts => (Some(*bar), rest.last().copied()),
            Some((older, _)) => (None, Some(*older)),
            None => continue,
        };
        members.push(between::Member { series, bar, before });
    }
    Ok(members)
}

fn open_findings(r: &Reader, series: Series) -> Result<Vec<StoredIssue>, StoreError> {
    r.data_quality_issues(IssueFilter { symbol: Some(series.symbol), timeframe: Some(series.timeframe), settled: false, limit: 10_000 })
}

/// `from` moved back to the start of the open findings that reach over it, so that these are judged as a whole.
fn widened(r: &Reader, series: Series, from: i64) -> Result<i64, StoreError> {
    let starts = open_findings(r, series)?.into_iter().filter_map(|s| match s.issue.scope {
        Scope::Bars { from: start, to } if to >= from => Some(start),
        _ => None,
    });
    Ok(starts.min().map_or(from, |start| start.min(from)))
}
