//! The one room where tables are changed.
//!
//! Whoever changes a table has written its files already; here they become part of it, all of them
//! or none, by one new entry of its log. Changes of one table from this process take turns. Each
//! carries an application transaction, by which a change whose outcome was lost on the way is
//! recognised in the log instead of being made twice.

mod actions;
mod adds;
mod append;
mod attempts;
mod columns;
mod create;
mod info;
mod place;
mod properties;
mod protocols;
mod replace;
mod storable;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use delta_kernel::KernelResult;
use delta_kernel::transaction::UpdateTableTransactionBuilder;
use parking_lot::Mutex as Lock;
use tokio::sync::Mutex;
use uuid::Uuid;

use self::info::user_info;
use self::place::Place;
use super::{DeltaLog, DeltaTables};

pub use create::NewTable;
pub use properties::PropertyChange;
pub use replace::{Overwriting, Replacing};
pub use storable::{COLUMN_COMMENT, storable};

/// What a log says of who writes it.
const ENGINE: &str = concat!("lakegate/", env!("CARGO_PKG_VERSION"));

/// Changes tables, one change of a table at a time.
#[derive(Debug)]
pub struct Commits {
    known: Arc<DeltaTables>,
    attempts_max: NonZeroUsize,
    /// Names this process in logs.
    process: String,
    /// The number of the last change, of whatever table.
    last: AtomicI64,
    turns: Lock<HashMap<Place, Arc<Mutex<()>>>>,
}

/// What tells a change from all others in the log of its table.
#[derive(Debug, Clone)]
struct Change {
    /// This process, at this place: who reaches the table by another way that is not known to be
    /// one is somebody else.
    application: String,
    number: i64,
    /// Who makes it.
    user: Option<Arc<str>>,
}

impl Change {
    /// Lets a transaction tell that it is this change, and who makes it.
    ///
    /// # Errors
    /// Arrow's or the log reader's own.
    fn sign(
        self,
        builder: UpdateTableTransactionBuilder,
    ) -> KernelResult<UpdateTableTransactionBuilder> {
        let builder = builder.with_transaction_id(self.application, self.number);
        let Some(user) = self.user else { return Ok(builder) };
        let (info, schema) = user_info(&user)?;
        Ok(builder.with_commit_info(info, schema))
    }
}

impl Commits {
    /// Changes the tables of which `known` keeps states, each change tried `attempts_max` times
    /// while other writers come first.
    pub fn new(known: Arc<DeltaTables>, attempts_max: NonZeroUsize) -> Self {
        let process = format!("lakegate-{}", Uuid::new_v4());
        Self { known, attempts_max, process, last: AtomicI64::new(0), turns: Lock::default() }
    }

    /// What whoever changes a table holds meanwhile.
    fn turn(&self, place: &Place) -> Arc<Mutex<()>> {
        let mut turns = self.turns.lock();
        // Nobody has those or waits for them.
        turns.retain(|_, turn| Arc::strong_count(turn) > 1);
        Arc::clone(turns.entry(place.clone()).or_default())
    }

    /// A new change, whose number is larger than those of all earlier ones.
    fn change(&self, place: &Place, log: &DeltaLog) -> Change {
        Change {
            application: format!("{}-{}", self.process, place.digest()),
            number: self.last.fetch_add(1, Ordering::Relaxed) + 1,
            user: log.user().map(Arc::clone),
        }
    }
}
