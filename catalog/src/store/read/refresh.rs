//! Reads only what has changed, of what there may be a lot of.

use std::collections::HashSet;
use std::fmt::Display;
use std::hash::Hash;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::Error;
use crate::snapshot::Snapshot;
use crate::store::database::{as_integer, values};

use super::{Row, Transaction, parsed};

/// A table in which every change of a row gives it a new revision.
pub(super) struct Revised<T, Id> {
    pub(super) table: &'static str,
    /// The query for rows with a revision above `$1`.
    pub(super) changed: &'static str,
    pub(super) read: fn(&Row) -> Result<T, Error>,
    pub(super) id: fn(&T) -> Id,
}

impl<T, Id> Revised<T, Id>
where
    Id: Eq + Hash + FromStr,
    Id::Err: Display,
{
    /// All rows. Those that have not changed since the previous snapshot come from `old`, which is
    /// what that snapshot has, unless they are gone.
    pub(super) async fn all<'s>(
        &self,
        transaction: &mut Transaction,
        previous: Option<&'s Snapshot>,
        old: impl Iterator<Item = &'s Arc<T>>,
    ) -> Result<Vec<Arc<T>>, Error>
    where
        T: 's,
    {
        // What an earlier version of Lakegate made may have the revision 0.
        let since = previous.map_or(-1, |previous| as_integer(previous.version()));
        let changed = transaction.fetch_all(self.changed, values![since]).await?;
        let changed: Vec<Arc<T>> =
            changed.iter().map(|row| (self.read)(row).map(Arc::new)).collect::<Result<_, _>>()?;
        let ids: HashSet<Id> = changed.iter().map(|item| (self.id)(item)).collect();
        let mut all: Vec<Arc<T>> =
            old.filter(|item| !ids.contains(&(self.id)(item))).map(Arc::clone).collect();
        all.extend(changed);
        self.retain_left(transaction, &mut all).await?;
        Ok(all)
    }

    /// Takes out what is gone. Whatever is there is in `all`, so that nothing is gone if both are
    /// as many.
    async fn retain_left(
        &self,
        transaction: &mut Transaction,
        all: &mut Vec<Arc<T>>,
    ) -> Result<(), Error> {
        let count = format!("SELECT count(*) AS n FROM {}", self.table);
        if usize::try_from(transaction.count(&count, values![]).await?) == Ok(all.len()) {
            return Ok(());
        }
        let ids = format!("SELECT id FROM {}", self.table);
        let left = transaction.fetch_all(&ids, values![]).await?;
        let left: HashSet<Id> =
            left.iter().map(|row| parsed(row, "id")).collect::<Result<_, _>>()?;
        all.retain(|item| left.contains(&(self.id)(item)));
        Ok(())
    }
}
