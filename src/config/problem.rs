//! What is wrong with the configuration, and how it is shown: file, line, a caret, the reason, the accepted values.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// Where a value was given.
#[derive(Clone, Debug, PartialEq)]
pub enum Place {
    /// In a file.
    File {
        /// Which.
        path: PathBuf,
        /// The file's text.
        text: Arc<str>,
        /// Bytes of the text.
        span: Range<usize>,
    },
    /// In an environment variable or a command-line flag.
    Argument {
        /// As a person would type it: `NIGHTDESK__IB__PORT=abc`, `--log-level loud`.
        text: String,
        /// Bytes of the text.
        span: Range<usize>,
    },
    /// Nowhere in particular: a file that cannot be read.
    Unknown,
}

impl Place {
    /// Line in a file, from 1; elsewhere 1.
    pub fn line(&self) -> usize {
        match self {
            Self::File { text, span, .. } => text.bytes().take(span.start).filter(|b| *b == b'\n').count() + 1,
            _ => 1,
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What is wrong, a sentence.
    pub title: String,
    /// What stands beside the caret.
    pub label: String,
    /// What would be right.
    pub accepted: Option<String>,
    /// What was probably meant, or what to do.
    pub help: Option<String>,
}

/// Everything that is wrong, in the order of the layers.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub struct ConfigErrors {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl ConfigErrors {
    /// One line: where the first problem is, what it is, and how many more there are.
    pub fn brief(&self) -> String {
        let Some(first) = self.problems.first() else { return "nothing is wrong".to_owned() };
        let place = match &first.place {
            Place::File { path, .. } => {
                let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
                format!("{name}:{}: ", first.place.line())
            }
            Place::Argument { .. } | Place::Unknown => String::new(),
        };
        let more = match self.problems.len() - 1 {
            0 => String::new(),
            n => format!(" (and {n} more)"),
        };
        format!("{place}{}{more}", first.title)
    }

    /// The report for a terminal (`colour`) or for anything else.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled().decor_style(DecorStyle::Unicode) } else { Renderer::plain() };
        let reports: Vec<String> = self.problems.iter().map(|p| renderer.render(&p.groups())).collect();
        let n = self.problems.len();
        let end = if n == 1 { "1 problem".to_owned() } else { format!("{n} problems") };
        format!("{}\n\nThe configuration has {end}; nothing was done.", reports.join("\n\n"))
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl Problem {
    /// A problem without hints.
    pub fn new(place: Place, title: impl Into<String>, label: impl Into<String>) -> Self {
        Self { place, title: title.into(), label: label.into(), accepted: None, help: None }
    }

    /// Adds what would be right.
    #[must_use]
    pub fn accepted(mut self, accepted: impl Into<String>) -> Self {
        self.accepted = Some(accepted.into());
        self
    }

    /// Adds what was probably meant, or what to do.
    #[must_use]
    pub fn help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    fn groups(&self) -> Vec<Group<'_>> {
        let title = Level::ERROR.primary_title(self.title.as_str());
        let hints = || {
            let note = self.accepted.as_ref().map(|a| Level::NOTE.message(format!("accepted: {a}")));
            note.into_iter().chain(self.help.as_deref().map(|h| Level::HELP.message(h)))
        };
        let caret = |span: &Range<usize>| AnnotationKind::Primary.span(span.clone()).label(self.label.as_str());
        let group = match &self.place {
            Place::File { path, text, span } => {
                let path = path.display().to_string();
                title.element(Snippet::source(text.as_ref()).path(path).annotation(caret(span)))
            }
            Place::Argument { text, span } => title.element(Snippet::source(text.as_str()).line_numbering(false).annotation(caret(span))),
            Place::Unknown => Group::with_title(title),
        };
        vec![group.elements(hints())]
    }
}
