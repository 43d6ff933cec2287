//! Which daily bars are stored of the universe, now: not what the run read, whose snapshot its head names.

use std::collections::BTreeMap;

use chrono::Datelike;
use rayon::prelude::*;

use super::html::Html;
use super::page::figure;
use super::{ReportError, RunReport};
use crate::charts::{Chart, Coverage, Strip};
use crate::market::{Calendar, Instrument, Universe, date_to_ts, ts_to_date};
use crate::store::StoreError;
use crate::store::master::ReadPool;

/// Bars by year.
type Years = BTreeMap<i32, u32>;

/// A strip for each symbol, those that lack most first.
pub(super) fn strips(master: &ReadPool, universe: &Universe, now: i64) -> Result<Vec<Strip>, StoreError> {
    let read = |i: &Instrument| {
        let ts = master.ask(|reader| reader.daily(i.symbol, i64::MIN))?.1.ts;
        Ok((ts.first().copied(), by_year(&ts)))
    };
    let stored: Vec<(Option<i64>, Years)> = universe.instruments.par_iter().map(read).collect::<Result<_, StoreError>>()?;
    let first = stored.iter().filter_map(|(first, _)| *first).min();
    let Some(first) = first else { return Ok(Vec::new()) };
    let closed = |c: Calendar| c.sessions(first, now).filter(|s| s.close <= now).map(|s| date_to_ts(s.date)).collect::<Vec<i64>>();
    let [shares, coins] = [Calendar::Xnys, Calendar::Continuous].map(closed);
    let asked = |i: &Instrument| if i.calendar() == Calendar::Xnys { &shares } else { &coins };
    let of = |(i, stored): (&Instrument, &(Option<i64>, Years))| strip(i, stored, asked(i));
    let mut strips: Vec<Strip> = universe.instruments.iter().zip(&stored).map(of).collect();
    strips.sort_by(|a, b| lacking(b).total_cmp(&lacking(a)));
    Ok(strips)
}

/// Sessions before the first bar are not missing: the symbol may not have traded yet.
fn strip(instrument: &Instrument, (first, stored): &(Option<i64>, Years), closed: &[i64]) -> Strip {
    let begun = first.map_or(closed.len(), |first| closed.partition_point(|ts| *ts < first));
    let share = |(year, asked): (i32, u32)| {
        let stored = stored.get(&year).copied().unwrap_or(0).min(asked);
        (year, f64::from(stored) / f64::from(asked))
    };
    Strip { name: format!("{} 1d", instrument.symbol), years: by_year(&closed[begun..]).into_iter().map(share).collect() }
}

/// Years of bars that are missing; without any bar, more than any number.
fn lacking(strip: &Strip) -> f64 {
    if strip.years.is_empty() { f64::INFINITY } else { strip.years.iter().map(|(_, share)| 1.0 - share).sum() }
}

fn by_year(times: &[i64]) -> Years {
    let mut years = Years::new();
    for ts in times {
        *years.entry(ts_to_date(*ts).year()).or_default() += 1;
    }
    years
}

impl RunReport {
    pub(super) fn coverage(&self) -> Chart {
        Chart::Coverage(Coverage { strips: self.stored.clone() })
    }

    pub(super) fn data(&self, html: &mut Html) -> Result<(), ReportError> {
        html.heading("Data");
        let remark = "Daily bars of the universe as they are stored now, sound ones only, those that lack most first. The \
                      first year of each counts from its first bar.";
        figure(html, &self.coverage(), remark)
    }
}
