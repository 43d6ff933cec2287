//! IB's contract ids, kept in the master database so that each symbol is resolved once in its life.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::market::{ContractId, Symbol};
use crate::sources::ib::ContractBook;
use crate::store::master::{ReadPool, Writer};

/// A contract book over the store, with a memory of what it has read.
pub(super) struct StoredContracts {
    reads: ReadPool,
    writer: Writer,
    known: Mutex<HashMap<Symbol, ContractId>>,
}

impl StoredContracts {
    pub fn new(reads: ReadPool, writer: Writer) -> Self {
        Self { reads, writer, known: Mutex::default() }
    }
}

impl ContractBook for StoredContracts {
    fn get(&self, symbol: Symbol) -> Option<ContractId> {
        if let Some(found) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&symbol) {
            return Some(*found);
        }
        // A primary-key read; an unreadable store only means that the contract is resolved again.
        let found = self.reads.ask(|r| r.contract(symbol)).ok().flatten()?;
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(symbol, found);
        Some(found)
    }

    fn put(&self, contract: ContractId) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(contract.symbol, contract);
        let writer = self.writer.clone();
        tokio::spawn(async move {
            if let Err(e) = writer.contract(contract).await {
                tracing::warn!(target: "engine", symbol = %contract.symbol, error = %e, "Could not keep the contract id");
            }
        });
    }
}
