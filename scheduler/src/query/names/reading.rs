//! Tables at versions, and changes of tables: what the made names of a statement stand for.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::ResolvedTableReference;
use datafusion::execution::session_state::SessionState;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::Expr;
use lakegate_catalog::{INFORMATION_SCHEMA, Object, Privilege, SYSTEM_SCHEMA};
use lakegate_engine::statement::Reading;
use lakegate_lake::delta::{AsOf, DeltaLog};
use lakegate_lake::{ExternalTable, Format, delta_table};

use super::below::Below;
use super::constant::{constant, milliseconds};
use super::{Declared, Resolver, absolute, declared};
use crate::query::Error;

/// Where a feed of changes begins or ends.
enum Bound {
    Version(u64),
    /// In milliseconds since 1970-01-01 UTC.
    Time(i64),
}

impl Resolver {
    /// What `made` stands for, a name that the statement got for `reading`.
    ///
    /// # Errors
    /// As for any table; and the table is none of Delta, or has no such version.
    pub(super) async fn reading(
        &self,
        state: &SessionState,
        made: &ResolvedTableReference,
        reading: &Reading,
        below: &mut Below,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        let named = |table: &str| ResolvedTableReference { table: table.into(), ..made.clone() };
        match reading {
            Reading::Version { table, version } => {
                let table = self.delta_table(&named(table), below)?;
                self.as_of(state, &table, AsOf::Version(*version)).await
            }
            Reading::Time { table, time } => {
                let table = self.delta_table(&named(table), below)?;
                let time = self.time(state, time)?;
                self.as_of(state, &table, AsOf::Timestamp(time)).await
            }
            Reading::Changes { table, from, to } => {
                let table = self.delta_table(&absolute(state, table.clone()), below)?;
                let log = table.log(state)?;
                let from = self.first(&log, self.bound(state, from)?).await?;
                let to = match to {
                    Some(to) => self.last(&log, self.bound(state, to)?).await?,
                    None => self.versions.of(&log).await?.version(),
                };
                if from > to {
                    return Err(Error::ChangesBackwards { from, to });
                }
                Ok(log.changes(from, Some(to)).await?)
            }
        }
    }

    async fn as_of(
        &self,
        state: &SessionState,
        table: &ExternalTable,
        as_of: AsOf,
    ) -> Result<Arc<dyn TableProvider>, Error> {
        Ok(delta_table(state, &self.versions, table, as_of, self.strings).await?)
    }

    /// The Delta table of this name, whose rows the principal may read.
    fn delta_table(
        &self,
        name: &ResolvedTableReference,
        below: &mut Below,
    ) -> Result<ExternalTable, Error> {
        let none = |kind: &str| Error::NoVersions { name: name.to_string(), kind: kind.into() };
        if [INFORMATION_SCHEMA, SYSTEM_SCHEMA].contains(&&*name.schema) {
            return Err(none("a table of the service"));
        }
        let dataset = self.seen.resolve(&name.catalog, &name.schema, &name.table)?;
        self.seen.check_object(Privilege::Select, Object::Dataset(dataset.id), name)?;
        self.seen.check_reading_files(dataset)?;
        below.reads(dataset.id);
        match declared(dataset)? {
            Declared::Table(table) if table.format == Format::Delta => Ok(table),
            Declared::Table(table) => Err(none(&format!("a table of {} files", table.format))),
            Declared::View(_) => Err(none("a view")),
        }
    }

    /// The time that an expression means, in milliseconds since 1970-01-01 UTC, the same each time
    /// that the statement is planned.
    fn time(&self, state: &SessionState, time: &Expr) -> Result<i64, Error> {
        self.versions.time(time.to_string(), || {
            milliseconds(state, constant(state, time)?)
                .ok_or_else(|| Error::NotATime { expression: time.to_string() })
        })
    }

    fn bound(&self, state: &SessionState, bound: &Expr) -> Result<Bound, Error> {
        let value = constant(state, bound)?;
        if !value.data_type().is_integer() {
            return self.time(state, bound).map(Bound::Time);
        }
        let version = match value.cast_to(&arrow::datatypes::DataType::UInt64) {
            Ok(ScalarValue::UInt64(version)) => version,
            _ => None,
        };
        let not_a_version = || Error::NotAVersion { expression: bound.to_string() };
        version.map(Bound::Version).ok_or_else(not_a_version)
    }

    /// The first version of the feed: of a time the oldest that is not older.
    async fn first(&self, log: &DeltaLog, bound: Bound) -> Result<u64, Error> {
        Ok(match bound {
            Bound::Version(version) => version,
            Bound::Time(time) => self.versions.version_since(log, time).await?,
        })
    }

    /// The last version of the feed: of a time the newest that is not younger.
    async fn last(&self, log: &DeltaLog, bound: Bound) -> Result<u64, Error> {
        Ok(match bound {
            Bound::Version(version) => version,
            Bound::Time(time) => self.versions.version_at(log, time).await?,
        })
    }
}
