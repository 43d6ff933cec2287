//! Answers to accepted commands, kept a while: a command that is sent twice is done once.

use std::collections::{HashMap, VecDeque};

use super::{Ack, Command, CommandError, Envelope};

/// Command ids remembered; enough for seconds of the fastest sender, so that its retries still find theirs.
const KEPT: usize = 8_192;

/// The newest acknowledgements.
#[derive(Debug, Default)]
pub(super) struct Acks {
    by_id: HashMap<String, (Command, Ack)>,
    order: VecDeque<String>,
}

impl Acks {
    /// The answer to a command that was accepted before; a refusal if its id was another command's.
    pub fn get(&self, asked: &Envelope) -> Option<Result<Ack, CommandError>> {
        let (command, ack) = self.by_id.get(&asked.id)?;
        Some(if *command == asked.command {
            Ok(ack.clone())
        } else {
            let (id, done) = (&asked.id, command);
            Err(CommandError::Refused(format!(
                "the id {id:?} belongs to another command ({done}), nothing was done: send it with a new id"
            )))
        })
    }

    /// Remembers an answer and forgets the oldest.
    pub fn keep(&mut self, command: Command, ack: &Ack) {
        if self.by_id.insert(ack.id.clone(), (command, ack.clone())).is_none() {
            self.order.push_back(ack.id.clone());
        }
        if self.order.len() > KEPT
            && let Some(oldest) = self.order.pop_front()
        {
            self.by_id.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let mut acks = Acks::default();
        let ack = |n: usize| Ack { id: n.to_string(), run_id: None, message: String::new() };
        (0..=KEPT).for_each(|n| acks.keep(Command::Refresh, &ack(n)));
        acks.keep(Command::Refresh, &ack(KEPT));
        let asked = |id: &str, command| Envelope { id: id.to_owned(), actor: "test".to_owned(), command };
        assert!(acks.get(&asked("0", Command::Refresh)).is_none());
        assert_eq!(acks.get(&asked("1", Command::Refresh)), Some(Ok(ack(1))));
        let refused = acks.get(&asked("1", Command::Reload)).unwrap().unwrap_err().to_string();
        assert!(refused.contains("another command"), "{refused}");
        assert_eq!(acks.by_id.len(), acks.order.len());
    }
}
