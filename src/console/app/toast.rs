//! Short messages at the top right: bounded, repeated ones counted, errors stay until they are read.

use std::collections::VecDeque;

/// How a toast is coloured, and how long it stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToastLevel {
    /// Something went well.
    Ok,
    /// Something to know.
    Info,
    /// Something to look at.
    Warn,
    /// Something failed; stays until read.
    Bad,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// Level.
    pub level: ToastLevel,
    /// Text.
    pub text: String,
    /// How often it came.
    pub count: u32,
    /// When it goes, UTC milliseconds; `None` stays until read.
    pub until: Option<i64>,
}

/// The messages on screen.
#[derive(Clone, Debug, Default)]
pub struct Toasts {
    shown: VecDeque<Toast>,
    /// Messages that had to go to make room, since the last time all were read.
    pub overflow: u32,
}

/// Most messages on screen.
const LIMIT: usize = 4;
/// How long a message stays, milliseconds.
const STAY_MS: i64 = 5_000;

impl Toasts {
    /// Whether any message is on screen.
    pub fn any(&self) -> bool {
        !self.shown.is_empty()
    }

    /// Shows a message; one that is on screen already is counted instead.
    pub fn push(&mut self, level: ToastLevel, text: impl Into<String>, now_ms: i64) {
        let text = text.into();
        let until = (level != ToastLevel::Bad).then_some(now_ms + STAY_MS);
        if let Some(same) = self.shown.iter_mut().find(|t| t.level == level && t.text == text) {
            same.count += 1;
            same.until = until;
            return;
        }
        if self.shown.len() == LIMIT {
            // An unread error outlives whatever would go by itself.
            let victim = self.shown.iter().position(|t| t.until.is_some()).unwrap_or(0);
            self.shown.remove(victim);
            self.overflow += 1;
        }
        self.shown.push_back(Toast { level, text, count: 1, until });
    }

    /// Removes what had its time; true when something went.
    pub fn expire(&mut self, now_ms: i64) -> bool {
        let before = self.shown.len();
        self.shown.retain(|t| t.until.is_none_or(|u| u > now_ms));
        before != self.shown.len()
    }

    /// Removes all; true when there were any.
    pub fn read(&mut self) -> bool {
        self.overflow = 0;
        let any = !self.shown.is_empty();
        self.shown.clear();
        any
    }

    /// The messages, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Toast> {
        self.shown.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_messages_are_counted_and_errors_stay() {
        let mut toasts = Toasts::default();
        toasts.push(ToastLevel::Bad, "broken", 0);
        for i in 0..6 {
            toasts.push(ToastLevel::Ok, format!("run {}", i / 2), 0);
        }
        assert_eq!(toasts.iter().map(|t| t.count).collect::<Vec<_>>(), [1, 2, 2, 2]);
        toasts.push(ToastLevel::Warn, "more", 0);
        assert_eq!((toasts.iter().count(), toasts.overflow), (4, 1));
        assert!(toasts.expire(STAY_MS));
        assert_eq!(toasts.iter().map(|t| t.text.as_str()).collect::<Vec<_>>(), ["broken"]);
        assert!(toasts.read() && !toasts.read());
    }
}
