//! Jobs: what a body is ([`JobBody`]), and the [`Board`] that decides what runs when. The owner task feeds the board
//! and carries out its decisions; nothing in here waits, reads a clock or touches a disk.

mod board;
mod body;
mod endings;
mod history;
mod intake;
mod queue;

pub(super) use board::{Board, BodyEnd, Effect, Now, Order, Stopping, Tick};
pub use body::{JobBody, JobEnd, JobLine, JobReport, JobStop};
pub(super) use history::KEPT;

#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod tests;
