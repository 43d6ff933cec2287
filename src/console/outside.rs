//! Does what [`Effect`]s say, without ever making the loop wait: questions and commands run as tasks whose answers
//! come back as messages.

use std::collections::HashMap;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crossterm::clipboard::CopyToClipboard;
use crossterm::execute;
use tokio::sync::mpsc;

use super::Exit;
use super::app::{Effect, Export, Msg, Slot};
use super::notice::Notices;
use crate::control::Client;
use crate::engine::{Command, Envelope, LogFilter, LogLevel, Query};
use crate::market::SystemClock;

/// Log records read at once; the pane keeps no more.
const LOG_BATCH: usize = 5_000;

/// The way from effects to the world.
pub struct Outside {
    client: Client,
    export_dir: PathBuf,
    notices: Option<Notices>,
    replies: mpsc::UnboundedSender<Msg>,
    slots: HashMap<Slot, Option<(u64, Query)>>,
    sent: u64,
    /// Begins the ids of this console's commands; no other console begins them so, whatever process it runs in.
    identity: String,
}

/// What the loop has to do itself, because it owns the terminal.
#[derive(Debug, PartialEq, Eq)]
pub enum ForLoop {
    /// Take this message in.
    Take(Box<TakeIn>),
    /// Capture the mouse or not.
    Mouse(bool),
    /// Suspend.
    Suspend,
    /// Leave.
    Leave(Exit),
}

/// Log records that were asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct TakeIn(pub Vec<crate::engine::LogRecord>, pub u64);

impl Outside {
    /// A way out whose answers go to `replies`. There are as many as the operator's keys cause, hence unbounded.
    pub fn new(client: Client, export_dir: PathBuf, notices: bool, replies: mpsc::UnboundedSender<Msg>) -> Self {
        let notices = notices.then(|| Notices::of(|name| std::env::var(name).ok()));
        Self { client, export_dir, notices, replies, slots: HashMap::new(), sent: 0, identity: identity() }
    }

    /// Whether a question is under way.
    pub fn busy(&self) -> bool {
        !self.slots.is_empty()
    }

    /// Starts an effect; what only the loop can do is given back.
    pub fn start(&mut self, effect: Effect) -> Option<ForLoop> {
        match effect {
            Effect::Send(command, what) => self.send(command, what),
            Effect::Query { slot, generation, query } => self.ask(slot, generation, query),
            Effect::ReadLogs(after) => {
                let filter = LogFilter { level: LogLevel::Trace, source: None, text: None, after, limit: LOG_BATCH };
                let (records, dropped) = self.client.logs(&filter);
                return Some(ForLoop::Take(Box::new(TakeIn(records, dropped))));
            }
            Effect::Copy(text) => {
                // The terminal's clipboard takes what it can; a terminal without OSC 52 ignores it.
                let _ = execute!(io::stdout(), CopyToClipboard::to_clipboard_from(text));
            }
            Effect::Export(export) => self.export(export),
            Effect::Notify(text) => {
                if let Some(notices) = self.notices {
                    // A terminal that cannot be written to has nobody in front of it.
                    let _ = notices.send(&mut io::stdout(), &text);
                }
            }
            Effect::Mouse(on) => return Some(ForLoop::Mouse(on)),
            Effect::Suspend => return Some(ForLoop::Suspend),
            Effect::Leave(exit) => return Some(ForLoop::Leave(exit)),
        }
        None
    }

    fn send(&mut self, command: Command, what: String) {
        self.sent += 1;
        let id = format!("console-{}-{}", self.identity, self.sent);
        let envelope = Envelope { id, actor: "console".into(), command };
        let (client, replies) = (self.client.clone(), self.replies.clone());
        tokio::spawn(async move {
            let result = client.send(envelope).await.map_err(|e| e.to_string());
            // The receiver is gone only when the console ends.
            let _ = replies.send(Msg::Acked { what, result });
        });
    }

    /// One question per slot is under way; of those that come meanwhile only the newest is kept.
    fn ask(&mut self, slot: Slot, generation: u64, query: Query) {
        if let Some(waiting) = self.slots.get_mut(&slot) {
            *waiting = Some((generation, query));
            return;
        }
        self.slots.insert(slot, None);
        self.spawn_query(slot, generation, query);
    }

    fn spawn_query(&self, slot: Slot, generation: u64, query: Query) {
        let (client, replies) = (self.client.clone(), self.replies.clone());
        tokio::spawn(async move {
            let result = client.query(query).await.map_err(|e| e.to_string());
            let _ = replies.send(Msg::Answer { slot, generation, result });
        });
    }

    /// Notes that a slot's answer has come, and asks what waited for it.
    pub fn answered(&mut self, slot: Slot) {
        if let Some(Some((generation, query))) = self.slots.remove(&slot) {
            self.slots.insert(slot, None);
            self.spawn_query(slot, generation, query);
        }
    }

    fn export(&self, export: Export) {
        let (folder, replies) = (self.export_dir.clone(), self.replies.clone());
        tokio::task::spawn_blocking(move || {
            let path = folder.join(&export.name);
            let result = write_new(&path, &export.text).map(|()| path.clone()).map_err(|e| format!("{}: {e}", path.display()));
            let _ = replies.send(Msg::Exported(result));
        });
    }
}

/// Random; the process and the time stand in where the system gives no random numbers.
fn identity() -> String {
    let mut bytes = [0; 16];
    let random = getrandom::fill(&mut bytes).map_or_else(|_| u128::from(std::process::id()), |()| u128::from_le_bytes(bytes));
    format!("{:x}-{random:x}", SystemClock::shared().now_ms())
}

/// Writes a file that must not exist yet, readable by its owner only.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    use tokio::sync::watch;

    use super::*;
    use crate::control::LocalClient;
    use crate::engine::{LogRing, Reply, Request, Snapshot};

    #[tokio::test]
    async fn of_the_questions_that_wait_only_the_newest_is_asked() {
        let (_state, state) = watch::channel(Arc::new(Snapshot::default()));
        let (requests, mut engine) = mpsc::channel(8);
        let client = Client::Local(LocalClient { state, requests, logs: Arc::new(LogRing::new(8)) });
        let (tx, mut replies) = mpsc::unbounded_channel();
        let mut outside = Outside::new(client, PathBuf::new(), false, tx);
        for generation in 1..=4 {
            outside.ask(Slot::Runs, generation, Query::Runs { limit: generation as usize });
        }
        let mut limits = Vec::new();
        for expected in [1, 4] {
            let Some(Request::Query(Query::Runs { limit }, back)) = engine.recv().await else { panic!("no question") };
            limits.push(limit);
            back.send(Ok(Reply::Runs(Vec::new()))).unwrap();
            let Some(Msg::Answer { slot, generation, .. }) = replies.recv().await else { panic!("no answer") };
            assert_eq!(generation, expected);
            assert!(outside.busy());
            outside.answered(slot);
        }
        assert_eq!(limits, [1, 4]);
        assert!(!outside.busy());
    }

    #[test]
    fn no_two_consoles_send_the_same_ids() {
        assert_ne!(identity(), identity());
    }

    #[test]
    fn an_export_never_overwrites_and_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.csv");
        write_new(&path, "a\n").unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(write_new(&path, "b\n").is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a\n");
    }
}
