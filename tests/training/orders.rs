//! An engine that trains: what it shows meanwhile, orders that come while it works, and what it keeps across a restart.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use nightdesk::config::{LoadRequest, Loaded, load};
use nightdesk::control::{Client, LocalClient};
use nightdesk::engine::{Command, ConfigSource, Engine, EngineOptions, Envelope, Learning, LogRing, Query, Reply, Snapshot, Training};
use nightdesk::market::{Strategy, SystemClock};
use nightdesk::store::scheduler::JobState;
use nightdesk::train::progress::{TrainingState, TrainingView};
use nightdesk::train::spec::TrainSpec;
use nightdesk::trainer::{TrainJob, Trainer};
use nightdesk::workplace::Workplace;

use crate::desk::Desk;
use crate::place::{checkpoints, stocked};

struct Bench {
    engine: Engine,
    sent: u32,
}

impl Bench {
    /// An engine on the desk's folders, whose sources nobody asks.
    async fn start(desk: &Desk) -> Self {
        let known: Loaded = load(LoadRequest { config_dir: Some(desk.path("config")), env: [], flags: Vec::new() }).unwrap();
        let rules = Arc::new(ArcSwap::new(Arc::clone(&known.strategies)));
        let (data_dir, clock) = (desk.path("data-demo"), SystemClock::shared());
        let (universe, mut settings) = (known.universe.clone(), known.settings.clone());
        (settings.ib.enabled, settings.yahoo.enabled) = (false, false);
        let trainer = Trainer::new(Workplace {
            data_dir: data_dir.clone(),
            demo: true,
            universe: universe.clone(),
            clock: clock.clone(),
            rules: Arc::clone(&rules),
        });
        let again = known.clone();
        let body = Arc::clone(&trainer);
        let options = EngineOptions {
            settings,
            universe,
            data_dir,
            demo: true,
            clock,
            logs: Arc::new(LogRing::new(100)),
            schedule: false,
            daemon: false,
            config: Some(ConfigSource { known, read: Arc::new(move || Ok(again.clone())), rules }),
            bodies: vec![Box::new(move |_| {
                body.begin();
                Arc::new(TrainJob(body))
            })],
            learning: Some(trainer as Arc<dyn Learning>),
            watching: None,
        };
        Self { engine: Box::pin(Engine::start(options)).await.unwrap(), sent: 0 }
    }

    fn client(&self) -> Client {
        let (state, requests, logs) = (self.engine.state.clone(), self.engine.requests.clone(), Arc::clone(&self.engine.logs));
        Client::Local(LocalClient { state, requests, logs })
    }

    async fn send(&mut self, command: Command) -> Result<(Option<i64>, String), String> {
        self.sent += 1;
        let envelope = Envelope { id: format!("test-{}", self.sent), actor: "test".into(), command };
        self.client().send(envelope).await.map(|ack| (ack.run_id, ack.message)).map_err(|e| e.to_string())
    }

    async fn train(&mut self) -> Result<(Option<i64>, String), String> {
        self.send(Command::Train { spec: TrainSpec { strategies: vec![Strategy::Turbomode], ..TrainSpec::default() } }).await
    }

    async fn wait_for<T>(&self, what: &str, found: impl Fn(&Snapshot) -> Option<T>) -> T {
        let mut state = self.engine.state.clone();
        let wait = async {
            loop {
                if let Some(t) = found(&state.borrow_and_update()) {
                    return t;
                }
                state.changed().await.unwrap();
            }
        };
        tokio::time::timeout(Duration::from_mins(2), wait).await.unwrap_or_else(|_| panic!("this never came: {what}"))
    }

    async fn shows(&self, what: &str, is: impl Fn(&TrainingView) -> bool) -> TrainingView {
        self.wait_for(what, |s| s.training.iter().find(|v| v.strategy == Strategy::Turbomode && is(v)).cloned()).await
    }
}

fn fits(view: &TrainingView) -> u32 {
    view.models.iter().map(|m| m.fits_done).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_order_waits_a_third_is_refused_and_the_second_goes_on_from_the_first() {
    let desk = stocked();
    let mut bench = Bench::start(&desk).await;
    let (first, said) = bench.train().await.unwrap();
    assert_eq!(said, format!("run {} started", first.unwrap()));
    bench.shows("a finished fit", |v| fits(v) >= 1).await;
    let (second, said) = bench.train().await.unwrap();
    assert_eq!(said, format!("run {} is queued", second.unwrap()));
    let refused = bench.train().await.unwrap_err();
    assert!(refused.contains("waits for its turn already"), "{refused}");
    let promoted = bench.send(Command::Promote { strategy: Strategy::Turbomode, model_id: 1 }).await.unwrap_err();
    assert!(promoted.contains("there is no model 1"), "{promoted}");

    let (_, said) = bench.send(Command::Cancel { run_id: first.unwrap(), now: false }).await.unwrap();
    assert!(said.ends_with("stops after the fits at work"), "{said}");
    let ended = |run: i64| move |s: &Snapshot| s.job_runs.iter().find(|r| r.id == run && r.state.ended()).cloned();
    assert_eq!(bench.wait_for("the end of the first", ended(first.unwrap())).await.state, JobState::Cancelled);
    let whole = bench.wait_for("the end of the second", ended(second.unwrap())).await;
    assert_eq!((whole.state, whole.failures), (JobState::Succeeded, 0), "{whole:?}");
    let view = bench.shows("the verdict", |v| v.state.judged()).await;
    assert_eq!((view.run_id, view.resumed, view.job_run), (1, 1, second), "the same run, taken up again");
    assert!(checkpoints(&desk, "turbomode", 1).is_empty());
    let asked = bench.client().query(Query::Training { strategy: Strategy::Turbomode, which: Training::JobRun(second.unwrap()) }).await;
    let Ok(Reply::Training(Some(found))) = asked else { panic!("{asked:?}") };
    assert_eq!((found.run_id, found.state, &found.gates, &found.models), (1, view.state, &view.gates, &view.models));
    bench.engine.stop().await;

    let bench = Bench::start(&desk).await;
    let view = bench.shows("the last run of the process before", |v| v.run_id == 1).await;
    assert_eq!(view.state, TrainingState::Rejected);
    let words = |s: &Snapshot| s.standings.iter().find(|s| s.strategy == Strategy::Turbomode).map(|s| s.words.clone());
    assert_eq!(bench.wait_for("how it stands", words).await, "no champion: gates not met");
    bench.engine.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_stops_in_the_middle_leaves_a_run_to_go_on_from() {
    let desk = stocked();
    let mut bench = Bench::start(&desk).await;
    bench.train().await.unwrap();
    bench.shows("a finished fit", |v| fits(v) >= 1).await;
    bench.engine.stop().await;
    assert!(!checkpoints(&desk, "turbomode", 1).is_empty());
    let bench = Bench::start(&desk).await;
    let view = bench.shows("the run that was cut short", |v| v.run_id == 1).await;
    assert!(matches!(view.state, TrainingState::Cancelled | TrainingState::Lost), "{:?}", view.state);
    bench.engine.stop().await;
}
