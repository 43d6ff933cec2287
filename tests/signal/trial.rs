//! One trial of the pipeline on made-up prices.

use chrono::NaiveDate;
use nightdesk::config::strategy::{ModelName, StrategySettings};
use nightdesk::dataset::of_bars::{FeatureFn, of_bars, real_features};
use nightdesk::dataset::windows::Channels;
use nightdesk::dataset::{DataSet, DatasetError};
use nightdesk::features::{definition_hash, feature};
use nightdesk::market::{AssetClass, Calendar, DailyBars, Instrument, Strategy, Symbol, Universe, date_to_ts};
use nightdesk::store::model::FeatureColumns;
use nightdesk::train::gates::{Evidence, GateResult, Incumbent, Integrity, Report, judge, muted};
use nightdesk::train::metrics::Probabilities;
use nightdesk::train::models::Compute;
use nightdesk::train::nulls::{Walk, in_place_of};
use nightdesk::train::pipeline::control::Control;
use nightdesk::train::pipeline::crew::Crew;
use nightdesk::train::pipeline::economics::trade;
use nightdesk::train::pipeline::fit_seed;
use nightdesk::train::pipeline::fitting::Terms;
use nightdesk::train::pipeline::pooled::{Outcomes, Pool, decide, resampling};
use nightdesk::train::pipeline::prepared::{Forms, Kitchen};
use nightdesk::train::sharpe::Track;
use tokio_util::sync::CancellationToken;

/// Symbols and sessions: six large shares for eleven years, as in the reference measurements.
const SYMBOLS: usize = 6;
const FROM: [i32; 2] = [2012, 2023];

/// What models see.
#[derive(Clone, Copy)]
pub enum Features {
    /// The 179.
    Real,
    /// The same, but one of them has been replaced by the return of the next session.
    KnowTomorrow,
}

/// A universe of walks with the rules it is learnt by.
pub struct Trial {
    pub rules: StrategySettings,
    pub universe: Universe,
    pub bars: Vec<DailyBars>,
    seed: u32,
}

impl Trial {
    pub fn new(walk: Walk, seed: u32) -> Self {
        let mut rules = StrategySettings::shipped(Strategy::Turbomode).unwrap();
        rules.ensemble.profiles.demo.models = vec![ModelName::Softmax];
        rules.promotion_gates.g11_shift_refits = 10;
        rules.promotion_gates.g11_walk_refits = 2;
        rules.promotion_gates.shadow_sessions = 0;
        rules.validation.bootstrap_draws = 200;
        rules.ensemble.optimiser.batch_rows = 128;
        let name = |i: usize| Symbol::new(&format!("W{i}")).unwrap();
        let stock = |i| Instrument { symbol: name(i), asset: AssetClass::Stock, sector: "Walks".into(), name: String::new() };
        let universe = Universe { instruments: (0..SYMBOLS).map(stock).collect() };
        let [from, to] = FROM.map(|year| date_to_ts(NaiveDate::from_ymd_opt(year, 1, 1).unwrap()));
        let date: Vec<NaiveDate> = Calendar::Xnys.sessions(from, to).map(|s| s.date).collect();
        let empty = vec![DailyBars { date, ..DailyBars::default() }; SYMBOLS];
        let bars = in_place_of(&empty, &walk, u64::from(seed));
        Self { rules, universe, bars, seed }
    }

    /// The whole pipeline, null controls included.
    pub fn run(self, features: Features) -> Report {
        let seed = u64::from(self.seed);
        let features: &FeatureFn<'_> = match features {
            Features::Real => &real_features,
            Features::KnowTomorrow => &knowing_tomorrow,
        };
        let of = (Strategy::Turbomode, &self.universe);
        let data = of_bars(of, self.bars.clone(), &self.rules, features, format!("walk {}", self.seed)).unwrap();
        let (crew, compute, stop) = (Crew::new(2, 2).unwrap(), Compute::processor(2), CancellationToken::new());
        let ensemble = &self.rules.ensemble;
        let terms = Terms { ensemble, profile: &ensemble.profiles.demo, width: data.samples.width, compute: &compute, stop: &stop };
        let (answers, priors) = self.answers(&data, &terms);
        let splits = data.splits.as_ref().unwrap();
        let pool = Pool::new(&data, splits, &priors, Outcomes::Real);
        let decided = decide(&pool, &data, &answers, &self.rules, seed).unwrap();
        let (gates, resampling) = (&self.rules.promotion_gates, resampling(&self.rules, seed));
        let muted = muted(&decided.judged, gates, resampling);
        let backtest = trade(&data, &pool, (&decided.judged, &decided.at), Outcomes::Real, (&self.rules, &muted)).unwrap();
        let trials = [Track::of(&backtest.net).map_or(0.0, |t| t.sharpe)];
        let (rules, universe) = (&self.rules, &self.universe);
        let told = |_| {};
        let control = Control {
            data: &data,
            universe,
            rules,
            terms,
            crew: &crew,
            gently: &stop,
            seed: self.seed,
            trials: &trials,
            features,
            told: &told,
        };
        let evidence = Evidence {
            integrity: Some(Integrity {
                snapshot: data.summary.snapshot.clone(),
                open_critical: 0,
                missing_values: data.samples.features.iter().filter(|v| !v.is_finite()).count(),
                feature_hash: [data.summary.definition.clone(), definition_hash().to_owned()],
                purge: splits.proof(&data.samples.lifetimes(), &data.sessions, &self.rules.validation),
                seed: Some(seed),
            }),
            nulls: Some(control.run().unwrap()),
            rows: decided.judged,
            economics: Some(backtest.economics()),
            trials: Some(trials.to_vec()),
            incumbent: Some(Incumbent::Vacant),
            shadow_sessions: 0,
        };
        judge(&evidence, gates, resampling)
    }

    /// Answers of each model out of fold, and the class shares of each block's training rows.
    fn answers(&self, data: &DataSet, terms: &Terms<'_>) -> (Vec<Vec<Probabilities>>, Vec<Probabilities>) {
        let channels = Channels::default();
        let kitchen = Kitchen { data, channels: &channels, rules: &self.rules, seed: u64::from(self.seed) };
        let models = &terms.profile.models;
        let (mut answers, mut priors) = (vec![Vec::new(); models.len()], Vec::new());
        for (k, block) in data.splits.as_ref().unwrap().blocks.iter().enumerate() {
            let learn = kitchen.stopping(block).unwrap();
            let prepared = kitchen.prepare(&learn, &block.test, Forms { table: true, windows: false });
            priors.push(prepared.fold.natural);
            for (model, answers) in models.iter().zip(&mut answers) {
                let seed = fit_seed(self.seed, *model, k as u32, 0);
                answers.extend(terms.fit(*model, &prepared, seed, None, &|_| {}).unwrap().answers);
            }
        }
        (answers, priors)
    }
}

/// The 179 features, one of which is the log return of the session to come.
fn knowing_tomorrow(universe: &Universe, bars: &[DailyBars], rules: &StrategySettings) -> Result<Vec<FeatureColumns>, DatasetError> {
    let index = feature("roc_5").unwrap().index;
    let mut columns = real_features(universe, bars, rules)?;
    for (columns, bars) in columns.iter_mut().zip(bars) {
        let next = bars.close.windows(2).map(|w| 100.0 * (w[1] / w[0]).ln());
        let known = next.chain([0.0]).enumerate();
        columns.columns[index] = known.map(|(i, v)| if i < 5 { f64::NAN } else { v }).collect();
    }
    Ok(columns)
}

/// The verdict gate by gate, for who has to find out why a test failed.
pub fn words(report: &Report) -> String {
    words_of(&report.results, None)
}

/// The same of a run.
pub fn words_of(gates: &[GateResult], outcome: Option<&str>) -> String {
    let line = |g: &GateResult| format!("{:<4} {:<14} {}\n", g.gate.code(), g.status.to_string(), g.sentence);
    gates.iter().map(line).collect::<String>() + outcome.unwrap_or_default()
}
