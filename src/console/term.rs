//! The terminal: what is switched on at the start is switched off at the end, whatever the end is.

use std::io::{self, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::thread::{self, ThreadId};

use crossterm::cursor::{SetCursorStyle, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableFocusChange, DisableMouseCapture, EnableBracketedPaste, EnableFocusChange, EnableMouseCapture,
};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, SetTitle, disable_raw_mode, enable_raw_mode,
};
use crossterm::{execute, queue};

/// Whether the terminal is ours at the moment. Global, because the panic hook must know it.
static OURS: AtomicBool = AtomicBool::new(false);
/// The thread that draws: only its panic ends the console.
static DRAWER: Mutex<Option<ThreadId>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// Holds the terminal in console mode; dropping it gives the terminal back.
#[derive(Debug)]
pub struct TermGuard {
    title: String,
    mouse: bool,
}

impl TermGuard {
    /// Takes the terminal.
    pub fn enter(title: &str, mouse: bool) -> io::Result<Self> {
        install_hook();
        *DRAWER.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread::current().id());
        let guard = Self { title: title.to_owned(), mouse };
        guard.resume()?;
        Ok(guard)
    }

    /// Takes the terminal again, after a suspension.
    pub fn resume(&self) -> io::Result<()> {
        OURS.store(true, Ordering::SeqCst);
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste, EnableFocusChange, SetTitle(&self.title))?;
        if self.mouse { execute!(io::stdout(), EnableMouseCapture) } else { Ok(()) }
    }

    /// Captures the mouse, or stops.
    pub fn capture_mouse(&mut self, on: bool) -> io::Result<()> {
        self.mouse = on;
        if on { execute!(io::stdout(), EnableMouseCapture) } else { execute!(io::stdout(), DisableMouseCapture) }
    }
}

impl Drop for TermGuard {
    fn drop(&mut self) {
        leave();
    }
}

/// Gives the terminal back: every mode that was switched on, in reverse. Calling it again does nothing. Errors are
/// ignored: a terminal that is gone needs no restoring.
pub fn leave() {
    if !OURS.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    let _ = execute!(
        out,
        EndSynchronizedUpdate,
        DisableMouseCapture,
        DisableFocusChange,
        DisableBracketedPaste,
        SetCursorStyle::DefaultUserShape,
        LeaveAlternateScreen,
        Show
    );
    let _ = disable_raw_mode();
}

/// A panic of the drawing thread restores the terminal before it is reported. A panic of another thread while the
/// console is up goes to the log: its report would tear the screen.
fn install_hook() {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let drawer = *DRAWER.lock().unwrap_or_else(PoisonError::into_inner);
            if OURS.load(Ordering::SeqCst) && drawer != Some(thread::current().id()) {
                tracing::error!(target: "console", thread = thread::current().name().unwrap_or("unnamed"), "A thread panicked: {info}");
                return;
            }
            leave();
            before(info);
        }));
    });
}

/// A synchronized update: the terminal shows all of a frame or nothing of it. Ends when dropped.
pub struct FrameGuard;

impl FrameGuard {
    /// Begins one. It stays in standard output's buffer until the frame follows it.
    pub fn begin() -> Self {
        let _ = queue!(io::stdout(), BeginSynchronizedUpdate);
        Self
    }
}

impl Drop for FrameGuard {
    fn drop(&mut self) {
        let _ = queue!(io::stdout(), EndSynchronizedUpdate);
        let _ = io::stdout().flush();
    }
}
