//! The triple barrier: what came of a decision taken after the close of a session (López de Prado 2018, chapter 3,
//! on opens, highs and lows instead of closes).
//!
//! Entry is the open of the next session. An upper and a lower barrier stand at equal distance from it; the vertical
//! one is the close of the last session of the horizon. Which sessions there are, the exchange's calendar says, not the
//! stored bars: a bar that is missing where it is needed gives no label, never a HOLD. `dataset` labels whole series
//! with it, and a live signal is settled by the same walk.

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::{Class, Span};
use crate::config::strategy::{HorizonUnit, LabelRule};
use crate::market::{Calendar, DAY, DailyBars, date_to_ts};

/// Days past a horizon that are looked through for the next session, more than any exchange stays shut.
const SLACK_DAYS: i64 = 30;

/// What came of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Label {
    /// Which barrier came first.
    pub class: Class,
    /// The session in which it came: the label knows nothing later. Uniqueness goes by it.
    pub end: NaiveDate,
    /// Last session of the horizon, whatever came. Purging goes by this date: rows chosen by `end` would be chosen by their
    /// outcome, because near a bound only quick exits end in time.
    pub matured: NaiveDate,
    /// Sessions from entry to exit, both counted: 1 is an exit in the session of the entry.
    pub bars: u32,
    /// Price of the entry, on the basis of the bars given.
    pub entry: f64,
    /// Price of the exit: the barrier, the open beyond it, or the last close.
    pub exit: f64,
    /// Distance of the barriers from the entry.
    pub half_width: f64,
    /// Return of a long position before costs; a short one's is its negative.
    pub gross: f64,
    /// Return of a long position after a round trip's cost.
    pub net: f64,
}

impl Label {
    /// Return of a short position after a round trip's cost.
    pub fn short_net(&self) -> f64 {
        // gross - net is the cost.
        self.net - 2.0 * self.gross
    }
}

/// Why a row has no label.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoLabel {
    /// The average true range is not known yet.
    ShortHistory,
    /// The horizon has not passed.
    Unmatured,
    /// A session has no bar: halted, hidden by a data-quality finding, or never fetched. For a label any session of the
    /// horizon, for a position one before its exit.
    MissingSession(NaiveDate),
    /// Both barriers lie in one bar, and no price tells which came first. A backtest that must choose has what it
    /// needs here.
    Ambiguous {
        /// The session.
        end: NaiveDate,
        /// Sessions from entry to it.
        bars: u32,
        /// Price of the entry.
        entry: f64,
        /// Distance of the barriers from the entry.
        half_width: f64,
    },
    /// Neither range nor cost gives the barriers any distance, or a price is no number.
    NoWidth,
}

/// One symbol's bars with the sessions they should fill, ready to label any of its rows.
#[derive(Debug)]
pub struct Barriers<'a> {
    bars: &'a DailyBars,
    atr: &'a [f64],
    rule: &'a LabelRule,
    /// The last date of which it is known whether there is a bar.
    known: Option<NaiveDate>,
    /// Sessions from the first bar to past the last horizon.
    sessions: Vec<NaiveDate>,
    /// The row of each session's bar.
    row_of: Vec<Option<usize>>,
}

impl<'a> Barriers<'a> {
    /// Binds `bars` to the sessions of `calendar`. `atr` holds the [`average_true_range`] of each row.
    /// Rows that fall on no session are never entered or looked at; a decision after one is entered like any other, at
    /// the first session that follows.
    pub fn new(bars: &'a DailyBars, atr: &'a [f64], calendar: Calendar, rule: &'a LabelRule) -> Self {
        Self::known_to(NaiveDate::MIN, bars, atr, calendar, rule)
    }

    /// The same where bars of other symbols of the calendar are known to `date`: a session up to then that has no bar is
    /// missing, also after the last bar of `bars`.
    pub fn known_to(date: NaiveDate, bars: &'a DailyBars, atr: &'a [f64], calendar: Calendar, rule: &'a LabelRule) -> Self {
        let known = bars.date.last().map(|&last| last.max(date));
        let sessions = match (bars.date.first(), known) {
            (Some(&first), Some(last)) => sessions_between(calendar, first, last, rule),
            _ => Vec::new(),
        };
        let row_of = sessions.iter().map(|d| bars.date.binary_search(d).ok()).collect();
        Self { bars, atr, rule, known, sessions, row_of }
    }

    /// Labels of all rows.
    pub fn labels(&self) -> Vec<Result<Label, NoLabel>> {
        (0..self.bars.len()).map(|row| self.label(row)).collect()
    }

    /// The label of a decision after the close of `row`. A horizon that has not passed, or lacks a bar, gives none, even where
    /// a barrier has been reached: otherwise the newest rows, and those before a gap, would hold quick exits only.
    pub fn label(&self, row: usize) -> Result<Label, NoLabel> {
        if !self.has_atr(row) {
            return Err(NoLabel::ShortHistory);
        }
        let (begin, end) = self.horizon(row).ok_or(NoLabel::Unmatured)?;
        if self.known.is_none_or(|known| known < self.sessions[end - 1]) {
            return Err(NoLabel::Unmatured);
        }
        (begin..end).try_for_each(|session| self.bar(session).map(drop))?;
        self.settle(row)
    }

    /// The exit of a position decided after the close of `row` as far as bars are known: unlike [`Self::label`] it is
    /// there as soon as a barrier is reached. [`NoLabel::Unmatured`] means that the position is open.
    pub fn settle(&self, row: usize) -> Result<Label, NoLabel> {
        let (begin, end) = self.entered(row)?;
        let (entry, half_width) = self.stand(row, begin)?;
        for session in begin..end {
            let (date, bars) = (self.sessions[session], (session - begin + 1) as u32);
            match touch(self.bars, self.bar(session)?, entry - half_width, entry + half_width) {
                Touch::None => {}
                Touch::Both => return Err(NoLabel::Ambiguous { end: date, bars, entry, half_width }),
                Touch::At(class, exit) => return Ok(self.made(class, (session, begin, end), entry, exit, half_width)),
            }
        }
        let last = self.bars.close[self.bar(end - 1)?];
        Ok(self.made(Class::Hold, (end - 1, begin, end), entry, last, half_width))
    }

    /// A position decided after the close of `row` that [`Self::settle`] cannot follow because a session has no bar, as far
    /// as its bars go: entry, distance of the barriers, and the row of its last bar. Whoever holds a share that trades no
    /// more has its last close.
    pub fn cut_short(&self, row: usize) -> Result<(f64, f64, usize), NoLabel> {
        let (begin, end) = self.entered(row)?;
        let (entry, half_width) = self.stand(row, begin)?;
        let last = (begin..end).map_while(|session| self.row_of[session]).last();
        last.map(|last| (entry, half_width, last)).ok_or(NoLabel::MissingSession(self.sessions[begin]))
    }

    /// The horizon of a row that a position can be decided on.
    fn entered(&self, row: usize) -> Result<(usize, usize), NoLabel> {
        if !self.has_atr(row) {
            return Err(NoLabel::ShortHistory);
        }
        self.horizon(row).ok_or(NoLabel::Unmatured)
    }

    /// Price of the entry in the session `begin` after `row`, and the distance of the barriers.
    fn stand(&self, row: usize, begin: usize) -> Result<(f64, f64), NoLabel> {
        let entry = self.bars.open[self.bar(begin)?];
        let cost = self.rule.cost_floor_multiple * self.cost() * entry;
        let half_width = (self.rule.atr_multiple * self.atr[row]).max(cost);
        let sound = entry > 0.0 && half_width > 0.0 && (entry + half_width).is_finite();
        sound.then_some((entry, half_width)).ok_or(NoLabel::NoWidth)
    }

    /// The sessions over which the label of `row` lives, numbered from the first bar's: entry to exit.
    pub fn span(&self, row: usize, label: &Label) -> Span {
        let first = self.sessions.partition_point(|&s| s <= self.bars.date[row]);
        Span { first, last: first + label.bars as usize - 1 }
    }

    /// Cost of a round trip as a fraction of the price.
    fn cost(&self) -> f64 {
        self.rule.round_trip_cost_bp / 10_000.0
    }

    /// The label of an exit in the session `at` of the horizon `begin..end`.
    fn made(&self, class: Class, (at, begin, end): (usize, usize, usize), entry: f64, exit: f64, half_width: f64) -> Label {
        let (gross, bars) = (exit / entry - 1.0, (at - begin + 1) as u32);
        let (matured, end) = (self.sessions[end - 1], self.sessions[at]);
        Label { class, end, matured, bars, entry, exit, half_width, gross, net: gross - self.cost() }
    }

    fn has_atr(&self, row: usize) -> bool {
        self.atr.get(row).is_some_and(|a| a.is_finite())
    }

    /// First session of the horizon and one past its last. `None` where the calendar ends first.
    fn horizon(&self, row: usize) -> Option<(usize, usize)> {
        let date = *self.bars.date.get(row)?;
        let begin = self.sessions.partition_point(|&s| s <= date);
        let end = match self.rule.horizon_unit {
            HorizonUnit::Sessions => begin + self.rule.horizon as usize,
            HorizonUnit::CalendarDays => {
                let last = date + Days::new(self.rule.horizon.into());
                self.sessions.partition_point(|&s| s <= last)
            }
        };
        // A session beyond the horizon proves that the calendar reaches past it.
        (begin < end && end < self.sessions.len()).then_some((begin, end))
    }

    /// The bar of a session: missing when later bars are known, else not there yet.
    fn bar(&self, session: usize) -> Result<usize, NoLabel> {
        let date = self.sessions[session];
        self.row_of[session].ok_or_else(|| match self.known {
            Some(known) if date <= known => NoLabel::MissingSession(date),
            _ => NoLabel::Unmatured,
        })
    }
}

/// Wilder's average true range over `n` bars, from the first bar on; NaN in the first `n`. In units of price; `atr_14_pct`
/// of the features is this over the close.
pub fn average_true_range(bars: &DailyBars, n: u32) -> Vec<f64> {
    let n = n as usize;
    let range = |i: usize| {
        let before = bars.close[i - 1];
        (bars.high[i] - bars.low[i]).max((bars.high[i] - before).abs()).max((bars.low[i] - before).abs())
    };
    let mut out = vec![f64::NAN; bars.len().min(n)];
    if bars.len() > n {
        let mut mean = (1..=n).map(range).sum::<f64>() / n as f64;
        out.push(mean);
        for i in n + 1..bars.len() {
            mean += (range(i) - mean) / n as f64;
            out.push(mean);
        }
    }
    out
}

/// What a bar does to the barriers.
enum Touch {
    None,
    Both,
    At(Class, f64),
}

/// The open decides before the range of the bar does, and then it is the price: an order at the barrier is filled at
/// the open that has jumped it.
fn touch(bars: &DailyBars, row: usize, lower: f64, upper: f64) -> Touch {
    let (open, high, low) = (bars.open[row], bars.high[row], bars.low[row]);
    if open >= upper {
        return Touch::At(Class::Buy, open);
    }
    if open <= lower {
        return Touch::At(Class::Sell, open);
    }
    match (high >= upper, low <= lower) {
        (true, true) => Touch::Both,
        (true, false) => Touch::At(Class::Buy, upper),
        (false, true) => Touch::At(Class::Sell, lower),
        (false, false) => Touch::None,
    }
}

/// The last session of the horizon of a decision after the close of `date`; `None` where the calendar ends first.
pub fn horizon_end(calendar: Calendar, date: NaiveDate, rule: &LabelRule) -> Option<NaiveDate> {
    let after: Vec<NaiveDate> = sessions_between(calendar, date, date, rule).into_iter().filter(|s| *s > date).collect();
    let sessions = match rule.horizon_unit {
        HorizonUnit::Sessions => rule.horizon as usize,
        HorizonUnit::CalendarDays => {
            let last = date + Days::new(rule.horizon.into());
            after.partition_point(|s| *s <= last)
        }
    };
    // As for a label, a session beyond the horizon proves that the calendar reaches past it.
    (sessions < after.len()).then(|| sessions.checked_sub(1).and_then(|n| after.get(n).copied())).flatten()
}

fn sessions_between(calendar: Calendar, first: NaiveDate, last: NaiveDate, rule: &LabelRule) -> Vec<NaiveDate> {
    // Five sessions take at least a week; two days a session cover weekends.
    let days = match rule.horizon_unit {
        HorizonUnit::CalendarDays => i64::from(rule.horizon),
        HorizonUnit::Sessions => 2 * i64::from(rule.horizon),
    } + SLACK_DAYS;
    calendar.sessions(date_to_ts(first) - DAY, date_to_ts(last) + days * DAY).map(|s| s.date).filter(|d| *d >= first).collect()
}

#[cfg(test)]
mod tests;
