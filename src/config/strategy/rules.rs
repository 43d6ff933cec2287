//! Rules of training that types and ranges cannot say.

use strum::IntoEnumIterator;

use super::{ALL_FEATURES, DataSource, Step, StrategySettings};
use crate::config::gather::Gathered;
use crate::config::nearest;
use crate::config::problem::{Place, Problem};
use crate::features::{Category, feature, registry};
use crate::market::{Regime, Strategy, Universe};

/// Shares that a person typed add up to 1 but for this.
const ROUNDING: f64 = 1e-9;

/// What is accepted in place of a limit of no rows.
const NO_ROOM: &str = "at least 1, or enabled = false";

/// Collects problems at the keys that a user has set.
struct Report<'a> {
    strategy: Strategy,
    found: &'a Gathered,
    problems: Vec<Problem>,
}

impl Report<'_> {
    /// Reports unless `holds`, or one of the keys was refused already.
    fn unless(&mut self, holds: bool, keys: &[&str], title: impl FnOnce() -> String, label: &str, accepted: &str) {
        if holds || keys.iter().any(|k| self.found.bad.contains(*k)) {
            return;
        }
        let places = self.found.places();
        let place = keys.iter().find_map(|k| places.get(*k)).cloned().unwrap_or(Place::Unknown);
        self.problems.push(Problem::new(place, format!("{}: {}", self.strategy, title()), label).accepted(accepted));
    }

    /// Two keys of one table, of which the first may not exceed the second.
    fn in_order(&mut self, (low_key, low): (&str, f64), (high_key, high): (&str, f64)) {
        let title = || format!("`{low_key}` ({low}) is more than `{high_key}` ({high})");
        self.unless(low <= high, &[low_key, high_key], title, "these two disagree", &format!("`{low_key}` at most `{high_key}`"));
    }
}

/// Checks all rules of one strategy; rules about refused keys are left out.
pub(super) fn check(strategy: Strategy, s: &StrategySettings, universe: &Universe, found: &Gathered) -> Vec<Problem> {
    let mut report = Report { strategy, found, problems: Vec::new() };
    metadata(s, &mut report);
    inputs(s, universe, &mut report);
    regimes(s, &mut report);
    samples(s, &mut report);
    run(s, &mut report);
    drift(s, &mut report);
    report.problems
}

fn metadata(s: &StrategySettings, report: &mut Report<'_>) {
    let version = s.metadata.version;
    let told = s.metadata.changelog.iter().any(|line| line.split_once(':').is_some_and(|(v, _)| v.trim() == version.to_string()));
    let title = || format!("`metadata.changelog` does not say what version {version} changed");
    let accepted = format!("a line such as \"{version}: what changed and why\"");
    report.unless(told, &["metadata.changelog", "metadata.version"], title, "no line for this version", &accepted);
}

fn inputs(s: &StrategySettings, universe: &Universe, report: &mut Report<'_>) {
    let f = &s.features;
    let title = || "`features.sources` lacks daily_candles, and nothing can be computed without bars".to_owned();
    report.unless(
        f.sources.contains(&DataSource::DailyCandles),
        &["features.sources"],
        title,
        "not enough",
        "a list that holds \"daily_candles\"",
    );
    let categories: Vec<String> = Category::iter().map(|c| c.to_string()).collect();
    let known = |n: &str| n == ALL_FEATURES || categories.iter().any(|c| c == n) || feature(n).is_some();
    if let Some(strange) = f.names.iter().find(|n| !known(n)) {
        let names = registry().iter().map(|f| f.name.as_str()).chain(categories.iter().map(String::as_str)).chain([ALL_FEATURES]);
        let near = nearest(strange, names).map(|n| format!("; did you mean {n:?}?")).unwrap_or_default();
        let accepted = format!("{ALL_FEATURES:?}, {}, or a name that `nightdesk features list` has{near}", categories.join(", "));
        report.unless(false, &["features.names"], || format!("`features.names`: there is no feature {strange:?}"), "unknown", &accepted);
    }
    if let Some(symbol) = f.benchmark {
        let title = || format!("`features.benchmark`: {symbol} is not in the universe, so nothing fetches its bars");
        report.unless(
            universe.get(symbol).is_some(),
            &["features.benchmark"],
            title,
            "not fetched",
            "a symbol of universe.toml, or no benchmark",
        );
    }
}

fn regimes(s: &StrategySettings, report: &mut Report<'_>) {
    let r = &s.regime_labeling;
    let all = Regime::ALL.iter().filter(|g| **g != Regime::Normal).all(|g| r.order.contains(g));
    report.unless(
        all && !r.order.contains(&Regime::Normal),
        &["regime_labeling.order"],
        || "`regime_labeling.order` must rank every regime but normal, which is what is left".to_owned(),
        "not a ranking",
        "crash, recovery, high_volatility and low_volatility in any order",
    );
    report.in_order(
        ("regime_labeling.volatility_sessions", f64::from(r.volatility_sessions)),
        ("regime_labeling.percentile_sessions", f64::from(r.percentile_sessions)),
    );
    let sum = s.balanced_sampling.shares.sum();
    let keys = Regime::ALL.map(|g| format!("balanced_sampling.shares.{g}"));
    report.unless(
        (sum - 1.0).abs() <= ROUNDING,
        &keys.each_ref().map(String::as_str),
        || format!("`balanced_sampling.shares` add up to {sum}"),
        "one of five shares",
        "five shares that add up to 1",
    );
    let sum = s.regime_weighted_loss.weights.sum();
    let keys = Regime::ALL.map(|g| format!("regime_weighted_loss.weights.{g}"));
    report.unless(
        sum > 0.0,
        &keys.each_ref().map(String::as_str),
        || "`regime_weighted_loss.weights` are all 0, so nothing would be learnt".to_owned(),
        "one of five weights",
        "at least one weight above 0",
    );
}

fn samples(s: &StrategySettings, report: &mut Report<'_>) {
    let a = &s.rare_event_archive;
    report.unless(
        !a.enabled || !a.regimes.is_empty() || a.move_sigma > 0.0,
        &["rare_event_archive.regimes", "rare_event_archive.move_sigma", "rare_event_archive.enabled"],
        || "`rare_event_archive` is enabled, but no event counts as rare".to_owned(),
        "names no event",
        "a regime, a `move_sigma` above 0, or enabled = false",
    );
    for (key, most) in [("rare_event_archive.max_rows", a.max_rows), ("rare_event_archive.max_rows_per_symbol", a.max_rows_per_symbol)] {
        let title = || format!("`{key}` is 0, so `rare_event_archive` is enabled and can keep nothing");
        report.unless(!a.enabled || most > 0, &[key, "rare_event_archive.enabled"], title, "room for no row", NO_ROOM);
    }
    report.in_order(
        ("rare_event_archive.max_rows_per_symbol", f64::from(a.max_rows_per_symbol)),
        ("rare_event_archive.max_rows", f64::from(a.max_rows)),
    );
    let e = &s.error_replay_buffer;
    report.unless(
        !e.enabled || !e.errors.is_empty(),
        &["error_replay_buffer.errors", "error_replay_buffer.enabled"],
        || "`error_replay_buffer` is enabled, but names no errors".to_owned(),
        "names no error",
        "at least one kind of error, or enabled = false",
    );
    report.unless(
        !e.enabled || e.max_rows > 0,
        &["error_replay_buffer.max_rows", "error_replay_buffer.enabled"],
        || "`error_replay_buffer.max_rows` is 0, so `error_replay_buffer` is enabled and can keep nothing".to_owned(),
        "room for no row",
        NO_ROOM,
    );
    let (blocks, first) = (s.validation.test_blocks, s.ensemble.meta.min_blocks);
    report.unless(
        first < blocks,
        &["ensemble.meta.min_blocks", "validation.test_blocks"],
        || format!("`ensemble.meta.min_blocks` ({first}) leaves no block of {blocks} to test the meta-learner on"),
        "too many",
        "fewer than `validation.test_blocks`",
    );
}

/// Days that holidays may add to a month of sessions.
const HOLIDAYS: u32 = 4;

fn run(s: &StrategySettings, report: &mut Report<'_>) {
    let steps = &s.orchestrator.steps;
    let whole = steps.is_sorted() && Step::ALL.iter().all(|step| *step == Step::Attribution || steps.contains(step));
    let order = Step::ALL.map(|step| step.to_string()).join(", ");
    report.unless(
        whole,
        &["orchestrator.steps"],
        || "`orchestrator.steps` must be the steps of a run in their order; only attribution may be left out".to_owned(),
        "a step is missing or out of order",
        &order,
    );
    // Five sessions a week, but for holidays: what passed the gates owes these on paper before it may serve.
    let gates = &s.promotion_gates;
    let trial_days = (gates.shadow_sessions * 7).div_ceil(5) + HOLIDAYS;
    let (shadow, expiry) = ("promotion_gates.shadow_sessions", "promotion_gates.expiry_days");
    report.unless(
        gates.expiry_days > trial_days,
        &[expiry, shadow],
        || format!("`{expiry}` ({}) passes before `{shadow}` ({}) do: no model would ever serve", gates.expiry_days, gates.shadow_sessions),
        "too few days",
        &format!("more than {trial_days} days"),
    );
}

/// Statistics of performance that share the quantile of a critical verdict.
const JUDGED: f64 = 4.0;

fn drift(s: &StrategySettings, report: &mut Report<'_>) {
    let d = &s.drift_detection;
    report.in_order(("drift_detection.psi_warning", d.psi_warning), ("drift_detection.psi_critical", d.psi_critical));
    report.in_order(
        ("drift_detection.dataset_warning_share", d.dataset_warning_share),
        ("drift_detection.dataset_critical_share", d.dataset_critical_share),
    );
    report.in_order(
        ("drift_detection.performance_critical_quantile", d.performance_critical_quantile),
        ("drift_detection.performance_warning_quantile", d.performance_warning_quantile),
    );
    // Of n draws the least share that can be told is 1 / (n + 1).
    let (critical, draws) = ("drift_detection.performance_critical_quantile", "validation.bootstrap_draws");
    let needed = (JUDGED / d.performance_critical_quantile).floor();
    report.unless(
        f64::from(s.validation.bootstrap_draws) >= needed,
        &[draws, critical],
        || format!("`{draws}` ({}) are too few to tell `{critical}` ({})", s.validation.bootstrap_draws, d.performance_critical_quantile),
        "too few draws",
        &format!("at least {needed:.0}"),
    );
}
