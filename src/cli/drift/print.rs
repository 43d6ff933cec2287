//! How a comparison of two files is shown.

use serde_json::{Value, json};

use super::compare::{Compared, Comparison, Figures};
use crate::cli::Failure;
use crate::cli::output::{count, line, thousands};
use crate::drift::{Level, OF_KS_P};

/// Longest name of a column that the table makes room for.
const WIDEST: usize = 32;

/// One object.
pub(super) fn json(found: &Comparison) -> Value {
    let file = |scan: &super::table::Scan| json!({ "file": scan.path, "rows": scan.rows });
    json!({
        "ok": true,
        "reference": file(&found.reference),
        "current": file(&found.current),
        "bins": found.rule.bins,
        "smoothing": found.rule.smoothing,
        "min_rows": found.rule.min_rows,
        "insufficient": !found.enough(),
        "columns": found.columns.iter().map(column).collect::<Vec<_>>(),
        "only_in_reference": Comparison::only_in(&found.reference, &found.current),
        "only_in_current": Comparison::only_in(&found.current, &found.reference),
    })
}

fn column(column: &Compared) -> Value {
    let figures = column.figures.as_ref().map(|f| {
        let ks = f.ks.map(|ks| json!({ "distance": ks.distance, "p": ks.p, "p_holds_for": OF_KS_P, "level": f.levels.ks }));
        json!({
            "worst": f.levels.worst(),
            "psi": { "value": f.psi, "level": f.levels.psi },
            "kl": { "value": f.kl, "level": f.levels.kl },
            "ks": ks,
        })
    });
    let kind = if column.numeric { "numbers" } else { "texts" };
    json!({ "name": column.name, "kind": kind, "missing": { "reference": column.missing[0], "current": column.missing[1] }, "figures": figures })
}

/// A table for people.
pub(super) fn table(found: &Comparison) -> Result<(), Failure> {
    let (then, now) = (&found.reference, &found.current);
    let columns = count(found.columns.len(), "column", "columns");
    line(format_args!(
        "{columns} of {} ({} rows) against {} ({} rows)",
        now.path.display(),
        thousands(now.rows as u64),
        then.path.display(),
        thousands(then.rows as u64)
    ))?;
    let width = found.columns.iter().map(|c| c.name.chars().count()).max().unwrap_or(0).clamp(6, WIDEST);
    let p = format!("KS p ({OF_KS_P})");
    line(format_args!(
        "\n  {:<width$}  {:<12}  {:<17}  {:<17}  {:>7}  {p:<23}  missing, then and now",
        "column", "worst", "PSI", "KL, nats", "KS D"
    ))?;
    for column in &found.columns {
        line(row(column, width).trim_end())?;
    }
    if !found.enough() {
        let needed = thousands(found.rule.min_rows.into());
        line(format_args!("\nInsufficient: below {needed} rows of either file, chance alone moves these figures; there are none."))?;
    }
    for (of, other) in [(then, now), (now, then)] {
        let only = Comparison::only_in(of, other);
        if !only.is_empty() {
            line(format_args!("\nOnly in {}, not compared: {}", of.path.display(), only.join(", ")))?;
        }
    }
    if found.enough() {
        line("\nLevels tell how large a distance is. On values that depend on their own past, as prices do, large ones are usual.")?;
    }
    Ok(())
}

fn row(column: &Compared, width: usize) -> String {
    let name: String = column.name.chars().take(width).collect();
    let [then, now] = column.missing.map(|share| format!("{:.1} %", 100.0 * share));
    let Some(f) = &column.figures else {
        return format!("  {name:<width$}  {:<12}  {:<17}  {:<17}  {:>7}  {:<23}  {then:>7}  {now:>7}", "insufficient", "-", "-", "-", "-");
    };
    let figure = |value: f64, level: Level| format!("{value:.4} {level}");
    let (distance, p) = test(f);
    let (psi, kl) = (figure(f.psi, f.levels.psi), figure(f.kl, f.levels.kl));
    format!("  {name:<width$}  {:<12}  {psi:<17}  {kl:<17}  {distance:>7}  {p:<23}  {then:>7}  {now:>7}", f.levels.worst().to_string())
}

/// Distance and p of Kolmogorov and Smirnov, which texts do not have.
fn test(figures: &Figures) -> (String, String) {
    let words = |ks: crate::drift::KolmogorovSmirnov| {
        let p = if ks.p < 0.0001 { "below 0.0001".to_owned() } else { format!("{:.4}", ks.p) };
        (format!("{:.4}", ks.distance), format!("{p} {}", figures.levels.ks.unwrap_or(Level::Fine)))
    };
    figures.ks.map_or_else(|| ("-".to_owned(), "-".to_owned()), words)
}
