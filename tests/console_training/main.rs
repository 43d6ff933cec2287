//! Training as an operator sees and steers it: pane 4, the page of a training run, the models.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built must stop the run")]

#[path = "../console_desk/mod.rs"]
mod console_desk;
#[path = "../console_fixture/mod.rs"]
mod console_fixture;
mod desk;
mod screens;
mod stages;
mod steering;
