//! The null controls of a run: the same pipeline refitted on data without a signal.
//!
//! Labels shifted in a circle say what chance reaches on these features, and what a candidate must exceed; random walks say
//! whether the pipeline finds direction where there is none, features included. Both are fitted with one small model
//! (`promotion_gates.g11_model`): how wide chance is follows from overlapping labels and from symbols that move together,
//! not from the size of the net. No row from aside takes part, because its label would not be moved.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio_util::sync::CancellationToken;

use super::crew::Crew;
use super::economics::trade;
use super::fitting::{FittingError, Terms, on_windows};
use super::pooled::{Decided, Outcomes, Pool, decide, resampling};
use super::prepared::{Forms, Kitchen, Prepared};
use super::{fit_seed, walks};
use crate::config::strategy::StrategySettings;
use crate::dataset::of_bars::FeatureFn;
use crate::dataset::windows::Channels;
use crate::dataset::{DataSet, DatasetError};
use crate::labels::splits::{SplitError, Splits};
use crate::labels::{Class, sampling};
use crate::market::Universe;
use crate::train::backtest::BacktestError;
use crate::train::gates::{Economics, Evidence, Judged, NullKind, NullRun, earns, muted, null_passes};
use crate::train::metrics::Probabilities;
use crate::train::models::{Epoch, Examples};
use crate::train::newton::NewtonError;
use crate::train::nulls::{circular_shift, shift_offset};
use crate::train::progress::NullsView;

/// What the controls are made of.
pub struct Control<'a> {
    /// The data set of the run.
    pub data: &'a DataSet,
    /// Its symbols.
    pub universe: &'a Universe,
    /// Its rules.
    pub rules: &'a StrategySettings,
    /// How the run fits.
    pub terms: Terms<'a>,
    /// Its threads.
    pub crew: &'a Crew,
    /// Begins no further refit.
    pub gently: &'a CancellationToken,
    /// Its seed.
    pub seed: u32,
    /// Sharpe ratios of all trials, the candidate's among them.
    pub trials: &'a [f64],
    /// What makes features of bars: the same as the candidate's, or the walks prove nothing.
    pub features: &'a FeatureFn<'a>,
    /// Hears how far it is.
    pub told: &'a (dyn Fn(NullsView) + Sync),
}

/// Why the controls could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// A fit failed or was stopped.
    #[error(transparent)]
    Fitting(#[from] FittingError),
    /// A random walk gave no data set.
    #[error(transparent)]
    Dataset(#[from] DatasetError),
    /// A block could not be divided.
    #[error(transparent)]
    Split(#[from] SplitError),
    /// Answers could not be combined.
    #[error("the answers of a refit without a signal could not be combined: {0}")]
    Newton(#[from] NewtonError),
    /// Told to stop.
    #[error("stopped before all refits without a signal were done")]
    Stopped,
    /// Decisions could not be traded.
    #[error("the decisions of a refit without a signal could not be traded: {0}")]
    Backtest(#[from] BacktestError),
}

/// A refit on its way to a [`NullRun`].
struct Refit {
    run: NullRun,
    /// Kept where the refit earned, which few do: whether it would have been promoted is judged when all are known.
    earned: Option<(Vec<Judged>, Economics)>,
}

/// Answers of one refit: block by block, in single precision.
type Answers = Vec<Vec<[f32; Class::COUNT]>>;

impl Control<'_> {
    /// All refits that the rules ask for, and which of them would have been promoted. Those on shifted labels are missing
    /// where series are too short to be shifted.
    pub fn run(&self) -> Result<Vec<NullRun>, ControlError> {
        let gates = &self.rules.promotion_gates;
        let total = gates.g11_shift_refits + gates.g11_walk_refits;
        // Shifted refits are fitted block by block: one counts as done in parts.
        let parts = self.data.splits.as_ref().map_or(1, |s| s.blocks.len() as u32).max(1);
        let fitted = AtomicU32::new(0);
        let step = |count: u32| {
            // A walk may have another number of blocks.
            let done = ((fitted.fetch_add(count, Ordering::Relaxed) + count) / parts).min(total);
            (self.told)(NullsView { done, total, passed: 0 });
        };
        let rules = self.without_aside();
        let mut refits = self.shifted(&rules, &step)?;
        for walk in 0..gates.g11_walk_refits {
            refits.extend(self.walk(&rules, walk, &step)?);
        }
        Ok(self.judged(refits, total))
    }

    fn go_on(&self) -> Result<(), ControlError> {
        if self.gently.is_cancelled() { Err(ControlError::Stopped) } else { Ok(()) }
    }

    /// Whether each refit would have been promoted, held against all of them as the candidate is.
    fn judged(&self, refits: Vec<Refit>, total: u32) -> Vec<NullRun> {
        let (mut nulls, earned): (Vec<NullRun>, Vec<_>) = refits.into_iter().map(|r| (r.run, r.earned)).unzip();
        let found = nulls.clone();
        for (null, earned) in nulls.iter_mut().zip(earned) {
            let Some((rows, economics)) = earned else { continue };
            let (trials, nulls) = (Some(self.trials.to_vec()), Some(found.clone()));
            let evidence = Evidence { rows, economics: Some(economics), trials, nulls, ..Evidence::default() };
            null.passed = null_passes(&evidence, &self.rules.promotion_gates, resampling(self.rules, u64::from(self.seed)));
        }
        let passed = nulls.iter().filter(|n| n.passed).count() as u32;
        (self.told)(NullsView { done: nulls.len() as u32, total, passed });
        nulls
    }

    /// The run's rules, but without rows from aside and, for one model, without a meta-learner.
    fn without_aside(&self) -> StrategySettings {
        let mut rules = self.rules.clone();
        rules.rare_event_archive.enabled = false;
        rules.error_replay_buffer.enabled = false;
        rules.ensemble.meta.enabled = false;
        rules
    }

    /// Refits on shifted labels. Each block is brought to scale once and fitted with every shift.
    fn shifted(&self, rules: &StrategySettings, step: &(dyn Fn(u32) + Sync)) -> Result<Vec<Refit>, ControlError> {
        let Some(splits) = &self.data.splits else { return Ok(Vec::new()) };
        let shifts: Vec<Vec<u32>> = (0..rules.promotion_gates.g11_shift_refits).map_while(|k| self.shift(splits, k)).collect();
        let model = rules.promotion_gates.g11_model;
        let channels = Channels::of(if on_windows(model) { &self.data.bars } else { &[] });
        let kitchen = Kitchen { data: self.data, channels: &channels, rules, seed: u64::from(self.seed) };
        let mut answers: Vec<Answers> = vec![Vec::new(); shifts.len()];
        let mut priors: Vec<Vec<Probabilities>> = vec![Vec::new(); shifts.len()];
        for (k, block) in splits.blocks.iter().enumerate() {
            let forms = Forms::of(&[model]);
            let prepared = kitchen.prepare(&kitchen.stopping(block)?, &block.test, forms);
            let fit = |number: usize| {
                self.go_on()?;
                let made = self.refit(&prepared, &shifts[number], k as u32, number as u32)?;
                step(1);
                Ok::<_, ControlError>((number, made))
            };
            let mut take = |(number, (said, prior)): (usize, (Vec<[f32; 3]>, Probabilities))| {
                answers[number].push(said);
                priors[number].push(prior);
                Ok(())
            };
            self.crew.each((0..shifts.len()).collect(), fit, &mut take)?;
        }
        let mut refits: Vec<(usize, Refit)> = Vec::with_capacity(shifts.len());
        let tasks: Vec<usize> = (0..shifts.len()).collect();
        let judge = |k: usize| {
            self.go_on()?;
            let pool = Pool::new(self.data, splits, &priors[k], Outcomes::Moved(&shifts[k]));
            let said = widened(&answers[k]);
            Ok((k, self.weigh((self.data, &pool, rules), said, Outcomes::Moved(&shifts[k]), NullKind::CircularShift)?))
        };
        self.crew.each(tasks, judge, |made| {
            refits.push(made);
            Ok::<_, ControlError>(())
        })?;
        refits.sort_by_key(|(k, _)| *k);
        Ok(refits.into_iter().map(|(_, refit)| refit).collect())
    }

    /// The row whose outcome each row is given: rows before the hold-out, moved in a circle within their symbol, all symbols
    /// alike that are long enough for it, so that what moves together keeps moving together. A shorter one has a distance of its
    /// own. Rows of a symbol that cannot be moved as far as the rules ask keep their place: they weigh nothing in the refit and
    /// are not judged. `None` where all are such.
    fn shift(&self, splits: &Splits, number: u32) -> Option<Vec<u32>> {
        let s = &self.data.samples;
        let mut of_symbol: Vec<Vec<u32>> = vec![Vec::new(); s.symbols.len()];
        for row in (0..s.len()).filter(|&row| s.matured[row] < splits.holdout.bound) {
            of_symbol[s.symbol[row] as usize].push(row as u32);
        }
        let least = self.rules.promotion_gates.g11_min_shift as usize;
        let mut lengths: Vec<usize> = of_symbol.iter().map(Vec::len).filter(|n| *n >= 2 * least).collect();
        lengths.sort_unstable();
        let usual = *lengths.get(lengths.len() / 2)?;
        let offset = shift_offset(&[usual], least, fit_seed(self.seed, self.rules.promotion_gates.g11_model, number, 0))?;
        let mut from: Vec<u32> = (0..s.len() as u32).collect();
        for rows in of_symbol {
            let Some(room) = rows.len().checked_sub(2 * least) else { continue };
            let own = if rows.len() >= offset + least { offset } else { least + offset % (room + 1) };
            let mut moved = rows.clone();
            circular_shift(&mut moved, own);
            for (row, outcome) in rows.into_iter().zip(moved) {
                from[row as usize] = outcome;
            }
        }
        Some(from)
    }

    /// Fits one block with moved labels: its answers at natural class shares, and these shares.
    fn refit(
        &self,
        block: &Prepared,
        from: &[u32],
        number: u32,
        seed: u32,
    ) -> Result<(Vec<[f32; Class::COUNT]>, Probabilities), ControlError> {
        let (s, gates) = (&self.data.samples, &self.rules.promotion_gates);
        let lot = if on_windows(gates.g11_model) { &block.windows } else { &block.table };
        let moved = |row: usize| s.class[from[row] as usize];
        let rows: Vec<usize> = block.sampled.iter().flatten().copied().collect();
        let class: Vec<Class> = rows.iter().map(|&row| moved(row)).collect();
        let keeps_place = |row: usize| from[row] as usize == row;
        let drawn = rows.iter().zip(&class).zip(&block.fold.weights).filter(|((row, _), _)| !keeps_place(**row));
        let learnt = || block.learnt.iter().filter(|row| !keeps_place(**row));
        let seen = sampling::seen_shares(drawn.map(|((row, k), w)| (s.regime[*row], *k, *w)), learnt().map(|row| s.regime[*row]));
        let natural = sampling::class_shares(learnt().map(|&row| (moved(row), 1.0)));
        let weight = rows.iter().zip(&lot.train.weight).map(|(row, weight)| if keeps_place(*row) { 0.0 } else { *weight });
        let train = Examples { class, weight: weight.collect(), inputs: lot.train.inputs.clone() };
        let slice = lot.slice.as_ref().map(|e| Examples { class: block.slice.iter().map(|&row| moved(row)).collect(), ..e.clone() });
        let seed = fit_seed(self.seed, gates.g11_model, number, seed);
        let quiet = |_: Epoch| {};
        let shift = if block.fold.correct_priors { sampling::prior_shift(&natural, &seen) } else { [0.0; Class::COUNT] };
        let (model, _) = self.terms.fit_on(gates.g11_model, (&train, slice.as_ref()), shift, (seed, None), &quiet)?;
        let answers = self.terms.ask(model.as_ref(), &lot.test)?;
        Ok((answers.into_iter().map(|p| p.map(|v| v as f32)).collect(), natural))
    }

    /// The whole pipeline on a random walk; `None` where it gives no splits.
    fn walk(&self, rules: &StrategySettings, number: u32, step: &(dyn Fn(u32) + Sync)) -> Result<Option<Refit>, ControlError> {
        let seed = fit_seed(self.seed, rules.promotion_gates.g11_model, u32::MAX, number);
        let data = walks::data_set((self.data, self.universe), rules, self.features, seed)?;
        let Some(splits) = &data.splits else { return Ok(None) };
        let model = rules.promotion_gates.g11_model;
        let channels = Channels::of(if on_windows(model) { &data.bars } else { &[] });
        let kitchen = Kitchen { data: &data, channels: &channels, rules, seed };
        let terms = Terms { width: data.samples.width, ..self.terms };
        let forms = Forms::of(&[model]);
        let mut said: Vec<Option<(Vec<Probabilities>, Probabilities)>> = vec![None; splits.blocks.len()];
        let fit = |k: usize| {
            self.go_on()?;
            let prepared = kitchen.prepare(&kitchen.stopping(&splits.blocks[k])?, &splits.blocks[k].test, forms);
            let made = terms.fit(model, &prepared, fit_seed(self.seed, model, k as u32, number), None, &|_| {})?;
            step(1);
            Ok::<_, ControlError>((k, made.answers, prepared.fold.natural))
        };
        let take = |(k, answers, prior): (usize, _, _)| {
            said[k] = Some((answers, prior));
            Ok(())
        };
        self.crew.each((0..splits.blocks.len()).collect(), fit, take)?;
        let (answers, priors): (Vec<Vec<Probabilities>>, Vec<Probabilities>) = said.into_iter().flatten().unzip();
        let pool = Pool::new(&data, splits, &priors, Outcomes::Real);
        self.weigh((&data, &pool, rules), answers.concat(), Outcomes::Real, NullKind::RandomWalk).map(Some)
    }

    /// What the answers of a refit are worth.
    fn weigh(
        &self,
        (data, pool, rules): (&DataSet, &Pool, &StrategySettings),
        answers: Vec<Probabilities>,
        outcomes: Outcomes<'_>,
        kind: NullKind,
    ) -> Result<Refit, ControlError> {
        let Decided { mut judged, mut at, .. } = decide(pool, data, &[answers], rules, u64::from(self.seed))?;
        if let Outcomes::Moved(from) = outcomes {
            // Rows that could not be moved far enough are not judged either.
            let moved = |at: &usize| from[pool.rows[*at]] as usize != pool.rows[*at];
            let kept = at.iter().map(moved).collect::<Vec<_>>();
            let mut each = kept.iter();
            judged.retain(|_| each.next().is_some_and(|kept| *kept));
            at.retain(moved);
        }
        // Sides are muted as the candidate's are, so that a null has the same chance of a lucky choice.
        let muted = muted(&judged, &rules.promotion_gates, resampling(rules, u64::from(self.seed)));
        let economics = trade(data, pool, (&judged, &at), outcomes, (rules, &muted))?.economics();
        let run = NullRun::of(kind, &judged, false);
        let earned = earns(&economics, self.trials, &rules.promotion_gates).then_some((judged, economics));
        Ok(Refit { run, earned })
    }
}

fn widened(answers: &Answers) -> Vec<Probabilities> {
    let whole = |p: &[f32; Class::COUNT]| {
        let p = p.map(f64::from);
        // Rounding to single precision has moved the sum from 1.
        let sum: f64 = p.iter().sum();
        p.map(|v| v / sum)
    };
    answers.iter().flatten().map(whole).collect()
}
