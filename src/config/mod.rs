//! Settings: what they are, where they come from, and what is wrong with them.
//!
//! [`load`] merges four layers (defaults, `nightdesk.toml`, environment, flags) and remembers where each value came
//! from. `cli` calls it once at the start; everything else receives the finished [`Settings`] and [`Universe`].
//!
//! [`Universe`]: crate::market::Universe

mod check;
mod gather;
mod layer;
mod load;
mod lookback;
mod nights;
mod problem;
mod reload;
mod rules;
mod schema;
mod secret;
mod settings;
pub mod strategy;
mod suggest;
mod universe;
mod webhook;

pub use load::{ENV_PREFIX, Flag, LoadRequest, Loaded, Origin, SETTINGS_FILE, SHIPPED_SETTINGS, UNIVERSE_FILE, load, sound_universe};
pub use lookback::Lookback;
pub use nights::{AlertSettings, ControlSettings, JobSettings, MaintenanceSettings, Misfire, Overlap, ScheduleSettings};
pub use problem::{ConfigErrors, Place, Problem};
pub use reload::{Changed, HIDDEN, Reloaded, apply, needs_restart};
pub use schema::schema;
pub use settings::{
    ConsoleSettings, IbSettings, IngestSettings, LogSettings, QualitySettings, Settings, SourcePolicy, StoreSettings, YahooSettings,
};
pub use strategy::{Rules, Strategies, StrategySettings, strategy_schema};
pub use suggest::nearest;
pub use universe::{SECTORS, SHIPPED_UNIVERSE};
pub(crate) use webhook::is_loopback;
