//! Which other subjects stand out together with one.

use chrono::NaiveDate;

use crate::drift::Verdict;
use crate::drift::views::{Correlated, SubjectKind};
use crate::features::{definition_hash, feature};
use crate::market::date_to_ts;
use crate::store::StoreError;
use crate::store::model::{DriftRow, ModelReader};

/// Subjects that are compared, the worst first, and those that are shown.
const COMPARED: usize = 24;
const SHOWN: usize = 8;

/// The features of a night that are unusual as well, by their rank correlation with one over the rows since `since`.
pub(super) fn correlated(
    reader: &ModelReader,
    night: &[DriftRow],
    with: &DriftRow,
    since: NaiveDate,
) -> Result<Vec<Correlated>, StoreError> {
    let unusual = |r: &&DriftRow| r.kind == SubjectKind::Feature && r.verdict >= Verdict::Warning && r.subject != with.subject;
    let mut others: Vec<(&DriftRow, usize)> = night.iter().filter(unusual).filter_map(|r| Some((r, feature(&r.subject)?.index))).collect();
    others.sort_by(|a, b| b.0.verdict.cmp(&a.0.verdict).then(b.0.psi.unwrap_or(0.0).total_cmp(&a.0.psi.unwrap_or(0.0))));
    others.truncate(COMPARED);
    let Some(own) = feature(&with.subject).filter(|_| !others.is_empty()) else { return Ok(Vec::new()) };
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); others.len() + 1];
    for (symbol, _) in reader.feature_symbols()? {
        let found = reader.features(symbol, (date_to_ts(since), i64::MAX), definition_hash())?;
        let asked = std::iter::once(own.index).chain(others.iter().map(|o| o.1));
        for (column, index) in columns.iter_mut().zip(asked) {
            column.extend(found.columns.get(index).into_iter().flatten());
        }
    }
    let first = std::mem::take(&mut columns[0]);
    let of = |((row, _), values): (&(&DriftRow, usize), &Vec<f64>)| {
        let correlation = spearman(&first, values)?;
        Some(Correlated { subject: row.subject.clone(), verdict: row.verdict, psi: row.psi, correlation })
    };
    let mut all: Vec<Correlated> = others.iter().zip(&columns[1..]).filter_map(of).collect();
    all.sort_by(|a, b| b.correlation.abs().total_cmp(&a.correlation.abs()));
    all.truncate(SHOWN);
    Ok(all)
}

/// Spearman's rank correlation of the rows in which both have a value, equal values at their mean rank; `None` where one of them
/// does not vary.
fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    let both: Vec<(f64, f64)> = x.iter().zip(y).map(|(a, b)| (*a, *b)).filter(|(a, b)| a.is_finite() && b.is_finite()).collect();
    let (a, b) = (ranks(both.iter().map(|p| p.0)), ranks(both.iter().map(|p| p.1)));
    let mean = (both.len() as f64 - 1.0) / 2.0;
    let moment = |f: &dyn Fn(usize) -> f64| (0..both.len()).map(f).sum::<f64>();
    let both_moment = moment(&|i| (a[i] - mean) * (b[i] - mean));
    let spread = (moment(&|i| (a[i] - mean).powi(2)) * moment(&|i| (b[i] - mean).powi(2))).sqrt();
    (spread > 0.0).then(|| both_moment / spread)
}

/// Ranks from 0, equal values at their mean rank.
fn ranks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let values: Vec<f64> = values.collect();
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|i, j| values[*i].total_cmp(&values[*j]));
    let mut out = vec![0.0; values.len()];
    let mut from = 0;
    for same in order.chunk_by(|i, j| values[*i] == values[*j]) {
        let rank = from as f64 + (same.len() as f64 - 1.0) / 2.0;
        for i in same {
            out[*i] = rank;
        }
        from += same.len();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spearman_is_scipys() {
        // scipy.stats.spearmanr([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) is 0.8207826816681233.
        let r = spearman(&[1.0, 2.0, 3.0, 4.0, 5.0], &[5.0, 6.0, 7.0, 8.0, 7.0]).unwrap();
        assert!((r - 0.820_782_681_668_123_3).abs() < 1e-12, "{r}");
        assert_eq!(spearman(&[1.0, 2.0, f64::NAN, 3.0], &[3.0, 2.0, 9.0, 1.0]), Some(-1.0), "rows that lack one are passed over");
        assert_eq!(spearman(&[1.0, 2.0], &[4.0, 4.0]), None);
    }
}
