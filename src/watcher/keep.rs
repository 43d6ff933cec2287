//! What is asked about signals and drift, and done about alarms.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{PATIENCE, PATIENCE_OF_PEOPLE, Watcher, drift, signals};
use crate::drift::views::{DriftPage, DriftView, SubjectDetail};
use crate::engine::Watching;
use crate::market::{Strategy, ts_to_date};
use crate::scan::choice::answering;
use crate::scan::views::{SectorRow, SignalDetail, SignalsPage, SignalsView};
use crate::store::StoreError;
use crate::store::model::{Model, ModelDb, ModelReader};

/// Seconds of an hour.
const HOUR: i64 = 3_600;

impl Watcher {
    /// Reads something of a strategy that has a database.
    fn read<T>(&self, strategy: Strategy, none: T, read: impl FnOnce(&ModelReader) -> Result<T, StoreError>) -> Result<T, String> {
        let reader = self.place.reader(strategy).map_err(|e| e.to_string())?;
        reader.as_ref().map_or(Ok(none), read).map_err(|e| e.to_string())
    }

    /// Does something about the drift of the model that is watched, and shows how it stands then.
    fn change(
        &self,
        strategy: Strategy,
        patience: Duration,
        change: impl FnOnce(&mut ModelDb, &Model) -> Result<Result<String, String>, StoreError>,
    ) -> Result<String, String> {
        let nothing = || format!("nothing of {strategy} is watched yet; `nightdesk drift --strategy {strategy}` looks at it");
        if self.place.reader(strategy).map_err(|e| e.to_string())?.is_none() {
            return Err(nothing());
        }
        let done = self.place.with(strategy, (patience, &CancellationToken::new()), |db| match answering(db.reader())? {
            Some(model) => change(db, &model),
            None => Ok(Err(nothing())),
        });
        let done: Result<Result<String, String>, StoreError> = done;
        let said = done.map_err(|e| e.to_string())?;
        self.look();
        said
    }
}

impl Watching for Watcher {
    fn drift(&self) -> watch::Receiver<Arc<Vec<DriftView>>> {
        self.feeds.drift()
    }

    fn signals(&self) -> watch::Receiver<Arc<Vec<SignalsView>>> {
        self.feeds.signals()
    }

    fn drift_page(&self, strategy: Strategy) -> Result<DriftPage, String> {
        let rules = self.place.rules.load_full();
        let none = DriftPage { view: DriftView::unwatched(strategy, drift::NO_LOOK), subjects: Vec::new() };
        self.read(strategy, none, |reader| drift::page(reader, strategy, &rules.get(strategy).settings.drift_detection))
    }

    fn subject(&self, strategy: Strategy, subject: &str) -> Result<Option<SubjectDetail>, String> {
        let rules = self.place.rules.load_full();
        self.read(strategy, None, |reader| drift::detail(reader, strategy, subject, &rules.get(strategy).settings.drift_detection))
    }

    fn signals_page(&self, strategy: Strategy, limit: usize) -> Result<SignalsPage, String> {
        let view = SignalsView::unscanned(strategy, signals::NO_SCAN);
        let none = SignalsPage { view, signals: Vec::new(), scanned: Vec::new() };
        self.read(strategy, none, |reader| signals::page(reader, &self.pages(strategy), limit))
    }

    fn signal(&self, strategy: Strategy, signal_id: i64) -> Result<Option<SignalDetail>, String> {
        self.read(strategy, None, |reader| signals::detail(reader, &self.pages(strategy), signal_id))
    }

    fn sectors(&self, strategy: Strategy) -> Result<Vec<SectorRow>, String> {
        let reader = self.place.reader(strategy).map_err(|e| e.to_string())?;
        signals::sectors(reader.as_ref(), &self.pages(strategy)).map_err(|e| e.to_string())
    }

    fn acknowledge(&self, strategy: Strategy, subject: &str, actor: &str) -> Result<String, String> {
        self.change(strategy, PATIENCE_OF_PEOPLE, |db, model| {
            if let Some(why) = taken_note_of(db, model, subject)? {
                return Ok(Err(why));
            }
            let known = db.ack_episode(model.model_id, subject, actor)?;
            tracing::info!(target: "drift", %strategy, subject, actor, known, "An alarm was taken note of");
            Ok(if known { Ok(format!("the drift of {subject} is taken note of")) } else { Err(no_alarm(strategy, subject)) })
        })
    }

    fn snooze(&self, strategy: Strategy, subject: &str, hours: u32, actor: &str) -> Result<String, String> {
        let until = self.place.clock.now() + i64::from(hours) * HOUR;
        self.change(strategy, PATIENCE_OF_PEOPLE, |db, model| {
            if let Some(why) = taken_note_of(db, model, subject)? {
                return Ok(Err(why));
            }
            let known = db.snooze_episode(model.model_id, subject, until)?;
            tracing::info!(target: "drift", %strategy, subject, actor, hours, known, "An alarm was put to sleep");
            Ok(if known { Ok(format!("the drift of {subject} keeps silent for {hours} h")) } else { Err(no_alarm(strategy, subject)) })
        })
    }

    fn lift_halt(&self, strategy: Strategy, actor: &str) -> Result<String, String> {
        self.change(strategy, PATIENCE_OF_PEOPLE, |db, model| {
            let (id, halt) = (model.model_id, db.reader().halt(model.model_id)?);
            let Some(halt) = halt else { return Ok(Err(format!("model {id} of {strategy} is not halted"))) };
            db.lift_halt(id, actor)?;
            tracing::warn!(target: "drift", %strategy, model = id, actor, "A halt was lifted");
            Ok(Ok(format!("model {id} gives signals again from the next scan on; it was halted on {}", ts_to_date(halt.since))))
        })
    }

    fn challenger_ordered(&self, strategy: Strategy) -> Result<(), String> {
        self.change(strategy, PATIENCE, |db, model| {
            db.challenger_ordered(model.model_id)?;
            Ok(Ok(String::new()))
        })
        .map(drop)
    }
}

/// Who has taken note of the alarm of a subject before, in a sentence.
fn taken_note_of(db: &ModelDb, model: &Model, subject: &str) -> Result<Option<String>, StoreError> {
    let open = db.reader().open_episodes(model.model_id)?.into_iter().find(|e| e.subject == subject);
    let by = open.filter(|e| e.acked_at.is_some()).map(|e| e.acked_by.unwrap_or_else(|| "somebody".to_owned()));
    Ok(by.map(|by| format!("{by} has taken note of the drift of {subject} already: it keeps silent until it gets worse or ends")))
}

fn no_alarm(strategy: Strategy, subject: &str) -> String {
    format!("there is no open alarm of {subject} in {strategy}")
}
