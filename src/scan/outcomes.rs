//! What became of signals, by the code that makes the labels: a signal is judged by the rule that its model learnt.

use chrono::NaiveDate;

use crate::dataset::recent::RecentSymbol;
use crate::labels::{Barriers, Class, Label, NoLabel, average_true_range};
use crate::market::{Calendar, date_to_ts};
use crate::store::model::{SignalChange, StoredOutcome, StoredSignal};
use crate::train::backtest::{Exit, Side, reason};

/// A symbol's bars, ready to settle its signals.
pub struct Settling<'a> {
    /// Its bars.
    pub symbol: &'a RecentSymbol,
    /// Its sessions.
    pub calendar: Calendar,
    /// Runs of its daily bars that a finding hides, each `[first stamp, end)`, UTC seconds.
    pub hidden: &'a [(i64, i64)],
    /// The newest date of which any symbol of the calendar has a bar: a session up to then without a bar is missing.
    pub known: NaiveDate,
    /// UTC seconds.
    pub now: i64,
}

impl Settling<'_> {
    /// What is known of an open signal now, by the rule that it was given by.
    pub fn settle(&self, signal: &StoredSignal) -> SignalChange {
        if self.symbol.blocked {
            // Hidden, not gone: it is settled when its bars may be used again, however late.
            return self.marked(signal, None);
        }
        let (bars, rule) = (&self.symbol.adjusted.bars, &signal.signal.rule);
        let over = self.known > signal.signal.horizon_end;
        let Ok(row) = bars.date.binary_search(&signal.signal.date) else {
            let gone = || format!("the bar of {} is not there any more", signal.signal.date);
            let is_gone = over && !self.is_hidden(signal.signal.date);
            return if is_gone { SignalChange::Void { reason: gone() } } else { self.marked(signal, None) };
        };
        let atr = average_true_range(bars, rule.atr_sessions);
        let barriers = Barriers::known_to(self.known, bars, &atr, self.calendar, rule);
        let before = |(from, _): &(i64, i64)| *from < date_to_ts(signal.signal.date);
        match barriers.settle(row) {
            Ok(label) => self.settled(&label, signal, row),
            Err(NoLabel::Ambiguous { end, bars, entry, half_width }) => self.stopped((end, bars), (entry, half_width), signal, row),
            // The bar may still come, or be shown again; without it nobody knows what came first.
            Err(NoLabel::MissingSession(date)) if over && !self.is_hidden(date) => {
                SignalChange::Void { reason: format!("the session of {date} has no bar: nobody knows which barrier came first") }
            }
            Err(NoLabel::NoWidth) => SignalChange::Void { reason: "its entry has no price".to_owned() },
            Err(NoLabel::ShortHistory) if over && !self.hidden.iter().any(before) => {
                SignalChange::Void { reason: "its history is too short by now".to_owned() }
            }
            Err(NoLabel::MissingSession(_) | NoLabel::Unmatured | NoLabel::ShortHistory) => {
                let entered = barriers.cut_short(row).ok().map(|(entry, ..)| self.symbol.unadjusted(row + 1, entry));
                self.marked(signal, entered)
            }
        }
    }

    fn is_hidden(&self, date: NaiveDate) -> bool {
        let at = date_to_ts(date);
        self.hidden.iter().any(|(from, to)| (*from..*to).contains(&at))
    }

    /// Still open: its close on today's split basis, and its entry as far as it is known.
    fn marked(&self, signal: &StoredSignal, entry: Option<f64>) -> SignalChange {
        let bars = &self.symbol.adjusted.bars;
        match bars.date.binary_search(&signal.signal.date) {
            Ok(row) => SignalChange::Marked { close: self.symbol.unadjusted(row, bars.close[row]), entry },
            Err(_) => SignalChange::Marked { close: signal.signal.close, entry: signal.entry },
        }
    }

    fn settled(&self, label: &Label, signal: &StoredSignal, row: usize) -> SignalChange {
        let (bars, cost) = (&self.symbol.adjusted.bars, cost(signal));
        let exit_bar = bars.date.partition_point(|d| *d < label.end);
        let reason = reason(label.class, bars.open[exit_bar] / label.entry - 1.0, label.gross);
        let gross = signed(side(signal), label.gross);
        let outcome = StoredOutcome {
            settled_at: self.now,
            class: Some(label.class.index() as u8),
            reason,
            exit_date: label.end,
            exit_price: self.symbol.unadjusted(exit_bar, label.exit),
            bars_held: label.bars,
            gross,
            cost,
            net: gross - cost,
        };
        SignalChange::Settled {
            close: self.symbol.unadjusted(row, bars.close[row]),
            entry: self.entry(label.end, label.bars, label.entry),
            outcome,
        }
    }

    /// Both barriers in one bar: the stop is taken to have come first.
    fn stopped(&self, (end, held): (NaiveDate, u32), (entry, half_width): (f64, f64), signal: &StoredSignal, row: usize) -> SignalChange {
        let (bars, cost) = (&self.symbol.adjusted.bars, cost(signal));
        let exit_bar = bars.date.partition_point(|d| *d < end);
        let exit = entry - signed(side(signal), half_width);
        let gross = -half_width / entry;
        let outcome = StoredOutcome {
            settled_at: self.now,
            class: None,
            reason: Exit::Ambiguous,
            exit_date: end,
            exit_price: self.symbol.unadjusted(exit_bar, exit),
            bars_held: held,
            gross,
            cost,
            net: gross - cost,
        };
        SignalChange::Settled { close: self.symbol.unadjusted(row, bars.close[row]), entry: self.entry(end, held, entry), outcome }
    }

    /// The entry price on the split basis, from the adjusted one: `held` sessions end on `end`.
    fn entry(&self, end: NaiveDate, held: u32, adjusted: f64) -> f64 {
        let exit_bar = self.symbol.adjusted.bars.date.partition_point(|d| *d < end);
        self.symbol.unadjusted((exit_bar + 1).saturating_sub(held as usize), adjusted)
    }
}

/// Of a round trip, a share of the value entered.
fn cost(signal: &StoredSignal) -> f64 {
    signal.signal.rule.round_trip_cost_bp / 10_000.0
}

/// What a gain of the long position is to a side.
fn signed(side: Side, long: f64) -> f64 {
    match side {
        Side::Buy => long,
        Side::Sell => -long,
    }
}

/// Which way a stored signal goes.
pub fn side(signal: &StoredSignal) -> Side {
    if usize::from(signal.signal.side) == Class::Buy.index() { Side::Buy } else { Side::Sell }
}

#[cfg(test)]
mod tests;
