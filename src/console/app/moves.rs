//! Moving: between panes and pages, and inside them.

use super::{App, Effect, Page, Pane, Table, ToastLevel};
use crate::console::action::Action;
use crate::market::{Series, SourceId, Strategy, Symbol};
use crate::store::scheduler::Job;

impl App {
    /// Does a movement; false when the action is no movement.
    pub(super) fn navigate(&mut self, action: Action, fx: &mut Vec<Effect>) -> bool {
        match action {
            Action::FocusIngest => self.focus_on(Pane::Ingest),
            Action::FocusSources => self.focus_on(Pane::Sources),
            Action::FocusSchedule => self.focus_on(Pane::Schedule),
            Action::FocusTraining => self.focus_on(Pane::Training),
            Action::FocusDrift => self.focus_on(Pane::Drift),
            Action::FocusLogs => self.focus_on(Pane::Logs),
            Action::NextPane => self.focus_on(Pane::ALL[(self.focus as usize + 1) % 6]),
            Action::PreviousPane => self.focus_on(Pane::ALL[(self.focus as usize + 5) % 6]),
            Action::Open => self.open(fx),
            Action::Back => self.back(),
            Action::NextAlert => self.next_alert(fx),
            Action::ShowRun => {
                if let Some(id) = self.shown_run() {
                    self.push_page(Page::Run(id), fx);
                }
            }
            Action::ShowRuns => self.push_page(Page::Runs, fx),
            Action::ShowIssues => self.push_page(Page::Issues, fx),
            Action::ShowFeatures => self.push_page(Page::Features, fx),
            Action::ShowModels => self.open_models(fx),
            Action::ShowSignals => self.open_signals(fx),
            Action::ShowSectors => self.push_page(Page::Sectors, fx),
            Action::ShowValues => self.open_values(fx),
            Action::FeatureDrift => self.open_feature_drift(fx),
            Action::NextMatch | Action::PreviousMatch => {
                let market = self.snap().market.clone();
                if !self.heat.jump(&market, action == Action::NextMatch) {
                    self.say(ToastLevel::Info, "No cell is late, has a gap or failed");
                }
                self.ask_series(fx);
            }
            Action::Up => self.step(0, -1, fx),
            Action::Down => self.step(0, 1, fx),
            Action::Left => self.step(-1, 0, fx),
            Action::Right => self.step(1, 0, fx),
            Action::PageUp => self.step(0, -self.half_page(), fx),
            Action::PageDown => self.step(0, self.half_page(), fx),
            Action::First => self.jump_to_end(-1, fx),
            Action::Last => self.jump_to_end(1, fx),
            _ => return false,
        }
        true
    }

    fn half_page(&self) -> isize {
        (self.drawn.page / 2).max(1) as isize
    }

    fn focus_on(&mut self, pane: Pane) {
        self.pages.clear();
        self.focus = pane;
    }

    /// The table of the page on top, if it is one.
    pub(super) fn table_mut(&mut self) -> Option<&mut Table> {
        match self.page()? {
            Page::Runs => Some(&mut self.runs_table),
            Page::Job(_) => Some(&mut self.history_table),
            Page::Issues => Some(&mut self.issues_table),
            Page::Features => Some(&mut self.features.table),
            Page::Feature => Some(&mut self.features.lasts),
            Page::Models => Some(&mut self.models.table),
            Page::Drift => Some(&mut self.drift.table),
            Page::Signals => Some(self.signals.table_mut()),
            Page::Sectors => Some(&mut self.signals.sector_table),
            _ => None,
        }
    }

    pub(super) fn table(&self) -> Option<&Table> {
        match self.page()? {
            Page::Runs => Some(&self.runs_table),
            Page::Job(_) => Some(&self.history_table),
            Page::Issues => Some(&self.issues_table),
            Page::Features => Some(&self.features.table),
            Page::Feature => Some(&self.features.lasts),
            Page::Models => Some(&self.models.table),
            Page::Drift => Some(&self.drift.table),
            Page::Signals => Some(self.signals.table()),
            Page::Sectors => Some(&self.signals.sector_table),
            _ => None,
        }
    }

    fn step(&mut self, dx: isize, dy: isize, fx: &mut Vec<Effect>) {
        if self.on_training_page() {
            return self.step_training(dx, dy);
        }
        match (self.page(), self.focus) {
            (Some(Page::Models), _) => self.step_models(dx, dy),
            (Some(Page::Subject), _) => self.step_subject(dx, dy, fx),
            (Some(Page::Signals), _) => self.step_signals(dx, dy),
            (Some(Page::Feature), _) if dx != 0 => self.step_feature(dx, fx),
            (Some(Page::Runs | Page::Issues | Page::Job(_) | Page::Features | Page::Feature | Page::Drift | Page::Sectors), _) => {
                if let Some(table) = self.table_mut() {
                    table.step(dy);
                }
            }
            (Some(Page::Run(_)), _) => self.scroll = self.scroll.saturating_add_signed(dy).min(self.story_len().saturating_sub(1)),
            (Some(Page::Series), _) | (None, Pane::Ingest) => {
                let market = self.snap().market.clone();
                self.heat.step(&market, dx, dy);
                self.ask_series(fx);
            }
            (Some(Page::Source(_)), _) | (None, Pane::Sources) => self.step_source(dy + dx),
            (None, Pane::Logs) => self.logs.step(dy),
            (None, Pane::Schedule) => self.step_job(dy + dx),
            (None, Pane::Training) => self.other_training(fx),
            (None, Pane::Drift) => self.step_drift(dy + dx),
            (Some(Page::Signal(_)), _) => self.signals.past = if dx == 0 { self.signals.past } else { dx > 0 },
            (Some(Page::Training), _) => {}
        }
    }

    /// To the first (`way` < 0) or last one. On the heat map: to the edge of the row, as g and G do on a line of text.
    fn jump_to_end(&mut self, way: isize, fx: &mut Vec<Effect>) {
        const FAR: isize = 1 << 20;
        match (self.page(), self.focus) {
            (Some(Page::Series), _) | (None, Pane::Ingest) => self.step(way * FAR, 0, fx),
            (None, Pane::Logs) if way < 0 => self.logs.first(),
            _ => self.step(0, way * FAR, fx),
        }
    }

    pub(super) fn story_len(&self) -> usize {
        match self.page() {
            Some(Page::Run(id)) => self.story(id).count(),
            Some(Page::Training) => self.training().and_then(|t| t.job_run).map_or(0, |id| self.story(id).count()),
            _ => 0,
        }
    }

    fn step_job(&mut self, by: isize) {
        let jobs: Vec<Job> = self.snap().jobs.iter().map(|j| j.job).collect();
        let at = jobs.iter().position(|j| *j == self.job).unwrap_or(0);
        let next = at.saturating_add_signed(by).min(jobs.len().saturating_sub(1));
        self.job = jobs.get(next).copied().unwrap_or(self.job);
    }

    fn step_source(&mut self, by: isize) {
        let sources: Vec<SourceId> = self.snap().sources.iter().map(|s| s.source).collect();
        let at = sources.iter().position(|s| Some(*s) == self.source).unwrap_or(0);
        let next = at.saturating_add_signed(by).min(sources.len().saturating_sub(1));
        self.source = sources.get(next).copied();
        if let (Some(Page::Source(shown)), Some(source)) = (self.pages.last_mut(), self.source) {
            *shown = source;
        }
    }

    /// Selects a row by its place on screen, for the mouse.
    pub(super) fn select_row(&mut self, row: usize) {
        match (self.page(), self.focus) {
            (Some(_), _) => {
                if let Some(table) = self.table_mut() {
                    table.select_row(row);
                }
            }
            (None, Pane::Drift) => self.pick(row),
            (None, Pane::Sources) => self.source = self.snap().sources.get(row).map(|s| s.source).or(self.source),
            (None, Pane::Schedule) => self.job = self.snap().jobs.get(row).map_or(self.job, |j| j.job),
            (None, Pane::Logs) => {
                let by = row as isize - self.logs.row() as isize;
                self.logs.step(by);
            }
            _ => {}
        }
    }

    fn open(&mut self, fx: &mut Vec<Effect>) {
        match (self.page(), self.focus) {
            (Some(Page::Runs), _) => {
                if let Some(id) = self.runs_table.selected {
                    self.push_page(Page::Run(id), fx);
                }
            }
            (Some(Page::Job(_)), _) => {
                if let Some(id) = self.history_table.selected {
                    self.push_page(Page::Run(id), fx);
                }
            }
            (Some(Page::Features), _) if self.features.selected().is_some() => self.push_page(Page::Feature, fx),
            (None, Pane::Schedule) => self.push_page(Page::Job(self.job), fx),
            (Some(Page::Issues), _) => {
                let series = self
                    .issues_table
                    .selected
                    .and_then(|id| self.issues.value.as_ref()?.iter().find(|i| i.id == id).map(|i| i.issue.series));
                if let Some(series) = series {
                    self.go_to_series(series);
                    self.push_page(Page::Series, fx);
                }
            }
            (None, Pane::Ingest) if self.heat.cursor.is_some() => self.push_page(Page::Series, fx),
            (None, Pane::Sources) => {
                if let Some(source) = self.source {
                    self.push_page(Page::Source(source), fx);
                }
            }
            (None, Pane::Logs) => self.logs.wrap = !self.logs.wrap,
            (Some(Page::Models), _) => self.open_models_run(fx),
            (Some(Page::Drift), _) => self.open_listed(fx),
            (Some(Page::Signals), _) => self.open_signal(fx),
            (None, Pane::Drift) => self.open_drift(fx),
            (None, Pane::Training) if self.open_training(fx) => {}
            (None, _) => self.zoom = !self.zoom,
            (Some(_), _) => {}
        }
    }

    pub(super) fn push_page(&mut self, page: Page, fx: &mut Vec<Effect>) {
        // A page opened again comes to the top instead of lying twice in the trail.
        self.pages.retain(|p| *p != page);
        self.pages.push(page);
        self.scroll = 0;
        match page {
            Page::Series => self.detail.forget(),
            Page::Job(_) => {
                self.job_detail.forget();
                self.history_table.replace(Vec::new());
            }
            Page::Run(_) => {
                self.run_detail.forget();
                self.begin_training_page();
            }
            Page::Models => self.models.list.forget(),
            Page::Runs => self.rebuild_runs(),
            Page::Feature => self.features.detail.forget(),
            Page::Training => self.begin_training_page(),
            Page::Drift => self.drift.list.forget(),
            Page::Subject => self.drift.detail.forget(),
            Page::Signals => self.signals.list.forget(),
            Page::Signal(_) => self.signals.detail.forget(),
            Page::Sectors => self.signals.sectors.forget(),
            Page::Issues | Page::Features | Page::Source(_) => {}
        }
        self.ask_page(fx);
    }

    /// One step back: messages, then the page, then the zoom, then the filter, then the frozen screen.
    fn back(&mut self) {
        if self.toasts.read() || self.pages.pop().is_some() || std::mem::take(&mut self.zoom) {
            return;
        }
        match self.focus {
            Pane::Ingest if !self.heat.filter.is_empty() => self.apply_text(super::PromptFor::Heat, ""),
            Pane::Logs if !self.logs.text.is_empty() => self.apply_text(super::PromptFor::Logs, ""),
            Pane::Logs => self.logs.cursor = None,
            Pane::Training => self.trainings.strategy = None,
            _ => {}
        }
    }

    /// Puts the heat map's cursor on a series, lifting the filter if it hides it.
    pub(super) fn go_to_series(&mut self, series: Series) {
        let market = self.snap().market.clone();
        self.heat.cursor = Some(series);
        if self.heat.column(&market).is_none() {
            self.heat.filter.clear();
        }
        self.heat.refresh(&market);
    }

    pub(super) fn go_to_symbol(&mut self, symbol: Symbol) {
        let timeframe = self.heat.cursor.map_or(crate::market::Timeframe::D1, |c| c.timeframe);
        self.focus_on(Pane::Ingest);
        self.go_to_series(Series { symbol, timeframe });
    }

    fn next_alert(&mut self, fx: &mut Vec<Effect>) {
        let alerts = self.snap().alerts.clone();
        let at = alerts.iter().position(|a| Some(&a.key) == self.alert.as_ref());
        let Some(alert) = alerts.get(at.map_or(0, |i| (i + 1) % alerts.len())) else { return };
        self.alert = Some(alert.key.clone());
        if let Some(series) = alert.series {
            self.focus_on(Pane::Ingest);
            self.go_to_series(series);
        } else if !self.go_to_alert(&alert.key, fx) {
            // It names no place: the log tells how it came.
            self.focus_on(Pane::Logs);
            self.say(ToastLevel::Warn, alert.text.clone());
        }
    }

    /// Opens what the key of an alert (`source:ib`, `run:12`, `job:ingest`, `drift:turbomode:rsi_14`) names; false when it names no place.
    fn go_to_alert(&mut self, key: &str, fx: &mut Vec<Effect>) -> bool {
        let mut words = key.split(':');
        let (kind, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if let ("source", Ok(source)) = (kind, name.parse::<SourceId>()) {
            self.focus_on(Pane::Sources);
            self.source = Some(source);
        } else if let ("run", Ok(id)) = (kind, name.parse::<i64>()) {
            self.pages.clear();
            self.push_page(Page::Run(id), fx);
        } else if let (true, Ok(strategy)) = (matches!(kind, "drift" | "halt" | "performance"), name.parse::<Strategy>()) {
            self.focus_on(Pane::Drift);
            self.go_to_drift(strategy, kind, words.next(), fx);
        } else if let Ok(job) = if kind == "backup" { Ok(Job::Maintenance) } else { Job::parse(name) } {
            self.focus_on(Pane::Schedule);
            self.job = job;
            self.push_page(Page::Job(job), fx);
        } else if kind.starts_with("schedule") {
            self.focus_on(Pane::Schedule);
        } else if kind.starts_with("quality") || kind.starts_with("issue") {
            self.push_page(Page::Issues, fx);
        } else {
            return false;
        }
        true
    }
}
