use proptest::prelude::*;

use super::*;
use crate::config::strategy::StrategySettings;
use crate::market::Strategy;

fn d(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A bar by its prices: open, high, low, close.
type Prices = [f64; 4];

const FLAT: Prices = [100.0, 101.0, 99.0, 100.0];

fn shipped(strategy: Strategy) -> LabelRule {
    StrategySettings::shipped(strategy).unwrap().validation.label
}

/// Five sessions, two ranges, four times ten basis points.
fn rule() -> LabelRule {
    shipped(Strategy::Slipstream)
}

/// Bars of consecutive sessions from `first` on.
fn bars(calendar: Calendar, first: &str, prices: &[Prices]) -> DailyBars {
    let start = date_to_ts(d(first));
    let dates = calendar.sessions(start - DAY, start + 400 * DAY).map(|s| s.date).filter(|x| *x >= d(first));
    let mut out = DailyBars::default();
    for (date, [o, h, l, c]) in dates.zip(prices) {
        out.date.push(date);
        out.open.push(*o);
        out.high.push(*h);
        out.low.push(*l);
        out.close.push(*c);
        out.volume.push(1_000.0);
    }
    out
}

fn without(mut all: DailyBars, row: usize) -> DailyBars {
    all.date.remove(row);
    for column in [&mut all.open, &mut all.high, &mut all.low, &mut all.close, &mut all.volume] {
        column.remove(row);
    }
    all
}

/// The label of the first row, decided at an ATR of 2: barriers at 96 and 104 for an entry at 100.
fn first(prices: &[Prices]) -> Result<Label, NoLabel> {
    let all = bars(Calendar::Xnys, "2024-03-04", prices);
    Barriers::new(&all, &vec![2.0; all.len()], Calendar::Xnys, &rule()).label(0)
}

/// Six flat bars and one more, the third after the entry replaced.
fn with_third(third: Prices) -> Result<Label, NoLabel> {
    first(&[FLAT, FLAT, FLAT, third, FLAT, FLAT, FLAT])
}

#[test]
fn barriers_decide_at_their_price() {
    let up = with_third([100.0, 105.0, 99.0, 104.5]).unwrap();
    assert_eq!((up.class, up.entry, up.exit, up.half_width, up.bars, up.end), (Class::Buy, 100.0, 104.0, 4.0, 3, d("2024-03-07")));
    assert!((up.gross - 0.04).abs() < 1e-15 && (up.net - 0.039).abs() < 1e-15);
    let down = with_third([100.0, 101.0, 95.0, 95.5]).unwrap();
    assert_eq!((down.class, down.exit, down.bars), (Class::Sell, 96.0, 3));
    assert!((down.short_net() - 0.039).abs() < 1e-15);
}

#[test]
fn an_exact_touch_decides() {
    assert_eq!(with_third([100.0, 104.0, 99.0, 100.0]).unwrap().class, Class::Buy);
    assert_eq!(with_third([100.0, 101.0, 96.0, 100.0]).unwrap().class, Class::Sell);
    assert_eq!(with_third([100.0, 104.0 - 1e-9, 96.0 + 1e-9, 100.0]).unwrap().class, Class::Hold);
}

#[test]
fn a_gap_through_a_barrier_exits_at_the_open() {
    let up = with_third([110.0, 111.0, 90.0, 91.0]).unwrap();
    assert_eq!((up.class, up.exit), (Class::Buy, 110.0));
    let down = with_third([90.0, 111.0, 89.0, 110.0]).unwrap();
    assert_eq!((down.class, down.exit), (Class::Sell, 90.0));
    let onto = with_third([104.0, 104.0, 90.0, 95.0]).unwrap();
    assert_eq!((onto.class, onto.exit), (Class::Buy, 104.0));
}

#[test]
fn both_barriers_in_one_bar_are_ambiguous() {
    let want = NoLabel::Ambiguous { end: d("2024-03-07"), bars: 3, entry: 100.0, half_width: 4.0 };
    assert_eq!(with_third([100.0, 105.0, 95.0, 100.0]), Err(want));
    assert!(matches!(first(&[FLAT, [100.0, 104.0, 96.0, 100.0], FLAT, FLAT, FLAT, FLAT]), Err(NoLabel::Ambiguous { bars: 1, .. })));
}

#[test]
fn the_vertical_barrier_holds_at_the_last_close() {
    let last = [100.0, 103.0, 99.0, 102.0];
    let hold = first(&[FLAT, FLAT, FLAT, FLAT, FLAT, last]).unwrap();
    assert_eq!((hold.class, hold.exit, hold.bars, hold.end), (Class::Hold, 102.0, 5, d("2024-03-11")));
    let quick = with_third([100.0, 105.0, 99.0, 104.5]).unwrap();
    assert_eq!((quick.end, quick.matured, hold.matured), (d("2024-03-07"), hold.end, hold.end), "a row matures whatever comes of it");
    assert_eq!(first(&[FLAT, FLAT, FLAT, FLAT, FLAT]), Err(NoLabel::Unmatured));
}

#[test]
fn a_quick_exit_is_no_label_before_its_horizon_passes_but_settles_a_position() {
    let all = bars(Calendar::Xnys, "2024-03-04", &[FLAT, FLAT, [100.0, 105.0, 100.0, 104.0]]);
    let rule = rule();
    let b = Barriers::new(&all, &[2.0; 3], Calendar::Xnys, &rule);
    assert_eq!(b.label(0), Err(NoLabel::Unmatured));
    assert_eq!(b.settle(0).map(|l| (l.class, l.bars)), Ok((Class::Buy, 2)));
    assert_eq!((b.settle(1).map(|l| l.bars), b.settle(2)), (Ok(1), Err(NoLabel::Unmatured)));
    assert_eq!(b.label(3), Err(NoLabel::ShortHistory), "there is no such row");
}

#[test]
fn cost_keeps_barriers_apart_where_the_range_is_small_or_zero() {
    let quiet = [100.0, 100.1, 99.9, 100.0];
    let all = bars(Calendar::Xnys, "2024-03-04", &[quiet, quiet, quiet, [100.0, 100.5, 100.0, 100.2], quiet, quiet, quiet]);
    for atr in [0.1, 0.0] {
        let label = Barriers::new(&all, &[atr; 7], Calendar::Xnys, &rule()).label(0).unwrap();
        assert!((label.half_width - 0.4).abs() < 1e-12);
        assert_eq!((label.class, label.exit), (Class::Buy, 100.0 + label.half_width));
    }
    let free = LabelRule { round_trip_cost_bp: 0.0, ..rule() };
    assert_eq!(Barriers::new(&all, &[0.0; 7], Calendar::Xnys, &free).label(0), Err(NoLabel::NoWidth));
    assert_eq!(Barriers::new(&all, &[f64::NAN; 7], Calendar::Xnys, &rule()).label(0), Err(NoLabel::ShortHistory));
}

#[test]
fn a_missing_session_is_no_hold() {
    let all = bars(Calendar::Xnys, "2024-03-04", &[FLAT; 8]);
    let atr = [2.0; 7];
    let label = |bars: &DailyBars| Barriers::new(bars, &atr, Calendar::Xnys, &rule()).label(0);
    assert_eq!(label(&without(all.clone(), 1)), Err(NoLabel::MissingSession(d("2024-03-05"))), "the entry");
    assert_eq!(label(&without(all.clone(), 3)), Err(NoLabel::MissingSession(d("2024-03-07"))));
    assert_eq!(label(&without(all.clone(), 5)), Err(NoLabel::MissingSession(d("2024-03-11"))), "the last close");
    assert_eq!(label(&without(all.clone(), 6)).map(|l| l.class), Ok(Class::Hold), "after the horizon");
    let mut early = all;
    early.high[2] = 110.0;
    assert_eq!(label(&without(early, 4)).map(|l| l.class), Ok(Class::Buy), "nobody waits for a bar after the exit");
}

#[test]
fn a_symbol_that_fell_silent_is_missing_and_not_unmatured() {
    let all = bars(Calendar::Xnys, "2024-03-04", &[FLAT; 4]);
    let (atr, rule) = ([2.0; 4], rule());
    assert_eq!(Barriers::new(&all, &atr, Calendar::Xnys, &rule).label(1), Err(NoLabel::Unmatured));
    let label = |known, row| Barriers::known_to(d(known), &all, &atr, Calendar::Xnys, &rule).label(row);
    assert_eq!(label("2024-03-11", 1), Err(NoLabel::Unmatured), "its horizon ends on the 12th");
    assert_eq!(label("2024-03-12", 1), Err(NoLabel::MissingSession(d("2024-03-08"))));
    assert_eq!(label("2024-06-03", 3), Err(NoLabel::MissingSession(d("2024-03-08"))), "months later");
    let quick = bars(Calendar::Xnys, "2024-03-04", &[FLAT, FLAT, [100.0, 105.0, 99.0, 100.0]]);
    assert!(Barriers::known_to(d("2024-06-03"), &quick, &atr, Calendar::Xnys, &rule).label(0).is_ok(), "it left in time");
}

#[test]
fn fourteen_days_are_about_ten_sessions_and_half_days_count() {
    let two_weeks = shipped(Strategy::Turbomode);
    let hold = |calendar, first| {
        let all = bars(calendar, first, &[FLAT; 30]);
        let l = Barriers::new(&all, &[2.0; 30], calendar, &two_weeks).label(0).unwrap();
        (l.bars, l.end)
    };
    assert_eq!(hold(Calendar::Xnys, "2024-03-04"), (10, d("2024-03-18")));
    // Thanksgiving is no session, the half day after it is one.
    assert_eq!(hold(Calendar::Xnys, "2024-11-21"), (9, d("2024-12-05")));
    // Good Friday falls on the last day.
    assert_eq!(hold(Calendar::Xnys, "2024-03-15"), (9, d("2024-03-28")));
    assert_eq!(hold(Calendar::Continuous, "2024-03-04"), (14, d("2024-03-18")));
}

#[test]
fn weekends_are_sessions_for_crypto() {
    let mut all = bars(Calendar::Continuous, "2024-03-08", &[FLAT; 8]);
    all.high[1] = 104.0;
    let b = |bars: &DailyBars| Barriers::new(bars, &[2.0; 8], Calendar::Continuous, &rule()).label(0);
    assert_eq!(b(&all).map(|l| (l.class, l.bars, l.end)), Ok((Class::Buy, 1, d("2024-03-09"))));
    assert_eq!(b(&without(all, 1)), Err(NoLabel::MissingSession(d("2024-03-09"))));
}

#[test]
fn rows_on_no_session_are_not_looked_at() {
    let mut all = bars(Calendar::Continuous, "2024-03-04", &[FLAT; 10]);
    all.high[5] = 200.0;
    let label = Barriers::new(&all, &[2.0; 10], Calendar::Xnys, &rule()).label(1).unwrap();
    assert_eq!((label.class, label.end), (Class::Hold, d("2024-03-12")), "the spike is on Saturday");
}

fn walk(moves: &[(f64, f64, f64)]) -> Vec<Prices> {
    let mut close = 100.0;
    moves
        .iter()
        .map(|(gap, up, down)| {
            let open = close * (1.0 + gap);
            close = open * (1.0 + up - down);
            [open, open.max(close) * (1.0 + up), open.min(close) * (1.0 - down), close]
        })
        .collect()
}

#[test]
fn the_average_true_range_is_wilders() {
    let all = bars(Calendar::Xnys, "2024-03-04", &[FLAT, FLAT, FLAT, [110.0, 112.0, 109.0, 111.0], FLAT]);
    let atr = average_true_range(&all, 2);
    assert!(atr[..2].iter().all(|a| a.is_nan()));
    // The gaps from 100 to 112 and from 111 to 99 are true ranges of 12.
    assert_eq!(atr[2..], [2.0, 7.0, 9.5]);
    assert!(average_true_range(&all, 5).iter().all(|a| a.is_nan()));
}

#[test]
fn a_span_is_entry_to_exit_in_sessions() {
    let all = bars(Calendar::Xnys, "2024-03-04", &[FLAT; 9]);
    let rule = rule();
    let b = Barriers::new(&all, &[2.0; 9], Calendar::Xnys, &rule);
    let label = b.label(2).unwrap();
    assert_eq!(b.span(2, &label), Span { first: 3, last: 7 });
}

proptest! {
    #[test]
    fn a_label_keeps_its_rules_and_knows_nothing_after_its_horizon(
        moves in prop::collection::vec((-0.03_f64..0.03, 0.0_f64..0.03, 0.0_f64..0.03), 40..80),
        cut in 20_usize..40,
        days in 5_u32..20,
    ) {
        let all = bars(Calendar::Xnys, "2023-11-01", &walk(&moves));
        let atr = vec![1.5; all.len()];
        let rule = LabelRule { horizon: days, ..shipped(Strategy::Turbomode) };
        let full = Barriers::new(&all, &atr, Calendar::Xnys, &rule).labels();
        let mut past = all.clone();
        past.date.truncate(cut);
        for column in [&mut past.open, &mut past.high, &mut past.low, &mut past.close, &mut past.volume] {
            column.truncate(cut);
        }
        for (row, then) in Barriers::new(&past, &atr[..cut], Calendar::Xnys, &rule).labels().into_iter().enumerate() {
            prop_assert!(then == full[row] || then == Err(NoLabel::Unmatured));
        }
        for (row, label) in full.iter().enumerate() {
            let Ok(l) = label else { continue };
            prop_assert!(l.end > all.date[row] && l.end <= l.matured && l.matured <= all.date[row] + Days::new(days.into()));
            prop_assert_eq!(all.date[row + l.bars as usize], l.end);
            match l.class {
                Class::Buy => prop_assert!(l.exit >= l.entry + l.half_width),
                Class::Sell => prop_assert!(l.exit <= l.entry - l.half_width),
                Class::Hold => prop_assert!((l.exit - l.entry).abs() < l.half_width),
            }
        }
    }
}
