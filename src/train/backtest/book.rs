//! The book: equity marked to the market at each close.

use chrono::NaiveDate;

use super::{ClosedTrade, Decision};
use crate::config::strategy::PromotionGates;

/// A book at one level of costs.
#[derive(Debug)]
pub(super) struct Book {
    /// Return of each session.
    pub returns: Vec<f64>,
    /// Value held in each session as a share of the equity before.
    pub exposure: Vec<f64>,
    /// In the order of the decisions.
    pub trades: Vec<ClosedTrade>,
}

/// A position that is open.
struct Held {
    /// Number of its decision.
    taken: usize,
    /// Value entered, in units of the equity at the start.
    notional: f64,
    /// Its last mark, as a multiple of the entry.
    mark: f64,
    /// Session of its path that is marked next.
    next: usize,
}

/// The sessions of the test period, and those after its last in which positions live.
pub(super) fn axis(sessions: &[NaiveDate], taken: &[&Decision]) -> Vec<NaiveDate> {
    let last = sessions.last().copied().unwrap_or(NaiveDate::MIN);
    let mut axis = sessions.to_vec();
    axis.extend(taken.iter().flat_map(|d| d.path.dates.iter().copied().filter(|date| *date > last)));
    axis[sessions.len()..].sort_unstable();
    axis.dedup();
    axis
}

/// Trades `taken`, ascending by entry, at `cost` a round trip. What happens on a day that is no session of the axis (a
/// coin's weekend among shares) counts in the session that follows. Equity that is lost entirely is traded no further.
pub(super) fn trade(taken: &[&Decision], sessions: &[NaiveDate], cost: f64, rule: &PromotionGates) -> Book {
    let mut book = Book { returns: Vec::new(), exposure: Vec::new(), trades: Vec::new() };
    book.trades.extend(taken.iter().map(|d| closed(d, cost, rule)));
    let (mut equity, mut entered) = (1.0_f64, 0);
    let mut open: Vec<Held> = Vec::new();
    for session in sessions {
        let before = equity;
        let mut change = 0.0;
        while taken.get(entered).is_some_and(|d| d.entered() <= *session) {
            let notional = book.trades[entered].weight * before.max(0.0);
            change -= 0.5 * cost * notional;
            open.push(Held { taken: entered, notional, mark: 1.0, next: 0 });
            entered += 1;
        }
        let held: f64 = open.iter().map(|p| p.notional * p.mark).sum();
        open.retain_mut(|position| {
            let decision = taken[position.taken];
            change += position.move_to(*session, decision);
            let stays = position.next < decision.path.dates.len();
            if !stays {
                change -= 0.5 * cost * position.notional;
                let trade = &mut book.trades[position.taken];
                trade.added = position.notional * trade.net_return;
            }
            stays
        });
        let share = |value: f64| if before > 0.0 { value / before } else { 0.0 };
        book.returns.push(share(change));
        book.exposure.push(share(held));
        equity += change;
    }
    book
}

impl Held {
    /// Marks it at the close of `session` and gives what it has gained since the last mark.
    fn move_to(&mut self, session: NaiveDate, decision: &Decision) -> f64 {
        let before = self.mark;
        let path = &decision.path;
        while path.dates.get(self.next).is_some_and(|date| *date <= session) {
            self.mark = path.values[self.next];
            self.next += 1;
        }
        decision.side.sign() * self.notional * (self.mark - before)
    }
}

/// The trade that a decision leads to; what it adds to equity is not known yet.
fn closed(decision: &Decision, cost: f64, rule: &PromotionGates) -> ClosedTrade {
    let path = &decision.path;
    let gross_return = decision.side.sign() * (path.last() - 1.0);
    ClosedTrade {
        symbol: decision.symbol,
        date: decision.date,
        fold: decision.fold,
        side: decision.side,
        regime: decision.regime,
        entry_date: decision.entered(),
        entry: path.entry,
        exit_date: decision.left(),
        exit_price: path.entry * path.last(),
        reason: path.exit,
        bars_held: path.dates.len() as u32,
        weight: (rule.g9_risk_per_trade / decision.risk).min(1.0 / f64::from(rule.g9_max_positions.max(1))),
        gross_return,
        cost,
        net_return: gross_return - cost,
        added: 0.0,
    }
}
