//! Small pieces of picture: sparkline, progress bar, braille curve.

use ratatui::layout::Rect;
use ratatui::style::Style;

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
    let finite = || values.iter().copied().filter(|v| v.is_finite());
    let own = || (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let (low, high) = scale.unwrap_or_else(own);
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
    let glyph = |bits: &u8| char::from_u32(0x2800 + u32::from(*bits)).unwrap_or(' ');
    cells.chunks(width.max(1)).take(height).map(|line| line.iter().map(glyph).collect()).collect()
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
    }

    proptest! {
        #[test]
        fn pictures_have_the_size_asked_for(values in prop::collection::vec(prop::num::f64::ANY, 0..200), w in 0_usize..60, h in 0_usize..12) {
            let lines = curve(&values, None, w, h);
            prop_assert!(lines.len() <= h);
            for line in lines {
                prop_assert_eq!(line.chars().count(), w);
            }
            let samples: Vec<u16> = values.iter().map(|v| *v as u16).collect();
            let spark = spark(&samples, 10.0, w);
            prop_assert!(samples.is_empty() || spark.chars().count() == w);
        }
    }
}
