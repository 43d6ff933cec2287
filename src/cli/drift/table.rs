//! Two CSV files as columns. Each is read twice, first for what its columns are, so that only values are kept in memory.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use csv::{ErrorKind, Reader, StringRecord};

/// Why a file is not a table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    #[error("{path} cannot be read: {source}")]
    Unreadable { path: PathBuf, source: csv::Error },
    #[error("{0} is empty: it has no header to name columns by")]
    Empty(PathBuf),
    #[error("{0} has a header and no rows")]
    NoRows(PathBuf),
    #[error("{path} line {line} has {found}, and the header has {wanted}")]
    Ragged { path: PathBuf, line: u64, found: String, wanted: u64 },
    #[error("{path} has two columns of the name `{name}`, and columns are compared by name")]
    Twice { path: PathBuf, name: String },
    #[error("column {number} of {path} has no name, and columns are compared by name")]
    Nameless { path: PathBuf, number: usize },
    #[error("{0} changed while it was read")]
    Changed(PathBuf),
}

/// What a first look at a file tells.
pub struct Scan {
    pub path: PathBuf,
    pub names: Vec<String>,
    /// Whether each column has nothing but numbers and missing cells.
    pub numeric: Vec<bool>,
    pub rows: usize,
}

/// Values of a column.
pub enum Column {
    /// NaN where one is missing.
    Numbers(Vec<f64>),
    /// Each cell by the number of its text.
    Names { texts: Vec<String>, cells: Vec<Option<u32>> },
}

impl Column {
    /// Texts of the cells, for a column of names.
    pub fn names(&self) -> Box<dyn Iterator<Item = Option<&str>> + '_> {
        match self {
            Self::Numbers(_) => Box::new(std::iter::empty()),
            Self::Names { texts, cells } => Box::new(cells.iter().map(|cell| cell.map(|number| texts[number as usize].as_str()))),
        }
    }

    /// Cells without a value.
    pub fn missing(&self) -> usize {
        match self {
            Self::Numbers(values) => values.iter().filter(|v| v.is_nan()).count(),
            Self::Names { cells, .. } => cells.iter().filter(|cell| cell.is_none()).count(),
        }
    }
}

impl Scan {
    /// Looks at a file.
    pub fn of(path: &Path) -> Result<Self, TableError> {
        let mut reader = open(path)?;
        let names: Vec<String> = reader.headers().map_err(|e| failed(path, e))?.iter().map(|name| name.trim().to_owned()).collect();
        if names.is_empty() || names == [""] {
            return Err(TableError::Empty(path.to_owned()));
        }
        for (at, name) in names.iter().enumerate() {
            if name.is_empty() {
                return Err(TableError::Nameless { path: path.to_owned(), number: at + 1 });
            }
            if names[..at].contains(name) {
                return Err(TableError::Twice { path: path.to_owned(), name: name.clone() });
            }
        }
        let (mut numeric, mut rows, mut record) = (vec![true; names.len()], 0, StringRecord::new());
        while reader.read_record(&mut record).map_err(|e| failed(path, e))? {
            rows += 1;
            for (numeric, cell) in numeric.iter_mut().zip(&record).filter(|(numeric, _)| **numeric) {
                *numeric = number(cell).is_some();
            }
        }
        if rows == 0 {
            return Err(TableError::NoRows(path.to_owned()));
        }
        Ok(Self { path: path.to_owned(), names, numeric, rows })
    }

    /// Reads the columns of given numbers, as numbers where `numeric` says so.
    pub fn read(&self, wanted: &[(usize, bool)]) -> Result<Vec<Column>, TableError> {
        let mut reader = open(&self.path)?;
        let mut columns: Vec<Gathering> = wanted.iter().map(|(_, numeric)| Gathering::new(*numeric, self.rows)).collect();
        let mut record = StringRecord::new();
        while reader.read_record(&mut record).map_err(|e| failed(&self.path, e))? {
            for (column, (at, _)) in columns.iter_mut().zip(wanted) {
                let added = record.get(*at).and_then(|cell| column.add(cell));
                added.ok_or_else(|| TableError::Changed(self.path.clone()))?;
            }
        }
        Ok(columns.into_iter().map(|c| c.column).collect())
    }
}

/// A column while it is read.
struct Gathering {
    column: Column,
    numbers: HashMap<String, u32>,
}

impl Gathering {
    fn new(numeric: bool, rows: usize) -> Self {
        let column = if numeric {
            Column::Numbers(Vec::with_capacity(rows))
        } else {
            Column::Names { texts: Vec::new(), cells: Vec::with_capacity(rows) }
        };
        Self { column, numbers: HashMap::new() }
    }

    /// `None` for a text among numbers.
    fn add(&mut self, cell: &str) -> Option<()> {
        match &mut self.column {
            Column::Numbers(values) => values.push(number(cell)?),
            Column::Names { texts, cells } => {
                let text = cell.trim();
                let known = self.numbers.get(text).copied();
                let of_new = |texts: &mut Vec<String>, numbers: &mut HashMap<String, u32>| {
                    texts.push(text.to_owned());
                    *numbers.entry(text.to_owned()).or_insert(texts.len() as u32 - 1)
                };
                cells.push(if is_missing(text) { None } else { Some(known.unwrap_or_else(|| of_new(texts, &mut self.numbers))) });
            }
        }
        Some(())
    }
}

/// Empty, `NaN` and `null` stand for a value that is missing.
fn is_missing(text: &str) -> bool {
    text.is_empty() || text.eq_ignore_ascii_case("nan") || text.eq_ignore_ascii_case("null")
}

/// The number in a cell, NaN for a missing one; `None` for a text.
fn number(cell: &str) -> Option<f64> {
    let text = cell.trim();
    if is_missing(text) { Some(f64::NAN) } else { text.parse().ok() }
}

fn open(path: &Path) -> Result<Reader<File>, TableError> {
    csv::ReaderBuilder::new().from_path(path).map_err(|source| TableError::Unreadable { path: path.to_owned(), source })
}

fn failed(path: &Path, error: csv::Error) -> TableError {
    let path = path.to_owned();
    match error.kind() {
        ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let found = if *len == 1 { "1 cell".to_owned() } else { format!("{len} cells") };
            TableError::Ragged { path, line: pos.as_ref().map_or(0, csv::Position::line), found, wanted: *expected_len }
        }
        _ => TableError::Unreadable { path, source: error },
    }
}
