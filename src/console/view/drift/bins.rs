//! How the values of a subject lie now, against the reference: two bars a bin, and both cumulated distributions.

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

use crate::console::fmt;
use crate::console::theme::Role;
use crate::console::view::canvas::{Canvas, Panel};
use crate::console::view::{detail, widget};
use crate::drift::monitor::MIX;
use crate::drift::views::{BinView, SubjectDetail};
use crate::labels::Class;

/// Cells of a share and the spaces around it.
const SHARE: u16 = 7;
/// Most cells of a bin's name.
const LABEL: u16 = 21;
/// Cells of the scale left of the cumulated distributions.
const SCALE: u16 = 5;

/// Draws the bins, the lowest first, that of missing values last.
pub fn distribution(c: &mut Canvas<'_>, shown: &SubjectDetail, context: &str, area: Rect) {
    let legend = [("█ reference  ", c.s(Role::Dim)), ("▓ current", c.s(Role::Focus))];
    let panel = Panel { title: "Distribution", summary: "share of rows", legend: &legend, context, focused: !context.is_empty() };
    let inner = c.panel(area, &panel);
    let labels = labels(&shown.row.subject, &shown.bins);
    let told = most(&shown.bins, &labels, inner.width.saturating_sub(2)).filter(|_| usize::from(inner.height) > shown.bins.len() + 1);
    let [bins, gap, foot] = widget::rows(inner, [(shown.bins.len() as u16).min(inner.height), u16::from(told.is_some()), 1]);
    let name = labels.iter().map(|l| l.width() as u16).max().unwrap_or(0).min(LABEL).min(inner.width / 3);
    let bar = inner.width.saturating_sub(name + 3 + 2 * SHARE) / 2;
    let most = shown.bins.iter().flat_map(|b| [b.reference, b.current]).fold(0.0, f64::max);
    for ((bin, text), y) in shown.bins.iter().zip(&labels).zip(bins.y..bins.bottom()) {
        let style = c.s(if bin.missing { Role::Stale } else { Role::Text });
        c.right(inner.x + 1, inner.x + 1 + name, y, text, style);
        let mut x = inner.x + name + 3;
        for (share, glyph, role) in [(bin.reference, "█", Role::Dim), (bin.current, "▓", Role::Focus)] {
            let cells = if most > 0.0 { (share / most * f64::from(bar)).round() as usize } else { 0 };
            // Any share is seen.
            let cells = if share > 0.0 { cells.max(1) } else { 0 };
            c.put(x, y, bar, &glyph.repeat(cells), c.s(role));
            c.right(x + bar, x + bar + SHARE - 1, y, &format!("{:.1}%", share * 100.0), c.s(Role::Text));
            x += bar + SHARE;
        }
    }
    if let Some(text) = told {
        c.line(Rect { x: foot.x + 1, y: gap.bottom(), width: foot.width.saturating_sub(2), height: 1 }, &[(&text, c.s(Role::Dim))]);
    }
}

/// What each bin holds: decisions by their name, other values between two edges.
fn labels(subject: &str, bins: &[BinView]) -> Vec<String> {
    let mut labels: Vec<String> = bins.iter().map(label).collect();
    if subject == MIX {
        labels.iter_mut().zip(Class::ALL).for_each(|(label, class)| *label = class.to_string());
    }
    labels
}

/// Between which values a bin lies.
fn label(bin: &BinView) -> String {
    match (bin.missing, bin.from, bin.to) {
        (true, ..) => "missing".into(),
        (_, None, Some(to)) => format!("under {}", fmt::figure(to)),
        (_, Some(from), None) => format!("from {}", fmt::figure(from)),
        (_, Some(from), Some(to)) => format!("{} to {}", fmt::figure(from), fmt::figure(to)),
        (_, None, None) => "all".into(),
    }
}

/// The bins that add most to PSI, as many as fit; `None` when none does.
fn most(bins: &[BinView], labels: &[String], room: u16) -> Option<String> {
    let mut sorted: Vec<(&BinView, &String)> = bins.iter().zip(labels).filter(|(b, _)| b.term > 0.0).collect();
    sorted.sort_by(|a, b| b.0.term.total_cmp(&a.0.term));
    let terms: Vec<String> = sorted.iter().take(3).map(|(b, label)| format!("{label} {:.3}", b.term)).collect();
    let told = (1..=terms.len()).rev().map(|n| format!("most of PSI: {}", terms[..n].join(", ")));
    told.into_iter().find(|t| t.width() <= usize::from(room))
}

/// Draws both cumulated distributions over the values that either takes.
pub fn cumulated(c: &mut Canvas<'_>, shown: &SubjectDetail, area: Rect) {
    let legend = [("─ reference  ", c.s(Role::Dim)), ("┄ current", c.s(Role::Focus))];
    let distance = shown.row.ks.map(|d| format!("KS D {d:.3}")).unwrap_or_default();
    let inner = c.panel(area, &Panel { title: "Cumulated", summary: &distance, legend: &legend, ..Panel::default() });
    let all: Vec<f64> = shown.reference.iter().chain(&shown.current).copied().collect();
    let (low, high) = widget::extent(&all);
    if shown.current.is_empty() || shown.reference.is_empty() || low >= high || inner.height < 3 || inner.width < SCALE + 8 {
        let counted = shown.row.subject == MIX;
        let why = if counted { "Decisions are counted: they have no order." } else { "There are not enough values to draw." };
        detail::empty(c, inner, why);
        return;
    }
    let chart = Rect { x: inner.x + SCALE, width: inner.width - SCALE - 1, height: inner.height - 1, ..inner };
    let columns = 2 * usize::from(chart.width);
    let curve = |values: &[f64]| -> Vec<f64> {
        (0..columns).map(|i| below(values, low + (high - low) * i as f64 / (columns - 1) as f64)).collect()
    };
    let (reference, current) = (curve(&shown.reference), curve(&shown.current));
    let cells = widget::curves(&reference, &current, (0.0, 1.0), chart.width.into(), chart.height.into());
    for (line, y) in cells.iter().zip(chart.y..) {
        for ((glyph, over), x) in line.iter().zip(chart.x..) {
            c.set(x, y, glyph.encode_utf8(&mut [0; 4]), c.s(if *over { Role::Focus } else { Role::Dim }));
        }
    }
    for (text, y) in [("1.0┤", chart.y), ("0.0┤", chart.bottom() - 1)] {
        c.put(inner.x + 1, y, SCALE, text, c.s(Role::Dim));
    }
    c.put(chart.x, chart.bottom(), chart.width, &fmt::figure(low), c.s(Role::Dim));
    c.right(chart.x, chart.right(), chart.bottom(), &fmt::figure(high), c.s(Role::Dim));
}

/// Share of a sample at or below `x`, from its order statistics at equal ranks, with straight lines between them.
fn below(ranks: &[f64], x: f64) -> f64 {
    let at = ranks.partition_point(|v| *v <= x);
    let last = ranks.len().saturating_sub(1).max(1) as f64;
    match (at.checked_sub(1).and_then(|i| ranks.get(i)), ranks.get(at)) {
        (None, _) => 0.0,
        (_, None) => 1.0,
        (Some(a), Some(b)) => ((at - 1) as f64 + (x - a) / (b - a)) / last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_run_from_nothing_to_all_along_the_ranks() {
        let ranks = [0.0, 1.0, 1.0, 5.0, 9.0];
        let said = [(-1.0, 0.0), (0.0, 0.0), (0.5, 0.125), (1.0, 0.5), (3.0, 0.625), (9.0, 1.0), (10.0, 1.0)];
        for (x, share) in said {
            assert_eq!(below(&ranks, x), share, "{x}");
        }
    }

    #[test]
    fn bins_are_named_by_their_edges() {
        let bin = |from, to, missing| BinView { from, to, missing, reference: 0.1, current: 0.2, term: 0.07 };
        assert_eq!(label(&bin(None, Some(30.0), false)), "under 30.00");
        assert_eq!(label(&bin(Some(30.0), Some(34.5), false)), "30.00 to 34.50");
        assert_eq!(label(&bin(Some(70.0), None, false)), "from 70.00");
        assert_eq!(label(&bin(None, None, true)), "missing");
        let decisions = [bin(None, Some(1.0), false), bin(Some(1.0), Some(2.0), false), bin(Some(2.0), None, false), bin(None, None, true)];
        assert_eq!(labels("mix", &decisions), ["SELL", "HOLD", "BUY", "missing"]);
        let missing = [bin(None, None, true)];
        assert_eq!(most(&missing, &labels("rsi_14", &missing), 40).as_deref(), Some("most of PSI: missing 0.070"));
    }
}
