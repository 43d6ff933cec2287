//! `nightdesk features list`.

use serde_json::json;

use super::as_json;
use crate::cli::{Failure, output};
use crate::features::{Category, definition_hash, registry};

pub(super) fn run(category: Option<Category>, json: bool) -> Result<(), Failure> {
    let chosen: Vec<_> = registry().iter().filter(|f| category.is_none_or(|c| f.category == c)).collect();
    if json {
        let features: Vec<_> = chosen.into_iter().map(as_json).collect();
        return output::json(&json!({ "ok": true, "definition_hash": definition_hash(), "features": features }));
    }
    output::line(format_args!("{:<28}  {:<17} {:>8}  {:<9} needs", "name", "category", "lookback", "memory"))?;
    for f in &chosen {
        let memory = match f.memory {
            crate::features::Memory::Fir => "window",
            crate::features::Memory::Iir => "recursive",
        };
        let needs = if f.reads_volume { format!("{}, volume", f.needs) } else { f.needs.to_string() };
        let needs = needs.trim_start_matches("none, ").replace("none", "");
        output::line(
            format_args!("{:<28}  {:<17} {:>8}  {memory:<9} {needs}", f.name, f.category.to_string(), f.lookback).to_string().trim_end(),
        )?;
    }
    let n = output::count(chosen.len(), "feature", "features");
    output::line(format_args!("\n{n}; definitions {}. `nightdesk features explain NAME` tells more.", definition_hash()))
}
