//! Datasets that are made by requests other than SQL statements: the requests become what a
//! statement is read to, and go the same way from there on.

use std::collections::BTreeMap;

use datafusion::common::TableReference;
use datafusion::sql::parser::CreateExternalTable;
use datafusion::sql::sqlparser::ast::{ColumnDef, DataType, Ident, ObjectName, Value};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::Token;
use lakegate_catalog::{
    Catalog, DatasetId, DatasetKind, NewDataset, OnExisting, PrincipalId, Volume,
};
use lakegate_engine::statement::check_nesting;
use lakegate_lake::Location;

use super::command::External;
use super::result::Deadline;
use super::statement::Scope;
use super::{Error, QueryService, Settings};

/// An external table to be made.
#[derive(Debug, Clone)]
pub struct NewTable {
    /// Its name in its schema.
    pub name: String,
    /// The format of the files, such as `parquet`.
    pub format: String,
    /// A file, a folder or a glob.
    pub location: String,
    /// Names and SQL types of the columns; none to take them from the files.
    pub columns: Vec<(String, String)>,
    /// Columns whose values stand in the folders' names.
    pub partition_columns: Vec<String>,
    /// Options of the format, such as `format.delimiter`.
    pub options: BTreeMap<String, String>,
}

impl QueryService {
    /// Makes an external table in a schema, as `CREATE EXTERNAL TABLE` does; its identifier.
    /// `catalog` is a handle of `principal`.
    ///
    /// # Errors
    /// As the statement.
    pub async fn declare_table(
        &self,
        principal: PrincipalId,
        catalog: &Catalog,
        place: (&str, &str),
        new: &NewTable,
    ) -> Result<DatasetId, Error> {
        let scope = scope_in(principal, place);
        let create = statement_of(place, new)?;
        let definition = definition(&create);
        let table = External { create: &create, definition: &definition, comment: None };
        self.in_time(self.create_external_table(&scope, catalog, table)).await
    }

    /// Makes a view of a query in a schema, as `CREATE VIEW` does. Names in the query that do not
    /// say their schema are looked up in that of the view. `catalog` is a handle of `principal`.
    ///
    /// # Errors
    /// As the statement.
    pub async fn declare_view(
        &self,
        principal: PrincipalId,
        catalog: &Catalog,
        place: (&str, &str),
        name: &str,
        query: String,
    ) -> Result<DatasetId, Error> {
        let scope = scope_in(principal, place);
        let name = TableReference::full(place.0, place.1, name);
        self.in_time(self.create_view(scope, catalog, &name, query, None, OnExisting::Fail)).await
    }

    /// Does what looks at files, within the time limit of a statement and not while the server
    /// stops.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.refuse_when_draining()?;
        let deadline = self.config.timeout.map(Deadline::after);
        tokio::select! {
            biased;
            error = Deadline::over(deadline) => Err(error),
            done = work => done,
        }
    }

    /// Makes a volume over files that are there already. The catalog checks that its principal may
    /// read the location.
    ///
    /// # Errors
    /// The location is none that is served, or the catalog refuses.
    pub async fn declare_volume(
        &self,
        catalog: &Catalog,
        place: (&str, &str),
        name: &str,
        location: &str,
    ) -> Result<DatasetId, Error> {
        self.check_in_bounds(location).await?;
        let location = Location::read(location)?.as_str().to_string();
        let kind = DatasetKind::Volume(Volume { is_managed: false, location });
        let new = NewDataset::new(place.0, place.1, name, kind);
        Ok(catalog.create_dataset(&new, OnExisting::Fail).await?.id())
    }
}

/// What a session of the principal in a schema would plan with.
fn scope_in(principal: PrincipalId, (project, schema): (&str, &str)) -> Scope {
    Scope {
        principal,
        settings: Settings::default(),
        project: project.to_string(),
        schema: schema.to_string(),
    }
}

fn statement_of(place: (&str, &str), new: &NewTable) -> Result<CreateExternalTable, Error> {
    let options = new.options.iter().map(|(key, value)| (key.clone(), quoted(value)));
    Ok(CreateExternalTable {
        name: object_name(place, &new.name),
        columns: columns_of(&new.columns)?,
        file_type: new.format.to_uppercase(),
        locations: vec![new.location.clone()],
        table_partition_cols: new.partition_columns.clone(),
        order_exprs: Vec::new(),
        if_not_exists: false,
        or_replace: false,
        temporary: false,
        unbounded: false,
        options: options.collect(),
        constraints: Vec::new(),
    })
}

/// The statement as text: its own `Display` leaves columns and options out.
pub(super) fn definition(create: &CreateExternalTable) -> String {
    let mut text = format!("CREATE EXTERNAL TABLE {}", create.name);
    let mut list = |word: &str, items: Vec<String>| {
        if !items.is_empty() {
            text.push_str(&format!("{word} ({})", items.join(", ")));
        }
    };
    list("", create.columns.iter().map(ToString::to_string).collect());
    list(" PARTITIONED BY", create.table_partition_cols.iter().map(|name| bare(name)).collect());
    let option = |(key, value): &(String, Value)| format!("{} {value}", quoted(key));
    list(" OPTIONS", create.options.iter().map(option).collect());
    let locations: Vec<String> =
        create.locations.iter().map(|location| quoted(location).to_string()).collect();
    format!("{text} STORED AS {} LOCATION {}", create.file_type, locations.join(", "))
}

fn quoted(text: &str) -> Value {
    Value::SingleQuotedString(text.to_string())
}

/// A partition column as the parser takes it, which keeps quotes as a part of the name.
fn bare(name: &str) -> String {
    let is_word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if is_word { name.to_string() } else { Ident::with_quote('"', name).to_string() }
}

fn object_name((project, schema): (&str, &str), name: &str) -> ObjectName {
    let parts = [project, schema, name];
    ObjectName::from(parts.map(|part| Ident::with_quote('"', part)).to_vec())
}

fn columns_of(columns: &[(String, String)]) -> Result<Vec<ColumnDef>, Error> {
    let column = |(name, sql_type): &(String, String)| {
        let data_type = type_of(sql_type).ok_or_else(|| Error::InvalidType {
            column: name.clone(),
            written: sql_type.clone(),
        })?;
        let name = Ident::with_quote('"', name);
        Ok(ColumnDef { name, data_type, options: Vec::new() })
    };
    columns.iter().map(column).collect()
}

/// The type that a text says; `None` where it says none, or something else besides.
fn type_of(text: &str) -> Option<DataType> {
    let dialect = GenericDialect {};
    check_nesting(text).ok()?;
    let mut parser = Parser::new(&dialect).try_with_sql(text).ok()?;
    let data_type = parser.parse_data_type().ok()?;
    (parser.peek_token().token == Token::EOF).then_some(data_type)
}

#[cfg(test)]
mod tests {
    use lakegate_engine::statement::{self, Command, Statement};

    use super::*;

    #[test]
    fn the_definition_is_a_statement_that_makes_the_same_table() {
        let texts = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(a, b)| ((*a).to_string(), (*b).to_string())).collect::<Vec<_>>()
        };
        let new = NewTable {
            name: "it's \"quoted\"".to_string(),
            format: "csv".to_string(),
            location: "/data/o'clock/".to_string(),
            columns: texts(&[("a b", "BIGINT"), ("year", "DECIMAL(4,2)")]),
            partition_columns: vec!["year".to_string()],
            options: texts(&[("format.delimiter", ";"), ("format.quote", "'")])
                .into_iter()
                .collect(),
        };
        let create = statement_of(("lab", "raw"), &new).unwrap();
        let text = definition(&create);
        let Statement::Command(Command::CreateExternalTable { create: read, .. }) =
            statement::parse(&text, true).unwrap()
        else {
            panic!("{text} is another statement");
        };
        assert_eq!(*read, create, "{text}");
    }

    #[test]
    fn a_type_is_a_type_and_nothing_else() {
        for good in ["bigint", "DECIMAL(12, 2)", "TIMESTAMP WITH TIME ZONE", "varchar"] {
            assert!(type_of(good).is_some(), "{good}");
        }
        let deep = "ARRAY<".repeat(10_000);
        let arrays = format!("INT{}", "[]".repeat(10_000));
        for bad in ["", "bigint, b int", "bigint NOT NULL", "(", "'text'", &deep, &arrays] {
            assert!(type_of(bad).is_none(), "{bad}");
        }
    }
}
