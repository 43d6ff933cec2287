//! The features of a strategy: the list of all, and the page of the one that is selected in it.

use std::fmt::Write as _;

use super::table::{Cell, Column, Row, SortKey, Table};
use super::{App, Asked, Effect, Page, Slot};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::engine::{FeatureDetail, FeatureLast, FeatureList, FeatureView, Histogram, Query, Reply};
use crate::market::Strategy;

static LIST_COLUMNS: [Column; 5] = [
    Column { title: "feature", width: 26, right: false },
    Column { title: "category", width: 16, right: false },
    Column { title: "lookback", width: 8, right: true },
    Column { title: "needs", width: 9, right: false },
    Column { title: "missing", width: 7, right: false },
];

static LAST_COLUMNS: [Column; 4] = [
    Column { title: "symbol", width: 9, right: false },
    Column { title: "value", width: 10, right: true },
    Column { title: "date", width: 10, right: false },
    Column { title: "", width: 20, right: false },
];

/// The values whose spread is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Spread {
    /// The newest of each symbol.
    #[default]
    Last,
    /// All of the last year.
    Year,
}

/// What the two pages show.
#[derive(Clone, Debug)]
pub struct Features {
    /// Whose features.
    pub strategy: Strategy,
    /// All of them.
    pub list: Asked<Box<FeatureList>>,
    /// Their rows; the key is the position in the list.
    pub table: Table,
    /// The selected one.
    pub detail: Asked<Box<FeatureDetail>>,
    /// Its newest values; the key is the position among the symbols.
    pub lasts: Table,
    /// What the histogram counts.
    pub spread: Spread,
    /// A feature that is to be shown as soon as the list is known.
    wanted: Option<String>,
}

impl Default for Features {
    fn default() -> Self {
        let mut lasts = Table::new(&LAST_COLUMNS);
        lasts.sort = Some((1, true));
        let (list, detail) = (Asked::default(), Asked::default());
        Self { strategy: Strategy::Turbomode, list, table: Table::new(&LIST_COLUMNS), detail, lasts, spread: Spread::Last, wanted: None }
    }
}

impl Features {
    /// The feature selected in the list.
    pub fn selected(&self) -> Option<&FeatureView> {
        let at = usize::try_from(self.table.selected?).ok()?;
        self.list.value.as_ref()?.features.get(at)
    }

    /// What is known of the selected feature's values.
    pub fn shown(&self) -> Option<&FeatureDetail> {
        let name = &self.selected()?.name;
        self.detail.value.as_deref().filter(|d| d.feature.name == *name && d.strategy == self.strategy)
    }

    /// The value under the cursor.
    pub fn last(&self) -> Option<&FeatureLast> {
        let at = usize::try_from(self.lasts.selected?).ok()?;
        self.shown()?.symbols.get(at)
    }

    /// The spread that is chosen, with its words.
    pub fn histogram(&self) -> Option<(&Histogram, &'static str)> {
        let detail = self.shown()?;
        Some(match self.spread {
            Spread::Last => (&detail.last, "Spread, newest"),
            Spread::Year => (&detail.year, "Spread, a year"),
        })
    }

    /// Takes an answer in; false when it is not for the newest question of its page.
    pub fn answer(&mut self, slot: Slot, generation: u64, result: Result<Reply, String>) -> bool {
        let odd = || "the engine answered another question".to_owned();
        if slot == Slot::Features {
            self.answer_list(generation, result.and_then(|r| if let Reply::Features(l) = r { Ok(l) } else { Err(odd()) }))
        } else {
            self.answer_detail(generation, result.and_then(|r| if let Reply::Feature(d) = r { Ok(d) } else { Err(odd()) }))
        }
    }

    fn answer_list(&mut self, generation: u64, result: Result<Box<FeatureList>, String>) -> bool {
        let newest = self.list.answer(generation, result);
        if let Some(list) = self.list.value.as_deref().filter(|_| newest) {
            self.table.replace(list.features.iter().zip(0..).map(|(f, key)| list_row(f, key)).collect());
        }
        newest
    }

    fn answer_detail(&mut self, generation: u64, result: Result<Box<FeatureDetail>, String>) -> bool {
        let newest = self.detail.answer(generation, result);
        if let Some(detail) = self.detail.value.as_deref().filter(|_| newest) {
            self.lasts.replace(detail.symbols.iter().zip(0..).map(|(s, key)| last_row(s, key)).collect());
        }
        newest
    }

    fn csv(&self) -> Option<String> {
        let mut out = String::from("symbol,date,value,missing\n");
        for last in &self.shown()?.symbols {
            let date = last.at.map(fmt::date).unwrap_or_default();
            let value = last.value.map(|v| v.to_string()).unwrap_or_default();
            let _ = writeln!(out, "{},{date},{value},{}", last.symbol, fmt::csv(last.reason.as_deref().unwrap_or_default()));
        }
        Some(out)
    }
}

impl App {
    /// Asks the question of the features page, or of one feature's.
    pub(super) fn ask_features(&mut self, fx: &mut Vec<Effect>) {
        if self.reachable() {
            let generation = self.features.list.ask();
            fx.push(Effect::Query { slot: Slot::Features, generation, query: Query::Features { strategy: self.features.strategy } });
        }
    }

    pub(super) fn ask_feature(&mut self, fx: &mut Vec<Effect>) {
        let Some(name) = self.features.selected().map(|f| f.name.clone()) else { return };
        if self.reachable() && self.features.wanted.is_none() {
            let generation = self.features.detail.ask();
            let query = Query::Feature { strategy: self.features.strategy, name };
            fx.push(Effect::Query { slot: Slot::Feature, generation, query });
        }
    }

    /// Opens a feature by its name. Where the list is not known it is asked for first.
    pub(super) fn open_feature(&mut self, strategy: Strategy, name: String, fx: &mut Vec<Effect>) {
        (self.features.strategy, self.features.wanted) = (strategy, Some(name));
        self.push_page(Page::Feature, fx);
        self.ask_features(fx);
        self.ask_wanted_feature(fx);
    }

    /// Puts the cursor on the wanted feature once the list is known, and asks for its values.
    pub(super) fn ask_wanted_feature(&mut self, fx: &mut Vec<Effect>) {
        let Some(list) = self.features.list.value.as_ref() else { return };
        let Some(name) = self.features.wanted.take() else { return };
        let at = list.features.iter().position(|f| f.name == name);
        self.features.table.filter.clear();
        self.features.table.selected = at.and_then(|i| i64::try_from(i).ok());
        self.features.table.refresh();
        self.ask_feature(fx);
    }

    /// Shows the features of the other strategy.
    pub(super) fn other_strategy(&mut self, fx: &mut Vec<Effect>) {
        let all = Strategy::ALL;
        let at = all.iter().position(|s| *s == self.features.strategy).unwrap_or(0);
        self.features.strategy = all[(at + 1) % all.len()];
        self.features.detail.forget();
        self.ask_features(fx);
        if self.page() == Some(Page::Feature) {
            self.ask_feature(fx);
        }
    }

    /// Goes to the feature before or after the shown one in the list.
    pub(super) fn step_feature(&mut self, by: isize, fx: &mut Vec<Effect>) {
        self.features.table.step(by);
        self.ask_feature(fx);
    }

    /// Changes what the histogram counts.
    pub(super) const fn next_spread(&mut self) {
        self.features.spread = match self.features.spread {
            Spread::Last => Spread::Year,
            Spread::Year => Spread::Last,
        };
    }

    /// What is selected on one of the pages, as JSON.
    pub(super) fn feature_json(&self) -> Option<String> {
        match self.page() {
            Some(Page::Feature) => serde_json::to_string(self.features.last()?).ok(),
            _ => serde_json::to_string(self.features.selected()?).ok(),
        }
    }

    /// The table of one of the pages as CSV, values in full.
    pub(super) fn features_csv(&self) -> Option<(&'static str, String)> {
        match self.page() {
            Some(Page::Feature) => self.features.csv().map(|text| ("feature", text)),
            _ => Some(("features", self.features.table.csv())),
        }
    }
}

fn list_row(f: &FeatureView, key: i64) -> Row {
    let missing = f.missing.map_or_else(|| "-".to_owned(), |share| format!("{:.1}%", share * 100.0));
    Row {
        key,
        role: Role::Dim,
        cells: vec![
            Cell::text(f.name.clone()),
            Cell::text(f.category.replace('_', " ")),
            Cell::number(f.lookback.to_string(), f.lookback.into()),
            Cell::text(if f.needs == "none" { "-" } else { &f.needs }),
            Cell { text: missing, key: SortKey::value(f.missing) },
        ],
    }
}

fn last_row(last: &FeatureLast, key: i64) -> Row {
    Row {
        key,
        role: if last.value.is_some() { Role::Text } else { Role::Stale },
        cells: vec![
            Cell::text(last.symbol.to_string()),
            Cell { text: last.value.map_or_else(|| "missing".to_owned(), fmt::figure), key: SortKey::value(last.value) },
            Cell::number(last.at.map(fmt::date).unwrap_or_default(), last.at.unwrap_or(i64::MIN)),
            Cell::text(last.reason.clone().unwrap_or_default()),
        ],
    }
}
