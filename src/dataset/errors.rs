//! Takes errors that a training run made out of fold into the replay buffer.

use std::collections::BTreeMap;

use super::DataSet;
use super::replay::{is_replayed, update};
use crate::config::strategy::StrategySettings;
use crate::features::definition_hash;
use crate::features::nightly::read_features;
use crate::labels::Class;
use crate::market::{DAY, date_to_ts};
use crate::store::StoreError;
use crate::store::model::{ModelDb, ReplayError, Sample};

/// Takes in what the rules want learnt again of `rows`: sample rows with what was decided and said of them by models that had
/// not learnt from them. Every sample has matured. `model` names who was wrong; `now`: UTC seconds.
pub fn learn_errors(
    db: &mut ModelDb,
    data: &DataSet,
    rules: &StrategySettings,
    rows: &[(usize, Class, [f64; Class::COUNT])],
    model: &str,
    now: i64,
) -> Result<(), StoreError> {
    let (s, rule, row_rules) = (&data.samples, &rules.error_replay_buffer, rules.row_hash());
    let mut wrong: BTreeMap<u32, Vec<(usize, Class, f64)>> = BTreeMap::new();
    for (row, decision, p) in rows {
        if let Some(confidence) = is_replayed(*decision, p, s.class[*row], rule) {
            wrong.entry(s.symbol[*row]).or_default().push((*row, *decision, confidence));
        }
    }
    let mut found = Vec::new();
    for (symbol, rows) in wrong {
        let symbol = s.symbols[symbol as usize];
        let dates = || rows.iter().map(|(row, ..)| s.date[*row]);
        let Some((first, last)) = dates().min().zip(dates().max()) else { continue };
        let stored = read_features(db.reader(), symbol, (date_to_ts(first), date_to_ts(last) + DAY))?;
        for (row, predicted, confidence) in rows {
            // A bar that was hidden since has no features any more, and nothing is learnt from it.
            let Ok(at) = stored.ts.binary_search(&date_to_ts(s.date[row])) else { continue };
            let sample = Sample {
                symbol,
                date: s.date[row],
                label_end: s.label_end[row],
                matured: s.matured[row],
                class: s.class[row].index() as u8,
                regime: s.regime[row].name().to_owned(),
                features: stored.columns.iter().map(|column| column[at]).collect(),
                definition: definition_hash().to_owned(),
                rules: row_rules.clone(),
            };
            found.push(ReplayError { sample, predicted: predicted.index() as u8, confidence, model: model.to_owned(), added_at: now });
        }
    }
    let change = update(&db.reader().replay_errors()?, &found, rule);
    db.update_replay(&change.gone, &change.taken)
}
