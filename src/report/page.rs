//! The page from top to bottom: the verdict in words first, then what it rests on.

use super::html::Html;
use super::{ReportError, RunReport, drawn};
use crate::charts::{Chart, Palette, Rgb, escaped};
use crate::train::progress::TrainingState;

const STYLE: &str = include_str!("../../assets/report/style.css");

impl RunReport {
    /// The HTML document.
    pub fn page(&self) -> Result<String, ReportError> {
        let title = format!("{}, training run {}", self.view.strategy, self.view.run_id);
        let mut html = Html::default();
        html.markup("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        html.markup("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        html.markup(&format!("<title>{}</title>\n<style>\n{}{STYLE}</style>\n</head>\n<body>\n", escaped(&title), colors()));
        self.head(&mut html, &title);
        self.gates(&mut html);
        self.direction(&mut html);
        self.models(&mut html);
        figure(&mut html, &self.loss(), "The fits that the run showed last, each on the same scale.")?;
        self.answers(&mut html)?;
        self.trading(&mut html);
        if let Some(curves) = self.curves() {
            figure(&mut html, &drawn::equity(curves), "Out of fold, at the last session of each week; falls inside a week are deeper.")?;
        }
        self.nulls(&mut html);
        self.features(&mut html);
        self.steps(&mut html);
        self.drift(&mut html)?;
        self.data(&mut html)?;
        self.notes(&mut html);
        html.element("footer", "", |h| {
            h.paragraph(format_args!("Made by nightdesk {} on {}.", env!("CARGO_PKG_VERSION"), utc(self.made_at)));
        });
        html.markup("</body>\n</html>\n");
        Ok(html.into_string())
    }

    fn head(&self, html: &mut Html, title: &str) {
        let v = &self.view;
        html.leaf("h1", "", title);
        html.leaf("p", "verdict", self.verdict());
        if self.demo {
            html.leaf("p", "notice", "DEMO: simulators made these figures, no market did.");
        }
        if v.state == TrainingState::Running {
            let told = "The run is still at work: this page tells what was on record when it was made, and the rest is missing.";
            html.leaf("p", "notice", told);
        }
        let device = v.device_remark.as_ref().map_or_else(|| v.device.clone(), |why| format!("{} ({why})", v.device));
        let resumed = if v.resumed > 0 { format!(", taken up again {} times", v.resumed) } else { String::new() };
        let model = self.model.as_ref().map(|m| format!("{}, {}", m.row.model_id, m.row.state)).unwrap_or_default();
        html.facts(&[
            ("strategy", v.strategy.to_string()),
            ("run", format!("{}{resumed}", v.run_id)),
            ("model", model),
            ("profile", v.profile.to_string()),
            ("seed", v.seed.to_string()),
            ("rules", format!("version {}", v.config_version)),
            ("market data", v.snapshot.clone()),
            ("computed on", device),
            ("started", utc(v.started_at)),
            ("ended", v.ended_at.map(utc).unwrap_or_default()),
            ("ships", v.combination.clone()),
        ]);
    }

    /// The verdict, or why there is none, in a sentence.
    fn verdict(&self) -> String {
        let outcome = self.view.outcome.as_deref().unwrap_or("nothing more is on record");
        let stopped = |how: &str| format!("No verdict: {how}: {outcome}");
        match self.view.state {
            TrainingState::Running => "No verdict yet: the run is still at work".to_owned(),
            TrainingState::Promoted => format!("Promoted. {outcome}"),
            TrainingState::Shadow => format!("Passed, on trial. {outcome}"),
            TrainingState::Rejected => format!("Rejected, a normal end. {outcome}"),
            TrainingState::Failed => stopped("the run failed"),
            TrainingState::Cancelled => stopped("a person stopped the run"),
            TrainingState::Lost => stopped("the program ended before the run did"),
        }
    }

    fn answers(&self, html: &mut Html) -> Result<(), ReportError> {
        html.heading("Probabilities and decisions");
        let Some(curves) = self.curves() else {
            html.leaf("p", "quiet", self.no_curves());
            return Ok(());
        };
        figure(html, &drawn::reliability(curves), "On the dotted line, what was said is what came. Out of fold, in tenths.")?;
        figure(html, &drawn::confusion(curves), "Out of fold; shares are of the outcome.")
    }

    /// Why there is nothing to draw of the ensemble.
    pub(super) fn no_curves(&self) -> &'static str {
        match self.model {
            None => "No ensemble of this run is on record: it did not come to a verdict.",
            Some(_) => "Not on record: an earlier version of the program made this ensemble. A new training run keeps it.",
        }
    }
}

/// Writes a chart with a remark. The drawing is the light one; the style sheet exchanges its colours on dark screens.
pub(super) fn figure(html: &mut Html, chart: &Chart, remark: &str) -> Result<(), ReportError> {
    // The namespace is for SVG files; inside HTML the parser knows it.
    let svg = chart.svg(&Palette::LIGHT, chart.size())?.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
    html.element("figure", "", |h| {
        h.markup(&svg);
        h.leaf("figcaption", "", remark);
    });
    Ok(())
}

/// The palettes as custom properties, and the rules that exchange the light ones of drawings for dark ones.
fn colors() -> String {
    let hex = |c: Rgb| format!("#{:02X}{:02X}{:02X}", c.0, c.1, c.2);
    let of = |p: &Palette| p.roles().map(|(name, color)| format!("--{name}: {}; ", hex(color))).concat();
    let exchange = Palette::LIGHT.roles().map(|(name, color)| {
        let from = hex(color);
        format!("[fill=\"{from}\"] {{ fill: var(--{name}); }} [stroke=\"{from}\"] {{ stroke: var(--{name}); }}\n")
    });
    format!(
        ":root {{ color-scheme: light dark; {}}}\n@media (prefers-color-scheme: dark) {{ :root {{ {}}}\n{}}}\n",
        of(&Palette::LIGHT),
        of(&Palette::DARK),
        exchange.concat()
    )
}

/// `2026-11-22 14:32:07 UTC`.
fn utc(ts: i64) -> String {
    chrono::DateTime::from_timestamp(ts, 0).unwrap_or_default().format("%Y-%m-%d %H:%M:%S UTC").to_string()
}
