//! Drawings of what training, drift and coverage measured, as SVG and PNG.
//!
//! Each chart is plain data with units; [`Chart::svg`] and [`Chart::png`] draw it and depend on nothing else: no clock, no disk,
//! no font of the system. Values that cannot be drawn are left out and counted under the chart, and where nothing is left the
//! drawing says why. `report` and `nightdesk report --charts` call it.
//!
//! Text in a PNG is drawn with the embedded `DejaVu Sans`. In an SVG it stays text, of the family
//! `DejaVu Sans, Verdana, sans-serif`: the first two have the same widths, and what a viewer takes for the third is narrower, so
//! that nothing overlaps where room was measured with the first.

mod confusion;
mod coverage;
mod distribution;
mod ecdf;
mod equity;
mod frame;
mod loss;
mod markup;
mod psi;
mod reliability;
mod style;

use std::io;

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::drawing::{DrawingAreaErrorKind, IntoDrawingArea};

pub use confusion::ConfusionMatrix;
pub use coverage::{Coverage, Strip};
pub use distribution::Distribution;
pub use ecdf::Ecdf;
pub use equity::{Equity, EquityPoint};
pub use loss::{FitLosses, LossCurves};
pub use markup::escaped;
pub use psi::{Level, PsiHistory, PsiPoint};
pub use reliability::{Bin, Reliability, ReliabilityCurve};
pub use style::{Palette, Rgb};

use frame::{Area, Drawn, Sketch, frame};
use style::Look;

/// Smallest and largest side of a drawing, in units of the SVG; of a bare one in pixels.
const SIDES: (u32, u32) = (160, 4_000);
/// Pixels of a PNG to a unit of the SVG: sharp on dense screens.
const PNG_SCALE: u32 = 2;

/// Why a chart could not be drawn. What its data lack is no error: that is drawn.
#[derive(Debug, thiserror::Error)]
pub enum ChartError {
    /// The embedded font does not read.
    #[error("the embedded font of charts cannot be read: this build is damaged")]
    Font,
    /// The drawing failed.
    #[error("a chart could not be drawn: {0}")]
    Drawing(String),
    /// The image could not be encoded.
    #[error("a chart could not be written as PNG: {0}")]
    Png(#[from] png::EncodingError),
}

/// Anything that can be drawn.
#[derive(Clone, Debug, PartialEq)]
pub enum Chart {
    /// Losses by epoch.
    Loss(LossCurves),
    /// What came against what was said.
    Reliability(Reliability),
    /// Outcomes against decisions.
    Confusion(ConfusionMatrix),
    /// Growth and falls of an account.
    Equity(Equity),
    /// Population stability over time.
    Psi(PsiHistory),
    /// A distribution then and now, in bins.
    Distribution(Distribution),
    /// The same without bins.
    Ecdf(Ecdf),
    /// Which years are stored.
    Coverage(Coverage),
}

impl Chart {
    /// What it shows, as its heading says.
    pub fn title(&self) -> String {
        match self {
            Self::Loss(c) => c.title(),
            Self::Reliability(c) => c.title(),
            Self::Confusion(c) => c.title(),
            Self::Equity(c) => c.title(),
            Self::Psi(c) => c.title(),
            Self::Distribution(c) => c.title(),
            Self::Ecdf(c) => c.title(),
            Self::Coverage(c) => c.title(),
        }
    }

    /// Width and height at which it reads well, in units of the SVG.
    pub fn size(&self) -> (u32, u32) {
        match self {
            Self::Loss(c) => c.size(),
            Self::Reliability(c) => c.size(),
            Self::Confusion(c) => c.size(),
            Self::Equity(c) => c.size(),
            Self::Psi(c) => c.size(),
            Self::Distribution(c) => c.size(),
            Self::Ecdf(c) => c.size(),
            Self::Coverage(c) => c.size(),
        }
    }

    /// The drawing as an SVG document.
    pub fn svg(&self, palette: &Palette, size: (u32, u32)) -> Result<String, ChartError> {
        let (size, mut text) = (bounded(size), String::new());
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        self.draw(&Look::new(palette, 1)?, &area)?;
        drop(area);
        Ok(named(&text, &self.title()))
    }

    /// The drawing as a PNG, with twice as many pixels a side as the SVG has units.
    pub fn png(&self, palette: &Palette, size: (u32, u32)) -> Result<Vec<u8>, ChartError> {
        let (width, height) = bounded(size);
        self.image(&Look::new(palette, PNG_SCALE)?, (width * PNG_SCALE, height * PNG_SCALE))
    }

    /// The same without heading, legend and names of axes, for a place that tells them: `size` in pixels, of which `scale` are
    /// a unit of the SVG.
    pub fn bare_png(&self, palette: &Palette, size: (u32, u32), scale: u32) -> Result<Vec<u8>, ChartError> {
        self.image(&Look::new(palette, scale.clamp(1, 4))?.bare(), bounded(size))
    }

    fn image(&self, look: &Look, (width, height): (u32, u32)) -> Result<Vec<u8>, ChartError> {
        let mut pixels = vec![0; 3 * width as usize * height as usize];
        let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
        self.draw(look, &area)?;
        drop(area);
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&pixels)?;
        writer.finish()?;
        Ok(file)
    }

    fn draw<DB: DrawingBackend>(&self, look: &Look, area: &Area<DB>) -> Result<(), ChartError> {
        let drawn = match self {
            Self::Loss(c) => on(look, area, c),
            Self::Reliability(c) => on(look, area, c),
            Self::Confusion(c) => on(look, area, c),
            Self::Equity(c) => on(look, area, c),
            Self::Psi(c) => on(look, area, c),
            Self::Distribution(c) => on(look, area, c),
            Self::Ecdf(c) => on(look, area, c),
            Self::Coverage(c) => on(look, area, c),
        };
        drawn.map_err(|e| match e {
            DrawingAreaErrorKind::BackendError(e) => ChartError::Drawing(e.to_string()),
            other => ChartError::Drawing(other.to_string()),
        })
    }
}

/// Draws a sketch inside its frame, or why there is nothing to draw.
fn on<DB: DrawingBackend>(look: &Look, area: &Area<DB>, sketch: &impl Sketch) -> Drawn<DB> {
    area.fill(&look.palette.ground)?;
    let missing = sketch.missing();
    let body = frame(look, area, sketch, missing.is_none())?;
    match missing {
        Some(why) => frame::nothing(look, &body, &why)?,
        None => sketch.draw(look, &body)?,
    }
    area.present()
}

fn bounded((width, height): (u32, u32)) -> (u32, u32) {
    (width.clamp(SIDES.0, SIDES.1), height.clamp(SIDES.0, SIDES.1))
}

/// The document with its title for those who do not see it.
fn named(svg: &str, title: &str) -> String {
    let title = escaped(title);
    svg.replacen('>', &format!(" role=\"img\">\n<title>{title}</title>"), 1)
}

/// A PNG's width and height, if the bytes begin as one.
pub fn png_size(file: &[u8]) -> io::Result<(u32, u32)> {
    let reader = png::Decoder::new(io::Cursor::new(file)).read_info().map_err(io::Error::other)?;
    let info = reader.info();
    Ok((info.width, info.height))
}
