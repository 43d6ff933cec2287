//! Jobs: the [`Board`] that decides what runs when. The owner task feeds the board
//! and carries out its decisions; nothing in here waits, reads a clock or touches a disk.

mod board;
mod endings;
mod history;
mod intake;
mod queue;

pub(super) use board::{Board, BodyEnd, Busy, Effect, Now, Order, Stopping, Tick};
pub(super) use history::{KEPT, is_whole};

#[cfg(test)]
mod endings_tests;
#[cfg(test)]
mod orders_tests;
#[cfg(test)]
mod random_tests;
#[cfg(test)]
mod recovery_tests;
#[cfg(test)]
mod tests;
