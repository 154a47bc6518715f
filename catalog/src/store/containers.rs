//! Changes of projects and schemas.

use crate::error::Error;
use crate::ids::{ProjectId, SchemaId};
use crate::limit::{PROJECTS_MAX, SCHEMAS_MAX, check_name};
use crate::location_url::LocationUrl;
use crate::model::{Created, Object, ObjectName, OnContents, OnMissing, Privilege};
use crate::{DEFAULT_PROJECT, DEFAULT_SCHEMA, INFORMATION_SCHEMA, SYSTEM_SCHEMA};

use super::Catalog;
use super::change::Change;
use super::database::values;
use super::find::found;
use super::time::now_ms;

impl Catalog {
    /// Makes the default project and schema in a catalog that has no project.
    pub(super) async fn create_defaults(&self) -> Result<(), Error> {
        let mut change = self.change("making the default project").await?;
        if change.count("SELECT count(*) AS n FROM project", values![]).await? > 0 {
            return Ok(());
        }
        change.insert_project(DEFAULT_PROJECT, None).await?;
        change.publish().await
    }

    /// Makes a project with the default schema in it.
    ///
    /// # Errors
    /// The name is taken or cannot be one, there are too many projects, or the principal is no
    /// admin.
    pub async fn create_project(
        &self,
        name: &str,
        if_not_exists: bool,
    ) -> Result<Created<ProjectId>, Error> {
        self.create_project_at(name, None, if_not_exists).await
    }

    /// Makes a project whose managed tables lie below a URL, with the default schema in it.
    ///
    /// # Errors
    /// As [`Catalog::create_project`], and the URL is none.
    pub async fn create_project_at(
        &self,
        name: &str,
        location: Option<&str>,
        if_not_exists: bool,
    ) -> Result<Created<ProjectId>, Error> {
        check_name("project", name)?;
        let location = location.map(normal_url).transpose()?;
        let mut change = self.change("creating a project").await?;
        change.check_admin("creating a project")?;
        if let Some(there) = change.find_project(name).await? {
            return kept_or_taken(if_not_exists.then_some(there), "project", name.to_string());
        }
        let count = "SELECT count(*) AS n FROM project";
        change.check_limit(count, values![], PROJECTS_MAX, "projects").await?;
        let project = change.insert_project(name, location).await?;
        change.note("project", project).await?;
        change.publish().await?;
        Ok(Created::New(project))
    }

    /// Has the managed tables that a project gets from now on lie below another URL; `None` for
    /// the service's own folder. Tables that are there stay where they are.
    ///
    /// # Errors
    /// There is no such project, the URL is none, or the principal is no admin.
    pub async fn set_project_location(
        &self,
        name: &str,
        location: Option<&str>,
    ) -> Result<(), Error> {
        let mut change = self.change("moving a project").await?;
        change.move_project(name, location).await?;
        change.publish().await
    }

    /// Drops a project; `false` where there is none. A project that holds no dataset and no schema
    /// but the default one counts as empty.
    ///
    /// # Errors
    /// There is no such project, it is not empty, it is the default one, or the principal may not
    /// manage it.
    pub async fn drop_project(
        &self,
        name: &str,
        on_missing: OnMissing,
        on_contents: OnContents,
    ) -> Result<bool, Error> {
        if name == DEFAULT_PROJECT {
            return Err(Error::DefaultProject { project: DEFAULT_PROJECT });
        }
        let mut change = self.change("dropping a project").await?;
        let full = ObjectName::Project(name.to_string());
        if found(change.check_managing(&full), on_missing)?.is_none() {
            return Ok(false);
        }
        let Some(project) = found(change.project(name).await, on_missing)? else {
            return Ok(false);
        };
        if on_contents == OnContents::Refuse {
            change.check_project_empty(project, name).await?;
        }
        change.execute("DELETE FROM project WHERE id = $1", values![project]).await?;
        change.publish().await?;
        Ok(true)
    }

    /// Makes a schema.
    ///
    /// # Errors
    /// There is no such project, the name is taken or cannot be one, there are too many schemas,
    /// or the principal may not create in the project.
    pub async fn create_schema(
        &self,
        project: &str,
        name: &str,
        if_not_exists: bool,
    ) -> Result<Created<SchemaId>, Error> {
        check_schema_name(name)?;
        let mut change = self.change("creating a schema").await?;
        if let Some(view) = change.view() {
            view.check(Privilege::Create, &ObjectName::Project(project.to_string()))?;
        }
        let project_id = change.project(project).await?;
        if let Some(there) = change.find_schema(project_id, name).await? {
            let kept = if_not_exists.then_some(there);
            return kept_or_taken(kept, "schema", format!("{project}.{name}"));
        }
        let count = "SELECT count(*) AS n FROM project_schema";
        change.check_limit(count, values![], SCHEMAS_MAX, "schemas").await?;
        let schema = change.insert_schema(project_id, name).await?;
        change.note("project_schema", schema).await?;
        change.grant_ownership(Object::Schema(schema)).await?;
        change.publish().await?;
        Ok(Created::New(schema))
    }

    /// Drops a schema; `false` where there is none.
    ///
    /// # Errors
    /// There is no such project or schema, it is not empty, or the principal may not manage it.
    pub async fn drop_schema(
        &self,
        project: &str,
        name: &str,
        on_missing: OnMissing,
        on_contents: OnContents,
    ) -> Result<bool, Error> {
        let mut change = self.change("dropping a schema").await?;
        let full = ObjectName::schema(project, name);
        if found(change.check_managing(&full), on_missing)?.is_none() {
            return Ok(false);
        }
        let Some(schema) = found(change.schema(project, name).await, on_missing)? else {
            return Ok(false);
        };
        if on_contents == OnContents::Refuse {
            let datasets = "SELECT count(*) AS n FROM dataset WHERE schema_id = $1";
            let held = change.count(datasets, values![schema]).await?;
            not_empty("schema", full.to_string(), held, "dataset")?;
        }
        change.execute("DELETE FROM project_schema WHERE id = $1", values![schema]).await?;
        change.publish().await?;
        Ok(true)
    }
}

impl Change<'_> {
    /// Refuses what the principal may not manage.
    pub(super) fn check_managing(&self, name: &ObjectName) -> Result<(), Error> {
        let check = |view: &crate::VisibleSnapshot| view.check_managing(name, "managing it");
        self.view().map_or(Ok(()), check)
    }

    /// Has the managed tables that a project gets from now on lie below another URL.
    pub(super) async fn move_project(
        &mut self,
        name: &str,
        location: Option<&str>,
    ) -> Result<(), Error> {
        let location = location.map(normal_url).transpose()?;
        self.check_admin("choosing where a project's tables lie")?;
        let project = self.project(name).await?;
        let revision = self.version();
        let update = "UPDATE project SET location = $1, revision = $2 WHERE id = $3";
        self.execute(update, values![location, revision, project]).await.map(drop)
    }

    async fn insert_project(
        &mut self,
        name: &str,
        location: Option<String>,
    ) -> Result<ProjectId, Error> {
        let (project, revision) = (ProjectId::generate(), self.version());
        self.execute(
            "INSERT INTO project (id, name, location, created_at_ms, revision)
             VALUES ($1, $2, $3, $4, $5)",
            values![project, name, location, now_ms(), revision],
        )
        .await?;
        self.insert_schema(project, DEFAULT_SCHEMA).await?;
        self.grant_ownership(Object::Project(project)).await?;
        Ok(project)
    }

    async fn insert_schema(&mut self, project: ProjectId, name: &str) -> Result<SchemaId, Error> {
        let (schema, revision) = (SchemaId::generate(), self.version());
        self.execute(
            "INSERT INTO project_schema (id, project_id, name, created_at_ms, revision)
             VALUES ($1, $2, $3, $4, $5)",
            values![schema, project, name, now_ms(), revision],
        )
        .await?;
        Ok(schema)
    }

    async fn check_project_empty(&mut self, project: ProjectId, name: &str) -> Result<(), Error> {
        let datasets = "SELECT count(*) AS n FROM dataset
             JOIN project_schema ON project_schema.id = dataset.schema_id
             WHERE project_schema.project_id = $1";
        let held = self.count(datasets, values![project]).await?;
        not_empty("project", name.to_string(), held, "dataset")?;
        let schemas = "SELECT count(*) AS n FROM project_schema
             WHERE project_id = $1 AND name <> 'public'";
        let held = self.count(schemas, values![project]).await?;
        not_empty("project", name.to_string(), held, "schema")
    }
}

/// Refuses names that the engine and the service answer for.
pub(super) fn check_schema_name(name: &str) -> Result<(), Error> {
    check_name("schema", name)?;
    if [INFORMATION_SCHEMA, SYSTEM_SCHEMA].contains(&name) {
        let reason = "is reserved";
        return Err(Error::InvalidName { noun: "schema", name: name.to_string(), reason });
    }
    Ok(())
}

/// The one text of a URL.
pub(super) fn normal_url(url: &str) -> Result<String, Error> {
    let url: LocationUrl = url.parse().map_err(|source| Error::InvalidLocationUrl { source })?;
    Ok(url.to_string())
}

/// What is there and is to be kept, or that its name is taken.
pub(super) fn kept_or_taken<Id>(
    kept: Option<Id>,
    noun: &'static str,
    name: String,
) -> Result<Created<Id>, Error> {
    kept.map(Created::Kept).ok_or(Error::AlreadyExists { noun, name })
}

fn not_empty(noun: &'static str, name: String, held: i64, what: &str) -> Result<(), Error> {
    let contents = match held {
        0 => return Ok(()),
        1 => format!("1 {what}"),
        _ => format!("{held} {what}s"),
    };
    Err(Error::NotEmpty { noun, name, contents })
}
