//! The owner's part of settled findings: bars that were hidden count again, or the other way round, and what is derived of
//! them is made anew by a task beside the owner. Who settled the finding is answered when that is done; other commands go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::dispatch::refused;
use super::owner::Owner;
use super::{Ack, Command, CommandError, Envelope};
use crate::market::Symbol;
use crate::store::master::{Resolution, StoreError};
use crate::store::scheduler::Job;

/// Why an ingest waits: who has read earlier must not write later.
const WAITS: &str = "waits until bars are derived anew, because a finding was settled";

/// How the symbols of one round went.
pub(super) type Rederived = Vec<(Symbol, Result<(), StoreError>)>;

type Back = oneshot::Sender<Result<Ack, CommandError>>;

/// Symbols whose derived bars no longer follow from what is shown.
pub(super) struct Settling {
    /// Those that the next round takes, with who waits for them.
    due: BTreeMap<Symbol, Vec<Waiting>>,
    /// The round at work.
    at_work: Option<BTreeMap<Symbol, Vec<Waiting>>>,
    done: mpsc::Sender<Rederived>,
}

/// A command that is answered when its symbol is done, and the one ready answer.
struct Waiting {
    command: Command,
    ack: Ack,
    /// More than one when it was sent again meanwhile.
    backs: Vec<Back>,
}

impl Settling {
    pub fn new(done: mpsc::Sender<Rederived>) -> Self {
        Self { due: BTreeMap::new(), at_work: None, done }
    }

    /// Lets a command that is sent again wait with the first one; gives back the way of any other.
    pub fn joined(&mut self, envelope: &Envelope, back: Back) -> Option<Back> {
        let all = self.due.values_mut().chain(self.at_work.iter_mut().flat_map(BTreeMap::values_mut)).flatten();
        let same = all.into_iter().find(|w| w.ack.id == envelope.id && w.command == envelope.command);
        let Some(waiting) = same else { return Some(back) };
        waiting.backs.push(back);
        None
    }
}

impl Owner {
    /// Settles a finding and answers, at once where nothing is to be derived.
    pub(super) async fn settle_finding(&mut self, envelope: Envelope, back: Back) {
        let Some(back) = self.settling.joined(&envelope, back) else { return };
        let Envelope { id, actor, command } = envelope;
        tracing::info!(target: "engine", actor, command = command.to_string(), "Command");
        let Command::ResolveIssue { id: finding, resolution, ref note } = command else { return };
        let answer = match self.resolve(finding, resolution, note.clone()).await {
            Ok((message, Some(symbol))) => {
                let ack = Ack { id, run_id: None, message };
                self.settling.due.entry(symbol).or_default().push(Waiting { command, ack, backs: vec![back] });
                self.rederive();
                return;
            }
            Ok((message, None)) => {
                let ack = Ack { id, run_id: None, message };
                self.acks.keep(command, &ack);
                Ok(ack)
            }
            Err(e) => Err(e),
        };
        // The asker may have gone; the finding is settled all the same.
        let _ = back.send(answer);
    }

    /// Gives the symbol that the answer waits for.
    async fn resolve(&mut self, id: i64, resolution: Resolution, note: String) -> Result<(String, Option<Symbol>), CommandError> {
        self.pages.writable()?;
        let stored = self.pipeline.writer.resolve(id, resolution, note).await.map_err(|e| refused(&e))?;
        let series = stored.issue.series;
        let derives = stored.issue.severity.hides() && self.universe.get(series.symbol).is_some();
        if derives && self.active.is_some() {
            // The run may be deriving the same bars just now.
            self.settling.due.entry(series.symbol).or_default();
        }
        self.count_issues().await;
        Ok((format!("finding {id} of {series} settled"), (derives && self.active.is_none()).then_some(series.symbol)))
    }

    /// Begins a round with all that is due, unless something derives already.
    pub(super) fn rederive(&mut self) {
        if self.active.is_some() || self.settling.at_work.is_some() || self.settling.due.is_empty() {
            return;
        }
        let round = std::mem::take(&mut self.settling.due);
        let instruments: Vec<_> = round.keys().filter_map(|symbol| self.universe.get(*symbol).cloned()).collect();
        self.settling.at_work = Some(round);
        self.jobs.board.hold(Job::Ingest, Some(WAITS));
        let (pipeline, done) = (Arc::clone(&self.pipeline), self.settling.done.clone());
        tokio::spawn(async move {
            let mut ends = Vec::with_capacity(instruments.len());
            for instrument in instruments {
                let (symbol, pipeline) = (instrument.symbol, Arc::clone(&pipeline));
                // A task of its own: a bug in it is an end too.
                let end = tokio::spawn(async move { pipeline.rederive(instrument).await }).await;
                ends.push((symbol, end.unwrap_or_else(|e| Err(StoreError::ReadPanicked(e.to_string())))));
            }
            let _ = done.send(ends).await;
        });
    }

    /// A round has ended: answers who waited for it.
    pub(super) async fn rederived(&mut self, ends: Rederived) {
        let mut round = self.settling.at_work.take().unwrap_or_default();
        if let Err(e) = self.load_states().await {
            tracing::error!(target: "engine", error = %e, "Could not read the series after a finding was settled");
        }
        self.count_issues().await;
        for (symbol, end) in ends {
            if let Err(e) = &end {
                tracing::error!(target: "engine", %symbol, error = %e, "Could not derive the symbol anew after a finding was settled");
            }
            let note = end.err().map(|e| format!("; its bars are derived anew by the next ingest: {e}"));
            for Waiting { command, mut ack, backs } in round.remove(&symbol).into_iter().flatten() {
                // The finding is settled, and sent again it must not be settled again; the store remembers what is to be derived.
                ack.message.extend(note.as_deref());
                self.acks.keep(command, &ack);
                for back in backs {
                    let _ = back.send(Ok(ack.clone()));
                }
            }
        }
        self.jobs.board.hold(Job::Ingest, None);
        self.rederive();
        self.settle().await;
    }
}
