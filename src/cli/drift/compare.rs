//! `nightdesk drift compare`: two files, column by column, with the bins and levels that the strategies ship with.

use std::path::PathBuf;

use clap::Args;

use super::print;
use super::table::{Column, Scan, TableError};
use crate::cli::{Exit, Failure, output};
use crate::config::strategy::{DriftDetection, StrategySettings};
use crate::drift::measure::distances;
use crate::drift::{Categories, KolmogorovSmirnov, Level, Levels};
use crate::market::Strategy;

/// Tell how far the columns of one CSV file lie from those of another
///
/// Columns are matched by the names in the header. A column of numbers gets bins of equal mass by the reference, one of texts a
/// bin a text and one for texts that the reference does not know; empty cells, NaN and null are missing values, which have a bin
/// of their own. The levels tell how large a distance is. Whether it is unusual, two files alone cannot tell: values that
/// depend on their own past lie apart without any fault.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What values were: a CSV file with a header
    #[arg(long, value_name = "CSV")]
    reference: PathBuf,
    /// What they are now: a CSV file with a header
    #[arg(long, value_name = "CSV")]
    current: PathBuf,
    /// Bins of equal reference mass [default: as shipped, 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=100))]
    bins: Option<u32>,
    /// Added to the count of each bin; with 0 a bin that only one file fills is infinitely far, null in JSON [default: as shipped, 0.5]
    #[arg(long, value_name = "X", value_parser = smoothing)]
    smoothing: Option<f64>,
    /// Rows of either file below which there are no figures [default: as shipped, 500]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    min_rows: Option<u32>,
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,
}

/// What was found of two files.
pub(super) struct Comparison {
    pub reference: Scan,
    pub current: Scan,
    pub rule: DriftDetection,
    /// Worst first; of equal levels the farthest first.
    pub columns: Vec<Compared>,
}

/// A column that both files have.
pub(super) struct Compared {
    pub name: String,
    pub numeric: bool,
    /// Share of missing values in the reference and in the current file.
    pub missing: [f64; 2],
    /// `None` where there are too few rows.
    pub figures: Option<Figures>,
}

/// Distances of a column.
pub(super) struct Figures {
    pub psi: f64,
    pub kl: f64,
    pub ks: Option<KolmogorovSmirnov>,
    pub levels: Levels,
}

impl Comparison {
    /// Whether both files have enough rows.
    pub fn enough(&self) -> bool {
        self.reference.rows.min(self.current.rows) >= self.rule.min_rows as usize
    }

    /// Columns of one file that the other lacks.
    pub fn only_in<'a>(one: &'a Scan, other: &Scan) -> Vec<&'a str> {
        one.names.iter().filter(|name| !other.names.contains(name)).map(String::as_str).collect()
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let found = compare(arguments)?;
    if arguments.json {
        output::json(&print::json(&found))?;
    } else {
        print::table(&found)?;
    }
    Ok(Exit::Done)
}

fn smoothing(text: &str) -> Result<f64, String> {
    let value: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=10.0).contains(&value) { Ok(value) } else { Err("it must lie between 0 and 10".to_owned()) }
}

/// The shipped rules with what was asked for instead.
fn rule(arguments: &Arguments) -> Result<DriftDetection, Failure> {
    let shipped = StrategySettings::shipped(Strategy::Turbomode).map_err(|e| Failure::new(e.to_string()))?.drift_detection;
    Ok(DriftDetection {
        bins: arguments.bins.unwrap_or(shipped.bins),
        smoothing: arguments.smoothing.unwrap_or(shipped.smoothing),
        min_rows: arguments.min_rows.unwrap_or(shipped.min_rows),
        ..shipped
    })
}

fn compare(arguments: &Arguments) -> Result<Comparison, Failure> {
    let rule = rule(arguments)?;
    let (reference, current) = (Scan::of(&arguments.reference)?, Scan::of(&arguments.current)?);
    let both: Vec<(usize, usize)> =
        reference.names.iter().enumerate().filter_map(|(at, name)| Some((at, current.names.iter().position(|n| n == name)?))).collect();
    if both.is_empty() {
        let what =
            format!("{} and {} have no column in common, so there is nothing to compare", reference.path.display(), current.path.display());
        return Err(Failure::new(what).next("columns are compared by the names in the first line of each file"));
    }
    // A column that is a text in one of the files is one in both.
    let kinds: Vec<bool> = both.iter().map(|(then, now)| reference.numeric[*then] && current.numeric[*now]).collect();
    let side = |scan: &Scan, of: fn(&(usize, usize)) -> usize| {
        let wanted: Vec<(usize, bool)> = both.iter().map(of).zip(kinds.iter().copied()).collect();
        scan.read(&wanted)
    };
    let (then, now) = (side(&reference, |both| both.0)?, side(&current, |both| both.1)?);
    let mut found = Comparison { reference, current, rule, columns: Vec::new() };
    found.columns = both.iter().zip(then.iter().zip(&now)).map(|((at, _), columns)| found.compared(*at, columns)).collect();
    let worst = |c: &Compared| c.figures.as_ref().map_or((Level::Fine, f64::NEG_INFINITY), |f| (f.levels.worst(), f.psi));
    found.columns.sort_by(|a, b| worst(b).0.cmp(&worst(a).0).then(worst(b).1.total_cmp(&worst(a).1)));
    Ok(found)
}

impl Comparison {
    fn compared(&self, at: usize, (then, now): (&Column, &Column)) -> Compared {
        let missing = [(then, self.reference.rows), (now, self.current.rows)].map(|(column, rows)| column.missing() as f64 / rows as f64);
        let figures = self.enough().then(|| figures(then, now, &self.rule));
        Compared { name: self.reference.names[at].clone(), numeric: matches!(then, Column::Numbers(_)), missing, figures }
    }
}

fn figures(then: &Column, now: &Column, rule: &DriftDetection) -> Figures {
    let (psi, kl, ks) = if let (Column::Numbers(then), Column::Numbers(now)) = (then, now) {
        let found = distances(then, now, rule);
        (found.psi, found.kl, found.ks)
    } else {
        let (psi, kl) = Categories::of(then.names(), now.names()).distances(rule.smoothing);
        (psi, kl, None)
    };
    Figures { psi, kl, ks, levels: Levels::of(psi, kl, ks, rule) }
}

impl From<TableError> for Failure {
    fn from(error: TableError) -> Self {
        let next = match &error {
            TableError::Unreadable { .. } => "name two CSV files that exist, in UTF-8, with a header",
            TableError::Empty(_) | TableError::NoRows(_) => "a file needs a line with the names of its columns, and rows",
            TableError::Ragged { .. } => "give each row as many cells as the header has; a comma within a cell needs quotes around it",
            TableError::Twice { .. } | TableError::Nameless { .. } => "give each column a name of its own",
            TableError::Changed(_) => "run it again when nothing writes the file",
        };
        Self::new(error.to_string()).next(next)
    }
}
