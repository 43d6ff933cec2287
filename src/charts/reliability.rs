//! Reliability: how often came what was said with which probability, a small chart a class, with the numbers of rows.

use plotters::element::{Circle, Rectangle};
use plotters::prelude::DrawingBackend;

use super::frame::{Area, Axes, Drawn, Mark, Sign, Sketch, grid, line};
use super::style::{Look, Stroke, fill};

/// Small charts beside each other.
const COLUMNS: usize = 3;
/// Height of the bars that count rows, as a share of a small chart's.
const BARS: f64 = 0.25;

/// Reliability of all classes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reliability {
    /// A small chart each.
    pub classes: Vec<ReliabilityCurve>,
}

/// Reliability of the probabilities of one class.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ReliabilityCurve {
    /// Name of the class.
    pub class: String,
    /// By probability, ascending.
    pub bins: Vec<Bin>,
}

/// Rows with about the same probability.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bin {
    /// Mean probability of the class, 0 to 1.
    pub said: f64,
    /// Share of the rows that were of the class, 0 to 1.
    pub came: f64,
    /// Rows.
    pub rows: u64,
}

impl Bin {
    const fn share(v: f64) -> bool {
        v >= 0.0 && v <= 1.0
    }

    fn sound(&self) -> bool {
        Self::share(self.said) && Self::share(self.came)
    }
}

impl ReliabilityCurve {
    /// Bins that hold anything.
    fn held(&self) -> impl Iterator<Item = &Bin> {
        self.bins.iter().filter(|b| b.rows > 0 && b.sound())
    }

    /// The tenth that all its probabilities and shares lie below.
    fn reach(&self) -> f64 {
        let most = self.held().map(|b| b.said.max(b.came)).fold(0.0, f64::max);
        ((most * 10.0).ceil() / 10.0).clamp(0.1, 1.0)
    }

    fn draw<DB: DrawingBackend>(&self, look: &Look, area: &Area<DB>) -> Drawn<DB> {
        let rows: u64 = self.held().map(|b| b.rows).sum();
        let (upper, lower) = area.split_vertically((f64::from(area.dim_in_pixel().1) * (1.0 - BARS)) as u32);
        let (reach, p) = (self.reach(), look.palette);
        let axes = Axes {
            x: 0.0..reach,
            y: 0.0..reach,
            names: ["", "share that came"],
            marks: [5, 5],
            tell: [&|v| format!("{v:.1}"), &|v| format!("{v:.1}")],
        };
        let mut plot = axes.draw(look, &upper, &format!("{}, {rows} rows", self.class))?;
        line(look, &mut plot, [(0.0, 0.0), (reach, reach)], (p.dim, Stroke::Dotted))?;
        line(look, &mut plot, self.held().map(|b| (b.said, b.came)), (p.focus, Stroke::Solid))?;
        plot.draw_series(self.held().map(|b| Circle::new((b.said, b.came), look.at(3), fill(p.focus, 1.0))))?;
        let most = self.held().map(|b| b.rows).max().unwrap_or(1) as f64;
        let axes = Axes {
            x: 0.0..reach,
            y: 0.0..1.1 * most,
            names: ["probability said", "rows"],
            marks: [5, 2],
            tell: [&|v| format!("{v:.1}"), &|v| short(*v)],
        };
        let mut plot = axes.draw(look, &lower, "")?;
        let half = 0.012 * reach;
        let bar = |b: &Bin| Rectangle::new([(b.said - half, 0.0), (b.said + half, b.rows as f64)], fill(p.stale, 0.6));
        plot.draw_series(self.held().map(bar))?;
        Ok(())
    }
}

/// A count in a few characters.
fn short(v: f64) -> String {
    if v >= 10_000.0 { format!("{:.0}k", v / 1000.0) } else { format!("{v:.0}") }
}

impl Sketch for Reliability {
    fn title(&self) -> String {
        "Reliability of the probabilities".to_owned()
    }

    fn size(&self) -> (u32, u32) {
        let (rows, _) = grid(self.classes.len(), COLUMNS);
        (760, 90 + 270 * rows as u32)
    }

    fn missing(&self) -> Option<String> {
        (self.classes.iter().all(|c| c.held().next().is_none())).then(|| "no bin of probabilities holds a row".to_owned())
    }

    fn left_out(&self) -> usize {
        let bins = self.classes.iter().flat_map(|c| &c.bins).filter(|b| b.rows > 0);
        bins.filter(|b| !b.sound()).count()
    }

    fn legend(&self, look: &Look) -> Vec<Sign> {
        let p = &look.palette;
        vec![
            Sign { word: "came, by what was said", color: p.focus, mark: Mark::Line(Stroke::Solid) },
            Sign { word: "as said", color: p.dim, mark: Mark::Line(Stroke::Dotted) },
            Sign { word: "rows", color: p.stale, mark: Mark::Filled },
        ]
    }

    fn draw<DB: DrawingBackend>(&self, look: &Look, area: &Area<DB>) -> Drawn<DB> {
        let held = self.classes.iter().filter(|c| c.held().next().is_some());
        let areas = area.split_evenly(grid(self.classes.len(), COLUMNS));
        held.zip(areas).try_for_each(|(class, area)| class.draw(look, &area))
    }
}
