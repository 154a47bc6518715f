//! Messages of Flight and Flight SQL that `arrow-flight` lacks: session actions, and the answer to
//! CreatePreparedStatement with `is_update`. Field numbers are those of the published protocol.

use std::collections::HashMap;

use bytes::Bytes;

/// Answer of the action CreatePreparedStatement.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct CreatePreparedStatementResult {
    /// The handle to execute and close it by.
    #[prost(bytes = "bytes", tag = "1")]
    pub prepared_statement_handle: Bytes,
    /// Schema of its rows, as an encapsulated IPC message; no fields when it has none.
    #[prost(bytes = "bytes", tag = "2")]
    pub dataset_schema: Bytes,
    /// Schema of its parameters, as an encapsulated IPC message.
    #[prost(bytes = "bytes", tag = "3")]
    pub parameter_schema: Bytes,
    /// Whether it changes something instead of having rows; clients choose the next call by it.
    #[prost(bool, optional, tag = "4")]
    pub is_update: Option<bool>,
}

/// The value of a session option.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SessionOptionValue {
    /// The value; none erases the option.
    #[prost(oneof = "OptionValue", tags = "1, 2, 3, 4, 5")]
    pub option_value: Option<OptionValue>,
}

/// The typed value of a session option.
#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum OptionValue {
    /// Text.
    #[prost(string, tag = "1")]
    String(String),
    /// True or false.
    #[prost(bool, tag = "2")]
    Bool(bool),
    /// A whole number.
    #[prost(sfixed64, tag = "3")]
    Int64(i64),
    /// A number.
    #[prost(double, tag = "4")]
    Double(f64),
    /// Several texts.
    #[prost(message, tag = "5")]
    StringList(StringList),
}

/// Several texts.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct StringList {
    /// The texts.
    #[prost(string, repeated, tag = "1")]
    pub values: Vec<String>,
}

/// Request of the action SetSessionOptions.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SetSessionOptionsRequest {
    /// The options by name.
    #[prost(map = "string, message", tag = "1")]
    pub session_options: HashMap<String, SessionOptionValue>,
}

/// Why an option was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum SetSessionOptionError {
    /// Not told.
    Unspecified = 0,
    /// There is no option of that name.
    InvalidName = 1,
    /// The option does not take that value.
    InvalidValue = 2,
    /// The option cannot be set now.
    Error = 3,
}

/// An option that was not set.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct SetSessionOptionFailure {
    /// Why.
    #[prost(enumeration = "SetSessionOptionError", tag = "1")]
    pub value: i32,
}

/// Answer of the action SetSessionOptions.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SetSessionOptionsResult {
    /// The options that were not set.
    #[prost(map = "string, message", tag = "1")]
    pub errors: HashMap<String, SetSessionOptionFailure>,
}

/// Answer of the action GetSessionOptions.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GetSessionOptionsResult {
    /// The options by name.
    #[prost(map = "string, message", tag = "1")]
    pub session_options: HashMap<String, SessionOptionValue>,
}

/// Whether a session was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum CloseSessionStatus {
    /// Not told.
    Unspecified = 0,
    /// It is closed.
    Closed = 1,
    /// It is being closed.
    Closing = 2,
    /// It cannot be closed.
    NotCloseable = 3,
}

/// Answer of the action CloseSession.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct CloseSessionResult {
    /// Whether it was closed.
    #[prost(enumeration = "CloseSessionStatus", tag = "1")]
    pub status: i32,
}

/// Answer of the deprecated action CancelQuery.
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct CancelQueryResult {
    /// 1 cancelled, 2 cancelling, 3 not cancellable.
    #[prost(int32, tag = "1")]
    pub result: i32,
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;

    #[test]
    fn is_update_has_the_field_number_that_clients_read() {
        let result = CreatePreparedStatementResult { is_update: Some(false), ..Default::default() };
        assert_eq!(result.encode_to_vec(), [0x20, 0x00]);
    }

    #[test]
    fn session_options_come_back_as_they_were_sent() {
        let value = SessionOptionValue { option_value: Some(OptionValue::String("lake".into())) };
        let request = SetSessionOptionsRequest {
            session_options: HashMap::from([("catalog".to_string(), value)]),
        };
        let bytes = request.encode_to_vec();
        assert_eq!(SetSessionOptionsRequest::decode(bytes.as_slice()).unwrap(), request);
    }
}
