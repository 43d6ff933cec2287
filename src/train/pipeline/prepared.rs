//! One block of the plan as models see it: rows drawn, weighed and brought to scale inside the fold, and the test rows by the
//! same scale.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::NaiveDate;
use rayon::prelude::*;

use super::fitting::on_windows;
use crate::config::strategy::{ModelName, StrategySettings};
use crate::dataset::windows::{CHANNELS, Channels};
use crate::dataset::{DataSet, Fold, Normaliser, Origin};
use crate::labels::Class;
use crate::labels::splits::{Block, EarlyStop, Learnable, SplitError, early_stop};
use crate::market::Symbol;
use crate::train::models::{Examples, Inputs, Windows};

/// What a block's models are fitted on and asked about.
pub struct Prepared {
    /// The training rows, with the class shares that undo the drawing.
    pub fold: Fold,
    /// The scale of the features.
    pub features: Normaliser,
    /// The scale of the channels.
    pub channels: Normaliser,
    /// For models of the table.
    pub table: Lot,
    /// For models on windows.
    pub windows: Lot,
    /// Sample rows of the training rows of `table`, `None` for rows from aside: what a null control moves labels between.
    pub sampled: Vec<Option<usize>>,
    /// Sample rows that the training rows were drawn from.
    pub learnt: Vec<usize>,
    /// Sample rows on which training stops early.
    pub slice: Vec<usize>,
    /// Sample rows that test.
    pub test: Vec<usize>,
}

/// The rows of a block in one form.
#[derive(Clone, Default)]
pub struct Lot {
    /// Rows that are fitted.
    pub train: Examples,
    /// Rows on which training stops early; `None` for a refit on all rows.
    pub slice: Option<Examples>,
    /// Rows that are asked about.
    pub test: Inputs,
}

/// Which rows are learnt from.
pub enum Learn {
    /// A block's training rows, the last of them set aside to stop on.
    Stopping(EarlyStop),
    /// All rows given, for as many epochs as were found good before.
    All(All),
}

/// Rows without an early-stop slice.
pub struct All {
    /// Positions in the samples.
    pub rows: Vec<usize>,
    /// All horizons of them end before.
    pub bound: NaiveDate,
}

impl Learnable for All {
    fn rows(&self) -> &[usize] {
        &self.rows
    }

    fn bound(&self) -> NaiveDate {
        self.bound
    }
}

/// Sessions of the longest window that the configuration allows.
const LONGEST: usize = 256;

/// Which forms are wanted: copying 200,000 rows that nobody asks for takes 140 MB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forms {
    /// Features.
    pub table: bool,
    /// Windows of channels.
    pub windows: bool,
}

impl Forms {
    /// Those that `models` see.
    pub fn of(models: &[ModelName]) -> Self {
        Self { table: models.iter().any(|m| !on_windows(*m)), windows: models.iter().any(|m| on_windows(*m)) }
    }
}

/// What blocks are prepared from.
pub struct Kitchen<'a> {
    /// All rows.
    pub data: &'a DataSet,
    /// The channels of all bars.
    pub channels: &'a Channels,
    /// Rules of drawing, weighing and cutting off.
    pub rules: &'a StrategySettings,
    /// Of the draw.
    pub seed: u64,
}

impl Kitchen<'_> {
    /// The training rows of a block with a slice to stop on.
    pub fn stopping(&self, block: &Block) -> Result<Learn, SplitError> {
        let (data, rule) = (self.data, &self.rules.validation);
        let embargo = data.splits.as_ref().map_or(0, |s| s.embargo);
        early_stop(&data.samples.lifetimes(), &data.sessions, block, rule.early_stop_share, embargo).map(Learn::Stopping)
    }

    /// Prepares what `learn` says and `test`. Everything that is measured is measured on the rows that are fitted.
    pub fn prepare(&self, learn: &Learn, test: &[usize], forms: Forms) -> Prepared {
        let (fold, rows, bound, slice) = match learn {
            Learn::Stopping(early) => (self.data.fold(early, self.rules, self.seed), &early.fit, early.bound, Some(&early.stop)),
            Learn::All(all) => (self.data.fold(all, self.rules, self.seed), &all.rows, all.bound, None),
        };
        let slice = slice.filter(|rows| !rows.is_empty());
        let s = &self.data.samples;
        let percent = self.rules.features.winsor_percent;
        let features = if forms.table { Normaliser::fit(&s.features, s.width, rows, percent) } else { Normaliser::default() };
        let channels = if forms.windows { self.channels.scale(bound, percent) } else { Normaliser::default() };
        let plain = |rows: &[usize]| rows.iter().map(|&r| Origin::Sample(r)).collect::<Vec<_>>();
        let (slice_rows, test_rows) = (slice.map(|rows| plain(rows)), plain(test));
        let mut out = Prepared {
            table: Lot::default(),
            windows: Lot::default(),
            sampled: fold.rows.iter().map(|r| if let Origin::Sample(i) = r { Some(*i) } else { None }).collect(),
            learnt: rows.clone(),
            slice: slice.cloned().unwrap_or_default(),
            test: test.to_vec(),
            features,
            channels,
            fold,
        };
        if forms.table {
            let inputs = |rows: &[Origin]| self.table(rows, &out.features);
            out.table = Lot {
                train: self.examples(inputs(&out.fold.rows), &out.fold.rows, &out.fold.weights),
                slice: slice_rows.as_ref().map(|rows| self.examples(inputs(rows), rows, &vec![1.0; rows.len()])),
                test: inputs(&test_rows),
            };
        }
        if forms.windows {
            let places = Places { kitchen: self, series: Arc::new(self.channels.scaled(&out.channels)), of_bar: self.bars_aside() };
            let (train, weights) = places.windowed(&out.fold.rows, &out.fold.weights);
            out.windows = Lot {
                train: self.examples(places.inputs(&train), &train, &weights),
                slice: slice_rows.as_ref().map(|rows| self.examples(places.inputs(rows), rows, &vec![1.0; rows.len()])),
                test: places.inputs(&test_rows),
            };
        }
        out
    }

    fn table(&self, rows: &[Origin], scale: &Normaliser) -> Inputs {
        let width = self.data.samples.width;
        let mut table = vec![0.0_f32; rows.len() * width];
        table.par_chunks_exact_mut(width.max(1)).zip(rows).for_each(|(out, row)| {
            out.copy_from_slice(self.data.features(*row));
            scale.apply(out);
        });
        Inputs { width, table: table.into(), windows: Windows::default() }
    }

    fn examples(&self, inputs: Inputs, rows: &[Origin], weights: &[f64]) -> Examples {
        let class: Vec<Class> = rows.iter().map(|r| self.data.class(*r)).collect();
        Examples { inputs, class, weight: weights.iter().map(|w| *w as f32).collect() }
    }

    /// The bars of the rows from aside; those whose bars are gone are not in it.
    fn bars_aside(&self) -> HashMap<(Symbol, NaiveDate), usize> {
        let data = self.data;
        let position: HashMap<Symbol, usize> = data.samples.symbols.iter().enumerate().map(|(i, s)| (*s, i)).collect();
        let rows = data.archive.iter().chain(&data.replay).map(|kept| (kept.row.symbol, kept.row.date));
        let bar = |(symbol, date): (Symbol, NaiveDate)| {
            let at = *position.get(&symbol)?;
            // A window that began in the bars of the symbol before would be no window.
            let bar = data.bars[at].date.binary_search(&date).ok().filter(|bar| bar + 1 >= LONGEST)?;
            Some(((symbol, date), self.channels.first[at] + bar))
        };
        rows.filter_map(bar).collect()
    }
}

/// Where the window of each row ends.
struct Places<'a> {
    kitchen: &'a Kitchen<'a>,
    series: Arc<Vec<f32>>,
    of_bar: HashMap<(Symbol, NaiveDate), usize>,
}

impl Places<'_> {
    /// The rows that have a window, with their weights.
    fn windowed(&self, rows: &[Origin], weights: &[f64]) -> (Vec<Origin>, Vec<f64>) {
        rows.iter().zip(weights).filter(|(row, _)| self.last(**row).is_some()).map(|(row, weight)| (*row, *weight)).unzip()
    }

    fn inputs(&self, rows: &[Origin]) -> Inputs {
        let last = rows.iter().filter_map(|row| self.last(*row)).collect();
        Inputs { windows: Windows { channels: CHANNELS.len(), series: Arc::clone(&self.series), last }, ..Inputs::default() }
    }

    /// A sample has at least 271 bars before it, more than any window looks back.
    fn last(&self, row: Origin) -> Option<u32> {
        let data = self.kitchen.data;
        let kept = match row {
            Origin::Sample(i) => {
                let s = &data.samples;
                return Some((self.kitchen.channels.first[s.symbol[i] as usize] as u32) + s.bar[i]);
            }
            Origin::Archive(i) => &data.archive[i].row,
            Origin::Replay(i) => &data.replay[i].row,
        };
        self.of_bar.get(&(kept.symbol, kept.date)).map(|bar| *bar as u32)
    }
}
