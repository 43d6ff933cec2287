//! From what was measured to rows on record, alarms, and what follows from a critical verdict.

use super::answers::Said;
use super::episodes::take;
use super::window::Window;
use super::worth::Worth;
use super::{DATA_SET, EXPECTED_ACCURACY, Looked, PERFORMANCE};
use crate::config::strategy::{CriticalAction, DriftDetection};
use crate::drift::episode::{Finding, Severity};
use crate::drift::performance::{Band, Reading, Standing, Statistic, critical_alone};
use crate::drift::views::SubjectKind;
use crate::drift::{Family, Judged, Judgement, Measured, Night, Verdict, judge};
use crate::scan::{WatchError, WatchOrder};
use crate::store::model::{DriftEpisode, DriftRow, Model, ModelDb};
use crate::train::model_views::ModelState;

/// Subjects that are named in a sentence.
const NAMED: usize = 5;

/// One subject with what is kept of its current values.
pub struct Subject {
    /// How far it has moved.
    pub measured: Measured,
    /// Values by the bins of its baseline.
    pub counts: Vec<f64>,
    /// Order statistics of them.
    pub sketch: Vec<f64>,
}

/// All that a night found.
pub struct Found<'a> {
    pub window: &'a Window,
    pub seen: Vec<Subject>,
    pub said: Said,
    pub worth: Worth,
}

/// Judges and records the night.
pub fn record(db: &mut ModelDb, order: &WatchOrder<'_>, model: &Model, found: &Found<'_>) -> Result<Looked, WatchError> {
    let (rule, now, date) = (&order.rules.drift_detection, order.clock.now(), found.window.session);
    let subjects: Vec<&Subject> = found.seen.iter().chain(&found.said.subjects).collect();
    let measured: Vec<Measured> = subjects.iter().map(|s| s.measured.clone()).collect();
    let night = judge(&measured, rule);
    let blank = |subject: &str, kind| DriftRow { date, made_at: now, subject: subject.to_owned(), kind, ..DriftRow::default() };
    let mut rows: Vec<(DriftRow, Finding)> = Vec::new();
    for (judged, subject) in night.subjects.iter().zip(&subjects) {
        let kind = if judged.family == Family::Features { SubjectKind::Feature } else { SubjectKind::Prediction };
        rows.push((subject_row(blank(&judged.subject, kind), judged, subject), Finding::of(judged.verdict)));
    }
    rows.push((data_set_row(blank(DATA_SET, SubjectKind::DataSet), &night), Finding::of_dataset(night.dataset)));
    rows.extend(worth_rows(&found.worth, &|name| blank(name, SubjectKind::Performance), rule));
    if !found.window.has_come() {
        // Without a bar of the session the night knows nothing new: no episode goes on or ends by it.
        for (_, finding) in &mut rows {
            *finding = Finding::Unknown;
        }
    }
    let before = db.reader().drift_night(model.model_id)?;
    let open = db.reader().open_episodes(model.model_id)?;
    let (mut episodes, mut halt) = (Vec::new(), None);
    for (row, finding) in &mut rows {
        let own = open.iter().find(|e| e.subject == row.subject);
        let mut stepped = take(own, &row.subject, *finding, (date, now), rule.hysteresis_nights);
        let again = before.iter().find(|r| r.subject == row.subject && r.date == date);
        row.alarmed = stepped.alarm.is_some() || again.is_some_and(|r| r.alarmed);
        if let Some(episode) = stepped.episode.as_mut().filter(|e| e.ended.is_none()) {
            halt = halt.or(act(episode, (row, *finding), model, rule));
        }
        episodes.extend(stepped.episode);
    }
    let rows: Vec<DriftRow> = rows.into_iter().map(|(row, _)| row).collect();
    db.put_drift_night(model.model_id, &rows, &episodes, halt.as_deref())?;
    let challenger = episodes.iter().any(|e| e.challenger && e.ended.is_none());
    let looked = told(model, &rows, (&night, found), halt.as_deref(), challenger);
    tracing::info!(
        target: "drift", strategy = %order.strategy, session = %date, model = model.model_id, features = night.features,
        drifted = night.drifted, halted = halt.is_some(), challenger, "Drift was looked at"
    );
    Ok(looked)
}

/// What follows from a critical verdict on the champion, once an episode: the reason of a halt, if the rules want one, and a
/// challenger that is owed. Also where the episode began before the model was champion.
fn act(episode: &mut DriftEpisode, (row, finding): (&DriftRow, Finding), model: &Model, rule: &DriftDetection) -> Option<String> {
    let critical = finding == Finding::Alarm(Severity::Critical);
    if !critical || episode.acted || model.state != ModelState::Champion || rule.on_critical.is_empty() {
        return None;
    }
    episode.acted = true;
    episode.challenger = rule.on_critical.contains(&CriticalAction::QueueChallenger);
    rule.on_critical.contains(&CriticalAction::HaltSignals).then(|| reason(row))
}

fn subject_row(blank: DriftRow, judged: &Judged, subject: &Subject) -> DriftRow {
    let row = DriftRow { rows: subject.measured.shift.rows as u32, verdict: Verdict::of(judged.verdict), ..blank };
    let note = match judged.verdict {
        Judgement::Insufficient { rows, needed } => format!("{rows} rows, a verdict takes {needed}"),
        Judgement::Uncalibrated(why) => why.to_string(),
        _ => String::new(),
    };
    let Some(figures) = judged.figures else { return DriftRow { note, ..row } };
    DriftRow {
        psi: Some(figures.shift.psi),
        kl: Some(figures.shift.kl),
        ks: figures.ks.map(|ks| ks.distance),
        ks_p: figures.ks.map(|ks| ks.p),
        z: figures.shift.z,
        p: figures.shift.p,
        p_adjusted: figures.adjusted,
        note,
        counts: subject.counts.clone(),
        sketch: subject.sketch.clone(),
        ..row
    }
}

fn data_set_row(blank: DriftRow, night: &Night) -> DriftRow {
    let first = night.subjects.iter().find(|s| s.family == Family::Features).map(|s| s.verdict);
    let note = match (night.share(), first) {
        (None, Some(Judgement::Insufficient { rows, needed })) => {
            format!("insufficient: {rows} rows in the window, a verdict takes {needed}")
        }
        (None, _) => "no feature could be judged".to_owned(),
        (Some(_), _) => format!("{} of {} features have drifted", night.drifted, night.features),
    };
    DriftRow { rows: night.features as u32, value: night.share(), verdict: Verdict::of_dataset(night.dataset), note, ..blank }
}

/// The name of a statistic as a subject.
const fn name(statistic: Statistic) -> &'static str {
    match statistic {
        Statistic::Skill => "skill",
        Statistic::DirectionalSkill => "direction",
        Statistic::DirectionalAuc => "direction_auc",
        Statistic::BalancedAccuracy => "balanced_accuracy",
        Statistic::Accuracy => "accuracy",
        Statistic::LogLoss => "log_loss",
        Statistic::Net => "net_return",
    }
}

/// The rows of performance: the verdict first, which alone alarms, then its statistics, then what is expected of answers that have
/// not matured.
fn worth_rows(worth: &Worth, blank: &dyn Fn(&str) -> DriftRow, rule: &DriftDetection) -> Vec<(DriftRow, Finding)> {
    let p = &worth.performance;
    let note = match p.standing {
        Standing::Insufficient { signals, needed } => format!("{signals} signals have matured, a verdict takes {needed}"),
        Standing::Short { sessions, needed } => format!("{sessions} sessions have matured, a verdict takes {needed}"),
        Standing::NoBand => "validation gives no band to compare with".to_owned(),
        Standing::Lasting { months } => format!("below the warning quantile for {months} months"),
        _ => format!("{} answers, {} of them BUY or SELL", p.rows, p.signals),
    };
    let verdict = Verdict::of_performance(p.standing);
    let mut rows = vec![(DriftRow { rows: p.rows as u32, verdict, note, ..blank(PERFORMANCE) }, p.standing.finding())];
    let bound = |band: &Option<Band>, statistic, q| band.as_ref().and_then(|b| b.bound(statistic, q));
    for r in &p.readings {
        let below = |q| if r.statistic.is_judged() { bound(&worth.band, r.statistic, q) } else { None };
        let (warning, critical) = (below(rule.performance_warning_quantile), below(critical_alone(rule)));
        let verdict = if r.live.is_some() { reading(r, rule) } else { Verdict::Insufficient };
        let note = r.validation.map_or_else(String::new, |v| format!("{v:.4} in validation"));
        let row = DriftRow { rows: p.rows as u32, value: r.live, warning, critical, verdict, note, ..blank(name(r.statistic)) };
        rows.push((row, Finding::Unknown));
    }
    if let Some(e) = &worth.expected {
        let warning = bound(&worth.open_band, Statistic::Accuracy, rule.performance_warning_quantile);
        let critical = bound(&worth.open_band, Statistic::Accuracy, rule.performance_critical_quantile);
        let verdict = match (warning, critical) {
            (Some(w), _) if e.accuracy < w => Verdict::Warning,
            (Some(_), _) => Verdict::Stable,
            (None, _) => Verdict::Uncalibrated,
        };
        let note = format!("expected of {} answers that have not matured, sd {:.4} at least", e.rows, e.accuracy_error);
        let row = DriftRow { rows: e.rows as u32, value: Some(e.accuracy), warning, critical, verdict, note, ..blank(EXPECTED_ACCURACY) };
        rows.push((row, Finding::Unknown));
    }
    rows
}

fn reading(r: &Reading, rule: &DriftDetection) -> Verdict {
    match r.quantile.filter(|_| r.statistic.is_judged()) {
        Some(q) if q < critical_alone(rule) => Verdict::Critical,
        Some(q) if q < rule.performance_warning_quantile => Verdict::Warning,
        None if r.statistic.is_judged() => Verdict::Uncalibrated,
        _ => Verdict::Stable,
    }
}

/// Why a subject is critical, in a sentence.
fn reason(row: &DriftRow) -> String {
    match row.subject.as_str() {
        DATA_SET => format!("the data set has drifted critically: {}", row.note),
        PERFORMANCE => format!("performance is critical: {}", row.note),
        other => format!("{other} is critical"),
    }
}

fn told(model: &Model, rows: &[DriftRow], (night, found): (&Night, &Found<'_>), halt: Option<&str>, challenger: bool) -> Looked {
    let id = model.model_id;
    let mut drifted: Vec<&DriftRow> = rows.iter().filter(|r| r.verdict.alarms() && r.psi.is_some()).collect();
    drifted.sort_by(|a, b| b.psi.unwrap_or(0.0).total_cmp(&a.psi.unwrap_or(0.0)));
    let answers = rows.iter().filter(|r| r.kind == SubjectKind::Prediction && r.verdict.alarms()).count();
    let also = match answers {
        0 => String::new(),
        1 => ", 1 of its answers".to_owned(),
        n => format!(", {n} of its answers"),
    };
    let unusual = rows.iter().filter(|r| r.verdict == Verdict::Warning).count();
    let words = match night.share() {
        None => rows.iter().find(|r| r.subject == DATA_SET).map_or_else(String::new, |r| format!("model {id}: {}", r.note)),
        Some(_) => format!("model {id}: {} of {} features drifted{also}, {unusual} subjects unusual", night.drifted, night.features),
    };
    let mut told: Vec<String> = drifted.iter().take(NAMED).map(|r| format!("{} PSI {:.2}", r.subject, r.psi.unwrap_or(0.0))).collect();
    if drifted.len() > NAMED {
        told.push(format!("and {} more", drifted.len() - NAMED));
    }
    told.extend(found.said.why_none.clone());
    told.extend(rows.iter().find(|r| r.subject == PERFORMANCE).map(|r| format!("performance: {}, {}", r.verdict, r.note)));
    told.extend(halt.map(|why| format!("new signals of model {id} are halted: {why}")));
    if challenger {
        told.push("a challenger is owed: the engine that follows the schedule trains it next, and drift never promotes it".to_owned());
    }
    Looked { words, told, challenger }
}
