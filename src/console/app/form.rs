//! The plan form: what a manual ingest should cover, and what the engine says it would do.

use crossterm::event::{KeyCode, KeyEvent};
use tui_input::Input;
use tui_input::backend::crossterm::to_input_request;

use super::asked::Asked;
use crate::config::{Lookback, SourcePolicy};
use crate::engine::{IngestSpec, PlanSummary};
use crate::market::{Series, Symbol, Timeframe};

/// One line of the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Which symbols.
    Symbols,
    /// Which timeframes.
    Timeframes,
    /// How far back.
    Lookback,
    /// From where.
    Source,
    /// Whether to read splits, dividends, fundamentals and metadata as well.
    Facets,
}

impl Field {
    /// All, top to bottom.
    pub const ALL: [Self; 5] = [Self::Symbols, Self::Timeframes, Self::Lookback, Self::Source, Self::Facets];
}

/// The form.
#[derive(Clone, Debug)]
pub struct PlanForm {
    /// The line with the cursor.
    pub field: Field,
    /// Symbols, separated by commas or spaces; empty means all.
    pub symbols: Input,
    /// Timeframes; empty means all.
    pub timeframes: Input,
    /// A span such as `10y`; empty means as configured.
    pub lookback: Input,
    /// Source; `None` means as configured.
    pub source: Option<SourcePolicy>,
    /// Read the facets too.
    pub facets: bool,
    /// What is under the heat map's cursor, offered by a key.
    pub current: Option<Series>,
    /// What the engine says.
    pub plan: Asked<PlanSummary>,
    asked_for: Option<IngestSpec>,
}

/// What a key did to the form.
#[derive(Clone, Debug, PartialEq)]
pub enum FormStep {
    /// Nothing that matters outside.
    Stay,
    /// Close it.
    Cancel,
    /// Start this.
    Start(IngestSpec),
}

impl PlanForm {
    /// A form that covers everything.
    pub fn new(current: Option<Series>) -> Self {
        Self {
            field: Field::Symbols,
            symbols: Input::default(),
            timeframes: Input::default(),
            lookback: Input::default(),
            source: None,
            facets: false,
            current,
            plan: Asked::default(),
            asked_for: None,
        }
    }

    /// What the form says, or what is wrong with it.
    pub fn spec(&self) -> Result<IngestSpec, String> {
        let words = |text: &str| text.split([',', ' ']).filter(|w| !w.is_empty()).map(str::to_owned).collect::<Vec<_>>();
        let symbols: Result<Vec<Symbol>, _> = words(self.symbols.value()).iter().map(|w| Symbol::new(w)).collect();
        let timeframes: Result<Vec<Timeframe>, _> = words(self.timeframes.value()).iter().map(|w| w.parse::<Timeframe>()).collect();
        let lookback = self.lookback.value().trim();
        Ok(IngestSpec {
            symbols: symbols.map_err(|e| e.to_string())?,
            timeframes: timeframes.map_err(|e| e.to_string())?,
            lookback: if lookback.is_empty() { None } else { Some(lookback.parse::<Lookback>()?) },
            source: self.source,
            refresh_facets: self.facets,
        })
    }

    /// The spec to ask a plan for, if it is sound and another one than the last that was asked for.
    pub fn wants_plan(&mut self) -> Option<IngestSpec> {
        let spec = self.spec().ok();
        if spec == self.asked_for {
            return None;
        }
        self.plan.forget();
        self.asked_for.clone_from(&spec);
        spec
    }

    /// Takes a key in.
    pub fn key(&mut self, key: KeyEvent) -> FormStep {
        match key.code {
            KeyCode::Esc => return FormStep::Cancel,
            KeyCode::Enter => return self.spec().map_or(FormStep::Stay, FormStep::Start),
            KeyCode::Tab | KeyCode::Down => self.field = Field::ALL[(self.field as usize + 1) % Field::ALL.len()],
            KeyCode::BackTab | KeyCode::Up => self.field = Field::ALL[(self.field as usize + Field::ALL.len() - 1) % Field::ALL.len()],
            _ => self.edit(key),
        }
        FormStep::Stay
    }

    fn edit(&mut self, key: KeyEvent) {
        match (self.field, key.code) {
            (Field::Source, KeyCode::Char(' ') | KeyCode::Right) => self.source = next_source(self.source),
            (Field::Source, KeyCode::Left) => self.source = next_source(next_source(next_source(self.source))),
            (Field::Facets, KeyCode::Char(' ') | KeyCode::Left | KeyCode::Right) => self.facets = !self.facets,
            (Field::Source | Field::Facets, _) => {}
            // The cursor's series is one key away: the commonest wish after "all".
            (Field::Symbols | Field::Timeframes, KeyCode::Char('.')) if self.input().is_some_and(|i| i.value().is_empty()) => {
                self.use_current();
            }
            _ => {
                if let (Some(request), Some(input)) = (to_input_request(&crossterm::event::Event::Key(key)), self.input()) {
                    input.handle(request);
                }
            }
        }
    }

    fn use_current(&mut self) {
        let Some(current) = self.current else { return };
        match self.field {
            Field::Symbols => self.symbols = Input::from(current.symbol.to_string()),
            _ => self.timeframes = Input::from(current.timeframe.to_string()),
        }
    }

    /// Takes pasted text in.
    pub fn paste(&mut self, text: &str) {
        if let Some(input) = self.input() {
            let clean: String = text.chars().filter(|c| !c.is_control()).collect();
            *input = Input::from(format!("{}{clean}", input.value()));
        }
    }

    fn input(&mut self) -> Option<&mut Input> {
        match self.field {
            Field::Symbols => Some(&mut self.symbols),
            Field::Timeframes => Some(&mut self.timeframes),
            Field::Lookback => Some(&mut self.lookback),
            Field::Source | Field::Facets => None,
        }
    }
}

const fn next_source(source: Option<SourcePolicy>) -> Option<SourcePolicy> {
    match source {
        None => Some(SourcePolicy::Auto),
        Some(SourcePolicy::Auto) => Some(SourcePolicy::Ib),
        Some(SourcePolicy::Ib) => Some(SourcePolicy::Yahoo),
        Some(SourcePolicy::Yahoo) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(form: &mut PlanForm, text: &str) {
        for c in text.chars() {
            form.key(KeyCode::Char(c).into());
        }
    }

    #[test]
    fn what_is_typed_becomes_a_spec() {
        let current = Series { symbol: Symbol::new("AAPL").unwrap(), timeframe: Timeframe::H1 };
        let mut form = PlanForm::new(Some(current));
        assert_eq!(form.wants_plan(), Some(IngestSpec::default()));
        assert_eq!(form.wants_plan(), None, "the same question is asked once");
        typed(&mut form, ".");
        typed(&mut form, ",brk-b");
        form.key(KeyCode::Tab.into());
        typed(&mut form, "1d 1h");
        form.key(KeyCode::Tab.into());
        typed(&mut form, "10y");
        form.key(KeyCode::Down.into());
        typed(&mut form, "  ");
        let FormStep::Start(spec) = form.key(KeyCode::Enter.into()) else { panic!("no start") };
        assert_eq!(spec.symbols.iter().map(Symbol::as_str).collect::<Vec<_>>(), ["AAPL", "BRK-B"]);
        assert_eq!(spec.timeframes, [Timeframe::D1, Timeframe::H1]);
        assert_eq!((spec.lookback, spec.source), (Some(Lookback::days(3653)), Some(SourcePolicy::Ib)));
    }

    #[test]
    fn an_unsound_form_does_not_start_and_says_why() {
        let mut form = PlanForm::new(None);
        form.key(KeyCode::Tab.into());
        typed(&mut form, "7m");
        assert!(form.spec().unwrap_err().contains("7m"));
        assert_eq!(form.key(KeyCode::Enter.into()), FormStep::Stay);
        assert_eq!(form.key(KeyCode::Esc.into()), FormStep::Cancel);
    }
}
