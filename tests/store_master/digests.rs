//! The digests describe the table, whatever was written in whatever order; and a changed value is found.

use std::collections::BTreeMap;

use nightdesk::market::{Candle, SourceId};
use nightdesk::store::master::verify;
use proptest::prelude::*;

use crate::{Desk, START, all, bar, batch, minutes};

type Step = (Vec<Candle>, SourceId, Option<(i64, i64)>);

/// Batches of bars from a small stock of stamps (months apart and neighbouring) and values, in any overlap.
fn batches() -> impl Strategy<Value = Vec<Step>> {
    let stamp = (0_i64..12).prop_map(|i| START + (i % 4) * 60 + (i / 4) * 20 * 86_400);
    let value = prop_oneof![Just((10.0, 5.0)), Just((10.5, f64::NAN)), Just((11.0, -0.0)), Just((1e-7, 1e15))];
    let bars = proptest::collection::btree_map(stamp.clone(), (value, any::<bool>()), 0..8)
        .prop_map(|m| m.into_iter().map(|(ts, ((close, volume), is_final))| Candle { volume, is_final, ..bar(ts, close) }).collect());
    let source = prop_oneof![Just(SourceId::Ib), Just(SourceId::Yahoo)];
    let replace = proptest::option::weighted(0.3, (stamp.clone(), stamp).prop_map(|(a, b)| (a.min(b), a.max(b))));
    proptest::collection::vec((bars, source, replace), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn digests_and_state_always_agree_with_the_table(batches in batches()) {
        let desk = Desk::new();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut model: BTreeMap<i64, (Candle, SourceId)> = BTreeMap::new();
        runtime.block_on(async {
            let writer = desk.writer();
            for (bars, source, replace) in batches {
                if let Some((s, e)) = replace {
                    model.retain(|ts, _| !(s..e).contains(ts) || bars.iter().any(|c| c.ts == *ts));
                }
                for c in &bars {
                    let reopened = |old: &(Candle, SourceId)| {
                        let same = Candle { is_final: true, volume: c.volume + 0.0, ..*c }.same_content(&old.0);
                        old.0.is_final && !c.is_final && (same || old.1 != source)
                    };
                    if !model.get(&c.ts).is_some_and(reopened) {
                        model.insert(c.ts, (Candle { volume: c.volume + 0.0, ..*c }, source));
                    }
                }
                let mut b = batch(bars.clone());
                (b.source, b.replace) = (source, replace);
                writer.candles(b.clone()).await.unwrap();
                // A second time changes nothing.
                let again = writer.candles(b).await.unwrap();
                assert_eq!((again.inserted, again.revised, again.completed, again.deleted), (0, 0, 0, 0));
            }
        });
        let stored = all(&desk.reader());
        prop_assert_eq!(stored.len(), model.len());
        for (i, c) in stored.iter().enumerate() {
            let (want, source) = &model[&c.ts];
            prop_assert!(c.same_content(want) && stored.source[i] == *source, "{:?} is not {:?}", c, want);
        }
        let report = verify(&desk.db(), &mut |_, _| {}).unwrap();
        prop_assert!(report.is_sound(), "{:?}", report.problems);
    }
}

#[tokio::test]
async fn one_changed_value_is_found_and_named() {
    for tampering in [
        "UPDATE candle SET close = close + 1e-9 WHERE ts = (SELECT max(ts) FROM candle)",
        "UPDATE candle SET volume = NULL WHERE ts = (SELECT min(ts) FROM candle)",
        "UPDATE candle SET quarantined = 1 WHERE ts = (SELECT min(ts) FROM candle)",
        "UPDATE candle SET source_id = 2 WHERE ts = (SELECT min(ts) FROM candle)",
        "UPDATE candle SET source_id = 77 WHERE ts = (SELECT min(ts) FROM candle)",
        "UPDATE candle SET timeframe_id = 2 WHERE ts = (SELECT max(ts) FROM candle)",
        "DELETE FROM candle WHERE ts = (SELECT max(ts) FROM candle)",
        "DELETE FROM candle",
        "INSERT INTO candle SELECT symbol_id, timeframe_id, ts + 1, 1, 1, 1, 1, 1, 1, 1, 1, 0 FROM candle LIMIT 1",
        "UPDATE series_digest SET sum = sum + 1",
        "UPDATE series_state SET rows = rows + 1",
        "PRAGMA foreign_keys = 0; DELETE FROM symbol",
    ] {
        let desk = Desk::new();
        let writer = desk.writer();
        writer.candles(batch(minutes(50))).await.unwrap();
        writer.close().await.unwrap();
        assert!(verify(&desk.db(), &mut |_, _| {}).unwrap().is_sound());
        desk.foreign().execute_batch(tampering).unwrap();
        let report = verify(&desk.db(), &mut |_, _| {}).unwrap();
        assert!(!report.is_sound(), "{tampering} was not found");
        assert!(tampering.contains("symbol") || report.problems[0].contains("AAPL"), "{tampering}: {:?}", report.problems);
    }
}
