//! What all charts share: heading and legend, axes, lines with gaps, the panel that says why there is nothing to draw.

use std::ops::Range;

use chrono::{Days, NaiveDate};
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind};
use plotters::element::{Circle, DashedPathElement, PathElement, Rectangle, Text, TriangleMarker};
use plotters::prelude::{Cartesian2d, DashedLineSeries, DrawingBackend, LineSeries};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::style::{Look, Rgb, Stroke, fill};

pub type Area<DB> = DrawingArea<DB, Shift>;
pub type Failed<DB> = DrawingAreaErrorKind<<DB as DrawingBackend>::ErrorType>;
pub type Drawn<DB> = Result<(), Failed<DB>>;
pub type Plot<'a, DB> = ChartContext<'a, DB, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Values further from 0 are no measurement of anything here, and pixels cannot be computed from them.
const LARGEST: f64 = 1e12;
/// Ranges narrower than this, as a share of the values in them, are rounding.
const NARROWEST: f64 = 1e-9;

/// What a legend says of one kind of mark.
pub struct Sign {
    pub word: &'static str,
    pub color: Rgb,
    pub mark: Mark,
}

/// How it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    Line(Stroke),
    Filled,
    Outlined,
    Triangle,
}

/// A chart as the frame sees it.
pub trait Sketch {
    /// What it shows.
    fn title(&self) -> String;
    /// At which size it reads well, in units of the SVG.
    fn size(&self) -> (u32, u32);
    /// Why there is nothing to draw.
    fn missing(&self) -> Option<String>;
    /// How many values are not drawn.
    fn left_out(&self) -> usize;
    /// What its marks mean.
    fn legend(&self, look: &Look) -> Vec<Sign>;
    /// Draws what is not missing.
    fn draw<DB: DrawingBackend>(&self, look: &Look, area: &Area<DB>) -> Drawn<DB>;
}

/// Whether a value has a place on paper.
pub fn drawable(v: f64) -> bool {
    v.abs() <= LARGEST
}

/// How many values have none.
pub fn undrawable(values: impl IntoIterator<Item = f64>) -> usize {
    values.into_iter().filter(|v| !drawable(*v)).count()
}

/// From the least to the greatest of those that have, with room around; `None` of none.
pub fn range(values: impl IntoIterator<Item = f64>) -> Option<Range<f64>> {
    let ends = values
        .into_iter()
        .filter(|v| drawable(*v))
        .fold(None, |ends: Option<(f64, f64)>, v| Some(ends.map_or((v, v), |(low, high)| (low.min(v), high.max(v)))));
    let (low, high) = ends?;
    let size = low.abs().max(high.abs());
    let room = if high - low > NARROWEST * size.max(1e-3) { 0.05 * (high - low) } else { (0.1 * size).max(0.01) };
    Some(low - room..high + room)
}

/// Draws heading and legend, and gives the area that is left for the chart.
pub fn frame<DB: DrawingBackend>(look: &Look, area: &Area<DB>, sketch: &impl Sketch, with_legend: bool) -> Result<Area<DB>, Failed<DB>> {
    if look.bare {
        return Ok(area.margin(look.px(4), look.px(2), look.px(2), look.px(2)));
    }
    let [left, top] = [look.at(14), look.at(10)];
    area.draw(&Text::new(clean(&sketch.title()), (left, top), look.title()))?;
    if with_legend {
        legend(look, area, &sketch.legend(look))?;
        let left_out = sketch.left_out();
        if left_out > 0 {
            let text = format!("{left_out} {} not drawn: not a finite number", if left_out == 1 { "value" } else { "values" });
            let (width, height) = area.dim_in_pixel();
            let style = look.label().pos(Pos::new(HPos::Right, VPos::Bottom));
            area.draw(&Text::new(text, (width as i32 - look.at(14), height as i32 - look.at(2)), style))?;
        }
    }
    Ok(area.margin(look.px(56), look.px(20), look.px(12), look.px(16)))
}

fn legend<DB: DrawingBackend>(look: &Look, area: &Area<DB>, signs: &[Sign]) -> Drawn<DB> {
    let (mut x, y) = (look.at(14), look.at(42));
    let half = look.at(4);
    for sign in signs {
        let end = x + look.at(24);
        match sign.mark {
            Mark::Line(stroke) => {
                let ends = [(x, y), (end, y)];
                match stroke.dashes() {
                    None => area.draw(&PathElement::new(ends, look.line(sign.color, 2)))?,
                    Some((dash, gap)) => {
                        area.draw(&DashedPathElement::new(ends, look.px(dash), look.px(gap), look.line(sign.color, 2)))?;
                    }
                }
            }
            Mark::Filled => area.draw(&Rectangle::new([(end - look.at(14), y - half), (end, y + half)], fill(sign.color, 0.6)))?,
            Mark::Outlined => area.draw(&Rectangle::new([(end - look.at(14), y - half), (end, y + half)], look.line(sign.color, 1)))?,
            Mark::Triangle => area.draw(&TriangleMarker::new((end - half, y), half, fill(sign.color, 1.0)))?,
        }
        let style = look.label().pos(Pos::new(HPos::Left, VPos::Center));
        let width = area.estimate_text_size(sign.word, &style)?.0 as i32;
        area.draw(&Text::new(sign.word, (end + look.at(6), y), style))?;
        x = end + look.at(24) + width;
    }
    Ok(())
}

/// Says why there is nothing to draw.
pub fn nothing<DB: DrawingBackend>(look: &Look, area: &Area<DB>, why: &str) -> Drawn<DB> {
    let (width, height) = area.dim_in_pixel();
    let middle = (width as i32 / 2, height as i32 / 2);
    area.draw(&Rectangle::new([(0, 0), (width as i32 - 1, height as i32 - 1)], look.line(look.palette.grid, 1)))?;
    let style = look.label().pos(Pos::new(HPos::Center, VPos::Center));
    area.draw(&Text::new(clean(&format!("no data: {why}")), middle, style))
}

/// What XML cannot hold does not belong into a chart either.
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Axes of a plot.
pub struct Axes<'a> {
    pub x: Range<f64>,
    pub y: Range<f64>,
    /// What they measure, with units; empty where the axis says it itself.
    pub names: [&'a str; 2],
    /// Numbers of marks on each.
    pub marks: [usize; 2],
    pub tell: [&'a dyn Fn(&f64) -> String; 2],
}

impl Axes<'_> {
    /// Draws the axes on `area`, whose heading, if it has one, is `head`.
    pub fn draw<'p, DB: DrawingBackend>(&self, look: &Look, area: &'p Area<DB>, head: &str) -> Result<Plot<'p, DB>, Failed<DB>> {
        let [x_name, y_name] = if look.bare { [""; 2] } else { self.names };
        if !head.is_empty() {
            area.draw(&Text::new(clean(head), (look.at(52), look.at(2)), look.body()))?;
        }
        let mut plot = ChartBuilder::on(area)
            .margin_top(look.px(if head.is_empty() { 4 } else { 20 }))
            .margin_right(look.px(10))
            .x_label_area_size(look.px(if x_name.is_empty() { 22 } else { 38 }))
            .y_label_area_size(look.px(if y_name.is_empty() { 50 } else { 66 }))
            .build_cartesian_2d(self.x.clone(), self.y.clone())?;
        let (label, palette) = (look.label(), &look.palette);
        // Marks closer than this run into each other.
        let most = (plot.plotting_area().dim_in_pixel().1 / look.px(20)).max(2) as usize;
        let mut mesh = plot.configure_mesh();
        mesh.disable_x_mesh()
            .bold_line_style(look.line(palette.grid, 1))
            .light_line_style(plotters::style::TRANSPARENT)
            .axis_style(look.line(palette.dim, 1))
            .label_style(label.clone())
            .axis_desc_style(label)
            .x_labels(self.marks[0])
            .y_labels(self.marks[1].min(most))
            .x_label_formatter(&self.tell[0])
            .y_label_formatter(&self.tell[1])
            .set_all_tick_mark_size(look.px(3));
        mesh.x_desc(x_name).y_desc(y_name).draw()?;
        Ok(plot)
    }
}

/// Draws a line; points without a place interrupt it, and one that stands alone is a dot.
pub fn line<DB: DrawingBackend>(
    look: &Look,
    plot: &mut Plot<'_, DB>,
    points: impl IntoIterator<Item = (f64, f64)>,
    (color, stroke): (Rgb, Stroke),
) -> Drawn<DB> {
    let style = look.line(color, 2);
    for run in runs(points) {
        match (run.as_slice(), stroke.dashes()) {
            ([alone], _) => drop(plot.draw_series([Circle::new(*alone, look.at(2), fill(color, 1.0))])?),
            (_, None) => drop(plot.draw_series(LineSeries::new(run, style))?),
            (_, Some((dash, gap))) => {
                plot.draw_series(DashedLineSeries::new(run, look.px(dash), look.px(gap), style))?;
            }
        }
    }
    Ok(())
}

/// Stretches of points that have a place.
fn runs(points: impl IntoIterator<Item = (f64, f64)>) -> Vec<Vec<(f64, f64)>> {
    let mut runs = vec![Vec::new()];
    for (x, y) in points {
        match runs.last_mut() {
            Some(run) if drawable(x) && drawable(y) => run.push((x, y)),
            _ => runs.push(Vec::new()),
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

/// A date as a place on an axis: days.
pub fn day(date: NaiveDate) -> f64 {
    f64::from(date.signed_duration_since(NaiveDate::default()).num_days() as i32)
}

/// The axis of some days, with a few more at the ends, so that one alone is told by day too.
pub fn days(dates: impl IntoIterator<Item = NaiveDate>) -> Range<f64> {
    const ROOM: f64 = 4.0;
    let ends =
        dates.into_iter().map(day).fold(None, |ends: Option<(f64, f64)>, d| Some(ends.map_or((d, d), |(a, b)| (a.min(d), b.max(d)))));
    let (first, last) = ends.unwrap_or((0.0, 1.0));
    let room = (0.05 * (last - first)).max(ROOM);
    first - room..last + room
}

/// Days from which on an axis names months; a shorter one names days.
const MONTHS: f64 = 600.0;

/// How places on an axis of days are told: by month, on a short one by day.
pub fn dates(axis: &Range<f64>) -> impl Fn(&f64) -> String + use<> {
    let form = if axis.end - axis.start > MONTHS { "%Y-%m" } else { "%Y-%m-%d" };
    move |day| {
        let date = Days::new(day.abs() as u64);
        let epoch = NaiveDate::default();
        let date = if *day < 0.0 { epoch.checked_sub_days(date) } else { epoch.checked_add_days(date) };
        date.map_or_else(String::new, |d| d.format(form).to_string())
    }
}

/// Columns and rows in which `n` small charts fit, at most `widest` beside each other.
pub fn grid(n: usize, widest: usize) -> (usize, usize) {
    let columns = n.clamp(1, widest);
    (n.div_ceil(columns).max(1), columns)
}
