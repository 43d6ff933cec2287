//! A distribution then and now, bin by bin. Bins are as wide as each other on paper, whatever they span: the reference has
//! about as many values in each.

use plotters::element::Rectangle;
use plotters::prelude::DrawingBackend;
use plotters::style::ShapeStyle;

use super::frame::{Area, Axes, Drawn, Mark, Sign, Sketch};
use super::style::{Look, fill};

/// A subject's values, then and now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// A feature's name, or what else was watched.
    pub subject: String,
    /// Edges of the bins, ascending, in the subject's unit. The first bin has no lower edge, the last no upper one.
    pub edges: Vec<f64>,
    /// Values in each bin in the reference period: two more than edges, the last one counts missing values.
    pub reference: Vec<f64>,
    /// The same in the newest window.
    pub current: Vec<f64>,
}

impl Distribution {
    fn bins(&self) -> usize {
        self.edges.len() + 2
    }

    /// Shares of all values by bin; `None` where the counts are not counts of these bins.
    fn shares(&self, counts: &[f64]) -> Option<Vec<f64>> {
        let all: f64 = counts.iter().sum();
        let sound = counts.len() == self.bins() && all.is_finite() && all > 0.0 && counts.iter().all(|c| *c >= 0.0);
        sound.then(|| counts.iter().map(|c| c / all).collect())
    }

    /// What stands under a bin: its lower edge.
    fn name(&self, bin: usize) -> String {
        match bin {
            0 => "lowest".to_owned(),
            b if b + 1 == self.bins() => "missing".to_owned(),
            b => self.edges.get(b - 1).map_or_else(String::new, |e| number(*e)),
        }
    }
}

/// An edge in a few characters.
fn number(v: f64) -> String {
    match v.abs() {
        _ if !v.is_finite() => format!("{v}"),
        a if a > 0.0 && !(1e-3..1e5).contains(&a) => format!("{v:.1e}"),
        a if a < 1.0 => format!("{v:.3}"),
        a if a < 100.0 => format!("{v:.2}"),
        _ => format!("{v:.0}"),
    }
}

/// A bar for each share, from so far left or right of the middle of its bin.
fn bars(shares: &[f64], from: f64, style: ShapeStyle) -> impl Iterator<Item = Rectangle<(f64, f64)>> {
    let bar = move |(i, share): (usize, f64)| Rectangle::new([(i as f64 + from, 0.0), (i as f64 + from + 0.4, share)], style);
    shares.iter().copied().enumerate().map(bar)
}

impl Sketch for Distribution {
    fn title(&self) -> String {
        format!("Values of {}", self.subject)
    }

    fn size(&self) -> (u32, u32) {
        (760, 300)
    }

    fn missing(&self) -> Option<String> {
        match (self.shares(&self.reference), self.shares(&self.current)) {
            (None, _) => Some("no reference is on record for these bins".to_owned()),
            (_, None) => Some("no values are there to compare with the reference".to_owned()),
            _ => None,
        }
    }

    fn left_out(&self) -> usize {
        0
    }

    fn legend(&self, look: &Look) -> Vec<Sign> {
        let p = &look.palette;
        vec![Sign { word: "reference", color: p.text, mark: Mark::Outlined }, Sign { word: "now", color: p.ok, mark: Mark::Filled }]
    }

    fn draw<DB: DrawingBackend>(&self, look: &Look, area: &Area<DB>) -> Drawn<DB> {
        let [Some(reference), Some(current)] = [self.shares(&self.reference), self.shares(&self.current)] else { return Ok(()) };
        let most = reference.iter().chain(&current).copied().fold(0.01, f64::max);
        let name = |v: &f64| if v.fract() == 0.0 && *v >= 0.0 { self.name(*v as usize) } else { String::new() };
        let axes = Axes {
            x: -0.6..self.bins() as f64 - 0.4,
            y: 0.0..1.1 * most,
            names: ["lower edge of the bin", "share of values, %"],
            marks: [self.bins().min(12), 5],
            tell: [&name, &|v| format!("{:.0}", 100.0 * v)],
        };
        let mut plot = axes.draw(look, area, "")?;
        plot.draw_series(bars(&reference, -0.4, look.line(look.palette.text, 1)))?;
        plot.draw_series(bars(&current, 0.0, fill(look.palette.ok, 0.6)))?;
        Ok(())
    }
}
