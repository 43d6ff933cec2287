//! Nightdesk: the overnight desk for market data and models.
//!
//! Houses, lowest first: `market` <- `store` <- `schedule`, `sources` <- `ingest` <- `engine` <- `control` <- `console`, `cli`.
//! `features`, `labels` and `dataset` compute on what `store` holds, `train` judges models above them, `drift` compares what
//! these see later, `scan` answers by them; `audit` stands above `store`, `workplace` above it, `charts` alone. `trainer` and
//! `watcher` do that work for the engine, `report` stands above both and `charts`. `job` says what the body of a job is,
//! `maintenance` is one, `webhook` lies below the engine, `outbox` beside `control`. `sim` is used by
//! `cli`, the demo and the tests, never by production paths; `random` lies below it and `train`.
//! docs/ARCHITECTURE.md draws the picture.

pub mod audit;
pub mod charts;
pub mod cli;
pub mod config;
pub mod console;
pub mod control;
pub mod dataset;
pub mod drift;
pub mod engine;
pub mod export;
pub mod features;
pub mod ingest;
pub mod job;
pub mod labels;
pub mod maintenance;
pub mod market;
pub mod outbox;
mod random;
pub mod report;
pub mod scan;
pub mod schedule;
pub mod sim;
pub mod sources;
pub mod store;
pub mod train;
pub mod trainer;
pub mod watcher;
pub mod webhook;
pub mod workplace;
