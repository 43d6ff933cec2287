//! Sectors and symbols with too few rows to learn from or to judge by.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::summary::Group;
use crate::config::strategy::Tracking;

/// What is too little, or too much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Measure {
    /// Rows of a sector.
    SectorRows,
    /// Symbols of a sector that have rows.
    SectorSymbols,
    /// A sector's share of all rows: too much.
    SectorShare,
    /// Rows of a symbol.
    SymbolRows,
    /// Sum of uniqueness of a symbol's rows.
    SymbolEffectiveRows,
}

/// A sector or a symbol that is thin, or a sector that outweighs the others.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Thin {
    /// The sector or the symbol.
    pub name: String,
    /// What was measured.
    pub measure: Measure,
    /// What it is.
    pub value: f64,
    /// What the rule asks for.
    pub limit: f64,
}

impl Thin {
    /// One sentence for people.
    pub fn sentence(&self) -> String {
        let Self { name, value, limit, .. } = self;
        match self.measure {
            Measure::SectorRows => format!("{name} has {value} labelled rows, fewer than {limit}: results by sector say little"),
            Measure::SectorSymbols => {
                format!("{name} has {value} symbols with rows, fewer than {limit}: it stands for them, not for a sector")
            }
            Measure::SectorShare => {
                format!("{name} gives {:.0} % of all rows, more than {:.0} %: the models mostly learn it", 100.0 * value, 100.0 * limit)
            }
            Measure::SymbolRows => format!("{name} has {value} labelled rows, fewer than {limit}: results by symbol say little"),
            Measure::SymbolEffectiveRows => {
                format!("the rows of {name} tell as much as {value:.1} that do not overlap, fewer than {limit}")
            }
        }
    }
}

/// What is worth an alert in one sentence, the first one whole; `None` when nothing is. What gives no row at all has its
/// reason in the data set's summary, and a coin under a market of stocks never gives one: that alert would stand for ever.
pub(super) fn summary(thin: &[Thin]) -> Option<String> {
    let thin: Vec<&Thin> = thin.iter().filter(|t| t.value > 0.0).collect();
    let first = thin.first()?;
    let names = |measures: &[Measure]| {
        let of: BTreeSet<&str> = thin.iter().filter(|t| measures.contains(&t.measure)).map(|t| t.name.as_str()).collect();
        of.len()
    };
    let count = |n: usize, one: &str, many: &str| (n > 0).then(|| format!("{n} {}", if n == 1 { one } else { many }));
    let sectors = names(&[Measure::SectorRows, Measure::SectorSymbols]);
    let symbols = names(&[Measure::SymbolRows, Measure::SymbolEffectiveRows]);
    let few: Vec<String> = [count(sectors, "sector", "sectors"), count(symbols, "symbol", "symbols")].into_iter().flatten().collect();
    let few = (!few.is_empty()).then(|| format!("{} {} thin", few.join(" and "), if sectors + symbols == 1 { "is" } else { "are" }));
    let much = count(names(&[Measure::SectorShare]), "sector outweighs the others", "sectors outweigh the others");
    let what: Vec<String> = [few, much].into_iter().flatten().collect();
    Some(format!("{}: {}", what.join(", "), first.sentence()))
}

/// A sector with its rows and how many of its symbols have any.
pub(super) struct Sector<'a> {
    pub group: &'a Group,
    pub symbols: usize,
}

/// Everything that `rule` calls thin, sectors first. Symbols without any row are thin too.
pub(super) fn thin(sectors: &[Sector<'_>], symbols: &[Group], rule: &Tracking) -> Vec<Thin> {
    let mut out = Vec::new();
    let mut check = |name: &str, measure, value: f64, limit: f64, bad: bool| {
        if bad {
            out.push(Thin { name: name.to_owned(), measure, value, limit });
        }
    };
    for Sector { group, symbols } in sectors {
        let (rows, least) = (group.rows as f64, f64::from(rule.min_rows_per_sector));
        check(&group.name, Measure::SectorRows, rows, least, rows < least);
        let (count, least) = (*symbols as f64, f64::from(rule.min_symbols_per_sector));
        check(&group.name, Measure::SectorSymbols, count, least, count < least);
        check(&group.name, Measure::SectorShare, group.share, rule.max_sector_share, group.share > rule.max_sector_share);
    }
    for group in symbols {
        let (rows, least) = (group.rows as f64, f64::from(rule.min_rows_per_symbol));
        check(&group.name, Measure::SymbolRows, rows, least, rows < least);
        let least = rule.min_effective_rows_per_symbol;
        // One sentence is enough for a symbol that has too few rows anyway.
        check(
            &group.name,
            Measure::SymbolEffectiveRows,
            group.n_eff,
            least,
            rows >= f64::from(rule.min_rows_per_symbol) && group.n_eff < least,
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::strategy::StrategySettings;
    use crate::market::Strategy;

    fn group(name: &str, rows: u64, share: f64, n_eff: f64) -> Group {
        Group { name: name.into(), rows, share, n_eff, ..Group::default() }
    }

    #[test]
    fn what_the_rule_calls_thin_is_told() {
        let rule = StrategySettings::shipped(Strategy::Turbomode).unwrap().sector_symbol_tracking;
        let (energy, tech) = (group("Energy", 4_999, 0.1, 800.0), group("Information Technology", 30_000, 0.6, 5_000.0));
        let sectors = [Sector { group: &energy, symbols: 2 }, Sector { group: &tech, symbols: 7 }];
        let symbols =
            [group("XOM", 504, 0.01, 80.0), group("CVX", 503, 0.01, 80.0), group("AAPL", 2_000, 0.05, 49.0), group("SOL-USD", 0, 0.0, 0.0)];
        let found = thin(&sectors, &symbols, &rule);
        let names: Vec<(&str, Measure)> = found.iter().map(|t| (t.name.as_str(), t.measure)).collect();
        let want = [
            ("Energy", Measure::SectorRows),
            ("Energy", Measure::SectorSymbols),
            ("Information Technology", Measure::SectorShare),
            ("CVX", Measure::SymbolRows),
            ("AAPL", Measure::SymbolEffectiveRows),
            ("SOL-USD", Measure::SymbolRows),
        ];
        assert_eq!(names, want);
        assert_eq!(found[2].sentence(), "Information Technology gives 60 % of all rows, more than 35 %: the models mostly learn it");
        let first = found[0].sentence();
        let all = summary(&found).unwrap();
        assert_eq!(all, format!("1 sector and 2 symbols are thin, 1 sector outweighs the others: {first}"));
        assert_eq!(summary(&found[4..]).unwrap(), format!("1 symbol is thin: {}", found[4].sentence()));
        assert_eq!(summary(&found[5..]), None, "what gives no row is told elsewhere");
        assert_eq!(summary(&[]), None);
        assert_eq!(first, "Energy has 4999 labelled rows, fewer than 5000: results by sector say little");
    }
}
