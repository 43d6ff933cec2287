//! The signals a daemon answers: TERM and INT stop it, HUP reads the configuration again, USR1 writes the state into
//! the log.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// To end, by the named signal.
    Stop(&'static str),
    /// To read the configuration again.
    Reload,
    /// To write the state into the log.
    Dump,
}

/// The four signals.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user: Signal,
}

impl Signals {
    /// Takes the signals over; none of them has its default action afterwards.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            user: signal(SignalKind::user_defined1())?,
        })
    }

    /// The next signal.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop("TERM"),
            _ = self.interrupt.recv() => Asked::Stop("INT"),
            _ = self.hangup.recv() => Asked::Reload,
            _ = self.user.recv() => Asked::Dump,
        }
    }

    /// The next signal that asks to end; others are let pass.
    pub async fn stop(&mut self) -> &'static str {
        loop {
            if let Asked::Stop(name) = self.next().await {
                return name;
            }
        }
    }
}
