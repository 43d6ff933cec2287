//! Chords, the map from chords to actions, overrides from the configuration, and the generated key page.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::action::{ACTIONS, Action, Context, Danger, Spec};

/// A key with its modifiers, as people write it: `X`, `ctrl-r`, `shift-tab`, `space`, `f1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

/// What is wrong with the key overrides of the configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// No such action.
    #[error("console.keys: there is no action {0:?}; `nightdesk keys --markdown` lists them")]
    UnknownAction(String),
    /// No such key.
    #[error(
        "console.keys.{action}: {key:?} is not a key; write a character, or ctrl-, alt- or shift- and a key, \
         or one of enter esc tab space backspace delete up down left right home end pgup pgdn f1..f12"
    )]
    BadKey {
        /// The action.
        action: String,
        /// What was written.
        key: String,
    },
    /// Two actions on one chord.
    #[error("console.keys: {chord} would mean both {first} and {second} ({context}); give one of them another key")]
    Duplicate {
        /// The chord.
        chord: String,
        /// Action that has it.
        first: &'static str,
        /// Action that wants it.
        second: &'static str,
        /// Where they meet.
        context: &'static str,
    },
}

const NAMED: [(&str, KeyCode); 16] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("shift-tab", KeyCode::BackTab),
    ("tab", KeyCode::Tab),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
];

impl From<KeyEvent> for Chord {
    /// Shift is part of a character already, and of back-tab; terminals differ in whether they report it.
    fn from(key: KeyEvent) -> Self {
        let mut modifiers = key.modifiers & (KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT);
        if matches!(key.code, KeyCode::Char(_) | KeyCode::BackTab) {
            modifiers.remove(KeyModifiers::SHIFT);
        }
        Self { code: key.code, modifiers }
    }
}

impl FromStr for Chord {
    type Err = ();
    fn from_str(text: &str) -> Result<Self, ()> {
        let mut modifiers = KeyModifiers::NONE;
        let mut rest = text;
        loop {
            if let Some((_, code)) = NAMED.iter().find(|(name, _)| rest.eq_ignore_ascii_case(name)) {
                return Ok(Self { code: *code, modifiers });
            }
            let mut chars = rest.chars();
            if let (Some(c), None) = (chars.next(), chars.next()) {
                return Ok(Self { code: KeyCode::Char(c), modifiers });
            }
            if let Some(n) = rest.strip_prefix(['f', 'F']).and_then(|n| n.parse::<u8>().ok()).filter(|n| (1..=12).contains(n)) {
                return Ok(Self { code: KeyCode::F(n), modifiers });
            }
            let (word, tail) = rest.split_once('-').ok_or(())?;
            modifiers |= match word.to_ascii_lowercase().as_str() {
                "ctrl" => KeyModifiers::CONTROL,
                "alt" => KeyModifiers::ALT,
                "shift" => KeyModifiers::SHIFT,
                _ => return Err(()),
            };
            rest = tail;
        }
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for (flag, word) in [(KeyModifiers::CONTROL, "ctrl-"), (KeyModifiers::ALT, "alt-"), (KeyModifiers::SHIFT, "shift-")] {
            if self.modifiers.contains(flag) {
                text.push_str(word);
            }
        }
        if let Some((name, _)) = NAMED.iter().find(|(_, code)| *code == self.code) {
            text.push_str(name);
        } else {
            match self.code {
                KeyCode::Char(c) => text.push(c),
                KeyCode::F(n) => write!(text, "f{n}")?,
                other => write!(text, "{other}")?,
            }
        }
        f.pad(&text)
    }
}

/// Which chord does what, in which context.
#[derive(Clone, Debug)]
pub struct Keymap {
    by_chord: HashMap<(Context, Chord), Action>,
    by_action: BTreeMap<Action, Vec<Chord>>,
}

impl Keymap {
    /// The default keys with `overrides` (action name to one or more chords, separated by spaces).
    pub fn new(overrides: &BTreeMap<String, String>) -> Result<Self, KeymapError> {
        let mut by_action: BTreeMap<Action, Vec<Chord>> = BTreeMap::new();
        for spec in ACTIONS {
            let chords: Result<Vec<Chord>, ()> = spec.keys.iter().map(|k| k.parse()).collect();
            let bad = |()| KeymapError::BadKey { action: spec.name.to_owned(), key: spec.keys.join(" ") };
            by_action.insert(spec.action, chords.map_err(bad)?);
        }
        for (name, keys) in overrides {
            let action = Action::by_name(name).ok_or_else(|| KeymapError::UnknownAction(name.clone()))?;
            let chords: Result<Vec<Chord>, ()> = keys.split_whitespace().map(str::parse).collect();
            let chords = chords.ok().filter(|c| !c.is_empty());
            let bad = || KeymapError::BadKey { action: name.clone(), key: keys.clone() };
            by_action.insert(action, chords.ok_or_else(bad)?);
        }
        let mut map = Self { by_chord: HashMap::new(), by_action };
        map.index()?;
        Ok(map)
    }

    fn index(&mut self) -> Result<(), KeymapError> {
        for (&action, chords) in &self.by_action {
            let context = action.spec().context;
            for &chord in chords {
                let clash = self.by_chord.iter().find(|((other, c), a)| *c == chord && **a != action && meet(*other, context));
                if let Some(((other, _), first)) = clash {
                    let place = if context == Context::Global { *other } else { context };
                    return Err(KeymapError::Duplicate {
                        chord: chord.to_string(),
                        first: first.spec().name,
                        second: action.spec().name,
                        context: place.title(),
                    });
                }
                self.by_chord.insert((context, chord), action);
            }
        }
        Ok(())
    }

    /// The action of a key in a set of contexts, the most specific first.
    pub fn action(&self, key: KeyEvent, contexts: &[Context]) -> Option<Action> {
        let chord = Chord::from(key);
        contexts.iter().find_map(|c| self.by_chord.get(&(*c, chord))).copied()
    }

    /// The chord to show for an action.
    pub fn shown(&self, action: Action) -> String {
        self.by_action.get(&action).and_then(|c| c.first()).map(ToString::to_string).unwrap_or_default()
    }

    /// All chords of an action.
    pub fn chords(&self, action: Action) -> String {
        let chords: Vec<String> = self.by_action.get(&action).into_iter().flatten().map(ToString::to_string).collect();
        chords.join(" ")
    }
}

/// Whether two contexts can be active at the same time.
fn meet(a: Context, b: Context) -> bool {
    let global = a == Context::Global || b == Context::Global;
    let pair = (a.min(b), a.max(b));
    global
        || a == b
        || matches!(
            pair,
            (Context::Table, Context::Quality | Context::Training | Context::Features | Context::Drift | Context::Signals)
                | (Context::Schedule, Context::Table)
        )
}

/// The key page of the documentation, generated from the action table.
pub fn keys_markdown() -> String {
    let mut out = String::from(
        "# Keys\n\nThis page is generated by `nightdesk keys --markdown`. Any action can be given other keys in \
         `nightdesk.toml`:\n\n```toml\n[console.keys]\nIngestNow = \"ctrl-n\"\nQuit = \"q ctrl-q\"\n```\n",
    );
    for context in Context::ALL {
        let _ = write!(out, "\n## {}\n\n| Key | Action | What it does |\n|---|---|---|\n", context.title());
        for spec in ACTIONS.iter().filter(|s| s.context == context) {
            let keys: Vec<String> = spec.keys.iter().map(|k| format!("`{k}`")).collect();
            let _ = writeln!(out, "| {} | {} | {}{} |", keys.join(" "), spec.name, spec.help, guard(spec.danger));
        }
    }
    out
}

/// The default keys as plain text, for a terminal.
pub fn keys_text() -> String {
    let mut out = String::new();
    let keys = |spec: &Spec| spec.keys.join(" ");
    let width = ACTIONS.iter().map(|s| keys(s).len()).max().unwrap_or_default();
    let names = ACTIONS.iter().map(|s| s.name.len()).max().unwrap_or_default();
    for context in Context::ALL {
        let _ = writeln!(out, "{}{}", if out.is_empty() { "" } else { "\n" }, context.title());
        for spec in ACTIONS.iter().filter(|s| s.context == context) {
            let _ = writeln!(out, "  {:<width$}  {:<names$}  {}{}", keys(spec), spec.name, spec.help, guard(spec.danger));
        }
    }
    out
}

fn guard(danger: Danger) -> &'static str {
    match danger {
        Danger::None => "",
        Danger::Confirm => " (asks first)",
        Danger::TypeName => " (its number must be typed)",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn over(pairs: &[(&str, &str)]) -> Result<Keymap, KeymapError> {
        Keymap::new(&pairs.iter().map(|(a, k)| ((*a).to_owned(), (*k).to_owned())).collect())
    }

    #[test]
    fn the_default_keys_have_no_duplicates_and_reach_every_action() {
        let map = over(&[]).unwrap();
        for spec in ACTIONS {
            for key in spec.keys {
                let chord: Chord = key.parse().unwrap();
                let event = KeyEvent::new(chord.code, chord.modifiers);
                assert_eq!(map.action(event, &[spec.context, Context::Global]), Some(spec.action), "{key}");
                assert_eq!(chord.to_string(), *key);
            }
        }
    }

    #[test]
    fn overrides_replace_and_bad_ones_are_explained() {
        let map = over(&[("IngestNow", "ctrl-n alt-i")]).unwrap();
        let ctrl_n = KeyEvent::new(KeyCode::Char('n'), KeyModifiers::CONTROL);
        assert_eq!(map.action(ctrl_n, &[Context::Global]), Some(Action::IngestNow));
        assert_eq!(map.action(KeyCode::Char('i').into(), &[Context::Global]), None);
        assert_eq!(over(&[("Fly", "f")]).unwrap_err(), KeymapError::UnknownAction("Fly".into()));
        assert!(matches!(over(&[("Quit", "super-q")]), Err(KeymapError::BadKey { .. })));
        assert!(matches!(over(&[("Quit", "")]), Err(KeymapError::BadKey { .. })));
        let clash = over(&[("Quit", "z")]).unwrap_err();
        assert!(matches!(clash, KeymapError::Duplicate { .. }), "{clash}");
        assert!(over(&[("Quit", "f")]).is_err(), "a global key may not hide a pane's key");
    }

    #[test]
    fn shifted_characters_are_the_same_however_the_terminal_reports_them() {
        let map = over(&[]).unwrap();
        let plain = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::NONE);
        let shifted = KeyEvent::new(KeyCode::Char('G'), KeyModifiers::SHIFT);
        assert_eq!(map.action(plain, &[Context::Global]), Some(Action::Last));
        assert_eq!(map.action(shifted, &[Context::Global]), Some(Action::Last));
    }
}
