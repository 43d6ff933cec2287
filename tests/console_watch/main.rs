//! Drift and signals as an operator sees and steers them: pane 5, the list, a subject's page, signals, sectors.

#![expect(clippy::unwrap_used, reason = "a fixture that cannot be built must stop the run")]

#[path = "../console_desk/mod.rs"]
mod console_desk;
#[path = "../console_fixture/mod.rs"]
mod console_fixture;
mod desk;
mod screens;
mod steering;
