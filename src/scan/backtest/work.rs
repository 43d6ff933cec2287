//! One strategy's backtest over the databases: read, replay, store. Blocks.

use std::time::Duration;

use rayon::prelude::*;
use tokio_util::sync::CancellationToken;

use super::choose::{Choice, NOTHING_YET, choose};
use super::replay::{Order, Replayed, replay};
use super::tape::Market;
use super::{BacktestReport, Fault, TestedRun};
use crate::audit::Work;
use crate::config::strategy::StrategySettings;
use crate::features::bars::{Adjusted, forward_adjusted};
use crate::features::nightly::{self, Desk, NightError};
use crate::market::{AssetClass, Instrument, Strategy, Symbol};
use crate::store::StoreError;
use crate::store::master::ReadPool;
use crate::workplace::Workplace;

/// How long it waits for whoever has the strategy's database.
const PATIENCE: Duration = Duration::from_mins(2);

/// Where backtests are made.
pub(super) struct Workshop {
    pub place: Workplace,
    pub master: ReadPool,
}

/// What came of it.
pub(super) enum Worked {
    /// A report, which is stored.
    Done(Box<BacktestReport>),
    /// There was nothing to trade by.
    Nothing(String),
}

impl Workshop {
    /// Backtests the run `wanted` of a strategy, or the one that [`choose`] finds, and tells of each step.
    pub fn work(&self, strategy: Strategy, wanted: Option<i64>, tell: &dyn Fn(String), stop: &CancellationToken) -> Result<Worked, Fault> {
        let (choice, trials) = match self.place.reader(strategy)? {
            Some(reader) => (choose(&reader, wanted)?, reader.trials()?),
            None => (Choice::Nothing(NOTHING_YET.to_owned()), Vec::new()),
        };
        let run = match choice {
            Choice::Run(run) => run,
            Choice::Nothing(why) => return Ok(Worked::Nothing(why)),
        };
        tell(format!("run {}, model {} ({}): {} predictions out of fold", run.run_id, run.model_id, run.state, run.predictions.len()));
        let rules = self.place.rules.load_full();
        let rules = &rules.get(strategy).settings;
        let (market, snapshot) = self.market(&run, rules, stop)?;
        tell(format!("{} bars of {} symbols read", market.bars.iter().map(|b| b.date.len()).sum::<usize>(), market.symbols.len()));
        let order = Order { strategy, run: &run, rules, market: &market, snapshot: &snapshot, trials: &trials, stop };
        let made = replay(&order)?;
        let source = &made.report.source;
        tell(format!("{} decisions, {} trades; no day was learnt from before it was tested", source.decisions, made.trades.len()));
        self.keep(strategy, rules, &made, stop)?;
        Ok(Worked::Done(Box::new(made.report)))
    }

    /// The bars of the universe and of what else was predicted, and the id of the market data.
    fn market(&self, run: &TestedRun, rules: &StrategySettings, stop: &CancellationToken) -> Result<(Market, String), Fault> {
        let member = |i: &Instrument| (i.symbol, i.calendar());
        let mut wanted: Vec<_> = self.place.universe.instruments.iter().map(member).collect();
        // Who has left the universe since was predicted all the same.
        let predicted = run.predictions.chunk_by(|a, b| a.symbol == b.symbol).map(|of| of[0].symbol);
        wanted.extend(predicted.filter(|s| self.place.universe.get(*s).is_none()).map(|s| (s, AssetClass::by_name(s).calendar())));
        let before = self.snapshot(rules, stop)?;
        let read = |(symbol, _): &(Symbol, _)| if stop.is_cancelled() { Err(Fault::Stopped) } else { self.bars(*symbol, rules) };
        let bars = wanted.par_iter().map(read).collect::<Result<Vec<_>, _>>()?;
        if self.snapshot(rules, stop)? != before {
            return Err(Fault::Changed);
        }
        let mut market = Market::default();
        wanted.into_iter().zip(bars).for_each(|((symbol, calendar), bars)| market.add(symbol, calendar, bars));
        Ok((market, before))
    }

    /// The prices that labels are made of; none of a symbol whose series is blocked.
    fn bars(&self, symbol: Symbol, rules: &StrategySettings) -> Result<Adjusted, Fault> {
        let (state, candles) = self.master.ask(|reader| reader.daily(symbol, i64::MIN))?;
        let dividends = if rules.features.uses_dividends() { &state.dividends[..] } else { &[] };
        Ok(forward_adjusted(&candles, dividends, 1.0))
    }

    fn snapshot(&self, rules: &StrategySettings, stop: &CancellationToken) -> Result<String, Fault> {
        let desk = Desk {
            master: &self.master,
            instruments: &self.place.universe.instruments,
            benchmark: rules.features.benchmark,
            dividends: rules.features.uses_dividends(),
            progress: &|_, _| {},
            rows: nightly::ROWS,
            stop,
        };
        nightly::snapshot_id(&desk).map_err(|e| if matches!(e, NightError::Stopped) { Fault::Stopped } else { e.into() })
    }
    /// Stores it by the rules it was made by, waiting for whoever has the strategy's database.
    fn keep(&self, strategy: Strategy, rules: &StrategySettings, made: &Replayed, stop: &CancellationToken) -> Result<(), Fault> {
        let Workplace { data_dir, demo, clock, .. } = &self.place;
        let work = Work { data_dir, strategy, rules, demo: *demo, clock };
        let kept = work.within(PATIENCE, stop, |db| db.put_backtest(&made.report, &made.curve, &made.trades));
        kept.map_err(|e| if stop.is_cancelled() && matches!(e, StoreError::Locked { .. }) { Fault::Stopped } else { e.into() })
    }
}
