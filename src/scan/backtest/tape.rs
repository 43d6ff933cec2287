//! A symbol's bars, and the way of a position through them.

use chrono::NaiveDate;

use crate::config::strategy::LabelRule;
use crate::features::bars::Adjusted;
use crate::labels::{Barriers, Class, Label, NoLabel, average_true_range};
use crate::market::{Calendar, DailyBars, Symbol};
use crate::train::backtest::{Exit, Path, Side};

/// All bars of the symbols of a backtest, in the order that decides between equally strong decisions. Columns are equally long.
#[derive(Clone, Debug, Default)]
pub struct Market {
    /// Members of the universe first, then those that have left it since.
    pub symbols: Vec<Symbol>,
    /// The sessions of each.
    pub calendars: Vec<Calendar>,
    /// Forward-adjusted bars of each: the prices that labels were made of. None of a symbol that has none any more.
    pub bars: Vec<DailyBars>,
    /// What each bar's prices were multiplied by.
    pub factors: Vec<Vec<f64>>,
}

impl Market {
    /// Adds a symbol.
    pub fn add(&mut self, symbol: Symbol, calendar: Calendar, adjusted: Adjusted) {
        self.symbols.push(symbol);
        self.calendars.push(calendar);
        self.bars.push(adjusted.bars);
        self.factors.push(adjusted.factor);
    }

    /// The newest date of which any symbol of a calendar has a bar.
    pub(super) fn known(&self, calendar: Calendar) -> NaiveDate {
        let same = self.calendars.iter().zip(&self.bars).filter(|(c, _)| **c == calendar);
        same.filter_map(|(_, bars)| bars.date.last().copied()).max().unwrap_or(NaiveDate::MIN)
    }
}

/// A position followed to its end.
#[derive(Clone, Debug, PartialEq)]
pub struct Followed {
    /// Its way, as that of a long position.
    pub path: Path,
    /// Distance of the barriers from the entry, as a fraction of it.
    pub risk: f64,
    /// Its bars end, or have a hole, before its exit.
    pub cut_short: bool,
}

/// Why a decision becomes no position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display)]
pub enum Unplayable {
    /// The day of the decision has no bar any more, or the symbol has none at all.
    #[strum(to_string = "no bar on the day of the decision")]
    NoBar,
    /// The session of the entry has none: nobody could have entered.
    #[strum(to_string = "no bar in the session of the entry")]
    NoEntry,
    /// The barriers have no distance, or a price is no number.
    #[strum(to_string = "no range to set barriers by")]
    NoBarriers,
}

/// One symbol's bars, ready to follow positions through.
pub struct Tape<'a> {
    bars: &'a DailyBars,
    barriers: Barriers<'a>,
    /// Rows of bars that are sessions, ascending: others are never held.
    sessions: Vec<usize>,
}

/// The average true range of each bar, which [`Tape::new`] takes.
pub fn ranges(bars: &DailyBars, rule: &LabelRule) -> Vec<f64> {
    average_true_range(bars, rule.atr_sessions)
}

impl<'a> Tape<'a> {
    /// A tape of `bars`, whose `atr` are their [`ranges`]. Sessions of `calendar` up to `known` that have no bar are missing.
    pub fn new(bars: &'a DailyBars, atr: &'a [f64], (calendar, known): (Calendar, NaiveDate), rule: &'a LabelRule) -> Self {
        let is_session = |row: &usize| calendar.session_on(bars.date[*row]).is_some();
        let sessions = (0..bars.len()).filter(is_session).collect();
        Self { bars, barriers: Barriers::known_to(known, bars, atr, calendar, rule), sessions }
    }

    /// Follows a position decided after the close of `date` to its exit, by the rule that made the labels. Where both barriers
    /// lie in one bar, the stop is taken to have come first.
    pub fn follow(&self, date: NaiveDate, side: Side) -> Result<Followed, Unplayable> {
        let row = self.bars.date.binary_search(&date).map_err(|_| Unplayable::NoBar)?;
        match self.barriers.settle(row) {
            Ok(label) => {
                let last = self.row(label.end)?;
                let exit = self.reason(&label, last);
                Ok(self.held((row, last), (label.entry, label.exit), label.half_width, exit))
            }
            Err(NoLabel::Ambiguous { end, entry, half_width, .. }) => {
                let stop = if side == Side::Buy { entry - half_width } else { entry + half_width };
                Ok(self.held((row, self.row(end)?), (entry, stop), half_width, Exit::Ambiguous))
            }
            Err(NoLabel::MissingSession(_) | NoLabel::Unmatured) => {
                let (entry, half_width, last) = self.barriers.cut_short(row).map_err(|why| match why {
                    NoLabel::MissingSession(_) | NoLabel::Unmatured => Unplayable::NoEntry,
                    _ => Unplayable::NoBarriers,
                })?;
                let held = self.held((row, last), (entry, self.bars.close[last]), half_width, Exit::Horizon);
                Ok(Followed { cut_short: true, ..held })
            }
            Err(NoLabel::ShortHistory | NoLabel::NoWidth) => Err(Unplayable::NoBarriers),
        }
    }

    /// The bar of a session that a barrier was reached in.
    fn row(&self, date: NaiveDate) -> Result<usize, Unplayable> {
        self.bars.date.binary_search(&date).map_err(|_| Unplayable::NoBar)
    }

    /// What ended a position in the bar `last`: an exit at its very open has jumped the barrier.
    fn reason(&self, label: &Label, last: usize) -> Exit {
        match (label.class, label.exit == self.bars.open[last]) {
            (Class::Hold, _) => Exit::Horizon,
            (Class::Buy, true) => Exit::GapUp,
            (Class::Buy, false) => Exit::Upper,
            (Class::Sell, true) => Exit::GapDown,
            (Class::Sell, false) => Exit::Lower,
        }
    }

    /// The way from the session after `decided` to the bar `last`.
    fn held(&self, (decided, last): (usize, usize), (entry, exit): (f64, f64), half_width: f64, reason: Exit) -> Followed {
        let bounds = [decided, last].map(|row| self.sessions.partition_point(|r| *r <= row));
        let rows = &self.sessions[bounds[0]..bounds[1]];
        let before_exit = rows.len().saturating_sub(1);
        let values = rows[..before_exit].iter().map(|r| self.bars.close[*r] / entry).chain([exit / entry]).collect();
        let dates = rows.iter().map(|r| self.bars.date[*r]).collect();
        Followed { path: Path { entry, dates, values, exit: reason }, risk: half_width / entry, cut_short: false }
    }
}
