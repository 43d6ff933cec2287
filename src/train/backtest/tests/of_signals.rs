//! Paths from labelled bars, and what signals of known worth earn on them.

use super::*;
use crate::dataset::Samples;
use crate::labels::{Barriers, Label, average_true_range};
use crate::market::{Calendar, DAY, DailyBars, date_to_ts};
use crate::random::Stream;
use crate::train::nulls::Walk;

const SYMBOLS: usize = 6;

/// Six random walks on the sessions of three years, labelled by the shipped rule.
fn labelled() -> (Samples, Vec<DailyBars>, Vec<NaiveDate>) {
    let start = date_to_ts(NaiveDate::from_ymd_opt(2015, 1, 2).unwrap());
    let dates: Vec<NaiveDate> = Calendar::Xnys.sessions(start, start + 1100 * DAY).map(|s| s.date).collect();
    let bars: Vec<DailyBars> = (0..SYMBOLS).map(|s| Walk::default().bars(&dates, &[31, s as u64])).collect();
    let mut samples = Samples { symbols: universe(SYMBOLS), ..Samples::default() };
    let label = StrategySettings::shipped(Strategy::Turbomode).unwrap().validation.label;
    for (s, bars) in bars.iter().enumerate() {
        let atr = average_true_range(bars, label.atr_sessions);
        let barriers = Barriers::new(bars, &atr, Calendar::Xnys, &label);
        for row in 0..bars.len() {
            if let Ok(label) = barriers.label(row) {
                let span = barriers.span(row, &label);
                add(&mut samples, s, row, bars, &label, span);
            }
        }
    }
    (samples, bars, dates)
}

fn add(samples: &mut Samples, of: usize, row: usize, bars: &DailyBars, label: &Label, span: crate::labels::Span) {
    samples.symbol.push(of as u32);
    samples.bar.push(row as u32);
    samples.date.push(bars.date[row]);
    samples.class.push(label.class);
    samples.label_end.push(label.end);
    samples.span.push(span);
    samples.gross.push(label.gross);
    samples.risk.push(label.half_width / label.entry);
}

/// What `decide` trades, with paths of the same rows.
fn decisions(samples: &Samples, bars: &[DailyBars], mut decide: impl FnMut(usize) -> Class) -> Vec<Decision> {
    let of = |row: usize| {
        Some(Decision {
            date: samples.date[row],
            symbol: symbol(samples.symbol[row] as usize),
            fold: 0,
            regime: Regime::Normal,
            side: Side::of(decide(row))?,
            risk: samples.risk[row],
            strength: 1.0,
            path: path(samples, bars, row, row)?,
        })
    };
    (0..samples.len()).filter_map(of).collect()
}

#[test]
fn a_perfect_signal_earns_and_a_random_one_loses_its_costs() {
    let (samples, bars, sessions) = labelled();
    let (universe, rule) = (universe(SYMBOLS), rule());
    let terms = Terms { sessions: &sessions, universe: &universe, round_trip_cost_bp: 10.0, rule: &rule, sessions_a_year: 252.0 };
    let market = buy_and_hold(&bars, &sessions);
    let report = |decisions: &[Decision]| {
        let backtest = run(decisions, &terms).unwrap();
        assert_eq!(backtest.sessions.len(), sessions.len());
        (backtest.report(&market, RESAMPLING, 0.05), backtest)
    };
    let (perfect, _) = report(&decisions(&samples, &bars, |row| samples.class[row]));
    assert!(perfect.net.sharpe.unwrap() > 5.0 && perfect.trades.hit_rate == Some(1.0), "{:?}", perfect.net);
    assert!(perfect.net.interval.unwrap().low > 0.0 && perfect.market.unwrap().alpha > 0.0);
    let mut stream = Stream::new(&[4]);
    let (random, backtest) = report(&decisions(&samples, &bars, |_| Class::ALL[stream.below(3)]));
    let paid: f64 = backtest.trades.iter().map(|t| t.weight * t.cost).sum();
    let gap = random.gross.total - random.net.total;
    // Costs are paid on what equity is at each entry, which falls by a few per cent.
    assert!((0.9..1.1).contains(&(gap / paid)), "{gap} {paid}");
    assert!(
        random.gross.sharpe.unwrap().abs() < 1.5 && random.gross.sharpe > random.net.sharpe && random.net.sharpe > random.stressed.sharpe
    );
}

#[test]
fn a_path_ends_where_its_label_does() {
    let (samples, bars, _) = labelled();
    let mut seen = Vec::new();
    for row in 0..samples.len() {
        let found = path(&samples, &bars, row, row).unwrap();
        assert_eq!(found.dates.last(), Some(&samples.label_end[row]));
        assert_eq!((found.dates.len(), found.values.len()), (samples.span[row].last - samples.span[row].first + 1, found.dates.len()));
        assert_eq!(found.last(), 1.0 + samples.gross[row]);
        let beyond = samples.gross[row].abs() > samples.risk[row] * (1.0 + 1e-9);
        assert_eq!(beyond && samples.class[row] != Class::Hold, matches!(found.exit, Exit::GapUp | Exit::GapDown), "{found:?}");
        if !seen.contains(&found.exit) {
            seen.push(found.exit);
        }
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[test]
fn a_shifted_label_brings_its_path_to_the_row() {
    let (samples, bars, _) = labelled();
    let (own, other) = (path(&samples, &bars, 10, 10).unwrap(), path(&samples, &bars, 90, 90).unwrap());
    let shifted = path(&samples, &bars, 10, 90).unwrap();
    assert_eq!((shifted.entry, shifted.dates[0], &shifted.values, shifted.exit), (own.entry, own.dates[0], &other.values, other.exit));
    // A label of the first row lives longer than the bars after a row beside the end.
    let mut cut = samples.clone();
    cut.bar[10] = bars[0].len() as u32 - 1;
    assert_eq!(path(&cut, &bars, 10, 90), None);
}
