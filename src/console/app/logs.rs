//! The log pane's records, filters and place. Records are kept here unfiltered, so that a filter shows older records
//! at once, without asking the ring again.

use std::collections::VecDeque;

use crate::engine::{LogLevel, LogRecord};

/// Most records kept by the console.
const CAPACITY: usize = 5_000;
const LEVELS: [LogLevel; 5] = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug, LogLevel::Trace];

/// The state of the log pane.
#[derive(Clone, Debug)]
pub struct LogPane {
    records: VecDeque<LogRecord>,
    /// Positions in `records` that pass the filters, oldest first.
    passing: Vec<usize>,
    /// Records lost by the ring before the console could read them.
    pub dropped: u64,
    /// Least severe level shown.
    pub level: LogLevel,
    /// The only source shown.
    pub source: Option<String>,
    /// Text filter; `!` in front inverts.
    pub text: String,
    /// Searched and highlighted text.
    pub search: String,
    /// Selected record; `None` follows the newest.
    pub cursor: Option<u64>,
    /// Long records are wrapped.
    pub wrap: bool,
    /// The time column is shown.
    pub times: bool,
    /// A line is drawn after this record.
    pub mark: Option<u64>,
    /// Records up to this one are hidden.
    pub cleared: u64,
    last: u64,
}

impl Default for LogPane {
    fn default() -> Self {
        Self {
            records: VecDeque::new(),
            passing: Vec::new(),
            dropped: 0,
            level: LogLevel::Info,
            source: None,
            text: String::new(),
            search: String::new(),
            cursor: None,
            wrap: false,
            times: true,
            mark: None,
            cleared: 0,
            last: 0,
        }
    }
}

impl LogPane {
    /// Position of the newest record read.
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// Takes newer records in.
    pub fn extend(&mut self, records: Vec<LogRecord>, dropped: u64) {
        self.dropped = dropped;
        for record in records {
            if record.seq <= self.last {
                continue;
            }
            self.last = record.seq;
            self.records.push_back(record);
        }
        while self.records.len() > CAPACITY {
            self.records.pop_front();
        }
        self.refilter();
    }

    /// Applies level, source and text again.
    pub fn refilter(&mut self) {
        let (negate, text) = self.text.strip_prefix('!').map_or((false, self.text.as_str()), |t| (true, t));
        let text = text.to_lowercase();
        let passes = |r: &LogRecord| {
            r.seq > self.cleared
                && r.level <= self.level
                && self.source.as_ref().is_none_or(|s| *s == r.source)
                && (text.is_empty() || contains(&r.message, &text) != negate)
        };
        self.passing = self.records.iter().enumerate().filter(|(_, r)| passes(r)).map(|(i, _)| i).collect();
        // The selection is a record; when a filter hides it, the nearest older one takes its place.
        if let Some(seq) = self.cursor {
            let older = self.shown().rev().map(|r| r.seq).find(|s| *s <= seq);
            self.cursor = older.or_else(|| self.shown().next().map(|r| r.seq));
        }
    }

    /// Records that pass the filters, oldest first.
    pub fn shown(&self) -> impl DoubleEndedIterator<Item = &LogRecord> + ExactSizeIterator {
        self.passing.iter().map(|&i| &self.records[i])
    }

    /// Row of the selected record among those shown: the last one while following.
    pub fn row(&self) -> usize {
        let end = self.passing.len().saturating_sub(1);
        self.cursor.map_or(end, |seq| self.passing.partition_point(|&i| self.records[i].seq < seq).min(end))
    }

    /// The selected record.
    pub fn selected(&self) -> Option<&LogRecord> {
        self.passing.get(self.row()).map(|&i| &self.records[i])
    }

    /// Moves the selection; reaching the newest record by moving down resumes following.
    pub fn step(&mut self, by: isize) {
        let target = self.row().saturating_add_signed(by).min(self.passing.len().saturating_sub(1));
        let at_end = target + 1 >= self.passing.len();
        self.cursor = if at_end && by >= 0 { None } else { self.seq_at(target) };
    }

    fn seq_at(&self, row: usize) -> Option<u64> {
        self.passing.get(row).map(|&i| self.records[i].seq)
    }

    /// Selects the first record.
    pub fn first(&mut self) {
        self.cursor = self.seq_at(0);
    }

    /// Follows the newest record, or stops here.
    pub fn toggle_follow(&mut self) {
        self.cursor = if self.cursor.is_some() { None } else { self.selected().map(|r| r.seq) };
    }

    /// Shows less (`by` < 0) or more severe levels only.
    pub fn change_level(&mut self, by: isize) {
        let at = LEVELS.iter().position(|l| *l == self.level).unwrap_or(2);
        self.level = LEVELS[at.saturating_add_signed(by).min(LEVELS.len() - 1)];
        self.refilter();
    }

    /// Shows one source only; the next one each time, and all at the end.
    pub fn cycle_source(&mut self) {
        let mut sources: Vec<&str> = self.records.iter().map(|r| r.source.as_str()).collect();
        sources.sort_unstable();
        sources.dedup();
        let next = match &self.source {
            None => sources.first(),
            Some(now) => sources.iter().find(|s| **s > now.as_str()),
        };
        self.source = next.map(|s| (*s).to_owned());
        self.refilter();
    }

    /// Goes to the next (`forward`) or previous record that holds the searched text; false when there is none.
    pub fn jump(&mut self, forward: bool) -> bool {
        let needle = self.search.to_lowercase();
        if needle.is_empty() {
            return false;
        }
        let at = self.row();
        let hit = |row: &usize| self.passing.get(*row).is_some_and(|&i| contains(&self.records[i].message, &needle));
        let found = if forward { (at + 1..self.passing.len()).find(hit) } else { (0..at).rev().find(hit) };
        if let Some(row) = found {
            self.cursor = self.seq_at(row);
        }
        found.is_some()
    }

    /// Hides everything read so far.
    pub fn clear(&mut self) {
        self.cleared = self.last;
        self.cursor = None;
        self.refilter();
    }
}

/// Whether `text` holds `needle` (lower case already), ignoring case.
fn contains(text: &str, needle: &str) -> bool {
    if needle.is_ascii() && text.is_ascii() {
        let (text, needle) = (text.as_bytes(), needle.as_bytes());
        return needle.len() <= text.len() && text.windows(needle.len()).any(|w| w.eq_ignore_ascii_case(needle));
    }
    text.to_lowercase().contains(needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pane(n: u64) -> LogPane {
        let mut pane = LogPane::default();
        let record = |seq: u64| LogRecord {
            seq,
            at_ms: seq as i64,
            level: if seq.is_multiple_of(3) { LogLevel::Warn } else { LogLevel::Info },
            source: if seq.is_multiple_of(2) { "ib" } else { "yahoo" }.into(),
            message: format!("Line {seq}"),
        };
        pane.extend((1..=n).map(record).collect(), 0);
        pane
    }

    fn seqs(pane: &LogPane) -> Vec<u64> {
        pane.shown().map(|r| r.seq).collect()
    }

    #[test]
    fn filters_combine_and_keep_the_selection_valid() {
        let mut pane = pane(9);
        pane.step(-2);
        assert_eq!(pane.cursor, Some(7));
        pane.change_level(-1);
        assert_eq!(seqs(&pane), [3, 6, 9]);
        assert_eq!(pane.cursor, Some(6));
        pane.cycle_source();
        assert_eq!((seqs(&pane), pane.source.as_deref()), (vec![6], Some("ib")));
        pane.cycle_source();
        pane.cycle_source();
        assert_eq!(pane.source, None);
        pane.text = "!LINE 6".into();
        pane.refilter();
        assert_eq!(seqs(&pane), [3, 9]);
    }

    #[test]
    fn scrolling_up_pauses_and_reaching_the_end_follows_again() {
        let mut pane = pane(5);
        assert_eq!(pane.cursor, None);
        pane.step(-1);
        assert_eq!(pane.cursor, Some(4));
        pane.extend(vec![LogRecord { seq: 6, at_ms: 0, level: LogLevel::Info, source: "ib".into(), message: "New".into() }], 3);
        assert_eq!((pane.cursor, pane.dropped), (Some(4), 3));
        pane.step(10);
        assert_eq!((pane.cursor, pane.row()), (None, 5));
        pane.clear();
        assert_eq!(seqs(&pane).len(), 0);
        assert!(pane.selected().is_none());
    }

    #[test]
    fn search_walks_both_ways() {
        let mut pane = pane(30);
        pane.search = "line 1".into();
        assert!(pane.jump(false));
        assert_eq!(pane.cursor, Some(19));
        assert!(pane.jump(false));
        assert_eq!(pane.cursor, Some(18));
        assert!(pane.jump(true));
        assert_eq!(pane.cursor, Some(19));
        assert!(!pane.jump(true));
    }

    #[test]
    fn memory_is_bounded() {
        let pane = pane(CAPACITY as u64 + 10);
        assert_eq!(pane.shown().len(), CAPACITY);
        assert_eq!(pane.shown().next().unwrap().seq, 11);
    }
}
