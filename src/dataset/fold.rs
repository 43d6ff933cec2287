//! The training rows of one fold: drawn by regime, with rare events and old errors mixed in, and weighed.
//!
//! Everything is worked out from the rows that the fold may know. Test rows never pass through here: they keep their
//! natural frequencies and weigh alike.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::kept::{KeptRow, Present};
use super::{DataSet, archive, replay};
use crate::config::strategy::StrategySettings;
use crate::labels::sampling::{self, Drawn};
use crate::labels::splits::Learnable;
use crate::labels::{Class, weights};
use crate::market::{Regime, Symbol};

/// Where a training row comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A row of the samples.
    Sample(usize),
    /// A row of [`DataSet::archive`].
    Archive(usize),
    /// A row of [`DataSet::replay`].
    Replay(usize),
}

/// Training rows of one fold.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    /// The rows, samples first; one that is drawn twice is there twice.
    pub rows: Vec<Origin>,
    /// What each weighs in the loss; their mean is 1.
    pub weights: Vec<f64>,
    /// What was drawn of each regime.
    pub drawn: [Drawn; Regime::ALL.len()],
    /// Class shares of the rows before drawing, SELL, HOLD, BUY.
    pub natural: [f64; Class::COUNT],
    /// Class shares that the model sees, drawn and weighed, at the natural shares of regimes: [`Fold::shift`] undoes the difference.
    pub seen: [f64; Class::COUNT],
    /// Whether the rules want it undone.
    pub correct_priors: bool,
    /// Sum of uniqueness of the rows before drawing.
    pub n_eff: f64,
}

impl Fold {
    /// What a fit on these rows adds to its logits, so that the model answers at the natural shares of the classes; nothing
    /// where `balanced_sampling.correct_priors` is off.
    pub fn shift(&self) -> [f64; Class::COUNT] {
        if self.correct_priors { sampling::prior_shift(&self.natural, &self.seen) } else { [0.0; Class::COUNT] }
    }
}

/// How often each row is in a fold, from wherever it comes.
struct Copies {
    of: HashMap<(Symbol, NaiveDate), u32>,
    most: u32,
}

impl Copies {
    /// Counts a row from aside, unless there are enough of it.
    fn admit(&mut self, row: &KeptRow) -> bool {
        let copies = self.of.entry((row.symbol, row.date)).or_default();
        let room = *copies < self.most;
        *copies += u32::from(room);
        room
    }
}

impl DataSet {
    /// The training rows made of a block or of its part that is fitted. Rows from aside that have not matured before its bound
    /// are not in it.
    pub fn fold(&self, of: &impl Learnable, rules: &StrategySettings, seed: u64) -> Fold {
        let (s, train, bound) = (&self.samples, of.rows(), of.bound());
        let unique = s.uniqueness_among(train);
        let n_eff = weights::n_eff(&unique);
        let mean = n_eff / train.len().max(1) as f64;
        let now = self.session(bound);
        let weight = |unique: f64, regime: Regime, date: NaiveDate| {
            weights::loss_weight(unique, regime, now.saturating_sub(self.session(date)), &rules.regime_weighted_loss)
        };
        let regimes: Vec<Regime> = train.iter().map(|&r| s.regime[r]).collect();
        let draw = sampling::balanced(&regimes, &rules.balanced_sampling, seed);
        let mut rows: Vec<Origin> = Vec::with_capacity(draw.rows.len());
        let mut weighed: Vec<f64> = Vec::with_capacity(draw.rows.len());
        let mut copies = Copies { of: HashMap::new(), most: rules.balanced_sampling.max_repetition };
        for at in draw.rows {
            let row = train[at];
            rows.push(Origin::Sample(row));
            weighed.push(weight(unique[at], regimes[at], s.date[row]));
            *copies.of.entry((s.symbols[s.symbol[row] as usize], s.date[row])).or_default() += 1;
        }
        let present = Present { bound, rows: train.len(), sessions: &self.sessions };
        // Rows from aside have no life of their own in this fold: they count as unique as its rows on average.
        let rule = (&rules.rare_event_archive, &rules.dynamic_archive_updates);
        for i in archive::mixed_in(&self.archive, &present, rule, |row| copies.admit(row)) {
            let kept = &self.archive[i].row;
            rows.push(Origin::Archive(i));
            weighed.push(weight(mean, kept.regime, kept.date));
        }
        for (i, factor) in replay::mixed_in(&self.replay, &present, &rules.error_replay_buffer, |row| copies.admit(row)) {
            let kept = &self.replay[i].row;
            rows.push(Origin::Replay(i));
            weighed.push(factor * weight(mean, kept.regime, kept.date));
        }
        weights::normalise(&mut weighed);
        let natural = sampling::class_shares(train.iter().map(|&r| (s.class[r], 1.0)));
        let drawn = rows.iter().zip(&weighed).map(|(r, w)| (self.regime(*r), self.class(*r), *w));
        let seen = sampling::seen_shares(drawn, regimes.iter().copied());
        Fold { rows, weights: weighed, drawn: draw.regimes, natural, seen, correct_priors: rules.balanced_sampling.correct_priors, n_eff }
    }

    /// The regime of a training row.
    pub fn regime(&self, row: Origin) -> Regime {
        match row {
            Origin::Sample(i) => self.samples.regime[i],
            Origin::Archive(i) => self.archive[i].row.regime,
            Origin::Replay(i) => self.replay[i].row.regime,
        }
    }

    /// The class of a training row.
    pub fn class(&self, row: Origin) -> Class {
        match row {
            Origin::Sample(i) => self.samples.class[i],
            Origin::Archive(i) => self.archive[i].row.class,
            Origin::Replay(i) => self.replay[i].row.class,
        }
    }

    /// The features of a training row, before they are brought to scale.
    pub fn features(&self, row: Origin) -> &[f32] {
        match row {
            Origin::Sample(i) => self.samples.row(i),
            Origin::Archive(i) => &self.archive[i].row.features,
            Origin::Replay(i) => &self.replay[i].row.features,
        }
    }

    /// Number of the first session at or after `date`.
    fn session(&self, date: NaiveDate) -> usize {
        self.sessions.partition_point(|&s| s < date)
    }
}
