//! The figures of a replay, and what must be said beside them.

use super::replay::Order;
use super::views::{BacktestReport, Capacity, Deflated, Source, Traded};
use crate::labels::Class;
use crate::market::DailyBars;
use crate::train::backtest::{Backtest, ClosedTrade, Report};
use crate::train::metrics::quantile;
use crate::train::pipeline::pooled::resampling;
use crate::train::sharpe::{Track, expected_maximum, newey_west_sharpe, variance};

/// Fewer trades, or fewer sessions, tell nothing: an annual Sharpe ratio of 1 is twice its error only after four years.
const MIN_TRADES: usize = 100;
const MIN_SESSIONS: usize = 250;

/// Share of a session's dollar volume that an order may take before its own price moves against it by more than the costs
/// here allow for.
const PARTICIPATION: f64 = 0.01;
/// Sessions whose median dollar volume is a symbol's liquidity on a day.
const VOLUME_SESSIONS: usize = 20;
/// The share of positions that may take more at the capacity.
const TIGHT: f64 = 0.05;

/// What the report is made of.
pub(super) struct Facts<'a> {
    pub order: &'a Order<'a>,
    pub traded: &'a Backtest,
    /// Returns of holding the universe.
    pub benchmark: &'a [f64],
    pub source: Source,
}

/// Works the report out.
pub(super) fn report(facts: &Facts<'_>) -> BacktestReport {
    let (order, traded) = (facts.order, facts.traded);
    let (run, gates) = (order.run, &order.rules.promotion_gates);
    let figures = traded.report(facts.benchmark, resampling(order.rules, u64::from(run.seed)), gates.bound_quantile);
    let deflated = facts.deflated();
    BacktestReport {
        strategy: order.strategy,
        run_id: run.run_id,
        model_id: run.model_id,
        state: run.state,
        snapshot: order.snapshot.to_owned(),
        trained_on: run.snapshot.clone(),
        headline: headline(run.run_id, &figures, gates.bound_quantile),
        notes: notes(&figures, &deflated, (&facts.source, &run.record.muted)),
        terms: Traded {
            round_trip_cost_bp: order.rules.validation.label.round_trip_cost_bp,
            cost_stress: gates.g9_cost_stress,
            max_positions: gates.g9_max_positions,
            risk_per_trade: gates.g9_risk_per_trade,
            bound_quantile: gates.bound_quantile,
            muted: run.record.muted.clone(),
        },
        source: facts.source.clone(),
        newey_west_sharpe: newey_west_sharpe(&traded.net, traded.sessions_a_year),
        deflated,
        capacity: facts.capacity(),
        figures,
    }
}

impl Facts<'_> {
    /// Counts the run itself once, whether or not its own trial is on record.
    fn deflated(&self) -> Deflated {
        let (order, own) = (self.order, Track::of(&self.traded.net));
        let mut trials: Vec<f64> = order.trials.iter().map(|t| t.sharpe.unwrap_or(0.0)).collect();
        if order.trials.iter().all(|t| t.run_id != order.run.run_id) {
            trials.push(own.map_or(0.0, |t| t.sharpe));
        }
        let variance = variance(&trials);
        Deflated {
            probability: own.and_then(|track| track.deflated(trials.len(), variance)),
            trials: trials.len(),
            luck: expected_maximum(trials.len()) * variance.sqrt() * self.traded.sessions_a_year.sqrt(),
            needed: order.rules.promotion_gates.g9_min_deflated_sharpe,
        }
    }

    fn capacity(&self) -> Option<Capacity> {
        let market = self.order.market;
        let fits = |t: &ClosedTrade| {
            let at = market.symbols.iter().position(|s| *s == t.symbol)?;
            let volume = dollar_volume(&market.bars[at], &market.factors[at], t)?;
            (t.weight > 0.0).then(|| (PARTICIPATION * volume / t.weight, t.symbol))
        };
        let mut known: Vec<_> = self.traded.trades.iter().filter_map(fits).collect();
        known.sort_by(|a, b| a.0.total_cmp(&b.0));
        let equities: Vec<f64> = known.iter().map(|(equity, _)| *equity).collect();
        let (&(first, symbol), equity) = known.first().zip(quantile(&equities, TIGHT))?;
        Some(Capacity { participation: PARTICIPATION, equity, first, symbol, trades: known.len() })
    }
}

/// The median dollar volume of the sessions to the decision; `None` where too few are known. Volumes are on the split basis, so
/// prices are taken back to it.
fn dollar_volume(bars: &DailyBars, factor: &[f64], trade: &ClosedTrade) -> Option<f64> {
    let end = bars.date.partition_point(|d| *d <= trade.date);
    let rows = end.checked_sub(VOLUME_SESSIONS)?..end;
    let mut traded: Vec<f64> = rows.map(|r| bars.close[r] / factor[r] * bars.volume[r]).filter(|v| v.is_finite()).collect();
    traded.sort_by(f64::total_cmp);
    (2 * traded.len() > VOLUME_SESSIONS).then(|| quantile(&traded, 0.5))?
}

fn headline(run_id: i64, figures: &Report, bound_quantile: f64) -> String {
    let Some((first, last)) = figures.first.zip(figures.last) else {
        return format!("Run {run_id} made no prediction that could be traded.");
    };
    if figures.trades.trades == 0 {
        return format!("The decisions of run {run_id} led to no trade from {first} to {last}.");
    }
    let net = &figures.net;
    let growth = net.growth.map_or_else(|| "lost everything".to_owned(), |g| format!("came to {:+.1} % a year", 100.0 * g));
    let Some((sharpe, interval)) = net.sharpe.zip(net.interval) else {
        return format!("From {first} to {last} the decisions of run {run_id} {growth} after costs; the Sharpe ratio is not defined.");
    };
    let meaning = if interval.low > 0.0 {
        "more than nothing"
    } else if interval.high < 0.0 {
        "less than nothing"
    } else {
        "not to be told from nothing"
    };
    let width = 100.0 * (1.0 - 2.0 * bound_quantile);
    format!(
        "From {first} to {last} the decisions of run {run_id} {growth} after costs, Sharpe ratio {sharpe:.2} ({width:.0} % interval {:.2} to \
         {:.2}): {meaning}.",
        interval.low, interval.high
    )
}

fn notes(figures: &Report, deflated: &Deflated, (source, muted): (&Source, &[Class])) -> Vec<String> {
    let mut notes = Vec::new();
    let (trades, sessions) = (figures.trades.trades, figures.sessions);
    if trades < MIN_TRADES || sessions < MIN_SESSIONS {
        notes.push(format!(
            "Too few to tell: {trades} trades in {sessions} sessions, and below {MIN_TRADES} trades or {MIN_SESSIONS} sessions chance decides."
        ));
    }
    match deflated.probability {
        Some(p) if p >= deflated.needed => {}
        Some(p) => notes.push(format!(
            "The Sharpe ratio may be luck: the chance that it beats the best of {} tries without skill is {p:.2}, and {:.2} are asked for.",
            deflated.trials, deflated.needed
        )),
        None => notes.push("Whether the Sharpe ratio is luck cannot be judged: returns do not vary.".to_owned()),
    }
    if !muted.is_empty() {
        let sides: Vec<String> = muted.iter().map(ToString::to_string).collect();
        notes.push(format!(
            "{} left out: the gates muted it after these very rows were read, so that what is left looks better than it was known to be.",
            sides.join(" and ")
        ));
    }
    notes.push(
        "The universe is that of today: shares that failed before it was drawn up are missing, which flatters any backtest of it."
            .to_owned(),
    );
    let unplayed: usize = source.unplayed.iter().map(|u| u.decisions).sum();
    if unplayed > 0 {
        let why: Vec<String> = source.unplayed.iter().map(|u| format!("{} with {}", u.decisions, u.why)).collect();
        notes.push(format!("{unplayed} decisions could not be traded: {}.", why.join(", ")));
    }
    if source.cut_short > 0 {
        notes.push(format!(
            "The bars of {} decisions end, or have a hole, before the exit; such a position is left at the last close before it, which \
             nobody may have got.",
            source.cut_short
        ));
    }
    notes
}
