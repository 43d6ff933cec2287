//! The losses of one fit, epoch by epoch: training rows solid, early-stop slice dashed, the kept epoch marked.

use ratatui::layout::Rect;

use crate::console::theme::Role;
use crate::console::view::canvas::Canvas;
use crate::console::view::widget;
use crate::train::progress::Curve;

/// Cells of the scale left of the chart.
const SCALE: u16 = 8;
/// Smallest chart worth drawing.
const SMALLEST: (u16, u16) = (SCALE + 8, 3);
/// Epochs that the axis of a young fit reaches to.
const FIRST_EPOCHS: usize = 10;

/// Draws the chart with its axes; on little room a line of words.
pub fn draw(c: &mut Canvas<'_>, curve: &Curve, log_scale: bool, area: Rect) {
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let line = Rect { height: 1, ..area };
        if area.height > 0 {
            c.line(line, &[(&words(curve), c.s(Role::Text))]);
        }
        return;
    }
    let epochs = reach(curve);
    let chart = Rect { x: area.x + SCALE, width: area.width - SCALE, height: area.height - 1, ..area };
    let losses = [&curve.train, &curve.stop].map(|l| scaled(l, epochs, log_scale));
    let ends = [widget::extent(&losses[0]), widget::extent(&losses[1])];
    let [solid, dashed] = losses.map(|l| widget::drawn_out(l, 2 * usize::from(chart.width)));
    let scale = (ends[0].0.min(ends[1].0), ends[0].1.max(ends[1].1));
    let (plain, focus) = (c.s(Role::Dim), c.s(Role::Focus));
    for (cells, y) in widget::curves(&solid, &dashed, scale, chart.width.into(), chart.height.into()).iter().zip(chart.y..) {
        for ((glyph, over), x) in cells.iter().zip(chart.x..) {
            c.set(x, y, glyph.encode_utf8(&mut [0; 4]), if *over { focus } else { plain });
        }
    }
    if scale.0 <= scale.1 {
        let shown = |v: f64| format!("{:>6.4} ┤", if log_scale { v.exp() } else { v });
        for (value, y) in [(scale.1, chart.y), (scale.0, chart.bottom() - 1)] {
            c.put(area.x, y, SCALE, &shown(value), plain);
        }
    }
    axis(c, curve, epochs, Rect { y: chart.bottom(), height: 1, ..chart });
}

/// Epochs under the chart: the first, the kept one with its loss, the last.
fn axis(c: &mut Canvas<'_>, curve: &Curve, epochs: usize, area: Rect) {
    let dim = c.s(Role::Dim);
    let last = epochs.to_string();
    let end = area.right().saturating_sub(last.len() as u16);
    c.put(area.x, area.y, area.width, "1", dim);
    let Some(best) = (curve.best as usize).checked_sub(1).filter(|e| *e < epochs) else {
        c.put(end, area.y, area.width, &last, dim);
        return;
    };
    let at = area.x + (best * usize::from(area.width.saturating_sub(1)) / (epochs.max(2) - 1)) as u16;
    let loss = curve.stop.get(best).or_else(|| curve.train.get(best)).map_or_else(String::new, |v| format!(" {v:.4}"));
    let text = format!("▲ best{loss} @{}", curve.best);
    let width = text.chars().count() as u16;
    // Where the words do not fit right of the mark, they stand left of it.
    let fits = at + width < end;
    let left = at.saturating_sub(width - 1).max(area.x + 2);
    let (x, text) = if fits { (at, text) } else { (left, format!("best{loss} @{} ▲", curve.best)) };
    c.put(x, area.y, area.right().saturating_sub(x), &text, c.theme.strong(Role::Ok));
    if x + width < end {
        c.put(end, area.y, area.right().saturating_sub(end), &last, dim);
    }
}

/// The last epoch on the axis: of a fit at work there is room for more, of an ended one the last.
fn reach(curve: &Curve) -> usize {
    let made = curve.train.len().max(curve.stop.len()).max(1);
    let most = (curve.epochs as usize).max(made);
    if curve.live { (made + made / 4).max(FIRST_EPOCHS).min(most) } else { made }
}

/// Losses on the scale of the chart, nothing where there is no epoch yet.
fn scaled(losses: &[f32], epochs: usize, log_scale: bool) -> Vec<f64> {
    let one = |v: &f32| {
        let v = f64::from(*v);
        if log_scale { if v > 0.0 { v.ln() } else { f64::NAN } } else { v }
    };
    losses.iter().map(one).chain(std::iter::repeat(f64::NAN)).take(epochs).collect()
}

/// A curve in words.
fn words(curve: &Curve) -> String {
    let last = |v: &[f32]| v.last().map_or_else(|| "-".to_owned(), |v| format!("{v:.4}"));
    let epoch = curve.train.len();
    format!("epoch {epoch} of {}  train {}  stop {}  best @{}", curve.epochs, last(&curve.train), last(&curve.stop), curve.best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::strategy::ModelName;

    #[test]
    fn the_axis_of_a_live_fit_leaves_room_and_that_of_an_ended_one_none() {
        let curve = |made: usize, live| Curve {
            model: ModelName::Mlp,
            fold: Some(1),
            seed: 0,
            train: vec![1.0; made],
            stop: Vec::new(),
            best: 1,
            epochs: 40,
            live,
        };
        assert_eq!([reach(&curve(0, true)), reach(&curve(20, true)), reach(&curve(39, true))], [10, 25, 40]);
        assert_eq!(reach(&curve(31, false)), 31);
        assert_eq!(scaled(&[1.0, -1.0], 3, true)[0], 0.0);
        assert!(scaled(&[1.0, -1.0], 3, true)[1..].iter().all(|v| v.is_nan()));
    }
}
