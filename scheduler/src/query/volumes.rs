//! Volumes: files of any kind below one prefix.

use lakegate_catalog::{
    Catalog, Created, DatasetKind, NewDataset, ObjectName, OnExisting, Privilege, Volume,
};
use lakegate_lake::Location;
use lakegate_lake::delta::TableRoot;

use super::Error;
use super::bounds::Reach;
use super::command::unsupported;
use super::service::QueryService;
use crate::session::Session;

impl QueryService {
    /// Makes a volume in `catalog`, a handle of the session's principal: over files that are there already where a
    /// location is given, else over a new folder that belongs to Lakegate.
    ///
    /// # Errors
    /// The location is none that is served, the folder cannot be made, or the catalog refuses.
    pub(super) async fn create_volume(
        &self,
        session: &Session,
        catalog: &Catalog,
        name: &ObjectName,
        location: Option<&str>,
        if_not_exists: bool,
    ) -> Result<(), Error> {
        let ObjectName::Dataset { project, schema, dataset } = name else {
            return Err(unsupported("a volume of such a name", "project.schema.volume"));
        };
        let on_existing = if if_not_exists { OnExisting::Keep } else { OnExisting::Fail };
        let new = |is_managed, location| {
            let kind = DatasetKind::Volume(Volume { is_managed, location });
            NewDataset::new(project, schema, dataset, kind)
        };
        if let Some(location) = location {
            let location = Location::read(location)?;
            let seen = self.seen_by(session.principal.id).await?;
            self.check_place(&seen, Privilege::Read, &location, Reach::Below).await?;
            let location = location.as_str().to_string();
            catalog.create_dataset(&new(false, location), on_existing).await?;
            return Ok(());
        }
        let seen = self.seen_by(session.principal.id).await?;
        // Before a folder is made for it.
        seen.check(Privilege::Create, &ObjectName::schema(project, schema))?;
        let root = self.managed_root(seen.resolve_project(project)?)?;
        make_folder(&root).await?;
        let created = catalog.create_dataset(&new(true, root.url().to_string()), on_existing).await;
        if !matches!(created, Ok(Created::New(_)))
            && let Some(folder) = root.local_path()
        {
            // Nothing is in it yet.
            let _ = tokio::fs::remove_dir(folder).await;
        }
        created.map(drop).map_err(Error::from)
    }
}

/// Folders of object stores need not be made.
async fn make_folder(root: &TableRoot) -> Result<(), Error> {
    let Some(folder) = root.local_path() else { return Ok(()) };
    tokio::fs::create_dir_all(folder).await.map_err(|source| {
        let source = object_store::Error::Generic { store: "file", source: source.into() };
        lakegate_lake::Error::Store { url: root.to_string(), source }.into()
    })
}
