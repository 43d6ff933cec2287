//! What is removed from the folder of models: what nobody can use any more.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::RegistryError;
use super::file::{ModelFolder, run_of};
use crate::market::DAY;
use crate::store::StoreError;
use crate::store::model::files::{is_partial, read_checked};
use crate::store::model::{ModelDb, ModelReader};
use crate::train::model_views::ModelState;
use crate::train::progress::TrainingState;

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tidied {
    /// Files of rejected models.
    pub rejected: usize,
    /// Files of retired models that are not what was written.
    pub spoiled: usize,
    /// Files that belong to no model, and parts of files.
    pub orphans: usize,
    /// Folders of checkpoints.
    pub checkpoints: usize,
    /// Models whose answers out of fold were forgotten.
    pub predictions: usize,
}

/// Rejected runs whose answers out of fold stay: the normal state has no champion, and its newest candidates can be
/// backtested. A full run's take some 25 MB.
const REJECTED_KEPT: u32 = 3;

/// Forgets answers out of fold that no backtest and no comparison asks for any more, as of `now` (UTC seconds): see
/// [`ModelDb::forget_fold_predictions`]. Gives the number of models whose answers went.
pub fn tidy_predictions(db: &mut ModelDb, now: i64) -> Result<usize, StoreError> {
    db.forget_fold_predictions(REJECTED_KEPT, now)
}

/// Removes, as of `now` (UTC seconds):
///
/// - checkpoints of runs that came to a verdict, are unknown, or have shown no sign of life for `keep_days`;
/// - files of models that were rejected `keep_days` ago or earlier, their rows first;
/// - files of retired models that are gone or not what was written: they can never serve again, and would be told as damage for
///   ever;
/// - files of no model, and parts of files, unless a run is at work that may be about to register them;
/// - answers out of fold that nothing asks for any more ([`tidy_predictions`]).
///
/// Good files of retired models stay, so that any former champion can serve again: there is one a promotion, which is rare. What
/// does not have a name of ours is left alone.
pub fn tidy(db: &mut ModelDb, folder: &ModelFolder, keep_days: u32, now: i64) -> Result<Tidied, RegistryError> {
    let oldest = now - i64::from(keep_days) * DAY;
    let refused = db.reader().files_rejected_before(oldest)?;
    let retired = db.reader().files_in(ModelState::Retired)?;
    let spoiled: Vec<String> = retired.into_iter().filter(|f| read_checked(folder.path(), f).is_err()).map(|f| f.file).collect();
    for file in &spoiled {
        tracing::warn!(target: "store", file, "The file of a retired model is not what was written; the model cannot serve again");
    }
    let gone = [refused.as_slice(), &spoiled].concat();
    db.forget_files(&gone)?;
    let predictions = tidy_predictions(db, now)?;
    let mut done = Tidied { rejected: refused.len(), spoiled: spoiled.len(), predictions, ..Tidied::default() };
    let kept = Kept::read(db.reader(), oldest)?;
    for (name, is_folder) in entries(folder.path())? {
        let path = folder.path().join(&name);
        if is_folder {
            if run_of(&name).is_some_and(|run| !kept.checkpoints.contains(&run)) {
                fs::remove_dir_all(&path).map_err(StoreError::io("cannot remove", &path))?;
                done.checkpoints += 1;
            }
        } else if !kept.at_work && (is_partial(&name) || run_of(&name).is_some()) && !kept.files.contains(&name) {
            fs::remove_file(&path).map_err(StoreError::io("cannot remove", &path))?;
            done.orphans += usize::from(!gone.contains(&name));
        }
    }
    Ok(done)
}

/// What must stay.
struct Kept {
    /// Files of models.
    files: HashSet<String>,
    /// Runs whose checkpoints may still be gone on from.
    checkpoints: HashSet<i64>,
    /// Whether a run is at work.
    at_work: bool,
}

impl Kept {
    fn read(reader: &ModelReader, oldest: i64) -> Result<Self, StoreError> {
        let runs = reader.training_states()?;
        let goes_on = |state: TrainingState, saved_at| state == TrainingState::Running || state.resumable() && saved_at >= oldest;
        Ok(Self {
            files: reader.model_files()?.into_iter().map(|f| f.file).collect(),
            checkpoints: runs.iter().filter(|(_, state, saved_at)| goes_on(*state, *saved_at)).map(|(run, ..)| *run).collect(),
            at_work: runs.iter().any(|(_, state, _)| *state == TrainingState::Running),
        })
    }
}

/// Names in a folder, and whether each is one of a folder; none where it does not exist.
fn entries(dir: &Path) -> Result<Vec<(String, bool)>, StoreError> {
    let found = match fs::read_dir(dir) {
        Ok(found) => found,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(StoreError::io("cannot read the folder", dir)(e)),
    };
    let entry = |e: std::io::Result<fs::DirEntry>| {
        let e = e.map_err(StoreError::io("cannot read the folder", dir))?;
        let is_folder = e.file_type().map_err(StoreError::io("cannot read", &e.path()))?.is_dir();
        Ok(e.file_name().into_string().ok().map(|name| (name, is_folder)))
    };
    found.map(entry).filter_map(Result::transpose).collect()
}
