//! The versions that one statement reads.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::{AsOf, DeltaLog, DeltaTables, TableRoot, TableState};
use crate::Error;

/// The newest version of each table, taken when a statement first names it and kept for as long as
/// the statement is: through views, joins with itself and planning anew for another tier.
#[derive(Debug)]
pub struct TakenVersions {
    known: Arc<DeltaTables>,
    taken: Mutex<HashMap<TableRoot, Arc<TableState>>>,
}

impl TakenVersions {
    /// Nothing taken yet, of what `known` keeps of tables.
    pub fn new(known: Arc<DeltaTables>) -> Self {
        Self { known, taken: Mutex::default() }
    }

    /// The version of a table that the statement reads.
    ///
    /// # Errors
    /// As [`DeltaLog::open`].
    pub async fn of(&self, log: &DeltaLog) -> Result<Arc<TableState>, Error> {
        if let Some(taken) = self.taken.lock().get(log.root()) {
            return Ok(Arc::clone(taken));
        }
        let newest = self.known.state(log, AsOf::Latest).await?;
        let mut taken = self.taken.lock();
        Ok(Arc::clone(taken.entry(log.root().clone()).or_insert(newest)))
    }
}
