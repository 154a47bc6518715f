//! Settings of a session that are not SQL, and its end.
//!
//! The messages are those of Arrow Flight's session actions, which arrow-flight does not carry.

use std::collections::HashMap;

use arrow_flight::Action;
use prost::Message;

use crate::Error;
use crate::connection::Connection;
use crate::prepared::first_result;

/// The value of a session option; only texts are sent.
#[derive(Clone, PartialEq, prost::Message)]
struct OptionValue {
    #[prost(string, optional, tag = "1")]
    string_value: Option<String>,
}

/// The request of SetSessionOptions.
#[derive(Clone, PartialEq, prost::Message)]
struct SetRequest {
    #[prost(map = "string, message", tag = "1")]
    session_options: HashMap<String, OptionValue>,
}

/// Why one option was refused.
#[derive(Clone, PartialEq, prost::Message)]
struct OptionError {
    #[prost(int32, tag = "1")]
    value: i32,
}

/// The answer of SetSessionOptions: the options that were not taken.
#[derive(Clone, PartialEq, prost::Message)]
struct SetResult {
    #[prost(map = "string, message", tag = "1")]
    errors: HashMap<String, OptionError>,
}

/// Sets options of the session.
///
/// # Errors
/// [`Error::SessionOption`] for the first one, by name, that the server refused.
pub(crate) async fn set(
    connection: &Connection,
    options: impl IntoIterator<Item = (&'static str, String)>,
) -> Result<(), Error> {
    let session_options: HashMap<_, _> = options
        .into_iter()
        .map(|(name, value)| (name.to_string(), OptionValue { string_value: Some(value) }))
        .collect();
    if session_options.is_empty() {
        return Ok(());
    }
    let action = Action::new("SetSessionOptions", SetRequest { session_options }.encode_to_vec());
    let answer = first_result(connection, action.clone()).await?.unwrap_or_default();
    let result = SetResult::decode(answer)
        .map_err(|source| Error::Decode { what: "session options", source: Box::new(source) })?;
    let refused = result.errors.into_iter().min_by(|left, right| left.0.cmp(&right.0));
    match refused {
        None => {
            connection.keep_session_options(action);
            Ok(())
        }
        Some((name, error)) => Err(Error::SessionOption { name, reason: reason(error.value) }),
    }
}

/// Ends the session on the server.
pub(crate) async fn close(connection: &Connection) -> Result<(), Error> {
    first_result(connection, Action::new("CloseSession", Vec::new())).await.map(drop)
}

/// The words for the protocol's error values.
fn reason(value: i32) -> &'static str {
    match value {
        1 => "no such option",
        2 => "its value is not allowed",
        _ => "it could not be set",
    }
}
