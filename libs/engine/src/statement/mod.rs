//! From SQL text to a statement that Lakegate knows.

mod classify;
mod comments;
mod describe;
mod governance;
mod in_clear;
mod listing;
mod names;
mod nesting;
mod projections;
mod properties;
mod query;
mod refused;
mod session_names;
mod show;
mod versions;
mod write;

use datafusion::common::TableReference;
use datafusion::common::format::ExplainStatementOptions;
use datafusion::error::DataFusionError;
use datafusion::sql::parser::{CreateExternalTable, DFParserBuilder, Statement as ParsedStatement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::Tokenizer;
use lakegate_common::{Coded, ErrorCode};

use names::Names;

pub use describe::Inspection;
pub use governance::{Change, Governance, ObjectKind, Verb};
pub use in_clear::shown;
pub use listing::GrantsOf;
pub use nesting::check_nesting;
pub(crate) use query::literals::is_beyond_nanoseconds;
pub use query::literals::keep_exact_rows;
pub use refused::shown_of_unread;
pub use session_names::{SessionName, asks_for_user, name_session};
pub use versions::{Reading, name_apart};
pub use write::{CreateTable, Write};

/// Longest statement text that is read, in bytes.
pub const STATEMENT_BYTES_MAX: usize = 4 << 20;
/// Deepest nesting of expressions and subqueries that the parser follows.
const NESTING_MAX: usize = 100;

/// A statement, sorted by who carries it out.
#[derive(Debug)]
pub enum Statement {
    /// Rows out: planned and run by the engine.
    Query(Box<ParsedStatement>),
    /// How another statement would be run, or was.
    Explain {
        /// ANALYZE, VERBOSE and the like.
        options: ExplainStatementOptions,
        /// The explained statement.
        statement: Box<Statement>,
    },
    /// Columns of a dataset.
    Describe(TableReference),
    /// What there is to know of a dataset besides.
    Inspect {
        /// Which of it.
        what: Inspection,
        /// The dataset.
        name: TableReference,
    },
    /// Who may do what.
    ShowGrants(GrantsOf),
    /// One setting, or all when no key is given.
    ShowSetting(Option<String>),
    /// A change of the session or the catalog, without rows.
    Command(Command),
}

/// A statement that changes something and returns no rows.
#[derive(Debug)]
pub enum Command {
    /// `CREATE SCHEMA`.
    CreateSchema {
        /// One or two parts.
        name: TableReference,
        /// An existing schema is no error.
        if_not_exists: bool,
        /// What somebody writes about it.
        comment: Option<String>,
    },
    /// `CREATE EXTERNAL TABLE`.
    CreateExternalTable {
        /// What the general parser reads of it.
        create: Box<CreateExternalTable>,
        /// What somebody writes about it.
        comment: Option<String>,
    },
    /// `CREATE VIEW`.
    CreateView {
        /// The view's name.
        name: TableReference,
        /// Column names to give, or none.
        columns: Vec<String>,
        /// The text of its query.
        query: String,
        /// A view of that name is replaced.
        or_replace: bool,
        /// An existing view is no error.
        if_not_exists: bool,
        /// What somebody writes about it.
        comment: Option<String>,
    },
    /// `ALTER VIEW … AS`: another query for a view that is there.
    AlterView {
        /// The view's name.
        name: TableReference,
        /// Column names to give, or none.
        columns: Vec<String>,
        /// The text of its query.
        query: String,
    },
    /// `DROP TABLE | VIEW | SCHEMA`.
    Drop {
        /// What the statement says it drops.
        kind: DropKind,
        /// Everything it names.
        names: Vec<TableReference>,
        /// A missing name is no error.
        if_exists: bool,
        /// What a schema holds is dropped with it.
        cascade: bool,
    },
    /// `SET key = value`.
    Set {
        /// The setting's key.
        key: String,
        /// The value as text.
        value: String,
    },
    /// `RESET key`, or every setting.
    Reset(Option<String>),
    /// `USE schema` or `USE project.schema`.
    Use(TableReference),
    /// Who may do what, and where data lies.
    Governance(Box<Governance>),
    /// Rows that are written.
    Write(Box<Write>),
}

impl Command {
    /// What may be seen of a command whose text holds secrets; `None` where all of it may.
    pub fn shown(&self) -> Option<String> {
        match self {
            Self::Governance(governance) => governance.shown(),
            _ => None,
        }
    }
}

/// What a DROP statement names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropKind {
    /// `DROP TABLE`.
    Table,
    /// `DROP VIEW`.
    View,
    /// `DROP SCHEMA`.
    Schema,
}

/// A text that is no statement here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The parser refused the text.
    #[error("the statement does not parse")]
    Syntax(#[source] ParserError),
    /// A part of the statement that is Lakegate's own was refused.
    #[error("the statement cannot be read")]
    Refused(#[source] DataFusionError),
    /// A statement that begins like one of Lakegate's own and does not go on like one.
    #[error("the statement does not parse: expected {expected}")]
    Expected {
        /// What should stand there.
        expected: &'static str,
    },
    /// A secret at a place where it would be kept in clear. The value is not repeated.
    #[error("{place} holds a secret, which would be kept in clear")]
    SecretInClear {
        /// The option, or that it is a URL.
        place: String,
    },
    /// A text that was refused for a reason that would repeat a secret.
    #[error("the statement does not parse, and holds what may be a secret")]
    Hidden,
    /// No statement in the text.
    #[error("the text holds no statement")]
    Empty,
    /// More than one statement in the text.
    #[error("the text holds {count} statements; send one at a time")]
    Several {
        /// How many.
        count: usize,
    },
    /// More text than is read.
    #[error("the statement has {bytes} bytes, more than {STATEMENT_BYTES_MAX}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Brackets or types inside of one another without end.
    #[error("the statement is nested deeper than {} levels", NESTING_MAX)]
    TooDeep,
    /// More versions of tables than one statement may name.
    #[error("the statement names more than {limit} versions of tables")]
    TooManyVersions {
        /// The bound.
        limit: usize,
    },
    /// SQL that is not carried out.
    #[error("{what} is not supported")]
    Unsupported {
        /// The statement's first words.
        what: String,
        /// What to do instead, where there is something.
        instead: Option<&'static str>,
    },
    /// A name with too many or too few parts, or that is no name.
    #[error("{name} is no name of {expected}")]
    InvalidName {
        /// The name as written.
        name: String,
        /// What was expected there.
        expected: &'static str,
    },
    /// A SET whose value is no single literal.
    #[error("the value of setting {key:?} must be one literal")]
    SettingValue {
        /// The setting's key.
        key: String,
    },
}

impl Error {
    /// The parser's own error, out of what DataFusion wraps it in.
    fn of_parser(error: DataFusionError) -> Self {
        match error {
            DataFusionError::SQL(source, _) => Self::Syntax(*source),
            DataFusionError::Diagnostic(_, inner) => Self::of_parser(*inner),
            other => Self::Refused(other),
        }
    }
}

impl Coded for Error {
    fn code(&self) -> ErrorCode {
        match self {
            Error::Refused(source) => match crate::failure::code_of(source) {
                ErrorCode::Unsupported => ErrorCode::Unsupported,
                _ => ErrorCode::SyntaxError,
            },
            Error::Syntax(_) | Error::Expected { .. } | Error::Empty | Error::Hidden => {
                ErrorCode::SyntaxError
            }
            Error::SecretInClear { .. } => ErrorCode::InvalidArgument,
            Error::Several { .. } | Error::Unsupported { .. } => ErrorCode::Unsupported,
            Error::TooLong { .. } | Error::TooDeep | Error::TooManyVersions { .. } => {
                ErrorCode::LimitExceeded
            }
            Error::InvalidName { .. } => ErrorCode::InvalidStatement,
            Error::SettingValue { .. } => ErrorCode::InvalidSetting,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Error::Unsupported { instead, .. } => instead.map(str::to_string),
            Error::SecretInClear { .. } => Some(
                "keys belong into a credential: CREATE CREDENTIAL name TYPE S3 WITH (…), then \
                 CREATE LOCATION name URL '…' CREDENTIAL name"
                    .to_string(),
            ),
            _ => None,
        }
    }
}

/// Reads one statement that means the same in every project; a trailing semicolon is taken.
///
/// # Errors
/// See [`Error`].
pub fn parse(sql: &str, fold_identifiers: bool) -> Result<Statement, Error> {
    parse_in("", sql, fold_identifiers)
}

/// Reads one statement of a session that is in `project`; a trailing semicolon is taken.
///
/// # Errors
/// See [`Error`].
pub fn parse_in(project: &str, sql: &str, fold_identifiers: bool) -> Result<Statement, Error> {
    if sql.len() > STATEMENT_BYTES_MAX {
        return Err(Error::TooLong { bytes: sql.len() });
    }
    match read(project, sql, fold_identifiers) {
        Ok(statement) => {
            in_clear::refuse_secrets(&statement)?;
            Ok(statement)
        }
        // These repeat what stands in the text.
        Err(Error::Syntax(_) | Error::Refused(_) | Error::InvalidName { .. })
            if shown(sql) != sql =>
        {
            Err(Error::Hidden)
        }
        Err(error) => Err(error),
    }
}

fn read(project: &str, sql: &str, fold_identifiers: bool) -> Result<Statement, Error> {
    check_nesting(sql)?;
    if let Some(governance) = governance::read(sql, fold_identifiers)? {
        return Ok(Statement::Command(Command::Governance(Box::new(governance))));
    }
    if let Some(write) = write::read(sql, fold_identifiers)? {
        return Ok(Statement::Command(Command::Write(Box::new(write))));
    }
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
    let tokens = tokens.map_err(|error| Error::Syntax(ParserError::from(error)))?;
    if let Some(statement) = describe::read(&tokens, fold_identifiers)? {
        return Ok(statement);
    }
    let names = Names { project, fold: fold_identifiers };
    if let Some(statement) = listing::read(&tokens, names)? {
        return Ok(statement);
    }
    let (tokens, comment) = comments::cut(tokens);
    let (tokens, clauses) = versions::cut(tokens)?;
    let mut statements = DFParserBuilder::new(tokens)
        .with_dialect(&GenericDialect {})
        .with_recursion_limit(NESTING_MAX)
        .build()
        .and_then(|mut parser| parser.parse_statements())
        .map_err(Error::of_parser)?;
    match (statements.pop_front(), statements.len()) {
        (None, _) => Err(Error::Empty),
        (Some(mut statement), 0) => {
            versions::attach(&mut statement, clauses)?;
            classify::classify(statement, comment, names)
        }
        (Some(_), more) => Err(Error::Several { count: more + 1 }),
    }
}

#[cfg(test)]
mod tests;
