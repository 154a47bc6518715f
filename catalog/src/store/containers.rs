//! Changes of projects and schemas, and finding them inside a change.

use lakegate_common::nearest::nearest;

use crate::error::Error;
use crate::ids::{ProjectId, SchemaId};
use crate::limit::{PROJECTS_MAX, SCHEMAS_MAX, check_name};
use crate::model::{Created, OnContents, OnMissing};
use crate::{DEFAULT_PROJECT, DEFAULT_SCHEMA, INFORMATION_SCHEMA};

use super::Catalog;
use super::change::{Change, now_ms};
use super::read::parse;

impl Catalog {
    /// Makes the default project and schema in a catalog that has no project.
    pub(super) async fn create_defaults(&self) -> Result<(), Error> {
        let mut change = self.change("making the default project").await?;
        if change.count("SELECT count(*) FROM project").await? > 0 {
            return Ok(());
        }
        change.insert_project(DEFAULT_PROJECT).await?;
        change.publish().await
    }

    /// Makes a project with the default schema in it.
    ///
    /// # Errors
    /// The name is taken or cannot be one, or there are too many projects.
    pub async fn create_project(&self, name: &str, if_not_exists: bool) -> Result<Created, Error> {
        check_name("project", name)?;
        let mut change = self.change("creating a project").await?;
        if change.find_project(name).await?.is_some() {
            return kept_or_taken(if_not_exists, "project", name.to_string());
        }
        change.check_limit("SELECT count(*) FROM project", PROJECTS_MAX, "projects").await?;
        change.insert_project(name).await?;
        change.publish().await?;
        Ok(Created::New)
    }

    /// Drops a project; `false` where there is none. A project that holds no dataset and no schema
    /// but the default one counts as empty.
    ///
    /// # Errors
    /// There is no such project, it is not empty, or it is the default one.
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
        let Some(project) = found(change.project(name).await, on_missing)? else {
            return Ok(false);
        };
        if on_contents == OnContents::Refuse {
            change.check_project_empty(project, name).await?;
        }
        change.delete("DELETE FROM project WHERE id = ?", &project.to_string()).await?;
        change.publish().await?;
        Ok(true)
    }

    /// Makes a schema.
    ///
    /// # Errors
    /// There is no such project, the name is taken or cannot be one, or there are too many schemas.
    pub async fn create_schema(
        &self,
        project: &str,
        name: &str,
        if_not_exists: bool,
    ) -> Result<Created, Error> {
        check_name("schema", name)?;
        if name == INFORMATION_SCHEMA {
            let reason = "is reserved";
            return Err(Error::InvalidName { noun: "schema", name: name.to_string(), reason });
        }
        let mut change = self.change("creating a schema").await?;
        let project_id = change.project(project).await?;
        if change.find_schema(project_id, name).await?.is_some() {
            return kept_or_taken(if_not_exists, "schema", format!("{project}.{name}"));
        }
        change.check_limit("SELECT count(*) FROM project_schema", SCHEMAS_MAX, "schemas").await?;
        change.insert_schema(project_id, name).await?;
        change.publish().await?;
        Ok(Created::New)
    }

    /// Drops a schema; `false` where there is none.
    ///
    /// # Errors
    /// There is no such project or schema, or it is not empty.
    pub async fn drop_schema(
        &self,
        project: &str,
        name: &str,
        on_missing: OnMissing,
        on_contents: OnContents,
    ) -> Result<bool, Error> {
        let mut change = self.change("dropping a schema").await?;
        let Some(schema) = found(change.schema(project, name).await, on_missing)? else {
            return Ok(false);
        };
        if on_contents == OnContents::Refuse {
            let held = change
                .count_in("SELECT count(*) FROM dataset WHERE schema_id = ?", &schema.to_string())
                .await?;
            not_empty("schema", format!("{project}.{name}"), held, "dataset")?;
        }
        change.delete("DELETE FROM project_schema WHERE id = ?", &schema.to_string()).await?;
        change.publish().await?;
        Ok(true)
    }
}

impl Change<'_> {
    /// The project of this name.
    pub(super) async fn project(&mut self, name: &str) -> Result<ProjectId, Error> {
        if let Some(project) = self.find_project(name).await? {
            return Ok(project);
        }
        let nearest = self.nearest("SELECT name FROM project WHERE id <> ?", "", name).await?;
        Err(Error::ProjectNotFound { project: name.to_string(), nearest })
    }

    /// The schema of this name.
    pub(super) async fn schema(&mut self, project: &str, name: &str) -> Result<SchemaId, Error> {
        let project_id = self.project(project).await?;
        if let Some(schema) = self.find_schema(project_id, name).await? {
            return Ok(schema);
        }
        let siblings = "SELECT name FROM project_schema WHERE project_id = ?";
        let nearest = self.nearest(siblings, &project_id.to_string(), name).await?;
        let (project, schema) = (project.to_string(), name.to_string());
        Err(Error::SchemaNotFound { project, schema, nearest })
    }

    async fn find_project(&mut self, name: &str) -> Result<Option<ProjectId>, Error> {
        let failed = self.failed();
        let id: Option<String> = sqlx::query_scalar("SELECT id FROM project WHERE name = ?")
            .bind(name)
            .fetch_optional(self.connection())
            .await
            .map_err(failed)?;
        id.map(|id| parse("project", &id)).transpose()
    }

    async fn find_schema(
        &mut self,
        project: ProjectId,
        name: &str,
    ) -> Result<Option<SchemaId>, Error> {
        let failed = self.failed();
        let id: Option<String> =
            sqlx::query_scalar("SELECT id FROM project_schema WHERE project_id = ? AND name = ?")
                .bind(project.to_string())
                .bind(name)
                .fetch_optional(self.connection())
                .await
                .map_err(failed)?;
        id.map(|id| parse("schema", &id)).transpose()
    }

    async fn insert_project(&mut self, name: &str) -> Result<(), Error> {
        let failed = self.failed();
        let project = ProjectId::generate();
        sqlx::query("INSERT INTO project (id, name, created_at_ms) VALUES (?, ?, ?)")
            .bind(project.to_string())
            .bind(name)
            .bind(now_ms())
            .execute(self.connection())
            .await
            .map_err(failed)?;
        self.insert_schema(project, DEFAULT_SCHEMA).await
    }

    async fn insert_schema(&mut self, project: ProjectId, name: &str) -> Result<(), Error> {
        let failed = self.failed();
        sqlx::query(
            "INSERT INTO project_schema (id, project_id, name, created_at_ms) VALUES (?, ?, ?, ?)",
        )
        .bind(SchemaId::generate().to_string())
        .bind(project.to_string())
        .bind(name)
        .bind(now_ms())
        .execute(self.connection())
        .await
        .map_err(failed)?;
        Ok(())
    }

    async fn check_project_empty(&mut self, project: ProjectId, name: &str) -> Result<(), Error> {
        let datasets = "SELECT count(*) FROM dataset
             JOIN project_schema ON project_schema.id = dataset.schema_id
             WHERE project_schema.project_id = ?";
        let held = self.count_in(datasets, &project.to_string()).await?;
        not_empty("project", name.to_string(), held, "dataset")?;
        let schemas =
            "SELECT count(*) FROM project_schema WHERE project_id = ? AND name <> 'public'";
        let held = self.count_in(schemas, &project.to_string()).await?;
        not_empty("project", name.to_string(), held, "schema")
    }

    /// Runs a statement that deletes one row, and by it all that hangs on it.
    pub(super) async fn delete(&mut self, statement: &'static str, id: &str) -> Result<(), Error> {
        let failed = self.failed();
        sqlx::query(statement).bind(id).execute(self.connection()).await.map_err(failed)?;
        Ok(())
    }

    /// The one number that a query gives.
    pub(super) async fn count(&mut self, query: &'static str) -> Result<i64, Error> {
        let failed = self.failed();
        sqlx::query_scalar(query).fetch_one(self.connection()).await.map_err(failed)
    }

    async fn count_in(&mut self, query: &'static str, id: &str) -> Result<i64, Error> {
        let failed = self.failed();
        sqlx::query_scalar(query).bind(id).fetch_one(self.connection()).await.map_err(failed)
    }

    /// Refuses one more where a query counts as many as there may be.
    pub(super) async fn check_limit(
        &mut self,
        query: &'static str,
        limit: u32,
        noun: &'static str,
    ) -> Result<(), Error> {
        if self.count(query).await? >= i64::from(limit) {
            return Err(Error::LimitExceeded { limit: limit as usize, noun });
        }
        Ok(())
    }

    /// The name in a query's answer that is most like the given one.
    pub(super) async fn nearest(
        &mut self,
        names: &'static str,
        id: &str,
        name: &str,
    ) -> Result<Option<String>, Error> {
        let failed = self.failed();
        let names: Vec<String> = sqlx::query_scalar(names)
            .bind(id)
            .fetch_all(self.connection())
            .await
            .map_err(failed)?;
        Ok(nearest(name, names.iter().map(String::as_str)).map(ToString::to_string))
    }
}

/// What a lookup found; `None` where nothing is there and that does not matter.
pub(super) fn found<T>(
    lookup: Result<T, Error>,
    on_missing: OnMissing,
) -> Result<Option<T>, Error> {
    match lookup {
        Ok(found) => Ok(Some(found)),
        Err(
            Error::ProjectNotFound { .. }
            | Error::SchemaNotFound { .. }
            | Error::DatasetNotFound { .. },
        ) if on_missing == OnMissing::Ignore => Ok(None),
        Err(error) => Err(error),
    }
}

fn kept_or_taken(keep: bool, noun: &'static str, name: String) -> Result<Created, Error> {
    if keep { Ok(Created::Kept) } else { Err(Error::AlreadyExists { noun, name }) }
}

fn not_empty(noun: &'static str, name: String, held: i64, what: &str) -> Result<(), Error> {
    let contents = match held {
        0 => return Ok(()),
        1 => format!("1 {what}"),
        _ => format!("{held} {what}s"),
    };
    Err(Error::NotEmpty { noun, name, contents })
}
