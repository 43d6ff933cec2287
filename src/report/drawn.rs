//! The charts of a run, from what is on record of it.

use super::RunReport;
use crate::charts::{Bin, Chart, ConfusionMatrix, Equity, EquityPoint, FitLosses, LossCurves, Reliability, ReliabilityCurve};
use crate::labels::Class;
use crate::train::orchestrator::{Curves, Tenth, Week};
use crate::train::progress::Curve;

/// Names of the classes, in the order of [`Class::ALL`].
const CLASSES: [&str; Class::COUNT] = ["SELL", "HOLD", "BUY"];

impl RunReport {
    /// Each chart with a name for its file. What a run has no data for is not among them.
    pub fn charts(&self) -> Vec<(&'static str, Chart)> {
        let mut charts = vec![("loss", self.loss())];
        if let Some(curves) = self.curves() {
            charts.extend([("reliability", reliability(curves)), ("confusion", confusion(curves)), ("equity", equity(curves))]);
        }
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
