//! Statements about who may do what, and where data lies: projects, credentials, locations, users,
//! roles, grants and comments.
//!
//! They are Lakegate's own, and some hold secrets. Nothing of such a statement's text may reach a
//! log, the history or an error, so [`Governance::shown`] tells what may be seen of it, and the
//! reader's errors name what was expected and never what was found.

mod alter;
mod read;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use datafusion::sql::sqlparser::ast::ColumnDef;
use lakegate_common::secret::Secret;

pub(super) use read::{Reader, expected, holds, kind_of, read};

/// A statement about who may do what, and where data lies.
#[derive(Debug, Clone, PartialEq)]
pub enum Governance {
    /// `CREATE PROJECT`.
    CreateProject {
        /// Its name.
        name: String,
        /// Where its managed tables go.
        location: Option<String>,
        /// What it is for.
        comment: Option<String>,
        /// An existing project is no error.
        if_not_exists: bool,
    },
    /// `CREATE CREDENTIAL`.
    CreateCredential {
        /// Its name.
        name: String,
        /// The kind of store, as written.
        kind: String,
        /// The keys; `None` for those in the server's surroundings.
        secrets: Option<BTreeMap<String, Secret>>,
        /// What it is for.
        comment: Option<String>,
        /// An existing credential is no error.
        if_not_exists: bool,
    },
    /// `CREATE LOCATION`.
    CreateLocation {
        /// Its name.
        name: String,
        /// The URL below which it holds.
        url: String,
        /// The credential to use there.
        credential: Option<String>,
        /// Endpoint, region and the like.
        options: BTreeMap<String, String>,
        /// What it is for.
        comment: Option<String>,
        /// An existing location is no error.
        if_not_exists: bool,
    },
    /// `CREATE VOLUME`.
    CreateVolume {
        /// Its name, in parts.
        name: Vec<String>,
        /// Where its files lie; `None` for a place of Lakegate's own.
        location: Option<String>,
        /// What it is for.
        comment: Option<String>,
        /// An existing volume is no error.
        if_not_exists: bool,
    },
    /// `CREATE USER`.
    CreateUser {
        /// The name to log in with.
        name: String,
        /// The password.
        password: Secret,
        /// Whether it may do everything.
        is_admin: bool,
        /// Who it is.
        comment: Option<String>,
        /// An existing user is no error.
        if_not_exists: bool,
    },
    /// `CREATE ROLE`.
    CreateRole {
        /// Its name.
        name: String,
        /// What it is for.
        comment: Option<String>,
        /// An existing role is no error.
        if_not_exists: bool,
    },
    /// `ALTER`.
    Alter {
        /// What it is.
        kind: ObjectKind,
        /// Its name, in parts.
        name: Vec<String>,
        /// A missing one is no error.
        if_exists: bool,
        /// What becomes of it.
        change: Change,
    },
    /// `DROP PROJECT | CREDENTIAL | LOCATION | USER | ROLE | VOLUME`.
    Drop {
        /// What they are.
        kind: ObjectKind,
        /// Their names, each in parts.
        names: Vec<Vec<String>>,
        /// A missing one is no error.
        if_exists: bool,
        /// What it holds is dropped with it.
        cascade: bool,
    },
    /// `GRANT privileges ON object TO grantees`, and `REVOKE … FROM`.
    Privileges {
        /// Given, or taken.
        verb: Verb,
        /// The privileges, in upper case.
        privileges: Vec<String>,
        /// On what.
        kind: ObjectKind,
        /// Its name, in parts.
        name: Vec<String>,
        /// Users and roles.
        grantees: Vec<String>,
    },
    /// `GRANT roles TO grantees`, and `REVOKE … FROM`.
    Membership {
        /// Given, or taken.
        verb: Verb,
        /// The roles.
        roles: Vec<String>,
        /// Users and roles.
        grantees: Vec<String>,
    },
    /// `COMMENT ON … IS`.
    Comment {
        /// On what.
        kind: ObjectKind,
        /// Its name, in parts.
        name: Vec<String>,
        /// The text; `None` takes it away.
        text: Option<String>,
    },
}

/// What an `ALTER` statement changes.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// `RENAME TO`: the last part of its name from now on.
    Name(String),
    /// `OWNER TO`: who owns it alone from now on.
    Owner(String),
    /// `SET TBLPROPERTIES`: properties by name.
    SetProperties(BTreeMap<String, String>),
    /// `UNSET TBLPROPERTIES`.
    UnsetProperties {
        /// Their names.
        names: BTreeSet<String>,
        /// One that is not there is no error.
        if_exists: bool,
    },
    /// `SET LOCATION`, `DROP LOCATION`: where managed tables of a project go from now on.
    ProjectLocation(Option<String>),
    /// `SET CREDENTIAL`, `DROP CREDENTIAL`: what opens a location.
    LocationCredential(Option<String>),
    /// `SET (…)` of a location: new options in place of the old ones.
    LocationOptions(BTreeMap<String, String>),
    /// `SET (…)` of a credential: new keys in place of the old ones; `SET AMBIENT` without.
    Secrets(Option<BTreeMap<String, Secret>>),
    /// `PASSWORD` of a user.
    Password(Secret),
    /// `ADMIN`, `NOADMIN`: whether a user may do everything.
    Admin(bool),
    /// `ADD COLUMN`: more columns, behind those that there are.
    AddColumns(Vec<ColumnDef>),
}

/// Whether something is given or taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// `GRANT … TO`.
    Grant,
    /// `REVOKE … FROM`.
    Revoke,
}

/// What a statement is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    /// A project: one part.
    Project,
    /// A schema: one or two parts.
    Schema,
    /// A table: one to three parts.
    Table,
    /// A view: one to three parts.
    View,
    /// A volume: one to three parts.
    Volume,
    /// A table, view or volume: one to three parts.
    Dataset,
    /// A location: one part.
    Location,
    /// A credential: one part.
    Credential,
    /// A user: one part.
    User,
    /// A role: one part.
    Role,
}

impl ObjectKind {
    /// The word of SQL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Project => "PROJECT",
            Self::Schema => "SCHEMA",
            Self::Table => "TABLE",
            Self::View => "VIEW",
            Self::Volume => "VOLUME",
            Self::Dataset => "DATASET",
            Self::Location => "LOCATION",
            Self::Credential => "CREDENTIAL",
            Self::User => "USER",
            Self::Role => "ROLE",
        }
    }

    /// The most parts that its name has.
    pub(super) const fn parts_max(self) -> usize {
        match self {
            Self::Schema => 2,
            Self::Table | Self::View | Self::Volume | Self::Dataset => 3,
            _ => 1,
        }
    }
}

impl fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Governance {
    /// What may be seen of a statement that holds secrets; `None` where the whole text may be seen.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::CreateCredential { name, kind, secrets: Some(_), .. } => {
                Some(format!("CREATE CREDENTIAL {name} TYPE {kind} WITH (***)"))
            }
            Self::CreateUser { name, .. } => Some(format!("CREATE USER {name} PASSWORD ***")),
            Self::Alter { name, change, .. } => {
                let name = name.join(".");
                match change {
                    Change::Secrets(Some(_)) => Some(format!("ALTER CREDENTIAL {name} SET (***)")),
                    Change::Password(_) => Some(format!("ALTER USER {name} PASSWORD ***")),
                    _ => None,
                }
            }
            _ => None,
        }
    }
}
