//! The figures of a backtest that people read. Ratios are per year; a figure that is undefined is `None`, never 0.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{Backtest, ClosedTrade, Side};
use crate::market::{DailyBars, Regime, Symbol};
use crate::train::bootstrap::{ByDate, Resampling};
use crate::train::metrics::mean;
use crate::train::sharpe::{annual_growth, annual_sharpe, annual_sortino, calmar, drawdown};

/// A backtest in numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// First session; `None` of a test without sessions.
    pub first: Option<NaiveDate>,
    /// Last session.
    pub last: Option<NaiveDate>,
    /// How many.
    pub sessions: usize,
    /// Without costs.
    pub gross: Performance,
    /// After costs.
    pub net: Performance,
    /// After the stressed costs of gate G9.
    pub stressed: Performance,
    /// Value entered a year, in multiples of equity (one way).
    pub turnover: Option<f64>,
    /// Mean value held, bought and sold added, as a share of equity.
    pub exposure: Option<f64>,
    /// Share of sessions with a position.
    pub invested: Option<f64>,
    /// Against holding the universe; `None` where its returns are not known or do not vary.
    pub market: Option<AgainstMarket>,
    /// All trades.
    pub trades: Group,
    /// By regime of the decision, in the order of [`Regime::ALL`]; those without a trade are left out.
    pub regimes: Vec<Group>,
    /// By calendar year.
    pub years: Vec<Year>,
    /// By symbol, what earned most first.
    pub symbols: Vec<Group>,
    /// Decisions passed over because their symbol was held.
    pub overlapping: u32,
    /// Decisions passed over because the book was full.
    pub crowded_out: u32,
}

/// What a series of session returns is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Performance {
    /// What equity gained over the whole time, as a share of its start.
    pub total: f64,
    /// Growth a year.
    pub growth: Option<f64>,
    /// Sharpe ratio a year.
    pub sharpe: Option<f64>,
    /// Its interval by block bootstrap of sessions.
    pub interval: Option<Interval>,
    /// Sortino ratio a year.
    pub sortino: Option<f64>,
    /// Deepest fall from a high, as a share of it.
    pub drawdown: f64,
    /// Longest run of sessions below a high.
    pub longest_drawdown: usize,
    /// Growth over the deepest fall.
    pub calmar: Option<f64>,
}

/// Between which values a figure lies, by the quantiles of its bootstrap.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Lower bound.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
}

/// Net returns against those of holding the universe, by least squares on sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgainstMarket {
    /// The holding itself.
    pub held: Performance,
    /// Return a year that the market does not explain.
    pub alpha: f64,
    /// Return for each unit of the market's.
    pub beta: f64,
    /// Correlation with it; `None` where the net returns do not vary.
    pub correlation: Option<f64>,
}

/// Trades that belong together. Gains and losses are net, as shares of the equity at the entry, so that late trades of an
/// account that has grown count no more than early ones; `added` alone is in units of the equity at the start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// What they share: a regime, a year, a symbol, or `all`.
    pub name: String,
    /// How many.
    pub trades: usize,
    /// Those of them that were bought.
    pub bought: usize,
    /// Share that gained.
    pub hit_rate: Option<f64>,
    /// Mean gain over mean loss.
    pub payoff: Option<f64>,
    /// Sum of gains over sum of losses.
    pub profit_factor: Option<f64>,
    /// Mean sessions held.
    pub holding: Option<f64>,
    /// Mean net return of a position.
    pub net_return: Option<f64>,
    /// What they added to equity, as a share of it at the start.
    pub added: f64,
}

/// A calendar year.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Year {
    /// Net returns of its sessions.
    pub net: Performance,
    /// Trades entered in it.
    pub trades: Group,
}

impl Backtest {
    /// Works out the report. `market` has the return of each of `self.sessions` from holding the universe
    /// ([`buy_and_hold`]); intervals lie between the quantiles `bound_quantile` and 1 minus it.
    pub fn report(&self, market: &[f64], resampling: Resampling, bound_quantile: f64) -> Report {
        let judge = Judge { year: self.sessions_a_year, resampling, bound_quantile };
        let of = |returns: &[f64]| judge.performance(returns, &self.sessions);
        let average = |values: &mut dyn Iterator<Item = f64>| mean(values.map(|v| (v, 1.0)));
        let years_long = self.sessions.len() as f64 / self.sessions_a_year;
        let entered: f64 = self.trades.iter().map(|t| t.weight).sum();
        Report {
            first: self.sessions.first().copied(),
            last: self.sessions.last().copied(),
            sessions: self.sessions.len(),
            gross: of(&self.gross),
            net: of(&self.net),
            stressed: of(&self.stressed),
            turnover: (years_long > 0.0).then_some(entered / years_long),
            exposure: average(&mut self.exposure.iter().copied()),
            invested: average(&mut self.exposure.iter().map(|e| f64::from(u8::from(*e > 0.0)))),
            market: self.against(market, &judge),
            trades: Group::of("all".to_owned(), &self.trades),
            regimes: self.by_regime(),
            years: self.by_year(&judge),
            symbols: self.by_symbol(),
            overlapping: self.overlapping,
            crowded_out: self.crowded_out,
        }
    }

    fn against(&self, market: &[f64], judge: &Judge) -> Option<AgainstMarket> {
        let n = self.net.len() as f64;
        if market.len() != self.net.len() || market.iter().any(|r| !r.is_finite()) {
            return None;
        }
        let (own, theirs) = (self.net.iter().sum::<f64>() / n, market.iter().sum::<f64>() / n);
        let moment = |f: &dyn Fn(f64, f64) -> f64| self.net.iter().zip(market).map(|(r, m)| f(r - own, m - theirs)).sum::<f64>();
        let (both, market_square, own_square) = (moment(&|r, m| r * m), moment(&|_, m| m * m), moment(&|r, _| r * r));
        let beta = (market_square > 0.0).then(|| both / market_square)?;
        Some(AgainstMarket {
            held: judge.performance(market, &self.sessions),
            alpha: (own - beta * theirs) * judge.year,
            beta,
            correlation: (own_square > 0.0).then(|| both / (own_square * market_square).sqrt()),
        })
    }

    fn by_regime(&self) -> Vec<Group> {
        let of = |regime: Regime| Group::of(regime.name().to_owned(), self.trades.iter().filter(|t| t.regime == regime));
        Regime::ALL.into_iter().map(of).filter(|g| g.trades > 0).collect()
    }

    fn by_year(&self, judge: &Judge) -> Vec<Year> {
        let mut entered = self.trades.iter().peekable();
        let of = |(year, range): (i32, std::ops::Range<usize>)| {
            // An entry on a day that is no session belongs to the session that follows.
            let last = self.sessions[range.end - 1];
            let trades: Vec<&ClosedTrade> = std::iter::from_fn(|| entered.next_if(|t| t.entry_date <= last)).collect();
            let net = judge.performance(&self.net[range.clone()], &self.sessions[range]);
            Year { net, trades: Group::of(year.to_string(), trades) }
        };
        self.years().map(of).collect()
    }

    fn by_symbol(&self) -> Vec<Group> {
        let mut of: BTreeMap<Symbol, Vec<&ClosedTrade>> = BTreeMap::new();
        for trade in &self.trades {
            of.entry(trade.symbol).or_default().push(trade);
        }
        let mut groups: Vec<Group> = of.into_iter().map(|(symbol, trades)| Group::of(symbol.to_string(), trades)).collect();
        groups.sort_by(|a, b| b.added.total_cmp(&a.added));
        groups
    }
}

/// How series of returns are judged.
struct Judge {
    year: f64,
    resampling: Resampling,
    bound_quantile: f64,
}

impl Judge {
    fn performance(&self, returns: &[f64], sessions: &[NaiveDate]) -> Performance {
        let fall = drawdown(returns);
        Performance {
            total: returns.iter().map(|r| 1.0 + r).product::<f64>() - 1.0,
            growth: annual_growth(returns, self.year),
            sharpe: annual_sharpe(returns, self.year),
            interval: self.interval(returns, sessions),
            sortino: annual_sortino(returns, self.year),
            drawdown: fall.depth,
            longest_drawdown: fall.longest,
            calmar: calmar(returns, self.year),
        }
    }

    /// Of the Sharpe ratio a year.
    fn interval(&self, returns: &[f64], sessions: &[NaiveDate]) -> Option<Interval> {
        let terms = returns.iter().map(|r| [1.0, *r, r * r]).enumerate();
        let estimate = ByDate::new(sessions.iter().copied(), self.resampling).of_sums(terms, |&[n, sum, squares]| {
            let variance = (squares - sum * sum / n) / (n - 1.0);
            (n > 1.0 && variance > 0.0).then(|| sum / n / variance.sqrt() * self.year.sqrt())
        });
        let (low, high) = estimate.bound(self.bound_quantile).zip(estimate.bound(1.0 - self.bound_quantile))?;
        Some(Interval { low, high })
    }
}

impl Group {
    fn of<'t>(name: String, trades: impl IntoIterator<Item = &'t ClosedTrade>) -> Self {
        let (mut gains, mut losses) = ([0.0; 2], [0.0; 2]);
        let (mut bought, mut sessions, mut returns, mut added, mut n) = (0, 0.0, 0.0, 0.0, 0);
        for trade in trades {
            n += 1;
            bought += usize::from(trade.side == Side::Buy);
            sessions += f64::from(trade.bars_held);
            returns += trade.net_return;
            added += trade.added;
            let side = if trade.net_return > 0.0 { &mut gains } else { &mut losses };
            side[0] += 1.0;
            side[1] += trade.weight * trade.net_return.abs();
        }
        let share = |part: f64, whole: f64| (whole > 0.0).then(|| part / whole);
        let profit_factor = share(gains[1], losses[1]);
        let all = n as f64;
        Self {
            name,
            trades: n,
            bought,
            hit_rate: share(gains[0], all),
            // The ratio of means is that of sums times that of counts.
            payoff: profit_factor.and_then(|ratio| share(ratio * losses[0], gains[0])),
            profit_factor,
            holding: share(sessions, all),
            net_return: share(returns, all),
            added,
        }
    }
}

/// Returns of `sessions` from dividing the equity equally among all symbols that have a bar in them and holding. The part
/// of a symbol that comes later is cash until the close of its first bar; one that ends stays at its last close. The first session has
/// no close before it and returns 0, unless bars begin earlier.
pub fn buy_and_hold(bars: &[DailyBars], sessions: &[NaiveDate]) -> Vec<f64> {
    let (Some(first), Some(last)) = (sessions.first(), sessions.last()) else { return Vec::new() };
    let lives = |b: &&DailyBars| b.date.iter().any(|d| (first..=last).contains(&d));
    let mut value = vec![0.0; sessions.len() + 1];
    for symbol in bars.iter().filter(lives) {
        let close = |before: usize| before.checked_sub(1).map(|row| symbol.close[row]);
        let mut start = close(symbol.date.partition_point(|d| d < first));
        value[0] += 1.0;
        for (sum, session) in value[1..].iter_mut().zip(sessions) {
            let now = close(symbol.date.partition_point(|d| d <= session));
            start = start.or(now);
            *sum += now.zip(start).map_or(1.0, |(now, start)| now / start);
        }
    }
    value.windows(2).map(|w| if w[0] > 0.0 { w[1] / w[0] - 1.0 } else { 0.0 }).collect()
}
