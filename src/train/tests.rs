//! The whole way from prices to a verdict on direction, with logistic regressions as base models: a planted drift is
//! found, noise is not, and tomorrow's news is a suspected leak.

use chrono::NaiveDate;

use super::Fold;
use super::bootstrap::Resampling;
use super::calibrate::{Answer, by_lift, calibrate_forward};
use super::gates::{Evidence, Gate, GateResult, Judged, NullKind, NullRun, Status, judge};
use super::metrics::Probabilities;
use super::multinomial::{Design, Multinomial};
use super::nulls::{Walk, circular_shift, shift_offset};
use super::stack::{Base, BaseRow, stack};
use crate::config::strategy::{MetaLearner, PromotionGates, StrategySettings, Validation};
use crate::labels::sampling::class_shares;
use crate::labels::splits::{Lifetime, Proof, plan};
use crate::labels::weights::uniqueness;
use crate::labels::{Barriers, Class, average_true_range};
use crate::market::{Calendar, DAY, DailyBars, Regime, Strategy, Symbol, date_to_ts};

const SYMBOLS: u64 = 6;
const SESSIONS: usize = 1700;

/// Every so many sessions a row: labels live for ten, so that rows between hardly add anything.
const STRIDE: usize = 5;

const RESAMPLING: Resampling = Resampling { block: 4, draws: 200, seed: 11 };
const SHIFTS: u32 = 8;

/// One row: what is needed to split, to learn and to judge.
#[derive(Clone, Copy)]
struct Sample {
    date: NaiveDate,
    matured: NaiveDate,
    symbol: Symbol,
    class: Class,
    uniqueness: f64,
    /// Constant, month's move, week's move, change of volatility; then what nobody can know: tomorrow's move, that of
    /// the next eight sessions.
    inputs: [f64; 6],
}

/// What a base model looks at.
type Sight = &'static [usize];

const HONEST: [Sight; 2] = [&[0, 1, 3], &[0, 2, 3]];
const TOMORROW: [Sight; 2] = [&[0, 1, 3], &[0, 3, 4]];
const NEXT_WEEKS: [Sight; 2] = [&[0, 1, 3], &[0, 3, 5]];

fn sessions() -> Vec<NaiveDate> {
    let first = NaiveDate::from_ymd_opt(2012, 1, 3).unwrap();
    let start = date_to_ts(first);
    Calendar::Xnys.sessions(start, start + 3000 * DAY).map(|s| s.date).take(SESSIONS).collect()
}

/// Rows of each symbol, ascending.
fn market(walk: &Walk) -> Vec<Vec<Sample>> {
    let dates = sessions();
    (0..SYMBOLS).map(|s| samples(Symbol::new(&format!("W{s}")).unwrap(), &walk.bars(&dates, &[42, s]))).collect()
}

fn samples(symbol: Symbol, bars: &DailyBars) -> Vec<Sample> {
    let rule = StrategySettings::shipped(Strategy::Turbomode).unwrap().validation.label;
    let atr = average_true_range(bars, rule.atr_sessions);
    let barriers = Barriers::new(bars, &atr, Calendar::Xnys, &rule);
    let rows: Vec<_> = (60..bars.len()).step_by(STRIDE).filter_map(|t| Some((t, barriers.label(t).ok()?))).collect();
    let spans: Vec<_> = rows.iter().map(|(t, label)| barriers.span(*t, label)).collect();
    let made = rows.iter().zip(uniqueness(&spans));
    made.map(|((t, label), uniqueness)| Sample {
        date: bars.date[*t],
        matured: label.matured,
        symbol,
        class: label.class,
        uniqueness,
        inputs: inputs(bars, *t),
    })
    .collect()
}

fn inputs(bars: &DailyBars, t: usize) -> [f64; 6] {
    let close = &bars.close;
    let day = |i: usize| (close[i] / close[i - 1]).ln();
    let month = ((t - 19..=t).map(|i| day(i).powi(2)).sum::<f64>() / 20.0).sqrt();
    let moved = |n: usize| ((close[t] / close[t - n]).ln() / (month * (n as f64).sqrt())).clamp(-1.0, 1.0);
    let range = |n: usize| (t + 1 - n..=t).map(|i| (bars.high[i] / bars.low[i]).ln()).sum::<f64>() / n as f64;
    let ahead = |n: usize| ((close[t + n] / close[t]).ln() / (month * (n as f64).sqrt())).clamp(-3.0, 3.0);
    [1.0, moved(20), moved(5), (range(3) / range(14)).ln(), ahead(1), ahead(8)]
}

/// What a fit predicts on its test rows: base models of each block on the rows before it.
struct Blocks {
    rows: Vec<Sample>,
    answers: Vec<Vec<Probabilities>>,
    prior: Vec<Probabilities>,
    folds: Vec<Fold>,
}

fn base_models(market: &[Vec<Sample>], sights: &[Sight]) -> Blocks {
    let mut rows: Vec<Sample> = market.concat();
    rows.sort_by_key(|r| (r.date, r.symbol));
    let lives: Vec<_> = rows.iter().map(|r| Lifetime { date: r.date, matured: r.matured }).collect();
    let shipped = StrategySettings::shipped(Strategy::Turbomode).unwrap().validation;
    let rule = Validation { test_blocks: 5, min_train_sessions: 350, ..shipped };
    let splits = plan(&lives, &sessions(), &rule).unwrap();
    assert!(splits.proof(&lives, &sessions(), &rule).iter().all(Proof::holds));
    let mut out = Blocks {
        answers: vec![vec![[1.0 / 3.0; 3]; rows.len()]; sights.len()],
        prior: vec![[1.0 / 3.0; 3]; rows.len()],
        rows,
        folds: vec![],
    };
    for (k, block) in splits.blocks.iter().enumerate() {
        let prior = class_shares(block.train.iter().map(|r| (out.rows[*r].class, 1.0)));
        for (answers, sight) in out.answers.iter_mut().zip(sights) {
            let seen = |r: usize| sight.iter().map(move |i| (r, *i));
            let design = Design {
                inputs: block.train.iter().flat_map(|r| seen(*r)).map(|(r, i)| out.rows[r].inputs[i]).collect(),
                class: block.train.iter().map(|r| out.rows[*r].class).collect(),
                prior: vec![prior; block.train.len()],
                weight: block.train.iter().map(|r| out.rows[*r].uniqueness).collect(),
            };
            let model = Multinomial::fit(&design, 1.0).unwrap();
            for &r in &block.test {
                answers[r] = model.predict(&seen(r).map(|(r, i)| out.rows[r].inputs[i]).collect::<Vec<_>>(), &prior);
            }
        }
        block.test.iter().for_each(|r| out.prior[*r] = prior);
        out.folds.push(Fold { learn: splits.out_of_fold(&lives, k), test: block.test.clone() });
    }
    out
}

fn judged(row: &Sample, p: Probabilities, prior: Probabilities) -> Judged {
    let decision = by_lift(&p, &prior, 0.05);
    Judged { date: row.date, symbol: row.symbol, regime: Regime::Normal, class: row.class, p, prior, uniqueness: row.uniqueness, decision }
}

/// Stacked, calibrated, decided.
fn candidate(market: &[Vec<Sample>], sights: &[Sight]) -> Vec<Judged> {
    let blocks = base_models(market, sights);
    let of_row = |(r, prior): (&Sample, &Probabilities)| BaseRow {
        date: r.date,
        regime: Regime::Normal,
        class: r.class,
        prior: *prior,
        weight: r.uniqueness,
    };
    let rows: Vec<BaseRow> = blocks.rows.iter().zip(&blocks.prior).map(of_row).collect();
    let rule = MetaLearner { enabled: true, l2: 1.0, min_blocks: 2, max_shrink: 0.9 };
    let base = Base { rows: &rows, answers: &blocks.answers };
    let stacked = stack(&base, &blocks.folds, &rule, 0.05, RESAMPLING).unwrap();
    let answers: Vec<Answer> = rows
        .iter()
        .zip(&stacked.answers)
        .map(|(row, p)| Answer { class: row.class, p: p.unwrap_or(row.prior), prior: row.prior, weight: row.weight })
        .collect();
    let calibrated = calibrate_forward(&answers, &blocks.folds, rule.max_shrink);
    blocks.rows.iter().zip(&rows).zip(calibrated).filter_map(|((sample, row), p)| Some(judged(sample, p?, row.prior))).collect()
}

/// The plain mean of the base models on shifted labels.
fn shifted(market: &[Vec<Sample>], seed: u64) -> NullRun {
    let mut market = market.to_vec();
    let lengths: Vec<usize> = market.iter().map(Vec::len).collect();
    let offset = shift_offset(&lengths, 300 / STRIDE, seed).unwrap();
    for rows in &mut market {
        let mut classes: Vec<Class> = rows.iter().map(|r| r.class).collect();
        circular_shift(&mut classes, offset);
        rows.iter_mut().zip(classes).for_each(|(row, class)| row.class = class);
    }
    let blocks = base_models(&market, &HONEST);
    let mean = |r: usize| std::array::from_fn(|k| blocks.answers.iter().map(|a| a[r][k]).sum::<f64>() / 2.0);
    let tested = blocks.folds.iter().skip(1).flat_map(|f| &f.test);
    let rows: Vec<Judged> = tested.map(|r| judged(&blocks.rows[*r], mean(*r), blocks.prior[*r])).collect();
    NullRun::of(NullKind::CircularShift, &rows, false)
}

fn rule() -> PromotionGates {
    PromotionGates { g11_shift_refits: SHIFTS, ..StrategySettings::shipped(Strategy::Turbomode).unwrap().promotion_gates }
}

/// The gates on a candidate with such a sight, against honest models on shifted labels.
fn results(market: &[Vec<Sample>], sights: &[Sight]) -> Vec<GateResult> {
    let nulls = (0..SHIFTS).map(|seed| shifted(market, seed.into())).collect();
    let evidence = Evidence { rows: candidate(market, sights), nulls: Some(nulls), ..Evidence::default() };
    judge(&evidence, &rule(), RESAMPLING).results
}

fn of(results: &[GateResult], gate: Gate) -> &GateResult {
    results.iter().find(|r| r.gate == gate).unwrap()
}

#[test]
fn a_planted_drift_is_found() {
    let results = results(&market(&Walk::planted()), &HONEST);
    for gate in [Gate::Skill, Gate::Direction, Gate::BalancedAccuracy, Gate::MacroF1, Gate::PrecisionBuy, Gate::PrecisionSell] {
        let result = of(&results, gate);
        assert_eq!(result.status, Status::Pass, "{gate}: {}", result.sentence);
    }
    let auc = of(&results, Gate::Direction).value.unwrap();
    assert!((0.65..0.8).contains(&auc), "the reference measured .723, here {auc}");
}

#[test]
fn noise_has_skill_and_no_direction() {
    let results = results(&market(&Walk::default()), &HONEST);
    let (skill, direction) = (of(&results, Gate::Skill), of(&results, Gate::Direction));
    assert_eq!(skill.status, Status::Pass, "volatility clusters, so HOLD can be told: {}", skill.sentence);
    assert_eq!(direction.status, Status::Fail, "{}", direction.sentence);
    assert!((direction.value.unwrap() - 0.5).abs() < 0.06, "{}", direction.sentence);
}

#[test]
fn knowing_the_future_shows() {
    let market = market(&Walk::default());
    // What knows the next weeks is too good.
    let rows = candidate(&market, &NEXT_WEEKS);
    let report = judge(&Evidence { rows, ..Evidence::default() }, &rule(), RESAMPLING);
    let alarm = of(&report.results, Gate::LeakAlarm);
    assert_eq!(alarm.status, Status::Fail, "{}", alarm.sentence);
    // Knowing tomorrow only is not, but it finds direction on a random walk, which the null control counts.
    let results = results(&market, &TOMORROW);
    let direction = of(&results, Gate::Direction);
    assert_eq!(direction.status, Status::Pass, "{}", direction.sentence);
}
