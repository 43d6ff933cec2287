//! What is asked of a training run. The console's form and `nightdesk train` make it, the engine keeps it with the run of
//! the job, and the job's body reads it there.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::config::strategy::{ProfileName, Step};
use crate::market::Strategy;

/// What a training run should do. What is left out is as configured; an empty list of strategies means both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrainSpec {
    /// Whose models, one after the other.
    pub strategies: Vec<Strategy>,
    /// What to train, instead of the configured profile.
    pub profile: Option<ProfileName>,
    /// Seed of all randomness, instead of the configured one.
    pub seed: Option<u32>,
    /// Throw away what the last run of the strategy kept of this step and later ones, and go on from there.
    pub rerun_from: Option<Step>,
}

impl TrainSpec {
    /// The strategies it is for, in order of reports.
    pub fn chosen(&self) -> Vec<Strategy> {
        Strategy::ALL.into_iter().filter(|s| self.strategies.is_empty() || self.strategies.contains(s)).collect()
    }

    /// What a run of the job was asked for; a run without parameters does the job's normal work.
    ///
    /// # Errors
    /// The text is not such a spec.
    pub fn of(params: Option<&str>) -> serde_json::Result<Self> {
        params.map_or_else(|| Ok(Self::default()), serde_json::from_str)
    }

    /// The words of what a run's record says it was asked for, as JSON; other text is returned as it stands.
    pub fn words(json: &str) -> String {
        Self::of(Some(json)).map_or_else(|_| json.to_owned(), |spec| spec.to_string())
    }
}

/// `both strategies`, `turbomode, quick profile, seed 7, again from splits`: what was asked for, for people.
impl fmt::Display for TrainSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.chosen().as_slice() {
            [one] => write!(f, "{one}")?,
            _ => f.write_str("both strategies")?,
        }
        if let Some(profile) = self.profile {
            write!(f, ", {profile} profile")?;
        }
        if let Some(seed) = self.seed {
            write!(f, ", seed {seed}")?;
        }
        if let Some(step) = self.rerun_from {
            write!(f, ", again from {}", step.words())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_for_reads_as_words_and_comes_back_from_the_record() {
        let all = TrainSpec::default();
        let part = TrainSpec {
            strategies: vec![Strategy::Slipstream],
            profile: Some(ProfileName::Quick),
            seed: Some(7),
            rerun_from: Some(Step::BaseModels),
        };
        for (spec, words) in [(all, "both strategies"), (part, "slipstream, quick profile, seed 7, again from base models")] {
            assert_eq!(spec.to_string(), words);
            let kept = serde_json::to_string(&spec).unwrap();
            assert_eq!((TrainSpec::of(Some(&kept)).unwrap(), TrainSpec::words(&kept)), (spec, words.to_owned()));
        }
        assert_eq!(TrainSpec::of(None).unwrap().chosen(), Strategy::ALL);
        assert!(TrainSpec::of(Some(r#"{"stratgies":[]}"#)).is_err(), "a misspelt field is no wish for everything");
        assert_eq!(TrainSpec::words("by hand"), "by hand");
    }
}
