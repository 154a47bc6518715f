//! What goes into a statement and comes out of it, equal on both databases.

use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{Decode, Postgres, Row as _, Sqlite, Type};

use crate::error::Error;
use crate::ids::{
    ApiKeyId, CredentialId, DatasetId, GrantId, LocationId, PrincipalId, ProjectId, SchemaId,
};

/// A parameter of a statement. It may be a secret, so it does not print.
pub(crate) enum Value {
    Text(Option<String>),
    Integer(Option<i64>),
    Bytes(Option<Vec<u8>>),
}

impl Value {
    /// Whether it is a text that PostgreSQL cannot keep.
    pub(crate) fn holds_nul(&self) -> bool {
        matches!(self, Self::Text(Some(text)) if text.contains('\0'))
    }
}

/// The parameters of a statement, `$1` first.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::database::Value::from($value)),*] };
}
pub(crate) use values;

macro_rules! into_value {
    ($($from:ty => |$value:ident| $into:expr;)+) => { $(
        impl From<$from> for Value {
            fn from($value: $from) -> Self {
                $into
            }
        }
    )+ };
}

into_value! {
    &str => |value| Self::Text(Some(value.to_string()));
    &String => |value| Self::Text(Some(value.clone()));
    String => |value| Self::Text(Some(value));
    Option<String> => |value| Self::Text(value);
    Option<&str> => |value| Self::Text(value.map(ToString::to_string));
    i64 => |value| Self::Integer(Some(value));
    Option<i64> => |value| Self::Integer(value);
    bool => |value| Self::Integer(Some(i64::from(value)));
    &[u8] => |value| Self::Bytes(Some(value.to_vec()));
    Option<Vec<u8>> => |value| Self::Bytes(value);
}

macro_rules! id_into_value {
    ($($id:ty),+) => { $(
        impl From<$id> for Value {
            fn from(id: $id) -> Self {
                Self::Text(Some(id.to_string()))
            }
        }
        impl From<Option<$id>> for Value {
            fn from(id: Option<$id>) -> Self {
                Self::Text(id.map(|id| id.to_string()))
            }
        }
    )+ };
}

id_into_value!(
    ProjectId,
    SchemaId,
    DatasetId,
    PrincipalId,
    LocationId,
    CredentialId,
    GrantId,
    ApiKeyId
);

/// A number of something for a column; more than the column takes is the most that it takes.
pub(crate) fn as_integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A row of either database.
pub(crate) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

/// What a column may hold: text, a 64-bit integer or bytes, or nothing.
pub(crate) trait Field:
    for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl<T> Field for T where
    T: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>
{
}

impl Row {
    /// The value of a column.
    pub(crate) fn get<T: Field>(&self, column: &'static str) -> Result<T, Error> {
        let value = match self {
            Self::Sqlite(row) => row.try_get(column),
            Self::Postgres(row) => row.try_get(column),
        };
        value.map_err(|error| Error::damaged(column, error.to_string()))
    }

    /// The value of a column that counts something and is never negative.
    pub(crate) fn count(&self, column: &'static str) -> Result<u64, Error> {
        let count: i64 = self.get(column)?;
        u64::try_from(count).map_err(|_| Error::damaged(column, count.to_string()))
    }

    /// As [`Row::count`], where there may be none.
    pub(crate) fn known_count(&self, column: &'static str) -> Result<Option<u64>, Error> {
        match self.get::<Option<i64>>(column)? {
            Some(_) => self.count(column).map(Some),
            None => Ok(None),
        }
    }

    /// The value of a column that holds 0 or 1.
    pub(crate) fn flag(&self, column: &'static str) -> Result<bool, Error> {
        Ok(self.get::<i64>(column)? != 0)
    }
}
