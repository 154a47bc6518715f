//! The one room where tables are changed.
//!
//! Whoever changes a table has written its files already; here they become part of it, all of them
//! or none, by one new entry of its log. Changes of one table from this process take turns. Each
//! carries an application transaction, by which a change whose outcome was lost on the way is
//! recognised in the log instead of being made twice.

mod adds;
mod append;
mod create;
mod storable;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex as Lock;
use tokio::sync::Mutex;
use uuid::Uuid;

use super::{DeltaTables, TableRoot};

pub use create::NewTable;
pub use storable::storable;

/// What a log says of who writes it.
const ENGINE: &str = concat!("lakegate/", env!("CARGO_PKG_VERSION"));

/// Changes tables, one change of a table at a time.
#[derive(Debug)]
pub struct Commits {
    known: Arc<DeltaTables>,
    /// Names this process in logs.
    application: String,
    /// The number of the last change, of whatever table.
    last: AtomicI64,
    turns: Lock<HashMap<TableRoot, Arc<Mutex<()>>>>,
}

impl Commits {
    /// Changes the tables of which `known` keeps states.
    pub fn new(known: Arc<DeltaTables>) -> Self {
        let application = format!("lakegate-{}", Uuid::new_v4());
        Self { known, application, last: AtomicI64::new(0), turns: Lock::default() }
    }

    /// What whoever changes a table holds meanwhile.
    fn turn(&self, root: &TableRoot) -> Arc<Mutex<()>> {
        let mut turns = self.turns.lock();
        // Nobody has those or waits for them.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(root.clone()).or_default())
    }

    /// The number of a change; larger than those of all earlier ones.
    fn number(&self) -> i64 {
        self.last.fetch_add(1, Ordering::Relaxed) + 1
    }
}
