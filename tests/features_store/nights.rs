//! Nights in a row, and nights that were cut short.

use std::sync::atomic::{AtomicUsize, Ordering};

use nightdesk::features::nightly::{NightError, NoFeatures};
use tokio_util::sync::CancellationToken;

use crate::{House, bar, bars, date, instrument, symbol};

#[tokio::test]
async fn forty_nights_of_one_bar_each_are_one_recomputation() {
    let mut house = House::built().await;
    let mut day = date("2024-05-16");
    for night in 0..40 {
        house.day(day).await;
        let report = house.tail();
        assert!(report.rows_written > 0 && report.rows_written <= 7 * 31, "{report:?}");
        if night % 8 == 0 {
            assert_eq!(house.tail().rows_written, 0, "nothing has changed");
        }
        day = day.succ_opt().unwrap();
    }
    // From 16 May to 24 June: the month has changed, and the weekends had crypto only.
    house.assert_same_as_anew();
    let months: Vec<i64> = house.db.reader().checkpoints().unwrap().iter().map(|c| c.month).collect();
    let stamps = ["2024-06-01", "2024-05-01"].map(|d| nightdesk::market::date_to_ts(date(d)));
    assert!(months.iter().all(|m| stamps.contains(m)) && months.len() == 14, "{months:?}");
}

#[tokio::test]
async fn nights_that_were_missed_are_made_up_for_at_once() {
    let mut house = House::built().await;
    for ticker in ["AAA", "BBB", "CCC", "DDD", "EEE", "NEW", "COIN-USD"] {
        house.put(ticker, bars(ticker, date("2024-05-16"), date("2024-08-09"))).await;
    }
    house.tail();
    house.assert_same_as_anew();
    assert!(house.last("AAA", "beta_60").is_finite() && house.last("COIN-USD", "cs_rank_return_20").is_finite());
    assert!(house.last("NEW", "vol_regime_pctile_252").is_nan());
}

#[tokio::test]
async fn a_run_that_was_cut_between_symbols_is_made_good_by_the_next() {
    let mut house = House::new().await;
    house.rows = 1;
    // Cut short where two, then four, symbols are computed, whole and from a checkpoint.
    for (at, whole) in [(9, true), (11, true), (9, false), (11, false)] {
        if !whole && at == 9 {
            house.rows = 1;
            house.night();
            house.day(date("2024-05-16")).await;
        }
        let (stop, heard) = (CancellationToken::new(), AtomicUsize::new(0));
        let end = house.try_night(&stop, &|done, all| {
            heard.fetch_max(done, Ordering::Relaxed);
            assert!(done <= all && all == 14);
            if done == at {
                stop.cancel();
            }
        });
        assert!(matches!(end, Err(NightError::Stopped)), "{end:?}");
        assert!(heard.into_inner() < 14);
        assert_eq!(house.db.reader().features_made().unwrap(), None, "the cache as a whole is not up to date");
    }
    house.tail();
    house.assert_same_as_anew();
}

#[tokio::test]
async fn what_was_begun_and_then_taken_back_leaves_nothing_behind() {
    let mut house = House::built().await;
    house.rows = 1;
    // A year-old bar changes, the run that follows it is cut short, and the vendor takes the change back.
    let old = bars("AAA", date("2023-04-03"), date("2023-04-03"));
    let mut changed = old.clone();
    changed[0].close += 0.5;
    changed[0].high += 0.5;
    house.put("AAA", changed).await;
    let stop = CancellationToken::new();
    let end = house.try_night(&stop, &|done, _| {
        if done >= 10 {
            stop.cancel();
        }
    });
    assert!(matches!(end, Err(NightError::Stopped)), "{end:?}");
    // The very run number too, so that every digest is what it was.
    house.run = 0;
    house.put("AAA", old).await;
    house.whole("has no checkpoint");
    house.assert_same_as_anew();
}

#[tokio::test]
async fn a_damaged_checkpoint_is_told_and_not_gone_on_from() {
    let mut house = House::built().await;
    let other = rusqlite::Connection::open(house.dir.path().join("turbomode.db")).unwrap();
    for damage in [
        "UPDATE feature_checkpoint SET state = CAST(substr(state, 1, 400) || x'0000000000000000' || substr(state, 409) AS BLOB) WHERE symbol = 'CCC'",
        "UPDATE feature_checkpoint SET state = CAST(substr(state, 1, 800) AS BLOB) WHERE symbol = 'CCC'",
        "UPDATE feature_checkpoint SET state = (SELECT state FROM feature_checkpoint WHERE symbol = 'AAA') WHERE symbol = 'CCC'",
    ] {
        assert_eq!(other.execute(damage, []).unwrap(), 1);
        house.whole("the checkpoint of CCC is damaged");
        house.assert_same_as_anew();
        house.tail();
    }
}

#[tokio::test]
async fn a_bar_that_still_forms_changes_nothing() {
    let mut house = House::built().await;
    let made = house.db.reader().features_made().unwrap();
    // The first of a new month as well: a month of nothing but a forming bar is none.
    for day in ["2024-05-16", "2024-05-31", "2024-06-01"] {
        for tick in [0.0, 0.5] {
            let mut forming = bar("COIN-USD", date(day));
            (forming.is_final, forming.high) = (false, forming.high + tick);
            house.put("COIN-USD", vec![forming]).await;
            assert_eq!(house.tail().rows_written, 0);
            assert_eq!(house.db.reader().features_made().unwrap(), made, "{day} {tick}");
        }
    }
    house.put("COIN-USD", vec![bar("COIN-USD", date("2024-06-01"))]).await;
    assert!(house.tail().rows_written > 0);
    assert_ne!(house.db.reader().features_made().unwrap(), made);
    house.assert_same_as_anew();
}

#[tokio::test]
async fn a_new_symbol_and_one_that_leaves_change_the_market_of_all() {
    let mut house = House::built().await;
    let before = house.last("AAA", "beta_60");
    house.put("ZZZ", bars("ZZZ", date("2023-06-01"), date("2024-05-15"))).await;
    house.instruments.push(instrument("ZZZ"));
    house.whole("ZZZ has no checkpoint");
    house.assert_same_as_anew();
    assert_ne!(house.last("AAA", "beta_60").to_bits(), before.to_bits());
    house.instruments.pop();
    house.whole("ZZZ is no longer among the symbols");
    house.assert_same_as_anew();
    assert_eq!(house.last("AAA", "beta_60").to_bits(), before.to_bits());
    assert!(house.db.reader().feature_months(symbol("ZZZ")).unwrap().is_empty());
    house.instruments.swap(0, 1);
    house.whole("order of the symbols");
}

#[tokio::test]
async fn another_benchmark_changes_all_and_one_outside_the_universe_will_do() {
    let mut house = House::built().await;
    house.put("SPY", bars("SPY", date("2023-01-02"), date("2024-05-15"))).await;
    house.benchmark = Some(symbol("SPY"));
    let report = house.whole("benchmark");
    assert_eq!(report.silent_benchmark, None);
    house.day(date("2024-05-16")).await;
    house.put("SPY", bars("SPY", date("2024-05-16"), date("2024-06-03"))).await;
    house.tail();
    assert!(house.last("AAA", "beta_60").is_finite());
    house.assert_same_as_anew();
    house.benchmark = Some(symbol("NONE"));
    let silent = house.whole("benchmark");
    assert_eq!(silent.silent_benchmark, Some((symbol("NONE"), NoFeatures::NoBars)));
    assert_ne!(silent.snapshot, report.snapshot, "other features are not of the same data");
    assert!(house.last("AAA", "beta_60").is_nan() && house.last("AAA", "rsi_14").is_finite());
}

#[tokio::test]
async fn a_symbol_without_bars_is_named_and_keeps_nobody() {
    let mut house = House::new().await;
    house.instruments.push(instrument("NONE"));
    let report = house.night();
    assert_eq!((report.symbols, report.without), (7, vec![(symbol("NONE"), NoFeatures::NoBars)]));
    house.day(date("2024-05-16")).await;
    house.put("NONE", Vec::new()).await;
    house.tail();
    house.assert_same_as_anew();
}
