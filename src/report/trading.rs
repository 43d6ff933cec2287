//! What trading by the decisions would have come to.

use super::RunReport;
use super::html::{Cell, Html};
use super::tables::{fall, figure, interval, percent};
use crate::train::backtest::{Performance, Report, Year};

impl RunReport {
    pub(super) fn trading(&self, html: &mut Html) {
        html.heading("Backtest");
        let Some(report) = self.scores.as_ref().map(|s| &s.backtest) else {
            html.leaf("p", "quiet", "No backtest on record: `nightdesk backtest`");
            return;
        };
        let (Some(first), Some(last)) = (report.first, report.last) else {
            html.leaf("p", "quiet", "The backtest has no session: there was nothing to trade.");
            return;
        };
        let trades = &report.trades;
        html.paragraph(format_args!(
            "{} sessions from {first} to {last}, {} trades, {} of them bought. Decisions of models that had not seen these rows.",
            report.sessions, trades.trades, trades.bought
        ));
        html.table(
            &["", "Sharpe a year", "interval", "growth a year", "in all", "deepest fall", "sessions below a high"],
            &performances(report),
        );
        html.facts(&facts(report));
        if !report.years.is_empty() {
            html.table(&["year", "trades", "in all", "Sharpe a year", "deepest fall"], &report.years.iter().map(year).collect::<Vec<_>>());
        }
        if self.curves().is_none() {
            html.leaf("p", "quiet", format_args!("Curve of the account: {}", self.no_curves()));
        }
    }
}

fn performances(report: &Report) -> Vec<Vec<Cell>> {
    let held = report.market.as_ref().map(|m| ("holding the universe", &m.held));
    let all = [("after costs", &report.net), ("after stressed costs", &report.stressed), ("before costs", &report.gross)];
    let row = |(name, p): (&str, &Performance)| {
        vec![
            Cell::Text(name.to_owned()),
            figure(p.sharpe),
            interval(p.interval.map(|i| (i.low, i.high))),
            percent(p.growth),
            percent(Some(p.total)),
            fall(p.drawdown),
            Cell::Number(p.longest_drawdown.to_string()),
        ]
    };
    all.into_iter().chain(held).map(row).collect()
}

fn facts(report: &Report) -> Vec<(&'static str, String)> {
    let told = |v: Option<f64>, words: &dyn Fn(f64) -> String| v.map(words).unwrap_or_default();
    let share = |v: f64| format!("{:.1} %", 100.0 * v);
    let trades = &report.trades;
    let market = report.market.as_ref();
    vec![
        ("trades that gained", told(trades.hit_rate, &share)),
        ("gains over losses", told(trades.profit_factor, &|v| format!("{v:.2}"))),
        ("sessions held", told(trades.holding, &|v| format!("{v:.1}"))),
        ("entered a year", told(report.turnover, &|v| format!("{v:.1} times the account"))),
        ("invested", told(report.invested, &|v| format!("in {} of the sessions", share(v)))),
        ("against the market", market.map(|m| format!("beta {:.2}, alpha {:+.2} % a year", m.beta, 100.0 * m.alpha)).unwrap_or_default()),
    ]
}

fn year(y: &Year) -> Vec<Cell> {
    vec![
        Cell::Text(y.trades.name.clone()),
        Cell::Number(y.trades.trades.to_string()),
        percent(Some(y.net.total)),
        figure(y.net.sharpe),
        fall(y.net.drawdown),
    ]
}
