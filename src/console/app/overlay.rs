//! What lies over the screen: a stack, of which the top gets every key first.

use crossterm::event::{KeyCode, KeyEvent};
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use tui_input::Input;
use tui_input::backend::crossterm::to_input_request;

use super::form::PlanForm;
use super::train_form::TrainForm;
use crate::console::Exit;
use crate::console::action::Action;
use crate::market::{Strategy, Symbol};
use crate::store::master::Resolution;
use crate::store::scheduler::Job;

/// One layer.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// A question.
    Confirm(Confirm),
    /// The command palette.
    Palette(Palette),
    /// The keys; how far it is scrolled.
    Help(usize),
    /// A line of text for a filter or a search.
    Prompt(Prompt),
    /// The plan of a manual ingest.
    Plan(Box<PlanForm>),
    /// What to train.
    Train(Box<TrainForm>),
}

/// What a confirmed question does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Cancel a run.
    Cancel {
        /// Which.
        run_id: i64,
        /// At once.
        now: bool,
    },
    /// Settle a finding.
    Resolve {
        /// Which.
        id: i64,
        /// How.
        resolution: Resolution,
    },
    /// Run a job now.
    Run {
        /// Which.
        job: Job,
    },
    /// Do again what a run did.
    Rerun {
        /// Which.
        run_id: i64,
    },
    /// Pause a job.
    Pause {
        /// Which.
        job: Job,
    },
    /// End a job's pause.
    Resume {
        /// Which.
        job: Job,
    },
    /// Switch the scheduler.
    Scheduler {
        /// On or off.
        on: bool,
    },
    /// Go on after the clock jumped.
    ConfirmClock,
    /// Make a model champion.
    Promote {
        /// Whose.
        strategy: Strategy,
        /// Which.
        model_id: i64,
    },
    /// Put the champion before back.
    RollBack {
        /// Whose.
        strategy: Strategy,
    },
    /// Let a halted model give signals again.
    LiftHalt {
        /// Whose.
        strategy: Strategy,
    },
    /// Cancel what runs, and stop the engine when it has ended.
    StopAndQuit,
    /// Suspend although a run is active.
    Suspend,
    /// Leave.
    Leave(Exit),
}

/// How a question is answered with yes.
#[derive(Clone, Debug)]
pub enum Gate {
    /// By one of these keys, each with its words and its deed.
    Keys(Vec<(char, &'static str, Deed)>),
    /// By typing this text and Enter.
    Typed {
        /// What must be typed.
        expected: String,
        /// What has been typed.
        input: Input,
        /// What it does.
        deed: Deed,
    },
    /// By telling why, and Enter.
    Reason {
        /// What Enter does, in a word.
        verb: &'static str,
        /// What has been typed.
        input: Input,
        /// What it does.
        deed: Deed,
    },
}

/// A question before a deed that cannot be undone.
#[derive(Clone, Debug)]
pub struct Confirm {
    /// What is about to happen to what.
    pub title: String,
    /// What it will do, a line each.
    pub body: Vec<String>,
    /// How to say yes.
    pub gate: Gate,
    /// The last key was no answer: which ones are is told.
    pub puzzled: bool,
}

/// What a key did to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not answered yet.
    Stay,
    /// The key is no answer here.
    Wrong,
    /// No.
    No,
    /// Yes; the reason, where one was asked for.
    Yes(Deed, String),
}

impl Confirm {
    /// A question that has just been asked.
    pub const fn new(title: String, body: Vec<String>, gate: Gate) -> Self {
        Self { title, body, gate, puzzled: false }
    }

    /// Takes a key in. Esc says no, and n where no text is typed; y says yes, and so does Enter where there is one way.
    pub fn key(&mut self, key: KeyEvent) -> Answer {
        let answer = self.answer(key);
        self.puzzled = answer == Answer::Wrong;
        answer
    }

    fn answer(&mut self, key: KeyEvent) -> Answer {
        if key.code == KeyCode::Esc {
            return Answer::No;
        }
        match &mut self.gate {
            Gate::Keys(keys) => match (key.code, &keys[..]) {
                (KeyCode::Char('n'), _) if key.modifiers.is_empty() => Answer::No,
                (KeyCode::Enter, [(.., deed)]) => Answer::Yes(*deed, String::new()),
                (KeyCode::Char(c), keys) if key.modifiers.is_empty() => {
                    keys.iter().find(|(k, ..)| *k == c).map_or(Answer::Wrong, |(.., deed)| Answer::Yes(*deed, String::new()))
                }
                _ => Answer::Wrong,
            },
            Gate::Typed { expected, input, deed } => match key.code {
                KeyCode::Enter if input.value() == expected => Answer::Yes(*deed, String::new()),
                KeyCode::Enter => Answer::Wrong,
                _ => edited(input, key),
            },
            Gate::Reason { input, deed, .. } => match (key.code, input.value().trim()) {
                (KeyCode::Enter, "") => Answer::Wrong,
                (KeyCode::Enter, reason) => Answer::Yes(*deed, reason.to_owned()),
                _ => edited(input, key),
            },
        }
    }

    /// What the question takes for an answer, in words.
    pub fn answers(&self) -> String {
        match &self.gate {
            Gate::Keys(keys) => match &keys[..] {
                [(key, ..)] => format!("Answer with {key} or enter for yes, n or esc for no."),
                keys => {
                    let all: Vec<String> = keys.iter().map(|(key, ..)| key.to_string()).collect();
                    format!("Answer with {}, or n or esc to stay.", all.join(", "))
                }
            },
            Gate::Typed { expected, .. } => format!("It must read {expected}; esc cancels."),
            Gate::Reason { .. } => "Say why in a word or two; esc cancels.".to_owned(),
        }
    }
}

fn edited(input: &mut Input, key: KeyEvent) -> Answer {
    edit(input, key);
    Answer::Stay
}

/// Lets a key edit a line.
pub fn edit(input: &mut Input, key: KeyEvent) {
    if let Some(request) = to_input_request(&crossterm::event::Event::Key(key)) {
        input.handle(request);
    }
}

/// What a prompt is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptFor {
    /// Filter of the heat map's symbols.
    Heat,
    /// Filter of the log.
    Logs,
    /// Filter of a table page.
    Table,
    /// Search in the log.
    Search,
}

/// A line of text at the bottom. It applies while it is typed; Esc brings the old text back.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// What it is for.
    pub target: PromptFor,
    /// The line.
    pub input: Input,
    /// What was there before.
    pub before: String,
}

/// Something the palette offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// Do this.
    Action(Action),
    /// Put the cursor on this symbol.
    Symbol(Symbol),
}

/// The command palette.
#[derive(Clone, Debug, Default)]
pub struct Palette {
    /// The line.
    pub input: Input,
    /// What matches, best first.
    pub hits: Vec<Entry>,
    /// The selected one.
    pub row: usize,
}

impl Palette {
    /// Matches the typed text against what is on offer. Without text, the actions in the table's order.
    pub fn refresh(&mut self, actions: &[Action], symbols: &[Symbol]) {
        let query = self.input.value();
        if query.is_empty() {
            self.hits = actions.iter().copied().map(Entry::Action).collect();
        } else {
            let pattern = Pattern::parse(query, CaseMatching::Ignore, Normalization::Smart);
            let mut matcher = Matcher::new(Config::DEFAULT);
            // Any letters lie scattered in some sentence: there the text must stand as it was typed.
            let told = Pattern::new(query, CaseMatching::Ignore, Normalization::Smart, AtomKind::Substring);
            let mut buffer = Vec::new();
            let mut score = |pattern: &Pattern, text: &str| pattern.score(Utf32Str::new(text, &mut buffer), &mut matcher);
            let mut found: Vec<(u32, Entry)> = Vec::new();
            for action in actions {
                let spec = action.spec();
                // A hit in the name weighs more than one in the sentence.
                let best = score(&pattern, spec.name).map(|s| s + 20).max(score(&told, spec.help));
                found.extend(best.map(|s| (s, Entry::Action(*action))));
            }
            for symbol in symbols {
                found.extend(score(&pattern, symbol.as_str()).map(|s| (s, Entry::Symbol(*symbol))));
            }
            found.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
            self.hits = found.into_iter().map(|(_, entry)| entry).collect();
        }
        self.row = self.row.min(self.hits.len().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_palette_finds_by_fuzzy_text() {
        let mut palette = Palette { input: Input::from("ingnow".to_owned()), ..Palette::default() };
        let symbols = [Symbol::new("AAPL").unwrap(), Symbol::new("MSFT").unwrap()];
        palette.refresh(&[Action::Quit, Action::IngestNow, Action::Zoom], &symbols);
        assert_eq!(palette.hits.first(), Some(&Entry::Action(Action::IngestNow)));
        palette.input = Input::from("sector".to_owned());
        palette.refresh(&[Action::ShowRun, Action::ShowModels, Action::ShowSectors], &symbols);
        assert_eq!(palette.hits, [Entry::Action(Action::ShowSectors)], "scattered letters of a sentence are no hit");
        palette.input = Input::from("msft".to_owned());
        palette.refresh(&[Action::Quit], &symbols);
        assert_eq!(palette.hits.first(), Some(&Entry::Symbol(symbols[1])));
        palette.input = Input::default();
        palette.refresh(&[Action::Quit, Action::Zoom], &symbols);
        assert_eq!(palette.hits, [Entry::Action(Action::Quit), Entry::Action(Action::Zoom)]);
    }

    #[test]
    fn a_typed_gate_opens_only_for_the_right_text() {
        let deed = Deed::Cancel { run_id: 12, now: true };
        let mut confirm = Confirm::new(String::new(), Vec::new(), Gate::Typed { expected: "12".into(), input: Input::default(), deed });
        assert_eq!(confirm.key(KeyCode::Enter.into()), Answer::Wrong);
        assert_eq!(confirm.key(KeyCode::Char('1').into()), Answer::Stay);
        assert_eq!(confirm.key(KeyCode::Enter.into()), Answer::Wrong);
        confirm.key(KeyCode::Char('2').into());
        assert_eq!(confirm.key(KeyCode::Enter.into()), Answer::Yes(deed, String::new()));
        assert_eq!(confirm.key(KeyCode::Esc.into()), Answer::No);
    }

    #[test]
    fn a_reason_is_asked_for_until_there_is_one() {
        let deed = Deed::Pause { job: Job::Ingest };
        let gate = Gate::Reason { verb: "pause", input: Input::default(), deed };
        let mut confirm = Confirm::new(String::new(), Vec::new(), gate);
        for key in [KeyCode::Enter, KeyCode::Char(' '), KeyCode::Enter, KeyCode::Char('n')] {
            let expected = if key == KeyCode::Enter { Answer::Wrong } else { Answer::Stay };
            assert_eq!(confirm.key(key.into()), expected);
        }
        assert_eq!(confirm.key(KeyCode::Enter.into()), Answer::Yes(deed, "n".into()));
    }

    #[test]
    fn one_convention_answers_all_questions_and_a_wrong_key_is_told() {
        let (run, stop) = (Deed::Run { job: Job::Ingest }, Deed::StopAndQuit);
        let one = || Confirm::new(String::new(), Vec::new(), Gate::Keys(vec![('y', "run it", run)]));
        for key in [KeyCode::Char('y'), KeyCode::Enter] {
            assert_eq!(one().key(key.into()), Answer::Yes(run, String::new()));
        }
        for key in [KeyCode::Char('n'), KeyCode::Esc] {
            assert_eq!(one().key(key.into()), Answer::No);
        }
        let mut two = Confirm::new(String::new(), Vec::new(), Gate::Keys(vec![('h', "hand over", run), ('s', "stop", stop)]));
        assert_eq!((two.key(KeyCode::Enter.into()), two.puzzled), (Answer::Wrong, true), "there is no one yes");
        assert_eq!(two.answers(), "Answer with h, s, or n or esc to stay.");
        assert_eq!((two.key(KeyCode::Char('s').into()), two.puzzled), (Answer::Yes(stop, String::new()), false));
    }
}
