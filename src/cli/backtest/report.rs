//! A backtest on paper: the sentence first, then what it rests on.

use crate::cli::Failure;
use crate::cli::output::{line, thousands};
use crate::scan::backtest::{BacktestReport, Capacity};
use crate::train::backtest::{Group, Performance};

/// Symbols shown from either end of their list.
const SHOWN: usize = 5;

/// Prints a report.
pub fn print(report: &BacktestReport) -> Result<(), Failure> {
    let figures = &report.figures;
    line(format_args!("{} run {}, model {} ({})", report.strategy, report.run_id, report.model_id, report.state))?;
    line(format_args!("  {}", report.headline))?;
    report.notes.iter().try_for_each(|note| line(format_args!("  ! {note}")))?;
    equity(report)?;
    let all = &figures.trades;
    let (held, crowded) = (figures.overlapping, figures.crowded_out);
    line(format_args!(
        "\n  trades     {} of {} decisions; {held} passed over because the symbol was held, {crowded} because the book was full",
        all.trades, report.source.decisions
    ))?;
    line(format_args!(
        "             {} bought; hit rate {}, payoff {}, profit factor {}, held {} sessions on average",
        all.bought,
        percent(all.hit_rate),
        figure(all.payoff),
        figure(all.profit_factor),
        all.holding.map_or_else(unknown, |v| format!("{v:.1}"))
    ))?;
    line(format_args!(
        "  book       turnover {} times a year, exposure {}, a position in {} of the sessions",
        figure(figures.turnover),
        percent(figures.exposure),
        percent(figures.invested)
    ))?;
    if let Some(market) = &figures.market {
        line(format_args!(
            "  market     alpha {} a year, beta {:.2}, correlation {}, against holding the same universe",
            percent(Some(market.alpha)),
            market.beta,
            figure(market.correlation)
        ))?;
    }
    luck(report)?;
    line(format_args!("  capacity   {}", capacity(report.capacity.as_ref())))?;
    let years: Vec<(&Group, Option<&Performance>)> = figures.years.iter().map(|y| (&y.trades, Some(&y.net))).collect();
    table("year", &years)?;
    table("regime", &figures.regimes.iter().map(|g| (g, None)).collect::<Vec<_>>())?;
    symbols(&figures.symbols)?;
    line("")
}

/// Equity without costs, with them, at a multiple, and that of holding.
fn equity(report: &BacktestReport) -> Result<(), Failure> {
    let figures = &report.figures;
    line(format_args!(
        "\n  {:<14} {:>8} {:>7} {:>16} {:>8} {:>9} {:>9} {:>7}",
        "", "a year", "Sharpe", "interval", "Sortino", "drawdown", "longest", "Calmar"
    ))?;
    let stressed = format!("costs x {}", report.terms.cost_stress);
    let rows = [("after costs", &figures.net), ("without costs", &figures.gross), (stressed.as_str(), &figures.stressed)];
    let held = figures.market.as_ref().map(|m| ("holding", &m.held));
    for (name, p) in rows.into_iter().chain(held) {
        let interval = p.interval.map_or_else(unknown, |i| format!("{:.2} to {:.2}", i.low, i.high));
        line(format_args!(
            "  {name:<14} {:>8} {:>7} {interval:>16} {:>8} {:>9} {:>9} {:>7}",
            percent(p.growth),
            figure(p.sharpe),
            figure(p.sortino),
            percent(Some(-p.drawdown)),
            p.longest_drawdown,
            figure(p.calmar)
        ))?;
    }
    Ok(())
}

fn luck(report: &BacktestReport) -> Result<(), Failure> {
    let d = &report.deflated;
    line(format_args!(
        "  luck       deflated Sharpe ratio {} of {:.2} asked for; the best of {} tries without skill would reach {:.2}; Newey-West Sharpe ratio {}",
        figure(d.probability),
        d.needed,
        d.trials,
        d.luck,
        figure(report.newey_west_sharpe)
    ))
}

fn capacity(capacity: Option<&Capacity>) -> String {
    let Some(c) = capacity else { return "unknown: no volume is known".to_owned() };
    format!(
        "{} before one position in twenty takes more than {:.0} % of its symbol's median dollar volume; {} is the first, at {}",
        thousands(c.equity as u64),
        100.0 * c.participation,
        c.symbol,
        thousands(c.first as u64)
    )
}

/// Groups of trades, with the equity of their own time where they have one.
fn table(of: &str, rows: &[(&Group, Option<&Performance>)]) -> Result<(), Failure> {
    let Some((_, first)) = rows.first() else { return Ok(()) };
    let sharpe = if first.is_some() { "   Sharpe" } else { "" };
    line(format_args!("\n  {of:<15} {:>7} {:>9} {:>8} {:>8} {:>8}{sharpe}", "trades", "hit rate", "payoff", "net", "added"))?;
    for (group, net) in rows {
        line(format_args!(
            "  {:<15} {:>7} {:>9} {:>8} {:>8} {:>8}{}",
            group.name,
            group.trades,
            percent(group.hit_rate),
            figure(group.payoff),
            percent(group.net_return),
            percent(Some(group.added)),
            net.map_or_else(String::new, |p| format!(" {:>8}", figure(p.sharpe)))
        ))?;
    }
    Ok(())
}

/// The best and the worst; all where they are few.
fn symbols(all: &[Group]) -> Result<(), Failure> {
    let row = |g| (g, None);
    if all.len() <= 2 * SHOWN {
        return table("symbol", &all.iter().map(row).collect::<Vec<_>>());
    }
    table("best symbols", &all[..SHOWN].iter().map(row).collect::<Vec<_>>())?;
    table("worst symbols", &all[all.len() - SHOWN..].iter().map(row).collect::<Vec<_>>())
}

fn unknown() -> String {
    "-".to_owned()
}

fn figure(value: Option<f64>) -> String {
    value.map_or_else(unknown, |v| format!("{v:.2}"))
}

fn percent(value: Option<f64>) -> String {
    value.map_or_else(unknown, |v| format!("{:.1} %", 100.0 * v))
}
