//! Outcomes against decisions: counts, and their share of the outcome.

use plotters::element::{Rectangle, Text};
use plotters::prelude::DrawingBackend;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::frame::{Area, Drawn, Mark, Sign, Sketch, clean, drawable};
use super::style::{Look, fill};

/// Counts of what came (rows) against what was decided (columns).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ConfusionMatrix {
    /// Names of the classes.
    pub classes: Vec<String>,
    /// A row an outcome and in it a count a decision, in the order of `classes`. Counts may be weighted.
    pub counts: Vec<Vec<f64>>,
}

impl ConfusionMatrix {
    fn count(&self, outcome: usize, decision: usize) -> Option<f64> {
        self.counts.get(outcome)?.get(decision).copied().filter(|v| drawable(*v) && *v >= 0.0)
    }

    fn came(&self, outcome: usize) -> f64 {
        (0..self.classes.len()).filter_map(|d| self.count(outcome, d)).sum()
    }

    fn cells(&self) -> impl Iterator<Item = (usize, usize)> {
        let n = self.classes.len();
        (0..n * n).map(move |i| (i / n, i % n))
    }
}

impl Sketch for ConfusionMatrix {
    fn title(&self) -> String {
        "What came, by what was decided".to_owned()
    }

    fn size(&self) -> (u32, u32) {
        (520, 110 + 56 * self.classes.len().max(3) as u32)
    }

    fn missing(&self) -> Option<String> {
        let rows: f64 = (0..self.classes.len()).map(|k| self.came(k)).sum();
        (rows <= 0.0).then(|| "nothing was decided".to_owned())
    }

    fn left_out(&self) -> usize {
        self.cells().filter(|(o, d)| self.count(*o, *d).is_none()).count()
    }

    fn legend(&self, look: &Look) -> Vec<Sign> {
        let p = &look.palette;
        vec![
            Sign { word: "decided right", color: p.ok, mark: Mark::Filled },
            Sign { word: "decided otherwise", color: p.dim, mark: Mark::Filled },
            Sign { word: "darker: more of what came", color: p.text, mark: Mark::Outlined },
        ]
    }

    fn draw<DB: DrawingBackend>(&self, look: &Look, area: &Area<DB>) -> Drawn<DB> {
        let (p, n) = (look.palette, self.classes.len() as i32);
        let (width, height) = area.dim_in_pixel();
        let (left, top) = (look.at(110), look.at(24));
        let (w, h) = ((width as i32 - left) / n, (height as i32 - top) / n);
        let middle = Pos::new(HPos::Center, VPos::Center);
        for (i, class) in (0..).zip(&self.classes) {
            let class = clean(class);
            let decided = (left + i * w + w / 2, top / 2);
            area.draw(&Text::new(format!("decided {class}"), decided, look.label().pos(middle)))?;
            let came = (left - look.at(8), top + i * h + h / 2);
            area.draw(&Text::new(format!("came {class}"), came, look.label().pos(Pos::new(HPos::Right, VPos::Center))))?;
        }
        for (outcome, decision) in self.cells() {
            let (x, y) = (left + decision as i32 * w, top + outcome as i32 * h);
            let corners = [(x + 1, y + 1), (x + w - 1, y + h - 1)];
            let Some(count) = self.count(outcome, decision) else {
                area.draw(&Text::new("not known", (x + w / 2, y + h / 2), look.label().pos(middle)))?;
                continue;
            };
            let came = self.came(outcome);
            let share = if came > 0.0 { count / came } else { 0.0 };
            let color = if outcome == decision { p.ok } else { p.dim };
            // At half the colour text still reads on it.
            area.draw(&Rectangle::new(corners, fill(color, 0.45 * share)))?;
            area.draw(&Rectangle::new(corners, look.line(if outcome == decision { p.ok } else { p.grid }, 1)))?;
            let text = format!("{count:.0}  ({:.0} %)", 100.0 * share);
            area.draw(&Text::new(text, (x + w / 2, y + h / 2), look.body().pos(middle)))?;
        }
        Ok(())
    }
}
