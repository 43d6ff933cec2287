//! The page of one signal: how it stands, its price between the barriers, what spoke for it, and past rows like it.

use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::console::app::{App, ended_by, side, so_far};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::console::view::canvas::{Canvas, Panel};
use crate::console::view::widget::{self, Fact};
use crate::console::view::{detail, job};
use crate::labels::Class;
use crate::scan::views::{SignalDetail, SignalRow, SignalState};

/// Narrowest page with two columns.
const TWO: u16 = 100;
/// Narrowest page with the chart beside what spoke for it.
const BESIDE: u16 = 76;
/// Cells of a feature's name.
const NAME: u16 = 26;
/// Cells of a contribution's bar, half of them on either side of nothing.
const BAR: u16 = 14;
/// Cells of the prices left of the chart.
const SCALE: u16 = 17;

/// How to get from one part to another.
const PARTS: &str = "h l other parts";

/// Draws the page.
pub fn draw(c: &mut Canvas<'_>, app: &App, id: i64, area: Rect) {
    let Some(shown) = app.shown_signal(id) else {
        let title = format!("Signal {id} of {}", app.watched());
        let inner = c.panel(area, &Panel { title: &title, focused: true, ..Panel::default() });
        job::pending(c, app, app.signals.detail.error.as_deref(), inner);
        return;
    };
    let facts_lines = 10;
    if area.width >= TWO && area.height >= 24 {
        let left = Rect { width: area.width / 2, ..area };
        let right = Rect { x: left.right(), width: area.width - left.width, ..area };
        let [head, chart] = widget::rows(left, [facts_lines, left.height]);
        let [spoke, cases] = widget::rows(right, [right.height * 3 / 5, right.height]);
        facts(c, shown, head);
        price(c, shown, chart);
        contributions(c, shown, "", spoke);
        past(c, shown, "", cases);
        return;
    }
    let most = if area.height >= 20 { facts_lines } else { 6 };
    let [head, below] = widget::rows(area, [most, area.height]);
    facts(c, shown, head);
    if app.signals.past {
        past(c, shown, PARTS, below);
        return;
    }
    if area.width < BESIDE {
        // What is not seen here is seen in the facts: where it stands and between which barriers.
        contributions(c, shown, PARTS, below);
        return;
    }
    let left = Rect { width: below.width / 2, ..below };
    price(c, shown, left);
    contributions(c, shown, PARTS, Rect { x: left.right(), width: below.width - left.width, ..below });
}

fn facts(c: &mut Canvas<'_>, shown: &SignalDetail, area: Rect) {
    let row = &shown.row;
    let (glyph, word, role) = side(row.side);
    let title = format!("{} {glyph} {word}", row.symbol);
    let summary = format!("{}  model {}", row.sector, row.model_id);
    let inner = c.panel(area, &Panel { title: &title, summary: &summary, focused: true, ..Panel::default() });
    let (text, dim) = (c.s(Role::Text), c.s(Role::Dim));
    let (stands, style) = stands(c, row);
    let [sell, hold, buy] = row.p.map(|p| format!("{:.0}%", p * 100.0));
    let entry =
        row.entry.map_or_else(|| "the next session's open".to_owned(), |p| format!("{}, the open of the next session", fmt::price(p)));
    let around = if row.entry.is_some() { "around the entry" } else { "around the close till it is entered" };
    let facts: Vec<Fact<'_>> = vec![
        ("stands", stands, style),
        ("says", format!("buy {buy}  hold {hold}  sell {sell}  lift {:.2}", row.lift), c.s(role)),
        ("barriers", format!("{} and {} {around}", fmt::price(row.lower), fmt::price(row.upper)), text),
        ("entry", entry, text),
        ("decided", format!("after the close of {}, {}", row.date, fmt::price(row.close)), text),
        ("horizon", format!("to the close of {}", row.horizon_end), text),
        ("regime", row.regime.replace('_', " "), dim),
    ];
    detail::facts(c, inner, &facts);
}

/// How a signal stands, or what came of it.
fn stands(c: &Canvas<'_>, row: &SignalRow) -> (String, Style) {
    if let Some(o) = &row.outcome {
        let held = fmt::count(o.bars_held.into(), "session", "sessions");
        let (glyph, role) = if o.net > 0.0 { ("✓", Role::Ok) } else { ("✗", Role::Bad) };
        let costs = format!("{} before costs of {:.2}%", fmt::percent(o.gross), o.cost * 100.0);
        let text = format!("{glyph} settled {} by {} after {held}: {} net, {costs}", o.exit_date, ended_by(o.reason), fmt::percent(o.net));
        return (text, c.s(role));
    }
    if let Some(why) = &row.void {
        return (format!("· void: {why}"), c.s(Role::Stale));
    }
    let last = row.last.map_or_else(String::new, |p| format!(", last close {}", fmt::price(p)));
    let change = so_far(row).map_or_else(|| ", not entered yet".to_owned(), |v| format!(", {} so far", fmt::percent(v)));
    let word = if row.state == SignalState::Open { "● open" } else { "settled" };
    (format!("{word}{change}{last}"), c.s(Role::Focus))
}

/// The closes, with entry and barriers as lines.
fn price(c: &mut Canvas<'_>, shown: &SignalDetail, area: Rect) {
    let legend = [("─ barriers  ", c.s(Role::Stale)), ("┄ entry  ", c.s(Role::Dim)), ("▲ decided", c.s(Role::Focus))];
    let inner = c.panel(area, &Panel { title: "Price", summary: "closes", legend: &legend, ..Panel::default() });
    let row = &shown.row;
    let closes: Vec<f64> = shown.closes.iter().map(|(_, v)| *v).collect();
    let all: Vec<f64> = closes.iter().copied().chain([row.lower, row.upper]).collect();
    let (low, high) = widget::extent(&all);
    if closes.is_empty() || low >= high || inner.height < 4 || inner.width < SCALE + 8 {
        detail::empty(c, inner, "No closes are stored of it.");
        return;
    }
    let chart = Rect { x: inner.x + SCALE, width: inner.width - SCALE - 1, height: inner.height - 1, ..inner };
    let line =
        |v: f64| chart.y + ((high - v) / (high - low) * f64::from(chart.height - 1)).round().clamp(0.0, f64::from(chart.height - 1)) as u16;
    let entry = row.entry.unwrap_or(row.close);
    let lines = [(row.upper, "upper", "─", Role::Stale), (row.lower, "lower", "─", Role::Stale), (entry, "entry", "┄", Role::Dim)];
    for (value, word, mark, role) in lines {
        let y = line(value);
        for x in chart.x..chart.right() {
            c.set(x, y, mark, c.s(role));
        }
        let word = if row.entry.is_none() && word == "entry" { "close" } else { word };
        c.put(inner.x + 1, y, SCALE, &format!("{word} {:>9}┤", fmt::price(value)), c.s(Role::Dim));
    }
    let drawn = widget::drawn_out(closes, 2 * usize::from(chart.width));
    for (cells, y) in widget::curve(&drawn, Some((low, high)), chart.width.into(), chart.height.into()).iter().zip(chart.y..) {
        for (glyph, x) in cells.chars().zip(chart.x..chart.right()).filter(|(glyph, _)| *glyph != '\u{2800}') {
            c.set(x, y, glyph.encode_utf8(&mut [0; 4]), c.s(Role::Focus));
        }
    }
    dates(c, shown, Rect { y: chart.bottom(), height: 1, ..chart });
}

/// First and last session, and where it was decided.
fn dates(c: &mut Canvas<'_>, shown: &SignalDetail, area: Rect) {
    let (Some((first, _)), Some((last, _))) = (shown.closes.first(), shown.closes.last()) else { return };
    let steps = shown.closes.len().saturating_sub(1).max(1);
    let mark = shown.closes.iter().position(|(d, _)| *d == shown.row.date);
    let mark = mark.map(|at| area.x + (at * usize::from(area.width.saturating_sub(1)) / steps) as u16);
    // A date gives way to the mark.
    let free = |from: u16, to: u16| mark.is_none_or(|x| x < from || x > to);
    let dim = c.s(Role::Dim);
    if free(area.x, area.x + 5) {
        c.put(area.x, area.y, area.width, &first.format("%m-%d").to_string(), dim);
    }
    if free(area.right().saturating_sub(6), area.right()) {
        c.right(area.x, area.right(), area.y, &last.format("%m-%d").to_string(), dim);
    }
    if let Some(x) = mark {
        c.set(x, area.y, "▲", c.theme.strong(Role::Focus));
    }
}

/// What spoke for it and against it, with bars that grow from the middle.
fn contributions(c: &mut Canvas<'_>, shown: &SignalDetail, context: &str, area: Rect) {
    let panel = Panel { title: "Spoke for it", summary: "adds to its probability   deviations", context, ..Panel::default() };
    let inner = c.panel(area, &panel);
    if shown.contributions.is_empty() {
        detail::empty(c, inner, "What spoke for it is not on record.");
        return;
    }
    let most = shown.contributions.iter().map(|k| k.adds.abs()).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let name = NAME.min(inner.width.saturating_sub(18));
    let bar = if inner.width >= NAME + BAR + 18 { BAR } else { 0 };
    for (k, y) in shown.contributions.iter().zip(inner.y..inner.bottom()) {
        c.line(Rect { x: inner.x + 1, y, width: name, height: 1 }, &[(&k.feature, c.s(Role::Text))]);
        let drawn = if bar > 0 { fmt::balance(k.adds / most, bar.into()).replace('░', " ") } else { String::new() };
        let figures = format!(" {:>+7.3} {:>+6.1}", k.adds, k.scaled);
        let x = inner.x + name + 2;
        let pieces = [(drawn.as_str(), c.s(if k.adds < 0.0 { Role::Stale } else { Role::Ok })), (&figures, c.s(Role::Text))];
        c.line(Rect { x, y, width: inner.right().saturating_sub(x), height: 1 }, &pieces);
    }
}

/// Past rows that looked like it, and what came of them for its side.
fn past(c: &mut Canvas<'_>, shown: &SignalDetail, context: &str, area: Rect) {
    let won = shown.cases.iter().filter(|k| k.net > 0.0).count();
    let summary = format!("{won} of {} made money on its side", shown.cases.len());
    let inner = c.panel(area, &Panel { title: "Most like it", summary: &summary, context, ..Panel::default() });
    if shown.cases.is_empty() {
        detail::empty(c, inner, "No past rows are on record to compare it with.");
        return;
    }
    let head = format!("{:<9} {:<10} {:<5} {:>8} {:>9}", "symbol", "date", "came", "net", "distance");
    c.line(Rect { x: inner.x + 1, height: 1, ..inner }, &[(&head, c.s(Role::Dim))]);
    for (k, y) in shown.cases.iter().zip(inner.y + 1..inner.bottom()) {
        let came = match k.class {
            Class::Sell => "▾ sell",
            Class::Hold => "· hold",
            Class::Buy => "▴ buy",
        };
        let start = format!("{:<9} {} {came:<6}", k.symbol.as_str(), k.date);
        let net = format!("{:>8}", fmt::percent(k.net));
        let far = format!(" {:>9.2}", k.distance);
        let role = if k.net > 0.0 { Role::Ok } else { Role::Stale };
        let line = Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(1), height: 1 };
        c.line(line, &[(&start, c.s(Role::Text)), (&net, c.s(role)), (&far, c.s(Role::Dim))]);
    }
}
