//! Steps 9 to 11: what the answers out of fold are worth, what they lean on, and the verdict.

use super::curves::Curves;
use super::data::Data;
use super::error::TrainError;
use super::fits::AllFits;
use super::leaning::{Leaning, lean};
use super::scores::{Scores, combination, scores};
use super::{Run, incumbent};
use crate::config::strategy::Step;
use crate::dataset::of_bars::real_features;
use crate::features::definition_hash;
use crate::labels::Class;
use crate::store::model::ModelKind;
use crate::train::backtest::{Backtest, buy_and_hold};
use crate::train::gates::{Evidence, Integrity, Report, Status, estimates, judge, muted};
use crate::train::pipeline::control::Control;
use crate::train::pipeline::crew::Crew;
use crate::train::pipeline::economics::trade;
use crate::train::pipeline::fitting::Terms;
use crate::train::pipeline::pooled::{Decided, Outcomes, Pool, resampling};
use crate::train::pipeline::prepared::Kitchen;
use crate::train::sharpe::Track;

/// What is judged.
pub struct Judging<'a> {
    pub run: &'a Run<'a>,
    pub data: &'a Data,
    pub kitchen: &'a Kitchen<'a>,
    pub terms: Terms<'a>,
    pub crew: &'a Crew,
    pub pool: &'a Pool,
    pub decided: &'a Decided,
    pub fits: &'a AllFits,
}

/// What the answers are worth.
pub struct Scored {
    /// In figures.
    pub scores: Scores,
    /// Trading by the decisions of the sides that are not muted.
    pub backtest: Backtest,
    /// Sides that give no signals.
    pub muted: Vec<Class>,
    /// Net Sharpe ratio a session.
    pub sharpe: Option<f64>,
}

impl Judging<'_> {
    /// Step 9.
    pub fn validate(&self) -> Result<Scored, TrainError> {
        let (run, rules) = (self.run, self.run.order.rules);
        run.board.begin(Step::Validation);
        let resampling = resampling(rules, u64::from(run.order.seed));
        let rows = &self.decided.judged;
        let muted = muted(rows, &rules.promotion_gates, resampling);
        let backtest = trade(&self.data.set, self.pool, (rows, &self.decided.at), Outcomes::Real, (rules, &muted))?;
        let market = buy_and_hold(&self.data.set.bars, &backtest.sessions);
        let report = backtest.report(&market, resampling, rules.promotion_gates.bound_quantile);
        let estimates = estimates(rows, resampling);
        let parameters = self.fits.ready.values().flat_map(|one| &one.weights).map(|w| w.values.len()).sum();
        let words = combination(self.decided, &self.terms.profile.models);
        let curves = Some(Curves::of(rows, &backtest, &market));
        let scores = scores(rows, (&backtest, report), (&estimates, rules), run.order.universe, (&words, parameters));
        let scores = Scores { curves, ..scores };
        let sharpe = Track::of(&backtest.net).map(|t| t.sharpe);
        let figure = |v: Option<f64>| v.map_or("unknown".to_owned(), |v| format!("{v:.3}"));
        let note = format!("{} rows, AUC {}, skill {}", rows.len(), figure(scores.auc), figure(scores.skill));
        run.board.done(Step::Validation, note);
        Ok(Scored { scores, backtest, muted, sharpe })
    }

    /// Step 10, unless the rules leave it out.
    pub fn attribute(&self) -> Result<Leaning, TrainError> {
        let (run, rules) = (self.run, self.run.order.rules);
        run.go_on()?;
        if !rules.orchestrator.steps.contains(&Step::Attribution) {
            run.board.left_out(Step::Attribution);
            return Ok(Leaning::default());
        }
        run.board.begin(Step::Attribution);
        let leaning = lean(self)?;
        run.board.done(Step::Attribution, leaning.note());
        Ok(leaning)
    }

    /// Step 11.
    pub fn gates(&self, scored: &Scored) -> Result<Report, TrainError> {
        let (run, order, rules) = (self.run, self.run.order, self.run.order.rules);
        run.go_on()?;
        run.board.begin(Step::Gates);
        let before = run.desk.with(|db| db.reader().trials())?;
        // This run's own trial may be on record from an attempt that was interrupted.
        let earlier = before.iter().filter(|t| t.run_id != run.number).map(|t| t.sharpe.unwrap_or(0.0));
        let trials: Vec<f64> = earlier.chain([scored.sharpe.unwrap_or(0.0)]).collect();
        run.desk.with(|db| db.add_trials(run.number, &[(ModelKind::Ensemble.to_string(), scored.sharpe)]))?;
        let told = |view| run.board.nulls(view);
        let control = Control {
            data: &self.data.set,
            universe: order.universe,
            rules,
            terms: self.terms,
            crew: self.crew,
            gently: &order.stop.gently,
            seed: order.seed,
            trials: &trials,
            features: &real_features,
            told: &told,
        };
        let nulls = control.run()?;
        run.go_on()?;
        let incumbent = incumbent::answers(self)?;
        let evidence = Evidence {
            integrity: Some(self.integrity()?),
            rows: self.decided.judged.clone(),
            economics: Some(scored.backtest.economics()),
            trials: Some(trials),
            nulls: Some(nulls),
            incumbent: Some(incumbent),
            shadow_sessions: 0,
        };
        let report = judge(&evidence, &rules.promotion_gates, resampling(rules, u64::from(order.seed)));
        run.board.gates(&report.results);
        let count = |status| report.results.iter().filter(|g| g.status == status).count();
        let (passed, failed, muted) = (count(Status::Pass), count(Status::Fail), count(Status::Muted));
        let muted = if muted > 0 { format!(", {muted} side muted") } else { String::new() };
        run.board.done(Step::Gates, format!("{passed} passed, {failed} not met{muted}"));
        Ok(report)
    }

    fn integrity(&self) -> Result<Integrity, TrainError> {
        let (order, set) = (self.run.order, &self.data.set);
        let mut blocked = 0;
        for (instrument, bars) in order.universe.instruments.iter().zip(&set.bars) {
            // Whose bars were blocked when rows were made has no bars here.
            if !bars.is_empty() {
                let state = order.master.ask(|reader| reader.daily(instrument.symbol, i64::MAX))?.0;
                blocked += usize::from(state.unusable.is_some());
            }
        }
        Ok(Integrity {
            snapshot: set.summary.snapshot.clone(),
            open_critical: blocked,
            missing_values: self.data.not_finite,
            feature_hash: [set.summary.definition.clone(), definition_hash().to_owned()],
            purge: self.data.proof.clone(),
            seed: Some(u64::from(order.seed)),
        })
    }
}
