//! The newest answer to a repeated question.

/// A question that a page asks again and again; only the answer to the newest asking counts.
#[derive(Clone, Debug)]
pub struct Asked<T> {
    generation: u64,
    /// The newest answer that came.
    pub value: Option<T>,
    /// Why the newest question has no answer.
    pub error: Option<String>,
    /// An answer is on its way.
    pub waiting: bool,
}

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Self { generation: 0, value: None, error: None, waiting: false }
    }
}

impl<T> Asked<T> {
    /// Starts a new asking and returns its number.
    pub fn ask(&mut self) -> u64 {
        self.generation += 1;
        self.waiting = true;
        self.generation
    }

    /// Forgets the answer, because the question is about something else now.
    pub fn forget(&mut self) {
        // An answer under way is to the question that is forgotten.
        self.generation += 1;
        self.waiting = false;
        self.value = None;
        self.error = None;
    }

    /// Takes an answer in; false when it is not for the newest question.
    pub fn answer(&mut self, generation: u64, result: Result<T, String>) -> bool {
        if generation != self.generation {
            return false;
        }
        self.waiting = false;
        match result {
            Ok(value) => {
                self.value = Some(value);
                self.error = None;
            }
            Err(why) => self.error = Some(why),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_answer_to_an_older_question_is_thrown_away() {
        let mut asked = Asked::default();
        let first = asked.ask();
        let second = asked.ask();
        assert!(!asked.answer(first, Ok(1)));
        assert!(asked.waiting && asked.value.is_none());
        assert!(asked.answer(second, Ok(2)));
        assert!(!asked.waiting);
        let third = asked.ask();
        assert!(asked.answer(third, Err("no".into())));
        assert_eq!((asked.value, asked.error.as_deref()), (Some(2), Some("no")));
    }
}
