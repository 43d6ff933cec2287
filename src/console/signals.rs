//! Signals as the loop sees them.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end, stop or continue a console.
pub struct Signals {
    term: Signal,
    hup: Signal,
    int: Signal,
    cont: Signal,
    stop: Signal,
}

/// What a signal asks for.
pub enum Caught {
    /// To leave.
    End(SignalKind),
    /// To go on after a stop.
    Continued,
    /// To stop, as ctrl-z does.
    Stop,
}

impl Signals {
    /// Takes the signals over for the whole process.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            hup: signal(SignalKind::hangup())?,
            int: signal(SignalKind::interrupt())?,
            cont: signal(SignalKind::from_raw(rustix::process::Signal::CONT.as_raw()))?,
            stop: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
        })
    }

    /// The next signal. Cancel-safe: a signal that is not taken stays pending.
    pub async fn recv(&mut self) -> Caught {
        tokio::select! {
            _ = self.term.recv() => Caught::End(SignalKind::terminate()),
            _ = self.hup.recv() => Caught::End(SignalKind::hangup()),
            _ = self.int.recv() => Caught::End(SignalKind::interrupt()),
            _ = self.cont.recv() => Caught::Continued,
            _ = self.stop.recv() => Caught::Stop,
        }
    }

    /// Waits until the process has been continued. Cancel-safe.
    pub async fn continued(&mut self) {
        self.cont.recv().await;
    }
}
