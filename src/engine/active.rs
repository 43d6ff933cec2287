//! The run that is going on: its progress, as the events add up.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use super::{CellState, RunProgress, RunView};
use crate::ingest::Event;
use crate::ingest::pipeline::Stop;
use crate::market::Series;

/// Rates are taken over this long.
const RATE_WINDOW: Duration = Duration::from_secs(10);
/// No ETA before this much time and this many answers: it would only mislead.
const WARM_UP: Duration = Duration::from_secs(10);
const WARM_UP_ANSWERS: u32 = 10;

/// The active run.
pub(super) struct Active {
    pub view: RunView,
    pub stop: Stop,
    /// Cells that show the run's work instead of the stored state.
    pub overlay: HashMap<Series, CellState>,
    started: Duration,
    samples: VecDeque<(Duration, u64)>,
}

impl Active {
    pub fn new(view: RunView, stop: Stop, started: Duration) -> Self {
        Self { view, stop, overlay: HashMap::new(), started, samples: VecDeque::new() }
    }

    /// Takes one event in.
    pub fn apply(&mut self, event: &Event, now: Duration) {
        let p = &mut self.view.progress;
        match event {
            Event::Phase(phase) => (*phase).clone_into(&mut p.phase),
            Event::Planned { series, requests, .. } => {
                // A later pass of the run adds its own work to what is done.
                p.series_total = p.series_done + series.len() as u32;
                p.requests_total = p.requests_done + requests;
                self.overlay.extend(series.iter().map(|s| (*s, CellState::Queued)));
            }
            Event::Working(series) => {
                self.overlay.insert(*series, CellState::Fetching);
            }
            Event::Answered { bars } => {
                p.requests_done += 1;
                p.requests_total = p.requests_total.max(p.requests_done);
                p.bars += bars;
            }
            Event::Wrote(n) => {
                p.written += n;
                self.samples.push_back((now, *n));
            }
            Event::Done { series, error, .. } => {
                self.overlay.remove(series);
                p.series_done += 1;
                p.series_total = p.series_total.max(p.series_done);
                p.failed += u32::from(error.is_some());
            }
        }
    }

    /// Recomputes rate and ETA.
    pub fn measure(&mut self, now: Duration) {
        while self.samples.front().is_some_and(|(at, _)| now.saturating_sub(*at) > RATE_WINDOW) {
            self.samples.pop_front();
        }
        let elapsed = now.saturating_sub(self.started);
        let p: &mut RunProgress = &mut self.view.progress;
        let over = elapsed.min(RATE_WINDOW).as_secs_f64().max(1.0);
        p.bars_per_second = self.samples.iter().map(|(_, n)| n).sum::<u64>() as f64 / over;
        let warm = elapsed >= WARM_UP && p.requests_done >= WARM_UP_ANSWERS && p.series_done > 0;
        p.eta_s = warm.then(|| {
            // Series differ in size, requests hardly: whichever is further behind decides.
            let done = f64::from(p.series_done) / f64::from(p.series_total.max(1));
            let asked = f64::from(p.requests_done) / f64::from(p.requests_total.max(1));
            (elapsed.as_secs_f64() * (1.0 / done.min(asked) - 1.0)).round() as u32
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::{IngestSpec, PlanSummary};
    use crate::market::{Symbol, Timeframe};
    use crate::store::master::RunState;

    #[test]
    fn progress_adds_up_and_the_eta_waits_for_evidence() {
        let view = RunView {
            id: 1,
            spec: IngestSpec::default(),
            state: RunState::Running,
            started_at: 0,
            ended_at: None,
            progress: RunProgress::default(),
            summary: None,
            cancelling: false,
        };
        let mut a = Active::new(view, Stop::default(), Duration::ZERO);
        let series: Vec<Series> = Timeframe::ALL.iter().map(|&timeframe| Series { symbol: Symbol::new("A").unwrap(), timeframe }).collect();
        let at = Duration::from_secs;
        a.apply(&Event::Planned { summary: PlanSummary::default(), series: series.clone(), requests: 20 }, at(0));
        assert_eq!(a.overlay[&series[0]], CellState::Queued);
        for i in 0..10 {
            a.apply(&Event::Answered { bars: 100 }, at(i));
            a.apply(&Event::Wrote(100), at(i));
        }
        a.apply(&Event::Done { series: series[0], error: Some("no".into()), state: None }, at(9));
        a.measure(at(9));
        assert_eq!(a.view.progress.eta_s, None);
        a.measure(at(10));
        assert!(a.view.progress.eta_s.is_some());
        assert!((a.view.progress.bars_per_second - 100.0).abs() < 1.0);
        assert_eq!((a.view.progress.failed, a.view.progress.bars), (1, 1000));
        assert!(!a.overlay.contains_key(&series[0]));
        a.apply(&Event::Planned { summary: PlanSummary::default(), series: series[..2].to_vec(), requests: 4 }, at(11));
        let p = &a.view.progress;
        assert_eq!((p.series_done, p.series_total, p.requests_done, p.requests_total), (1, 3, 10, 14), "a second pass adds its work");
    }
}
