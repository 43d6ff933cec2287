//! Losses of fits, epoch by epoch, a small chart each on one scale: training rows solid, early-stop slice dashed.

use plotters::element::TriangleMarker;
use plotters::prelude::DrawingBackend;

use super::frame::{Area, Axes, Drawn, Mark, Sign, Sketch, drawable, grid, line, range, undrawable};
use super::style::{Look, Stroke, fill};

/// Fits that are drawn; more do not read.
const MOST: usize = 8;
/// Small charts beside each other.
const COLUMNS: usize = 2;

/// The losses of some fits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LossCurves {
    /// In the order in which they are drawn; the first 8 are.
    pub fits: Vec<FitLosses>,
}

/// The losses of one fit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FitLosses {
    /// Which, in words: `gru, block 3`.
    pub name: String,
    /// On the training rows by epoch, nats.
    pub train: Vec<f32>,
    /// On the early-stop slice by epoch, nats; empty where there is none.
    pub stop: Vec<f32>,
    /// Epoch whose weights are kept, from 1; 0 where none is.
    pub best: u32,
}

impl FitLosses {
    fn values(&self) -> impl Iterator<Item = f64> {
        self.train.iter().chain(&self.stop).map(|v| f64::from(*v))
    }

    /// Epoch and loss of the weights that are kept.
    fn kept(&self) -> Option<(f64, f64)> {
        let at = (self.best as usize).checked_sub(1)?;
        let loss = f64::from(*self.stop.get(at).or_else(|| self.train.get(at))?);
        drawable(loss).then_some((f64::from(self.best), loss))
    }

    fn head(&self) -> String {
        let kept = self.kept().map(|(epoch, loss)| format!(": best {loss:.4} in epoch {epoch:.0}"));
        format!("{}{}", self.name, kept.unwrap_or_default())
    }
}

impl LossCurves {
    fn drawn(&self) -> impl Iterator<Item = &FitLosses> + Clone {
        self.fits.iter().take(MOST)
    }
}

impl Sketch for LossCurves {
    fn title(&self) -> String {
        "Loss by epoch".to_owned()
    }

    fn size(&self) -> (u32, u32) {
        let (rows, _) = grid(self.drawn().count(), COLUMNS);
        (760, 90 + 190 * rows as u32)
    }

    fn missing(&self) -> Option<String> {
        if self.fits.is_empty() {
            return Some("no fit has begun".to_owned());
        }
        let any = self.drawn().flat_map(FitLosses::values).any(drawable);
        (!any).then(|| "no epoch ended with a finite loss".to_owned())
    }

    fn left_out(&self) -> usize {
        undrawable(self.drawn().flat_map(FitLosses::values))
    }

    fn legend(&self, look: &Look) -> Vec<Sign> {
        let p = &look.palette;
        vec![
            Sign { word: "training rows", color: p.dim, mark: Mark::Line(Stroke::Solid) },
            Sign { word: "early-stop slice", color: p.focus, mark: Mark::Line(Stroke::Dashed) },
            Sign { word: "weights kept", color: p.ok, mark: Mark::Triangle },
        ]
    }

    fn draw<DB: DrawingBackend>(&self, look: &Look, area: &Area<DB>) -> Drawn<DB> {
        let y = range(self.drawn().flat_map(FitLosses::values)).unwrap_or(0.0..1.0);
        let p = look.palette;
        for (fit, area) in self.drawn().zip(area.split_evenly(grid(self.drawn().count(), COLUMNS))) {
            let epochs = fit.train.len().max(fit.stop.len()).max(2);
            let axes = Axes {
                x: 0.5..epochs as f64 + 0.5,
                y: y.clone(),
                names: ["epoch", "loss, nats"],
                marks: [epochs.min(8), 5],
                tell: [&|v| if v.fract() == 0.0 { format!("{v:.0}") } else { String::new() }, &|v| format!("{v:.3}")],
            };
            let mut plot = axes.draw(look, &area, &fit.head())?;
            let by_epoch = |losses: &[f32]| losses.iter().enumerate().map(|(i, v)| (i as f64 + 1.0, f64::from(*v))).collect::<Vec<_>>();
            line(look, &mut plot, by_epoch(&fit.train), (p.dim, Stroke::Solid))?;
            line(look, &mut plot, by_epoch(&fit.stop), (p.focus, Stroke::Dashed))?;
            plot.draw_series(fit.kept().map(|at| TriangleMarker::new(at, look.at(5), fill(p.ok, 1.0))))?;
        }
        Ok(())
    }
}
