//! Training beside its job: what the engine shows of it, asks of it, and changes through it.

use std::sync::{Arc, Mutex};

use nightdesk::config::strategy::ProfileName;
use nightdesk::engine::{Ack, Command, CommandError, Envelope, Learning, Query, QueryError, Reply, Training};
use nightdesk::market::Strategy;
use nightdesk::scan::WatchSpec;
use nightdesk::store::scheduler::{Job, JobState};
use nightdesk::train::model_views::{ModelDetail, ModelRow, ModelState};
use nightdesk::train::progress::{NullsView, Standing, TrainingState, TrainingView};
use nightdesk::train::spec::TrainSpec;
use tokio::sync::watch;

use crate::script::{Act, Script, reaches, settings};
use crate::support::{Build, Desk, Night};

/// Models in memory: 7 may become champion, 8 may not.
struct School {
    trainings: watch::Sender<Arc<Vec<TrainingView>>>,
    standings: watch::Sender<Arc<Vec<Standing>>>,
    done: Mutex<Vec<String>>,
}

impl Learning for School {
    fn trainings(&self) -> watch::Receiver<Arc<Vec<TrainingView>>> {
        self.trainings.subscribe()
    }

    fn standings(&self) -> watch::Receiver<Arc<Vec<Standing>>> {
        self.standings.subscribe()
    }

    fn models(&self, strategy: Strategy) -> Result<Vec<ModelRow>, String> {
        let row = ModelRow {
            strategy,
            model_id: 7,
            run_id: 3,
            state: ModelState::Shadow,
            state_at: 5,
            reason: "on trial".into(),
            created_at: 4,
            trained_to: None,
            expires_at: None,
            skill: Some(0.01),
            auc: None,
            locked: None,
        };
        Ok(vec![row])
    }

    fn model(&self, _: Strategy, _: i64) -> Result<Option<ModelDetail>, String> {
        Ok(None)
    }

    fn training(&self, strategy: Strategy, which: Training) -> Result<Option<TrainingView>, String> {
        Ok((which == Training::Run(3)).then(|| training(strategy, 3)))
    }

    fn promote(&self, strategy: Strategy, model_id: i64, actor: &str) -> Result<String, String> {
        if model_id != 7 {
            return Err(format!("model {model_id} did not pass the gates"));
        }
        self.done.lock().unwrap().push(format!("{actor} promotes {model_id}"));
        let standing = Standing { strategy, champion: None, shadow: None, rollback_to: Some(6), words: "champion 7".into() };
        self.standings.send_replace(Arc::new(vec![standing]));
        Ok("model 7 is champion".into())
    }

    fn rollback(&self, _: Strategy, _: &str) -> Result<String, String> {
        Err("there is no champion before this one".into())
    }
}

fn training(strategy: Strategy, run_id: i64) -> TrainingView {
    TrainingView {
        strategy,
        run_id,
        job_run: None,
        state: TrainingState::Running,
        profile: ProfileName::Quick,
        seed: 7,
        config_version: 1,
        snapshot: String::new(),
        device: "CPU".into(),
        device_remark: None,
        started_at: 0,
        attempt_at: 0,
        ended_at: None,
        resumed: 0,
        stopping: false,
        steps: Vec::new(),
        models: Vec::new(),
        combination: String::new(),
        curves: Vec::new(),
        nulls: NullsView::default(),
        gates: Vec::new(),
        eta_s: None,
        outcome: None,
    }
}

async fn taught() -> (Desk, Arc<School>) {
    let school = Arc::new(School {
        trainings: watch::channel(Arc::default()).0,
        standings: watch::channel(Arc::default()).0,
        done: Mutex::default(),
    });
    let night = Night {
        bodies: vec![Script::body(Job::Train, [Act::UntilStopped])],
        learning: Some(Arc::clone(&school) as Arc<dyn Learning>),
        ..Night::default()
    };
    (Desk::build(&["AAPL"], Build { settings: settings(), night, ..Build::default() }).await, school)
}

async fn order(desk: &Desk, id: &str, command: Command) -> Result<Ack, CommandError> {
    desk.client().send(Envelope { id: id.into(), actor: "anna".into(), command }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_trained_and_who_is_champion_reach_the_snapshot() {
    let (desk, school) = taught().await;
    let mut seen = 0;
    for run_id in 1..=3 {
        school.trainings.send_replace(Arc::new(vec![training(Strategy::Slipstream, run_id)]));
        seen = desk.wait_for(|s| s.training.first().filter(|t| t.run_id == run_id).map(|t| t.run_id)).await;
    }
    assert_eq!(seen, 3);
    let promote = Command::Promote { strategy: Strategy::Turbomode, model_id: 7 };
    let ack = order(&desk, "one", promote).await.unwrap();
    assert_eq!(ack.message, "model 7 is champion");
    assert_eq!(desk.wait_for(|s| s.standings.first().map(|s| s.words.clone())).await, "champion 7");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_models_is_done_once_and_refusals_are_the_keepers_own() {
    let (desk, school) = taught().await;
    let promote = |model_id| Command::Promote { strategy: Strategy::Turbomode, model_id };
    let (first, again) = tokio::join!(order(&desk, "one", promote(7)), order(&desk, "one", promote(7)));
    assert_eq!(first.unwrap(), again.unwrap());
    assert_eq!(order(&desk, "one", promote(7)).await.unwrap().message, "model 7 is champion");
    assert_eq!(*school.done.lock().unwrap(), ["anna promotes 7"]);
    let taken = order(&desk, "one", promote(8)).await.unwrap_err().to_string();
    assert!(taken.contains("belongs to another command"), "{taken}");
    let refused = [
        (order(&desk, "two", promote(8)).await, "model 8 did not pass the gates"),
        (order(&desk, "three", Command::Rollback { strategy: Strategy::Turbomode }).await, "there is no champion before this one"),
    ];
    for (answer, why) in refused {
        assert_eq!(answer, Err(CommandError::Refused(why.to_owned())));
    }
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn questions_reach_the_keeper_of_the_models() {
    let (desk, _) = taught().await;
    let (client, strategy) = (desk.client(), Strategy::Slipstream);
    let Ok(Reply::Models(models)) = client.query(Query::Models { strategy }).await else { panic!("no models") };
    assert_eq!(models.iter().map(|m| (m.strategy, m.model_id)).collect::<Vec<_>>(), [(strategy, 7)]);
    let no_model = client.query(Query::Model { strategy, model_id: 2 }).await;
    assert_eq!(no_model, Err(QueryError::Failed("slipstream has no model 2".into())));
    for (which, there) in [(Training::Run(3), true), (Training::Newest, false), (Training::JobRun(3), false)] {
        let Ok(Reply::Training(found)) = client.query(Query::Training { strategy, which }).await else { panic!("{which:?}") };
        assert_eq!(found.is_some(), there, "{which:?}");
    }
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_is_a_run_like_any_other_and_remembers_what_was_asked() {
    let (mut desk, _) = taught().await;
    let spec = TrainSpec { strategies: vec![Strategy::Turbomode], seed: Some(9), ..TrainSpec::default() };
    let run = desk.send(Command::Train { spec: spec.clone() }).await.unwrap().unwrap();
    let started = reaches(&desk, run, JobState::Running).await;
    assert_eq!(TrainSpec::of(started.params.as_deref()).unwrap(), spec);
    let second = desk.send(Command::Train { spec: TrainSpec::default() }).await.unwrap_err().to_string();
    assert!(second.contains("is active"), "{second}");
    let gentle = order(&desk, "gentle", Command::Cancel { run_id: run, now: false }).await.unwrap();
    assert_eq!(gentle.message, format!("run {run} stops after the fits at work"));
    reaches(&desk, run, JobState::Cancelled).await;
    let whole = desk.send(Command::Train { spec: TrainSpec::default() }).await.unwrap().unwrap();
    assert_eq!(reaches(&desk, whole, JobState::Succeeded).await.params, None, "the job's normal work");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_training_run_is_named_for_the_backtest_of_one_strategy_only() {
    let (mut desk, _) = taught().await;
    let both = WatchSpec { run: Some(3), ..WatchSpec::default() };
    let one = WatchSpec { strategies: vec![Strategy::Turbomode], ..both.clone() };
    for (job, spec) in [(Job::Backtest, both), (Job::Scan, one.clone()), (Job::Drift, one.clone())] {
        let refused = desk.send(Command::Watch { job, spec }).await.unwrap_err().to_string();
        assert!(refused.contains("runs are numbered by strategy"), "{job}: {refused}");
    }
    let taken = desk.send(Command::Watch { job: Job::Backtest, spec: one }).await.unwrap_err().to_string();
    assert!(taken.contains("cannot run backtest"), "only the body is missing here: {taken}");
    desk.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_without_training_says_so() {
    let mut desk = Desk::start(&["AAPL"], settings()).await;
    let asked = desk.client().query(Query::Models { strategy: Strategy::Turbomode }).await;
    assert_eq!(asked, Err(QueryError::Failed("this engine has no training".into())));
    let rollback = Command::Rollback { strategy: Strategy::Turbomode };
    assert_eq!(desk.send(rollback).await.unwrap_err().to_string(), "this engine has no training");
    let train = desk.send(Command::Train { spec: TrainSpec::default() }).await.unwrap_err().to_string();
    assert!(train.contains("cannot run train"), "{train}");
    desk.stop().await;
}
