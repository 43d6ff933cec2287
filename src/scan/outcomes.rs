//! What became of signals, by the code that makes the labels: a signal is judged by the rule that its model learnt.

use chrono::NaiveDate;

use crate::config::strategy::LabelRule;
use crate::dataset::recent::RecentSymbol;
use crate::labels::{Barriers, Class, Label, NoLabel, average_true_range};
use crate::market::Calendar;
use crate::store::model::{SignalChange, StoredOutcome, StoredSignal};
use crate::train::backtest::{Exit, Side, reason};

/// A symbol's bars, ready to settle its signals.
pub struct Settling<'a> {
    symbol: &'a RecentSymbol,
    atr: Vec<f64>,
    calendar: Calendar,
    rule: &'a LabelRule,
    /// The newest date of which any symbol of the calendar has a bar.
    known: NaiveDate,
    /// UTC seconds.
    now: i64,
}

impl<'a> Settling<'a> {
    /// `known` is the newest date of which any symbol of the calendar has a bar: a session up to then without a bar is missing.
    pub fn new(symbol: &'a RecentSymbol, calendar: Calendar, rule: &'a LabelRule, known: NaiveDate, now: i64) -> Self {
        let atr = average_true_range(&symbol.adjusted.bars, rule.atr_sessions);
        Self { symbol, atr, calendar, rule, known, now }
    }

    /// What is known of an open signal now.
    pub fn settle(&self, signal: &StoredSignal) -> SignalChange {
        if self.symbol.blocked {
            // Hidden, not gone: it is settled when its bars may be used again, however late.
            return self.marked(signal);
        }
        let bars = &self.symbol.adjusted.bars;
        let over = self.known > signal.signal.horizon_end;
        let Ok(row) = bars.date.binary_search(&signal.signal.date) else {
            let gone = || format!("the bar of {} is not there any more", signal.signal.date);
            return if over { SignalChange::Void { reason: gone() } } else { self.marked(signal) };
        };
        let barriers = Barriers::known_to(self.known, bars, &self.atr, self.calendar, self.rule);
        match barriers.settle(row) {
            Ok(label) => self.settled(&label, side(signal)),
            Err(NoLabel::Ambiguous { end, bars, entry, half_width }) => self.stopped((end, bars), (entry, half_width), side(signal)),
            // The bar may still come; without it nobody knows what came first.
            Err(NoLabel::MissingSession(date)) if over => {
                SignalChange::Void { reason: format!("the session of {date} has no bar: nobody knows which barrier came first") }
            }
            Err(NoLabel::NoWidth) => SignalChange::Void { reason: "its entry has no price".to_owned() },
            Err(NoLabel::ShortHistory) if over => SignalChange::Void { reason: "its history is too short by now".to_owned() },
            Err(NoLabel::MissingSession(_) | NoLabel::Unmatured | NoLabel::ShortHistory) => self.marked(signal),
        }
    }

    /// Still open: its prices on today's split basis.
    fn marked(&self, signal: &StoredSignal) -> SignalChange {
        let bars = &self.symbol.adjusted.bars;
        let Ok(row) = bars.date.binary_search(&signal.signal.date) else {
            return SignalChange::Marked { close: signal.signal.close, entry: signal.entry };
        };
        let entered = (row + 1 < bars.len()).then(|| self.symbol.unadjusted(row + 1, bars.open[row + 1]));
        SignalChange::Marked { close: self.symbol.unadjusted(row, bars.close[row]), entry: entered }
    }

    fn settled(&self, label: &Label, side: Side) -> SignalChange {
        let bars = &self.symbol.adjusted.bars;
        let exit_bar = bars.date.partition_point(|d| *d < label.end);
        let reason = reason(label.class, bars.open[exit_bar] / label.entry - 1.0, label.gross);
        let gross = signed(side, label.gross);
        let outcome = StoredOutcome {
            settled_at: self.now,
            class: Some(label.class.index() as u8),
            reason,
            exit_date: label.end,
            exit_price: self.symbol.unadjusted(exit_bar, label.exit),
            bars_held: label.bars,
            gross,
            cost: self.cost(),
            net: gross - self.cost(),
        };
        SignalChange::Settled { entry: self.entry(label.end, label.bars, label.entry), outcome }
    }

    /// Both barriers in one bar: the stop is taken to have come first.
    fn stopped(&self, (end, held): (NaiveDate, u32), (entry, half_width): (f64, f64), side: Side) -> SignalChange {
        let bars = &self.symbol.adjusted.bars;
        let exit_bar = bars.date.partition_point(|d| *d < end);
        let exit = entry - signed(side, half_width);
        let gross = -half_width / entry;
        let outcome = StoredOutcome {
            settled_at: self.now,
            class: None,
            reason: Exit::Ambiguous,
            exit_date: end,
            exit_price: self.symbol.unadjusted(exit_bar, exit),
            bars_held: held,
            gross,
            cost: self.cost(),
            net: gross - self.cost(),
        };
        SignalChange::Settled { entry: self.entry(end, held, entry), outcome }
    }

    /// The entry price on the split basis, from the adjusted one: `held` sessions end on `end`.
    fn entry(&self, end: NaiveDate, held: u32, adjusted: f64) -> f64 {
        let exit_bar = self.symbol.adjusted.bars.date.partition_point(|d| *d < end);
        self.symbol.unadjusted((exit_bar + 1).saturating_sub(held as usize), adjusted)
    }

    fn cost(&self) -> f64 {
        self.rule.round_trip_cost_bp / 10_000.0
    }
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
