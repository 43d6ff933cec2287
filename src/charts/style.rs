//! The house style: colours by role, text, and lines. Roles and colours are those of the console's themes, chosen so that any
//! two status colours stay apart for every kind of sight; lines differ by dash and mark as well.

use std::sync::OnceLock;

use plotters::style::{Color, FontStyle, IntoFont, RGBColor, ShapeStyle, TextStyle, register_font};

use super::ChartError;

/// A colour, 8 bits each of red, green and blue.
pub type Rgb = RGBColor;

/// The family in an SVG, and the name under which plotters knows the embedded font.
const FAMILY: &str = "DejaVu Sans, Verdana, sans-serif";
static FONT: &[u8] = include_bytes!("../../assets/fonts/DejaVuSans-subset.ttf");

/// Text sizes in units of the SVG. plotters counts from ascent to descent, which is 1.24 em.
const LABEL: f64 = 13.5;
const TITLE: f64 = 17.0;

/// Colours by role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Behind everything.
    pub ground: Rgb,
    /// Lines of the grid.
    pub grid: Rgb,
    /// Ordinary text.
    pub text: Rgb,
    /// Quiet text, references.
    pub dim: Rgb,
    /// What the chart is about.
    pub focus: Rgb,
    /// Good.
    pub ok: Rgb,
    /// Wants a look.
    pub warn: Rgb,
    /// Failed, losses.
    pub bad: Rgb,
    /// Another thing beside the first.
    pub stale: Rgb,
}

impl Palette {
    /// For light pages.
    pub const LIGHT: Self = Self {
        ground: RGBColor(0xFA, 0xFA, 0xFA),
        grid: RGBColor(0xE3, 0xE5, 0xE8),
        text: RGBColor(0x1F, 0x23, 0x28),
        dim: RGBColor(0x6B, 0x70, 0x78),
        focus: RGBColor(0x00, 0x26, 0x4C),
        ok: RGBColor(0x00, 0x83, 0x6B),
        warn: RGBColor(0x85, 0x73, 0x00),
        bad: RGBColor(0x57, 0x00, 0x00),
        stale: RGBColor(0x64, 0x08, 0xA9),
    };
    /// For dark pages.
    pub const DARK: Self = Self {
        ground: RGBColor(0x14, 0x16, 0x1B),
        grid: RGBColor(0x2C, 0x30, 0x38),
        text: RGBColor(0xD8, 0xDA, 0xDF),
        dim: RGBColor(0x7D, 0x82, 0x8C),
        focus: RGBColor(0x17, 0xD5, 0xFF),
        ok: RGBColor(0x40, 0x9A, 0x68),
        warn: RGBColor(0xFB, 0xD3, 0x47),
        bad: RGBColor(0xCE, 0x5F, 0x10),
        stale: RGBColor(0x90, 0x76, 0x9B),
    };

    /// All colours with the names of their roles; the order is the same in each palette.
    pub const fn roles(&self) -> [(&'static str, Rgb); 9] {
        [
            ("ground", self.ground),
            ("grid", self.grid),
            ("text", self.text),
            ("dim", self.dim),
            ("focus", self.focus),
            ("ok", self.ok),
            ("warn", self.warn),
            ("bad", self.bad),
            ("stale", self.stale),
        ]
    }
}

/// How a line is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stroke {
    /// Unbroken.
    Solid,
    /// Long dashes.
    Dashed,
    /// Short dashes.
    Dotted,
}

impl Stroke {
    /// Lengths of dash and gap in units of the SVG; `None` for an unbroken line.
    pub const fn dashes(self) -> Option<(u32, u32)> {
        match self {
            Self::Solid => None,
            Self::Dashed => Some((7, 4)),
            Self::Dotted => Some((2, 3)),
        }
    }
}

/// A palette at a scale.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    pub palette: Palette,
    /// Pixels of the drawing to a unit of the SVG.
    scale: u32,
    /// Where the drawing stands tells heading, legend and axes.
    pub bare: bool,
}

impl Look {
    /// Makes the embedded font known to plotters, once a process.
    pub fn new(palette: &Palette, scale: u32) -> Result<Self, ChartError> {
        static KNOWN: OnceLock<bool> = OnceLock::new();
        let known = *KNOWN.get_or_init(|| register_font(FAMILY, FontStyle::Normal, FONT).is_ok());
        if known { Ok(Self { palette: *palette, scale, bare: false }) } else { Err(ChartError::Font) }
    }

    /// The same for a place that tells heading, legend and axes itself.
    pub const fn bare(self) -> Self {
        Self { bare: true, ..self }
    }

    /// Pixels of so many units.
    pub const fn px(&self, units: u32) -> u32 {
        units * self.scale
    }

    /// Pixels of so many units, as a coordinate.
    pub const fn at(&self, units: i32) -> i32 {
        units * self.scale as i32
    }

    fn text(&self, size: f64, color: Rgb) -> TextStyle<'static> {
        let font = (FAMILY, size * f64::from(self.scale)).into_font();
        TextStyle { color: color.to_backend_color(), ..font.into() }
    }

    /// Of axes, legends and remarks.
    pub fn label(&self) -> TextStyle<'static> {
        self.text(LABEL, self.palette.dim)
    }

    /// Of figures and names inside a chart.
    pub fn body(&self) -> TextStyle<'static> {
        self.text(LABEL, self.palette.text)
    }

    /// Of headings.
    pub fn title(&self) -> TextStyle<'static> {
        self.text(TITLE, self.palette.text)
    }

    /// Of a line `units` wide.
    pub fn line(&self, color: Rgb, units: u32) -> ShapeStyle {
        ShapeStyle { color: color.to_rgba(), filled: false, stroke_width: self.px(units) }
    }
}

/// Of a filled shape, more or less see-through.
pub fn fill(color: Rgb, opacity: f64) -> ShapeStyle {
    ShapeStyle { color: color.mix(opacity), filled: true, stroke_width: 0 }
}
