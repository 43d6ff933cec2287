//! The last nights of a subject as a curve, with the levels or bounds it is judged by and the nights that alarmed.

use ratatui::layout::Rect;

use crate::console::fmt;
use crate::console::theme::Role;
use crate::console::view::canvas::{Canvas, Panel};
use crate::console::view::{detail, widget};
use crate::drift::views::{SubjectDetail, SubjectKind};

/// Cells of the scale left of the chart.
const SCALE: u16 = 8;
/// Cells of a braille glyph that holds no dot.
const BLANK: char = '\u{2800}';

/// Draws the chart.
pub fn draw(c: &mut Canvas<'_>, shown: &SubjectDetail, focused: bool, area: Rect) {
    let worth = shown.row.kind == SubjectKind::Performance;
    let what = match shown.row.kind {
        SubjectKind::Performance => "Value",
        SubjectKind::DataSet => "Share of features that drifted",
        SubjectKind::Feature | SubjectKind::Prediction => "PSI",
    };
    let title = format!("{what}, {}", fmt::count(shown.history.len() as u64, "night", "nights"));
    let levels = levels(shown);
    let words: Vec<String> = levels.iter().map(|(v, word, mark, _)| format!("{mark} {word} {}", fmt::figure(*v))).collect();
    let legend = [("⠒", c.s(Role::Focus)), (" by night  ", c.s(Role::Dim)), ("✗", c.s(Role::Bad)), (" alarm", c.s(Role::Dim))];
    let context = if focused { "h l other parts" } else { "" };
    let inner = c.panel(area, &Panel { title: &title, summary: &words.join("  "), legend: &legend, context, focused });
    let values: Vec<f64> = shown.history.iter().map(|n| n.value.unwrap_or(f64::NAN)).collect();
    let known = values.iter().filter(|v| v.is_finite()).count();
    if known == 0 || inner.height < 3 || inner.width < SCALE + 8 {
        detail::empty(c, inner, "No night has judged it yet.");
        return;
    }
    let chart = Rect { x: inner.x + SCALE, width: inner.width - SCALE - 1, height: inner.height - 1, ..inner };
    let (low, high) = scale(&values, &levels, worth);
    let line =
        |v: f64| chart.y + ((high - v) / (high - low) * f64::from(chart.height - 1)).round().clamp(0.0, f64::from(chart.height - 1)) as u16;
    // The graver one last: where the scale has one row for both, it is the one that stands.
    for (value, _, mark, role) in levels.iter().rev() {
        for x in chart.x..chart.right() {
            c.set(x, line(*value), mark, c.s(*role));
        }
    }
    curve(c, &values, (low, high), chart);
    let dim = c.s(Role::Dim);
    let shown_value = |v: f64| if worth { format!("{v:>7.4}┤") } else { format!("{v:>7.3}┤") };
    for (value, y) in [(high, chart.y), (low, chart.bottom() - 1)] {
        c.put(inner.x, y, SCALE, &shown_value(value), dim);
    }
    for (value, ..) in levels.iter().rev() {
        c.put(inner.x, line(*value), SCALE, &shown_value(*value), dim);
    }
    axis(c, shown, Rect { y: chart.bottom() - 1, ..chart });
}

/// The values it is judged by: PSI from which it is shown as drifted and as shifting, or the bounds of its value.
fn levels(shown: &SubjectDetail) -> Vec<(f64, &'static str, &'static str, Role)> {
    let row = &shown.row;
    if row.kind == SubjectKind::Performance {
        let warned = row.warning_below.map(|v| (v, "warned below", "┄", Role::Warn));
        return warned.into_iter().chain(row.critical_below.map(|v| (v, "critical below", "─", Role::Bad))).collect();
    }
    let [shifting, drifted] = shown.levels;
    let [bad, warned] = if row.kind == SubjectKind::DataSet { ["critical", "warned of"] } else { ["drifted", "shifting"] };
    vec![(drifted, bad, "─", Role::Bad), (shifting, warned, "┄", Role::Warn)]
}

/// From nothing, or for a value that may lie below nothing from the lowest, to a little over the highest.
fn scale(values: &[f64], levels: &[(f64, &str, &str, Role)], worth: bool) -> (f64, f64) {
    let all: Vec<f64> = values.iter().copied().chain(levels.iter().map(|l| l.0)).collect();
    let (low, high) = widget::extent(&all);
    let low = if worth { low } else { low.min(0.0) };
    let room = (high - low).max(f64::EPSILON) * 0.05;
    (if worth { low - room } else { low }, high + room)
}

/// The curve over the levels: straight lines between nights, each with the same room.
fn curve(c: &mut Canvas<'_>, values: &[f64], scale: (f64, f64), chart: Rect) {
    let drawn = widget::drawn_out(values.to_vec(), 2 * usize::from(chart.width));
    for (cells, y) in widget::curve(&drawn, Some(scale), chart.width.into(), chart.height.into()).iter().zip(chart.y..chart.bottom()) {
        for (glyph, x) in cells.chars().zip(chart.x..chart.right()).filter(|(glyph, _)| *glyph != BLANK) {
            c.set(x, y, glyph.encode_utf8(&mut [0; 4]), c.s(Role::Focus));
        }
    }
}

/// First and last session under the chart, and in its lowest line a mark for each night that alarmed.
fn axis(c: &mut Canvas<'_>, shown: &SubjectDetail, area: Rect) {
    let (Some(first), Some(last)) = (shown.history.first(), shown.history.last()) else { return };
    let dim = c.s(Role::Dim);
    c.put(area.x, area.y + 1, area.width, &first.session.to_string(), dim);
    c.right(area.x, area.right(), area.y + 1, &last.session.to_string(), dim);
    let steps = shown.history.len().saturating_sub(1).max(1);
    for (i, _) in shown.history.iter().enumerate().filter(|(_, n)| n.alarmed) {
        let x = area.x + (i * usize::from(area.width.saturating_sub(1)) / steps) as u16;
        c.set(x, area.y, "✗", c.s(Role::Bad));
    }
}
