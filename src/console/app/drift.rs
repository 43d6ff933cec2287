//! Drift as pane 5 and its pages show it: which strategy, and which subject of it.

use super::table::{Cell, Column, Row, SortKey, Table};
use super::{App, Asked, Effect, Page, Pane, Slot, training};
use crate::console::fmt;
use crate::console::theme::Role;
use crate::drift::Verdict;
use crate::drift::views::{AlarmView, DriftPage, DriftView, SubjectDetail, SubjectKind, SubjectRow};
use crate::engine::{Query, Reply};
use crate::market::Strategy;

static COLUMNS: [Column; 12] = [
    Column { title: "subject", width: 26, right: false },
    Column { title: "verdict", width: 14, right: false },
    Column { title: "PSI", width: 6, right: true },
    Column { title: "alarm", width: 19, right: false },
    Column { title: "p adj", width: 7, right: true },
    Column { title: "z", width: 5, right: true },
    Column { title: "KL", width: 6, right: true },
    Column { title: "KS", width: 6, right: true },
    Column { title: "KS p", width: 7, right: true },
    Column { title: "rows", width: 6, right: true },
    Column { title: "p", width: 7, right: true },
    Column { title: "note", width: 20, right: false },
];

/// Glyph, word and role of a verdict. What is well is quiet.
pub const fn verdict(verdict: Verdict) -> (&'static str, &'static str, Role) {
    match verdict {
        Verdict::Insufficient => ("○", "too few rows", Role::Dim),
        Verdict::Uncalibrated => ("◇", "uncalibrated", Role::Stale),
        Verdict::Stable => ("·", "stable", Role::Dim),
        Verdict::Warning => ("▲", "warning", Role::Warn),
        Verdict::Drifted => ("✗", "drifted", Role::Bad),
        Verdict::Critical => ("◆", "critical", Role::Bad),
    }
}

/// Glyph and words of what was done about an alarm; `None` as long as it calls.
pub fn hushed(alarm: &AlarmView, now: i64) -> Option<(&'static str, String)> {
    if alarm.acked_at.is_some() {
        return Some(("✓", alarm.acked_by.as_ref().map_or_else(|| "acked".to_owned(), |by| format!("acked by {by}"))));
    }
    let until = alarm.snoozed_until.filter(|until| *until > now)?;
    Some(("‖", format!("silent for {}", fmt::age(until - now))))
}

/// The parts of a subject's page that low screens show one at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SubjectPart {
    /// The distributions: bins and the cumulated ones.
    #[default]
    Shape,
    /// The last nights.
    History,
    /// Who reads it, and what moves with it.
    Company,
}

impl SubjectPart {
    /// All, left to right.
    pub const ALL: [Self; 3] = [Self::Shape, Self::History, Self::Company];
}

/// What pane and pages show of drift.
#[derive(Clone, Debug)]
pub struct Drift {
    /// All subjects of a strategy.
    pub list: Asked<Box<DriftPage>>,
    /// Their rows; the key is the place in `names`.
    pub table: Table,
    /// Every subject seen so far, so that a row has the same key whatever its place in the answer.
    names: Vec<String>,
    /// The subject that the list's cursor goes to as soon as the list is known.
    wanted: Option<String>,
    /// The subject selected in the pane; `None` is the worst one.
    pub picked: Option<String>,
    /// The one whose page is open.
    pub subject: Option<String>,
    /// What is known of it.
    pub detail: Asked<Box<SubjectDetail>>,
    /// The part of its page that is shown where not all have room.
    pub part: SubjectPart,
}

impl Default for Drift {
    fn default() -> Self {
        let (list, detail) = (Asked::default(), Asked::default());
        let (names, wanted, picked, subject) = (Vec::new(), None, None, None);
        Self { list, table: Table::new(&COLUMNS), names, wanted, picked, subject, detail, part: SubjectPart::Shape }
    }
}

impl Drift {
    /// The key of a subject's row.
    fn key(&mut self, subject: &str) -> i64 {
        let at = self.names.iter().position(|n| n == subject).unwrap_or_else(|| {
            self.names.push(subject.to_owned());
            self.names.len() - 1
        });
        at as i64
    }

    /// The subject under the cursor of the list.
    fn listed(&self) -> Option<&str> {
        let at = usize::try_from(self.table.selected?).ok()?;
        self.names.get(at).map(String::as_str)
    }

    /// The subjects of the list in the order of the screen.
    fn in_order(&self) -> Vec<&str> {
        self.table.shown().filter_map(|r| self.names.get(usize::try_from(r.key).ok()?).map(String::as_str)).collect()
    }

    /// Puts the cursor of the list on a subject.
    fn select(&mut self, subject: &str) {
        let key = self.key(subject);
        if self.table.shown().any(|r| r.key == key) {
            self.table.selected = Some(key);
        } else {
            self.wanted = Some(subject.to_owned());
        }
    }
}

impl App {
    /// The strategy whose drift and signals are shown: the chosen one, else the first whose model is watched.
    pub(in crate::console) fn watched(&self) -> Strategy {
        let first = || self.snap().drift.iter().find(|d| d.model.is_some()).map(|d| d.strategy);
        self.watching.or_else(first).unwrap_or(Strategy::Turbomode)
    }

    /// The drift of that strategy in short.
    pub(in crate::console) fn drift_view(&self) -> Option<&DriftView> {
        let strategy = self.watched();
        self.snap().drift.iter().find(|d| d.strategy == strategy)
    }

    /// Its list of all subjects.
    pub(in crate::console) fn drift_page(&self) -> Option<&DriftPage> {
        let strategy = self.watched();
        self.drift.list.value.as_deref().filter(|p| p.view.strategy == strategy)
    }

    /// The subject whose page is open, as far as it is known.
    pub(in crate::console) fn shown_subject(&self) -> Option<&SubjectDetail> {
        let (strategy, subject) = (self.watched(), self.drift.subject.as_deref()?);
        self.drift.detail.value.as_deref().filter(|d| d.strategy == strategy && d.row.subject == subject)
    }

    /// Place of the pane's selection among the subjects it shows.
    pub(in crate::console) fn picked_row(&self) -> usize {
        let worst = self.drift_view().map_or(&[][..], |v| &v.worst[..]);
        self.drift.picked.as_ref().and_then(|p| worst.iter().position(|r| r.subject == *p)).unwrap_or(0)
    }

    /// The subject that has the focus, in pane, list or page.
    pub(in crate::console) fn subject_row(&self) -> Option<&SubjectRow> {
        match (self.page(), self.focus) {
            (Some(Page::Subject), _) => self.shown_subject().map(|d| &d.row),
            (Some(Page::Drift), _) => {
                let name = self.drift.listed()?;
                self.drift_page()?.subjects.iter().find(|s| s.subject == name)
            }
            (None, Pane::Drift) => self.drift_view()?.worst.get(self.picked_row()),
            _ => None,
        }
    }

    /// Asks the question of the list.
    pub(super) fn ask_drift(&mut self, fx: &mut Vec<Effect>) {
        if self.reachable() {
            let generation = self.drift.list.ask();
            fx.push(Effect::Query { slot: Slot::Drift, generation, query: Query::Drift { strategy: self.watched() } });
        }
    }

    /// Asks for the subject whose page is open.
    pub(super) fn ask_subject(&mut self, fx: &mut Vec<Effect>) {
        let Some(subject) = self.drift.subject.clone().filter(|_| self.reachable()) else { return };
        let generation = self.drift.detail.ask();
        let query = Query::Subject { strategy: self.watched(), subject };
        fx.push(Effect::Query { slot: Slot::Subject, generation, query });
    }

    /// Takes an answer to one of the two in; false when it is not for the newest question.
    pub(super) fn answer_drift(&mut self, slot: Slot, generation: u64, result: Result<Reply, String>) -> bool {
        let odd = || "the engine answered another question".to_owned();
        if slot == Slot::Subject {
            let result = result.and_then(|r| if let Reply::Subject(d) = r { Ok(d) } else { Err(odd()) });
            return self.drift.detail.answer(generation, result);
        }
        let result = result.and_then(|r| if let Reply::Drift(p) = r { Ok(p) } else { Err(odd()) });
        let newest = self.drift.list.answer(generation, result);
        if newest && let Some(page) = self.drift.list.value.clone() {
            let now = self.now();
            let rows = page.subjects.iter().map(|s| row(s, self.drift.key(&s.subject), now)).collect();
            self.drift.table.replace(rows);
            if let Some(subject) = self.drift.wanted.take() {
                self.drift.select(&subject);
                self.drift.wanted = None;
            }
        }
        newest
    }

    /// Opens the list on the subject that the pane shows as selected.
    pub(super) fn open_drift(&mut self, fx: &mut Vec<Effect>) {
        let Some(view) = self.drift_view().filter(|v| v.session.is_some()) else {
            self.zoom = !self.zoom;
            return;
        };
        let (strategy, picked) = (view.strategy, view.worst.get(self.picked_row()).map(|r| r.subject.clone()));
        self.watch(strategy);
        if let Some(subject) = picked {
            self.drift.select(&subject);
        }
        self.push_page(Page::Drift, fx);
    }

    /// Opens the page of a subject.
    pub(super) fn open_subject(&mut self, strategy: Strategy, subject: &str, fx: &mut Vec<Effect>) {
        self.watch(strategy);
        self.drift.subject = Some(subject.to_owned());
        self.push_page(Page::Subject, fx);
    }

    /// Opens the page of the subject under the cursor of the list.
    pub(super) fn open_listed(&mut self, fx: &mut Vec<Effect>) {
        if let Some(subject) = self.drift.listed().map(str::to_owned) {
            self.open_subject(self.watched(), &subject, fx);
        }
    }

    /// Opens what an alert of a kind names: a subject, what the models are worth, else the list.
    pub(super) fn go_to_drift(&mut self, strategy: Strategy, kind: &str, subject: Option<&str>, fx: &mut Vec<Effect>) {
        self.watch(strategy);
        let rows = self.drift_view().map_or(&[][..], |v| &v.worst[..]);
        let worth = rows.iter().find(|r| kind == "performance" && r.kind == SubjectKind::Performance).map(|r| r.subject.clone());
        match subject.map(str::to_owned).or(worth) {
            Some(subject) => self.open_subject(strategy, &subject, fx),
            None => self.push_page(Page::Drift, fx),
        }
    }

    /// Opens the drift of the feature whose page or row has the focus.
    pub(super) fn open_feature_drift(&mut self, fx: &mut Vec<Effect>) {
        if let Some(name) = self.features.selected().map(|f| f.name.clone()) {
            self.open_subject(self.features.strategy, &name, fx);
        }
    }

    /// Opens the values of the feature that has the focus.
    pub(super) fn open_values(&mut self, fx: &mut Vec<Effect>) {
        if let Some(name) = self.subject_row().map(|r| r.subject.clone()) {
            self.open_feature(self.watched(), name, fx);
        }
    }

    /// Moves on the page of a subject: `dx` to another part, `dy` to another subject of the list.
    pub(super) fn step_subject(&mut self, dx: isize, dy: isize, fx: &mut Vec<Effect>) {
        let at = SubjectPart::ALL.iter().position(|p| *p == self.drift.part).unwrap_or(0);
        self.drift.part = SubjectPart::ALL[at.saturating_add_signed(dx).min(SubjectPart::ALL.len() - 1)];
        if dy == 0 {
            return;
        }
        let worst = || self.drift_view().map_or(&[][..], |v| &v.worst[..]).iter().map(|r| r.subject.as_str()).collect();
        let names: Vec<&str> = if self.drift_page().is_some() { self.drift.in_order() } else { worst() };
        let at = names.iter().position(|n| Some(*n) == self.drift.subject.as_deref());
        let next = at.map_or(0, |i| i.saturating_add_signed(dy).min(names.len().saturating_sub(1)));
        let Some(subject) = names.get(next).map(|n| (*n).to_owned()).filter(|n| Some(n) != self.drift.subject.as_ref()) else { return };
        self.drift.select(&subject);
        self.drift.subject = Some(subject);
        self.drift.detail.forget();
        self.ask_subject(fx);
    }

    /// Moves in the pane.
    pub(super) fn step_drift(&mut self, by: isize) {
        self.pick(self.picked_row().saturating_add_signed(by));
    }

    /// Selects a row of the pane by its place, stopping at the edges.
    pub(super) fn pick(&mut self, row: usize) {
        let worst = self.drift_view().map_or(&[][..], |v| &v.worst[..]);
        let row = row.min(worst.len().saturating_sub(1));
        self.drift.picked = worst.get(row).map(|r| r.subject.clone());
    }

    /// Turns pane and pages to a strategy; answers about another one are forgotten.
    pub(super) fn watch(&mut self, strategy: Strategy) {
        if self.watched() != strategy {
            self.drift.list.forget();
            self.drift.detail.forget();
            self.drift.table.replace(Vec::new());
            self.forget_signals();
        }
        self.watching = Some(strategy);
    }

    /// Shows the drift and the signals of the other strategy.
    pub(super) fn other_watched(&mut self, fx: &mut Vec<Effect>) {
        self.watch(training::other(self.watched()));
        if matches!(self.page(), Some(Page::Signal(_))) {
            // The other one has other signals.
            self.pages.pop();
        }
        self.ask_page(fx);
    }
}

fn row(s: &SubjectRow, key: i64, now: i64) -> Row {
    let (glyph, word, role) = verdict(s.verdict);
    let known =
        |v: Option<f64>, words: &dyn Fn(f64) -> String| Cell { text: v.map_or_else(|| "-".to_owned(), words), key: SortKey::value(v) };
    let plain = |v: f64| format!("{v:.3}");
    let alarm = s.alarm.as_ref().map_or_else(
        || Cell { text: String::new(), key: SortKey::Number(i64::MAX) },
        |a| {
            let days = i64::from(chrono::Datelike::num_days_from_ce(&a.since));
            let text = match hushed(a, now) {
                // The date is that of the alarm, whatever was done about it since.
                Some((mark, _)) => format!("{} {mark} {}", a.since, if a.acked_at.is_some() { "acked" } else { "silent" }),
                None => format!("since {}", a.since),
            };
            Cell { text, key: SortKey::Number(days) }
        },
    );
    let figure = if s.kind == SubjectKind::Performance { known(s.value, &fmt::figure) } else { known(s.psi, &plain) };
    Row {
        key,
        role,
        cells: vec![
            Cell::text(s.subject.clone()),
            Cell { text: format!("{glyph} {word}"), key: SortKey::Number(s.verdict as i64) },
            figure,
            alarm,
            known(s.p_adjusted, &fmt::chance),
            known(s.z, &|v| format!("{v:.1}")),
            known(s.kl, &plain),
            known(s.ks, &plain),
            known(s.ks_p, &fmt::chance),
            Cell::number(fmt::thousands(s.rows.into()), s.rows.into()),
            known(s.p, &fmt::chance),
            Cell::text(s.note.clone()),
        ],
    }
}
