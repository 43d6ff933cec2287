//! Settings: what they are, where they come from, and what is wrong with them.

mod lookback;
mod settings;

pub use lookback::Lookback;
pub use settings::{
    ConsoleSettings, IbSettings, IngestSettings, LogSettings, QualitySettings, Settings, SourcePolicy, StoreSettings, YahooSettings,
};
