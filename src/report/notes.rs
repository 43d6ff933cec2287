//! What a reader must know to take the figures for what they are: chance, drift, and where the data flatter.

use super::RunReport;
use super::html::Html;

/// Independent rows below which figures move by themselves from one run to the next.
const FEW: f64 = 1_000.0;

impl RunReport {
    pub(super) fn nulls(&self, html: &mut Html) {
        html.heading("The same without a signal");
        let n = self.view.nulls;
        if n.done == 0 {
            html.leaf("p", "quiet", "No refit without a signal was made.");
            return;
        }
        html.paragraph(format_args!(
            "{} of {} refits on shifted labels and random walks are done; {} of them would have been promoted. \
             Each one that is tells that the pipeline finds signals where there are none.",
            n.done, n.total, n.passed
        ));
    }

    pub(super) fn notes(&self, html: &mut Html) {
        html.heading("To be read with care");
        html.element("ul", "", |h| {
            for note in self.cautions() {
                h.leaf("li", "", note);
            }
        });
    }

    fn cautions(&self) -> Vec<String> {
        [self.survivors(), self.independent(), self.sharpe(), Some(self.tries()), Some(self.locked())].into_iter().flatten().collect()
    }

    fn survivors(&self) -> Option<String> {
        let symbols = self.scores.as_ref()?.symbols.len();
        Some(format!(
            "The {symbols} symbols are those of today's universe: companies that failed or were taken off the exchange before are not \
             among them, which flatters every figure and holding the universe too."
        ))
    }

    fn independent(&self) -> Option<String> {
        let [rows, independent] = [self.metric("test rows")?.value, self.metric("independent test rows")?.value];
        let few = if independent < FEW { ", which is few: figures of another seed or another year may well differ" } else { "" };
        Some(format!("Outcomes overlap: {rows:.0} test rows tell as much as {independent:.0} independent ones{few}."))
    }

    fn sharpe(&self) -> Option<String> {
        let within = self.scores.as_ref()?.backtest.net.interval?;
        let chance = if within.low <= 0.0 {
            "no gain at all is among what chance explains"
        } else {
            "of this run alone, not counting how many were tried, chance does not explain a gain"
        };
        Some(format!("The annual Sharpe ratio after costs lies between {:.2} and {:.2}: {chance}.", within.low, within.high))
    }

    fn tries(&self) -> String {
        match self.trials {
            0 => "No configuration is on record as tried yet.".to_owned(),
            1 => "This is the first configuration that was tried: nothing was chosen among several.".to_owned(),
            n => format!("{n} configurations were tried up to this run; gate G9 takes the luck of the best of them off."),
        }
    }

    fn locked(&self) -> String {
        let Some(look) = &self.holdout else {
            return "The locked hold-out was not read: only what passes the gates is shown to it.".to_owned();
        };
        let figure = |v: Option<f64>| v.map_or_else(|| "unknown".to_owned(), |v| format!("{v:.3}"));
        format!(
            "The locked hold-out, {} rows from {} to {}, was read once by this run{}: AUC of direction {}, directional skill {}.",
            look.rows,
            look.first_date,
            look.last_date,
            match self.held_before {
                0 => ", and by none before it".to_owned(),
                1 => ", after 1 reading of the same dates: the better one is lucky".to_owned(),
                n => format!(", after {n} readings of the same dates: the best one is lucky"),
            },
            figure(look.figures.auc),
            figure(look.figures.direction)
        )
    }
}
