//! Statements that write rows: a query runs on whatever tier with a writer on top, and what it has
//! written becomes visible at once, here, or not at all.

mod copy_to;
mod create_table;
mod files;
mod insert;
mod managed;
mod replace_table;
mod sink;
mod truncate;

use std::sync::Arc;

use lakegate_engine::statement::Write;

pub(super) use create_table::declared_columns;
pub(super) use files::Background;
pub(super) use sink::Sink;

use super::Error;
use super::registry::QueryGuard;
use super::service::QueryService;
use crate::session::Session;

impl QueryService {
    /// Carries `write` out, once; the number of rows that it has written. When the future is
    /// dropped, nothing is visible of it and its files are removed, unless its commit has begun:
    /// that is carried through.
    pub(super) async fn write(
        &self,
        session: &Arc<Session>,
        write: &Write,
        sql: &str,
        guard: &QueryGuard,
    ) -> Result<u64, Error> {
        let rows = match write {
            Write::CreateTable(create) => self.create_table(session, create, sql, guard).await,
            Write::Insert { table, columns, query, overwrite } => {
                let into = insert::Destination { table, columns, overwrite: *overwrite };
                self.insert(session, into, query, guard).await
            }
            Write::Truncate { table } => self.truncate(session, table).await,
            Write::CopyTo { query, target, format, partitioned_by, options } => {
                let to =
                    copy_to::Target { target, format: format.as_deref(), partitioned_by, options };
                self.copy_to(session, query, to, guard).await
            }
        }?;
        guard.record().add_rows(usize::try_from(rows).unwrap_or(usize::MAX));
        Ok(rows)
    }
}
