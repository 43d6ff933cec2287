//! Drift of the fixture: a model's subjects in an episode, in a quiet night, halted, and where there is no verdict yet.

use std::sync::Arc;

use chrono::{Days, NaiveDate};
use nightdesk::drift::views::{
    AlarmView, BinView, Consumer, Correlated, DriftNight, DriftPage, DriftView, HaltView, SubjectDetail, SubjectKind, SubjectRow,
    VerdictCounts, WatchedModel,
};
use nightdesk::drift::{Level, Verdict};
use nightdesk::features::registry;
use nightdesk::market::Strategy;
use nightdesk::train::model_views::ModelState;

use super::{NOW, Scene};

/// How a strategy's drift stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Night {
    /// Alarms: one that calls, one that was taken note of, one that keeps silent.
    Episode,
    /// All is stable.
    Quiet,
    /// So far that new signals are halted.
    Halted,
    /// Too few rows for a verdict.
    Few,
    /// The reference has no windows to tell chance from drift by.
    Uncalibrated,
    /// A model, and no night yet.
    Unlooked,
    /// No model.
    Untrained,
}

pub fn day(month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, month, day).unwrap()
}

fn alarm(since: NaiveDate, verdict: Verdict, acked: bool, snoozed: bool) -> AlarmView {
    AlarmView {
        since,
        verdict,
        quiet_nights: 0,
        acked_by: acked.then(|| "console".into()),
        acked_at: acked.then_some(NOW - 90_000),
        snoozed_until: snoozed.then_some(NOW + 50_400),
    }
}

/// PSI of twelve nights that end at `psi`.
fn trend(psi: f64, rises: bool) -> Vec<Option<f32>> {
    let share = |i: u32| if rises { 0.25 + 0.75 * f64::from(i) / 11.0 } else { 0.9 + 0.1 * f64::from(i % 3) / 2.0 };
    (0..12).map(|i| Some((psi * share(i)) as f32).filter(|_| i != 2)).collect()
}

fn feature(subject: &str, verdict: Verdict, psi: f64, z: f64) -> SubjectRow {
    let level = |v: f64, [shifting, drifted]: [f64; 2]| {
        Some(match v {
            v if v >= drifted => Level::Drifted,
            v if v >= shifting => Level::Shifting,
            _ => Level::Fine,
        })
    };
    let p = (-z * z / 2.0 - 0.92).exp() / z.max(0.8);
    SubjectRow {
        subject: subject.into(),
        verdict,
        rows: 4_620,
        psi: Some(psi),
        kl: Some(psi * 0.46),
        ks: Some(psi.sqrt() * 0.21),
        ks_p: Some((-psi * 60.0).exp()),
        levels: [level(psi, [0.1, 0.2]), level(psi * 0.46, [9.0, 0.15]), Some(Level::Shifting)],
        z: Some(z),
        p: Some(p),
        p_adjusted: Some((p * 40.0).min(1.0)),
        trend: trend(psi, verdict.alarms()),
        ..SubjectRow::default()
    }
}

fn performance(subject: &str, verdict: Verdict, value: f64, bounds: [f64; 2]) -> SubjectRow {
    SubjectRow {
        subject: subject.into(),
        kind: SubjectKind::Performance,
        verdict,
        rows: 412,
        value: Some(value),
        warning_below: Some(bounds[1]),
        critical_below: Some(bounds[0]),
        trend: trend(value, false),
        ..SubjectRow::default()
    }
}

fn data_set() -> SubjectRow {
    SubjectRow {
        subject: "data_set".into(),
        kind: SubjectKind::DataSet,
        verdict: Verdict::Drifted,
        rows: 179,
        value: Some(0.128),
        alarm: Some(alarm(day(11, 20), Verdict::Drifted, false, false)),
        trend: trend(0.128, true),
        note: "23 of 179 features have drifted".into(),
        ..SubjectRow::default()
    }
}

/// All subjects of a night, worst first.
pub fn subjects(night: Night) -> Vec<SubjectRow> {
    let mut rows = Vec::new();
    let names = registry().iter().map(|f| f.name.as_str());
    match night {
        Night::Episode | Night::Halted => {
            let skill = if night == Night::Halted { Verdict::Critical } else { Verdict::Warning };
            let drifted = |name, psi, z, since, acked, snoozed| SubjectRow {
                alarm: Some(alarm(since, Verdict::Drifted, acked, snoozed)),
                ..feature(name, Verdict::Drifted, psi, z)
            };
            rows.extend((night == Night::Halted).then(|| performance("skill", skill, 0.0021, [0.004, 0.009])));
            rows.push(drifted("rsi_14", 0.312, 4.6, day(11, 16), false, false));
            rows.push(drifted("overnight_intraday_tilt_20", 0.274, 4.1, day(11, 10), true, false));
            rows.push(drifted("atr_14_pct", 0.221, 3.8, day(11, 19), false, true));
            rows.extend((night == Night::Halted).then(data_set));
            rows.extend((night == Night::Episode).then(|| performance("skill", skill, 0.0071, [0.004, 0.009])));
            rows.push(SubjectRow { kind: SubjectKind::Prediction, ..feature("p_buy", Verdict::Warning, 0.161, 2.3) });
            rows.push(feature("weekly_daily_range_ratio", Verdict::Warning, 0.143, 2.1));
            rows.push(feature("beta_60", Verdict::Warning, 0.127, 1.9));
        }
        Night::Few => {
            let few =
                |n: &str| SubjectRow { subject: n.into(), rows: 312, note: "312 rows, 500 are needed".into(), ..SubjectRow::default() };
            return names.map(few).collect();
        }
        Night::Unlooked | Night::Untrained => return rows,
        Night::Quiet | Night::Uncalibrated => {}
    }
    let known: Vec<String> = rows.iter().map(|r| r.subject.clone()).collect();
    let verdict = if night == Night::Uncalibrated { Verdict::Uncalibrated } else { Verdict::Stable };
    for (i, name) in names.filter(|n| known.iter().all(|k| k != n)).enumerate() {
        let psi = 0.098 / (1.0 + i as f64 / 14.0);
        rows.push(feature(name, verdict, psi, 1.2 - i as f64 / 90.0));
    }
    if night == Night::Uncalibrated {
        for r in &mut rows {
            (r.z, r.p, r.p_adjusted, r.note) = (None, None, None, "2 windows of the reference, 8 are needed".into());
        }
    }
    rows
}

fn model() -> WatchedModel {
    WatchedModel { model_id: 14, run_id: 14, state: ModelState::Champion, trained_to: day(8, 21) }
}

/// The drift of a strategy in short.
pub fn view(strategy: Strategy, night: Night) -> DriftView {
    if night == Night::Untrained {
        return DriftView::unwatched(strategy, "nothing was trained yet");
    }
    let bare = DriftView { model: Some(model()), window_sessions: 63, ..DriftView::unwatched(strategy, "no night was looked at yet") };
    if night == Night::Unlooked {
        return bare;
    }
    let rows = subjects(night);
    let count = |of: fn(Verdict) -> bool| rows.iter().filter(|r| r.kind != SubjectKind::DataSet && of(r.verdict)).count() as u32;
    let counts = VerdictCounts {
        subjects: count(|_| true),
        without: count(|v| !v.judged()),
        stable: count(|v| v == Verdict::Stable),
        warning: count(|v| v == Verdict::Warning),
        drifted: count(Verdict::alarms),
    };
    let reason = "skill 0.0021 lies under the critical bound 0.0040 of 60 sessions";
    DriftView {
        session: Some(day(11, 20)),
        at: Some(NOW - 120_000),
        rows: if night == Night::Few { 312 } else { 4_620 },
        reference_rows: 43_822,
        calibrated: night != Night::Uncalibrated,
        counts,
        dataset: match night {
            Night::Halted => Verdict::Drifted,
            Night::Few => Verdict::Insufficient,
            _ => Verdict::Stable,
        },
        dataset_share: Some(if night == Night::Halted { 0.128 } else { 0.017 }),
        halted: (night == Night::Halted).then(|| HaltView { model_id: 14, since: NOW - 118_000, reason: reason.into() }),
        worst: rows.into_iter().take(40).collect(),
        dataset_alarm: (night == Night::Halted).then(|| data_set().alarm).flatten(),
        words: if night == Night::Few { "500 are needed".into() } else { String::new() },
        ..bare
    }
}

/// All subjects, and how they stand in short.
pub fn page(strategy: Strategy, night: Night) -> DriftPage {
    DriftPage { view: view(strategy, night), subjects: subjects(night) }
}

/// Order statistics of a bell around `mean`.
fn ranks(mean: f64, deviation: f64) -> Vec<f64> {
    // Tukey's lambda: its quantiles have a closed form.
    let quantile = |p: f64| (p.powf(0.14) - (1.0 - p).powf(0.14)) / 0.1975;
    (0..129).map(|i| mean + deviation * quantile((f64::from(i) + 0.5) / 129.0)).collect()
}

fn bins() -> Vec<BinView> {
    let current = [0.041, 0.052, 0.061, 0.083, 0.094, 0.108, 0.121, 0.134, 0.142, 0.158, 0.006];
    let edges = [31.2, 37.4, 41.8, 45.5, 48.9, 52.4, 56.1, 60.4, 66.7];
    let missing = |i: usize| i == 10;
    (0..11)
        .map(|i| {
            let reference = if missing(i) { 0.002 } else { 0.0998 };
            let from = i.checked_sub(1).and_then(|k| edges.get(k)).copied().filter(|_| !missing(i));
            let to = edges.get(i).copied();
            let term = (current[i] - reference) * f64::ln(current[i] / reference);
            BinView { from, to, missing: missing(i), reference, current: current[i], term }
        })
        .collect()
}

fn history(row: &SubjectRow) -> Vec<DriftNight> {
    let last = row.psi.or(row.value).unwrap_or(0.0);
    (0..60_u32)
        .map(|i| {
            let wave = 0.35 + 0.08 * (f64::from(i) * 0.5).sin();
            let grown = if row.verdict.alarms() && i > 38 { 0.65 * f64::from(i - 38) / 21.0 } else { 0.2 };
            let alarmed = row.verdict.alarms() && i == 54;
            let session = day(8, 27).checked_add_days(Days::new(u64::from(i) * 7 / 5)).unwrap();
            let verdict = if i > 53 { row.verdict } else { Verdict::Stable };
            DriftNight { session, verdict, value: Some(last * (wave + grown)).filter(|_| i != 20), alarmed }
        })
        .collect()
}

/// The page of a subject; `None` for a name that is not watched.
pub fn detail(strategy: Strategy, night: Night, subject: &str) -> Option<SubjectDetail> {
    let row = subjects(night).into_iter().find(|r| r.subject == subject)?;
    let judged = row.kind != SubjectKind::Performance && row.psi.is_some();
    let consumer = |model: &str, importance: Option<f64>, rank| Consumer { model: model.into(), importance, rank };
    let correlated =
        |subject: &str, verdict, psi, correlation| Correlated { subject: subject.into(), verdict, psi: Some(psi), correlation };
    let moves = matches!(night, Night::Episode | Night::Halted);
    Some(SubjectDetail {
        strategy,
        model: model(),
        levels: if row.kind == SubjectKind::DataSet { [0.1, 0.3] } else { [0.1, 0.2] },
        usual_psi: (matches!(row.kind, SubjectKind::Feature | SubjectKind::Prediction) && night != Night::Uncalibrated)
            .then_some([0.041, 0.172]),
        windows: if night == Night::Uncalibrated { 1 } else { 38 },
        reference_rows: 43_822,
        bins: if judged { bins() } else { Vec::new() },
        reference: if judged { ranks(48.9, 14.1) } else { Vec::new() },
        current: if judged { ranks(55.7, 13.6) } else { Vec::new() },
        history: if night == Night::Few { Vec::new() } else { history(&row) },
        consumers: if row.kind == SubjectKind::Feature {
            vec![
                consumer("softmax", Some(0.0021), Some(14)),
                consumer("mlp", Some(0.0084), Some(3)),
                consumer("resnet", Some(0.0079), Some(4)),
                consumer("trees", Some(0.0051), Some(9)),
                consumer("gru", None, None),
            ]
        } else {
            Vec::new()
        },
        correlated: if moves {
            vec![
                correlated("overnight_intraday_tilt_20", Verdict::Drifted, 0.274, 0.61),
                correlated("atr_14_pct", Verdict::Drifted, 0.221, 0.48),
                correlated("beta_60", Verdict::Warning, 0.127, -0.22),
            ]
        } else {
            Vec::new()
        },
        row,
    })
}

/// How drift stands in a scene.
pub const fn night(scene: Scene) -> Night {
    match scene {
        Scene::Live | Scene::Stale | Scene::Loading => Night::Episode,
        Scene::Idle => Night::Quiet,
        Scene::Failures => Night::Halted,
    }
}

/// The drift of a scene's snapshot: one strategy is watched, the other has no model.
pub fn shared(scene: Scene) -> Arc<Vec<DriftView>> {
    if scene == Scene::Loading {
        return Arc::default();
    }
    Arc::new(vec![view(Strategy::Turbomode, night(scene)), view(Strategy::Slipstream, Night::Untrained)])
}
