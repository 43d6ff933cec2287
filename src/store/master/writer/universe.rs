//! Making the stored universe equal to the configured one.

use rusqlite::{OptionalExtension, params};

use super::ledger::Ledger;
use crate::market::Universe;
use crate::store::master::StoreError;

/// A symbol's first sector holds from the beginning: nothing earlier is known, and features of old dates need one.
const BEGINNING: &str = "1900-01-01";

/// Upserts symbols in the universe's order, retires the others, and dates changes of sector.
pub(super) fn sync(l: &mut Ledger, u: &Universe) -> Result<(), StoreError> {
    let mut members = std::collections::HashSet::new();
    for (position, i) in u.instruments.iter().enumerate() {
        let id = l.symbol_id(i.symbol)?;
        members.insert(id);
        l.conn
            .prepare_cached(
                "UPDATE symbol SET asset = ?2, name = ?3, position = ?4
                 WHERE symbol_id = ?1 AND (asset <> ?2 OR name IS NOT ?3 OR position IS NOT ?4)",
            )?
            .execute(params![id, i.asset.name(), i.name, position as i64])?;
        sector(l, id, &i.sector)?;
    }
    let active: Vec<i64> = l
        .conn
        .prepare_cached("SELECT symbol_id FROM symbol WHERE position IS NOT NULL")?
        .query_map([], |r| r.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in active.into_iter().filter(|id| !members.contains(id)) {
        l.conn.prepare_cached("UPDATE symbol SET position = NULL WHERE symbol_id = ?1")?.execute([id])?;
    }
    Ok(())
}

fn sector(l: &Ledger, symbol_id: i64, sector: &str) -> Result<(), StoreError> {
    let current: Option<(String, String)> = l
        .conn
        .prepare_cached("SELECT sector, effective_date FROM sector_mappings WHERE symbol_id = ?1 AND end_date IS NULL")?
        .query_row([symbol_id], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    let today = l.today();
    let insert = "INSERT INTO sector_mappings (symbol_id, effective_date, sector) VALUES (?1, ?2, ?3)";
    match current {
        Some((stored, _)) if stored == sector => {}
        // Changed before on the same day, or the clock was set back: the later word stands for the same span.
        Some((_, since)) if since >= today => {
            l.conn
                .prepare_cached("UPDATE sector_mappings SET sector = ?2 WHERE symbol_id = ?1 AND end_date IS NULL")?
                .execute(params![symbol_id, sector])?;
        }
        Some(_) => {
            l.conn
                .prepare_cached("UPDATE sector_mappings SET end_date = ?2 WHERE symbol_id = ?1 AND end_date IS NULL")?
                .execute(params![symbol_id, today])?;
            l.conn.prepare_cached(insert)?.execute(params![symbol_id, today, sector])?;
        }
        None => {
            l.conn.prepare_cached(insert)?.execute(params![symbol_id, BEGINNING, sector])?;
        }
    }
    Ok(())
}
