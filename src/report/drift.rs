//! How what is fed to the run's ensemble, and what it says, has moved since it learnt: the newest look, and the subjects that
//! stand out most.

use super::RunReport;
use super::drawn::{distribution, ecdf, psi};
use super::html::{Cell, Html};
use super::page::figure;
use super::{ReportError, tables};
use crate::drift::views::{DriftView, SubjectDetail, SubjectKind};
use crate::engine::Watching;
use crate::market::Strategy;

/// Subjects that are drawn, and those that are listed.
const DRAWN: usize = 3;
const LISTED: usize = 12;

/// The newest look at the drift of the run's ensemble.
#[derive(Clone, Debug, PartialEq)]
pub struct Watched {
    /// In short.
    pub view: DriftView,
    /// The subjects with distributions that stand out most, worst first.
    pub subjects: Vec<SubjectDetail>,
}

impl Watched {
    /// `None` where another model is watched, or nobody has looked yet.
    pub(super) fn read(watching: &dyn Watching, strategy: Strategy, run_id: i64) -> Result<Option<Self>, ReportError> {
        let page = watching.drift_page(strategy).map_err(ReportError::Drift)?;
        if page.view.session.is_none() || page.view.model.as_ref().is_none_or(|m| m.run_id != run_id) {
            return Ok(None);
        }
        let measured = |kind| matches!(kind, SubjectKind::Feature | SubjectKind::Prediction);
        let mut subjects = Vec::new();
        for row in page.subjects.iter().filter(|row| measured(row.kind) && row.psi.is_some()) {
            let found = watching.subject(strategy, &row.subject).map_err(ReportError::Drift)?;
            // The mix of decisions is counted and has no values to draw.
            subjects.extend(found.filter(|s| !s.reference.is_empty() && !s.current.is_empty()));
            if subjects.len() == DRAWN {
                break;
            }
        }
        Ok(Some(Self { view: page.view, subjects }))
    }
}

impl RunReport {
    pub(super) fn drift(&self, html: &mut Html) -> Result<(), ReportError> {
        html.heading("Drift");
        match self.baselines {
            0 => html.leaf("p", "quiet", "No reference distribution is frozen with this run: drift cannot be measured from it."),
            n => html.paragraph(format_args!("{n} reference distributions are frozen with the ensemble; drift is measured from them.")),
        }
        let Some(Watched { view, subjects }) = &self.drift else {
            if self.baselines > 0 {
                html.leaf("p", "quiet", "No look at drift from this run: `nightdesk drift` takes one of the model in service.");
            }
            return Ok(());
        };
        let to = view.session.map_or_else(String::new, |session| format!(" to {session}"));
        html.paragraph(format_args!(
            "{}. {} rows of {} sessions{to} against {} of training.",
            view.words, view.rows, view.window_sessions, view.reference_rows
        ));
        if let Some(halt) = &view.halted {
            html.leaf("p", "notice", format_args!("New signals of the model are halted: {}", halt.reason));
        }
        html.table(&["subject", "verdict", "PSI", "KL", "KS", "alarm since"], &rows(view));
        for subject in subjects {
            let name = &subject.row.subject;
            figure(html, &psi(subject), &format!("{name}: population stability index of each night's window."))?;
            figure(html, &distribution(subject), &format!("{name}: shares of the rows, reference and newest window."))?;
            figure(html, &ecdf(subject), &format!("{name}: the same without bins, by order statistics."))?;
        }
        Ok(())
    }
}

fn rows(view: &DriftView) -> Vec<Vec<Cell>> {
    let measured = view.worst.iter().filter(|s| s.kind != SubjectKind::Performance).take(LISTED);
    let row = |s: &crate::drift::views::SubjectRow| {
        let since = s.alarm.as_ref().map_or_else(|| "-".to_owned(), |a| a.since.to_string());
        vec![
            Cell::Text(s.subject.clone()),
            Cell::Text(s.verdict.to_string()),
            tables::figure(s.psi),
            tables::figure(s.kl),
            tables::figure(s.ks),
            Cell::Text(since),
        ]
    };
    measured.map(row).collect()
}
