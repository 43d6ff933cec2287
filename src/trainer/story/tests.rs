//! Nothing is told twice, and nothing that matters is left out, however many views are.

use super::*;
use crate::config::strategy::ProfileName;
use crate::market::Strategy;
use crate::train::gates::{Gate, GateResult};
use crate::train::progress::NullsView;

fn view() -> TrainingView {
    let waiting = |step| StepView { step, state: PartState::Waiting, seconds: 0.0, done: 0, total: 0, note: String::new() };
    let model = ModelView {
        name: ModelName::Mlp,
        state: PartState::Waiting,
        fits_done: 0,
        fits: 6,
        epoch: 0,
        epochs: 6,
        train_loss: None,
        stop_loss: None,
        loss: None,
        skill: None,
        auc: None,
        epoch_seconds: None,
        seconds: 0.0,
    };
    TrainingView {
        strategy: Strategy::Slipstream,
        run_id: 3,
        job_run: Some(9),
        state: TrainingState::Running,
        profile: ProfileName::Demo,
        seed: 7,
        config_version: 1,
        snapshot: String::new(),
        device: "CPU, 2 threads".into(),
        device_remark: None,
        started_at: 0,
        attempt_at: 0,
        ended_at: None,
        resumed: 0,
        stopping: false,
        steps: Step::ALL.map(waiting).to_vec(),
        models: vec![model],
        combination: String::new(),
        curves: Vec::new(),
        nulls: NullsView { total: 64, ..NullsView::default() },
        gates: Vec::new(),
        eta_s: None,
        outcome: None,
    }
}

fn texts(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|(Line::Step(text) | Line::Note(text))| text.as_str()).collect()
}

#[test]
fn a_look_tells_all_that_happened_since_the_last_one_and_the_next_nothing() {
    let (mut story, mut v) = (Story::default(), view());
    assert_eq!(texts(&story.lines(&v)), ["slipstream run 3: demo profile, seed 7, CPU, 2 threads"]);
    for step in &mut v.steps[..6] {
        (step.state, step.note, step.seconds) = (PartState::Done, "well".into(), 75.0);
    }
    v.steps[6].state = PartState::Running;
    (v.models[0].fits_done, v.models[0].skill, v.eta_s) = (2, Some(0.0123), Some(130));
    let told = story.lines(&v);
    assert_eq!(told.iter().filter(|l| matches!(l, Line::Step(_))).count(), 7);
    assert_eq!(texts(&told)[1], "well (1 min 15 s)");
    assert_eq!(*texts(&told).last().unwrap(), "mlp: 2 of 6 fits done, skill +1.23 %, about 2 min 10 s to go");
    assert!(story.lines(&v).is_empty());
}

#[test]
fn gates_are_told_as_they_land_and_the_verdict_last() {
    let (mut story, mut v) = (Story::default(), view());
    v.steps.iter_mut().for_each(|s| s.state = PartState::Done);
    v.steps[10].state = PartState::Running;
    story.lines(&v);
    v.nulls.done = 7;
    assert!(story.lines(&v).is_empty(), "refits are told in eighths");
    v.nulls.done = 8;
    let sentence = "There is enough to judge by.".to_owned();
    v.gates = vec![GateResult { gate: Gate::Size, status: Status::Pass, value: None, bound: None, threshold: None, sentence }];
    (v.state, v.outcome) = (TrainingState::Rejected, Some("No champion from this run".into()));
    let told = story.lines(&v);
    let wanted =
        ["refits without a signal: 8 of 64 done, 0 passed", "G1   passed  There is enough to judge by.", "No champion from this run"];
    assert_eq!(texts(&told), wanted);
    assert!(story.is_over() && story.lines(&v).is_empty());
}

#[test]
fn spans_of_time_read_as_people_say_them() {
    let of = |s: f64| lasted(s);
    assert_eq!([of(0.42), of(12.3), of(200.0), of(3_900.0)], ["0.4 s", "12 s", "3 min 20 s", "1 h 5 min"]);
}
