//! A drift that is planted in walks is earned by who follows it, and walks without one are not told from nothing.

use super::*;
use crate::market::{DAY, date_to_ts};
use crate::train::nulls::{MEMORY, Walk};

const SYMBOLS: usize = 6;

/// Six walks of four years and a run that follows the last month's direction, which is what is planted.
fn followed(walk: &Walk) -> Replayed {
    let rules = StrategySettings::shipped(Strategy::Turbomode).unwrap();
    let start = date_to_ts(NaiveDate::from_ymd_opt(2015, 1, 2).unwrap());
    let dates: Vec<NaiveDate> = Calendar::Xnys.sessions(start, start + 1500 * DAY).map(|s| s.date).collect();
    let mut market = Market::default();
    let mut predictions = Vec::new();
    for i in 0..SYMBOLS {
        let bars = walk.bars(&dates, &[77, i as u64]);
        let symbol = Symbol::new(&format!("W{i}")).unwrap();
        for row in 60..bars.len() - 20 {
            let decision = if bars.close[row] > bars.close[row - MEMORY] { Class::Buy } else { Class::Sell };
            predictions.push(FoldPrediction { symbol, date: bars.date[row], ..prediction(0, 0, decision) });
        }
        let factor = vec![1.0; bars.len()];
        market.add(symbol, Calendar::Xnys, Adjusted { bars, factor });
    }
    let mut run = run(predictions, &rules);
    let block = &mut run.record.blocks[0];
    (block.first, block.last, block.learnt_to) = (dates[60], dates[dates.len() - 1], Some(dates[40]));
    replayed(&run, &market, &rules).unwrap()
}

#[test]
fn a_planted_signal_earns() {
    let report = followed(&Walk::planted()).report;
    assert!(report.figures.net.interval.unwrap().low > 0.0, "{}", report.headline);
    assert!(report.headline.ends_with("more than nothing.") && report.figures.market.is_some(), "{}", report.headline);
    assert!(report.deflated.probability.unwrap() > 0.95 && report.notes.len() == 1, "{:?}", report.notes);
    assert!(report.capacity.is_some_and(|c| c.first > 0.0 && c.equity >= c.first), "{:?}", report.capacity);
}

#[test]
fn a_random_walk_does_not() {
    let report = followed(&Walk::default()).report;
    let interval = report.figures.net.interval.unwrap();
    assert!(interval.low < 0.0 && report.figures.trades.trades > 100, "{}", report.headline);
    assert!(report.notes.iter().any(|n| n.contains("may be luck")), "{:?}", report.notes);
}
