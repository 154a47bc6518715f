//! Changes of what every object has: name, comment, properties.

use std::collections::BTreeMap;

use crate::DEFAULT_PROJECT;
use crate::error::Error;
use crate::limit::{check_comment, check_name, check_properties};
use crate::model::{Alteration, ObjectName};
use crate::vault::KeyRing;

use super::Catalog;
use super::change::Change;
use super::containers::check_schema_name;
use super::database::values;
use super::find::Found;
use super::locations::check_no_secrets;
use super::read::{texts, to_json};

impl Catalog {
    /// Renames an object, comments on it, changes its properties and its owner, all in one change.
    /// Its identifier stays, and so do grants, memberships and history.
    ///
    /// # Errors
    /// Nothing has the name, the new name is taken or cannot be one, the object has another
    /// revision than expected, a limit is reached, the principal may not manage it, or may not
    /// give it away: [`Catalog::set_owner`].
    pub async fn alter(&self, name: &ObjectName, alteration: &Alteration) -> Result<(), Error> {
        let mut change = self.change("altering an object").await?;
        change.alter(self.inner.keys.as_ref(), name, alteration).await?;
        change.publish().await
    }
}

impl Change<'_> {
    /// Changes what every object has. The name comes last, so that it is found by its old one.
    pub(super) async fn alter(
        &mut self,
        keys: Option<&KeyRing>,
        name: &ObjectName,
        alteration: &Alteration,
    ) -> Result<(), Error> {
        check_comment(alteration.comment.as_ref().and_then(|comment| comment.as_deref()))?;
        self.check_managing(name)?;
        let found = self.object(name).await?;
        self.touch(name, &found, alteration).await?;
        if let Some(owner) = &alteration.owner {
            self.give(name, owner).await?;
        }
        if let Some(comment) = &alteration.comment {
            let sql = format!("UPDATE {} SET comment = $1 WHERE id = $2", found.table);
            self.execute(&sql, values![comment.as_deref(), &found.id]).await?;
        }
        match &alteration.name {
            Some(new_name) => self.rename(keys, name, &found, new_name).await,
            None => Ok(()),
        }
    }

    /// Checks the object's revision, gives it a new one, and changes its properties.
    async fn touch(
        &mut self,
        name: &ObjectName,
        found: &Found,
        alteration: &Alteration,
    ) -> Result<(), Error> {
        let sql = format!("SELECT revision, properties_json FROM {} WHERE id = $1", found.table);
        let Some(row) = self.fetch_optional(&sql, values![&found.id]).await? else {
            return Err(Error::damaged("object", "it is gone in the middle of a change".into()));
        };
        let revision = row.count("revision")?;
        if let Some(expected) = alteration.expected_revision.filter(|wanted| *wanted != revision) {
            return Err(Error::RevisionMismatch {
                object_type: name.object_type(),
                name: name.to_string(),
                expected,
                found: revision,
            });
        }
        check_no_secrets(&alteration.set_properties, "an object")?;
        let properties = changed(texts(&row, "properties_json")?, alteration);
        check_properties(&properties)?;
        let (sql, version) = (
            format!("UPDATE {} SET properties_json = $1, revision = $2 WHERE id = $3", found.table),
            self.version(),
        );
        self.execute(&sql, values![to_json(&properties), version, &found.id]).await.map(drop)
    }

    async fn rename(
        &mut self,
        keys: Option<&KeyRing>,
        name: &ObjectName,
        found: &Found,
        new_name: &str,
    ) -> Result<(), Error> {
        let noun = name.object_type().as_str();
        match name {
            ObjectName::Schema { .. } => check_schema_name(new_name)?,
            _ => check_name(noun, new_name)?,
        }
        let full = renamed(name, new_name)?;
        if full == *name {
            return Ok(());
        }
        if self.is_taken(&full, found).await? {
            return Err(Error::AlreadyExists { noun, name: full.to_string() });
        }
        if let ObjectName::Credential(old_name) = name {
            self.rename_credential(keys, &found.id, old_name, new_name).await?;
        }
        let sql = format!("UPDATE {} SET name = $1 WHERE id = $2", found.table);
        self.execute(&sql, values![new_name, &found.id]).await.map(drop)
    }

    async fn is_taken(&mut self, full: &ObjectName, found: &Found) -> Result<bool, Error> {
        let (in_parent, name) = match full {
            ObjectName::Project(name)
            | ObjectName::Location(name)
            | ObjectName::Credential(name)
            | ObjectName::Principal(name) => (String::new(), name),
            ObjectName::Schema { schema, .. } => {
                (same_parent("project_schema", "project_id"), schema)
            }
            ObjectName::Dataset { dataset, .. } => (same_parent("dataset", "schema_id"), dataset),
        };
        let sql = format!(
            "SELECT count(*) AS n FROM {} WHERE name = $1 AND id <> $2 {in_parent}",
            found.table
        );
        Ok(self.count(&sql, values![name, &found.id]).await? > 0)
    }
}

/// A condition: the row has the same parent as the row `$2`.
fn same_parent(table: &str, parent: &str) -> String {
    format!("AND {parent} = (SELECT {parent} FROM {table} WHERE id = $2)")
}

/// The whole name with another last part.
fn renamed(name: &ObjectName, new_name: &str) -> Result<ObjectName, Error> {
    let new_name = new_name.to_string();
    Ok(match name {
        ObjectName::Project(old) if old == DEFAULT_PROJECT => {
            return Err(Error::DefaultProject { project: DEFAULT_PROJECT });
        }
        ObjectName::Project(_) => ObjectName::Project(new_name),
        ObjectName::Schema { project, .. } => ObjectName::schema(project, new_name),
        ObjectName::Dataset { project, schema, .. } => {
            ObjectName::dataset(project, schema, new_name)
        }
        ObjectName::Location(_) => ObjectName::Location(new_name),
        ObjectName::Credential(_) => ObjectName::Credential(new_name),
        ObjectName::Principal(_) => ObjectName::Principal(new_name),
    })
}

fn changed(
    mut properties: BTreeMap<String, String>,
    alteration: &Alteration,
) -> BTreeMap<String, String> {
    properties.retain(|name, _| !alteration.remove_properties.contains(name));
    properties.extend(alteration.set_properties.clone());
    properties
}
