//! Bringing archive and replay buffer up to date with the rows of today.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::build::{DatasetError, Order, Part};
use super::kept::{Fresh, InForce, Kept, digest};
use super::summary::Archived;
use super::{archive, replay};
use crate::config::strategy::UpdateTime;
use crate::features::{Feature, definition_hash};
use crate::market::Symbol;
use crate::store::model::{ModelDb, RareEvent, ReplayError, Sample};

/// What of archive and replay buffer may be mixed in.
pub(super) struct Aside {
    pub archive: Vec<Kept>,
    pub archived: Archived,
    pub replay: Vec<Kept>,
}

impl Aside {
    pub fn digest(&self) -> String {
        digest(&self.archive, &self.replay)
    }
}

/// Stores what the rows in `parts` change in archive and buffer, and reads what is usable. `errors` are the buffer's rows.
pub(super) fn bring_up_to_date(
    db: &mut ModelDb,
    order: &Order<'_>,
    parts: &mut [Part],
    sessions: &[NaiveDate],
    (used, errors): (&[&Feature], &[ReplayError]),
) -> Result<Aside, DatasetError> {
    let rules = order.rules;
    let found: Vec<RareEvent> = parts.iter_mut().flat_map(|p| std::mem::take(&mut p.rare)).collect();
    let replayed: Vec<Sample> = parts.iter_mut().flat_map(|p| std::mem::take(&mut p.replayed)).collect();
    let symbols = || order.universe.instruments.iter().map(|i| i.symbol).zip(&*parts);
    // A symbol without a row today (blocked for a night, or a benchmark that is silent) says nothing of its kept rows.
    let fresh = Fresh::new(symbols().filter(|(_, p)| p.without.is_none()).map(|(symbol, p)| (symbol, &p.bars.date[..])));
    let blocked: BTreeSet<Symbol> = symbols().filter(|(_, p)| p.blocked).map(|(symbol, _)| symbol).collect();

    let change = match rules.dynamic_archive_updates.when {
        UpdateTime::Training if !order.training => archive::Change::default(),
        _ => {
            let stored = db.reader().rare_events()?;
            archive::update(&stored, &found, &fresh, sessions, &rules.rare_event_archive, &rules.dynamic_archive_updates)
        }
    };
    let mut archived = Archived { added: change.taken.len(), gone: change.gone.len(), ..Archived::default() };
    if change != archive::Change::default() {
        db.update_archive(&change.gone, &change.taken)?;
    }
    let change = replay::refresh(errors, &replayed, &fresh, &rules.error_replay_buffer);
    if change != replay::Change::default() {
        db.update_replay(&change.gone, &change.taken)?;
    }

    let row_rules = rules.row_hash();
    let now = InForce { definition: definition_hash(), rules: &row_rules };
    let kept = db.reader().rare_events()?;
    let archive: Vec<Kept> =
        kept.iter().filter(|e| !blocked.contains(&e.sample.symbol)).filter_map(|e| Kept::of_event(e, used, now)).collect();
    (archived.kept, archived.usable) = (kept.len(), archive.len());
    let errors = db.reader().replay_errors()?;
    let errors = errors.iter().filter(|e| !blocked.contains(&e.sample.symbol));
    let replay = errors.filter_map(|e| Kept::of_error(e, used, now)).collect();
    Ok(Aside { archive, archived, replay })
}
