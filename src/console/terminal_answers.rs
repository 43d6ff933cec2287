//! What the terminal is asked before its keys are read: its background, and whether it shows pictures.

use super::ConsoleError;
use super::images::{self, Images};
use super::theme::{Background, ColorLevel, ThemeError, background};
use crate::config::ConsoleSettings;

/// What it answered, or what stands in for that.
pub struct Answers {
    /// By the setting, else by asking, else by `COLORFGBG`, else dark.
    pub background: Background,
    /// Where it shows pictures.
    pub images: Option<Images>,
    /// Bytes of an answer may still come, as keys.
    pub late: bool,
}

/// Asks what the settings leave open, in one question with one time limit.
pub async fn ask(settings: &ConsoleSettings, level: ColorLevel, ascii: bool) -> Result<Answers, ConsoleError> {
    let env = |name: &str| std::env::var(name).ok();
    let set = match settings.theme.as_str() {
        "dark" => Some(Background::Dark),
        "light" => Some(Background::Light),
        "auto" | "" => (level == ColorLevel::None).then_some(Background::Dark),
        other => return Err(ThemeError::Unknown(other.to_owned()).into()),
    };
    let pictures = images::allowed(&settings.images, ascii || level == ColorLevel::None, env);
    if let (Some(background), false) = (set, pictures) {
        return Ok(Answers { background, images: None, late: false });
    }
    let asked = background::ask(if pictures { images::QUESTION } else { b"" }).await;
    let by_env = || env("COLORFGBG").and_then(|v| background::from_colorfgbg(&v));
    let background = set.or(asked.background).or_else(by_env).unwrap_or(Background::Dark);
    let images = if pictures && images::answered(&asked.answer) { Images::new(Images::cell(), background) } else { None };
    Ok(Answers { background, images, late: asked.late })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(theme: &str) -> ConsoleSettings {
        ConsoleSettings { theme: theme.into(), images: "off".into(), ..ConsoleSettings::default() }
    }

    #[tokio::test]
    async fn an_unknown_theme_is_refused_with_the_choices() {
        let refused = ask(&settings("neon"), ColorLevel::True, false).await.err().unwrap();
        assert!(refused.to_string().contains("auto, dark or light"), "{refused}");
        let quiet = ask(&settings("light"), ColorLevel::None, false).await.unwrap();
        assert!(quiet.background == Background::Light && !quiet.late && quiet.images.is_none());
    }
}
