//! Which pane is where, by the size of the screen.

use ratatui::layout::Rect;

use super::heatmap::{HEIGHT, LABEL};
use crate::console::app::{App, Pane};

/// Columns of the heat map with its border, when all eighty symbols fit.
const MAP: u16 = LABEL + 80 + 2;
/// Columns of what stands beside the map on narrow screens; 80 columns leave the map room for forty symbols.
const SIDE: u16 = 33;
/// Lines of the ingest pane: ruler, map, run, border.
const INGEST: u16 = HEIGHT + 2;

/// The panes and their places. A pane that has no place on this screen gets all of it when it has the focus.
pub fn panes(app: &App, body: Rect) -> Vec<(Pane, Rect)> {
    let all = tiled(body);
    if app.zoom || all.iter().all(|(pane, _)| *pane != app.focus) {
        return vec![(app.focus, body)];
    }
    all
}

/// A list of runs, on screens wide enough to spare it.
pub fn run_list(app: &App, body: Rect) -> Option<Rect> {
    let room = body.width >= 200 && !app.zoom;
    room.then(|| Rect { x: body.x + MAP + 62, y: body.y, width: body.width - MAP - 62, height: INGEST.min(body.height) })
}

fn tiled(body: Rect) -> Vec<(Pane, Rect)> {
    match body.width {
        200.. => wide(body, 62),
        120..200 => wide(body, body.width - MAP),
        80..120 => narrow(body),
        _ => Vec::new(),
    }
}

/// Map left, sources and schedule right of it, training and drift below, the log last. Heights that do not suffice
/// cost the log first, then training and drift.
fn wide(body: Rect, side: u16) -> Vec<(Pane, Rect)> {
    let top = INGEST.min(body.height);
    let rest = body.height - top;
    // Above 12 lines the log keeps four of its own, and more once the panes between have what they can use.
    let middle = if rest >= 12 { (rest - 6).clamp(6, 13) } else { 0 };
    let log = rest - middle;
    let mut out = split(body, MAP, side, if log >= 4 { top } else { body.height });
    if middle > 0 {
        // Losses stand beside the models; the list of drift is narrower.
        let half = body.width * 3 / 5;
        let y = body.y + top;
        out.push((Pane::Training, Rect { y, width: half, height: middle, ..body }));
        out.push((Pane::Drift, Rect { x: body.x + half, y, width: body.width - half, height: middle }));
    }
    if log >= 4 {
        out.push((Pane::Logs, Rect { y: body.y + top + middle, height: log, ..body }));
    }
    out
}

fn narrow(body: Rect) -> Vec<(Pane, Rect)> {
    let top = INGEST.min(body.height);
    let log = body.height - top;
    let mut out = split(body, body.width - SIDE, SIDE, if log >= 4 { top } else { body.height });
    if log >= 4 {
        out.push((Pane::Logs, Rect { y: body.y + top, height: log, ..body }));
    }
    out
}

/// The map, and sources over schedule in a column of `side` cells right of it.
fn split(body: Rect, map: u16, side: u16, height: u16) -> Vec<(Pane, Rect)> {
    // Six jobs and a border.
    let sources = height - (height * 2 / 5).min(8);
    let right = Rect { x: body.x + map, width: side, ..body };
    vec![
        (Pane::Ingest, Rect { width: map, height, ..body }),
        (Pane::Sources, Rect { height: sources, ..right }),
        (Pane::Schedule, Rect { y: body.y + sources, height: height - sources, ..right }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_screen_without_overlap() {
        for width in 60..260 {
            for height in 12..80 {
                let body = Rect::new(0, 2, width, height);
                let tiles = tiled(body);
                let mut cells = 0;
                for (i, (pane, a)) in tiles.iter().enumerate() {
                    assert_eq!(a.intersection(body), *a, "{pane:?} at {width}x{height}");
                    assert!(tiles[i + 1..].iter().all(|(_, b)| !a.intersects(*b)), "{pane:?} at {width}x{height}");
                    cells += a.area();
                }
                if (80..200).contains(&width) {
                    assert_eq!(cells, body.area(), "{width}x{height}");
                }
            }
        }
    }
}
