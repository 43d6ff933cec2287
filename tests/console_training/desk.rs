//! A console at a stage of a training.

use std::sync::Arc;

use nightdesk::console::{App, Effect, Msg, Slot};
use nightdesk::engine::{Query, Reply};

use crate::console_desk;
use crate::console_fixture::{Scene, answer, app};
use crate::stages::{Stage, snap, story};

/// Sizes at which screens differ.
pub const SIZES: [(u16, u16); 4] = [(120, 40), (80, 24), (160, 50), (60, 15)];

/// Answers what is asked about the runs of the stages as they have them, and the rest as a quiet engine does.
fn reply(desk: &mut App, asked: Effect) {
    let Effect::Query { slot: Slot::Run, generation, query: Query::Run { run_id: run_id @ (19 | 31) } } = asked else {
        return answer(desk, Scene::Idle, vec![asked]);
    };
    let result = Ok(Reply::Run(Box::new(story(run_id))));
    desk.update(Msg::Answer { slot: Slot::Run, generation, result }, &mut Vec::new());
}

pub fn press(desk: &mut App, keys: &str) -> Vec<Effect> {
    console_desk::press(desk, keys, reply)
}

pub fn desk(stage: Stage, keys: &str) -> App {
    let mut desk = app(Scene::Idle);
    desk.update(Msg::Snapshot(Arc::new(snap(stage))), &mut Vec::new());
    press(&mut desk, keys);
    desk
}
