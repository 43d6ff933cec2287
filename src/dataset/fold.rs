//! The training rows of one fold: drawn by regime, with rare events and old errors mixed in, and weighed.
//!
//! Everything is worked out from the rows that the fold may know. Test rows never pass through here: they keep their
//! natural frequencies and weigh alike.

use chrono::NaiveDate;

use super::{DataSet, archive, replay};
use crate::config::strategy::StrategySettings;
use crate::labels::sampling::{self, Drawn};
use crate::labels::{Class, weights};
use crate::market::Regime;

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
    /// Class shares that the model sees, drawn and weighed: [`sampling::correct_prior`] undoes the difference.
    pub seen: [f64; Class::COUNT],
    /// Sum of uniqueness of the rows before drawing.
    pub n_eff: f64,
}

impl DataSet {
    /// The training rows made of `train`, rows of the samples whose labels all end before `bound`.
    pub fn fold(&self, train: &[usize], bound: NaiveDate, rules: &StrategySettings, seed: u64) -> Fold {
        let s = &self.samples;
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
        for at in draw.rows {
            rows.push(Origin::Sample(train[at]));
            weighed.push(weight(unique[at], regimes[at], s.date[train[at]]));
        }
        // Rows from aside have no life of their own in this fold: they count as unique as its rows on average.
        for i in archive::mixed_in(&self.archive, bound, train.len(), &rules.rare_event_archive) {
            let kept = &self.archive[i].row;
            rows.push(Origin::Archive(i));
            weighed.push(weight(mean, kept.regime, kept.date));
        }
        for (i, factor) in replay::mixed_in(&self.replay, bound, train.len(), &self.sessions, &rules.error_replay_buffer) {
            let kept = &self.replay[i].row;
            rows.push(Origin::Replay(i));
            weighed.push(factor * weight(mean, kept.regime, kept.date));
        }
        weights::normalise(&mut weighed);
        let natural = sampling::class_shares(train.iter().map(|&r| (s.class[r], 1.0)));
        let seen = sampling::class_shares(rows.iter().zip(&weighed).map(|(r, w)| (self.class(*r), *w)));
        Fold { rows, weights: weighed, drawn: draw.regimes, natural, seen, n_eff }
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
