//! The list of features, and the page of one.

use ratatui::layout::Rect;

use super::canvas::{Canvas, Panel};
use super::widget::{self, Fact};
use super::{detail, issues, job, spread};
use crate::console::app::App;
use crate::console::fmt;
use crate::console::theme::Role;
use crate::engine::{FeatureDetail, FeatureLast, FeatureView};
use crate::features::nightly::Freshness;

/// Narrowest page with the values beside the definition.
const BESIDE: u16 = 76;

/// Draws the list, with the selected feature's definition below it.
pub fn list(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let features = &app.features;
    let Some(known) = features.list.value.as_deref() else {
        let inner = c.panel(area, &Panel { title: "Features", focused: true, ..Panel::default() });
        job::pending(c, app, features.list.error.as_deref(), inner);
        return;
    };
    let trouble = known.trouble.as_deref().map_or(0, |_| 4);
    let facts = match area.height {
        30.. => 9,
        16.. => 7,
        _ => 4,
    };
    let [top, middle, bottom] = widget::rows(area, [trouble, area.height.saturating_sub(trouble + facts).max(5), area.height]);
    if let Some(why) = &known.trouble {
        no_values(c, why, top);
    }
    let title = match known.cache {
        Some(cache) => {
            let newest = cache.newest.map_or_else(String::new, |at| format!(" to {}", fmt::date(at)));
            let state = stale(cache.state).map_or_else(String::new, |s| format!("  {s}"));
            let symbols = fmt::count(cache.symbols.into(), "symbol", "symbols");
            format!("Features of {}  {symbols}, {} bars in a year{newest}{state}", known.strategy, fmt::thousands(cache.rows))
        }
        None => format!("Features of {}", known.strategy),
    };
    issues::table(c, &features.table, &title, middle);
    definition(c, (features.selected(), None), "enter shows its values", false, bottom);
}

/// Draws the page of the selected feature.
pub fn page(c: &mut Canvas<'_>, app: &App, area: Rect) {
    let features = &app.features;
    let beside = area.width >= BESIDE;
    let left = if beside { Rect { width: area.width / 2, ..area } } else { area };
    let right = Rect { x: left.right(), width: area.width - left.width, ..area };
    let height = if beside { (area.height * 2 / 5).clamp(8, 14) } else { area.height / 2 };
    let [head, below] = widget::rows(left, [height, area.height]);
    let state = features.shown().and_then(|shown| stale(shown.state));
    definition(c, (features.selected(), state), "h l other features", true, head);
    let Some(shown) = features.shown() else {
        let rest = if beside { right } else { below };
        let inner = c.panel(rest, &Panel { title: "Values", ..Panel::default() });
        job::pending(c, app, features.detail.error.as_deref(), inner);
        return;
    };
    if beside {
        histogram(c, app, shown, below);
    }
    values(c, app, shown, if beside { right } else { below });
}

/// What a cache is that is not up to date.
fn stale(state: Option<Freshness>) -> Option<Freshness> {
    state.filter(|s| *s != Freshness::Current)
}

fn no_values(c: &mut Canvas<'_>, why: &str, area: Rect) {
    let inner = c.panel(area, &Panel { title: "No values", ..Panel::default() });
    let x = inner.x + 1;
    c.wrapped(Rect { x, width: inner.width.saturating_sub(2), ..inner }, why, c.s(Role::Warn));
}

fn definition(c: &mut Canvas<'_>, (feature, state): (Option<&FeatureView>, Option<Freshness>), hint: &str, focused: bool, area: Rect) {
    let title = feature.map_or("Feature", |f| f.name.as_str());
    let category = feature.map_or_else(String::new, |f| f.category.replace('_', " "));
    let inner = c.panel(area, &Panel { title, summary: &category, context: hint, focused, ..Panel::default() });
    let Some(f) = feature else {
        detail::empty(c, inner, "No feature passes the filter.");
        return;
    };
    let (text, dim) = (c.s(Role::Text), c.s(Role::Dim));
    let bars = match f.memory.as_str() {
        "iir" => format!("first value on bar {}, all bars before go into it", f.lookback + 1),
        _ => format!("the last {}", fmt::count(u64::from(f.lookback) + 1, "bar", "bars")),
    };
    let mut facts: Vec<Fact<'_>> = vec![("is", f.definition.clone(), text), ("looks at", bars, text)];
    let needs = match f.needs.as_str() {
        "benchmark" => Some("the market's return of each day"),
        "universe" => Some("the other symbols of the strategy"),
        _ => None,
    };
    facts.extend(needs.map(|n| ("needs", n.to_owned(), text)));
    if !f.reference.is_empty() {
        facts.push(("follows", f.reference.clone(), dim));
    }
    facts.extend(state.map(|s| ("values", s.to_string(), c.s(Role::Warn))));
    facts.extend(f.missing.map(|m| ("missing", format!("{:.2}% of a year's values", m * 100.0), dim)));
    detail::facts(c, inner, &facts);
}

fn histogram(c: &mut Canvas<'_>, app: &App, shown: &FeatureDetail, area: Rect) {
    if area.height < 3 {
        return;
    }
    let Some((counted, words)) = app.features.histogram() else { return };
    let summary = format!("{}, {} missing", fmt::thousands(counted.values), fmt::thousands(counted.missing));
    let inner = c.panel(area, &Panel { title: words, summary: &summary, context: "w other spread", ..Panel::default() });
    if counted.values == 0 {
        let text = shown.trouble.as_deref().unwrap_or("No symbol has a value.");
        detail::empty(c, inner, text);
        return;
    }
    spread::draw(c, counted, app.features.last().and_then(|l| l.value), inner);
}

fn values(c: &mut Canvas<'_>, app: &App, shown: &FeatureDetail, area: Rect) {
    if shown.symbols.is_empty() {
        let inner = c.panel(area, &Panel { title: "Values", ..Panel::default() });
        detail::empty(c, inner, shown.trouble.as_deref().unwrap_or("No symbol has features."));
        return;
    }
    let line = if area.height >= 14 { 6 } else { 0 };
    let [top, bottom] = widget::rows(area, [area.height - line, line]);
    issues::table(c, &app.features.lasts, &format!("Newest values, {}", shown.strategy), top);
    if line > 0 {
        recent(c, app.features.last(), bottom);
    }
}

/// The last values of the symbol under the cursor, or why it has none.
fn recent(c: &mut Canvas<'_>, last: Option<&FeatureLast>, area: Rect) {
    let title = last.map_or_else(String::new, |l| format!("{}, last {}", l.symbol, fmt::count(l.recent.len() as u64, "bar", "bars")));
    let inner = c.panel(area, &Panel { title: &title, ..Panel::default() });
    let Some(last) = last else { return };
    let [chart, note] = widget::rows(inner, [inner.height.saturating_sub(1), 1]);
    let known = || last.recent.iter().flatten().copied();
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    if low <= high {
        let values: Vec<f64> = last.recent.iter().map(|v| v.unwrap_or(f64::NAN)).collect();
        let width = usize::from(chart.width.saturating_sub(13));
        for (line, y) in widget::curve(&values, None, width, chart.height.into()).iter().zip(chart.y..chart.bottom()) {
            c.put(chart.x + 12, y, chart.width, line, c.s(Role::Focus));
        }
        for (value, y) in [(high, chart.y), (low, chart.bottom().saturating_sub(1))] {
            c.put(chart.x + 1, y, 11, &format!("{:>9} ┤", fmt::figure(value)), c.s(Role::Dim));
        }
    }
    let text = match (&last.reason, last.at) {
        (Some(why), _) => format!("missing: {why}"),
        (None, Some(at)) => format!("{} on {}", last.value.map_or_else(String::new, fmt::figure), fmt::date(at)),
        (None, None) => String::new(),
    };
    let role = if last.reason.is_some() { Role::Stale } else { Role::Text };
    c.put(note.x + 1, note.y, note.width.saturating_sub(2), &text, c.s(role));
}
