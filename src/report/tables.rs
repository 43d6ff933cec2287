//! Gates, models, features and steps of a run.

use super::RunReport;
use super::html::{Cell, Html};
use crate::train::gates::{GateResult, Status};
use crate::train::model_views::Metric;
use crate::train::progress::{PartState, StepView};
use crate::trainer::{lasted, word};

/// Features that are shown.
const FEATURES: usize = 15;

/// A figure for people: counts and large figures whole, others with four places; a dash for what is not known.
pub fn figure(v: Option<f64>) -> Cell {
    Cell::Number(v.map_or_else(|| "-".to_owned(), number))
}

/// A share in percent, with its sign.
pub fn percent(v: Option<f64>) -> Cell {
    Cell::Number(v.map_or_else(|| "-".to_owned(), |v| format!("{:+.2} %", 100.0 * v)))
}

pub fn number(v: f64) -> String {
    if v.abs() >= 100.0 || v.fract() == 0.0 && v.abs() >= 2.0 { format!("{v:.0}") } else { format!("{v:.4}") }
}

/// How deep a fall was, a share of the high.
pub fn fall(depth: f64) -> Cell {
    Cell::Number(format!("{:.2} %", 100.0 * depth))
}

/// From where to where, by the bootstrap.
pub fn interval(of: Option<(f64, f64)>) -> Cell {
    Cell::Number(of.map_or_else(String::new, |(low, high)| format!("{} to {}", number(low), number(high))))
}

impl RunReport {
    pub(super) fn gates(&self, html: &mut Html) {
        let gates = &self.view.gates;
        html.heading("Gates");
        if gates.is_empty() {
            html.leaf("p", "quiet", "No gate was judged: the run did not get that far.");
            return;
        }
        let count = |status| gates.iter().filter(|g| g.status == status).count();
        let (passed, failed) = (count(Status::Pass), count(Status::Fail));
        let muted = count(Status::Muted);
        let muted = if muted > 0 { format!(", {muted} mute a side") } else { String::new() };
        html.paragraph(format_args!(
            "{passed} of {} are passed, {failed} are not{muted}. One that is not is enough to reject.",
            gates.len()
        ));
        let name = |g: &GateResult| {
            let words = g.gate.to_string().replace('_', " ");
            if words.starts_with(g.gate.code()) { words } else { format!("{} {words}", g.gate.code()) }
        };
        let row = |g: &GateResult| {
            let class = match g.status {
                Status::Pass => "passed",
                Status::Fail => "failed",
                Status::Muted | Status::NotApplicable => "",
            };
            vec![
                Cell::Text(name(g)),
                Cell::Marked(class, word(g.status).to_owned()),
                figure(g.value),
                figure(g.bound),
                figure(g.threshold),
                Cell::Text(g.sentence.clone()),
            ]
        };
        html.table(&["gate", "verdict", "value", "bound", "asked for", "why"], &gates.iter().map(row).collect::<Vec<_>>());
    }

    /// Direction beside timing: a model can be good at telling when prices move, and know nothing of which way.
    pub(super) fn direction(&self, html: &mut Html) {
        html.heading("Direction, and timing of volatility");
        let told = [("AUC of BUY against SELL", "which way prices go"), ("AUC of HOLD, timing of volatility", "whether they move at all")];
        html.element("div", "two", |h| {
            for (name, meaning) in told {
                h.element("div", "", |h| {
                    let metric = self.metric(name);
                    h.leaf("strong", "", metric.map_or_else(|| "not measured".to_owned(), |m| format!("{:.3}", m.value)));
                    h.leaf("span", "quiet", format_args!("{name}: {meaning}"));
                });
            }
        });
        html.leaf(
            "p",
            "quiet",
            "0.5 is chance. Only the first tells which side to take; the second alone makes figures of three classes look good.",
        );
        let Some(scores) = &self.scores else { return };
        let row = |m: &Metric| vec![Cell::Text(m.name.clone()), Cell::Number(number(m.value)), interval(m.interval)];
        html.table(&["out of fold", "value", "interval"], &scores.metrics.iter().map(row).collect::<Vec<_>>());
    }

    pub(super) fn models(&self, html: &mut Html) {
        html.heading("Models");
        let row = |m: &crate::train::progress::ModelView| {
            vec![
                Cell::Text(m.name.to_string()),
                Cell::Number(format!("{} of {}", m.fits_done, m.fits)),
                figure(m.loss),
                percent(m.skill),
                figure(m.auc),
                Cell::Number(lasted(m.seconds)),
            ]
        };
        let rows: Vec<_> = self.view.models.iter().map(row).collect();
        if rows.is_empty() {
            html.leaf("p", "quiet", "No model is on record: the run ended before one was fitted.");
        } else {
            html.table(&["model", "fits", "loss, nats", "skill", "AUC, direction", "took"], &rows);
        }
    }

    pub(super) fn features(&self, html: &mut Html) {
        html.heading("Features that it listens to");
        let features = self.model.as_ref().map(|m| m.features.as_slice()).unwrap_or_default();
        if features.is_empty() {
            html.leaf("p", "quiet", "Not measured: the rules left attribution out, or the run did not get that far.");
            return;
        }
        let row = |f: &crate::train::model_views::FeatureWeight| {
            let lost = f.permutation.map_or_else(|| "-".to_owned(), |v| format!("{v:+.5}"));
            let share = f.gradient.map_or_else(|| "-".to_owned(), |v| format!("{:.1} %", 100.0 * v));
            vec![Cell::Text(f.feature.clone()), Cell::Number(lost), Cell::Number(share)]
        };
        html.table(
            &["feature", "loss when shuffled, nats", "share of gradient"],
            &features.iter().take(FEATURES).map(row).collect::<Vec<_>>(),
        );
    }

    pub(super) fn steps(&self, html: &mut Html) {
        html.heading("Steps");
        let row = |s: &StepView| {
            let left_out = matches!(s.state, PartState::Waiting | PartState::LeftOut);
            let state = s.state.to_string().replace('_', " ");
            let took = if left_out { "-".to_owned() } else { lasted(s.seconds) };
            vec![Cell::Text(s.step.words()), Cell::Text(state), Cell::Number(took), Cell::Text(s.note.clone())]
        };
        html.table(&["step", "", "took", "what came of it"], &self.view.steps.iter().map(row).collect::<Vec<_>>());
    }
}
