//! What models learn from, as sheets: features and labels of a symbol.

use chrono::NaiveDate;

use super::{Sheet, Values, about};
use crate::labels::{Label, NoLabel};
use crate::market::{Regime, Symbol, date_to_ts};

/// The label of one day, or why it has none.
#[derive(Clone, Debug, PartialEq)]
pub struct LabelRow {
    /// Date of the decision.
    pub date: NaiveDate,
    /// Regime of the day; `None` where history is too short.
    pub regime: Option<Regime>,
    /// What came of it.
    pub label: Result<Label, NoLabel>,
    /// Mean of 1 / labels alive at the same time, among the labels of the symbol; NaN without a label.
    pub uniqueness: f64,
}

impl Sheet {
    /// Features of a symbol: a column each, beside the dates. `facts` say of what they were made.
    pub fn features(
        symbol: Symbol,
        facts: Vec<(&'static str, String)>,
        ts: Vec<i64>,
        columns: impl Iterator<Item = (&'static str, Vec<f64>)>,
    ) -> Self {
        let columns = columns.map(|(name, values)| (name, Values::Number(values)));
        Self {
            about: about("features", symbol, None).into_iter().chain(facts).collect(),
            columns: std::iter::once(("date", Values::Date(ts))).chain(columns).collect(),
        }
    }

    /// Labels of a symbol. Days without one say why. Prices are forward-adjusted: returns are right, levels are not
    /// those that were paid.
    pub fn labels(symbol: Symbol, facts: Vec<(&'static str, String)>, rows: &[LabelRow]) -> Self {
        let number = |pick: fn(&Label) -> f64| Values::Number(rows.iter().map(|r| r.label.as_ref().map_or(f64::NAN, pick)).collect());
        let word = |pick: fn(&LabelRow) -> Option<String>| Values::Text(rows.iter().map(pick).collect());
        let end = |r: &LabelRow| r.label.as_ref().ok().map(|l| date_to_ts(l.end));
        Self {
            about: about("labels", symbol, None).into_iter().chain(facts).collect(),
            columns: vec![
                ("date", Values::Date(rows.iter().map(|r| date_to_ts(r.date)).collect())),
                ("regime", word(|r| r.regime.map(|g| g.to_string()))),
                ("label", word(|r| r.label.as_ref().ok().map(|l| l.class.to_string()))),
                ("why_none", word(|r| r.label.as_ref().err().map(why))),
                ("label_end", Values::MaybeDate(rows.iter().map(end).collect())),
                ("bars_held", number(|l| f64::from(l.bars))),
                ("entry", number(|l| l.entry)),
                ("half_width", number(|l| l.half_width)),
                ("exit", number(|l| l.exit)),
                ("gross_return", number(|l| l.gross)),
                ("net_return", number(|l| l.net)),
                ("uniqueness", Values::Number(rows.iter().map(|r| r.uniqueness).collect())),
            ],
        }
    }
}

fn why(none: &NoLabel) -> String {
    match none {
        NoLabel::ShortHistory => "short_history".to_owned(),
        NoLabel::Unmatured => "unmatured".to_owned(),
        NoLabel::MissingSession(date) => format!("missing_session {date}"),
        NoLabel::Ambiguous { end, .. } => format!("ambiguous {end}"),
        NoLabel::NoWidth => "no_width".to_owned(),
    }
}
