//! Small pieces of picture: sparkline, progress bar, braille curve.

use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_width::UnicodeWidthStr;

const BLOCKS: [&str; 9] = ["▁", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// A sparkline over `width` cells against a fixed `ceiling`, so that two of them can be compared. Samples are
/// gathered into equal groups, of which the mean is shown: a short burst must not look like a full minute.
pub fn spark(samples: &[u16], ceiling: f32, width: usize) -> String {
    if width == 0 || samples.is_empty() {
        return String::new();
    }
    let ceiling = if ceiling > 0.0 { ceiling } else { f32::from(samples.iter().copied().max().unwrap_or(1).max(1)) };
    (0..width)
        .map(|i| {
            let (from, to) = (i * samples.len() / width, ((i + 1) * samples.len() / width).max(i * samples.len() / width + 1));
            let group = &samples[from.min(samples.len() - 1)..to.min(samples.len())];
            let mean = group.iter().map(|v| f32::from(*v)).sum::<f32>() / group.len().max(1) as f32;
            let level = (mean / ceiling * 8.0).ceil().clamp(0.0, 8.0);
            BLOCKS[level as usize]
        })
        .collect()
}

/// A curve in braille dots, two columns and four rows of dots a cell: the lines of the picture, top first. At most two
/// points a column are kept, the lowest and the highest, so that no spike is lost. `scale` fixes the lowest and the
/// highest value; without it the values' own are used.
pub fn curve(values: &[f64], scale: Option<(f64, f64)>, width: usize, height: usize) -> Vec<String> {
    let cells = dots(values, scale.unwrap_or_else(|| extent(values)), width, height);
    cells.chunks(width.max(1)).take(height).map(|line| line.iter().map(|bits| glyph(*bits)).collect()).collect()
}

/// Two curves on one scale, the second one dashed: the lines of the picture, top first, each cell with whether the dashed
/// curve passes through it.
pub fn curves(solid: &[f64], dashed: &[f64], scale: (f64, f64), width: usize, height: usize) -> Vec<Vec<(char, bool)>> {
    let (under, mut over) = (dots(solid, scale, width, height), dots(dashed, scale, width, height));
    for (i, bits) in over.iter_mut().enumerate() {
        let column = |x: usize| (0..4).fold(0, |all, y| all | dot(x, y));
        let kept = |x: usize| if ((i % width.max(1)) * 2 + x) % DASH < DASH_ON { column(x) } else { 0 };
        *bits &= kept(0) | kept(1);
    }
    let cells: Vec<(char, bool)> = under.iter().zip(&over).map(|(u, o)| (glyph(u | o), *o != 0)).collect();
    cells.chunks(width.max(1)).take(height).map(<[_]>::to_vec).collect()
}

/// A dash and its gap, and the dash alone, in columns of dots.
const DASH: usize = 6;
const DASH_ON: usize = 4;

/// Values joined by straight lines, where there are fewer than columns of dots.
pub fn drawn_out(values: Vec<f64>, columns: usize) -> Vec<f64> {
    if values.len() < 2 || values.len() >= columns {
        return values;
    }
    let between = |i: usize| {
        let at = i as f64 * (values.len() - 1) as f64 / (columns - 1) as f64;
        let (k, part) = (at.floor() as usize, at.fract());
        if part > 0.0 { values[k] + part * (values[k + 1] - values[k]) } else { values[k] }
    };
    (0..columns).map(between).collect()
}

/// The lowest and the highest finite value.
pub fn extent(values: &[f64]) -> (f64, f64) {
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max))
}

/// The dots of a curve, a byte a cell, line by line.
fn dots(values: &[f64], (low, high): (f64, f64), width: usize, height: usize) -> Vec<u8> {
    let (dots_x, dots_y) = (width * 2, height * 4);
    let mut cells = vec![0_u8; width * height];
    if low.is_finite() && dots_x > 0 && dots_y > 0 {
        let span = if high > low { high - low } else { 1.0 };
        let row = |v: f64| ((high - v) / span * (dots_y - 1) as f64).round().clamp(0.0, (dots_y - 1) as f64) as usize;
        let mut before: Option<usize> = None;
        for x in 0..dots_x {
            let from = x * values.len() / dots_x;
            let to = ((x + 1) * values.len()).div_ceil(dots_x).max(from + 1).min(values.len());
            let group = values.get(from..to).unwrap_or_default();
            let rows = || group.iter().copied().filter(|v| v.is_finite()).map(row);
            let (Some(mut top), Some(mut bottom)) = (rows().min(), rows().max()) else {
                before = None;
                continue;
            };
            let last = bottom;
            if let Some(b) = before {
                (top, bottom) = (top.min(b), bottom.max(b));
            }
            for y in top..=bottom {
                cells[y / 4 * width + x / 2] |= dot(x % 2, y % 4);
            }
            before = Some(last);
        }
    }
    cells
}

fn glyph(bits: u8) -> char {
    char::from_u32(0x2800 + u32::from(bits)).unwrap_or(' ')
}

/// The bit of a braille dot: column 0..2, row 0..4 (Unicode 2800 block).
const fn dot(x: usize, y: usize) -> u8 {
    [[0x01, 0x02, 0x04, 0x40], [0x08, 0x10, 0x20, 0x80]][x][y]
}

/// Cuts an area into lines of the given heights from the top; what does not fit is empty.
pub fn rows<const N: usize>(area: Rect, heights: [u16; N]) -> [Rect; N] {
    let mut y = area.y;
    heights.map(|h| {
        let h = h.min(area.bottom().saturating_sub(y));
        let part = Rect::new(area.x, y, area.width, h);
        y += h;
        part
    })
}

/// Facts one behind the other in lines of a width; none is broken.
pub fn filled(facts: &[String], width: u16) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for fact in facts {
        match lines.last_mut().filter(|l| l.width() + fact.width() + 2 <= usize::from(width)) {
            Some(line) => {
                line.push_str("  ");
                line.push_str(fact);
            }
            None => lines.push(fact.clone()),
        }
    }
    lines
}

/// `key  value` with the value's style.
pub type Fact<'a> = (&'a str, String, Style);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pictures_say_what_the_numbers_say() {
        assert_eq!(spark(&[0, 4, 8], 8.0, 3), "▁▄█");
        assert_eq!(spark(&[8; 60], 16.0, 4), "▄▄▄▄");
        let line = curve(&[0.0, 1.0], None, 1, 1);
        assert_eq!(line, ["⣸"]);
        assert_eq!(curve(&[], None, 2, 1), ["⠀⠀"]);
        let both = curves(&[1.0; 6], &[0.0; 6], (0.0, 1.0), 3, 1);
        assert_eq!(both[0].iter().map(|c| c.0).collect::<String>(), "⣉⣉⠉", "a line above, dashes below");
        assert_eq!(both[0].iter().map(|c| c.1).collect::<Vec<_>>(), [true, true, false]);
    }

    #[test]
    fn few_values_are_joined_by_lines_and_many_are_left_alone() {
        assert_eq!(drawn_out(vec![0.0, 1.0, 4.0], 5), [0.0, 0.5, 1.0, 2.5, 4.0]);
        let open = drawn_out(vec![0.0, 1.0, f64::NAN], 5);
        assert!(open[2] == 1.0 && open[3].is_nan(), "nothing leads to a value that is not there");
        assert_eq!(drawn_out(vec![1.0; 9], 5), [1.0; 9]);
        assert_eq!(drawn_out(vec![1.0], 5), [1.0]);
    }

    proptest! {
        #[test]
        fn pictures_have_the_size_asked_for(values in prop::collection::vec(prop::num::f64::ANY, 0..200), w in 0_usize..60, h in 0_usize..12) {
            let lines = curve(&values, None, w, h);
            prop_assert!(lines.len() <= h);
            for line in lines {
                prop_assert_eq!(line.chars().count(), w);
            }
            for line in curves(&values, &values, extent(&values), w, h) {
                prop_assert_eq!(line.len(), w);
            }
            let samples: Vec<u16> = values.iter().map(|v| *v as u16).collect();
            let spark = spark(&samples, 10.0, w);
            prop_assert!(samples.is_empty() || spark.chars().count() == w);
        }
    }
}
