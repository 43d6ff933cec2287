//! Writing bars: appends, replays, revisions, forming bars, replacement.

use nightdesk::market::{Candle, SourceId};
use nightdesk::store::master::{Revision, StoreError, WriteReport};

use crate::{Desk, START, aapl, all, bar, batch, minutes};

#[tokio::test]
async fn bars_come_back_as_they_were_written() {
    let desk = Desk::new();
    let writer = desk.writer();
    let mut bars = minutes(250);
    bars[3].volume = f64::NAN;
    bars[249].is_final = false;
    let report = writer.candles(batch(bars.clone())).await.unwrap();
    assert_eq!(report, WriteReport { inserted: 250, ..WriteReport::default() });

    let reader = desk.reader();
    let read: Vec<Candle> = all(&reader).iter().collect();
    assert!(read.len() == 250 && read.iter().zip(&bars).all(|(a, b)| a.same_content(b)));
    let state = reader.series_state(aapl()).unwrap().unwrap();
    assert_eq!((state.first_ts, state.last_ts, state.last_final_ts), (Some(START), Some(START + 249 * 60), Some(START + 248 * 60)));
    assert_eq!((state.rows, state.source), (250, Some(SourceId::Ib)));
}

#[tokio::test]
async fn a_replay_changes_nothing_and_writes_nothing() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(1000))).await.unwrap();
    writer.checkpoint().await.unwrap();
    let wal = desk.db().with_extension("db-wal");
    assert_eq!(std::fs::metadata(&wal).unwrap().len(), 0);
    let report = writer.candles(batch(minutes(1000))).await.unwrap();
    assert_eq!(report, WriteReport { unchanged: 1000, ..WriteReport::default() });
    assert_eq!(std::fs::metadata(&wal).unwrap().len(), 0);
}

#[tokio::test]
async fn a_revision_is_counted_and_shown() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(10))).await.unwrap();
    let mut again = minutes(12);
    again[4].close += 0.5;
    let report = writer.candles(batch(again.clone())).await.unwrap();
    let revision = Revision { old: minutes(10)[4], new: again[4] };
    assert_eq!(report, WriteReport { inserted: 2, revised: 1, unchanged: 9, revisions: vec![revision], ..WriteReport::default() });
    assert_eq!(all(&desk.reader()).close[4], again[4].close);
}

#[tokio::test]
async fn a_forming_bar_moves_on_and_a_final_one_stays() {
    let desk = Desk::new();
    let writer = desk.writer();
    let forming = |close| Candle { is_final: false, ..bar(START, close) };
    writer.candles(batch(vec![forming(10.0)])).await.unwrap();
    for (bar, is_final) in [(forming(11.0), false), (bar(START, 12.0), true)] {
        assert_eq!(writer.candles(batch(vec![bar])).await.unwrap().completed, 1);
        assert_eq!(all(&desk.reader()).is_final, [is_final]);
    }
    // The same figures, or another source's forming bar, do not take the final bar back.
    assert_eq!(writer.candles(batch(vec![forming(12.0)])).await.unwrap().unchanged, 1);
    let mut other = batch(vec![forming(13.0)]);
    other.source = SourceId::Yahoo;
    assert_eq!(writer.candles(other).await.unwrap().unchanged, 1);
    assert_eq!(all(&desk.reader()).close, [12.0]);
    // The same source with other figures does.
    assert_eq!(writer.candles(batch(vec![forming(13.0)])).await.unwrap().revised, 1);
    let state = desk.reader().series_state(aapl()).unwrap().unwrap();
    assert_eq!((state.last_ts, state.last_final_ts), (Some(START), None));
}

#[tokio::test]
async fn another_source_with_the_same_bars_changes_provenance_only() {
    let desk = Desk::new();
    let writer = desk.writer();
    let mut fallback = batch(minutes(5));
    fallback.source = SourceId::Yahoo;
    writer.candles(fallback).await.unwrap();
    let reader = desk.reader();
    assert_eq!(reader.fallback_spans(aapl()).unwrap(), [(START, START + 300)]);
    let report = writer.candles(batch(minutes(3))).await.unwrap();
    assert_eq!(report, WriteReport { unchanged: 3, ..WriteReport::default() });
    assert_eq!(reader.provenance(aapl()).unwrap(), [(SourceId::Ib, 3), (SourceId::Yahoo, 2)]);
    assert_eq!(reader.fallback_spans(aapl()).unwrap(), [(START + 180, START + 300)]);
}

#[tokio::test]
async fn replace_deletes_what_the_batch_does_not_bring() {
    let desk = Desk::new();
    let writer = desk.writer();
    writer.candles(batch(minutes(10))).await.unwrap();
    let mut new = batch(minutes(10).into_iter().filter(|c| c.ts == START + 300).collect());
    new.replace = Some((START + 120, START + 540));
    let report = writer.candles(new).await.unwrap();
    assert_eq!(report, WriteReport { unchanged: 1, deleted: 6, ..WriteReport::default() });
    let left: Vec<i64> = all(&desk.reader()).ts.iter().map(|ts| (ts - START) / 60).collect();
    assert_eq!(left, [0, 1, 5, 9]);

    let mut nothing = batch(Vec::new());
    nothing.replace = Some((i64::MIN, i64::MAX));
    assert_eq!(writer.candles(nothing).await.unwrap().deleted, 4);
    let state = desk.reader().series_state(aapl()).unwrap().unwrap();
    assert_eq!((state.rows, state.first_ts, state.last_ts, state.source), (0, None, None, None));
    assert_eq!(desk.reader().month_counts(aapl()).unwrap(), []);
}

#[tokio::test]
async fn a_bad_batch_is_refused_whole() {
    let desk = Desk::new();
    let writer = desk.writer();
    let (mut swapped, mut nan, mut far) = (minutes(3), minutes(3), minutes(3));
    swapped.swap(0, 1);
    nan[2].high = f64::NAN;
    far[2].ts = i64::MAX;
    for bars in [swapped, nan, far] {
        assert!(matches!(writer.candles(batch(bars)).await, Err(StoreError::BadBatch { .. })));
    }
    assert!(all(&desk.reader()).is_empty());
}
