//! The terminal console: one screen that tells whether all data are fresh, what runs and when it ends, and what needs
//! the operator.
//!
//! `cli` calls [`run`] from a thread of its own. The console knows an engine only through [`Client`] and the snapshot
//! types; [`App::update`] is pure, [`view`] reads nothing but the app, and the event loop does everything else.

mod action;
mod app;
mod event_loop;
mod fmt;
mod hit;
mod idle;
mod images;
mod keymap;
mod notice;
mod outside;
mod signals;
mod term;
mod terminal_answers;
mod theme;
mod view;
mod zone;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;

pub use action::{ACTIONS, Action, Context, Danger, Spec};
pub use app::{App, AppError, Effect, Export, Msg, Slot};
pub use fmt::thousands;
pub use hit::{Drawn, Hit};
pub use keymap::{Chord, Keymap, KeymapError, keys_markdown, keys_text};
pub use theme::{Background, ColorChoice, ColorLevel, Role, Theme, ThemeError};
pub use view::{Look, SMALLEST, view};
pub use zone::ZoneError;

use crate::config::ConsoleSettings;
use crate::control::Client;
use crate::market::Clock;

/// What the console needs.
#[derive(Clone)]
pub struct ConsoleOptions {
    /// The engine.
    pub client: Client,
    /// Table `[console]` of the configuration.
    pub settings: ConsoleSettings,
    /// Whether a user who looks elsewhere is told of bad news, by bell and desktop notice.
    pub notices: bool,
    /// Colours, as asked for on the command line.
    pub color: ColorChoice,
    /// Only ASCII characters, as asked for on the command line.
    pub ascii: bool,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Title of the terminal's window.
    pub title: String,
    /// Folder that exported tables are written to.
    pub export_dir: PathBuf,
    /// A file that is rewritten with `inputs=N frames=N` each time the console has drawn everything and waits, so
    /// that end-to-end tests wait for a state and not for a time.
    pub idle_file: Option<PathBuf>,
}

/// Why the console ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The operator detached: the engine, in a daemon, goes on.
    Detached,
    /// The engine in this process is to be handed over to a daemon in the background.
    HandOver,
    /// The engine in this process is to stop, or has stopped.
    Stop,
    /// A signal asked for it, by its number.
    Signal(i32),
    /// The terminal is gone.
    HangUp,
}

/// Why the console could not run.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// Standard output or input is no terminal.
    #[error("the console needs a terminal; `nightdesk status` prints the state as text")]
    NotATerminal,
    /// A setting is wrong.
    #[error(transparent)]
    Settings(#[from] AppError),
    /// The theme is wrong.
    #[error(transparent)]
    Theme(#[from] ThemeError),
    /// The terminal refused something.
    #[error("the terminal failed: {0}")]
    Terminal(#[from] std::io::Error),
}

/// Runs the console until the operator leaves. Call it from a plain thread, not from an async task: it has a
/// runtime of its own, so that a busy engine cannot delay a key. The engine keeps running afterwards.
pub fn run(options: ConsoleOptions) -> Result<Exit, ConsoleError> {
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        return Err(ConsoleError::NotATerminal);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let exit = runtime.block_on(event_loop::run(options));
    // An answer that never comes must not hold the console's end back.
    runtime.shutdown_background();
    exit
}
