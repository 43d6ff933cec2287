//! The writer: a cloneable handle to the one thread that owns the only read-write connection.
//!
//! Every method sends one command and waits until it is durable. Commands queued together share a transaction
//! ([`thread`]), so many callers in parallel cost one disk flush, not one each.

mod candles;
mod facts;
mod guard;
mod issues;
mod ledger;
mod progress;
mod same;
mod swap;
mod thread;
mod universe;

use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

pub use guard::PageCheck;
pub use issues::IssueReport;

use super::open::Opened;
use super::{
    ActionsReport, Attempt, CandleBatch, EmptySpan, Issue, Resolution, RunState, Seat, SeriesUpdate, StoreError, StoredIssue, SwapReport,
    Underived, WriteReport, open,
};
use crate::market::{Actions, Clock, ContractId, Fundamentals, Metadata, Series, SourceId, Symbol, Universe};
use guard::Guard;
use issues::Look;
use ledger::Ledger;
use thread::{Job, Message};

/// Commands that may wait before senders are made to wait too.
const QUEUE: usize = 256;

/// How to open the database for writing.
#[derive(Clone)]
pub struct WriterOptions {
    /// Page cache, MiB.
    pub cache_mib: u32,
    /// Whether the folder belongs to `--demo`. A file never changes sides.
    pub demo: bool,
    /// Where `opened_at`, `updated_at` and the like come from.
    pub clock: Arc<dyn Clock>,
}

/// The handle. Clones share the thread; it ends with [`Writer::close`] or the last handle.
#[derive(Clone, Debug)]
pub struct Writer {
    queue: mpsc::Sender<Message>,
}

impl Writer {
    /// Opens or creates the database, brings its schema up to date, and starts the thread. Refused while another
    /// process holds the folder, and for a foreign, newer or other-sided file.
    pub fn open(path: &Path, o: WriterOptions) -> Result<Self, StoreError> {
        Self::start(path, o, None, false).map(|(writer, _)| writer)
    }

    /// As [`Writer::open`], but the look through all pages after an unclean end goes on beside the caller. Until it has
    /// gone well nothing is written: writes wait for it, and after it has found damage all are refused.
    pub fn open_beside(path: &Path, o: WriterOptions) -> Result<(Self, Option<PageCheck>), StoreError> {
        Self::start(path, o, None, true)
    }

    /// As [`Writer::open`], for a database that may not grow beyond `max_mib` MiB: a write that would exceed it fails
    /// with [`StoreError::DiskFull`].
    pub fn open_limited(path: &Path, o: WriterOptions, max_mib: u32) -> Result<Self, StoreError> {
        Self::start(path, o, Some(max_mib), false).map(|(writer, _)| writer)
    }

    fn start(path: &Path, o: WriterOptions, max_mib: Option<u32>, beside: bool) -> Result<(Self, Option<PageCheck>), StoreError> {
        let Opened { lock, conn, unchecked } = open::read_write(path, &o, max_mib, beside)?;
        let ledger = Ledger::new(conn, Arc::clone(&o.clock))?;
        let (queue, commands) = mpsc::channel(QUEUE);
        let (guard, check) = if unchecked { guard::check(path, o.clock, queue.downgrade())? } else { (Guard::default(), None) };
        std::thread::Builder::new()
            .name("nightdesk-writer".to_owned())
            .spawn(move || thread::run(ledger, lock, commands, guard))
            .map_err(StoreError::io("cannot start the writer thread for", path))?;
        Ok((Self { queue }, check))
    }

    /// Waits until the thread has ended, which it does by itself only when it broke.
    pub async fn gone(&self) {
        self.queue.closed().await;
    }

    async fn submit<T, F>(&self, rows: usize, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Ledger) -> Result<T, StoreError> + Send + 'static,
    {
        let (ack, done) = oneshot::channel();
        let message = Message::Work(Box::new(Job::new(rows, work, ack)));
        self.queue.send(message).await.map_err(|_| StoreError::WriterGone)?;
        done.await.unwrap_or(Err(StoreError::WriterGone))
    }

    /// Writes bars, all or nothing. Bars that are stored with the same content are left alone, so that a replay
    /// writes nothing; see [`WriteReport`] for what is counted how.
    ///
    /// A forming bar replaces a final one only when the same source serves other figures: then the source has taken
    /// the bar back. Otherwise the final bar stays.
    pub async fn candles(&self, b: CandleBatch) -> Result<WriteReport, StoreError> {
        self.submit(b.bars.len(), move |l| candles::write(l, &b)).await
    }

    /// As [`Writer::candles`] and then [`Writer::reconcile`] over the batch's series, in one transaction: bars are never
    /// stored without the findings that hide them. Nothing is reconciled where nothing was found and no stored bar
    /// changed.
    pub async fn screened(
        &self,
        b: CandleBatch,
        checks: Vec<u8>,
        window: (i64, i64),
        found: Vec<Issue>,
    ) -> Result<(WriteReport, IssueReport), StoreError> {
        self.submit(b.bars.len() + found.len(), move |l| {
            let report = candles::write(l, &b)?;
            let issues = if found.is_empty() && report.revised + report.completed + report.deleted == 0 {
                IssueReport::default()
            } else {
                issues::reconcile(l, Look { series: b.series, checks: &checks, window, unseen: &[] }, &found, Some(b.run_id))?
            };
            Ok((report, issues))
        })
        .await
    }

    /// Writes batches in one transaction; the counts are added up, the revisions left out.
    pub async fn batches(&self, all: Vec<CandleBatch>) -> Result<WriteReport, StoreError> {
        let rows = all.iter().map(|b| b.bars.len()).sum();
        self.submit(rows, move |l| {
            let mut sum = WriteReport::default();
            for b in &all {
                let one = candles::write(l, b)?;
                sum.inserted += one.inserted;
                sum.revised += one.revised;
                sum.completed += one.completed;
                sum.unchanged += one.unchanged;
                sum.deleted += one.deleted;
            }
            Ok(sum)
        })
        .await
    }

    /// Records that all derived series are made of what is seen of a fetched one; without effect where it has changed
    /// since.
    pub async fn derived(&self, seen: Underived) -> Result<(), StoreError> {
        self.submit(1, move |l| progress::derived(l, &seen)).await
    }

    /// Puts a history on the share basis of `b`, its bars served anew for the stamps `window` (`[start, end)`), and clears
    /// its mark ([`Reader::rebase_due`](super::Reader::rebase_due)). A stored bar for which none came is not deleted: it is
    /// adjusted by the splits that came to be known after it was stored, or hidden where its basis is unclear; findings
    /// of check 18 say so. `found` are the findings of `checks` on the bars of `b`.
    pub async fn swap(
        &self,
        b: CandleBatch,
        window: (i64, i64),
        checks: Vec<u8>,
        found: Vec<Issue>,
    ) -> Result<(SwapReport, IssueReport), StoreError> {
        self.submit(b.bars.len() + found.len(), move |l| swap::swap(l, &b, window, &checks, &found)).await
    }

    /// Stores splits and dividends and says which are new or changed.
    pub async fn actions(&self, symbol: Symbol, a: Actions, source: SourceId, run_id: i64) -> Result<ActionsReport, StoreError> {
        self.submit(a.splits.len() + a.dividends.len(), move |l| facts::actions(l, symbol, &a, source, run_id)).await
    }

    /// Stores one day's fundamentals; a metric missing now does not erase one read earlier that day.
    pub async fn fundamentals(&self, symbol: Symbol, f: Fundamentals, source: SourceId) -> Result<(), StoreError> {
        self.submit(1, move |l| facts::fundamentals(l, symbol, &f, source)).await
    }

    /// Stores what is known of a symbol; a `None` never erases.
    pub async fn metadata(&self, symbol: Symbol, m: Metadata, source: SourceId) -> Result<(), StoreError> {
        self.submit(1, move |l| facts::metadata(l, symbol, &m, source)).await
    }

    /// Stores a resolved IB contract.
    pub async fn contract(&self, c: ContractId) -> Result<(), StoreError> {
        self.submit(1, move |l| facts::contract(l, c)).await
    }

    /// Records requests, keeping the newest 20 of each series.
    pub async fn attempts(&self, v: Vec<Attempt>) -> Result<(), StoreError> {
        self.submit(v.len(), move |l| progress::attempts(l, &v)).await
    }

    /// Records what was tried for series, and how it ended.
    pub async fn series(&self, v: Vec<SeriesUpdate>) -> Result<(), StoreError> {
        self.submit(v.len(), move |l| progress::series(l, &v)).await
    }

    /// Records spans that hold nothing. Overlapping and adjacent spans of one series and source become one; asking an
    /// overlapping span again counts up its `times`.
    pub async fn empty_spans(&self, v: Vec<EmptySpan>) -> Result<(), StoreError> {
        self.submit(v.len(), move |l| progress::empty_spans(l, &v)).await
    }

    /// Logs findings. One that is open is brought up to date, also where its span has moved; one that an operator accepted
    /// or dismissed is not opened again unless it became worse, or covers bars that were not settled. Hiding severities quarantine the covered bars, or block the series.
    pub async fn issues(&self, found: Vec<Issue>, run_id: Option<i64>) -> Result<IssueReport, StoreError> {
        self.submit(found.len(), move |l| issues::log(l, &found, run_id)).await
    }

    /// As [`Writer::issues`] after `checks` looked at `window` (`[start, end)`) of `series`: open findings of these
    /// checks that lie in the window, or cover the series, and were not found again are resolved as fixed, and their
    /// bars shown.
    pub async fn reconcile(
        &self,
        series: Series,
        checks: Vec<u8>,
        window: (i64, i64),
        found: Vec<Issue>,
        run_id: Option<i64>,
    ) -> Result<IssueReport, StoreError> {
        self.submit(found.len(), move |l| issues::reconcile(l, Look { series, checks: &checks, window, unseen: &[] }, &found, run_id)).await
    }

    /// Settles a finding. `Accepted` and `Fixed` show its bars again, unless another finding hides them.
    pub async fn resolve(&self, id: i64, r: Resolution, note: String) -> Result<StoredIssue, StoreError> {
        self.submit(1, move |l| issues::resolve(l, id, r, &note)).await
    }

    /// Makes the stored universe equal to `u`: symbols, names, which are active, and the history of their sectors.
    pub async fn sync_universe(&self, u: Universe) -> Result<(), StoreError> {
        self.submit(u.instruments.len(), move |l| universe::sync(l, &u)).await
    }

    /// Records the start of a run and gives its id: `id`, which no run may have yet, or the next free one.
    pub async fn begin_run(&self, id: Option<i64>, spec_json: String) -> Result<i64, StoreError> {
        self.submit(1, move |l| progress::begin_run(l, id, &spec_json)).await
    }

    /// Records the end of a run.
    pub async fn finish_run(&self, id: i64, s: RunState, summary_json: Option<String>, error: Option<String>) -> Result<(), StoreError> {
        self.submit(1, move |l| progress::finish_run(l, id, s, summary_json.as_deref(), error.as_deref())).await
    }

    /// Marks runs that an earlier process left `running` as lost, and gives their ids.
    pub async fn mark_lost_runs(&self) -> Result<Vec<i64>, StoreError> {
        self.submit(1, progress::mark_lost_runs).await
    }

    /// Sets a key of `db_metadata`.
    pub async fn set_meta(&self, key: String, value: String) -> Result<(), StoreError> {
        self.submit(1, move |l| l.set_meta(&key, &value)).await
    }

    /// Answers as soon as the thread is done with what was queued before: a sign that it lives.
    pub async fn pulse(&self) -> Result<(), StoreError> {
        let (ack, done) = oneshot::channel();
        self.queue.send(Message::Pulse(ack)).await.map_err(|_| StoreError::WriterGone)?;
        done.await.unwrap_or(Err(StoreError::WriterGone))
    }

    /// Moves the write-ahead log into the database file and empties it. Readers in the middle of a long read keep
    /// part of it back; that is no error.
    pub async fn checkpoint(&self) -> Result<(), StoreError> {
        let (ack, done) = oneshot::channel();
        self.queue.send(Message::Checkpoint(ack)).await.map_err(|_| StoreError::WriterGone)?;
        done.await.unwrap_or(Err(StoreError::WriterGone))
    }

    /// Writes into the folder's lock file what this process does and where it listens; answered when it is written.
    pub async fn declare(&self, seat: Seat) -> Result<(), StoreError> {
        let (ack, done) = oneshot::channel();
        self.queue.send(Message::Declare(seat, ack)).await.map_err(|_| StoreError::WriterGone)?;
        done.await.unwrap_or(Err(StoreError::WriterGone))
    }

    /// Finishes what is queued, checkpoints, closes the file and frees the folder. Other handles then get
    /// [`StoreError::WriterGone`].
    pub async fn close(self) -> Result<(), StoreError> {
        let (ack, done) = oneshot::channel();
        self.queue.send(Message::Close(ack)).await.map_err(|_| StoreError::WriterGone)?;
        done.await.unwrap_or(Err(StoreError::WriterGone))
    }
}
