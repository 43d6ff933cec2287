//! A histogram with its figures.

use ratatui::layout::Rect;

use super::canvas::Canvas;
use crate::console::fmt;
use crate::console::theme::Role;
use crate::engine::Histogram;

/// A cell filled from below, by eighths.
const LEVELS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
/// Most cells a bin takes.
const WIDEST: usize = 8;

/// Draws the bars, a mark under the bin that `marked` falls into, the range, and the figures below.
pub fn draw(c: &mut Canvas<'_>, h: &Histogram, marked: Option<f64>, area: Rect) {
    let facts = figures(h);
    let below = (facts.len() as u16).min(area.height.saturating_sub(2) / 3);
    let chart = Rect { x: area.x + 1, width: area.width.saturating_sub(2), height: area.height.saturating_sub(below + 2), ..area };
    let columns = Columns::new(h, usize::from(chart.width));
    for (i, count) in columns.counts.iter().enumerate() {
        let level = level(*count, columns.highest(), chart.height);
        let here = marked.is_some_and(|v| h.bin(v) / columns.per == i);
        let style = if here { c.theme.strong(Role::Focus) } else { c.s(Role::Text) };
        for (k, y) in (chart.y..chart.bottom()).rev().enumerate() {
            let glyph = LEVELS[level.saturating_sub(k * 8).min(8)];
            for x in columns.cells(i) {
                c.set(chart.x + x, y, glyph, style);
            }
        }
        if here {
            c.set(chart.x + columns.cells(i).start, chart.bottom(), "▲", c.theme.strong(Role::Focus));
        }
    }
    let axis = chart.bottom() + 1;
    c.put(chart.x, axis, chart.width, &fmt::figure(h.range.0), c.s(Role::Dim));
    c.right(chart.x, chart.x + columns.width(), axis, &fmt::figure(h.range.1), c.s(Role::Dim));
    for (text, y) in facts.iter().zip(axis + 1..area.bottom()) {
        c.put(chart.x, y, chart.width, text, c.s(Role::Text));
    }
}

/// The figures in lines, the most telling first.
fn figures(h: &Histogram) -> Vec<String> {
    let [low, middle, high] = h.quartiles.map(fmt::figure);
    let mut lines = vec![
        format!("median {middle}"),
        format!("half lie in {low} to {high}"),
        format!("mean {}, deviation {}", fmt::figure(h.mean), fmt::figure(h.deviation)),
        format!("from {} to {}", fmt::figure(h.extremes.0), fmt::figure(h.extremes.1)),
    ];
    if h.outside != (0, 0) {
        lines.push(format!("not drawn: {} lower, {} higher", h.outside.0, h.outside.1));
    }
    lines
}

/// How high a bar is, in eighths of a cell: any count is seen.
fn level(count: u64, highest: u64, height: u16) -> usize {
    let eighths = f64::from(height) * 8.0;
    (count as f64 / highest.max(1) as f64 * eighths).ceil() as usize
}

/// Bins gathered, or drawn out, to fill a width in equal steps.
struct Columns {
    counts: Vec<u64>,
    /// Bins a column.
    per: usize,
    /// Cells a column.
    wide: usize,
}

impl Columns {
    fn new(h: &Histogram, width: usize) -> Self {
        let per = h.bins.len().div_ceil(width.max(1)).max(1);
        let counts: Vec<u64> = h.bins.chunks(per).map(|bins| bins.iter().map(|n| u64::from(*n)).sum()).collect();
        let wide = (width / counts.len().max(1)).clamp(1, WIDEST);
        Self { counts, per, wide }
    }

    fn highest(&self) -> u64 {
        self.counts.iter().copied().max().unwrap_or(0)
    }

    fn cells(&self, column: usize) -> std::ops::Range<u16> {
        (column * self.wide) as u16..((column + 1) * self.wide) as u16
    }

    fn width(&self) -> u16 {
        (self.counts.len() * self.wide) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fill_a_width_and_lose_no_value() {
        let h = Histogram::of((0..10_000).map(f64::from).collect());
        for (width, columns, wide) in [(120, 40, 3), (90, 40, 2), (56, 40, 1), (36, 20, 1), (10, 10, 1)] {
            let c = Columns::new(&h, width);
            assert_eq!((c.counts.len(), c.wide, c.counts.iter().sum::<u64>()), (columns, wide, 9_900), "{width}");
        }
    }

    #[test]
    fn any_count_is_seen_and_the_highest_fills_the_chart() {
        assert_eq!((level(0, 1000, 4), level(1, 1000, 4), level(1000, 1000, 4)), (0, 1, 32));
    }
}
