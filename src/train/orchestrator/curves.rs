//! What charts of an ensemble are drawn from, measured out of fold: outcomes against decisions, reliability, and the account
//! week by week. It is stored with the ensemble's figures; reports read it.

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};

use crate::labels::Class;
use crate::train::backtest::Backtest;
use crate::train::gates::Judged;
use crate::train::metrics::Confusion;

/// Bins of equal width: unlike those of equal mass, they show where the rows are.
const TENTHS: usize = 10;

/// Curves of an ensemble.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Curves {
    /// Rows by outcome and, within, by decision; both in the order of [`Class::ALL`].
    pub confusion: [[f64; Class::COUNT]; Class::COUNT],
    /// Of each class's probability, in the order of [`Class::ALL`]; tenths without a row are left out.
    pub reliability: [Vec<Tenth>; Class::COUNT],
    /// The account at the last session of each week, the value at the start first.
    pub account: Vec<Week>,
}

/// Rows to which a tenth of the scale of probabilities was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tenth {
    /// Mean probability, 0 to 1.
    pub said: f64,
    /// Share of rows that were of the class, 0 to 1.
    pub came: f64,
    /// Rows.
    pub rows: u64,
}

/// An account at the end of a week, in multiples of its value at the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Week {
    /// The last session of the week.
    pub date: NaiveDate,
    /// Traded by the decisions, after costs.
    pub net: f64,
    /// From holding the universe; `None` where its returns are not known.
    pub held: Option<f64>,
}

impl Curves {
    /// Those of `rows` and of trading by them. `market` has the return of each session from holding the universe.
    pub fn of(rows: &[Judged], backtest: &Backtest, market: &[f64]) -> Self {
        Self {
            confusion: Confusion::of(rows.iter().map(|r| (r.class, r.decision, 1.0))).0,
            reliability: Class::ALL.map(|class| tenths(rows, class)),
            account: weeks(&backtest.sessions, &backtest.net, market),
        }
    }
}

fn tenths(rows: &[Judged], class: Class) -> Vec<Tenth> {
    let mut sums = [Tenth::default(); TENTHS];
    for row in rows {
        let p = row.p[class.index()];
        let tenth = &mut sums[((p * TENTHS as f64) as usize).min(TENTHS - 1)];
        tenth.said += p;
        tenth.came += f64::from(u8::from(row.class == class));
        tenth.rows += 1;
    }
    let held = sums.into_iter().filter(|t| t.rows > 0);
    held.map(|t| Tenth { said: t.said / t.rows as f64, came: t.came / t.rows as f64, rows: t.rows }).collect()
}

fn weeks(sessions: &[NaiveDate], net: &[f64], market: &[f64]) -> Vec<Week> {
    let known = market.len() == net.len() && market.iter().all(|r| r.is_finite());
    let Some(before) = sessions.first().and_then(NaiveDate::pred_opt) else { return Vec::new() };
    let mut now = Week { date: before, net: 1.0, held: known.then_some(1.0) };
    let mut weeks = vec![now];
    for (i, (date, gain)) in sessions.iter().zip(net).enumerate() {
        let held = now.held.zip(market.get(i)).map(|(held, gain)| held * (1.0 + gain));
        now = Week { date: *date, net: now.net * (1.0 + gain), held };
        if sessions.get(i + 1).is_none_or(|next| next.iso_week() != date.iso_week()) {
            weeks.push(now);
        }
    }
    weeks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::{Regime, Symbol};

    fn row(class: Class, buy: f64) -> Judged {
        let p = [0.3, 0.7 - buy, buy];
        let date = NaiveDate::default();
        let symbol: Symbol = "AAPL".parse().unwrap();
        Judged { date, symbol, regime: Regime::ALL[0], class, p, prior: [1.0 / 3.0; 3], uniqueness: 1.0, decision: Class::Hold }
    }

    #[test]
    fn each_row_counts_in_the_tenth_of_its_probability() {
        let rows = [row(Class::Buy, 0.11), row(Class::Sell, 0.19), row(Class::Buy, 0.7)];
        let buy = tenths(&rows, Class::Buy);
        assert_eq!(buy.iter().map(|t| t.rows).collect::<Vec<_>>(), [2, 1]);
        assert!((buy[0].said - 0.15).abs() < 1e-12 && (buy[0].came - 0.5).abs() < 1e-12 && (buy[1].came - 1.0).abs() < 1e-12, "{buy:?}");
        assert_eq!(tenths(&[row(Class::Buy, 1.0)], Class::Buy).len(), 1, "certainty belongs to the last tenth");
        assert!(tenths(&[], Class::Hold).is_empty());
    }

    #[test]
    fn an_account_is_kept_at_the_last_session_of_each_week() {
        let date = |day| NaiveDate::from_ymd_opt(2024, 1, day).unwrap();
        let sessions = [date(4), date(5), date(8)];
        let kept = weeks(&sessions, &[0.1, 0.1, -0.5], &[0.0, 0.5, 0.0]);
        assert_eq!(kept.iter().map(|w| w.date).collect::<Vec<_>>(), [date(3), date(5), date(8)]);
        assert!((kept[1].net - 1.21).abs() < 1e-12 && (kept[2].net - 0.605).abs() < 1e-12, "{kept:?}");
        assert_eq!(kept[2].held, Some(1.5));
        assert_eq!(weeks(&sessions, &[0.0; 3], &[f64::NAN; 3])[1].held, None, "what is not known is not drawn");
        assert!(weeks(&[], &[], &[]).is_empty());
    }
}
