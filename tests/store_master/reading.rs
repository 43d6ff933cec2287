//! The typed questions for bars: spans, the forming bar, price bases.

use nightdesk::market::{Actions, Dividend, SourceId, Split, Timeframe, date_to_ts, ts_to_date};
use nightdesk::store::master::{Adjustment, CandleBatch, CandleQuery, ReadPool, Span, StoreError};

use crate::{Desk, START, aapl, bar, batch, minutes, series};

#[tokio::test]
async fn spans_choose_the_bars() {
    let desk = Desk::new();
    let writer = desk.writer();
    let mut bars = minutes(100);
    bars[99].is_final = false;
    writer.candles(batch(bars)).await.unwrap();
    let reader = desk.reader();
    let minutes = |span, include_forming| -> Vec<i64> {
        let q = CandleQuery { include_forming, ..CandleQuery::new(aapl(), span) };
        reader.candles(&q).unwrap().ts.iter().map(|ts| (ts - START) / 60).collect()
    };
    assert_eq!(minutes(Span::All, true).len(), 100);
    assert_eq!(minutes(Span::Last(3), false), [96, 97, 98]);
    assert_eq!(minutes(Span::Last(3), true), [97, 98, 99]);
    assert_eq!(minutes(Span::Range(START + 120, START + 240), false), [2, 3]);
    assert_eq!(minutes(Span::DaysBack { days: 1, now: START + 86_400 + 97 * 60 }, true), [97, 98, 99]);
    assert!(reader.candles(&CandleQuery::new(series("NONE", Timeframe::M1), Span::All)).unwrap().is_empty());
    let (last, source) = reader.latest_candle(aapl()).unwrap().unwrap();
    assert_eq!((last.ts, last.is_final, source), (START + 99 * 60, false, SourceId::Ib));
    assert_eq!(reader.date_range(aapl()).unwrap(), Some((START, START + 99 * 60)));
    assert_eq!(reader.last_bars(aapl(), 2).unwrap()[1].0, last);
    assert_eq!(reader.stamps(aapl(), (START, START + 61)).unwrap(), [START, START + 60]);
    assert_eq!(reader.bars(aapl(), (START, i64::MAX), true).unwrap().len(), 100);
    assert_eq!(reader.month_counts(aapl()).unwrap(), [(1_709_251_200, 100)]);
}

#[tokio::test]
async fn a_read_that_panics_is_told_from_a_writer_that_is_gone() {
    let desk = Desk::new();
    drop(desk.writer());
    let pool = ReadPool::new(&desk.db());
    let failed = pool.with(|_| -> Result<(), StoreError> { panic!("row {} is odd", 7) }).await;
    assert!(matches!(&failed, Err(StoreError::ReadPanicked(why)) if why == "row 7 is odd"), "{failed:?}");
    assert!(pool.with(|r| r.symbols_by_sector("Technology")).await.unwrap().is_empty(), "the pool goes on");
}

#[tokio::test]
async fn raw_and_total_undo_and_apply_corporate_actions() {
    let desk = Desk::new();
    let writer = desk.writer();
    let day0 = START / 86_400 * 86_400;
    let day = |i: i64| day0 + i * 86_400;
    let daily = series("AAPL", Timeframe::D1);
    let bars = (0..4).map(|i| bar(day(i), 10.0)).collect();
    writer.candles(CandleBatch { series: daily, source: SourceId::Yahoo, run_id: 1, bars, replace: None }).await.unwrap();
    let actions = Actions {
        splits: vec![Split { ex_date: ts_to_date(day(2)), numerator: 4.0, denominator: 1.0 }],
        // The second has no bar before it, the third is larger than the price: neither gives a factor.
        dividends: [(3, 1.0), (0, 0.5), (2, 99.0)].map(|(i, amount)| Dividend { ex_date: ts_to_date(day(i)), amount }).to_vec(),
    };
    let report = writer.actions(daily.symbol, actions.clone(), SourceId::Yahoo, 1).await.unwrap();
    assert_eq!((report.new_splits.len(), report.new_dividends.len()), (1, 3));
    let report = writer.actions(daily.symbol, actions, SourceId::Yahoo, 2).await.unwrap();
    assert_eq!((report.new_splits.len(), report.new_dividends.len()), (0, 0));

    let reader = desk.reader();
    let read = |adjustment| reader.candles(&CandleQuery { adjustment, ..CandleQuery::new(daily, Span::All) }).unwrap();
    assert_eq!(read(Adjustment::Split).close, [10.0; 4]);
    let raw = read(Adjustment::Raw);
    assert_eq!((raw.close, raw.volume), (vec![40.0, 40.0, 10.0, 10.0], vec![25.0, 25.0, 100.0, 100.0]));
    let total = read(Adjustment::Total);
    assert_eq!((total.close, total.volume), (vec![9.0, 9.0, 9.0, 10.0], vec![100.0; 4]));
    assert_eq!((total.open[0], total.high[3]), (9.75 * 0.9, 11.0));
    assert_eq!(date_to_ts(reader.splits(daily.symbol).unwrap()[0].ex_date), day(2));
    assert_eq!(reader.dividends(daily.symbol).unwrap().iter().map(|d| d.amount).collect::<Vec<_>>(), [0.5, 99.0, 1.0]);
}
