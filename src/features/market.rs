//! What a symbol is held against: the market's return of each day, and its rank among the strategy's symbols.
//!
//! Both are filled symbol by symbol in the order of the universe, so that a sum has the same bits on every run, and then
//! asked for a symbol's dates. Called by the engine and by whoever streams a universe through it.

use chrono::{Datelike, NaiveDate};

use crate::market::{Calendar, DailyBars};

/// Fewer symbols than this on a day give no rank.
const LEAST_RANKED: usize = 5;

/// Bars of the return that is ranked.
const RANKED: usize = 20;

/// A cell for each calendar day between the first and the last that was asked for.
#[derive(Clone, Debug, Default, PartialEq)]
struct Days<T> {
    first: i32,
    cells: Vec<T>,
}

impl<T: Clone + Default> Days<T> {
    fn get(&self, date: NaiveDate) -> Option<&T> {
        self.cells.get(usize::try_from(date.num_days_from_ce() - self.first).ok()?)
    }

    fn cell(&mut self, date: NaiveDate) -> &mut T {
        let day = date.num_days_from_ce();
        if self.cells.is_empty() {
            self.first = day;
        }
        if day < self.first {
            let earlier = (self.first - day) as usize;
            self.cells.splice(..0, std::iter::repeat_n(T::default(), earlier));
            self.first = day;
        }
        let index = (day - self.first) as usize;
        if index >= self.cells.len() {
            self.cells.resize(index + 1, T::default());
        }
        &mut self.cells[index]
    }
}

/// The market's log return of each day: the mean of what was added for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MarketReturns {
    /// Sum of the returns and how many they are.
    days: Days<(f64, u32)>,
}

impl MarketReturns {
    /// The equal-weight mean of the stocks that have a return on the day, which is the market of a strategy without a
    /// benchmark. `stocks` come in the order of the universe and trade on `calendar`.
    pub fn of_stocks<'a>(stocks: impl IntoIterator<Item = &'a DailyBars>, calendar: Calendar) -> Self {
        let mut market = Self::default();
        for bars in stocks {
            market.add(bars, calendar);
        }
        market
    }

    /// Adds one symbol's returns: a benchmark's alone, or those of one stock after another. Its first bar has none, nor has
    /// one before which a session of its `calendar` has no bar: what happened over several days is not that day's return.
    pub fn add(&mut self, bars: &DailyBars, calendar: Calendar) {
        for (close, date) in bars.close.array_windows().zip(bars.date.array_windows()) {
            let ([before, now], [from, to]) = (close, date);
            let change = (now / before).ln();
            if change.is_finite() && !misses_session(*from, *to, calendar) {
                let (sum, count) = self.days.cell(*to);
                *sum += change;
                *count += 1;
            }
        }
    }

    /// The returns of these days, NaN for a day without one.
    pub fn on(&self, dates: &[NaiveDate]) -> Vec<f64> {
        let of = |date: &NaiveDate| match self.days.get(*date) {
            Some(&(sum, count)) if count > 0 => sum / f64::from(count),
            _ => f64::NAN,
        };
        dates.iter().map(of).collect()
    }
}

/// Whether a session lies between two dates.
fn misses_session(from: NaiveDate, to: NaiveDate, calendar: Calendar) -> bool {
    from.iter_days().skip(1).take_while(|date| *date < to).any(|date| calendar.session_on(date).is_some())
}

/// Each symbol's 20-bar return on each day, from which [`Ranks`] are made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrossSection {
    days: Days<Vec<f64>>,
}

impl CrossSection {
    /// Adds one symbol; on its first 20 bars it takes no part.
    pub fn add(&mut self, bars: &DailyBars) {
        for (date, change) in bars.date.iter().zip(returns(bars)).filter(|(_, change)| !change.is_nan()) {
            self.days.cell(*date).push(change);
        }
    }

    /// Orders each day.
    pub fn rank(mut self) -> Ranks {
        for day in &mut self.days.cells {
            day.sort_unstable_by(f64::total_cmp);
        }
        Ranks { days: self.days }
    }
}

/// `100 (C/C20 - 1)`, NaN for the first 20 bars.
fn returns(bars: &DailyBars) -> impl Iterator<Item = f64> {
    let changes = bars.close.iter().zip(bars.close.iter().skip(RANKED)).map(|(before, now)| 100.0 * (now / before - 1.0));
    std::iter::repeat_n(f64::NAN, RANKED.min(bars.len())).chain(changes)
}

/// Each day's 20-bar returns in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ranks {
    days: Days<Vec<f64>>,
}

impl Ranks {
    /// The mid-rank of a symbol's 20-bar return among those of its day, for each of its bars: the share of the others that
    /// are less, equal ones counted half, so 0 for the least and 1 for the greatest. NaN on a day with fewer than five.
    /// The symbol was [added](CrossSection::add).
    pub fn of(&self, bars: &DailyBars) -> Vec<f64> {
        let of = |(date, change): (&NaiveDate, f64)| match self.days.get(*date) {
            Some(day) if day.len() >= LEAST_RANKED && !change.is_nan() => {
                let less = day.partition_point(|other| *other < change);
                let equal = day[less..].partition_point(|other| *other <= change);
                (less as f64 + 0.5 * equal.saturating_sub(1) as f64) / (day.len() - 1) as f64
            }
            _ => f64::NAN,
        };
        bars.date.iter().zip(returns(bars)).map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(n: u64) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 1, 1).unwrap() + chrono::Days::new(n)
    }

    fn bars(first: u64, close: &[f64]) -> DailyBars {
        let column = close.to_vec();
        DailyBars {
            date: (first..).take(close.len()).map(day).collect(),
            open: column.clone(),
            high: column.clone(),
            low: column.clone(),
            close: column.clone(),
            volume: column,
        }
    }

    #[test]
    fn the_market_is_the_mean_of_those_with_a_return_that_day() {
        let (a, b) = (bars(3, &[1.0, 2.0, 2.0]), bars(1, &[8.0, 4.0, 4.0, 1.0]));
        let market = MarketReturns::of_stocks([&a, &b], Calendar::Continuous);
        let on = market.on(&(0..7).map(day).collect::<Vec<_>>());
        let ln2 = 2f64.ln();
        assert!(on[0].is_nan() && on[1].is_nan() && on[6].is_nan(), "{on:?}");
        assert_eq!(on[2..6], [-ln2, 0.0, f64::midpoint(ln2, 0.25f64.ln()), 0.0]);
        let alone = MarketReturns::of_stocks([&a], Calendar::Continuous).on(&[day(4), day(2)]);
        assert!(!alone[0].is_nan() && alone[1].is_nan(), "{alone:?}");
    }

    #[test]
    fn a_change_over_a_missed_session_is_no_days_return() {
        // 2024-01-12 is a Friday, and the Monday after it is Martin Luther King's day.
        let mut over = bars(11, &[1.0, 2.0]);
        over.date[1] = day(15);
        let on = |calendar| MarketReturns::of_stocks([&over], calendar).on(&over.date)[1];
        assert_eq!(on(Calendar::Xnys), 2f64.ln());
        assert!(on(Calendar::Continuous).is_nan());
        over.date[1] = day(16);
        let whole = bars(16, &[4.0]);
        assert!(MarketReturns::of_stocks([&over, &whole], Calendar::Xnys).on(&over.date)[1].is_nan(), "Tuesday's bar is missing");
        let sound = DailyBars { date: vec![day(15), day(16)], ..bars(15, &[1.0, 4.0]) };
        assert_eq!(MarketReturns::of_stocks([&over, &sound], Calendar::Xnys).on(&over.date)[1], 4f64.ln(), "the others make it");
    }

    #[test]
    fn ranks_count_equal_ones_half_and_need_five() {
        let symbols = [3.0, 1.0, 2.0, 2.0, 0.5, 2.0].map(|end| bars(1, &[&[1.0; 20][..], &[end, 1.0]].concat()));
        let short = bars(1, &[1.0; 20]);
        let mut section = CrossSection::default();
        for bars in symbols.iter().chain([&short]) {
            section.add(bars);
        }
        let ranks = section.rank();
        let last: Vec<f64> = symbols.iter().map(|bars| ranks.of(bars)[20]).collect();
        assert_eq!(last, [1.0, 0.2, 0.6, 0.6, 0.0, 0.6]);
        assert!(ranks.of(&symbols[0])[..20].iter().all(|rank| rank.is_nan()));
        assert!(ranks.of(&symbols[0])[21] == 0.5, "all are equal");
        assert_eq!(ranks.of(&short).len(), 20);

        let mut few = CrossSection::default();
        for bars in &symbols[..4] {
            few.add(bars);
        }
        assert!(few.rank().of(&symbols[0]).iter().all(|rank| rank.is_nan()));
    }
}
