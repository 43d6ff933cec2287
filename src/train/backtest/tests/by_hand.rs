//! Returns, sizes and choices that are worked out by hand.

use super::*;
use crate::market::DailyBars;

/// One position at most, so that a risk of 10 % gives a size of 5 %.
fn alone() -> PromotionGates {
    PromotionGates { g9_max_positions: 1, ..rule() }
}

#[test]
fn a_long_position_is_marked_at_each_close_and_pays_at_both_ends() {
    let backtest = traded(&[decision(0, 1, Side::Buy, &[1.02, 0.99, 1.1])], 6, 20.0, &alone()).unwrap();
    // Entered on day 2 with 5 % of the equity, left on day 4; 10 bp of it at either end.
    let first = 0.05 * (0.02 - 0.001);
    let second = -0.05 * 0.03 / (1.0 + first);
    let third = 0.05 * (0.11 - 0.001) / ((1.0 + first) * (1.0 + second));
    near(&backtest.net, &[0.0, 0.0, first, second, third, 0.0]);
    near(&backtest.exposure[..3], &[0.0, 0.0, 0.05]);
    let trade = &backtest.trades[0];
    assert_eq!((trade.entry_date, trade.exit_date, trade.bars_held, trade.entry), (day(2), day(4), 3, 50.0));
    near(
        &[trade.exit_price, trade.weight, trade.gross_return, trade.cost, trade.net_return, trade.added],
        &[55.0, 0.05, 0.1, 0.002, 0.098, 0.0049],
    );
}

#[test]
fn costs_of_no_one_and_two_times() {
    let backtest = traded(&[decision(0, 0, Side::Buy, &[1.01])], 2, 40.0, &alone()).unwrap();
    near(&backtest.gross, &[0.0, 0.05 * 0.01]);
    near(&backtest.net, &[0.0, 0.05 * 0.006]);
    near(&backtest.stressed, &[0.0, 0.05 * 0.002]);
}

#[test]
fn a_sold_position_earns_what_the_long_one_loses() {
    let (bought, sold) = (decision(0, 0, Side::Buy, &[0.97, 1.05]), decision(0, 0, Side::Sell, &[0.97, 1.05]));
    let [bought, sold] = [bought, sold].map(|d| traded(&[d], 3, 10.0, &alone()).unwrap());
    near(&[sold.gross[1], sold.trades[0].gross_return, sold.trades[0].net_return], &[0.05 * 0.03, -0.05, -0.051]);
    near(&[sold.trades[0].added + bought.trades[0].added], &[-2.0 * 0.05 * 0.001]);
    assert_eq!((sold.trades[0].side.class(), Side::of(Class::Hold)), (Class::Sell, None));
}

#[test]
fn size_follows_risk_up_to_an_equal_part_of_equity() {
    let sized = |risk: f64| {
        let position = Decision { risk, ..decision(0, 0, Side::Buy, &[1.0]) };
        traded(&[position], 2, 0.0, &rule()).unwrap().trades[0].weight
    };
    near(&[sized(0.2), sized(0.1), sized(0.04)], &[0.025, 0.05, 0.05]);
}

#[test]
fn a_symbol_is_not_held_twice_and_is_free_the_session_after_its_exit() {
    // Held on days 1 to 3: decisions of days 1 and 2 enter while it is, the last on the day of its exit.
    let held = decision(0, 0, Side::Buy, &[1.0, 1.0, 1.0]);
    let again = [1, 2, 3].map(|on| decision(0, on, Side::Sell, &[1.0]));
    let other = decision(1, 1, Side::Buy, &[1.0]);
    let all: Vec<Decision> = again.into_iter().chain([other, held]).collect();
    let backtest = traded(&all, 6, 10.0, &rule()).unwrap();
    let trades: Vec<(Symbol, NaiveDate)> = backtest.trades.iter().map(|t| (t.symbol, t.date)).collect();
    assert_eq!(trades, [(symbol(0), day(0)), (symbol(1), day(1)), (symbol(0), day(3))]);
    assert_eq!((backtest.overlapping, backtest.crowded_out), (2, 0));
}

#[test]
fn a_full_book_takes_the_strongest_and_the_universe_breaks_ties() {
    let two = PromotionGates { g9_max_positions: 2, ..rule() };
    let with = |of: usize, strength: f64| Decision { strength, ..decision(of, 0, Side::Buy, &[1.0, 1.0]) };
    let day_after = decision(5, 1, Side::Buy, &[1.0]);
    let backtest = traded(&[with(3, 1.2), day_after, with(2, 1.2), with(1, 1.1), with(4, 1.3)], 4, 10.0, &two).unwrap();
    let taken: Vec<Symbol> = backtest.trades.iter().map(|t| t.symbol).collect();
    assert_eq!(taken, [symbol(4), symbol(2)], "and none while both are held");
    assert_eq!((backtest.overlapping, backtest.crowded_out), (0, 3));
}

#[test]
fn sessions_are_those_of_the_test_and_the_exits_after_it() {
    let backtest = traded(&[decision(0, 2, Side::Buy, &[1.0, 1.2])], 4, 0.0, &alone()).unwrap();
    assert_eq!(backtest.sessions, sessions(5));
    near(&backtest.net, &[0.0, 0.0, 0.0, 0.0, 0.01]);
    let (axis, universe, one) = ([day(0), day(3), day(4)], universe(1), alone());
    let weekend = Terms { sessions: &axis, universe: &universe, round_trip_cost_bp: 0.0, rule: &one, sessions_a_year: 252.0 };
    assert_eq!(run(&[], &Terms { sessions: &[day(1), day(1)], ..weekend }), Err(BacktestError::Sessions));
    // Days 1 and 2 are no sessions: what a coin does then counts on day 3.
    let coin = run(&[decision(0, 0, Side::Buy, &[1.1, 1.2, 1.3, 1.4])], &weekend).unwrap();
    near(&[coin.net[1], coin.exposure[1]], &[0.05 * 0.3, 0.05]);
}

#[test]
fn what_cannot_be_traded_is_named() {
    let refused = |change: fn(&mut Decision)| {
        let mut d = decision(0, 1, Side::Buy, &[1.0, 1.1]);
        change(&mut d);
        traded(&[d], 4, 10.0, &rule()).unwrap_err()
    };
    for change in [
        (|d| d.path.values.truncate(1)) as fn(&mut Decision),
        |d| d.path.dates.swap(0, 1),
        |d| d.path.dates.iter_mut().for_each(|date| *date = *date - Days::new(9)),
        |d| d.path.values[0] = f64::NAN,
        |d| d.risk = 0.0,
        |d| d.strength = f64::INFINITY,
    ] {
        assert!(matches!(refused(change), BacktestError::Unsound { .. }));
    }
    assert_eq!(refused(|d| d.symbol = symbol(77)), BacktestError::Unknown { symbol: symbol(77), date: day(1) });
    let twice = [decision(0, 1, Side::Buy, &[1.0]), decision(0, 1, Side::Sell, &[1.0])];
    assert_eq!(traded(&twice, 4, 10.0, &rule()).unwrap_err(), BacktestError::Twice { symbol: symbol(0), date: day(1) });
}

#[test]
fn the_report_by_hand() {
    let crash = Decision { regime: Regime::Crash, ..decision(1, 3, Side::Sell, &[1.02]) };
    let all = [decision(0, 0, Side::Buy, &[1.04]), decision(0, 1, Side::Buy, &[0.99, 1.02]), crash];
    let backtest = traded(&all, 8, 0.0, &alone()).unwrap();
    let report = backtest.report(&[0.01, -0.01, 0.02, 0.0, 0.0, 0.0, 0.0, 0.0], RESAMPLING, 0.05);
    let all = &report.trades;
    assert_eq!((all.name.as_str(), all.trades, all.bought, report.sessions, report.first), ("all", 3, 2, 8, Some(day(0))));
    near(&[all.hit_rate, all.payoff, all.profit_factor, all.holding].map(Option::unwrap), &[2.0 / 3.0, 1.5, 3.0, 4.0 / 3.0]);
    near(&[report.turnover, report.invested].map(Option::unwrap), &[0.15 * 252.0 / 8.0, 0.5]);
    assert_eq!(report.regimes.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(), ["normal", "crash"]);
    assert_eq!(report.symbols.iter().map(|g| g.name.as_str()).collect::<Vec<_>>(), ["S0", "S1"]);
    assert_eq!((report.years.len(), report.years[0].trades.name.as_str(), report.years[0].trades.trades), (1, "2020", 3));
    near(&[report.symbols.iter().map(|g| g.added).sum(), report.years[0].net.total], &[report.net.total; 2]);
    assert!(report.market.as_ref().is_some_and(|m| m.correlation.unwrap().abs() <= 1.0) && report.stressed == report.net);
    let empty = traded(&[], 0, 10.0, &rule()).unwrap().report(&[], RESAMPLING, 0.05);
    assert_eq!((empty.net.sharpe, empty.trades.hit_rate, empty.turnover, empty.market), (None, None, None, None));
    let written = serde_json::to_string(&report).unwrap();
    assert_eq!(serde_json::from_str::<Report>(&written).unwrap(), report);
}

#[test]
fn holding_the_universe_by_hand() {
    let bars = |from: usize, close: &[f64]| DailyBars {
        date: (0..close.len()).map(|k| day(from + k)).collect(),
        close: close.to_vec(),
        ..DailyBars::default()
    };
    // One from before the test, one that comes on day 2, one that ended before.
    let of = [bars(0, &[100.0, 110.0, 121.0]), bars(2, &[10.0, 15.0]), bars(0, &[7.0])];
    let returns = buy_and_hold(&of, &[day(1), day(2), day(3)]);
    near(&returns, &[2.1 / 2.0 - 1.0, 2.21 / 2.1 - 1.0, 2.71 / 2.21 - 1.0]);
    assert!(buy_and_hold(&of, &[]).is_empty());
}
