//! The list of checks: number, rule, severity, stage, and how a finding is recorded.

/// When a check runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// On bars as received, before writing.
    Screen,
    /// On a stored history, after writing.
    Review,
    /// Between two versions, sources, timeframes, or the whole universe.
    Compare,
}

impl Stage {
    /// The name in the documentation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Screen => "screen",
            Self::Review => "review",
            Self::Compare => "compare",
        }
    }
}

/// One of the 25 checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// 1 to 25; `data_quality_log` stores it.
    pub number: u8,
    /// Short name for people.
    pub name: &'static str,
    /// What it looks for, with its thresholds.
    pub rule: &'static str,
    /// Its severity by the rule, as letters; `covers` says where a finding is recorded otherwise.
    pub severity: &'static str,
    /// When it runs.
    pub stage: Stage,
    /// Which bars a finding covers, and what became of them.
    pub covers: &'static str,
}

const fn check(number: u8, stage: Stage, name: &'static str, severity: &'static str, rule: &'static str, covers: &'static str) -> Check {
    Check { number, name, rule, severity, stage, covers }
}

use Stage::{Compare, Review, Screen};

/// All checks, by number.
pub const CHECKS: [Check; 25] = [
    check(
        1,
        Screen,
        "missing price or date",
        "C",
        "a price missing, NaN or infinite; a stamp no bar can have",
        "the bars, which are dropped",
    ),
    check(2, Screen, "duplicates", "I, C", "one stamp twice: identical I, conflicting C", "the stamp; the last received is kept"),
    check(3, Screen, "order", "E", "stamps that do not increase", "nothing: sorted, and recorded as W because sorting repairs it wholly"),
    check(
        4,
        Screen,
        "OHLC logic",
        "W, C",
        "high below or low above another price by more than 1e-6 of the close or half a tick: W, over 0.5% C",
        "the bars, kept as received",
    ),
    check(5, Screen, "positive prices", "C", "a price <= 0, a volume < 0", "the bars, kept as received"),
    check(
        6,
        Review,
        "unadjusted split",
        "C",
        "close or open gap within 3% of the log of 2, 3, 3/2, 4, 5, 7, 10, 20 or an inverse; the open gap explains it; volume scales inversely; no reversal within 5 days",
        "all bars before the jump: they are on the old share basis",
    ),
    check(
        7,
        Review,
        "price jump",
        "E",
        "a move of more than 40% and 10 robust sigmas (MAD, 60 days)",
        "the bar, until a second source confirms it",
    ),
    check(8, Review, "spike and return", "C", "two opposite moves over 8 sigmas each that net to less than 2", "the bar between them"),
    check(
        9,
        Screen,
        "100x unit",
        "C",
        "a price within 5% of 100 times or 1/100 of the median of the five closes before",
        "the bars, kept as received",
    ),
    check(
        10,
        Review,
        "missing sessions",
        "W, E, C",
        "sessions without a bar inside the history: 1 W, 2 to 4 E, 5 and more C",
        "the missing stamps; no stored bar",
    ),
    check(11, Screen, "non-session bar", "E", "a bar on a weekend or holiday, or outside regular hours", "the bars, which are dropped"),
    check(12, Review, "stale", "W, C", "3 bars with identical prices W, 5 C", "the run"),
    check(
        13,
        Review,
        "flat or without volume",
        "W, E",
        "one price all day with volume, or no volume on a session: W, 3 in a row E",
        "the run",
    ),
    check(
        14,
        Review,
        "volume outlier",
        "W",
        "log volume over 6 sigmas above its 60-bar mean, or below 1% of the median",
        "the bars, which stay readable",
    ),
    check(
        15,
        Review,
        "freshness",
        "C for signals",
        "the last final bar is older than the last closed session plus the vendor's delay",
        "nothing: recorded as W on the series, signals ask `behind`",
    ),
    check(
        16,
        Screen,
        "partial bar",
        "C",
        "said to be final before its close; under 30% of the usual volume within 30 minutes of the close",
        "the bar, kept as still forming",
    ),
    check(
        17,
        Compare,
        "revision",
        "W",
        "a final bar that changed by more than 1 bp, or its volume by more than 1%",
        "the bars; what derives from them is derived again",
    ),
    check(
        18,
        Review,
        "adjustment mismatch",
        "E",
        "the source's adjustment step differs from ours by more than 5e-4; a dividend without a step; a dividend over 15% of the price",
        "the ex-date's bar; I or C on bars that no source serves again after a split",
    ),
    check(19, Review, "double adjustment", "E", "a split is flagged but prices said to be raw run on unbroken", "the ex-date's bar"),
    check(20, Compare, "cross-source", "W, E", "close differs from a second source by more than 0.5% W, five times that E", "the bars"),
    check(
        21,
        Compare,
        "cross-section",
        "C",
        "over 5% of the universe jumps or is missing on one day; the whole universe unchanged (from check 12)",
        "that day's bar of each series concerned",
    ),
    check(
        22,
        Compare,
        "listing",
        "E",
        "currency, tick size, contract, type, first trade date or name changed",
        "the series; a new name alone is recorded as W and hides nothing",
    ),
    check(
        23,
        Compare,
        "intraday vs daily",
        "W, E",
        "volume, open, high, low or close of the session's bars differ: over 1% W, over 5% E",
        "the daily bar",
    ),
    check(24, Review, "history short", "I", "fewer than 272 daily bars: not eligible for features", "nothing"),
    check(
        25,
        Screen,
        "DST and zone",
        "C",
        "intraday stamps off the session's grid, a session shifted by an hour, the autumn hour twice",
        "the bars, kept as received",
    ),
];

/// Numbers of the checks of a stage: what a pass has looked for, and may therefore close when it is no longer found.
pub fn checks_of(stage: Stage) -> Vec<u8> {
    CHECKS.iter().filter(|c| c.stage == stage).map(|c| c.number).collect()
}

/// The table of docs/data-quality.md.
pub fn check_table() -> String {
    let row = |c: &Check| format!("| {} | {} | {} | {} | {} | {} |\n", c.number, c.name, c.rule, c.severity, c.stage.name(), c.covers);
    let head = "| # | check | rule | severity | stage | covers |\n|---|---|---|---|---|---|\n".to_owned();
    std::iter::once(head).chain(CHECKS.iter().map(row)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_run_from_1_to_25() {
        assert!(CHECKS.iter().map(|c| c.number).eq(1..=25));
        assert_eq!(checks_of(Stage::Screen), [1, 2, 3, 4, 5, 9, 11, 16, 25]);
        assert_eq!(checks_of(Stage::Review), [6, 7, 8, 10, 12, 13, 14, 15, 18, 19, 24]);
    }

    #[test]
    fn the_documentation_shows_this_table() {
        let doc = include_str!("../../../docs/data-quality.md");
        assert!(doc.contains(&check_table()), "docs/data-quality.md is out of date; its table should be:\n{}", check_table());
    }
}
