//! A CSV file as rows with line numbers, and its header as column positions.

use std::io::Cursor;
use std::path::Path;
use std::sync::Arc;

use csv::{ByteRecord, ReaderBuilder};

use super::{BadRow, BadRows, FileError, Notes, Options};

/// Columns by meaning: the first name is ours, the others are accepted as well.
pub(super) type Names = &'static [&'static str];

/// An opened file.
pub(super) struct Table {
    /// Column names as they stand.
    header: Vec<String>,
    reader: csv::Reader<Cursor<Arc<[u8]>>>,
    bytes: Arc<[u8]>,
}

/// One row.
pub(super) struct Row<'a> {
    /// Line in the file, from 1.
    pub line: u64,
    header: &'a [String],
    record: &'a ByteRecord,
}

impl Table {
    /// Opens a file and reads its header. The delimiter is whichever of comma, semicolon and tab the header has most.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let read = |source| FileError::Read { path: path.to_owned(), source };
        let bytes: Arc<[u8]> = std::fs::read(path).map_err(read)?.into();
        let first = text(bytes.split(|b| *b == b'\n').next().unwrap_or_default());
        let delimiter = [',', ';', '\t'].into_iter().max_by_key(|d| (first.matches(*d).count(), *d == ',')).map_or(b',', |d| d as u8);
        let source = Cursor::new(Arc::clone(&bytes));
        let mut reader = ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(csv::Trim::All).from_reader(source);
        let header = reader.byte_headers().map_err(|e| read(e.into()))?;
        let header = header.iter().map(|h| text(h).trim_start_matches('\u{feff}').trim().to_owned()).collect();
        Ok(Self { header, reader, bytes })
    }

    /// Position of the first column that has one of `names`, in the order of `names`.
    pub fn column(&self, path: &Path, names: Names) -> Result<Option<usize>, FileError> {
        for name in names {
            let mut hits = self.header.iter().enumerate().filter(|(_, h)| fold(h) == *name).map(|(i, _)| i);
            if let Some(i) = hits.next() {
                return match hits.next() {
                    None => Ok(Some(i)),
                    Some(_) => Err(self.header_error(path, format!("there are two columns named {name}"))),
                };
            }
        }
        Ok(None)
    }

    /// Like [`Self::column`], but the column must be there.
    pub fn require(&self, path: &Path, names: Names) -> Result<usize, FileError> {
        self.column(path, names)?.ok_or_else(|| self.header_error(path, format!("there is no column named {}", names.join(" or "))))
    }

    /// A complaint about the header.
    pub fn header_error(&self, path: &Path, reason: String) -> FileError {
        FileError::Header { path: path.to_owned(), reason, header: self.header.join(",") }
    }

    /// Reads all rows, each by `parse`; `used` are the columns it looks at. Bad rows refuse the file or are counted.
    pub fn rows<T>(
        mut self,
        path: &Path,
        options: &Options,
        used: &[usize],
        mut parse: impl FnMut(&Row<'_>) -> Result<Option<T>, BadRow>,
    ) -> Result<(Vec<T>, Notes), FileError> {
        let unused = self.header.iter().enumerate().filter(|(i, _)| !used.contains(i));
        let mut notes = Notes { ignored_columns: unused.map(|(_, h)| h.clone()).collect(), ..Notes::default() };
        let mut out = Vec::new();
        let mut record = ByteRecord::new();
        while self.reader.read_byte_record(&mut record).map_err(|e| FileError::Read { path: path.to_owned(), source: e.into() })? {
            notes.rows += 1;
            let line = record.position().map_or(0, |p| line_of(p, &self.bytes));
            let row = Row { line, header: &self.header, record: &record };
            match row.complete().and_then(|()| parse(&row)) {
                Ok(Some(value)) => out.push(value),
                Ok(None) => {}
                Err(bad) => notes.bad.push(bad),
            }
        }
        settle(path, options, &notes)?;
        Ok((out, notes))
    }
}

/// Refuses the file when it has bad rows that may not be skipped.
pub(super) fn settle(path: &Path, options: &Options, notes: &Notes) -> Result<(), FileError> {
    if notes.bad.count == 0 || options.skip_bad_rows {
        return Ok(());
    }
    let BadRows { count, first } = notes.bad.clone();
    Err(FileError::Rows { path: path.to_owned(), rows: notes.rows, bad: BadRows { count, first } })
}

impl Row<'_> {
    /// Text of a column.
    pub fn text(&self, column: usize) -> String {
        text(self.record.get(column).unwrap_or_default())
    }

    /// A complaint about a column of this row.
    pub fn bad(&self, column: usize, reason: impl Into<String>) -> BadRow {
        let name = self.header.get(column).cloned().unwrap_or_default();
        BadRow { line: self.line, column: name, value: self.text(column), reason: reason.into() }
    }

    /// A finite number.
    pub fn number(&self, column: usize) -> Result<f64, BadRow> {
        let text = self.text(column);
        let reason = if text.is_empty() { "is empty; a number is needed" } else { "is not a number" };
        text.parse().ok().filter(|v: &f64| v.is_finite()).ok_or_else(|| self.bad(column, reason))
    }

    fn complete(&self) -> Result<(), BadRow> {
        let (found, wanted) = (self.record.len(), self.header.len());
        if found == wanted {
            return Ok(());
        }
        let reason = format!("has {found} fields where the header has {wanted}");
        let value = self.record.iter().map(text).collect::<Vec<_>>().join(",");
        Err(BadRow { line: self.line, column: "(row)".into(), value, reason })
    }
}

/// Line of a record: its position is that of the empty lines before it, if there are any.
fn line_of(position: &csv::Position, bytes: &[u8]) -> u64 {
    let rest = &bytes[(position.byte() as usize).min(bytes.len())..];
    let ends = rest.iter().take_while(|b| matches!(b, b'\r' | b'\n'));
    position.line() + ends.filter(|b| **b == b'\n').map(|_| 1).sum::<u64>()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `Adj Close` and `adj_close` are the same name.
fn fold(name: &str) -> String {
    name.to_lowercase().replace([' ', '-'], "_")
}
