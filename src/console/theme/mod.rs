//! Colours by role. A role has an attribute of its own where there is no colour, so that nothing is said by colour
//! alone; the mapping happens here, before crossterm drops colours under `NO_COLOR`.

pub mod background;
mod level;

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

pub use background::Background;
pub use level::{ColorChoice, ColorLevel};

/// What a piece of text stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Ordinary text.
    Text,
    /// Quiet: borders, units, healthy cells.
    Dim,
    /// Focus, selection, what runs.
    Focus,
    /// Done, healthy.
    Ok,
    /// Late, wants a look.
    Warn,
    /// Failed.
    Bad,
    /// Stale, gap, quarantine.
    Stale,
}

impl Role {
    /// All roles, in the order of the styles.
    pub const ALL: [Self; 7] = [Self::Text, Self::Dim, Self::Focus, Self::Ok, Self::Warn, Self::Bad, Self::Stale];
}

/// The styles of all roles at one colour level.
#[derive(Clone, Debug)]
pub struct Theme {
    styles: [Style; Role::ALL.len()],
    level: ColorLevel,
}

/// A theme file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThemeError {
    /// Not the TOML that a theme is.
    #[error("the theme {name} cannot be read: {why}")]
    Syntax {
        /// Which theme.
        name: &'static str,
        /// What the parser said.
        why: String,
    },
    /// A value that is no colour.
    #[error("the theme {name} holds {value:?}, which is no colour; write #RRGGBB, or an ANSI colour name")]
    Color {
        /// Which theme.
        name: &'static str,
        /// What was written.
        value: String,
    },
    /// A name that is no theme.
    #[error("console.theme: {0:?} is not a theme; use auto, dark or light")]
    Unknown(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    text: Entry,
    dim: Entry,
    focus: Entry,
    ok: Entry,
    warn: Entry,
    bad: Entry,
    stale: Entry,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    rgb: String,
    ansi: String,
}

impl Theme {
    /// The embedded theme for `background` at `level`.
    pub fn load(background: Background, level: ColorLevel) -> Result<Self, ThemeError> {
        match background {
            Background::Dark => Self::parse("dark", include_str!("../../../assets/themes/dark.toml"), level),
            Background::Light => Self::parse("light", include_str!("../../../assets/themes/light.toml"), level),
        }
    }

    fn parse(name: &'static str, text: &str, level: ColorLevel) -> Result<Self, ThemeError> {
        let file: File = toml::from_str(text).map_err(|e| ThemeError::Syntax { name, why: e.to_string() })?;
        let entries = [file.text, file.dim, file.focus, file.ok, file.warn, file.bad, file.stale];
        let mut styles = [Style::new(); Role::ALL.len()];
        for ((style, entry), role) in styles.iter_mut().zip(&entries).zip(Role::ALL) {
            let bad = |value: &str| ThemeError::Color { name, value: value.to_owned() };
            let rgb = rgb(&entry.rgb).ok_or_else(|| bad(&entry.rgb))?;
            let ansi = ansi(&entry.ansi).ok_or_else(|| bad(&entry.ansi))?;
            *style = match level {
                ColorLevel::True => Style::new().fg(Color::Rgb(rgb[0], rgb[1], rgb[2])),
                ColorLevel::Indexed => Style::new().fg(Color::Indexed(cube(rgb))),
                ColorLevel::Sixteen => Style::new().fg(ansi),
                ColorLevel::None => attributes(role),
            };
        }
        Ok(Self { styles, level })
    }

    /// The style of a role.
    pub const fn style(&self, role: Role) -> Style {
        self.styles[role as usize]
    }

    /// The style of a role, emphasised.
    pub const fn strong(&self, role: Role) -> Style {
        self.styles[role as usize].add_modifier(Modifier::BOLD)
    }

    /// The style of the selected thing: the role's, inverted.
    pub const fn selected(&self, role: Role) -> Style {
        self.styles[role as usize].add_modifier(Modifier::REVERSED).add_modifier(Modifier::BOLD)
    }

    /// How many colours there are.
    pub const fn level(&self) -> ColorLevel {
        self.level
    }
}

/// What a role looks like without colours.
const fn attributes(role: Role) -> Style {
    match role {
        Role::Text | Role::Ok => Style::new(),
        Role::Dim => Style::new().add_modifier(Modifier::DIM),
        Role::Focus => Style::new().add_modifier(Modifier::BOLD),
        Role::Warn => Style::new().add_modifier(Modifier::UNDERLINED),
        Role::Bad => Style::new().add_modifier(Modifier::REVERSED),
        Role::Stale => Style::new().add_modifier(Modifier::DIM).add_modifier(Modifier::ITALIC),
    }
}

fn rgb(text: &str) -> Option<[u8; 3]> {
    let hex = text.strip_prefix('#').filter(|h| h.len() == 6 && h.is_ascii())?;
    let part = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).ok();
    Some([part(0)?, part(2)?, part(4)?])
}

fn ansi(name: &str) -> Option<Color> {
    Some(match name {
        "default" => Color::Reset,
        "black" => Color::Black,
        "red" => Color::Red,
        "green" => Color::Green,
        "yellow" => Color::Yellow,
        "blue" => Color::Blue,
        "magenta" => Color::Magenta,
        "cyan" => Color::Cyan,
        "white" => Color::Gray,
        "bright-black" => Color::DarkGray,
        "bright-red" => Color::LightRed,
        "bright-green" => Color::LightGreen,
        "bright-yellow" => Color::LightYellow,
        "bright-blue" => Color::LightBlue,
        "bright-magenta" => Color::LightMagenta,
        "bright-cyan" => Color::LightCyan,
        "bright-white" => Color::White,
        _ => return None,
    })
}

/// Index of the nearest colour in xterm's 6x6x6 cube, whose steps are 0 95 135 175 215 255.
fn cube(rgb: [u8; 3]) -> u8 {
    let step = |v: u8| match v {
        0..=47 => 0,
        48..=114 => 1,
        v => (v - 35) / 40,
    };
    16 + 36 * step(rgb[0]) + 6 * step(rgb[1]) + step(rgb[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_distinct_at_every_level() {
        for background in [Background::Dark, Background::Light] {
            for level in [ColorLevel::True, ColorLevel::Indexed, ColorLevel::Sixteen, ColorLevel::None] {
                let theme = Theme::load(background, level).unwrap();
                for (i, a) in Role::ALL.into_iter().enumerate() {
                    for b in Role::ALL.into_iter().skip(i + 1) {
                        // Without colour "ok" is plain text by design: the quiet state needs no mark.
                        let quiet = level == ColorLevel::None && (a, b) == (Role::Text, Role::Ok);
                        assert!(quiet || theme.style(a) != theme.style(b), "{background:?} {level:?} {a:?} {b:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_cube_index_is_the_nearest_one() {
        assert_eq!(cube([0, 0, 0]), 16);
        assert_eq!(cube([255, 255, 255]), 231);
        assert_eq!(cube([0x17, 0xD5, 0xFF]), 16 + 24 + 5);
    }

    #[test]
    fn a_bad_theme_is_an_error_value() {
        assert!(matches!(Theme::parse("dark", "nonsense", ColorLevel::True), Err(ThemeError::Syntax { .. })));
        let text = include_str!("../../../assets/themes/dark.toml").replace("#D8DADF", "#D8DADÜ");
        assert!(matches!(Theme::parse("dark", &text, ColorLevel::True), Err(ThemeError::Color { .. })));
    }
}
