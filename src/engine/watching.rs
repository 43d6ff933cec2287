//! What the engine knows of scans, signals and drift beside the jobs themselves: a feed of what to show, questions, and what
//! people do about alarms. The one who watches implements [`Watching`]; the engine reads no strategy's database.

use std::sync::Arc;

use tokio::sync::watch;

use super::{Query, QueryError, Reply};
use crate::drift::views::{DriftPage, DriftView, SubjectDetail};
use crate::market::Strategy;
use crate::scan::views::{SectorRow, SignalDetail, SignalsPage, SignalsView};

/// Why there is nothing to ask or to change.
pub(super) const NO_WATCH: &str = "this engine watches no signals and no drift";

/// The one who scans and watches. Its methods may wait for the disk: the engine calls them on blocking threads. Errors are
/// sentences for people.
pub trait Watching: Send + Sync {
    /// How each strategy's model stands to its baselines.
    fn drift(&self) -> watch::Receiver<Arc<Vec<DriftView>>>;

    /// The newest scan and the open signals of each strategy.
    fn signals(&self) -> watch::Receiver<Arc<Vec<SignalsView>>>;

    /// The drift of all subjects.
    fn drift_page(&self, strategy: Strategy) -> Result<DriftPage, String>;

    /// Everything about one subject; `None` when nothing of that name was watched.
    fn subject(&self, strategy: Strategy, subject: &str) -> Result<Option<SubjectDetail>, String>;

    /// At most `limit` signals, and the newest scan.
    fn signals_page(&self, strategy: Strategy, limit: usize) -> Result<SignalsPage, String>;

    /// Everything about one signal; `None` when there is no such signal.
    fn signal(&self, strategy: Strategy, signal_id: i64) -> Result<Option<SignalDetail>, String>;

    /// The sectors by name.
    fn sectors(&self, strategy: Strategy) -> Result<Vec<SectorRow>, String>;

    /// Takes note of the open alarm of a subject and says so in a sentence.
    fn acknowledge(&self, strategy: Strategy, subject: &str, actor: &str) -> Result<String, String>;

    /// Keeps it silent for some hours and says so in a sentence.
    fn snooze(&self, strategy: Strategy, subject: &str, hours: u32, actor: &str) -> Result<String, String>;

    /// A training run of the challenger that a strategy's drift asked for has been ordered: none is owed any more.
    fn challenger_ordered(&self, strategy: Strategy) -> Result<(), String>;

    /// Ends the halt of a strategy's new signals and says so in a sentence.
    fn lift_halt(&self, strategy: Strategy, actor: &str) -> Result<String, String>;
}

/// The owner's view of it.
pub(super) struct Watched {
    pub watching: Option<Arc<dyn Watching>>,
    /// How far models' inputs and answers have moved.
    pub drift: watch::Receiver<Arc<Vec<DriftView>>>,
    /// Signals.
    pub signals: watch::Receiver<Arc<Vec<SignalsView>>>,
}

impl Watched {
    /// Without `watching` the feeds stay empty.
    pub fn new(watching: Option<Arc<dyn Watching>>) -> Self {
        let drift = watching.as_ref().map_or_else(|| watch::channel(Arc::default()).1, |w| w.drift());
        let signals = watching.as_ref().map_or_else(|| watch::channel(Arc::default()).1, |w| w.signals());
        Self { watching, drift, signals }
    }

    /// Answers a question about signals or drift, beside the owner.
    pub fn answer(&self, query: Query) -> impl Future<Output = Result<Reply, QueryError>> + Send + use<> {
        let watching = self.watching.clone();
        async move {
            let watching = watching.ok_or_else(|| QueryError::Failed(NO_WATCH.to_owned()))?;
            let read = tokio::task::spawn_blocking(move || answer(watching.as_ref(), &query)).await;
            read.map_err(|e| QueryError::Failed(e.to_string()))?.map_err(QueryError::Failed)
        }
    }
}

fn answer(watching: &dyn Watching, query: &Query) -> Result<Reply, String> {
    Ok(match query {
        Query::Drift { strategy } => Reply::Drift(Box::new(watching.drift_page(*strategy)?)),
        Query::Subject { strategy, subject } => {
            let found = watching.subject(*strategy, subject)?;
            Reply::Subject(Box::new(found.ok_or_else(|| format!("{strategy} watches no {subject}; `nightdesk drift` lists what it does"))?))
        }
        Query::Signals { strategy, limit } => Reply::Signals(Box::new(watching.signals_page(*strategy, *limit)?)),
        Query::Signal { strategy, signal_id } => {
            let found = watching.signal(*strategy, *signal_id)?;
            Reply::Signal(Box::new(found.ok_or_else(|| format!("{strategy} has no signal {signal_id}"))?))
        }
        Query::Sectors { strategy } => Reply::Sectors(watching.sectors(*strategy)?),
        _ => return Err("that is no question about signals or drift".to_owned()),
    })
}
