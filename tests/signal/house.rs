//! A data folder with a made-up market, small models and rules by which a run takes seconds.

use std::sync::Arc;

use nightdesk::config::strategy::{ModelName, ProfileName, StrategySettings};
use nightdesk::ingest::pipeline::Stop;
use nightdesk::market::{Candle, DailyBars, ManualClock, Series, SourceId, Strategy, Timeframe, Universe, date_to_ts};
use nightdesk::store::master::{CandleBatch, ReadPool, Writer, WriterOptions};
use nightdesk::store::model::ModelReader;
use nightdesk::train::orchestrator::{TrainOrder, train};
use nightdesk::train::progress::TrainingView;
use tempfile::TempDir;

use crate::trial::Trial;

/// A data folder with the market data of a trial.
pub struct House {
    pub dir: TempDir,
    pub rules: StrategySettings,
    pub universe: Universe,
    pub clock: Arc<ManualClock>,
    pub pool: ReadPool,
}

impl House {
    pub async fn of(trial: Trial) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("market_data.db");
        let last = trial.bars[0].date.last().map(|d| date_to_ts(*d)).unwrap();
        let clock = ManualClock::at(last + 2 * 86_400);
        let mut rules = trial.rules;
        rules.ensemble.profiles.demo.models = vec![ModelName::Softmax, ModelName::Gru];
        rules.ensemble.gru.units = 4;
        // Weeks of nights follow.
        rules.promotion_gates.expiry_days = 365;
        rules.promotion_gates.g11_shift_refits = 5;
        rules.promotion_gates.g11_walk_refits = 1;
        // On 8,000 overlapping rows the noise of this figure alone is 2 to 4 points; here the way is tried, not the gate.
        rules.promotion_gates.g7_max_ece = 0.06;
        (rules.attribution.shuffles, rules.attribution.shuffle_max_rows) = (1, 300);
        (rules.attribution.gradient_steps, rules.attribution.gradient_rows) = (4, 32);
        let house = Self { dir, rules, universe: trial.universe, clock, pool: ReadPool::new(&path) };
        house.store(&trial.bars).await;
        house
    }

    /// Stores bars of all symbols.
    pub async fn store(&self, bars: &[DailyBars]) {
        let path = self.dir.path().join("market_data.db");
        let writer = Writer::open(&path, WriterOptions { cache_mib: 8, demo: false, clock: self.clock.clone() }).unwrap();
        for (instrument, bars) in self.universe.instruments.iter().zip(bars) {
            let series = Series { symbol: instrument.symbol, timeframe: Timeframe::D1 };
            let batch = CandleBatch { series, source: SourceId::File, run_id: 1, bars: candles(bars), replace: None };
            writer.candles(batch).await.unwrap();
        }
        writer.close().await.unwrap();
    }

    pub fn train(&self, seed: u32) -> TrainingView {
        let order = TrainOrder {
            strategy: Strategy::Turbomode,
            rules: &self.rules,
            universe: &self.universe,
            master: &self.pool,
            data_dir: self.dir.path(),
            demo: false,
            clock: self.clock.clone(),
            profile: ProfileName::Demo,
            seed,
            rerun_from: None,
            job_run: None,
            actor: "test",
            stop: &Stop::default(),
            told: &|_| {},
        };
        train(&order).unwrap()
    }

    pub fn reader(&self) -> ModelReader {
        ModelReader::open(&self.dir.path().join("turbomode.db"), Strategy::Turbomode).unwrap()
    }
}

fn candles(bars: &DailyBars) -> Vec<Candle> {
    let of = |i: usize| Candle {
        ts: date_to_ts(bars.date[i]),
        open: bars.open[i],
        high: bars.high[i],
        low: bars.low[i],
        close: bars.close[i],
        volume: bars.volume[i],
        is_final: true,
    };
    (0..bars.len()).map(of).collect()
}
