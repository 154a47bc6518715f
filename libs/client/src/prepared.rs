//! Prepared statements: made, told apart, closed.

use arrow::datatypes::Schema;
use arrow_flight::sql::{
    ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest, Any, ProstMessageExt,
};
use arrow_flight::{Action, IpcMessage};
use bytes::Bytes;
use prost::Message;

use crate::Error;
use crate::connection::Connection;

/// The answer to CreatePreparedStatement with the field that arrow-flight's own message lacks.
#[derive(Clone, PartialEq, prost::Message)]
struct CreateResult {
    #[prost(bytes = "bytes", tag = "1")]
    prepared_statement_handle: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    dataset_schema: Bytes,
    #[prost(bytes = "bytes", tag = "3")]
    parameter_schema: Bytes,
    #[prost(bool, optional, tag = "4")]
    is_update: Option<bool>,
}

/// A statement that the server has planned.
pub(crate) struct Prepared {
    /// What the server knows it by.
    pub(crate) handle: Bytes,
    /// Whether it changes something rather than giving rows.
    pub(crate) is_update: bool,
    /// The schema of its rows.
    pub(crate) schema: Schema,
}

/// Has the server plan a statement.
pub(crate) async fn create(connection: &Connection, sql: &str) -> Result<Prepared, Error> {
    let request =
        ActionCreatePreparedStatementRequest { query: sql.to_string(), transaction_id: None };
    let action = Action::new("CreatePreparedStatement", request.as_any().encode_to_vec());
    let answer = first_result(connection, action).await?;
    let answer = answer.ok_or(Error::MissingAnswer { what: "a prepared statement" })?;

    let what = "a prepared statement";
    let any =
        Any::decode(answer).map_err(|source| Error::Decode { what, source: Box::new(source) })?;
    let result = CreateResult::decode(any.value)
        .map_err(|source| Error::Decode { what, source: Box::new(source) })?;
    let schema = if result.dataset_schema.is_empty() {
        Schema::empty()
    } else {
        Schema::try_from(IpcMessage(result.dataset_schema))
            .map_err(|source| Error::Decode { what, source: Box::new(source) })?
    };
    Ok(Prepared {
        handle: result.prepared_statement_handle,
        // A server that says nothing means an update by a schema without fields.
        is_update: result.is_update.unwrap_or(schema.fields().is_empty()),
        schema,
    })
}

/// Tells the server that a statement is no longer needed.
pub(crate) async fn close(connection: &Connection, handle: Bytes) -> Result<(), Error> {
    let request = ActionClosePreparedStatementRequest { prepared_statement_handle: handle };
    let action = Action::new("ClosePreparedStatement", request.as_any().encode_to_vec());
    first_result(connection, action).await.map(drop)
}

/// Runs an action and reads the first of its results, if there is one.
pub(crate) async fn first_result(
    connection: &Connection,
    action: Action,
) -> Result<Option<Bytes>, Error> {
    connection
        .call(|mut service, bearer| {
            let request = bearer.request(action.clone());
            async move {
                let mut results = service.do_action(request).await?.into_inner();
                let first = results.message().await?.map(|result| result.body);
                // Read to its end: a stream that is dropped before its trailers counts as reset,
                // and HTTP/2 gives up a connection after a thousand of those.
                while results.message().await?.is_some() {}
                Ok(first)
            }
        })
        .await
}
