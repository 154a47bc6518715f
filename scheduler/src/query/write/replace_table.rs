//! `CREATE OR REPLACE TABLE` of a table that is there: its next version is another table.

use std::sync::Arc;

use datafusion::common::ResolvedTableReference;
use lakegate_catalog::{
    Catalog, Dataset, DatasetId, DatasetKind, DatasetType, Error as Refused,
    FileFormat as EntryFormat, Object, OnExisting, Privilege, Table as Entry, VisibleSnapshot,
};
use lakegate_lake::Location;
use lakegate_lake::delta::{AsOf, DeltaLog, Replacing, TableRoot};

use super::create_table::{Making, Place, described};
use super::files::Written;
use super::insert::check_still_there;
use crate::query::Error;
use crate::query::bounds::Reach;
use crate::query::command::unsupported;
use crate::query::service::QueryService;
use crate::session::Session;

impl QueryService {
    /// Makes of the table `there` the one that the statement describes. It keeps its identifier,
    /// its grants and its versions; whoever reads it meanwhile reads one of them.
    pub(super) async fn replace_table(
        &self,
        session: &Arc<Session>,
        making: &Making<'_>,
        seen: &VisibleSnapshot,
        there: &Dataset,
    ) -> Result<u64, Error> {
        let (id, name) = (there.id, making.name.clone());
        let place = self.replaced_place(seen, there, making).await?;
        let location = place.location.clone();
        for privilege in [Privilege::Manage, Privilege::Modify] {
            seen.check_object(privilege, Object::Dataset(id), &name)?;
        }
        seen.check_writing_files(there)?;
        let log = DeltaLog::in_session(&making.state, place.root.clone())?
            .written_by(&session.principal.name);
        // Before rows are written that cannot become part of it.
        let newest = self.delta.state(&log, AsOf::Latest).await?;
        self.commits.check_writable(&log, &newest).await?;
        self.commits.check_replaceable(&newest)?;
        let contents = self.contents(making, &place.root).await?;
        let read = contents.read_of(&place.root);
        let by = match contents.written {
            Some(_) => Replacing::Query,
            None => Replacing::Columns,
        };
        let (dataset, table) = described(making, &place, &contents);
        let catalog = naming(&self.changing(session), id, &name);
        let (known, commits) = (self.catalog.clone(), Arc::clone(&self.commits));
        self.background
            .settle(async move {
                check_still_there(&known, id, &location, &name.to_string()).await?;
                let (files, rows, mut unfinished) = Written::parts(contents.written);
                let paths: Vec<_> = files.iter().map(|file| file.path.clone()).collect();
                if let Err(error) = commits.replace(&log, table, files, read, by).await {
                    let is_unclear = matches!(error, lakegate_lake::Error::CommitFailed { .. });
                    if let Some(unfinished) = unfinished.as_mut().filter(|_| is_unclear) {
                        unfinished.leave();
                    }
                    return Err(error.into());
                }
                if let Some(unfinished) = &mut unfinished {
                    unfinished.keep(paths.into_iter());
                }
                catalog.create_dataset(&dataset, OnExisting::Replace).await?;
                Ok(rows)
            })
            .await
    }

    /// Where the table lies that is replaced.
    async fn replaced_place(
        &self,
        seen: &VisibleSnapshot,
        there: &Dataset,
        making: &Making<'_>,
    ) -> Result<Place, Error> {
        let entry = match &there.kind {
            DatasetKind::Table(entry) if entry.format == EntryFormat::Delta => entry,
            DatasetKind::Table(_) => return Err(not_of_lakegate()),
            other => {
                let (expected, found) = (DatasetType::Table, other.dataset_type());
                let (dataset, verb) = (making.name.to_string(), "CREATE OR REPLACE");
                return Err(Refused::WrongType { dataset, expected, found, verb }.into());
            }
        };
        let location = entry.location.clone();
        let root = TableRoot::parse(&location)?.followed();
        match &making.create.location {
            None if entry.is_managed => {}
            None => return Err(not_of_lakegate()),
            Some(location) => self.check_same_place(seen, entry, &root, location).await?,
        }
        Ok(Place { root, location, is_managed: entry.is_managed })
    }

    async fn check_same_place(
        &self,
        seen: &VisibleSnapshot,
        entry: &Entry,
        root: &TableRoot,
        location: &str,
    ) -> Result<(), Error> {
        let location = Location::read(location)?;
        self.check_place(seen, Privilege::Write, &location, Reach::Below).await?;
        let named = TableRoot::parse(location.as_str())?.followed();
        if !entry.is_managed && named == *root {
            return Ok(());
        }
        Err(unsupported(
            "CREATE OR REPLACE TABLE with another LOCATION than the table has",
            "DROP TABLE it first, or leave LOCATION out",
        ))
    }
}

fn not_of_lakegate() -> Error {
    unsupported(
        "CREATE OR REPLACE TABLE of an external table",
        "DROP TABLE it first: its files stay",
    )
}

/// The catalog, changed only while the name still means the table that was replaced.
fn naming(catalog: &Catalog, id: DatasetId, name: &ResolvedTableReference) -> Catalog {
    let name = name.clone();
    catalog.provided(move |seen| {
        let found = seen.resolve(&name.catalog, &name.schema, &name.table)?;
        match found.id == id {
            true => Ok(()),
            false => Err(Refused::AlreadyExists { noun: "table", name: name.to_string() }),
        }
    })
}
