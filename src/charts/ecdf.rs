//! Two empirical distribution functions, and where they lie furthest apart (the Kolmogorov-Smirnov distance).

use plotters::prelude::DrawingBackend;

use super::frame::{Area, Axes, Drawn, Mark, Sign, Sketch, drawable, line, range, undrawable};
use super::style::{Look, Stroke};

/// Steps of a curve that paper can show.
const STEPS: usize = 500;

/// A subject's values, then and now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ecdf {
    /// A feature's name, or what else was watched.
    pub subject: String,
    /// Values of the reference period, in the subject's unit, in any order.
    pub reference: Vec<f64>,
    /// Values of the newest window.
    pub current: Vec<f64>,
    /// Largest distance of the distribution functions, where more values than are drawn tell it.
    pub distance: Option<f64>,
}

/// Those that can be drawn, ascending.
fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sound: Vec<f64> = values.iter().copied().filter(|v| drawable(*v)).collect();
    sound.sort_by(f64::total_cmp);
    sound
}

/// Share of the values that are `x` or less.
fn share(sorted: &[f64], x: f64) -> f64 {
    sorted.partition_point(|v| *v <= x) as f64 / sorted.len() as f64
}

/// The steps of a sample, at most [`STEPS`] of them, from one end of the axis to the other.
fn steps(sorted: &[f64], (first, last): (f64, f64)) -> Vec<(f64, f64)> {
    let every = sorted.len().div_ceil(STEPS).max(1);
    let shown = sorted.iter().step_by(every).chain(sorted.last());
    let mut points = vec![(first, 0.0)];
    let mut before = 0.0;
    for x in shown {
        let now = share(sorted, *x);
        points.extend([(*x, before), (*x, now)]);
        before = now;
    }
    points.push((last, before));
    points
}

/// Where two samples are furthest apart: value, and both shares there.
fn furthest(a: &[f64], b: &[f64]) -> Option<(f64, f64, f64)> {
    let at = |x: &f64| (*x, share(a, *x), share(b, *x));
    let apart = |p: &(f64, f64, f64)| (p.1 - p.2).abs();
    a.iter().chain(b).map(at).max_by(|p, q| apart(p).total_cmp(&apart(q)))
}

impl Sketch for Ecdf {
    fn title(&self) -> String {
        let shown = || furthest(&sorted(&self.reference), &sorted(&self.current)).map(|(_, a, b)| (a - b).abs());
        let far = self.distance.or_else(shown).filter(|_| self.missing().is_none());
        let far = far.map(|far| format!(": {far:.3} apart at most"));
        format!("Distribution of {}{}", self.subject, far.unwrap_or_default())
    }

    fn size(&self) -> (u32, u32) {
        (760, 300)
    }

    fn missing(&self) -> Option<String> {
        let none = |values: &[f64]| !values.iter().any(|v| drawable(*v));
        if none(&self.reference) {
            return Some("the reference has no values".to_owned());
        }
        none(&self.current).then(|| "there are no values to compare with the reference".to_owned())
    }

    fn left_out(&self) -> usize {
        undrawable(self.reference.iter().chain(&self.current).copied())
    }

    fn legend(&self, look: &Look) -> Vec<Sign> {
        let p = &look.palette;
        vec![
            Sign { word: "reference", color: p.dim, mark: Mark::Line(Stroke::Dashed) },
            Sign { word: "now", color: p.focus, mark: Mark::Line(Stroke::Solid) },
            Sign { word: "furthest apart", color: p.bad, mark: Mark::Line(Stroke::Dotted) },
        ]
    }

    fn draw<DB: DrawingBackend>(&self, look: &Look, area: &Area<DB>) -> Drawn<DB> {
        let (p, [then, now]) = (look.palette, [&self.reference, &self.current].map(|v| sorted(v)));
        let x = range(then.iter().chain(&now).copied()).unwrap_or(0.0..1.0);
        let ends = (x.start, x.end);
        let width = x.end - x.start;
        let digits = (2.0 - width.log10().floor()).clamp(0.0, 6.0) as usize;
        let axes = Axes {
            x,
            y: 0.0..1.02,
            names: [&self.subject, "share at or below"],
            marks: [7, 5],
            tell: [&|v| format!("{v:.digits$}"), &|v| format!("{v:.1}")],
        };
        let mut plot = axes.draw(look, area, "")?;
        line(look, &mut plot, steps(&then, ends), (p.dim, Stroke::Dashed))?;
        line(look, &mut plot, steps(&now, ends), (p.focus, Stroke::Solid))?;
        let far = furthest(&then, &now).map(|(at, a, b)| [(at, a), (at, b)]);
        line(look, &mut plot, far.into_iter().flatten(), (p.bad, Stroke::Dotted))
    }
}
