//! A desk with ten years of a small market and rules by which a run takes seconds.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crate::desk::Desk;

const UNIVERSE: &str = "[\"Information Technology\"]\nAAPL = \"Apple\"\nMSFT = \"Microsoft\"\n\n[Energy]\nXOM = \"Exxon Mobil\"\n";
const SETTINGS: &str = "[ib]\nenabled = true\n\n[store]\ndisk_floor_mib = 1\n\n[schedule]\nenabled = false\n";
/// Few features, small nets and few draws; what is tested here does not depend on how good the models are.
const RULES: &str = r#"
[features]
names = ["momentum"]

[orchestrator]
steps = ["configuration", "data", "features", "labels", "sampling", "splits", "base_models", "meta_learner", "validation", "attribution", "gates", "record"]
backend = "cpu"
threads = 2

[attribution]
shuffles = 1
shuffle_max_rows = 200
gradient_steps = 4
gradient_rows = 20

[validation]
bootstrap_draws = 100

[drift_detection]
performance_critical_quantile = 0.04

[ensemble.profiles.demo]
models = ["softmax", "mlp"]
max_epochs = 12

[ensemble.optimiser]
patience_epochs = 100

[ensemble.mlp]
hidden = [8]

[promotion_gates]
g11_shift_refits = 5
g11_walk_refits = 1
"#;

/// A desk whose data folder holds the market, fetched once for all tests of this program.
pub fn stocked() -> Desk {
    static MARKET: OnceLock<Desk> = OnceLock::new();
    let market = MARKET.get_or_init(|| {
        let desk = configured();
        desk.ok(&["--demo", "ingest", "--timeframes", "1d"]);
        desk
    });
    let desk = configured();
    copy(&market.path("data-demo"), &desk.path("data-demo"));
    desk
}

fn configured() -> Desk {
    let desk = Desk::new();
    desk.write("config/universe.toml", UNIVERSE);
    desk.write("config/nightdesk.toml", SETTINGS);
    desk.write("config/turbomode.toml", RULES);
    desk.write("config/slipstream.toml", RULES);
    desk
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap).filter(|e| e.file_type().unwrap().is_file()) {
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// Every file of the strategy `name` with its bytes: database and model folder, locks left out.
pub fn belongings(desk: &Desk, name: &str) -> BTreeMap<String, Vec<u8>> {
    let data = desk.path("data-demo");
    let mut all = BTreeMap::new();
    let mut look = vec![data.join("models").join(name)];
    all.insert(format!("{name}.db"), fs::read(data.join(format!("{name}.db"))).unwrap_or_default());
    while let Some(folder) = look.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                look.push(entry.path());
            } else if entry.path().extension().is_none_or(|e| e != "lock") {
                all.insert(entry.path().strip_prefix(&data).unwrap().display().to_string(), fs::read(entry.path()).unwrap());
            }
        }
    }
    all
}

/// The checkpoints of a run, by name.
pub fn checkpoints(desk: &Desk, strategy: &str, run: i64) -> Vec<String> {
    let folder = desk.path("data-demo").join("models").join(strategy).join(format!("run-{run}"));
    let names = fs::read_dir(folder).into_iter().flatten().map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut all: Vec<String> = names.filter(|n| n.ends_with(".safetensors") && !n.starts_with('.')).collect();
    all.sort_unstable();
    all
}
