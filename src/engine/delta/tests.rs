use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::engine::AlertLevel;
use crate::ingest::{IngestSpec, RunSummary};
use crate::market::{AssetClass, Symbol};
use crate::sources::LinkState;
use crate::store::master::RunState;
use crate::store::scheduler::{Job, JobState, Pause, Trigger};
use crate::train::progress::{NullsView, TrainingState};

/// Numbers of a few values, so that two snapshots often agree in a field.
fn few() -> impl Strategy<Value = i64> {
    0_i64..4
}

fn run() -> impl Strategy<Value = RunView> {
    (few(), few(), any::<bool>(), option::of(few())).prop_map(|(id, done, cancelling, ended_at)| RunView {
        id,
        spec: IngestSpec::default(),
        state: RunState::Running,
        started_at: id * 60,
        ended_at,
        progress: RunProgress {
            series_done: done as u32,
            bars_per_second: done as f64 / 3.0,
            phase: format!("{done}"),
            ..Default::default()
        },
        summary: ended_at.map(|t| RunSummary { seconds: t as f64, ..RunSummary::default() }),
        cancelling,
    })
}

fn job_run() -> impl Strategy<Value = JobRun> {
    (few(), few(), any::<bool>()).prop_map(|(id, at, running)| JobRun {
        id,
        job: Job::ALL[id as usize],
        state: if running { JobState::Running } else { JobState::Succeeded },
        trigger: Trigger::Schedule,
        actor: "schedule".into(),
        scheduled_for: Some(at),
        session: chrono::NaiveDate::from_ymd_opt(2024, 3, 1 + at as u32),
        attempt: 1,
        queued_at: at,
        not_before: None,
        started_at: running.then_some(at),
        ended_at: None,
        error: None,
        failures: 0,
        params: None,
        summary: None,
        boot_id: String::new(),
    })
}

fn job() -> impl Strategy<Value = JobView> {
    (few(), option::of(job_run()), option::of(few())).prop_map(|(at, active, next)| {
        let quiet: JobView = serde_json::from_value(serde_json::json!({
            "job": "ingest", "missing": null, "cron": "45 22 * * *", "zone": "UTC", "words": "daily", "paused": null, "next": null,
            "next_session": null, "active": null, "last": null, "failures_in_row": 0, "durations": [], "timeout_s": 1800
        }))
        .unwrap();
        let paused = (at == 1).then(|| Pause { at, by: "a".into(), reason: "b".into() });
        JobView { paused, next, active, ..quiet }
    })
}

fn source() -> impl Strategy<Value = SourceStatus> {
    (few(), any::<bool>()).prop_map(|(answered, up)| {
        let link = if up { LinkState::Up } else { LinkState::Down { cause: "refused".into(), retry_at: None } };
        SourceStatus { answered: answered as u64, link, requests_per_second: answered as f32 / 7.0, ..SourceStatus::new(SourceId::Ib, "x") }
    })
}

fn cell() -> impl Strategy<Value = SeriesCell> {
    (few(), option::of(few()), option::of(few())).prop_map(|(n, last_ts, late_since)| SeriesCell {
        state: [CellState::Empty, CellState::Fresh, CellState::Fetching, CellState::Late][n as usize],
        last_ts,
        late_since,
        gaps: n as u32,
        source: (n == 2).then_some(SourceId::Yahoo),
    })
}

fn market() -> impl Strategy<Value = Market> {
    let instrument = few().prop_map(|n| Instrument {
        symbol: Symbol::new(&format!("A{n}")).unwrap(),
        asset: AssetClass::Stock,
        sector: "Technology".into(),
        name: "name".into(),
    });
    (vec(instrument, 0..3), vec(cell(), 0..40)).prop_map(|(i, cells)| Market { instruments: Arc::new(i), cells })
}

fn training() -> impl Strategy<Value = TrainingView> {
    (few(), few(), option::of(few())).prop_map(|(run_id, done, ended_at)| TrainingView {
        strategy: crate::market::Strategy::ALL[run_id as usize % 2],
        run_id,
        job_run: Some(run_id),
        state: if ended_at.is_some() { TrainingState::Rejected } else { TrainingState::Running },
        profile: crate::config::strategy::ProfileName::Quick,
        seed: 7,
        config_version: 1,
        snapshot: String::new(),
        device: "CPU".into(),
        device_remark: None,
        started_at: run_id,
        attempt_at: run_id,
        ended_at,
        resumed: 0,
        stopping: false,
        steps: Vec::new(),
        models: Vec::new(),
        combination: String::new(),
        curves: Vec::new(),
        nulls: NullsView { done: done as u32, total: 4, passed: 0 },
        gates: Vec::new(),
        eta_s: (done > 1).then_some(60),
        outcome: None,
    })
}

fn standing() -> impl Strategy<Value = Standing> {
    (few(), option::of(few())).prop_map(|(n, rollback_to)| Standing {
        strategy: crate::market::Strategy::ALL[n as usize % 2],
        champion: None,
        shadow: None,
        rollback_to,
        words: "no champion".into(),
    })
}

fn drift() -> impl Strategy<Value = DriftView> {
    few().prop_map(|n| DriftView::unwatched(crate::market::Strategy::ALL[n as usize % 2], &format!("night {n}")))
}

fn signals() -> impl Strategy<Value = SignalsView> {
    few().prop_map(|n| SignalsView::unscanned(crate::market::Strategy::ALL[n as usize % 2], &format!("scan {n}")))
}

fn alert() -> impl Strategy<Value = Alert> {
    few().prop_map(|n| Alert { key: format!("k{n}"), level: AlertLevel::Warn, text: "t".into(), since: n, series: None })
}

prop_compose! {
    fn lists()(
        sources in vec(source(), 0..3), runs in vec(run(), 0..5), jobs in vec(job(), 0..3), job_runs in vec(job_run(), 0..6),
        alerts in vec(alert(), 0..4), active in option::of(run()),
        training in vec(training(), 0..3), standings in vec(standing(), 0..3),
        drift in vec(drift(), 0..3), signals in vec(signals(), 0..3),
    ) -> Snapshot {
        Snapshot {
            sources: Arc::new(sources), runs: Arc::new(runs), jobs: Arc::new(jobs), job_runs: Arc::new(job_runs),
            alerts: Arc::new(alerts), active: active.map(Arc::new), training: Arc::new(training), standings: Arc::new(standings),
            drift: Arc::new(drift), signals: Arc::new(signals),
            ..Snapshot::default()
        }
    }
}

prop_compose! {
    fn snapshot()(
        lists in lists(), market in market(), numbers in [few(), few(), few(), few(), few()], demo in any::<bool>(), loading in any::<bool>(),
    ) -> Snapshot {
        let [seq, pid, on, rss, log_seq] = numbers.map(|n| n as u64);
        Snapshot {
            seq, at_ms: seq as i64 * 7, epoch: "boot-1".into(), demo, loading, market: Arc::new(market),
            process: Arc::new(ProcessView { pid: pid as u32, ..ProcessView::default() }),
            scheduler: Arc::new(SchedulerView { on: on > 1, since: on as i64, ..SchedulerView::default() }),
            host: HostStats { rss, cpu: rss as f32 / 3.0, ..HostStats::default() },
            log_seq, quarantined: on, issues: pid, ..lists
        }
    }
}

proptest! {
    /// Also across the wire: what is sent is what arrives.
    #[test]
    fn applying_what_changed_gives_the_newer(a in snapshot(), b in snapshot()) {
        let delta = Delta::between(&a, &b).unwrap();
        let sent: Delta = serde_json::from_str(&serde_json::to_string(&delta).unwrap()).unwrap();
        prop_assert_eq!(&sent, &delta);
        let mut state = a;
        sent.apply(&mut state).unwrap();
        prop_assert_eq!(state, b);
    }

    #[test]
    fn a_list_that_grows_at_its_front_sends_only_the_front(rows in vec(any::<u32>(), 5..40), new in vec(any::<u32>(), 1..3)) {
        let mut grown = new.clone();
        grown.extend(&rows[..rows.len() - 1]);
        prop_assume!(grown != rows);
        let patch = Patch::between(&rows, &grown).unwrap();
        prop_assert!(patch.front.len() + patch.set.len() <= new.len());
        let mut led = rows;
        patch.apply(&mut led).unwrap();
        prop_assert_eq!(led, grown);
    }
}

/// The shipped universe in the middle of a run: a tick in which requests were answered and a few series moved on.
#[test]
fn a_tick_of_a_run_is_small() {
    let names: Vec<String> = (0..80).map(|i| format!("SYM{i}")).collect();
    let instrument =
        |n: &String| Instrument { symbol: Symbol::new(n).unwrap(), asset: AssetClass::Stock, sector: "Energy".into(), name: n.clone() };
    let cell = SeriesCell {
        state: CellState::Queued,
        last_ts: Some(1_709_467_200),
        late_since: Some(1_709_553_600),
        gaps: 0,
        source: Some(SourceId::Ib),
    };
    let spec = IngestSpec { symbols: names.iter().map(|n| Symbol::new(n).unwrap()).collect(), ..IngestSpec::default() };
    let active = RunView {
        id: 7,
        spec,
        state: RunState::Running,
        started_at: 1_709_467_200,
        ended_at: None,
        progress: RunProgress { phase: "fetching".into(), eta_s: Some(300), bars_per_second: 812.372_113, ..RunProgress::default() },
        summary: None,
        cancelling: false,
    };
    let a = Snapshot {
        seq: 41,
        epoch: "18e0c3f5a00-1f2e".into(),
        active: Some(Arc::new(active.clone())),
        market: Arc::new(Market { instruments: Arc::new(names.iter().map(instrument).collect()), cells: vec![cell; 1360] }),
        sources: Arc::new(vec![
            SourceStatus::new(SourceId::Ib, "127.0.0.1:4002"),
            SourceStatus::new(SourceId::Yahoo, "query1.finance.yahoo.com"),
        ]),
        ..Snapshot::default()
    };
    let mut b = Snapshot { seq: 42, at_ms: 1_709_467_200_123, log_seq: 812, ..a.clone() };
    b.active = Some(Arc::new(RunView { progress: RunProgress { bars: 123_456, requests_done: 311, ..active.progress.clone() }, ..active }));
    for i in [3, 90, 412, 413, 1200, 1359] {
        Arc::make_mut(&mut b.market).cells[i].state = CellState::Fetching;
    }
    Arc::make_mut(&mut b.sources)[0].answered = 311;
    let size = serde_json::to_vec(&Delta::between(&a, &b).unwrap()).unwrap().len();
    assert!(size < 2_000, "{size} bytes");
    assert!(serde_json::to_vec(&b).unwrap().len() > 50 * size, "a delta is worth its while");
}

#[test]
fn what_does_not_fit_is_refused() {
    let a = Snapshot { seq: 1, epoch: "a".into(), ..Snapshot::default() };
    let b = Snapshot { seq: 2, ..a.clone() };
    let delta = Delta::between(&a, &b).unwrap();
    assert_eq!(delta.clone().apply(&mut b.clone()), Err(DeltaError::Gap));
    assert_eq!(delta.apply(&mut Snapshot { epoch: "b".into(), ..a.clone() }), Err(DeltaError::OtherEpoch));
    assert_eq!(Delta::between(&a, &Snapshot { epoch: "b".into(), ..b }), None);
    let rows = Patch { front: vec![], len: 9, set: vec![(7, 1_u8)] };
    assert_eq!(rows.apply(&mut vec![1, 2]), Err(DeltaError::Malformed));
}
