//! How many colours the terminal has, by the usual signs.

/// What the user asked for on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorChoice {
    /// By the environment.
    #[default]
    Auto,
    /// Colours, even under `NO_COLOR`.
    Always,
    /// No colours.
    Never,
}

/// How many colours the terminal has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorLevel {
    /// 16 million.
    True,
    /// 256.
    Indexed,
    /// The 16 of the terminal's own palette.
    Sixteen,
    /// None: attributes only.
    None,
}

impl ColorLevel {
    /// The level for a choice in an environment (`env` looks a variable up): `--color`, then `NO_COLOR`, then
    /// `COLORTERM`, then `TERM`.
    pub fn detect(choice: ColorChoice, env: impl Fn(&str) -> Option<String>) -> Self {
        let term = env("TERM").unwrap_or_default();
        let silent = env("NO_COLOR").is_some_and(|v| !v.is_empty()) || term == "dumb";
        if choice == ColorChoice::Never || (choice == ColorChoice::Auto && silent) {
            return Self::None;
        }
        match env("COLORTERM").as_deref() {
            Some("truecolor" | "24bit") => Self::True,
            _ if term.contains("256color") || term.ends_with("-direct") => Self::Indexed,
            _ => Self::Sixteen,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_signs_is_kept() {
        let env = |pairs: &'static [(&str, &str)]| move |name: &str| pairs.iter().find(|(k, _)| *k == name).map(|(_, v)| (*v).to_owned());
        let rich: &[(&str, &str)] = &[("TERM", "xterm-256color"), ("COLORTERM", "truecolor")];
        assert_eq!(ColorLevel::detect(ColorChoice::Auto, env(rich)), ColorLevel::True);
        assert_eq!(ColorLevel::detect(ColorChoice::Never, env(rich)), ColorLevel::None);
        assert_eq!(ColorLevel::detect(ColorChoice::Auto, env(&[("TERM", "tmux-256color")])), ColorLevel::Indexed);
        assert_eq!(ColorLevel::detect(ColorChoice::Auto, env(&[("TERM", "linux")])), ColorLevel::Sixteen);
        let mute: &[(&str, &str)] = &[("TERM", "xterm-256color"), ("NO_COLOR", "1")];
        assert_eq!(ColorLevel::detect(ColorChoice::Auto, env(mute)), ColorLevel::None);
        assert_eq!(ColorLevel::detect(ColorChoice::Always, env(mute)), ColorLevel::Indexed);
        assert_eq!(ColorLevel::detect(ColorChoice::Auto, env(&[("TERM", "xterm"), ("NO_COLOR", "")])), ColorLevel::Sixteen);
    }
}
