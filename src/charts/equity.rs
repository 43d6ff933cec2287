//! What an account grew to, beside holding the universe, and how far it fell below its highs.

use chrono::NaiveDate;
use plotters::prelude::{AreaSeries, DrawingBackend};

use super::frame::{self, Area, Axes, Drawn, Mark, Sign, Sketch, dates, day, drawable, line, range};
use super::style::{Look, Stroke, fill};

/// Height of the part with the falls.
const FALLS: f64 = 0.36;

/// An account session by session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Equity {
    /// By date, ascending.
    pub points: Vec<EquityPoint>,
}

/// An account at a close.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EquityPoint {
    /// The session.
    pub date: NaiveDate,
    /// After costs, in multiples of the value at the start.
    pub value: f64,
    /// The same of holding the universe; `None` where that is not known.
    pub benchmark: Option<f64>,
}

impl Equity {
    fn values(&self) -> impl Iterator<Item = f64> {
        self.points.iter().map(|p| p.value).chain(self.benchmarks().map(|(_, v)| v))
    }

    fn benchmarks(&self) -> impl Iterator<Item = (f64, f64)> {
        self.points.iter().filter_map(|p| Some((day(p.date), p.benchmark?)))
    }

    /// Below the highest value so far, as a share of it: 0 or less.
    fn falls(&self) -> Vec<(f64, f64)> {
        let mut high = f64::MIN_POSITIVE;
        let fall = |p: &EquityPoint| {
            high = high.max(p.value);
            (day(p.date), p.value / high - 1.0)
        };
        self.points.iter().filter(|p| drawable(p.value) && p.value > 0.0).map(fall).collect()
    }
}

impl Sketch for Equity {
    fn title(&self) -> String {
        "Account after costs, and its falls".to_owned()
    }

    fn size(&self) -> (u32, u32) {
        (760, 400)
    }

    fn missing(&self) -> Option<String> {
        match self.falls().len() {
            0 => Some("no session of a backtest is on record".to_owned()),
            1 => Some("one session makes no curve".to_owned()),
            _ => None,
        }
    }

    fn left_out(&self) -> usize {
        self.points.iter().filter(|p| !drawable(p.value) || p.benchmark.is_some_and(|b| !drawable(b))).count()
    }

    fn legend(&self, look: &Look) -> Vec<Sign> {
        let p = &look.palette;
        let account = Sign { word: "account", color: p.focus, mark: Mark::Line(Stroke::Solid) };
        let held = Sign { word: "holding the universe", color: p.stale, mark: Mark::Line(Stroke::Dashed) };
        let falls = Sign { word: "below its high", color: p.bad, mark: Mark::Filled };
        if self.benchmarks().next().is_some() { vec![account, held, falls] } else { vec![account, falls] }
    }

    fn draw<DB: DrawingBackend>(&self, look: &Look, area: &Area<DB>) -> Drawn<DB> {
        let p = look.palette;
        let (upper, lower) = area.split_vertically((f64::from(area.dim_in_pixel().1) * (1.0 - FALLS)) as u32);
        let days = frame::days(self.points.iter().map(|p| p.date));
        let tell = dates(&days);
        let axes = Axes {
            x: days.clone(),
            y: range(self.values()).unwrap_or(0.0..1.0),
            names: ["", "times the start"],
            marks: [7, 5],
            tell: [&tell, &|v| format!("{v:.2}")],
        };
        let mut plot = axes.draw(look, &upper, "")?;
        line(look, &mut plot, self.benchmarks(), (p.stale, Stroke::Dashed))?;
        line(look, &mut plot, self.points.iter().map(|p| (day(p.date), p.value)), (p.focus, Stroke::Solid))?;
        let falls = self.falls();
        let deepest = falls.iter().map(|f| f.1).fold(-0.001, f64::min);
        let axes = Axes {
            x: days,
            y: 1.1 * deepest..0.0,
            names: ["session", "below, %"],
            marks: [7, 3],
            tell: [&tell, &|v| format!("{:.1}", 100.0 * v)],
        };
        let mut plot = axes.draw(look, &lower, "")?;
        plot.draw_series(AreaSeries::new(falls, 0.0, fill(p.bad, 0.35)).border_style(look.line(p.bad, 1)))?;
        Ok(())
    }
}
