//! Outcomes by hand: each way a signal can end, both sides, and what is not known yet.

use chrono::Days;
use serde_json::json;

use super::*;
use crate::config::strategy::{LabelRule, StrategySettings};
use crate::features::bars::Adjusted;
use crate::market::{DailyBars, Strategy, Symbol};
use crate::store::model::{NewSignal, NightPrediction};

/// The decision is taken after the close of bar 20 at 100; the range is 1 a day, so barriers lie 2 away from the entry.
const ROW: usize = 20;
const NOW: i64 = 1_700_000_000;

fn rule() -> LabelRule {
    let rule = StrategySettings::shipped(Strategy::Turbomode).unwrap().validation.label;
    LabelRule { horizon: 5, ..rule }
}

fn date(n: usize) -> NaiveDate {
    NaiveDate::from_ymd_opt(2024, 3, 1).unwrap() + Days::new(n as u64)
}

/// Quiet bars of a coin, then `after` as open, high, low and close. Prices are doubled by a dividend factor.
fn symbol(after: &[[f64; 4]]) -> RecentSymbol {
    let quiet = std::iter::repeat_n([100.0, 100.5, 99.5, 100.0], ROW + 1);
    let rows: Vec<[f64; 4]> = quiet.chain(after.iter().copied()).map(|r| r.map(|v| 2.0 * v)).collect();
    let column = |k: usize| rows.iter().map(|r| r[k]).collect::<Vec<_>>();
    let n = rows.len();
    let bars = DailyBars {
        date: (0..n).map(date).collect(),
        open: column(0),
        high: column(1),
        low: column(2),
        close: column(3),
        volume: vec![1.0; n],
    };
    RecentSymbol { adjusted: Adjusted { bars, factor: vec![2.0; n] }, ..RecentSymbol::default() }
}

fn signal(class: Class) -> StoredSignal {
    let (symbol, date) = (Symbol::new("BTC-USD").unwrap(), date(ROW));
    StoredSignal {
        signal_id: 1,
        model_id: 1,
        signal: NewSignal {
            symbol,
            sector: "Crypto".into(),
            date,
            side: class.index() as u8,
            close: 100.0,
            horizon_end: date + Days::new(5),
            half_width: 0.02,
            rule: rule(),
            contributions: json!([]),
            cases: json!([]),
        },
        prediction: NightPrediction { symbol, date, p: [0.2, 0.2, 0.6], decision: 2, edge: 1.5, regime: "normal".into() },
        entry: None,
        state: "open".into(),
        void: None,
        outcome: None,
    }
}

fn settle(of: &RecentSymbol, class: Class, known: usize) -> SignalChange {
    settle_beside(of, class, known, &[])
}

fn settle_beside(symbol: &RecentSymbol, class: Class, known: usize, hidden: &[(i64, i64)]) -> SignalChange {
    Settling { symbol, calendar: Calendar::Continuous, hidden, known: date(known), now: NOW }.settle(&signal(class))
}

fn outcome(after: &[[f64; 4]], class: Class) -> (f64, StoredOutcome) {
    match settle(&symbol(after), class, ROW + after.len()) {
        SignalChange::Settled { close, entry, outcome } => {
            assert_eq!(close, 100.0, "on the basis of the entry");
            (entry, outcome)
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_exit_is_what_the_label_says_and_a_short_position_gains_from_a_fall() {
    let quiet = [100.0, 100.5, 99.5, 100.0];
    for (after, reason, class, price, held) in [
        (vec![quiet, [100.0, 102.5, 99.9, 102.0]], Exit::Upper, Class::Buy, 102.0, 2),
        (vec![quiet, [103.0, 104.0, 102.0, 103.5]], Exit::GapUp, Class::Buy, 103.0, 2),
        (vec![[100.0, 100.2, 97.0, 98.0]], Exit::Lower, Class::Sell, 98.0, 1),
        (vec![quiet, [96.0, 97.0, 95.0, 96.5]], Exit::GapDown, Class::Sell, 96.0, 2),
        (vec![quiet; 5], Exit::Horizon, Class::Hold, 100.0, 5),
    ] {
        let (entry, long) = outcome(&after, Class::Buy);
        assert_eq!((entry, long.reason, long.class), (100.0, reason, Some(class.index() as u8)), "on the basis that people see");
        assert!((long.exit_price - price).abs() < 1e-9 && long.bars_held == held, "{long:?}");
        assert!((long.gross - (price / 100.0 - 1.0)).abs() < 1e-12 && (long.net - (long.gross - 0.001)).abs() < 1e-12, "{long:?}");
        let (_, short) = outcome(&after, Class::Sell);
        assert!((short.gross + long.gross).abs() < 1e-12 && (short.net - (short.gross - 0.001)).abs() < 1e-12, "{short:?}");
        assert_eq!((short.exit_date, short.settled_at), (date(ROW + held as usize), NOW));
    }
}

#[test]
fn both_barriers_in_one_bar_are_a_stop_for_either_side() {
    let both = [[100.0, 103.0, 97.0, 100.0]];
    for (class, exit) in [(Class::Buy, 98.0), (Class::Sell, 102.0)] {
        let (_, o) = outcome(&both, class);
        assert_eq!((o.class, o.reason, o.bars_held), (None, Exit::Ambiguous, 1));
        assert!((o.exit_price - exit).abs() < 1e-9 && (o.gross + 0.02).abs() < 1e-12, "{o:?}");
    }
}

#[test]
fn what_is_not_over_is_marked_and_what_cannot_be_known_is_void() {
    let quiet = [100.0, 100.5, 99.5, 100.0];
    let open = settle(&symbol(&[quiet, quiet]), Class::Buy, ROW + 2);
    assert_eq!(open, SignalChange::Marked { close: 100.0, entry: Some(100.0) });
    assert_eq!(settle(&symbol(&[]), Class::Buy, ROW), SignalChange::Marked { close: 100.0, entry: None }, "entered at the next open");

    // The third session has no bar: it may still come, until the horizon has passed.
    let mut hole = symbol(&[quiet, quiet, [100.0, 103.0, 99.9, 102.0]]);
    hole.adjusted.bars.date[ROW + 2] = date(ROW + 3);
    hole.adjusted.bars.date[ROW + 3] = date(ROW + 4);
    assert!(matches!(settle(&hole, Class::Buy, ROW + 4), SignalChange::Marked { .. }));
    let SignalChange::Void { reason } = settle(&hole, Class::Buy, ROW + 6) else { panic!("not void") };
    assert_eq!(reason, "the session of 2024-03-23 has no bar: nobody knows which barrier came first");
    let day = |n| (date_to_ts(date(n)), date_to_ts(date(n + 1)));
    let waits = settle_beside(&hole, Class::Buy, ROW + 600, &[day(ROW + 2)]);
    assert_eq!(waits, SignalChange::Marked { close: 100.0, entry: Some(100.0) }, "a bar that a finding hides comes back");
    assert!(matches!(settle_beside(&hole, Class::Buy, ROW + 6, &[day(ROW + 1)]), SignalChange::Void { .. }), "another bar is hidden");

    // Without a bar of the session of the entry no later open is one.
    let mut unentered = symbol(&[quiet, quiet]);
    unentered.adjusted.bars.date[ROW + 1] = date(ROW + 2);
    unentered.adjusted.bars.date[ROW + 2] = date(ROW + 3);
    assert_eq!(settle(&unentered, Class::Buy, ROW + 3), SignalChange::Marked { close: 100.0, entry: None });

    // The bar of the decision is gone, as after a quarantine.
    let mut gone = symbol(&[quiet]);
    gone.adjusted.bars.date[ROW] = date(ROW - 1) + Days::new(400);
    assert!(matches!(settle(&gone, Class::Buy, ROW + 1), SignalChange::Marked { .. }));
    assert!(matches!(settle_beside(&gone, Class::Buy, ROW + 99, &[day(ROW)]), SignalChange::Marked { .. }), "it is hidden");
    let blocked = RecentSymbol { without: Some("blocked: a split".into()), blocked: true, ..RecentSymbol::default() };
    let hidden = settle(&blocked, Class::Buy, ROW + 99);
    assert_eq!(hidden, SignalChange::Marked { close: 100.0, entry: None }, "hidden bars come back");
    let gone = RecentSymbol { without: Some("no bars".into()), ..RecentSymbol::default() };
    assert!(matches!(settle(&gone, Class::Buy, ROW + 99), SignalChange::Void { .. }), "bars that are gone settle nothing");
    let empty = RecentSymbol::default();
    let SignalChange::Void { reason } = settle(&empty, Class::Buy, ROW + 9) else { panic!("not void") };
    assert_eq!(reason, "the bar of 2024-03-21 is not there any more");
}

#[test]
fn a_signal_is_settled_by_the_rule_that_it_was_given_by() {
    // 2.4 up in the second session: beyond barriers of two ranges, within those of three.
    let after = symbol(&[[100.0, 100.5, 99.5, 100.0], [100.0, 102.4, 99.9, 102.0]]);
    let given_by = |rule: LabelRule| {
        let stored = signal(Class::Buy);
        let stored = StoredSignal { signal: NewSignal { rule, ..stored.signal }, ..stored };
        Settling { symbol: &after, calendar: Calendar::Continuous, hidden: &[], known: date(ROW + 2), now: NOW }.settle(&stored)
    };
    assert!(matches!(given_by(rule()), SignalChange::Settled { .. }));
    assert!(matches!(given_by(LabelRule { atr_multiple: 3.0, ..rule() }), SignalChange::Marked { .. }));
    let dear = given_by(LabelRule { round_trip_cost_bp: 50.0, ..rule() });
    assert!(matches!(dear, SignalChange::Settled { outcome: StoredOutcome { cost, .. }, .. } if cost == 0.005));
}
