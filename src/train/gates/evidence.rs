//! What the gates judge by. A piece that is `None` or empty fails the gates that need it.

use std::ops::Deref;

use chrono::NaiveDate;

use crate::config::strategy::PromotionGates;
use crate::labels::Class;
use crate::labels::splits::Proof;
use crate::market::{Regime, Symbol};
use crate::train::bootstrap::{ByDate, Estimate, Resampling};
use crate::train::metrics::direction::{buy_share, directional_surprise};
use crate::train::metrics::{Confusion, Probabilities, Ranking, skill, surprise};

/// One out-of-fold prediction with its outcome, at natural frequency.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Date of the decision.
    pub date: NaiveDate,
    /// Whose it is.
    pub symbol: Symbol,
    /// The regime of that day.
    pub regime: Regime,
    /// What came.
    pub class: Class,
    /// Calibrated probabilities.
    pub p: Probabilities,
    /// Shares of the classes in the training fold.
    pub prior: Probabilities,
    /// Share of its label's life that it does not share with others of its symbol, 0 to 1.
    pub uniqueness: f64,
    /// What was decided.
    pub decision: Class,
}

/// How the predictions came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Integrity {
    /// Id of the data snapshot; empty if there was none.
    pub snapshot: String,
    /// Critical data-quality findings that were open in it.
    pub open_critical: usize,
    /// Feature values that reached a model as NaN or infinity.
    pub missing_values: usize,
    /// Hash of the feature definitions the model learnt with, and of those in force.
    pub feature_hash: [String; 2],
    /// The proof of each test block and the hold-out.
    pub purge: Vec<Proof>,
    /// The seed of the run; `None` if it was not written down.
    pub seed: Option<u64>,
}

/// One closed position of the backtest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trade {
    /// Of which symbol.
    pub symbol: Symbol,
    /// What it added to equity after costs, as a share of the equity at the start.
    pub net: f64,
}

/// The backtest on the out-of-fold decisions.
#[derive(Clone, Debug, PartialEq)]
pub struct Economics {
    /// Return of each session after costs.
    pub net: Vec<f64>,
    /// The same at the multiple of the costs that the rules ask for.
    pub stressed: Vec<f64>,
    /// All trades.
    pub trades: Vec<Trade>,
    /// Sessions a year, to show annual figures: 252, or 365 for markets that never close.
    pub sessions_a_year: f64,
}

/// How the data of a refit without a signal were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum NullKind {
    /// Real features, labels shifted in a circle.
    CircularShift,
    /// Prices of a random walk with clustered volatility.
    RandomWalk,
}

/// What a refit without a signal reached. A figure that its rows left undefined is `None`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NullRun {
    /// How its data were made.
    pub kind: NullKind,
    /// AUC of BUY against SELL.
    pub auc: Option<f64>,
    /// Mean recall.
    pub balanced_accuracy: Option<f64>,
    /// Mean F1.
    pub macro_f1: Option<f64>,
    /// Whether it passed G2b and G9 both.
    pub passed: bool,
}

/// The model that gives signals now.
#[derive(Clone, Debug, PartialEq)]
pub enum Incumbent {
    /// There is none.
    Vacant,
    /// Its probabilities on the candidate's rows, in their order.
    Answers(Vec<Probabilities>),
}

/// All that is known of a candidate.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    /// How its predictions came about.
    pub integrity: Option<Integrity>,
    /// Pooled out-of-fold predictions.
    pub rows: Vec<Judged>,
    /// The backtest of its decisions.
    pub economics: Option<Economics>,
    /// Sharpe ratios per session of all trials of this strategy so far, this one included.
    pub trials: Option<Vec<f64>>,
    /// The run's refits without a signal.
    pub nulls: Option<Vec<NullRun>>,
    /// Whom it would replace; `None` if nobody looked.
    pub incumbent: Option<Incumbent>,
    /// Sessions of live paper signals it has given as a shadow.
    pub shadow_sessions: u32,
}

/// What pages show of a pool, with bootstrap distributions.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimates {
    /// Three-class log-loss skill over the prior.
    pub skill: Estimate,
    /// Log-loss skill of BUY against SELL.
    pub directional_skill: Estimate,
    /// AUC of BUY against SELL.
    pub auc: Estimate,
    /// Mean recall of the decisions.
    pub balanced_accuracy: Estimate,
    /// AUC of HOLD.
    pub hold_auc: Option<f64>,
}

/// Rows of a pool with the figures that several gates look at, sorted into dates once.
pub(super) struct Pool<'a> {
    rows: &'a [Judged],
    pub by_date: ByDate,
}

impl Deref for Pool<'_> {
    type Target = [Judged];

    fn deref(&self) -> &[Judged] {
        self.rows
    }
}

impl<'a> Pool<'a> {
    pub fn new(rows: &'a [Judged], resampling: Resampling) -> Self {
        Self { rows, by_date: ByDate::new(rows.iter().map(|r| r.date), resampling) }
    }

    /// Three-class log-loss skill over the prior of each row's fold, on the rows that `belongs` picks. A draw without
    /// such a row counts as 0: no sign of skill and none of its lack.
    pub fn skill(&self, belongs: impl Fn(&Judged) -> bool) -> Estimate {
        let picked = self.rows.iter().enumerate().filter(|(_, r)| belongs(r));
        let terms = picked.map(|(i, r)| (i, [surprise(r.class, &r.p), surprise(r.class, &r.prior)]));
        self.by_date.of_sums(terms, |[loss, prior]| Some(skill(*loss, *prior).unwrap_or(0.0)))
    }

    /// Log-loss skill of BUY against SELL over the ratio of the two in each row's fold.
    pub fn directional_skill(&self) -> Estimate {
        let losses = |r: &Judged| Some([directional_surprise(r.class, &r.p)?, directional_surprise(r.class, &r.prior)?]);
        let terms = self.rows.iter().enumerate().filter_map(|(i, r)| Some((i, losses(r)?)));
        self.by_date.of_sums(terms, |[loss, prior]| skill(*loss, *prior))
    }

    /// AUC of BUY against SELL.
    pub fn directional_auc(&self) -> Estimate {
        let sided = self.rows.iter().enumerate().filter(|(_, r)| r.class != Class::Hold);
        let ranking = Ranking::new(sided.map(|(i, r)| (i, buy_share(&r.p), r.class == Class::Buy)));
        self.by_date.of_weights(|weights| ranking.auc(|row| weights[self.by_date.date_of(row)]))
    }

    /// AUC of the probability of HOLD for HOLD: skill that is timing of volatility.
    pub fn hold_auc(&self) -> Option<f64> {
        crate::train::metrics::auc(self.rows.iter().map(|r| (r.p[Class::Hold.index()], r.class == Class::Hold)))
    }

    /// A figure of the confusion of decisions and outcomes.
    pub fn of_decisions(&self, figure: impl Fn(&Confusion) -> Option<f64> + Sync) -> Estimate {
        self.confused(|r| r.decision, figure)
    }

    /// A figure of the confusion of `decide`'s answers and outcomes.
    pub fn confused(&self, decide: impl Fn(&Judged) -> Class, figure: impl Fn(&Confusion) -> Option<f64> + Sync) -> Estimate {
        let terms = self.rows.iter().enumerate().map(|(i, r)| {
            let mut cells = [0.0; Class::COUNT * Class::COUNT];
            cells[r.class.index() * Class::COUNT + decide(r).index()] = 1.0;
            (i, cells)
        });
        self.by_date
            .of_sums(terms, |cells| figure(&Confusion(std::array::from_fn(|k| std::array::from_fn(|j| cells[k * Class::COUNT + j])))))
    }

    /// Rows as outcome and probabilities.
    pub fn answers(&self) -> Vec<(Class, Probabilities)> {
        self.rows.iter().map(|r| (r.class, r.p)).collect()
    }
}

impl NullKind {
    /// What its refits are "on".
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::CircularShift => "on shifted labels",
            Self::RandomWalk => "on random walks",
        }
    }
}

impl NullRun {
    /// The figures of a refit's pool, which are compared with those of the candidate.
    pub fn of(kind: NullKind, rows: &[Judged], passed: bool) -> Self {
        let none = Resampling { block: 1, draws: 0, seed: 0 };
        let pool = Pool::new(rows, none);
        Self {
            kind,
            auc: pool.directional_auc().value,
            balanced_accuracy: pool.of_decisions(Confusion::balanced_accuracy).value,
            macro_f1: pool.of_decisions(Confusion::macro_f1).value,
            passed,
        }
    }
}

/// The refits on shifted labels, if there are as many as the rules ask for.
pub(super) fn shift_nulls<'a>(nulls: Option<&'a [NullRun]>, rule: &PromotionGates) -> Result<Vec<&'a NullRun>, String> {
    enough(nulls, NullKind::CircularShift, rule.g11_shift_refits)
}

/// The refits of a kind, if there are as many as the rules ask for; else what is missing.
pub(super) fn enough(nulls: Option<&[NullRun]>, kind: NullKind, wanted: u32) -> Result<Vec<&NullRun>, String> {
    let found: Vec<&NullRun> = nulls.unwrap_or_default().iter().filter(|n| n.kind == kind).collect();
    if found.len() >= wanted as usize {
        return Ok(found);
    }
    Err(format!("{} of {wanted} refits {} are there", found.len(), kind.words()))
}
