//! What a Flight SQL client asks for, decoded once from the bytes of a descriptor or ticket.

use arrow_flight::sql::{
    Any, Command as WireCommand, CommandGetCrossReference, CommandGetDbSchemas,
    CommandGetExportedKeys, CommandGetImportedKeys, CommandGetPrimaryKeys, CommandGetSqlInfo,
    CommandGetTables, CommandGetXdbcTypeInfo,
};
use arrow_flight::{FlightDescriptor, flight_descriptor::DescriptorType};
use bytes::Bytes;
use prost::Message;

use crate::frontend::Error;

/// What the type names of Flight SQL begin with.
const TYPE_URL_PREFIX: &str = "type.googleapis.com/arrow.flight.protocol.sql.";

/// A command of Flight SQL.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    /// Run this SQL text; its rows are wanted.
    Statement {
        /// The text.
        sql: String,
    },
    /// Run a prepared statement; its rows are wanted.
    Prepared {
        /// The handle from its creation.
        handle: Bytes,
    },
    /// Run this SQL text; the number of affected rows is wanted.
    Update {
        /// The text.
        sql: String,
    },
    /// Run a prepared statement; the number of affected rows is wanted.
    PreparedUpdate {
        /// The handle from its creation.
        handle: Bytes,
    },
    /// Load rows into a dataset.
    Ingest,
    /// Tell of the catalog or of the service.
    Metadata(MetadataCommand),
}

/// A command that is answered from the catalog, without a query.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum MetadataCommand {
    /// The projects.
    Catalogs,
    /// The schemas.
    DbSchemas(CommandGetDbSchemas),
    /// The datasets and views.
    Tables(CommandGetTables),
    /// The kinds of tables.
    TableTypes,
    /// Primary keys, of which there are none.
    PrimaryKeys(CommandGetPrimaryKeys),
    /// Foreign keys to a table, of which there are none.
    ExportedKeys(CommandGetExportedKeys),
    /// Foreign keys of a table, of which there are none.
    ImportedKeys(CommandGetImportedKeys),
    /// Foreign keys between two tables, of which there are none.
    CrossReference(CommandGetCrossReference),
    /// What the service can do.
    SqlInfo(CommandGetSqlInfo),
    /// The SQL types.
    XdbcTypeInfo(CommandGetXdbcTypeInfo),
}

impl Command {
    /// Reads the command of a descriptor.
    ///
    /// # Errors
    /// [`Error::InvalidCommand`] when the bytes are none, or of a kind that is not answered.
    pub(super) fn of_descriptor(descriptor: &FlightDescriptor) -> Result<Self, Error> {
        match descriptor.r#type() {
            DescriptorType::Path => Err(Error::InvalidCommand {
                reason: "a descriptor by path names nothing here".into(),
            }),
            DescriptorType::Cmd | DescriptorType::Unknown => Self::of_bytes(&descriptor.cmd),
        }
    }

    /// Reads a command: a Flight SQL message wrapped in `Any`, or plain SQL text, which some clients
    /// send in its place.
    ///
    /// # Errors
    /// As [`Command::of_descriptor`].
    pub(super) fn of_bytes(bytes: &Bytes) -> Result<Self, Error> {
        if bytes.is_empty() {
            return Err(Error::InvalidCommand { reason: "the command is empty".into() });
        }
        match Any::decode(bytes.clone()) {
            Ok(any) if any.type_url.starts_with(TYPE_URL_PREFIX) => Self::of_any(any),
            Ok(any) if any.type_url.contains('/') => Err(Error::InvalidCommand {
                reason: format!("{:?} is not a command", any.type_url),
            }),
            _ => Self::of_text(bytes),
        }
    }

    fn of_text(bytes: &Bytes) -> Result<Self, Error> {
        let text = std::str::from_utf8(bytes).ok().filter(|text| {
            !text.trim().is_empty()
                && !text.contains(|c: char| c.is_control() && !c.is_whitespace())
        });
        match text {
            Some(sql) => Ok(Self::Statement { sql: sql.to_string() }),
            None => Err(Error::InvalidCommand {
                reason: "the command is neither a Flight SQL message nor SQL text".into(),
            }),
        }
    }

    fn of_any(any: Any) -> Result<Self, Error> {
        let name = any.type_url.trim_start_matches(TYPE_URL_PREFIX).to_string();
        let command = WireCommand::try_from(any).map_err(|error| Error::InvalidCommand {
            reason: format!("{name} cannot be read: {error}"),
        })?;
        use MetadataCommand as Meta;
        Ok(match command {
            WireCommand::CommandStatementQuery(command) => {
                refuse_transaction(command.transaction_id.as_ref())?;
                Self::Statement { sql: command.query }
            }
            WireCommand::CommandStatementUpdate(command) => {
                refuse_transaction(command.transaction_id.as_ref())?;
                Self::Update { sql: command.query }
            }
            WireCommand::CommandPreparedStatementQuery(command) => {
                Self::Prepared { handle: command.prepared_statement_handle }
            }
            WireCommand::CommandPreparedStatementUpdate(command) => {
                Self::PreparedUpdate { handle: command.prepared_statement_handle }
            }
            WireCommand::CommandStatementIngest(_) => Self::Ingest,
            WireCommand::CommandGetCatalogs(_) => Self::Metadata(Meta::Catalogs),
            WireCommand::CommandGetDbSchemas(command) => Self::Metadata(Meta::DbSchemas(command)),
            WireCommand::CommandGetTables(command) => Self::Metadata(Meta::Tables(command)),
            WireCommand::CommandGetTableTypes(_) => Self::Metadata(Meta::TableTypes),
            WireCommand::CommandGetPrimaryKeys(command) => {
                Self::Metadata(Meta::PrimaryKeys(command))
            }
            WireCommand::CommandGetExportedKeys(command) => {
                Self::Metadata(Meta::ExportedKeys(command))
            }
            WireCommand::CommandGetImportedKeys(command) => {
                Self::Metadata(Meta::ImportedKeys(command))
            }
            WireCommand::CommandGetCrossReference(command) => {
                Self::Metadata(Meta::CrossReference(command))
            }
            WireCommand::CommandGetSqlInfo(command) => Self::Metadata(Meta::SqlInfo(command)),
            WireCommand::CommandGetXdbcTypeInfo(command) => {
                Self::Metadata(Meta::XdbcTypeInfo(command))
            }
            WireCommand::CommandStatementSubstraitPlan(_) => {
                return Err(Error::Unsupported { what: "Substrait plans".into() });
            }
            _ => {
                return Err(Error::InvalidCommand { reason: format!("{name} is not a command") });
            }
        })
    }

    /// The name of this command in metrics and logs.
    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Statement { .. } => "statement",
            Self::Prepared { .. } => "prepared",
            Self::Update { .. } => "update",
            Self::PreparedUpdate { .. } => "prepared_update",
            Self::Ingest => "ingest",
            Self::Metadata(_) => "metadata",
        }
    }
}

/// Transactions are not offered; some clients send an empty identifier to say that there is none.
pub(super) fn refuse_transaction(id: Option<&Bytes>) -> Result<(), Error> {
    match id {
        Some(id) if !id.is_empty() => Err(Error::Unsupported { what: "transactions".into() }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use arrow_flight::sql::{CommandGetCatalogs, CommandStatementQuery, ProstMessageExt};

    use super::*;

    fn decode(bytes: impl Into<Bytes>) -> Result<Command, Error> {
        Command::of_bytes(&bytes.into())
    }

    fn packed(message: &impl ProstMessageExt) -> Vec<u8> {
        message.as_any().encode_to_vec()
    }

    #[test]
    fn messages_and_plain_sql_are_read() {
        let select = CommandStatementQuery { query: "select 1".into(), transaction_id: None };
        let statement = Command::Statement { sql: "select 1".into() };
        assert_eq!(decode(packed(&select)).unwrap(), statement);
        assert_eq!(decode("select 1").unwrap(), statement);
        assert_eq!(
            decode(packed(&CommandGetCatalogs {})).unwrap(),
            Command::Metadata(MetadataCommand::Catalogs)
        );
    }

    #[test]
    fn empty_transaction_is_none_and_another_is_refused() {
        let with = |id: &'static [u8]| CommandStatementQuery {
            query: "select 1".into(),
            transaction_id: Some(Bytes::from_static(id)),
        };
        assert!(decode(packed(&with(b""))).is_ok());
        assert!(matches!(decode(packed(&with(b"t1"))), Err(Error::Unsupported { .. })));
    }

    #[test]
    fn garbage_is_refused_and_never_panics() {
        let truncated =
            packed(&CommandStatementQuery { query: "select 1".into(), transaction_id: None });
        for length in 0..truncated.len() {
            let _ = decode(truncated[..length].to_vec());
        }
        let broken = Any {
            type_url: format!("{TYPE_URL_PREFIX}CommandStatementQuery"),
            value: Bytes::from_static(&[0x0a, 0xff, 0xff]),
        };
        let unknown = Any { type_url: format!("{TYPE_URL_PREFIX}CommandFly"), value: Bytes::new() };
        let foreign = Any { type_url: "example.com/thing".into(), value: Bytes::new() };
        for bytes in [
            Vec::new(),
            vec![0xff; 64],
            vec![0; 64],
            b"   ".to_vec(),
            broken.encode_to_vec(),
            unknown.encode_to_vec(),
            foreign.encode_to_vec(),
        ] {
            assert!(
                matches!(decode(bytes.clone()), Err(Error::InvalidCommand { .. })),
                "{bytes:?}"
            );
        }
    }
}
