//! What people see of a night's drift: the list with the data set in it, a subject's page, and the report of the run.

use std::sync::Arc;

use arc_swap::ArcSwap;
use nightdesk::charts::{Chart, Palette};
use nightdesk::config::{LoadRequest, load};
use nightdesk::drift::monitor::DATA_SET;
use nightdesk::drift::views::SubjectKind;
use nightdesk::engine::Watching;
use nightdesk::market::{Clock, Strategy};
use nightdesk::report::{RunReport, Sources};
use nightdesk::trainer::Trainer;
use nightdesk::watcher::Watcher;
use nightdesk::workplace::Workplace;

use crate::house::House;

const STRATEGY: Strategy = Strategy::Turbomode;

/// Checks all of it on a house whose run `run_id` serves and whose data set has an alarm of which `desk` took note.
pub fn is_shown(house: &House, run_id: i64) {
    let shipped = load(LoadRequest { config_dir: None, env: [], flags: Vec::new() }).unwrap();
    let place = Workplace {
        data_dir: house.dir.path().to_owned(),
        demo: false,
        universe: house.universe.clone(),
        clock: house.clock.clone(),
        rules: Arc::new(ArcSwap::new(shipped.strategies)),
    };
    let (watcher, trainer) = (Watcher::new(place.clone()), Trainer::new(place));
    listed(&watcher);
    let sources =
        Sources { trainer: &trainer, watching: watcher.as_ref(), reader: &house.reader(), master: &house.pool, universe: &house.universe };
    reported(&RunReport::read(&sources, (STRATEGY, run_id), house.clock.now()).unwrap().unwrap());
}

fn listed(watcher: &Watcher) {
    let page = watcher.drift_page(STRATEGY).unwrap();
    let whole = page.subjects.iter().find(|s| s.subject == DATA_SET).unwrap();
    let acked = |s: &nightdesk::drift::views::SubjectRow| s.alarm.as_ref().and_then(|a| a.acked_by.clone());
    assert_eq!((whole.kind, acked(whole).as_deref()), (SubjectKind::DataSet, Some("desk")));
    assert!(page.view.worst.iter().any(|s| s.subject == DATA_SET), "a console reaches it from the first screen");
    assert_eq!(page.view.counts.subjects as usize, page.subjects.len() - 1, "it is not counted beside its features");
    let detail = watcher.subject(STRATEGY, DATA_SET).unwrap().unwrap();
    assert_eq!((detail.levels, detail.consumers.len(), detail.bins.len()), ([0.1, 0.3], 0, 0), "levels are shares of features");
}

fn reported(report: &RunReport) {
    let watched = report.drift.as_ref().unwrap();
    assert_eq!(watched.subjects.len(), 3);
    let charts = report.charts();
    let drawn = |of: fn(&Chart) -> bool| charts.iter().filter(|(_, c)| of(c)).count();
    assert_eq!(drawn(|c| matches!(c, Chart::Psi(_))), 3);
    assert_eq!(drawn(|c| matches!(c, Chart::Distribution(_))), 3);
    assert_eq!(drawn(|c| matches!(c, Chart::Ecdf(_))), 3);
    for (name, chart) in &charts {
        let svg = chart.svg(&Palette::LIGHT, chart.size()).unwrap();
        assert!(svg.contains("</svg>") && !svg.contains("no data:") && !svg.contains("not drawn"), "{name}: {svg}");
    }
    assert_eq!(report.stored.len(), 6);
    for strip in &report.stored {
        assert!(!strip.years.is_empty() && strip.years.iter().all(|(_, share)| *share == 1.0), "every session is stored: {strip:?}");
    }
    let page = report.page().unwrap();
    let subject = &watched.subjects[0].row.subject;
    assert!(page.contains(&watched.view.words) && page.contains(&format!("Drift of {subject}")), "{page}");
}
