//! A few bars, their barriers, and what comes of positions between them.

use super::*;
use crate::features::bars::forward_adjusted;
use crate::market::{Dividend, SourceId, date_to_ts};
use crate::store::master::Candles;
use crate::train::backtest::{BacktestError, ClosedTrade, Exit, Side};

/// The day of the decision: the entry is the open of the next.
const ON: usize = 6;
/// A day about 100 with a range of 1: two of these ranges, and barriers at 98 and 102 about an entry at 100.
const QUIET: [f64; 4] = [100.0, 100.5, 99.5, 100.0];

/// Quiet days up to the decision, then these.
fn then(days: &[[f64; 4]]) -> DailyBars {
    let all: Vec<[f64; 4]> = std::iter::repeat_n(QUIET, ON + 1).chain(days.iter().copied()).collect();
    bars(&all)
}

/// The trade that a decision comes to.
fn traded(side: Class, days: &[[f64; 4]]) -> ClosedTrade {
    let rules = rules();
    let made = replayed(&run(vec![prediction(0, ON, side)], &rules), &market(vec![then(days)]), &rules).unwrap();
    assert_eq!((made.trades.len(), made.report.source.cut_short), (1, 0), "{:?}", made.report.source);
    made.trades[0].clone()
}

fn near(got: &[f64], want: &[f64]) {
    assert!(got.len() == want.len() && got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-12), "{got:?} is not {want:?}");
}

#[test]
fn a_barrier_ends_a_position_at_its_price_and_costs_are_paid() {
    let days = [QUIET, [100.5, 102.5, 100.0, 101.0], QUIET, QUIET];
    let bought = traded(Class::Buy, &days);
    assert_eq!((bought.reason, bought.bars_held, bought.entry_date, bought.exit_date), (Exit::Upper, 2, day(ON + 1), day(ON + 2)));
    near(&[bought.entry, bought.exit_price, bought.gross_return, bought.net_return], &[100.0, 102.0, 0.02, 0.019]);
    near(&[bought.weight, bought.added], &[0.05, 0.05 * 0.019]);
    let sold = traded(Class::Sell, &days);
    assert_eq!((sold.reason, sold.side), (Exit::Upper, Side::Sell));
    near(&[sold.exit_price, sold.gross_return, sold.net_return], &[102.0, -0.02, -0.021]);
}

#[test]
fn an_open_beyond_a_barrier_is_the_price_of_the_exit() {
    let days = [QUIET, [95.0, 103.0, 94.0, 102.0], QUIET, QUIET];
    let bought = traded(Class::Buy, &days);
    assert_eq!((bought.reason, bought.exit_price), (Exit::GapDown, 95.0), "the range of that day counts no more");
    near(&[bought.gross_return, traded(Class::Sell, &days).gross_return], &[-0.05, 0.05]);
}

#[test]
fn a_bar_that_reaches_both_barriers_hits_the_stop_first() {
    let days = [QUIET, [100.0, 103.0, 97.0, 102.9], QUIET, QUIET];
    let [bought, sold] = [Class::Buy, Class::Sell].map(|side| traded(side, &days));
    assert_eq!((bought.reason, sold.reason, bought.bars_held), (Exit::Ambiguous, Exit::Ambiguous, 2));
    near(&[bought.exit_price, sold.exit_price, bought.gross_return, sold.gross_return], &[98.0, 102.0, -0.02, -0.02]);
}

#[test]
fn without_a_barrier_the_last_close_of_the_horizon_ends_it() {
    let t = traded(Class::Buy, &[QUIET, QUIET, [100.0, 101.5, 100.0, 101.0], QUIET]);
    assert_eq!((t.reason, t.bars_held, t.exit_price), (Exit::Horizon, 3, 101.0));
}

#[test]
fn a_symbol_that_trades_no_more_is_left_at_its_last_close() {
    let rules = rules();
    let other = then(&[QUIET; 8]);
    let mut hole = then(&[QUIET, [100.0, 100.5, 99.0, 99.2], QUIET, QUIET]);
    hole.date[ON + 3..].iter_mut().for_each(|d| *d = *d + Days::new(1));
    for (ended, left) in [(then(&[QUIET, [99.0, 99.4, 98.5, 99.2]]), 99.2), (hole, 99.2)] {
        let predictions = vec![prediction(0, ON, Class::Buy)];
        let made = replayed(&run(predictions, &rules), &market(vec![ended, other.clone()]), &rules).unwrap();
        let t = &made.trades[0];
        assert_eq!((t.reason, t.exit_date, made.report.source.cut_short), (Exit::Horizon, day(ON + 2), 1));
        near(&[t.exit_price, t.gross_return], &[left, left / 100.0 - 1.0]);
        assert!(made.report.notes.iter().any(|n| n.contains("end, or have a hole")), "{:?}", made.report.notes);
    }
}

#[test]
fn what_cannot_be_entered_is_counted_and_told() {
    let rules = rules();
    let predictions = vec![prediction(0, ON, Class::Buy), prediction(1, ON, Class::Buy), prediction(2, ON, Class::Sell)];
    let made = replayed(&run(predictions, &rules), &market(vec![then(&[]), DailyBars::default(), then(&[QUIET; 5])]), &rules).unwrap();
    let why: Vec<(&str, usize)> = made.report.source.unplayed.iter().map(|u| (u.why.as_str(), u.decisions)).collect();
    assert_eq!(why, [("no bar on the day of the decision", 1), ("no bar in the session of the entry", 1)]);
    assert_eq!((made.trades.len(), made.report.source.decisions), (1, 3));
    assert!(made.report.notes.iter().any(|n| n.starts_with("2 decisions could not be traded: 1 with no bar")), "{:?}", made.report.notes);
}

#[test]
fn holds_and_muted_sides_are_not_traded() {
    let rules = rules();
    let mut run = run(vec![prediction(0, ON, Class::Hold), prediction(1, ON, Class::Sell), prediction(2, ON, Class::Buy)], &rules);
    run.record.muted = vec![Class::Sell];
    let made = replayed(&run, &market(vec![then(&[QUIET; 5]); 3]), &rules).unwrap();
    assert_eq!((made.trades.len(), made.trades[0].symbol, made.report.source.decisions), (1, symbol(2), 1));
}

/// Candles of the days, with a dividend of 1 on the second day of the holding.
fn with_dividend(days: &[[f64; 4]], scale: f64) -> (Market, Candles) {
    let b = then(days);
    let scaled = |column: &[f64]| column.iter().map(|v| v * scale).collect::<Vec<f64>>();
    let n = b.len();
    let candles = Candles {
        ts: b.date.iter().map(|d| date_to_ts(*d)).collect(),
        open: scaled(&b.open),
        high: scaled(&b.high),
        low: scaled(&b.low),
        close: scaled(&b.close),
        volume: scaled(&b.volume).iter().map(|v| v / scale / scale).collect(),
        source: vec![SourceId::Yahoo; n],
        is_final: vec![true; n],
    };
    let mut market = Market::default();
    let dividend = Dividend { ex_date: day(ON + 2), amount: scale };
    market.add(symbol(0), Calendar::Continuous, forward_adjusted(&candles, &[dividend], 1.0));
    (market, candles)
}

#[test]
fn a_dividend_belongs_to_the_return_and_prices_are_those_that_are_stored() {
    let rules = rules();
    let run = run(vec![prediction(0, ON, Class::Buy)], &rules);
    let ex = [99.0, 99.5, 98.5, 99.0];
    let (market, candles) = with_dividend(&[QUIET, ex, ex, ex], 1.0);
    let t = replayed(&run, &market, &rules).unwrap().trades.remove(0);
    assert_eq!((t.reason, t.exit_date), (Exit::Horizon, day(ON + 3)));
    near(&[t.entry, t.exit_price, t.gross_return], &[candles.open[ON + 1], candles.close[ON + 3], 0.0]);
}

#[test]
fn a_split_inside_the_holding_changes_prices_and_nothing_else() {
    let rules = rules();
    let run = run(vec![prediction(0, ON, Class::Sell)], &rules);
    let days = [QUIET, [99.0, 99.5, 98.5, 99.0], [99.0, 99.2, 96.0, 96.5], QUIET];
    // Split 4 to 1 by the time of the backtest: the stored bars were fetched anew.
    let [before, after] = [1.0, 0.25].map(|scale| replayed(&run, &with_dividend(&days, scale).0, &rules).unwrap());
    let (a, b) = (&before.trades[0], &after.trades[0]);
    near(&[b.entry, b.exit_price, b.gross_return, b.added], &[a.entry / 4.0, a.exit_price / 4.0, a.gross_return, a.added]);
    assert_eq!((a.reason, a.exit_date, &before.curve.session), (b.reason, b.exit_date, &after.curve.session));
}

#[test]
fn the_report_says_what_it_cannot_tell() {
    let rules = rules();
    let predictions = (0..4).map(|of| prediction(of, ON, if of == 1 { Class::Sell } else { Class::Buy })).collect();
    let up = [QUIET, [100.5, 102.5, 100.0, 101.0], QUIET, QUIET];
    let made = replayed(&run(predictions, &rules), &market(vec![then(&up); 4]), &rules).unwrap();
    let report = &made.report;
    assert!(report.notes[0].starts_with("Too few to tell: 4 trades in 3 sessions"), "{:?}", report.notes);
    assert!(report.notes.iter().any(|n| n.contains("The universe is that of today")));
    assert_eq!(
        (report.deflated.trials, report.deflated.luck, report.state, report.snapshot.as_str()),
        (1, 0.0, ModelState::Rejected, "now")
    );
    assert_eq!(report.capacity, None, "a week has no median of a month");
    let again = serde_json::from_str::<BacktestReport>(&serde_json::to_string(report).unwrap()).unwrap();
    assert_eq!(again, *report);
}

#[test]
fn money_fits_up_to_a_share_of_the_volume() {
    let rules = rules();
    let quiet: Vec<[f64; 4]> = vec![QUIET; 30];
    let mut thin = bars(&quiet);
    thin.volume = vec![10.0; 30];
    let predictions = vec![prediction(0, 22, Class::Buy), prediction(1, 22, Class::Buy)];
    let capacity = replayed(&run(predictions, &rules), &market(vec![bars(&quiet), thin]), &rules).unwrap().report.capacity.unwrap();
    // 1 % of 1,000 dollars a session at 5 % of equity; between it and the other's 20,000 lies the twentieth part.
    assert_eq!((capacity.symbol, capacity.trades), (symbol(1), 2));
    near(&[capacity.first, capacity.equity], &[200.0, 200.0 + 0.05 * 19_800.0]);
}

#[test]
fn what_is_no_evidence_is_refused() {
    let rules = rules();
    let market = market(vec![then(&[QUIET; 5])]);
    let planted = run(vec![prediction(0, LEARNT, Class::Buy), prediction(0, ON, Class::Buy)], &rules);
    assert!(matches!(replayed(&planted, &market, &rules), Err(Fault::Impure(Impure::Outside { date, .. })) if date == day(LEARNT)));
    let mut other = rules.clone();
    other.validation.label.atr_multiple = 3.0;
    let sound = run(vec![prediction(0, ON, Class::Buy)], &rules);
    let refused = replayed(&sound, &market, &other).unwrap_err().to_string();
    assert!(refused.contains("the rules of labels and regimes have changed since training run 3"), "{refused}");
    let twice = run(vec![prediction(0, ON, Class::Buy); 2], &rules);
    assert!(matches!(replayed(&twice, &market, &rules), Err(Fault::Traded(BacktestError::Twice { .. }))));
    let stop = CancellationToken::new();
    stop.cancel();
    let order =
        Order { strategy: Strategy::Turbomode, run: &sound, rules: &rules, market: &market, snapshot: "", trials: &[], stop: &stop };
    assert!(matches!(replay(&order), Err(Fault::Stopped)));
}
