//! The loop: wait, drain, update, start effects, draw if something changed. Input is drawn at once; data are gathered
//! to one frame in 33 ms. Nothing here waits for the engine.

use std::future::poll_fn;
use std::io::{self, Stdout};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crossterm::cursor::MoveTo;
use crossterm::event::{Event, EventStream};
use crossterm::queue;
use futures_util::StreamExt;
use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::app::{App, Effect, Msg};
use super::idle::Idle;
use super::images::Images;
use super::outside::{ForLoop, Outside, TakeIn};
use super::signals::{Caught, Signals};
use super::term::{FrameGuard, TermGuard, leave};
use super::terminal_answers::{Answers, ask};
use super::theme::{ColorChoice, ColorLevel, Theme};
use super::view::{Look, view};
use super::{ConsoleError, ConsoleOptions, Exit};
use crate::control::{Client, LinkView};
use crate::engine::Snapshot;
use crate::market::Clock;

/// Shortest time between frames caused by data.
const FRAME: Duration = Duration::from_millis(33);
/// Time between two steps of the spinner.
const SPIN: Duration = Duration::from_millis(125);
/// Most events taken before a frame, so that a flood of them cannot hold drawing up.
const DRAIN: usize = 256;
/// How long keys are ignored when the terminal may still answer the question for its background.
const DEAF: Duration = Duration::from_millis(400);

/// What woke the loop.
enum Woken {
    Signal(Caught),
    Input(Option<io::Result<Event>>),
    State(bool),
    Link(LinkView),
    Reply(Msg),
    Image,
    Second,
    Spin,
    Frame,
}

struct Console {
    app: App,
    look: Look,
    images: Option<Images>,
    terminal: Terminal<CrosstermBackend<Stdout>>,
    guard: TermGuard,
    events: Option<EventStream>,
    signals: Signals,
    client: Client,
    state: watch::Receiver<Arc<Snapshot>>,
    engine_lives: bool,
    outside: Outside,
    replies: mpsc::UnboundedReceiver<Msg>,
    clock: Arc<dyn Clock>,
    pace: Pace,
    idle: Idle,
}

/// When what is due.
struct Pace {
    dirty: bool,
    /// When the first input since the last frame came, monotonic.
    input_at: Option<Duration>,
    next_frame: Instant,
    next_second: Instant,
    next_spin: Instant,
    deaf_until: Option<Instant>,
}

/// Runs the loop until something ends it.
pub async fn run(options: ConsoleOptions) -> Result<Exit, ConsoleError> {
    let mut console = Console::open(options).await?;
    let exit = console.turn().await;
    drop(console.events.take());
    // A terminal that is gone shows none.
    drop(console.hide_image());
    leave();
    console.idle.report();
    exit
}

impl Console {
    async fn open(options: ConsoleOptions) -> Result<Self, ConsoleError> {
        let ConsoleOptions { client, settings, notices, color, ascii, clock, title, export_dir, idle_file } = options;
        let app = App::new(&settings, clock.now_ms())?;
        let env = |name: &str| std::env::var(name).ok();
        let level = ColorLevel::detect(color, env);
        if color == ColorChoice::Always && level != ColorLevel::None {
            crossterm::style::force_color_output(true);
        }
        let signals = Signals::new()?;
        let guard = TermGuard::enter(&title, settings.mouse)?;
        let ascii = ascii || settings.ascii || !unicode(env);
        let Answers { background, images, late } = ask(&settings, level, ascii).await?;
        let look = Look { theme: Theme::load(background, level)?, ascii };
        let mut terminal = Terminal::new(CrosstermBackend::new(io::stdout()))?;
        clear(&mut terminal)?;
        let (tx, replies) = mpsc::unbounded_channel();
        let now = Instant::now();
        let mut state = client.state();
        state.mark_changed();
        Ok(Self {
            app,
            look,
            images,
            terminal,
            guard,
            events: Some(EventStream::new()),
            signals,
            state,
            engine_lives: true,
            outside: Outside::new(client.clone(), export_dir, notices, tx),
            client,
            replies,
            clock,
            pace: Pace {
                dirty: true,
                input_at: None,
                next_frame: now,
                next_second: now,
                next_spin: now + SPIN,
                deaf_until: late.then(|| now + DEAF),
            },
            idle: Idle::new(idle_file),
        })
    }

    async fn turn(&mut self) -> Result<Exit, ConsoleError> {
        let mut messages = Vec::new();
        loop {
            let woken = self.wait().await;
            match self.take(woken, &mut messages) {
                Some(Outcome::Exit(exit)) => return Ok(exit),
                Some(Outcome::Suspend) => self.suspend().await?,
                Some(Outcome::Resumed) => self.redraw_all()?,
                None => {}
            }
            self.drain(&mut messages).await;
            self.app.set_now(self.clock.now_ms());
            let mut effects = Vec::new();
            for message in messages.drain(..) {
                self.pace.dirty |= self.app.update(message, &mut effects);
            }
            if let Some(exit) = self.start(effects).await? {
                return Ok(exit);
            }
            if self.pace.dirty && (self.pace.input_at.is_some() || Instant::now() >= self.pace.next_frame) {
                self.draw()?;
            }
            let settled = !self.pace.dirty && !self.outside.busy();
            self.idle.note(settled);
        }
    }

    /// Waits for the next thing to do; signals and keys come first.
    async fn wait(&mut self) -> Woken {
        let Self { signals, events, state, client, replies, pace, app, engine_lives, images, .. } = self;
        tokio::select! {
            biased;
            caught = signals.recv() => Woken::Signal(caught),
            event = next_event(events) => Woken::Input(event),
            changed = state.changed(), if *engine_lives => Woken::State(changed.is_ok()),
            link = client.link_changed(app.link()), if *app.link() != LinkView::Gone => Woken::Link(link),
            Some(message) = replies.recv() => Woken::Reply(message),
            () = image_made(images) => Woken::Image,
            () = sleep_until(pace.next_second), if app.ticks() => Woken::Second,
            () = sleep_until(pace.next_spin), if app.animates() => Woken::Spin,
            () = sleep_until(pace.next_frame), if pace.dirty => Woken::Frame,
        }
    }

    /// Turns what woke the loop into messages.
    fn take(&mut self, woken: Woken, messages: &mut Vec<Msg>) -> Option<Outcome> {
        match woken {
            Woken::Signal(Caught::End(kind)) => return Some(Outcome::Exit(Exit::Signal(kind.as_raw_value()))),
            Woken::Signal(Caught::Stop) => return Some(Outcome::Suspend),
            Woken::Signal(Caught::Continued) => return Some(Outcome::Resumed),
            Woken::Input(Some(Ok(event))) => self.input(event, messages),
            Woken::Input(Some(Err(_)) | None) => return Some(Outcome::Exit(Exit::HangUp)),
            Woken::State(true) => messages.push(Msg::Snapshot(self.state.borrow_and_update().clone())),
            Woken::State(false) => {
                self.engine_lives = false;
                messages.push(Msg::Link(LinkView::Gone));
            }
            Woken::Link(link) => messages.push(Msg::Link(link)),
            Woken::Reply(message) => self.reply(message, messages),
            Woken::Second => {
                let now_ms = self.clock.now_ms();
                // The next whole second, so that the clock on screen does not skip one.
                let rest = 1_000 - now_ms.rem_euclid(1_000);
                self.pace.next_second = Instant::now() + Duration::from_millis(rest.unsigned_abs());
                messages.push(Msg::Clock(now_ms));
            }
            Woken::Spin => {
                self.pace.next_spin = Instant::now() + SPIN;
                messages.push(Msg::Spin);
            }
            Woken::Image => self.pace.dirty = true,
            Woken::Frame => {}
        }
        None
    }

    fn input(&mut self, event: Event, messages: &mut Vec<Msg>) {
        let message = match event {
            Event::Key(key) => {
                if self.pace.deaf_until.is_some_and(|t| Instant::now() < t) {
                    return;
                }
                self.idle.inputs += 1;
                Msg::Key(key)
            }
            Event::Mouse(mouse) => Msg::Mouse(mouse),
            Event::Paste(text) => Msg::Paste(text),
            Event::Resize(..) => {
                self.images.iter_mut().for_each(Images::cleared);
                Msg::Resize
            }
            Event::FocusGained => Msg::Focus(true),
            Event::FocusLost => Msg::Focus(false),
        };
        self.pace.input_at.get_or_insert_with(|| self.clock.mono());
        messages.push(message);
    }

    fn reply(&mut self, message: Msg, messages: &mut Vec<Msg>) {
        if let Msg::Answer { slot, .. } = &message {
            self.outside.answered(*slot);
        }
        messages.push(message);
    }

    /// Takes what is ready already: a paste, a turned wheel and key repeat become one frame.
    async fn drain(&mut self, messages: &mut Vec<Msg>) {
        for _ in 0..DRAIN {
            let Some(Ok(event)) = ready_event(&mut self.events).await else { break };
            self.input(event, messages);
        }
        while let Ok(message) = self.replies.try_recv() {
            self.reply(message, messages);
        }
    }

    /// Starts effects; some of them cause messages, and those effects again.
    async fn start(&mut self, mut effects: Vec<Effect>) -> Result<Option<Exit>, ConsoleError> {
        while !effects.is_empty() {
            for effect in std::mem::take(&mut effects) {
                match self.outside.start(effect) {
                    Some(ForLoop::Take(logs)) => {
                        let TakeIn(records, dropped) = *logs;
                        self.pace.dirty |= self.app.update(Msg::Logs(records, dropped), &mut effects);
                    }
                    Some(ForLoop::Mouse(on)) => self.guard.capture_mouse(on)?,
                    Some(ForLoop::Suspend) => self.suspend().await?,
                    Some(ForLoop::Leave(exit)) => return Ok(Some(exit)),
                    None => {}
                }
            }
        }
        Ok(None)
    }

    fn draw(&mut self) -> Result<(), ConsoleError> {
        let (app, look) = (&self.app, &self.look);
        let mut drawn = super::hit::Drawn::default();
        {
            let _frame = FrameGuard::begin();
            self.terminal.draw(|frame| {
                let area = frame.area();
                drawn = view(app, look, area, frame.buffer_mut());
                if let Some(at) = drawn.cursor {
                    frame.set_cursor_position(at);
                }
            })?;
            if let Some(images) = &mut self.images {
                images.show(&mut io::stdout(), app.picture(drawn.losses))?;
            }
            // The hidden cursor stands on the selection, where screen readers and magnifiers look.
            if let (None, Some(at)) = (drawn.cursor, drawn.selection) {
                queue!(io::stdout(), MoveTo(at.x, at.y))?;
            }
        }
        self.app.set_drawn(drawn);
        self.pace.dirty = false;
        self.pace.next_frame = Instant::now() + FRAME;
        self.idle.frames += 1;
        if let Some(at) = self.pace.input_at.take() {
            self.idle.key_shown(self.clock.mono().saturating_sub(at));
        }
        Ok(())
    }

    /// Gives the terminal back and stops the whole process group, as the shell's job control expects; goes on when
    /// the shell continues it. (A `SIGTSTP` raised by oneself is discarded in an orphaned group; `SIGSTOP` is not.)
    async fn suspend(&mut self) -> Result<(), ConsoleError> {
        drop(self.events.take());
        self.hide_image()?;
        leave();
        rustix::process::kill_current_process_group(rustix::process::Signal::STOP).map_err(io::Error::from)?;
        // The process stops in the call above. Some systems deliver the stop a moment later: the continuation is
        // waited for, but not for ever, since the loop's own SIGCONT arm handles a late one as well.
        let _ = timeout(Duration::from_secs(1), self.signals.continued()).await;
        self.redraw_all()
    }

    fn hide_image(&mut self) -> io::Result<()> {
        self.images.as_mut().map_or(Ok(()), |images| images.hide(&mut io::stdout()))
    }

    /// Takes the terminal (again) and draws everything.
    fn redraw_all(&mut self) -> Result<(), ConsoleError> {
        self.guard.resume()?;
        self.events.get_or_insert_with(EventStream::new);
        clear(&mut self.terminal)?;
        self.images.iter_mut().for_each(Images::cleared);
        self.pace.dirty = true;
        self.pace.next_second = Instant::now();
        Ok(())
    }
}

/// Clears the screen, so that the next frame is drawn whole. `Terminal::clear` would ask the terminal where its cursor
/// is, and a terminal that does not answer would end the console; resizing to the same size clears without asking.
fn clear<B: Backend>(terminal: &mut Terminal<B>) -> Result<(), B::Error> {
    let size = terminal.size()?;
    terminal.resize(size.into())
}

enum Outcome {
    Exit(Exit),
    Suspend,
    Resumed,
}

/// Cancel-safe: the stream keeps what it has read.
async fn next_event(events: &mut Option<EventStream>) -> Option<io::Result<Event>> {
    match events {
        Some(events) => events.next().await,
        None => std::future::pending().await,
    }
}

/// Cancel-safe, as [`Images::made`] is.
async fn image_made(images: &mut Option<Images>) {
    match images {
        Some(images) => images.made().await,
        None => std::future::pending().await,
    }
}

/// An event that has come already, without waiting for one. The stream keeps the waker of its last empty poll until the
/// next event, so that waker must be the loop's own: with any other (`now_or_never`) the next key would wake nobody.
async fn ready_event(events: &mut Option<EventStream>) -> Option<io::Result<Event>> {
    let events = events.as_mut()?;
    poll_fn(|cx| match events.poll_next_unpin(cx) {
        Poll::Ready(event) => Poll::Ready(event),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Whether the locale is UTF-8. A machine that names no locale at all (containers) is given the benefit of the doubt.
fn unicode(env: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|n| env(n).filter(|v| !v.is_empty()));
    locale.is_none_or(|l| {
        let l = l.to_ascii_lowercase();
        l.contains("utf-8") || l.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_decides_on_unicode() {
        let env = |pairs: &'static [(&str, &str)]| move |name: &str| pairs.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned());
        assert!(unicode(env(&[("LANG", "en_US.UTF-8")])));
        assert!(!unicode(env(&[("LC_ALL", "C"), ("LANG", "en_US.UTF-8")])));
        assert!(unicode(env(&[])));
        assert!(!unicode(env(&[("LANG", "POSIX")])));
    }
}
