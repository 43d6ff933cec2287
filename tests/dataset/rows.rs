//! Each bar gives a row or a reason, and a row holds what was known.

use std::collections::HashMap;

use nightdesk::config::strategy::MissingMarket;
use nightdesk::dataset::{DataSet, Dropped, Measure, Samples};
use nightdesk::features::{feature, nightly::read_features};
use nightdesk::labels::{Barriers, average_true_range};
use nightdesk::market::{Calendar, Regime};
use tokio_util::sync::CancellationToken;

use crate::{CRASH, House, LAST, date, symbol};

#[tokio::test]
async fn rows_hold_what_was_known() {
    let mut house = House::new().await;
    let before = house.build();
    every_bar_is_a_row_or_has_a_reason(&house, &before);
    a_row_holds_the_features_and_the_outcome_of_its_bar(&house, &before);
    house.fill(LAST[1]).await;
    no_row_has_changed(&before.samples, &house.build().samples);
}

fn every_bar_is_a_row_or_has_a_reason(house: &House, set: &DataSet) {
    let (s, sum) = (&set.samples, &set.summary);
    let dropped = |why: &Dropped| sum.dropped.iter().find(|d| d.why == *why).map_or(0, |d| d.rows);
    assert_eq!(sum.bars, set.bars.iter().map(|b| b.len() as u64).sum::<u64>());
    assert_eq!(sum.bars, s.len() as u64 + sum.dropped.iter().map(|d| d.rows).sum::<u64>());
    assert_eq!(dropped(&Dropped::ShortHistory), 6 * 272);
    // Nine sessions of each share (a holiday is among the ten) and fourteen days of the coin.
    assert!((5 * 9..=5 * 10 + 14).contains(&dropped(&Dropped::Unmatured)), "{:?}", sum.dropped);
    assert!((1..=10).contains(&dropped(&Dropped::MissingSession)), "{:?}", sum.dropped);
    // The market is shut in every window of sixty days of the coin.
    let market: Vec<&Dropped> = sum.dropped.iter().map(|d| &d.why).filter(|w| matches!(w, Dropped::MissingFeature { .. })).collect();
    let [Dropped::MissingFeature { why, .. }] = market[..] else { panic!("{market:?}") };
    assert_eq!((why.as_str(), dropped(market[0])), ("no_benchmark", set.bars[7].len() as u64 - 272));
    let without: Vec<(&str, &str)> = sum.without.iter().map(|w| (w.symbol.as_str(), w.why.as_str())).collect();
    assert_eq!(without[0], ("BAD", "its daily bars are blocked: a jump"));
    assert_eq!(without[1], ("NONE", "no daily bar is stored"));
    assert_eq!(without[2], ("COIN-USD", "no bar gives a row"));

    assert_eq!((s.width, s.features.len()), (179, 179 * s.len()));
    assert!(s.features.iter().all(|v| v.is_finite()) && s.date.is_sorted());
    assert_eq!(sum.all.rows, s.len() as u64);
    assert!(sum.all.n_eff > 0.05 * s.len() as f64 && sum.all.n_eff < 0.4 * s.len() as f64, "{}", sum.all.n_eff);
    for groups in [&sum.regimes, &sum.sectors, &sum.symbols] {
        assert_eq!(groups.iter().map(|g| g.rows).sum::<u64>(), s.len() as u64);
        assert!((groups.iter().map(|g| g.n_eff).sum::<f64>() - sum.all.n_eff).abs() < 1e-6);
    }
    assert!(sum.thin.iter().any(|t| t.name == "NONE" && t.measure == Measure::SymbolRows));
    let first = sum.thin.iter().find(|t| t.value > 0.0).unwrap();
    let shortage = house.db.reader().shortage().unwrap().unwrap();
    assert!(shortage.alert == house.rules.sector_symbol_tracking.alert && shortage.text.ends_with(&first.sentence()), "{shortage:?}");
    let stored = house.db.reader().sector_stats().unwrap();
    assert_eq!(stored.iter().map(|x| (x.sector.as_str(), x.symbols)).collect::<Vec<_>>(), [("Crypto", 0), ("Energy", 3), ("Utilities", 2)]);
    assert_eq!(stored.iter().map(|x| x.samples.iter().sum::<u64>()).sum::<u64>(), sum.all.classes.iter().sum::<u64>());
}

fn a_row_holds_the_features_and_the_outcome_of_its_bar(house: &House, set: &DataSet) {
    let s = &set.samples;
    let (at, columns) = (3, read_features(house.db.reader(), symbol("DDD"), (i64::MIN, i64::MAX)).unwrap().columns);
    let bars = &set.bars[at];
    let rule = &house.rules.validation.label;
    let atr = average_true_range(bars, rule.atr_sessions);
    let pct = &columns[feature("atr_14_pct").unwrap().index];
    assert!((14..bars.len()).all(|i| (pct[i] - 100.0 * atr[i] / bars.close[i]).abs() < 1e-12 * pct[i]), "one range for both");
    let barriers = Barriers::new(bars, &atr, Calendar::Xnys, rule);
    let mut rows = 0;
    for row in (0..s.len()).filter(|&r| s.symbol[r] as usize == at) {
        let bar = s.bar[row] as usize;
        let label = barriers.label(bar).unwrap();
        assert_eq!((s.date[row], s.class[row], s.label_end[row]), (bars.date[bar], label.class, label.end));
        assert_eq!((s.gross[row], s.net[row], s.span[row]), (label.gross, label.net, barriers.span(bar, &label)));
        assert!(s.row(row).iter().zip(&columns).all(|(kept, column)| *kept == column[bar] as f32));
        rows += 1;
    }
    assert!(rows > 450);
    let crash: Vec<Regime> = (0..s.len()).filter(|&r| s.date[r] == date(CRASH) && s.symbol[r] < 5).map(|r| s.regime[r]).collect();
    assert_eq!(crash, [Regime::Crash; 5]);
}

fn no_row_has_changed(before: &Samples, after: &Samples) {
    let key = |s: &Samples, r: usize| (s.date[r], s.symbol[r]);
    let rows: HashMap<_, usize> = (0..after.len()).map(|r| (key(after, r), r)).collect();
    let (a, b) = (before, after);
    assert!(b.len() > a.len() + 50);
    for r in 0..a.len() {
        let l = rows[&key(a, r)];
        assert_eq!((a.class[r], a.label_end[r], a.regime[r], a.span[r]), (b.class[l], b.label_end[l], b.regime[l], b.span[l]));
        assert_eq!((a.gross[r], a.net[r], a.risk[r]), (b.gross[l], b.net[l], b.risk[l]));
        assert_eq!(a.row(r), b.row(l));
    }
}

#[tokio::test]
async fn without_the_market_every_day_of_a_coin_counts() {
    let mut house = House::new().await;
    house.rules.features.missing_market = MissingMarket::DropFeatures;
    house.universe.instruments.retain(|i| i.symbol.as_str() == "COIN-USD");
    let set = house.build();
    assert_eq!((set.columns.len(), set.summary.dropped.len()), (174, 2), "{:?}", set.summary.dropped);
    assert_eq!(set.samples.len(), set.bars[0].len() - 272 - 14);
    assert_eq!(set.sessions.len(), set.samples.len(), "weekends are sessions");
}

#[tokio::test]
async fn a_stop_leaves_nothing_behind() {
    let mut house = House::new().await;
    let stop = CancellationToken::new();
    stop.cancel();
    assert!(house.try_build(&stop).unwrap_err().to_string().contains("stopped"));
    assert!(house.db.reader().rare_events().unwrap().is_empty() && house.db.reader().sector_stats().unwrap().is_empty());
}
