//! Telling a user who looks elsewhere: the bell, and a desktop notice in whichever of the two escape sequences the
//! terminal is known to take. `outside` calls it for [`Effect::Notify`](super::Effect::Notify).

use std::io::{self, Write};

/// Longest text of a notice, characters.
const LONGEST: usize = 200;

/// The notices a terminal is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notices {
    /// OSC 9 (iTerm2's): the text alone.
    nine: bool,
    /// OSC 777 (urxvt's): title and text.
    seven: bool,
}

impl Notices {
    const BELL: Self = Self { nine: false, seven: false };
    const NINE: Self = Self { nine: true, seven: false };
    const SEVEN: Self = Self { nine: false, seven: true };
    const BOTH: Self = Self { nine: true, seven: true };

    /// What the terminal of this environment takes. Terminals that take both sequences are sent one, so that one news
    /// is one notice; an unknown terminal is sent both, since those it does not know it must ignore. Multiplexers and
    /// the plain console get the bell only: they would swallow the rest, or print it.
    pub fn of(env: impl Fn(&str) -> Option<String>) -> Self {
        let var = |name| env(name).unwrap_or_default();
        let (term, program) = (var("TERM"), var("TERM_PROGRAM"));
        let starts = |names: &[&str]| names.iter().any(|n| term.starts_with(n));
        if env("TMUX").is_some() || env("STY").is_some() || starts(&["tmux", "screen", "linux", "dumb"]) {
            Self::BELL
        } else if ["iTerm.app", "WezTerm", "ghostty", "vscode"].contains(&program.as_str()) || starts(&["xterm-kitty", "xterm-ghostty"]) {
            Self::NINE
        } else if env("VTE_VERSION").is_some() || starts(&["rxvt", "foot"]) {
            Self::SEVEN
        } else {
            Self::BOTH
        }
    }

    /// Rings the bell and sends the notice.
    pub fn send(self, out: &mut impl Write, text: &str) -> io::Result<()> {
        // A control character could end the sequence early and be taken as a command; a semicolon separates fields.
        let clean: String = text.chars().filter(|c| !c.is_control()).map(|c| if c == ';' { ',' } else { c }).take(LONGEST).collect();
        out.write_all(b"\x07")?;
        if self.nine {
            // The word in front keeps a text that begins with a number from being taken as one of ConEmu's commands.
            write!(out, "\x1b]9;Nightdesk: {clean}\x1b\\")?;
        }
        if self.seven {
            write!(out, "\x1b]777;notify;Nightdesk;{clean}\x1b\\")?;
        }
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn in_env(pairs: &[(&str, &str)]) -> Notices {
        Notices::of(|name| pairs.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned()))
    }

    fn sent(notices: Notices, text: &str) -> String {
        let mut out = Vec::new();
        notices.send(&mut out, text).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_terminal_is_told_once_in_words_it_knows() {
        assert_eq!(in_env(&[("TERM", "xterm-256color"), ("TMUX", "/tmp/x")]), Notices::BELL);
        assert_eq!(in_env(&[("TERM", "screen-256color")]), Notices::BELL);
        assert_eq!(in_env(&[("TERM", "linux")]), Notices::BELL);
        assert_eq!(in_env(&[("TERM", "xterm-256color"), ("TERM_PROGRAM", "iTerm.app")]), Notices::NINE);
        assert_eq!(in_env(&[("TERM", "xterm-kitty")]), Notices::NINE);
        assert_eq!(in_env(&[("TERM", "xterm-256color"), ("VTE_VERSION", "7600")]), Notices::SEVEN);
        assert_eq!(in_env(&[("TERM", "foot")]), Notices::SEVEN);
        assert_eq!(in_env(&[("TERM", "xterm-256color")]), Notices::BOTH);
    }

    #[test]
    fn the_sequences_are_those_of_the_terminals() {
        assert_eq!(sent(Notices::BELL, "late"), "\x07");
        let both = "\x07\x1b]9;Nightdesk: ib down, retrying\x1b\\\x1b]777;notify;Nightdesk;ib down, retrying\x1b\\";
        assert_eq!(sent(Notices::BOTH, "ib down; retrying"), both);
    }

    proptest! {
        #[test]
        fn no_text_breaks_out_of_its_sequence(text in any::<String>()) {
            let out = sent(Notices::BOTH, &text);
            prop_assert_eq!(out.matches('\x1b').count(), 4);
            prop_assert_eq!(out.matches('\x07').count(), 1);
            let clean = !out.contains('\u{9c}') && out.matches(';').count() == 4;
            prop_assert!(clean);
        }
    }
}
