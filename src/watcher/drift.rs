//! From what the database keeps of drift to what panes and pages show.

use std::collections::HashMap;

use chrono::{NaiveDate, TimeDelta};

use super::correlation::correlated;
use crate::config::strategy::{DriftDetection, DriftMode};
use crate::drift::monitor::{DATA_SET, thinned};
use crate::drift::views::{
    AlarmView, BinView, Consumer, DriftNight, DriftPage, DriftView, HaltView, SubjectDetail, SubjectKind, SubjectRow, VerdictCounts,
    WatchedModel,
};
use crate::drift::{KolmogorovSmirnov, Level, Levels, Verdict, shares, stability_terms};
use crate::market::Strategy;
use crate::scan::choice::answering;
use crate::store::StoreError;
use crate::store::model::{DriftEpisode, DriftRow, Model, ModelKind, ModelReader};
use crate::train::attribution::Attribution;

/// What is said of a strategy whose drift was never looked at, and of one without a model.
pub(super) const NO_LOOK: &str = "no look at drift yet; `nightdesk drift` takes one";
const NO_MODEL: &str = "nothing was trained yet, so there is nothing to drift from";
/// Subjects on the first screen, nights of a trend and of a history.
const WORST: usize = 40;
const TREND: u32 = 12;
const HISTORY: u32 = 90;

/// The drift of a strategy, in short.
pub(super) fn view(reader: &ModelReader, strategy: Strategy, rule: &DriftDetection) -> Result<DriftView, StoreError> {
    Ok(page(reader, strategy, rule)?.view)
}

/// The drift of all subjects.
pub(super) fn page(reader: &ModelReader, strategy: Strategy, rule: &DriftDetection) -> Result<DriftPage, StoreError> {
    let none = |words| DriftPage { view: DriftView::unwatched(strategy, words), subjects: Vec::new() };
    let Some(model) = answering(reader)? else { return Ok(none(NO_MODEL)) };
    let night = reader.drift_night(model.model_id)?;
    let Some(first) = night.first() else {
        let mut page = none(NO_LOOK);
        page.view.model = Some(watched_model(&model));
        return Ok(page);
    };
    let (session, at) = (first.date, first.made_at);
    let look = Look::new(reader, model, rule)?;
    let data_set = night.iter().find(|r| r.subject == DATA_SET);
    let mut subjects: Vec<SubjectRow> = night.iter().map(|r| look.row(r)).collect();
    subjects.sort_by(|a, b| worse(a, b).then_with(|| a.subject.cmp(&b.subject)));
    let counts = counts(&subjects);
    let features = subjects.iter().filter(|s| s.kind == SubjectKind::Feature);
    let mut view = DriftView {
        model: Some(watched_model(&look.model)),
        session: Some(session),
        at: Some(at),
        window_sessions: look.window_sessions,
        rows: features.map(|s| s.rows).max().unwrap_or(0),
        reference_rows: look.reference_rows,
        calibrated: rule.mode == DriftMode::Calibrated,
        counts,
        dataset: data_set.map_or(Verdict::Insufficient, |r| r.verdict),
        dataset_share: data_set.and_then(|r| r.value),
        halted: halted(reader, look.model.model_id)?,
        dataset_alarm: look.alarms.get(DATA_SET).map(alarm),
        worst: worst(&subjects),
        ..DriftView::unwatched(strategy, "")
    };
    view.words = words(&view, data_set);
    Ok(DriftPage { view, subjects })
}

/// Everything about one subject; `None` where the newest night did not look at it.
pub(super) fn detail(
    reader: &ModelReader,
    strategy: Strategy,
    subject: &str,
    rule: &DriftDetection,
) -> Result<Option<SubjectDetail>, StoreError> {
    let Some(model) = answering(reader)? else { return Ok(None) };
    let night = reader.drift_night(model.model_id)?;
    let Some(stored) = night.iter().find(|r| r.subject == subject) else { return Ok(None) };
    let baseline = reader.drift_baselines(model.model_id)?.into_iter().find(|b| b.subject == subject);
    let look = Look::new(reader, model, rule)?;
    let row = look.row(stored);
    let mut history = reader.drift_history(look.model.model_id, subject, HISTORY)?;
    history.reverse();
    let point = |r: &DriftRow| DriftNight { session: r.date, verdict: r.verdict, value: r.psi.or(r.value), alarmed: r.alarmed };
    // Of answers chance is measured anew each night, by windows of another length.
    let usual = baseline.as_ref().filter(|_| row.kind == SubjectKind::Feature).and_then(|b| b.mean.zip(b.deviation));
    Ok(Some(SubjectDetail {
        strategy,
        model: watched_model(&look.model),
        levels: match row.kind {
            SubjectKind::DataSet => [rule.dataset_warning_share, rule.dataset_critical_share],
            _ => [rule.psi_warning, rule.psi_critical],
        },
        usual_psi: usual.map(|(mean, deviation)| [mean.exp(), (mean + rule.warning_sigma * deviation).exp()]),
        windows: baseline.as_ref().map_or(0, |b| b.windows),
        reference_rows: baseline.as_ref().map_or(0, |b| b.rows),
        bins: baseline.as_ref().map_or_else(Vec::new, |b| bins(&b.edges, &b.counts, &stored.counts, b.smoothing)),
        reference: baseline.map_or_else(Vec::new, |b| thinned(&b.sketch)),
        current: stored.sketch.clone(),
        history: history.iter().map(point).collect(),
        consumers: if row.kind == SubjectKind::Feature { consumers(reader, look.model.run_id, subject)? } else { Vec::new() },
        correlated: if row.kind == SubjectKind::Feature {
            correlated(reader, &night, stored, window_start(stored, look.window_sessions))?
        } else {
            Vec::new()
        },
        row,
    }))
}

/// The first day of the window of a night: so many sessions lie within seven fifths as many days, and holidays more.
fn window_start(row: &DriftRow, window_sessions: u32) -> NaiveDate {
    row.date - TimeDelta::days(i64::from(window_sessions) * 3 / 2)
}

/// What rows of a model are shown with.
struct Look<'a> {
    model: Model,
    rule: &'a DriftDetection,
    reference_rows: u64,
    /// Sessions of a night's window.
    window_sessions: u32,
    alarms: HashMap<String, DriftEpisode>,
    /// Sessions of the trend, oldest first.
    sessions: Vec<NaiveDate>,
    trends: HashMap<String, HashMap<NaiveDate, Option<f64>>>,
}

impl<'a> Look<'a> {
    fn new(reader: &ModelReader, model: Model, rule: &'a DriftDetection) -> Result<Self, StoreError> {
        let mut sessions = reader.drift_sessions(model.model_id, TREND)?;
        sessions.reverse();
        let mut trends: HashMap<String, HashMap<NaiveDate, Option<f64>>> = HashMap::new();
        if let Some(&first) = sessions.first() {
            for (subject, date, value) in reader.drift_trends(model.model_id, first)? {
                trends.entry(subject).or_default().insert(date, value);
            }
        }
        let alarms = reader.open_episodes(model.model_id)?.into_iter().map(|e| (e.subject.clone(), e)).collect();
        let reference_rows = reader.baseline_rows(model.model_id)?;
        let window_sessions = reader.baseline_window(model.model_id)?.unwrap_or(rule.window_sessions);
        Ok(Self { model, rule, reference_rows, window_sessions, alarms, sessions, trends })
    }

    fn row(&self, r: &DriftRow) -> SubjectRow {
        let trend = self.trends.get(&r.subject);
        let at = |session: &NaiveDate| trend.and_then(|t| t.get(session).copied().flatten()).map(|v| v as f32);
        SubjectRow {
            subject: r.subject.clone(),
            kind: r.kind,
            verdict: r.verdict,
            rows: r.rows,
            psi: r.psi,
            kl: r.kl,
            ks: r.ks,
            ks_p: r.ks_p,
            levels: levels(r, self.rule),
            z: r.z,
            p: r.p,
            p_adjusted: r.p_adjusted,
            value: r.value,
            warning_below: r.warning,
            critical_below: r.critical,
            alarm: self.alarms.get(&r.subject).map(alarm),
            trend: self.sessions.iter().map(at).collect(),
            note: r.note.clone(),
        }
    }
}

/// Features come first on a bad night; what the model says and is worth must not fall off behind them.
fn worst(subjects: &[SubjectRow]) -> Vec<SubjectRow> {
    let speaks = |s: &SubjectRow| s.kind != SubjectKind::Feature && s.alarm.is_some();
    let shown = subjects.iter().enumerate().filter(|(place, s)| *place < WORST || speaks(s));
    shown.map(|(_, s)| s.clone()).collect()
}

fn levels(r: &DriftRow, rule: &DriftDetection) -> [Option<Level>; 3] {
    let Some((psi, kl)) = r.psi.zip(r.kl) else { return [None; 3] };
    let ks = r.ks.zip(r.ks_p).map(|(distance, p)| KolmogorovSmirnov { distance, p });
    let levels = Levels::of(psi, kl, ks, rule);
    [Some(levels.psi), Some(levels.kl), levels.ks]
}

fn alarm(e: &DriftEpisode) -> AlarmView {
    AlarmView {
        since: e.since,
        verdict: e.verdict,
        quiet_nights: e.quiet_nights,
        acked_by: e.acked_by.clone(),
        acked_at: e.acked_at,
        snoozed_until: e.snoozed_until,
    }
}

/// Verdicts and open alarms first, then how unusual, then how far.
fn worse(a: &SubjectRow, b: &SubjectRow) -> std::cmp::Ordering {
    let key = |s: &SubjectRow| (s.alarm.as_ref().map_or(s.verdict, |a| a.verdict.max(s.verdict)), s.verdict);
    let z = |s: &SubjectRow| s.z.unwrap_or(f64::NEG_INFINITY);
    let psi = |s: &SubjectRow| s.psi.unwrap_or(f64::NEG_INFINITY);
    key(b).cmp(&key(a)).then(z(b).total_cmp(&z(a))).then(psi(b).total_cmp(&psi(a)))
}

fn counts(subjects: &[SubjectRow]) -> VerdictCounts {
    // The data set sums up its features: it is listed, and not counted once more.
    let count = |of: &dyn Fn(Verdict) -> bool| subjects.iter().filter(|s| s.kind != SubjectKind::DataSet && of(s.verdict)).count() as u32;
    VerdictCounts {
        subjects: count(&|_| true),
        without: count(&|v| !v.judged()),
        stable: count(&|v| v == Verdict::Stable),
        warning: count(&|v| v == Verdict::Warning),
        drifted: count(&Verdict::alarms),
    }
}

fn watched_model(m: &Model) -> WatchedModel {
    WatchedModel { model_id: m.model_id, run_id: m.run_id, state: m.state, trained_to: m.trained_to }
}

fn halted(reader: &ModelReader, model_id: i64) -> Result<Option<HaltView>, StoreError> {
    Ok(reader.halt(model_id)?.map(|h| HaltView { model_id: h.model_id, since: h.since, reason: h.reason }))
}

fn words(view: &DriftView, data_set: Option<&DriftRow>) -> String {
    let VerdictCounts { subjects, without, warning, drifted, .. } = view.counts;
    if without == subjects {
        return data_set.filter(|r| !r.note.is_empty()).map_or_else(|| "no subject could be judged".to_owned(), |r| r.note.clone());
    }
    let model = view.model.as_ref().map_or(0, |m| m.model_id);
    match (drifted, warning) {
        (0, 0) => format!("model {model}: nothing has drifted"),
        (0, warning) => format!("model {model}: nothing has drifted, {warning} unusual"),
        (drifted, warning) => format!("model {model}: {drifted} drifted, {warning} unusual"),
    }
}

fn bins(edges: &[f64], reference: &[f64], current: &[f64], smoothing: f64) -> Vec<BinView> {
    if current.len() != reference.len() {
        return Vec::new();
    }
    let total = |counts: &[f64]| counts.iter().sum::<f64>().max(1.0);
    let (all_reference, all_current) = (total(reference), total(current));
    let terms = stability_terms(&shares(current, smoothing), &shares(reference, smoothing));
    let last = reference.len() - 1;
    let view = |bin: usize| BinView {
        from: if bin == last { None } else { bin.checked_sub(1).and_then(|e| edges.get(e).copied()) },
        to: if bin == last { None } else { edges.get(bin).copied() },
        missing: bin == last,
        reference: reference[bin] / all_reference,
        current: current[bin] / all_current,
        term: terms[bin],
    };
    (0..reference.len()).map(view).collect()
}

/// The base models of a run by what shuffling a feature costs them, those it costs most first.
fn consumers(reader: &ModelReader, run_id: i64, feature: &str) -> Result<Vec<Consumer>, StoreError> {
    let mut all = Vec::new();
    for model in reader.models_of(run_id)?.iter().filter(|m| m.kind != ModelKind::Ensemble) {
        // What an older program stored in another form tells nothing.
        let known: Vec<Attribution> = serde_json::from_value(model.attribution.clone()).unwrap_or_default();
        let place = known.first().and_then(|a| a.features.iter().position(|f| f.name == feature));
        let importance = place.and_then(|at| known[0].features[at].importance.loss.map(|i| i.mean));
        all.push(Consumer { model: model.kind.to_string(), importance, rank: place.map(|at| at as u32 + 1) });
    }
    all.sort_by(|a, b| b.importance.unwrap_or(f64::NEG_INFINITY).total_cmp(&a.importance.unwrap_or(f64::NEG_INFINITY)));
    Ok(all)
}
