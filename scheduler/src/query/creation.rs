//! `SHOW CREATE`: a statement that makes a table or a view again.

use std::collections::BTreeMap;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::ResolvedTableReference;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Value};
use datafusion::sql::sqlparser::keywords::ALL_KEYWORDS;
use lakegate_catalog::{
    Dataset, DatasetKind, DatasetType, Error as Refused, FileFormat, Table as Entry,
};
use lakegate_engine::statement::{self, Command, DropKind, Statement as Read};
use lakegate_lake::delta::{AsOf, DeltaLog, TableRoot, TableState};

use super::Error;
use super::declare::definition;
use super::inspect::united;
use super::service::QueryService;
use super::statement::Scope;

/// Parts of the names of properties that a log gives itself.
const GIVEN_BY_THE_LOG: [&str; 3] =
    ["columnMapping.maxColumnId", "rowTracking.materialized", "inCommitTimestampEnablement"];

impl QueryService {
    /// A statement that makes `dataset` again, which must be of a kind.
    ///
    /// # Errors
    /// It is of another kind, or its log cannot be read.
    pub(super) async fn creation_of(
        &self,
        scope: &Scope,
        name: &ResolvedTableReference,
        dataset: &Dataset,
        kind: DropKind,
    ) -> Result<String, Error> {
        let expected = if kind == DropKind::View { DatasetType::View } else { DatasetType::Table };
        let found = dataset.kind.dataset_type();
        if found != expected {
            let (dataset, verb) = (name.to_string(), "SHOW CREATE");
            return Err(Refused::WrongType { dataset, expected, found, verb }.into());
        }
        let full = [&name.catalog, &name.schema, &name.table].map(|part| shown_name(part));
        let full = full.join(".");
        let comment = dataset.comment.as_deref();
        let comment = comment.map(|text| format!(" COMMENT {}", text_of(text))).unwrap_or_default();
        match &dataset.kind {
            DatasetKind::View(view) => Ok(format!("CREATE VIEW {full}{comment} AS {}", view.sql)),
            DatasetKind::Table(entry) if entry.is_managed => {
                let root = TableRoot::parse(&entry.location)?;
                let log = DeltaLog::in_session(&self.state(scope), root)?;
                let newest = self.delta.state(&log, AsOf::Latest).await?;
                let properties = united(newest.detail().properties, &dataset.properties);
                Ok(managed(&full, &newest, &comment, properties))
            }
            DatasetKind::Table(entry) => Ok(format!("{}{comment}", external(name, &full, entry))),
            DatasetKind::Volume(_) => Err(Error::NoRows { name: name.to_string() }),
        }
    }
}

/// A Delta table whose files belong to Lakegate.
fn managed(
    name: &str,
    state: &TableState,
    comment: &str,
    properties: BTreeMap<String, String>,
) -> String {
    let columns = state.schema().taken_columns();
    let shown = columns.fields().iter().enumerate().map(|(column, field)| {
        let needed = if field.is_nullable() { "" } else { " NOT NULL" };
        let comment = state.schema().comment(column);
        let comment = comment.map(|text| format!(" COMMENT {}", text_of(text))).unwrap_or_default();
        format!("{} {}{needed}{comment}", shown_name(field.name()), type_of(field.data_type()))
    });
    let mut text = format!("CREATE TABLE {name} ({})", list(shown));
    let partitions = state.schema().partitions();
    if !partitions.is_empty() {
        let names = partitions.iter().map(|column| shown_name(columns.field(*column).name()));
        text.push_str(&format!(" PARTITIONED BY ({})", list(names)));
    }
    text.push_str(comment);
    let given = properties.iter().filter(|(name, _)| {
        !GIVEN_BY_THE_LOG.iter().any(|part| name.starts_with(&format!("delta.{part}")))
    });
    let given = given.map(|(name, value)| format!("{} = {}", text_of(name), text_of(value)));
    let given = list(given);
    if !given.is_empty() {
        text.push_str(&format!(" TBLPROPERTIES ({given})"));
    }
    text
}

/// A table of files that are there: by the statement that made it, under the name that it has.
fn external(name: &ResolvedTableReference, full: &str, entry: &Entry) -> String {
    if let Ok(Read::Command(Command::CreateExternalTable { mut create, .. })) =
        statement::parse(&entry.definition, true)
    {
        let parts = [&name.catalog, &name.schema, &name.table];
        create.name =
            ObjectName::from(parts.map(|part| Ident::with_quote('"', part.as_ref())).to_vec());
        create.or_replace = false;
        create.if_not_exists = false;
        let text = definition(&create);
        return text.replacen(&create.name.to_string(), full, 1);
    }
    let format = match entry.format {
        FileFormat::Delta => "DELTA".to_string(),
        other => other.as_str().to_uppercase(),
    };
    let location = text_of(&entry.location);
    format!("CREATE EXTERNAL TABLE {full} STORED AS {format} LOCATION {location}")
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

fn text_of(text: &str) -> String {
    Value::SingleQuotedString(text.to_string()).to_string()
}

/// The name in quotes, unless it is the same without.
fn shown_name(name: &str) -> String {
    let is_word = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    let is_keyword = ALL_KEYWORDS.binary_search(&name.to_ascii_uppercase().as_str()).is_ok();
    if is_word && !is_keyword { name.to_string() } else { Ident::with_quote('"', name).to_string() }
}

/// The type as SQL has it.
fn type_of(data_type: &DataType) -> String {
    match data_type {
        DataType::Boolean => "BOOLEAN".to_string(),
        DataType::Int8 => "TINYINT".to_string(),
        DataType::Int16 => "SMALLINT".to_string(),
        DataType::Int32 => "INT".to_string(),
        DataType::Int64 => "BIGINT".to_string(),
        DataType::Float32 => "REAL".to_string(),
        DataType::Float64 => "DOUBLE".to_string(),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => "VARCHAR".to_string(),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => "BYTEA".to_string(),
        DataType::Date32 => "DATE".to_string(),
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => {
            "TIMESTAMP(6) WITH TIME ZONE".to_string()
        }
        DataType::Timestamp(TimeUnit::Microsecond, None) => "TIMESTAMP(6)".to_string(),
        DataType::Decimal128(digits, scale) => format!("DECIMAL({digits}, {scale})"),
        DataType::List(item) => format!("ARRAY<{}>", type_of(item.data_type())),
        DataType::Struct(fields) => {
            let fields = fields.iter();
            let fields = fields.map(|field| {
                format!("{} {}", shown_name(field.name()), type_of(field.data_type()))
            });
            format!("STRUCT<{}>", list(fields))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_mean_another_one_without_quotes_has_them() {
        for (name, shown) in [
            ("flights", "flights"),
            ("t_1", "t_1"),
            ("T", "\"T\""),
            ("order", "\"order\""),
            ("1a", "\"1a\""),
            ("a b", "\"a b\""),
            ("a\"b", "\"a\"\"b\""),
        ] {
            assert_eq!(shown_name(name), shown);
        }
    }
}
