//! Views: made, and given another query.

use std::collections::{BTreeMap, HashSet};

use arrow::datatypes::Schema;
use datafusion::common::TableReference;
use lakegate_catalog::{
    Catalog, DatasetId, DatasetKind, Error as Refused, NewDataset, ObjectName, OnExisting,
    Privilege, View,
};
use lakegate_engine::schema;
use lakegate_engine::statement::{self, ObjectKind, Statement as Read};

use super::Error;
use super::alter::of_kind;
use super::command::unsupported;
use super::names::absolute;
use super::service::QueryService;
use super::statement::Scope;
use crate::session::Session;

impl QueryService {
    /// Makes a view of a query in `catalog`, a handle of the scope's principal.
    pub(super) async fn create_view(
        &self,
        scope: Scope,
        catalog: &Catalog,
        name: &TableReference,
        sql: String,
        comment: Option<String>,
        on_existing: OnExisting,
    ) -> Result<DatasetId, Error> {
        let noted = (comment, BTreeMap::new());
        self.create_view_noting(scope, catalog, name, sql, on_existing, noted).await
    }

    async fn create_view_noting(
        &self,
        scope: Scope,
        catalog: &Catalog,
        name: &TableReference,
        sql: String,
        on_existing: OnExisting,
        (comment, properties): (Option<String>, BTreeMap<String, String>),
    ) -> Result<DatasetId, Error> {
        let name = absolute(&self.state(&scope), name.clone());
        let Read::Query(parsed) = statement::parse(&sql, scope.settings.folds_identifiers())?
        else {
            return Err(unsupported(
                "a view of a statement that is no query",
                "write CREATE VIEW … AS SELECT …",
            ));
        };
        let planned = self.plan(*parsed, scope.clone()).await?;
        let columns = schema::canonical(planned.plan.schema().as_arrow());
        check_apart(&columns)?;
        let columns_ipc = schema::encode(&columns);
        let kind = DatasetKind::View(View {
            sql,
            columns_ipc,
            project: scope.project,
            schema: scope.schema,
        });
        let dataset = NewDataset {
            comment,
            properties,
            ..NewDataset::new(&*name.catalog, &*name.schema, &*name.table, kind)
        };
        Ok(catalog.create_dataset(&dataset, on_existing).await?.id())
    }

    /// Gives a view that is there another query. What was noted about it stays.
    pub(super) async fn alter_view(
        &self,
        session: &Session,
        name: &TableReference,
        query: String,
    ) -> Result<(), Error> {
        let scope = Scope::of(session);
        let full = absolute(&self.state(&scope), name.clone());
        let seen = self.seen_by(scope.principal).await?;
        let view = seen.resolve(&full.catalog, &full.schema, &full.table)?;
        let object = ObjectName::dataset(&*full.catalog, &*full.schema, &*full.table);
        // Before anything is told of what the query reads.
        seen.check(Privilege::Manage, &object)?;
        let noted = (view.comment.clone(), view.properties.clone());
        let (id, expected) = (view.id, view.revision);
        let catalog = of_kind(&self.changing(session), ObjectKind::View, &object, "ALTER");
        let catalog = catalog.provided(move |seen| {
            seen.check(Privilege::Manage, &object)?;
            // What is noted now would be lost, and what is gone would be made anew.
            let found = seen.dataset_by_id(id).map_or(0, |view| view.revision);
            let (object_type, name) = (object.object_type(), object.to_string());
            match found == expected {
                true => Ok(()),
                false => Err(Refused::RevisionMismatch { object_type, name, expected, found }),
            }
        });
        self.create_view_noting(scope, &catalog, name, query, OnExisting::Replace, noted).await?;
        Ok(())
    }
}

/// Columns of one name could not be told apart by whoever reads the view.
fn check_apart(columns: &Schema) -> Result<(), Error> {
    let mut names = HashSet::new();
    match columns.fields().iter().find(|column| !names.insert(column.name())) {
        Some(column) => Err(Error::ColumnTwice { column: column.name().clone() }),
        None => Ok(()),
    }
}

/// The query under other column names, as `CREATE VIEW v (a, b)` gives them.
pub(super) fn with_column_names(query: &str, columns: &[String]) -> String {
    let names: Vec<_> =
        columns.iter().map(|name| format!("\"{}\"", name.replace('"', "\"\""))).collect();
    format!("SELECT * FROM ({query}) AS \"view\" ({})", names.join(", "))
}
