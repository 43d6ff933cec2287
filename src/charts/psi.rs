//! How far the values of one subject moved from those that a model was made with: the population stability index by date, the
//! levels that its verdicts begin at, and alarms.

use chrono::NaiveDate;
use plotters::element::{Text, TriangleMarker};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::frame::{self, Area, Axes, Drawn, Mark, Sign, Sketch, clean, dates, day, drawable, line, range, undrawable};
use super::style::{Look, Stroke, fill};

/// Height of a line of text as a share of the axis.
const LINE: f64 = 0.08;

/// The stability of one subject over time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PsiHistory {
    /// A feature's name, or what else was watched.
    pub subject: String,
    /// Where verdicts begin.
    pub levels: Vec<Level>,
    /// By date, ascending.
    pub points: Vec<PsiPoint>,
}

/// A level with its name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Level {
    /// Index, without unit.
    pub psi: f64,
    /// What begins there.
    pub name: String,
}

/// A look at the subject.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PsiPoint {
    /// When.
    pub date: NaiveDate,
    /// Index; `None` where there were too few values to tell.
    pub psi: Option<f64>,
    /// Whether it raised an alarm.
    pub alarmed: bool,
}

impl PsiHistory {
    fn values(&self) -> impl Iterator<Item = f64> {
        self.points.iter().filter_map(|p| p.psi)
    }

    /// The names of the levels with where each stands, on an axis up to `most`: those of levels too close for a line of text between
    /// them stand together over the highest.
    fn names(&self, most: f64) -> Vec<(f64, String)> {
        let mut names: Vec<(f64, String)> = Vec::new();
        for level in self.levels.iter().filter(|l| drawable(l.psi) && l.psi >= 0.0) {
            match names.last_mut().filter(|(at, _)| level.psi - *at < LINE * most) {
                Some((at, name)) => (*at, *name) = (level.psi, format!("{name}, {}", clean(&level.name))),
                None => names.push((level.psi, clean(&level.name))),
            }
        }
        names
    }

    fn place(p: &PsiPoint) -> (f64, f64) {
        (day(p.date), p.psi.unwrap_or(f64::NAN))
    }
}

impl Sketch for PsiHistory {
    fn title(&self) -> String {
        format!("Drift of {}", self.subject)
    }

    fn size(&self) -> (u32, u32) {
        (760, 300)
    }

    fn missing(&self) -> Option<String> {
        if self.points.is_empty() {
            return Some("it was not watched yet".to_owned());
        }
        (!self.values().any(drawable)).then(|| "each look had too few values to tell".to_owned())
    }

    fn left_out(&self) -> usize {
        undrawable(self.values())
    }

    fn legend(&self, look: &Look) -> Vec<Sign> {
        let p = &look.palette;
        vec![
            Sign { word: "population stability index", color: p.focus, mark: Mark::Line(Stroke::Solid) },
            Sign { word: "level", color: p.warn, mark: Mark::Line(Stroke::Dashed) },
            Sign { word: "alarm", color: p.bad, mark: Mark::Triangle },
        ]
    }

    fn draw<DB: DrawingBackend>(&self, look: &Look, area: &Area<DB>) -> Drawn<DB> {
        let p = look.palette;
        let levels = || self.levels.iter().filter(|l| drawable(l.psi));
        let days = frame::days(self.points.iter().map(|p| p.date));
        let most = range(self.values().chain(levels().map(|l| l.psi)).chain([0.0])).map_or(1.0, |r| r.end);
        let tell = dates(&days);
        let axes = Axes {
            x: days.clone(),
            y: 0.0..most,
            names: ["session", "index, no unit"],
            marks: [7, 5],
            tell: [&tell, &|v| format!("{v:.2}")],
        };
        let mut plot = axes.draw(look, area, "")?;
        for level in levels().filter(|l| l.psi >= 0.0) {
            line(look, &mut plot, [(days.start, level.psi), (days.end, level.psi)], (p.warn, Stroke::Dashed))?;
        }
        // Names stand at either end by turns.
        let ends = [(HPos::Left, days.start), (HPos::Right, days.end)];
        for ((at, name), (side, x)) in self.names(most).into_iter().zip(ends.into_iter().cycle()) {
            let style = look.label().pos(Pos::new(side, VPos::Bottom));
            plot.draw_series([Text::new(name, (x, at), style)])?;
        }
        line(look, &mut plot, self.points.iter().map(Self::place), (p.focus, Stroke::Solid))?;
        let alarms = self.points.iter().filter(|p| p.alarmed && p.psi.is_some_and(drawable));
        plot.draw_series(alarms.map(|a| TriangleMarker::new(Self::place(a), look.at(6), fill(p.bad, 1.0))))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_levels_that_lie_close_stand_together() {
        let level = |psi: f64, name: &str| Level { psi, name: name.into() };
        let history = PsiHistory { levels: vec![level(0.1, "shifting"), level(0.2, "drifted")], ..PsiHistory::default() };
        assert_eq!(history.names(0.5), [(0.1, "shifting".to_owned()), (0.2, "drifted".to_owned())]);
        assert_eq!(history.names(4.0), [(0.2, "shifting, drifted".to_owned())]);
    }
}
