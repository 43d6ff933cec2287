//! Which years of which series are stored: a strip of years each, filled as far as the calendar's bars are there.

use std::ops::RangeInclusive;

use plotters::element::{Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::frame::{Area, Drawn, Mark, Sign, Sketch, clean};
use super::style::{Look, fill};

/// Strips that are drawn; those below are counted.
const MOST: usize = 60;
/// Years that are drawn, the newest.
const YEARS: i32 = 40;
/// Height of a strip in units of the SVG.
const HEIGHT: i32 = 18;
/// Room for names.
const NAMES: i32 = 90;

/// What is stored of some series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coverage {
    /// In the order in which they are drawn; the first 60 are.
    pub strips: Vec<Strip>,
}

/// What is stored of one series.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Strip {
    /// Symbol and timeframe.
    pub name: String,
    /// Years with the share of the bars that the calendar asks for, 0 to 1, which are stored.
    pub years: Vec<(i32, f64)>,
}

impl Strip {
    fn sound(&self) -> impl Iterator<Item = (i32, f64)> {
        self.years.iter().copied().filter(|(_, share)| (0.0..=1.0).contains(share))
    }
}

impl Coverage {
    /// From the first year to the last that are drawn.
    fn span(&self) -> Option<RangeInclusive<i32>> {
        let years = || self.strips.iter().take(MOST).flat_map(Strip::sound).map(|(year, _)| year);
        let last = years().max()?;
        Some(years().min()?.max(last.saturating_sub(YEARS - 1))..=last)
    }
}

impl Sketch for Coverage {
    fn title(&self) -> String {
        let more = self.strips.len().saturating_sub(MOST);
        let more = if more > 0 { format!(", the first {MOST} of {}", self.strips.len()) } else { String::new() };
        format!("Stored bars by year{more}")
    }

    fn size(&self) -> (u32, u32) {
        (760, 110 + HEIGHT as u32 * self.strips.len().clamp(3, MOST) as u32)
    }

    fn missing(&self) -> Option<String> {
        self.span().is_none().then(|| "no series is stored".to_owned())
    }

    fn left_out(&self) -> usize {
        self.strips.iter().take(MOST).map(|s| s.years.len() - s.sound().count()).sum()
    }

    fn legend(&self, look: &Look) -> Vec<Sign> {
        let p = &look.palette;
        vec![
            Sign { word: "stored, by height", color: p.ok, mark: Mark::Filled },
            Sign { word: "missing", color: p.stale, mark: Mark::Outlined },
        ]
    }

    fn draw<DB: DrawingBackend>(&self, look: &Look, area: &Area<DB>) -> Drawn<DB> {
        let Some(span) = self.span() else { return Ok(()) };
        let (p, (first, last)) = (look.palette, (*span.start(), *span.end()));
        let width = (area.dim_in_pixel().0 as i32 - look.at(NAMES)) / (last - first + 1);
        let column = |year: i32| look.at(NAMES) + (year - first) * width;
        let middle = Pos::new(HPos::Center, VPos::Center);
        // Years have room for their names from 40 units on; before, each fifth has.
        let every = if width >= look.at(40) { 1 } else { 5 };
        for year in span.clone().filter(|y| y % every == 0) {
            area.draw(&Text::new(year.to_string(), (column(year) + width / 2, look.at(6)), look.label().pos(middle)))?;
        }
        for (row, strip) in (0..).zip(self.strips.iter().take(MOST)) {
            let top = look.at(16) + row * look.at(HEIGHT);
            let (bottom, center) = (top + look.at(HEIGHT - 4), top + look.at(HEIGHT / 2 - 2));
            let style = look.body().pos(Pos::new(HPos::Right, VPos::Center));
            area.draw(&Text::new(clean(&strip.name), (look.at(NAMES - 8), center), style))?;
            for (year, share) in strip.sound().filter(|(year, _)| span.contains(year)) {
                let (left, right) = (column(year) + 1, column(year) + width - 1);
                let filled = (share * f64::from(bottom - top)).round() as i32;
                area.draw(&Rectangle::new([(left, bottom - filled), (right, bottom)], fill(p.ok, 0.6)))?;
                if filled < bottom - top {
                    area.draw(&Rectangle::new([(left, top), (right, bottom - filled)], look.line(p.stale, 1)))?;
                }
            }
        }
        Ok(())
    }
}
