//! The flags every command takes, and what they lead to: folders, settings, universe, clock.

use std::collections::BTreeMap;
use std::env;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use clap::{Args, ValueEnum};
use etcetera::BaseStrategy;

use super::logging::{self, Logging, Screen};
use super::{Failure, output};
use crate::config::{ConfigErrors, Flag, LoadRequest, Loaded, Origin, Place, Problem, Settings, Strategies, load, sound_universe};
use crate::console::Keymap;
use crate::engine::{ConfigSource, LogRing};
use crate::market::{AssetClass, Clock, DAY, Symbol, SystemClock, Universe};
use crate::sim::{OffsetClock, Replay};
use crate::store::master::{DATABASE, StoreError, Writer, WriterOptions};
use crate::workplace::Workplace;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

impl Color {
    /// Whether standard error is coloured.
    pub fn on_stderr(self) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => std::io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
        }
    }
}

/// Flags that any command takes.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// Use simulators and the demo data folder
    #[arg(long, global = true)]
    pub demo: bool,
    /// Let the demo serve the SYMBOL.csv files of this folder as they were, the desk's clock set to the day after the last
    #[arg(long, global = true, value_name = "DIR", requires = "demo")]
    pub demo_replay: Option<PathBuf>,
    /// Folder of databases and logs [default: the user's data folder; env: `NIGHTDESK_DATA_DIR`]
    #[arg(long, global = true, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Folder of nightdesk.toml, universe.toml, turbomode.toml and slipstream.toml [default: the user's configuration folder; env: `NIGHTDESK_CONFIG_DIR`]
    #[arg(long, global = true, value_name = "DIR")]
    pub config_dir: Option<PathBuf>,
    /// error, warn, info, debug or trace
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// When to colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t)]
    pub color: Color,
    /// Only ASCII characters
    #[arg(long, global = true)]
    pub ascii: bool,
}

impl Common {
    /// Loads the configuration that these flags and the environment select.
    pub fn load_config(&self) -> Result<Loaded, Failure> {
        Ok(self.read_config(Some(self.config_folder()?))?)
    }

    /// Reads the configuration again as the next start would: a folder that was asked for by name must still be there.
    fn read_again(&self) -> Result<Loaded, ConfigErrors> {
        let folder = self.config_folder().map_err(|gone| ConfigErrors {
            problems: vec![Problem::new(Place::Unknown, gone.to_string(), "").help(Some("put the folder back".to_owned()))],
        })?;
        self.read_config(Some(folder))
    }

    /// Reads and checks the configuration of a folder, with the environment and these flags over it. The start and every
    /// reload do it here, so that a reload accepts nothing that the next start refuses. Without a folder: shipped files.
    pub fn read_config(&self, folder: Option<PathBuf>) -> Result<Loaded, ConfigErrors> {
        let flag = |name: &str, key: &str, value: &str| Flag { name: name.into(), key: key.into(), value: value.into() };
        let level = self.log_level.as_deref().map(|l| flag("--log-level", "log.level", l));
        let ascii = self.ascii.then(|| flag("--ascii", "console.ascii", "true"));
        let text = |v: std::ffi::OsString| v.to_string_lossy().into_owned();
        let loaded = load(LoadRequest {
            config_dir: folder,
            env: env::vars_os().map(|(k, v)| (text(k), text(v))),
            flags: level.into_iter().chain(ascii).collect(),
        })?;
        Keymap::new(&loaded.settings.console.keys)
            .map_err(|e| ConfigErrors { problems: vec![Problem::new(Place::Unknown, e.to_string(), "")] })?;
        Ok(loaded)
    }

    /// As [`Self::load_config`]; where the files have mistakes these are given back, and shipped values stand in for what
    /// is wrong. Mistakes in the command or the environment are errors.
    fn load_despite(&self, folder: &Path) -> Result<(Loaded, Option<ConfigErrors>), Failure> {
        let errors = match self.read_config(Some(folder.to_owned())) {
            Ok(loaded) => return Ok((loaded, None)),
            Err(errors) => errors,
        };
        let Ok(mut loaded) = self.read_config(None) else { return Err(errors.into()) };
        (loaded.universe, loaded.universe_origin) = sound_universe(folder);
        Ok((loaded, Some(errors)))
    }

    /// The configuration folder. One that was asked for by name must exist.
    pub fn config_folder(&self) -> Result<PathBuf, Failure> {
        let given = self.config_dir.clone().map(|d| (d, "--config-dir"));
        match given.or_else(|| Some((folder_variable("NIGHTDESK_CONFIG_DIR")?, "NIGHTDESK_CONFIG_DIR"))) {
            Some((dir, _)) if dir.is_dir() => Ok(dir),
            Some((dir, by)) => Err(Failure::usage(format!("{by} names {}, which is not a folder", dir.display()))
                .next("make the folder, or leave the option out to use the shipped settings")),
            None => Ok(home()?.config_dir().join("nightdesk")),
        }
    }

    /// The data folder. The demo's is always another one than the real one, unless `--data-dir` names it.
    pub fn data_folder(&self) -> Result<PathBuf, Failure> {
        if let Some(dir) = &self.data_dir {
            return Ok(dir.clone());
        }
        let real = match folder_variable("NIGHTDESK_DATA_DIR") {
            Some(dir) => dir,
            None => home()?.data_dir().join("nightdesk"),
        };
        if !self.demo {
            return Ok(real);
        }
        let name = real.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        // Recordings have a time of their own, so their database is another one than that of the generated market.
        let kind = if self.demo_replay.is_some() { "demo-replay" } else { "demo" };
        Ok(real.with_file_name(format!("{name}-{kind}")))
    }
}

fn folder_variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from)
}

fn home() -> Result<impl BaseStrategy, Failure> {
    etcetera::choose_base_strategy()
        .map_err(|e| Failure::new(format!("the home folder cannot be found: {e}")).next("give --data-dir and --config-dir, or set HOME"))
}

/// The recordings of a folder, and a clock on which they are fresh: it starts at noon of the day after the last bar.
fn recorded(folder: Option<&Path>) -> Result<(Replay, Arc<dyn Clock>), Failure> {
    let Some(folder) = folder else { return Ok((Replay::default(), SystemClock::shared())) };
    let replay = Replay::load(folder).map_err(|e| Failure::new(e.to_string()))?;
    let Some(last) = replay.last_ts() else {
        return Err(Failure::usage(format!("{} holds no SYMBOL.csv file", folder.display())).next("try --demo-replay assets/wiki"));
    };
    let noon_after = (last.div_euclid(DAY) + 1) * DAY + DAY / 2;
    Ok((replay, OffsetClock::starting_at(SystemClock::shared(), noon_after)))
}

/// What a subcommand works with.
#[derive(Clone)]
pub struct Context {
    /// Settings of all layers.
    pub settings: Settings,
    /// Instruments under care.
    pub universe: Universe,
    /// Training rules of both strategies.
    pub strategies: Arc<Strategies>,
    /// Where each setting came from.
    pub origins: BTreeMap<String, Origin>,
    /// Where the instruments came from.
    pub universe_origin: Origin,
    /// Folder of the configuration; it may not exist.
    pub config_dir: PathBuf,
    /// The flags that led here.
    pub common: Common,
    /// Folder of databases and logs; it may not exist yet.
    pub data_dir: PathBuf,
    /// Simulators and demo data.
    pub demo: bool,
    /// When to colour.
    pub color: Color,
    /// Only ASCII characters.
    pub ascii: bool,
    /// What the demo serves besides the generated market.
    pub replay: Replay,
    /// The time; with a replay, the time of the recording.
    pub clock: Arc<dyn Clock>,
    /// What is wrong with the files that shipped values stand in for.
    broken: Option<ConfigErrors>,
}

impl Context {
    /// Reads configuration and folders; creates nothing.
    pub fn load(common: &Common) -> Result<Self, Failure> {
        let context = Self::load_despite(common)?;
        context.sound()?;
        Ok(context)
    }

    /// As [`Self::load`], also with broken files: for commands that can do without them, or may find an engine to ask.
    /// They call [`Self::warn`] when they go on, and [`Self::sound`] where they cannot.
    pub fn load_despite(common: &Common) -> Result<Self, Failure> {
        let config_dir = common.config_folder()?;
        let (Loaded { settings, universe, strategies, origins, universe_origin }, broken) = common.load_despite(&config_dir)?;
        let (replay, clock) = recorded(common.demo_replay.as_deref())?;
        Ok(Self {
            ascii: settings.console.ascii,
            settings,
            universe,
            strategies,
            origins,
            universe_origin,
            config_dir,
            common: common.clone(),
            data_dir: common.data_folder()?,
            demo: common.demo,
            color: common.color,
            replay,
            clock,
            broken,
        })
    }

    /// Tells on standard error that shipped settings stand in for broken files, if they do.
    pub fn warn(&self) {
        if let Some(errors) = &self.broken {
            let what = errors.brief();
            output::remark(format_args!("warning: {what}\n  shipped settings stand in; `nightdesk config check` shows all that is wrong"));
        }
    }

    /// Fails where shipped settings stand in for broken files.
    pub fn sound(&self) -> Result<(), Failure> {
        self.broken.clone().map_or(Ok(()), |errors| Err(errors.into()))
    }

    /// The configuration as it was read, the way to read it again, and where the training rules in force then are.
    pub fn config_source(&self, rules: Arc<ArcSwap<Strategies>>) -> ConfigSource {
        let known = Loaded {
            settings: self.settings.clone(),
            universe: self.universe.clone(),
            strategies: Arc::clone(&self.strategies),
            origins: self.origins.clone(),
            universe_origin: self.universe_origin.clone(),
        };
        let common = self.common.clone();
        ConfigSource { known, read: Arc::new(move || common.read_again()), rules }
    }

    /// The data folder with the training rules as they were read, for whoever works in it.
    pub fn workplace(&self) -> Workplace {
        Workplace {
            data_dir: self.data_dir.clone(),
            demo: self.demo,
            universe: self.universe.clone(),
            clock: Arc::clone(&self.clock),
            rules: Arc::new(ArcSwap::new(Arc::clone(&self.strategies))),
        }
    }

    /// The master database.
    pub fn database(&self) -> PathBuf {
        self.data_dir.join(DATABASE)
    }

    /// Folder of the log files.
    pub fn log_dir(&self) -> PathBuf {
        self.data_dir.join("logs")
    }

    /// Kind of a symbol: the universe's word, else pairs against the dollar are crypto.
    pub fn asset(&self, symbol: Symbol) -> AssetClass {
        self.universe.get(symbol).map_or_else(|| AssetClass::by_name(symbol), |i| i.asset)
    }

    /// Starts logging for a plain command: into the folder's files, warnings also to standard error.
    pub fn start_logging(&self) -> Result<Logging, Failure> {
        let ring = Arc::new(LogRing::new(1));
        logging::start(&self.log_dir(), &self.settings.log, Arc::clone(&self.clock), Screen::Plain, ring)
    }

    /// Opens, or makes, the master database for writing; call it inside [`Self::block_on`].
    pub fn open_writer(&self) -> Result<Writer, StoreError> {
        let cache_mib = self.settings.store.cache_mib;
        Writer::open(&self.database(), WriterOptions { cache_mib, demo: self.demo, clock: Arc::clone(&self.clock) })
    }

    /// Runs a future on a small runtime of its own.
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output, Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        Ok(runtime.block_on(future))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reload_is_refused_when_the_named_folder_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (config, away) = (dir.path().join("config"), dir.path().join("away"));
        std::fs::create_dir(&config).unwrap();
        let common = Common { config_dir: Some(config.clone()), data_dir: Some(dir.path().join("data")), ..Common::default() };
        let context = Context::load(&common).unwrap();
        let source = context.config_source(Arc::new(ArcSwap::new(Arc::clone(&context.strategies))));
        (source.read)().unwrap();
        std::fs::rename(&config, &away).unwrap();
        let refused = (source.read)().unwrap_err().brief();
        assert!(refused.contains("--config-dir names") && refused.contains("is not a folder"), "{refused}");
        std::fs::rename(&away, &config).unwrap();
        (source.read)().unwrap();
    }
}
