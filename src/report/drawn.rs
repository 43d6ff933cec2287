//! The charts of a run, from what is on record of it.

use super::RunReport;
use crate::charts::{
    Bin, Chart, ConfusionMatrix, Distribution, Ecdf, Equity, EquityPoint, FitLosses, Level, LossCurves, PsiHistory, PsiPoint, Reliability,
    ReliabilityCurve,
};
use crate::drift::views::{DriftNight, SubjectDetail};
use crate::labels::Class;
use crate::train::orchestrator::{Curves, Tenth, Week};
use crate::train::progress::Curve;

/// Names of the classes, in the order of [`Class::ALL`].
const CLASSES: [&str; Class::COUNT] = ["SELL", "HOLD", "BUY"];

impl RunReport {
    /// Each chart with a name for its file. What a run has no data for is not among them.
    pub fn charts(&self) -> Vec<(String, Chart)> {
        let mut charts = vec![("loss".to_owned(), self.loss())];
        if let Some(curves) = self.curves() {
            let own = [("reliability", reliability(curves)), ("confusion", confusion(curves)), ("equity", equity(curves))];
            charts.extend(own.map(|(name, chart)| (name.to_owned(), chart)));
        }
        for s in self.drift.iter().flat_map(|d| &d.subjects) {
            let each = [("psi", psi(s)), ("distribution", distribution(s)), ("ecdf", ecdf(s))];
            charts.extend(each.map(|(name, chart)| (format!("{name}-{}", s.row.subject), chart)));
        }
        charts.push(("coverage".to_owned(), self.coverage()));
        charts
    }

    /// What charts of the ensemble are drawn from.
    pub(super) fn curves(&self) -> Option<&Curves> {
        self.scores.as_ref()?.curves.as_ref()
    }

    /// Losses of the fits that the run showed last.
    pub(super) fn loss(&self) -> Chart {
        Chart::Loss(LossCurves { fits: self.view.curves.iter().map(fit).collect() })
    }
}

fn fit(curve: &Curve) -> FitLosses {
    FitLosses { name: curve.words(), train: curve.train.clone(), stop: curve.stop.clone(), best: curve.best }
}

pub(super) fn reliability(curves: &Curves) -> Chart {
    let bin = |t: &Tenth| Bin { said: t.said, came: t.came, rows: t.rows };
    let class = |(class, tenths): (&str, &Vec<Tenth>)| ReliabilityCurve { class: class.to_owned(), bins: tenths.iter().map(bin).collect() };
    Chart::Reliability(Reliability { classes: CLASSES.into_iter().zip(&curves.reliability).map(class).collect() })
}

pub(super) fn confusion(curves: &Curves) -> Chart {
    let counts = curves.confusion.iter().map(|row| row.to_vec()).collect();
    Chart::Confusion(ConfusionMatrix { classes: CLASSES.map(str::to_owned).to_vec(), counts })
}

pub(super) fn equity(curves: &Curves) -> Chart {
    let point = |w: &Week| EquityPoint { date: w.date, value: w.net, benchmark: w.held };
    Chart::Equity(Equity { points: curves.account.iter().map(point).collect() })
}

pub(super) fn psi(shown: &SubjectDetail) -> Chart {
    let level = |(psi, name): (f64, &str)| Level { psi, name: name.to_owned() };
    let point = |n: &DriftNight| PsiPoint { date: n.session, psi: n.value, alarmed: n.alarmed };
    Chart::Psi(PsiHistory {
        subject: shown.row.subject.clone(),
        levels: shown.levels.into_iter().zip(["shifting", "drifted"]).map(level).collect(),
        points: shown.history.iter().map(point).collect(),
    })
}

/// Shares stand for counts: the chart shows shares.
pub(super) fn distribution(shown: &SubjectDetail) -> Chart {
    Chart::Distribution(Distribution {
        subject: shown.row.subject.clone(),
        edges: shown.bins.iter().filter_map(|b| b.to).collect(),
        reference: shown.bins.iter().map(|b| b.reference).collect(),
        current: shown.bins.iter().map(|b| b.current).collect(),
    })
}

pub(super) fn ecdf(shown: &SubjectDetail) -> Chart {
    let (subject, reference, current) = (shown.row.subject.clone(), shown.reference.clone(), shown.current.clone());
    Chart::Ecdf(Ecdf { subject, reference, current, distance: shown.row.ks })
}
