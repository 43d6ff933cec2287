//! Labels and regimes of real prices against the shares that were measured elsewhere on the same files.
//!
//! The price files are not part of the repository; `NIGHTDESK_FIXTURES` names the folder that holds them.
#![cfg(test)]

use std::path::PathBuf;

use nightdesk::config::strategy::{HorizonUnit, LabelRule, RegimeLabeling, StrategySettings};
use nightdesk::labels::{Barriers, Class, Label, NoLabel, average_true_range, regimes, weights};
use nightdesk::market::{Calendar, DailyBars, Regime, Strategy};

const SYMBOLS: [&str; 6] = ["AAPL", "AMZN", "GOOG", "META", "NFLX", "NVDA"];

/// Rows a symbol in the measurement: all but the first with a range, and the last with a horizon.
fn bars(symbol: &str) -> Option<DailyBars> {
    let Some(root) = std::env::var_os("NIGHTDESK_FIXTURES").map(PathBuf::from) else {
        println!("skipped: NIGHTDESK_FIXTURES is not set");
        return None;
    };
    let path = root.join(format!("market-data/daily-split-adjusted/{symbol}_2013-2023.csv"));
    let mut out = DailyBars::default();
    for record in csv::Reader::from_path(path).unwrap().deserialize() {
        let (date, open, high, low, close, adjusted, volume): (chrono::NaiveDate, f64, f64, f64, f64, f64, f64) = record.unwrap();
        let factor = adjusted / close;
        out.date.push(date);
        out.open.push(open * factor);
        out.high.push(high * factor);
        out.low.push(low * factor);
        out.close.push(adjusted);
        out.volume.push(volume);
    }
    Some(out)
}

fn labels(rule: &LabelRule) -> Option<(Vec<Label>, Vec<NoLabel>, f64)> {
    let (mut made, mut missing, mut unique) = (Vec::new(), Vec::new(), 0.0);
    for symbol in SYMBOLS {
        let bars = bars(symbol)?;
        let atr = average_true_range(&bars, rule.atr_sessions);
        let barriers = Barriers::new(&bars, &atr, Calendar::Xnys, rule);
        let mut spans = Vec::new();
        for (row, label) in barriers.labels().into_iter().enumerate() {
            match label {
                Ok(label) => {
                    spans.push(barriers.span(row, &label));
                    made.push(label);
                }
                Err(why) => missing.push(why),
            }
        }
        unique += weights::n_eff(&weights::uniqueness(&spans));
    }
    Some((made, missing, unique))
}

#[test]
fn the_classes_have_the_measured_shares() {
    let settings = StrategySettings::shipped(Strategy::Turbomode).unwrap();
    let measured = [(1.0, [0.44, 0.02, 0.54]), (1.5, [0.38, 0.14, 0.48]), (2.0, [0.293, 0.324, 0.383]), (3.0, [0.16, 0.63, 0.22])];
    for (atr_multiple, want) in measured {
        // Measured with ten sessions for the fourteen days, which holidays make nine.
        let rule = LabelRule { atr_multiple, horizon: 10, horizon_unit: HorizonUnit::Sessions, ..settings.validation.label.clone() };
        let Some((made, missing, unique)) = labels(&rule) else { return };
        let n = made.len() as f64;
        let shares = Class::ALL.map(|c| made.iter().filter(|l| l.class == c).count() as f64 / n);
        let ambiguous = missing.iter().filter(|m| matches!(m, NoLabel::Ambiguous { .. })).count() as f64 / n;
        println!("{atr_multiple}: {shares:?} ambiguous {ambiguous:.5} rows {n} unique {}", unique / n);
        for (got, want) in shares.iter().zip(want) {
            assert!((got - want).abs() < 0.0055, "{atr_multiple}: {shares:?}");
        }
        assert_eq!(made.len() + missing.len(), 6 * 2_699);
        assert!(missing.iter().all(|m| !matches!(m, NoLabel::MissingSession(_) | NoLabel::NoWidth)), "the files have every session");
        if atr_multiple == 2.0 {
            let exit = made.iter().map(|l| f64::from(l.bars)).sum::<f64>() / n;
            assert!((exit - 6.9).abs() < 0.1, "{exit}");
            assert!((unique / n - 0.155).abs() < 0.003, "{}", unique / n);
            assert!(ambiguous < 0.0005);
        }
    }
}

#[test]
fn the_regimes_have_the_measured_shares() {
    let rule = StrategySettings::shipped(Strategy::Turbomode).unwrap().regime_labeling;
    let Some(bars) = bars("AAPL") else { return };
    let shares = |rule: &RegimeLabeling| {
        let found = regimes(&bars.close, rule);
        assert_eq!(found.iter().take_while(|r| r.is_none()).count(), 272);
        let days = found.iter().flatten().count() as f64;
        let changes = found.windows(2).filter(|w| w[0].is_some() && w[0] != w[1]).count() as f64 / days;
        (Regime::ALL.map(|r| found.iter().filter(|f| **f == Some(r)).count() as f64 / days), changes)
    };
    let (raw, raw_changes) = shares(&RegimeLabeling { leave_after_days: 1, ..rule.clone() });
    let (confirmed, changes) = shares(&rule);
    println!("{raw:?} {raw_changes} {confirmed:?} {changes}");
    for (got, want) in raw.iter().zip([0.21, 0.38, 0.16, 0.06, 0.19]) {
        assert!((got - want).abs() < 0.0055, "{raw:?}");
    }
    assert!((raw_changes - 0.11).abs() < 0.02 && changes < 0.06, "{raw_changes} {changes}");
}
