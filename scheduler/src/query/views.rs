//! Views: made, and given another query.

use std::collections::{BTreeMap, HashSet};

use arrow::datatypes::Schema;
use datafusion::common::{ResolvedTableReference, TableReference};
use lakegate_catalog::{
    Catalog, DatasetId, DatasetKind, Error as Refused, NewDataset, ObjectName, OnExisting,
    Privilege, Snapshot, View,
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
        let view = View {
            sql,
            columns_ipc: Vec::new(),
            project: scope.project.clone(),
            schema: scope.schema.clone(),
        };
        let snapshot = self.catalog().snapshot().await?;
        self.check_no_circle(&scope, &snapshot, &name, &view)?;
        let columns_ipc = schema::encode(&columns);
        let kind = DatasetKind::View(View { columns_ipc, ..view });
        let dataset = NewDataset {
            comment,
            properties,
            ..NewDataset::new(&*name.catalog, &*name.schema, &*name.table, kind)
        };
        Ok(catalog.create_dataset(&dataset, on_existing).await?.id())
    }

    /// Refuses a view that would read itself under this name, by itself or through other views.
    ///
    /// # Errors
    /// [`Error::ViewOfItself`].
    pub(super) fn check_no_circle(
        &self,
        scope: &Scope,
        snapshot: &Snapshot,
        name: &ResolvedTableReference,
        view: &View,
    ) -> Result<(), Error> {
        let (mut seen, mut next) = (HashSet::new(), vec![view]);
        while let Some(view) = next.pop() {
            for read in self.names_in(scope, view) {
                if read == *name {
                    return Err(Error::ViewOfItself { name: name.to_string() });
                }
                let dataset = snapshot.dataset(&read.catalog, &read.schema, &read.table);
                if let Some(DatasetKind::View(below)) = dataset.map(|dataset| &dataset.kind)
                    && seen.insert(read)
                {
                    next.push(below);
                }
            }
        }
        Ok(())
    }

    /// The names in the query of a view; none where it cannot be read any more.
    fn names_in(&self, scope: &Scope, view: &View) -> Vec<ResolvedTableReference> {
        let fold = scope.settings.folds_identifiers();
        let Ok(Read::Query(mut parsed)) = statement::parse(&view.sql, fold) else {
            return Vec::new();
        };
        if statement::name_apart(&mut parsed, fold).is_err() {
            return Vec::new();
        }
        let names = self.state(scope).resolve_table_references(&parsed).unwrap_or_default();
        names.into_iter().map(|name| name.resolve(&view.project, &view.schema)).collect()
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
