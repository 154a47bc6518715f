//! Who owns what.

use crate::error::Error;
use crate::ids::PrincipalId;
use crate::model::{Object, ObjectName, Privilege};

use super::Catalog;
use super::change::Change;
use super::database::values;

impl Catalog {
    /// Gives an object to a principal, who then owns it alone. A view reads with the rights of its
    /// new owner from then on.
    ///
    /// # Errors
    /// Nothing has the name, there is no such principal, or the principal that asks does not own
    /// the object, or is neither the new owner nor a member of it: a view that is given away reads
    /// with rights that its giver must have.
    pub async fn set_owner(&self, name: &ObjectName, owner: &str) -> Result<(), Error> {
        let mut change = self.change("changing an owner").await?;
        change.give(name, owner).await?;
        change.publish().await
    }

    /// Gives everything that one principal owns to another one.
    ///
    /// # Errors
    /// There is no such principal, or the principal that asks is no admin.
    pub async fn reassign_owned(&self, from: &str, to: &str) -> Result<(), Error> {
        let mut change = self.change("changing owners").await?;
        change.check_admin("giving away what others own")?;
        let from = change.principal(from).await?.id;
        let to = change.principal(to).await?.id;
        if from == to {
            return Ok(());
        }
        // What both own is left to the other one alone.
        for column in OBJECT_COLUMNS {
            let delete = format!(
                "DELETE FROM privilege_grant
                 WHERE grantee_id = $1 AND privilege = 'own' AND {column} IN (
                     SELECT {column} FROM privilege_grant
                     WHERE grantee_id = $2 AND privilege = 'own' AND {column} IS NOT NULL)"
            );
            change.execute(&delete, values![from, to]).await?;
        }
        let revision = change.version();
        let grants = "UPDATE privilege_grant SET grantee_id = $1, revision = $2
             WHERE grantee_id = $3 AND privilege = 'own'";
        change.execute(grants, values![to, revision, from]).await?;
        let definers = "UPDATE dataset SET definer_id = $1, revision = $2 WHERE definer_id = $3";
        change.execute(definers, values![to, revision, from]).await?;
        change.publish().await
    }
}

impl Change<'_> {
    /// Gives an object to a principal, who then owns it alone.
    pub(super) async fn give(&mut self, name: &ObjectName, owner: &str) -> Result<(), Error> {
        if let Some(view) = self.view() {
            view.check(Privilege::Own, name)?;
        }
        let owner = self.principal(owner).await?.id;
        self.check_acts_as(owner)?;
        let object = self.grantable(name).await?;
        let delete = format!(
            "DELETE FROM privilege_grant WHERE {} = $1 AND privilege = 'own'",
            column_of(object)
        );
        self.execute(&delete, values![id_of(object)]).await?;
        self.insert_grant(Privilege::Own, object, owner).await?;
        if let Object::Dataset(dataset) = object {
            let revision = self.version();
            let update = "UPDATE dataset SET definer_id = $1, revision = $2 WHERE id = $3";
            self.execute(update, values![owner, revision, dataset]).await?;
        }
        Ok(())
    }

    /// Makes the principal that the change is made for the owner of what it has just made. What
    /// the service makes has no owner.
    pub(super) async fn grant_ownership(&mut self, object: Object) -> Result<(), Error> {
        match self.actor() {
            Some(actor) => self.insert_grant(Privilege::Own, object, actor).await.map(drop),
            None => Ok(()),
        }
    }

    /// Refuses to hand rights to somebody who is neither the principal itself nor a role of it.
    fn check_acts_as(&self, owner: PrincipalId) -> Result<(), Error> {
        let refused = |view: &&crate::VisibleSnapshot| !view.is_admin() && !view.acts_as(owner);
        match self.view().filter(refused) {
            Some(_) => Err(Error::AdminOnly { action: "giving something to somebody else" }),
            None => Ok(()),
        }
    }

    /// What a principal owns, and the views that read with its rights.
    pub(super) async fn owned_count(&mut self, principal: PrincipalId) -> Result<i64, Error> {
        let grants = "SELECT count(*) AS n FROM privilege_grant
             WHERE grantee_id = $1 AND privilege = 'own'";
        let definers = "SELECT count(*) AS n FROM dataset
             WHERE definer_id = $1 AND NOT EXISTS (
                 SELECT 1 FROM privilege_grant
                 WHERE privilege_grant.dataset_id = dataset.id AND grantee_id = $1
                   AND privilege = 'own')";
        let granted = self.count(grants, values![principal]).await?;
        Ok(granted + self.count(definers, values![principal]).await?)
    }

    /// The object of this name, if privileges are granted on such.
    pub(super) async fn grantable(&mut self, name: &ObjectName) -> Result<Object, Error> {
        Ok(match name {
            ObjectName::Project(project) => Object::Project(self.project(project).await?),
            ObjectName::Schema { project, schema } => {
                Object::Schema(self.schema(project, schema).await?)
            }
            ObjectName::Dataset { project, schema, dataset } => {
                Object::Dataset(self.dataset(project, schema, dataset).await?.0)
            }
            ObjectName::Location(location) => Object::Location(self.location(location).await?),
            ObjectName::Credential(_) | ObjectName::Principal(_) => {
                return Err(Error::NotGrantable { object_type: name.object_type() });
            }
        })
    }
}

const OBJECT_COLUMNS: [&str; 4] = ["project_id", "schema_id", "dataset_id", "location_id"];

/// The column of a grant that refers to such an object.
pub(super) const fn column_of(object: Object) -> &'static str {
    match object {
        Object::Project(_) => "project_id",
        Object::Schema(_) => "schema_id",
        Object::Dataset(_) => "dataset_id",
        Object::Location(_) => "location_id",
    }
}

/// The identifier of an object as text.
pub(super) fn id_of(object: Object) -> String {
    match object {
        Object::Project(id) => id.to_string(),
        Object::Schema(id) => id.to_string(),
        Object::Dataset(id) => id.to_string(),
        Object::Location(id) => id.to_string(),
    }
}
