//! From what a source serves to what the master database holds: derivation of the timeframes nobody serves, and the
//! data-quality checks every bar passes.
//!
//! The engine's ingest job calls this module. It depends on `market`, `store` and `sources`; the parts here do no I/O.

pub mod derive;
pub mod quality;
