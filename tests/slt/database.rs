//! Lakegate as the SQL test runner sees it: a connection over Flight SQL.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use lakegate_client::{Client, Outcome};
use lakegate_common::Chain;
use lakegate_tests::render;
use sqllogictest::{AsyncDB, ColumnType, DBOutput};

/// The kind of a column, by the letter of [`render::kind`]; `?` in a file stands for any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kind(char);

impl ColumnType for Kind {
    fn from_char(value: char) -> Option<Self> {
        matches!(value, 'B' | 'I' | 'R' | 'T' | 'D' | 'P' | '?').then_some(Self(value))
    }

    fn to_char(&self) -> char {
        self.0
    }
}

/// Whether the columns are as many and of the kinds that the file says.
#[expect(clippy::ptr_arg, reason = "the runner's validator has this signature")]
pub(crate) fn columns_agree(actual: &Vec<Kind>, expected: &Vec<Kind>) -> bool {
    actual.len() == expected.len()
        && actual
            .iter()
            .zip(expected)
            .all(|(actual, expected)| expected.0 == '?' || actual == expected)
}

/// What came instead of an answer; the text begins with the error code.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Failure {
    message: String,
}

impl From<lakegate_client::Error> for Failure {
    fn from(error: lakegate_client::Error) -> Self {
        Self { message: format!("{}: {}", error.code_text(), Chain(&error)) }
    }
}

/// One connection; it notes which queries it ran.
pub(crate) struct Database {
    client: Client,
    query_ids: Arc<Mutex<Vec<String>>>,
}

impl Database {
    /// Connects and runs the first statement of the set-up.
    pub(crate) async fn connect(
        url: &str,
        user: &str,
        password: &str,
        first_statement: Option<&str>,
        query_ids: Arc<Mutex<Vec<String>>>,
    ) -> Result<Self, Failure> {
        let mut database = Self { client: Client::connect(url, user, password).await?, query_ids };
        if let Some(statement) = first_statement {
            database.run(statement).await?;
        }
        Ok(database)
    }
}

#[async_trait]
impl AsyncDB for Database {
    type Error = Failure;
    type ColumnType = Kind;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<Kind>, Failure> {
        let stream = match self.client.execute(sql).await? {
            Outcome::Rows(stream) => stream,
            Outcome::Affected(rows) => {
                return Ok(DBOutput::StatementComplete(rows.unwrap_or_default()));
            }
        };
        if let Some(id) = stream.query_id() {
            self.query_ids.lock().expect("nobody panics with it").push(id.to_owned());
        }
        let schema = stream.schema();
        let batches = stream.collect_batches().await?;
        let types = schema.fields().iter().map(|field| Kind(render::kind(field.data_type())));
        let rows = render::rows(&batches)
            .map_err(|error| Failure { message: format!("unreadable_result: {error}") })?;
        Ok(DBOutput::Rows { types: types.collect(), rows })
    }

    async fn shutdown(&mut self) {
        // The client closes with its last clone; the server notices by itself.
    }

    fn engine_name(&self) -> &'static str {
        "lakegate"
    }
}
