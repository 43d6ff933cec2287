//! What copying and exporting take from the screen.

use std::fmt::Write as _;

use super::{App, Effect, Export, Page, Pane, ToastLevel, word};
use crate::console::fmt;
use crate::market::Timeframe;

impl App {
    /// Copies what is selected, as a line of text or as JSON.
    pub(super) fn copy(&mut self, json: bool, fx: &mut Vec<Effect>) {
        match if json { self.row_json() } else { self.row_text() } {
            Some(text) => {
                self.say(ToastLevel::Ok, format!("Copied: {}", text.lines().next().unwrap_or_default()));
                fx.push(Effect::Copy(text));
            }
            None => self.say(ToastLevel::Info, "Nothing is selected here"),
        }
    }

    fn row_text(&self) -> Option<String> {
        match (self.page(), self.focus) {
            (Some(Page::Subject), _) | (None, Pane::Drift) => self.subject_text(),
            (Some(Page::Signal(id)), _) => self.signal_text(id),
            (Some(Page::Run(id)), _) => {
                let state = self.job_run(id).map(|r| super::job_state(r).1).or_else(|| self.run(id).map(|r| super::run_state(r.state).1));
                state.map(|word| format!("run {id} {word}"))
            }
            (None, Pane::Schedule) => {
                let job = self.job_view(self.job)?;
                let next = job.next.map_or_else(|| "no next tick".into(), |at| format!("next {} UTC", fmt::minute(at)));
                Some(format!("{} {} {next}", job.job, job.words))
            }
            (Some(Page::Source(_)), _) | (None, Pane::Sources) => {
                let status = self.snap().sources.iter().find(|s| Some(s.source) == self.source)?;
                Some(format!("{} {} {:.1} req/s", status.source, status.endpoint, status.requests_per_second))
            }
            (Some(Page::Series), _) | (None, Pane::Ingest) => {
                let series = self.heat.cursor?;
                let cell = self.heat.cell(&self.snap().market)?;
                let last = cell.last_ts.map_or_else(|| "never".into(), |t| fmt::stamp(t, series.timeframe, 0));
                Some(format!("{series} {} last {last} gaps {}", word(cell.state), cell.gaps))
            }
            (None, Pane::Logs) => {
                let r = self.logs.selected()?;
                Some(format!("{} {} {} {}", fmt::milli(r.at_ms), r.level.name(), r.source, r.message))
            }
            (None, Pane::Training) | (Some(Page::Training), _) => self.training_text(),
            (Some(_), _) => {
                let row = self.table()?.current()?;
                Some(row.cells.iter().map(|c| c.text.as_str()).collect::<Vec<_>>().join("  "))
            }
        }
    }

    fn row_json(&self) -> Option<String> {
        let snap = self.snap();
        let value = match (self.page(), self.focus) {
            (Some(Page::Issues), _) => {
                let id = self.issues_table.selected?;
                serde_json::to_string(self.issues.value.as_ref()?.iter().find(|i| i.id == id)?)
            }
            (Some(Page::Features | Page::Feature), _) => return self.feature_json(),
            (Some(Page::Models), _) => serde_json::to_string(self.models.selected()?),
            (Some(Page::Training), _) | (None, Pane::Training) => serde_json::to_string(self.training()?),
            (Some(Page::Runs | Page::Job(_) | Page::Run(_)), _) => return self.run_json(self.selected_run()?),
            (None, Pane::Schedule) => serde_json::to_string(self.job_view(self.job)?),
            (Some(Page::Source(_)), _) | (None, Pane::Sources) => {
                serde_json::to_string(snap.sources.iter().find(|s| Some(s.source) == self.source)?)
            }
            (Some(Page::Series), _) | (None, Pane::Ingest) => serde_json::to_string(&(self.heat.cursor?, self.heat.cell(&snap.market)?)),
            (None, Pane::Logs) => serde_json::to_string(self.logs.selected()?),
            (Some(Page::Drift | Page::Subject), _) | (None, Pane::Drift) => serde_json::to_string(self.subject_row()?),
            (Some(Page::Signals | Page::Signal(_) | Page::Sectors), _) => return self.signal_json(),
        };
        value.ok()
    }

    /// A run as whoever knows most of it tells it.
    fn run_json(&self, id: i64) -> Option<String> {
        let record = || self.runs.value.iter().flatten().find(|r| r.id == id);
        let told = match (self.job_run(id), self.run(id)) {
            (Some(run), _) => serde_json::to_string(run),
            (None, Some(view)) => serde_json::to_string(view),
            (None, None) => serde_json::to_string(record()?),
        };
        told.ok()
    }

    pub(super) fn export(&mut self, fx: &mut Vec<Effect>) {
        if let Some((what, text)) = self.csv() {
            let stamp = chrono::DateTime::from_timestamp_millis(self.now_ms).unwrap_or_default().format("%Y%m%dT%H%M%S");
            fx.push(Effect::Export(Export { name: format!("nightdesk-{what}-{stamp}.csv"), text }));
        }
    }

    /// Whether what has the focus can be exported; cheap, for the footer and the palette.
    pub(super) fn exports(&self) -> bool {
        match (self.page(), self.focus) {
            (Some(Page::Series), _) => self.detail.value.is_some(),
            (Some(Page::Features), _) => self.features.list.value.is_some(),
            (Some(Page::Feature), _) => self.features.shown().is_some(),
            (Some(Page::Models), _) => self.models.list.value.is_some(),
            (Some(Page::Drift), _) => self.drift.list.value.is_some(),
            (Some(Page::Subject), _) => self.shown_subject().is_some(),
            (Some(Page::Signals), _) => self.signals.list.value.is_some(),
            (Some(Page::Sectors), _) => self.signals.sectors.value.is_some(),
            (Some(Page::Run(_) | Page::Training | Page::Signal(_)), _) | (None, Pane::Schedule | Pane::Training | Pane::Drift) => false,
            _ => true,
        }
    }

    /// The table on screen as CSV, with a word that names it.
    pub(super) fn csv(&self) -> Option<(&'static str, String)> {
        match (self.page(), self.focus) {
            (Some(Page::Runs), _) => Some(("runs", self.runs_table.csv())),
            (Some(Page::Job(_)), _) => Some(("history", self.history_table.csv())),
            (Some(Page::Issues), _) => Some(("findings", self.issues_table.csv())),
            (Some(Page::Features | Page::Feature), _) => self.features_csv(),
            (Some(Page::Series), _) => self.bars_csv().map(|t| ("bars", t)),
            (None, Pane::Ingest) => Some(("series", self.series_csv())),
            (None, Pane::Sources) | (Some(Page::Source(_)), _) => Some(("sources", self.sources_csv())),
            (None, Pane::Logs) => Some(("logs", self.logs_csv())),
            (Some(Page::Models), _) => Some(("models", self.models.table.csv())),
            (Some(Page::Drift), _) => Some(("drift", self.drift.table.csv())),
            (Some(Page::Subject), _) => self.subject_csv().map(|text| ("subject", text)),
            (Some(Page::Signals), _) => Some(("signals", self.signals.table().csv())),
            (Some(Page::Sectors), _) => Some(("sectors", self.signals.sector_table.csv())),
            (Some(Page::Run(_) | Page::Training | Page::Signal(_)), _) | (None, Pane::Schedule | Pane::Training | Pane::Drift) => None,
        }
    }

    fn series_csv(&self) -> String {
        let market = &self.snap().market;
        let mut out = String::from("symbol,timeframe,state,last_ts,late_since,gaps,source\n");
        let optional = |v: Option<i64>| v.map(|v| v.to_string()).unwrap_or_default();
        for &column in &self.heat.columns {
            let Some(instrument) = market.instruments.get(column) else { continue };
            for timeframe in Timeframe::ALL {
                let cell = market.cell(timeframe, column);
                let source = cell.source.map(crate::market::SourceId::name).unwrap_or_default();
                let (last, late) = (optional(cell.last_ts), optional(cell.late_since));
                let _ = writeln!(out, "{},{timeframe},{},{last},{late},{},{source}", instrument.symbol, word(cell.state), cell.gaps);
            }
        }
        out
    }

    fn bars_csv(&self) -> Option<String> {
        let detail = self.detail.value.as_ref()?;
        let mut out = String::from("ts,open,high,low,close,volume,final,source\n");
        for (bar, source) in &detail.bars {
            let volume = if bar.volume.is_nan() { String::new() } else { bar.volume.to_string() };
            let _ = writeln!(out, "{},{},{},{},{},{volume},{},{source}", bar.ts, bar.open, bar.high, bar.low, bar.close, bar.is_final);
        }
        Some(out)
    }

    fn sources_csv(&self) -> String {
        let mut out = String::from("source,endpoint,answered,failed,pacing_errors,bars,in_flight,requests_per_second,last_error\n");
        for s in self.snap().sources.iter() {
            let error = s.last_error.as_ref().map(|(_, e)| fmt::csv(e)).unwrap_or_default();
            let endpoint = fmt::csv(&s.endpoint);
            let _ = writeln!(
                out,
                "{},{endpoint},{},{},{},{},{},{:.2},{error}",
                s.source, s.answered, s.failed, s.pacing_errors, s.bars, s.in_flight, s.requests_per_second
            );
        }
        out
    }

    fn logs_csv(&self) -> String {
        let mut out = String::from("seq,at_ms,level,source,message\n");
        for r in self.logs.shown() {
            let _ = writeln!(out, "{},{},{},{},{}", r.seq, r.at_ms, r.level.name(), fmt::csv(&r.source), fmt::csv(&r.message));
        }
        out
    }
}
