//! What the model's answers were worth: matured predictions against validation, and what is expected of those that have not.

use std::collections::{BTreeSet, HashMap};

use chrono::NaiveDate;
use rayon::prelude::*;

use super::PERFORMANCE;
use super::window::Window;
use crate::config::strategy::DriftDetection;
use crate::dataset::recent::RecentSymbol;
use crate::drift::Verdict;
use crate::drift::performance::{Band, Expected, Matured, Performance, Standing, expected, warned_since};
use crate::labels::barrier::horizon_end;
use crate::labels::{Barriers, Class, Label, average_true_range};
use crate::market::{Instrument, Symbol};
use crate::scan::{WatchError, WatchOrder};
use crate::store::model::{Model, ModelReader};
use crate::train::metrics::Probabilities;
use crate::train::pipeline::pooled::resampling;

/// Nights of performance that are looked back on.
const HISTORY: u32 = 400;

/// What the answers were worth.
pub struct Worth {
    /// Of matured predictions.
    pub performance: Performance,
    /// Validation's periods of as many sessions as have matured; `None` without any, or where nothing is kept of what the model
    /// said out of fold.
    pub band: Option<Band>,
    /// The same of as many sessions as have not.
    pub open_band: Option<Band>,
    /// Of predictions that have not matured.
    pub expected: Option<Expected>,
}

/// One answer on its way to its outcome.
struct Answer {
    symbol: Symbol,
    date: NaiveDate,
    p: Probabilities,
    decision: Class,
}

/// Judges what the model said in nights after the last date it knows of.
pub fn worth(reader: &ModelReader, order: &WatchOrder<'_>, model: &Model, window: &Window) -> Result<Worth, WatchError> {
    let rule = &order.rules.drift_detection;
    let labels = Labels::new(order, window);
    let night = reader.night_predictions(model.model_id)?.into_iter().filter(|p| p.date > model.trained_to);
    let answers: Vec<Answer> = night
        .filter_map(|p| Some(Answer { symbol: p.symbol, date: p.date, p: p.p, decision: *Class::ALL.get(usize::from(p.decision))? }))
        .collect();
    let out_of_fold: Vec<Answer> = reader
        .out_of_fold(model.model_id)?
        .into_iter()
        .map(|p| Answer { symbol: p.symbol, date: p.date, p: p.p, decision: p.decision })
        .collect();
    // Both sides are held against the shares of the classes out of fold, so that they can be compared.
    let known: Vec<(&Answer, Label)> = out_of_fold.iter().filter_map(|a| Some((a, labels.of(a)?))).collect();
    let prior = shares(known.iter().map(|(_, label)| label.class));
    let matured = |(answer, label): &(&Answer, Label)| of(answer, label, prior);
    let validation: Vec<Matured> = known.iter().map(matured).collect();
    let live: Vec<(&Answer, Label)> = answers.iter().filter_map(|a| Some((a, labels.of(a)?))).collect();
    let live: Vec<Matured> = live.iter().map(matured).collect();
    // What has no label once its horizon has passed never gets one: it is not open, it is lost.
    let open: Vec<&Answer> = answers.iter().filter(|a| labels.is_open(a, order, window.session)).collect();
    let expected = expected(open.iter().map(|a| (a.p, a.decision)));
    // What there is is held against as many sessions of validation: fewer vary more.
    let draws = resampling(order.rules, u64::from(order.rules.ensemble.seed));
    let band = |sessions: u32| {
        let as_many = DriftDetection { performance_sessions: rule.performance_sessions.min(sessions), ..rule.clone() };
        (sessions > 0 && !validation.is_empty()).then(|| Band::of(&validation, &as_many, draws))
    };
    let matured_sessions = sessions(live.iter().map(|r| r.date));
    let (band, open_band) = (band(matured_sessions), band(sessions(open.iter().map(|a| a.date))));
    let least = order.rules.validation.bootstrap_block_sessions;
    let performance = match &band {
        None => nothing(rule, &live),
        Some(_) if matured_sessions < least => {
            let standing = Standing::Short { sessions: matured_sessions as usize, needed: least as usize };
            Performance { standing, ..nothing(rule, &live) }
        }
        Some(band) => band.judge(&live, (warned(reader, model, window.session)?, window.session), rule),
    };
    Ok(Worth { performance, band, open_band, expected })
}

/// Since which night before `session` every verdict warned.
fn warned(reader: &ModelReader, model: &Model, session: NaiveDate) -> Result<Option<NaiveDate>, WatchError> {
    let history = reader.drift_history(model.model_id, PERFORMANCE, HISTORY)?;
    let verdicts = history.iter().rev().filter(|r| r.date < session).map(|r| (r.date, standing(r.verdict)));
    Ok(warned_since(&verdicts.collect::<Vec<_>>()))
}

/// Nothing can be said of what has matured.
fn nothing(rule: &DriftDetection, live: &[Matured]) -> Performance {
    let signals = live.iter().filter(|r| r.decision != Class::Hold).count();
    let needed = rule.performance_min_signals as usize;
    let standing = if live.is_empty() { Standing::Insufficient { signals, needed } } else { Standing::NoBand };
    Performance { standing, dates: None, rows: live.len(), signals, readings: Vec::new() }
}

/// How many different dates.
fn sessions(dates: impl Iterator<Item = NaiveDate>) -> u32 {
    dates.collect::<BTreeSet<_>>().len() as u32
}

/// The verdict of an earlier night; how it came about does not matter any more.
const fn standing(verdict: Verdict) -> Standing {
    match verdict {
        Verdict::Critical => Standing::Critical,
        Verdict::Warning | Verdict::Drifted => Standing::Warning,
        Verdict::Stable => Standing::Stable,
        Verdict::Insufficient | Verdict::Uncalibrated => Standing::NoBand,
    }
}

fn of(answer: &Answer, label: &Label, prior: Probabilities) -> Matured {
    let net = match answer.decision {
        Class::Buy => label.net,
        Class::Sell => label.short_net(),
        Class::Hold => 0.0,
    };
    Matured { date: answer.date, class: label.class, p: answer.p, decision: answer.decision, prior, net }
}

/// Shares of the classes; even ones where there is none, or only some.
fn shares(classes: impl Iterator<Item = Class>) -> Probabilities {
    let mut counts = [0.0_f64; Class::COUNT];
    classes.for_each(|class| counts[class.index()] += 1.0);
    let total: f64 = counts.iter().sum();
    if counts.contains(&0.0) { [1.0 / 3.0; Class::COUNT] } else { counts.map(|n| n / total) }
}

/// Labels of the universe's bars.
struct Labels(HashMap<Symbol, HashMap<NaiveDate, Label>>);

impl Labels {
    fn new(order: &WatchOrder<'_>, window: &Window) -> Self {
        let rule = &order.rules.validation.label;
        let of = |(instrument, symbol): (&Instrument, &RecentSymbol)| {
            let bars = &symbol.adjusted.bars;
            let atr = average_true_range(bars, rule.atr_sessions);
            let barriers = Barriers::new(bars, &atr, instrument.calendar(), rule);
            let known = (0..bars.len()).filter_map(|bar| Some((bars.date[bar], barriers.label(bar).ok()?)));
            (instrument.symbol, known.collect())
        };
        Self(order.universe.instruments.par_iter().zip(&window.recent.symbols).map(of).collect())
    }

    /// Whether the label of an answer is still to come on the night of `session`.
    fn is_open(&self, answer: &Answer, order: &WatchOrder<'_>, session: NaiveDate) -> bool {
        let calendar = order.universe.get(answer.symbol).map(Instrument::calendar);
        let end = calendar.and_then(|c| horizon_end(c, answer.date, &order.rules.validation.label));
        self.of(answer).is_none() && end.is_some_and(|end| end >= session)
    }

    fn of(&self, answer: &Answer) -> Option<Label> {
        self.0.get(&answer.symbol)?.get(&answer.date).copied()
    }
}
