//! `nightdesk report`: a training run as one HTML page, and its charts as files.

use std::io::{IsTerminal, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::output::{self, count, line};
use super::{Context, Exit, Failure, strategy};
use crate::charts::Palette;
use crate::engine::{Learning, Training};
use crate::export::AtomicFile;
use crate::market::Strategy;
use crate::report::{ReportError, RunReport, Sources};
use crate::store::model::ModelReader;
use crate::trainer::Trainer;
use crate::watcher::Watcher;

/// Write a training run as one HTML page: verdict, gates, models, curves, backtest, and what to be careful with
#[derive(Debug, Args)]
pub struct Arguments {
    /// Number of the training run, as `nightdesk models list` shows it
    run: i64,
    /// Whose [default: the one that has a training run of this number]
    #[arg(long, value_name = "S", value_parser = strategy::parser())]
    strategy: Option<Strategy>,
    /// The page [default: reports/STRATEGY-run-RUN.html in the data folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Also write each chart as SVG and PNG into this folder
    #[arg(long, value_name = "DIR")]
    charts: Option<PathBuf>,
    /// Do not tell how to open the page; nothing is opened either way
    #[arg(long)]
    open_none: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(arguments: &Arguments, context: &Context) -> Result<Exit, Failure> {
    context.warn();
    let place = context.workplace();
    let (trainer, watcher) = (Trainer::new(place.clone()), Watcher::new(place.clone()));
    let run = arguments.run;
    let known = |s| Ok(trainer.training(s, Training::Run(run)).map_err(Failure::new)?.is_some());
    let strategy = strategy::only(arguments.strategy, &format!("have a training run {run}"), known)?;
    let none = || {
        let what = arguments.strategy.map_or_else(|| "there is".to_owned(), |s| format!("{s} has"));
        Failure::new(format!("{what} no training run {run}"))
            .next("see which there are: nightdesk models list, nightdesk runs list --job train")
    };
    if !known(strategy)? {
        return Err(none());
    }
    let reader = ModelReader::open(&context.data_dir.join(strategy.database_file()), strategy)?;
    let master = place.master();
    let sources = Sources { trainer: &trainer, watching: watcher.as_ref(), reader: &reader, master: &master, universe: &context.universe };
    let report = RunReport::read(&sources, (strategy, run), context.clock.now())?.ok_or_else(none)?;
    let page = report.page()?;
    let name = format!("{strategy}-run-{run}");
    let path = arguments.out.clone().unwrap_or_else(|| context.data_dir.join("reports").join(format!("{name}.html")));
    if arguments.out.is_none() {
        folder(&context.data_dir.join("reports"))?;
    }
    write(&path, page.as_bytes())?;
    let charts = arguments.charts.as_ref().map(|dir| charts(&report, dir, &name)).transpose()?.unwrap_or_default();
    tell(arguments, &path, page.len(), &charts)?;
    Ok(Exit::Done)
}

/// Writes every chart of the run twice, and gives the files.
fn charts(report: &RunReport, dir: &Path, name: &str) -> Result<Vec<PathBuf>, Failure> {
    folder(dir)?;
    let mut files = Vec::new();
    for (kind, chart) in report.charts() {
        let [svg, png] = ["svg", "png"].map(|ending| dir.join(format!("{name}-{kind}.{ending}")));
        write(&svg, chart.svg(&Palette::LIGHT, chart.size()).map_err(ReportError::from)?.as_bytes())?;
        write(&png, &chart.png(&Palette::LIGHT, chart.size()).map_err(ReportError::from)?)?;
        files.extend([svg, png]);
    }
    Ok(files)
}

fn tell(arguments: &Arguments, path: &Path, bytes: usize, charts: &[PathBuf]) -> Result<(), Failure> {
    if arguments.json {
        return output::json(&json!({ "ok": true, "path": path, "bytes": bytes, "charts": charts }));
    }
    line(path.display())?;
    if let Some(dir) = &arguments.charts {
        output::remark(format_args!("{} in {}", count(charts.len(), "chart file", "chart files"), dir.display()));
    }
    if !arguments.open_none && std::io::stdout().is_terminal() {
        let open = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
        output::remark(format_args!("to see it: {open} {}", path.display()));
    }
    Ok(())
}

/// Makes a folder for the user's eyes only, if it is not there.
fn folder(dir: &Path) -> Result<(), Failure> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|e| Failure::new(format!("the folder {} could not be made: {e}", dir.display())).next(ELSEWHERE))
}

const ELSEWHERE: &str = "name a file in a folder you may write to with --out, one for charts with --charts, or free some space";

/// Writes a file whole or not at all, readable by the user only.
fn write(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |e: &dyn std::fmt::Display| Failure::new(format!("the report was not written: {e}")).next(ELSEWHERE);
    let mut file = AtomicFile::create(path).map_err(|e| failed(&e))?;
    file.write_all(content).map_err(|e| failed(&e))?;
    file.commit().map_err(|e| failed(&e))
}

impl From<ReportError> for Failure {
    fn from(e: ReportError) -> Self {
        match e {
            ReportError::Store(e) => e.into(),
            other => Self::new(other.to_string()),
        }
    }
}
