//! What becomes of a query's rows: which column goes where, and into which files.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::compute::can_cast_types;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::{Column, DFSchema, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::dml::InsertOp;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, cast, lit};
use lakegate_lake::write::{FileSink, FileWrite, parts_files};

use crate::query::Error;

/// The name under which plans know the writer.
const WRITER: &str = "written";

/// The writer that stands on top of a query.
#[derive(Debug)]
pub(in crate::query) struct Sink {
    /// For each written column the query's column by position, or nothing.
    sources: Vec<Option<usize>>,
    write: Arc<FileWrite>,
}

impl Sink {
    pub(in crate::query) fn new(sources: Vec<Option<usize>>, write: Arc<FileWrite>) -> Self {
        Self { sources, write }
    }

    /// The query with the writer on top.
    ///
    /// # Errors
    /// A column that does not cast to the type that is written.
    pub(in crate::query) fn over(&self, plan: LogicalPlan) -> Result<LogicalPlan, Error> {
        let columns = self.write.taken_columns();
        let fields = self.sources.iter().zip(columns.fields());
        let expressions = fields.map(|(source, field)| {
            let (value, given) = match source {
                Some(position) => {
                    let found = plan.schema().qualified_field(*position);
                    (Expr::Column(Column::from(found)), found.1.data_type().clone())
                }
                None => (lit(ScalarValue::Null), arrow::datatypes::DataType::Null),
            };
            if !can_cast_types(&given, field.data_type()) {
                return Err(Error::ColumnDoesNotFit {
                    column: field.name().clone(),
                    expected: field.data_type().to_string(),
                    given: given.to_string(),
                });
            }
            Ok(cast(value, field.data_type().clone()).alias(field.name()))
        });
        let expressions = expressions.collect::<Result<Vec<_>, _>>()?;
        let target = provider_as_source(Arc::new(FileSink::new(Arc::clone(&self.write))));
        LogicalPlanBuilder::from(plan)
            .project(expressions)
            .and_then(LogicalPlanBuilder::build)
            .and_then(|rows| {
                LogicalPlanBuilder::insert_into(rows, WRITER, target, InsertOp::Append)?.build()
            })
            .map_err(Error::Planning)
    }
}

/// For each column of a table the query's column that goes there: by position, or as `named`.
///
/// # Errors
/// A column that the table does not have or that is named twice, more or fewer columns than
/// values, nothing for a column that takes no NULL.
pub(super) fn sources(
    table: &SchemaRef,
    named: &[String],
    query: &DFSchema,
) -> Result<Vec<Option<usize>>, Error> {
    let given = query.fields().len();
    let wanted = if named.is_empty() { table.fields().len() } else { named.len() };
    if given != wanted {
        return Err(Error::ColumnCount { wanted, given });
    }
    if named.is_empty() {
        return Ok((0..given).map(Some).collect());
    }
    let mut sources = vec![None; table.fields().len()];
    for (position, name) in named.iter().enumerate() {
        let column = column_named(table, name)?;
        if sources[column].replace(position).is_some() {
            return Err(Error::ColumnTwice { column: name.clone() });
        }
    }
    for (source, field) in sources.iter().zip(table.fields()) {
        if source.is_none() && !field.is_nullable() {
            return Err(Error::ColumnMissing { column: field.name().clone() });
        }
    }
    Ok(sources)
}

/// Positions of the columns by which files are parted, as they are named.
///
/// # Errors
/// A column that is not there, is named twice or is of a type that parts no files, or no column is
/// left for the files.
pub(super) fn partitions(columns: &Schema, named: &[String]) -> Result<Vec<usize>, Error> {
    let mut seen = HashSet::new();
    let positions = named.iter().map(|name| {
        let position = column_named(columns, name)?;
        if !seen.insert(position) {
            return Err(Error::ColumnTwice { column: name.clone() });
        }
        let data_type = columns.field(position).data_type();
        if !parts_files(data_type) {
            let (column, data_type) = (name.clone(), data_type.to_string());
            return Err(Error::PartsNoFiles { column, data_type });
        }
        Ok(position)
    });
    let positions = positions.collect::<Result<Vec<_>, _>>()?;
    if !positions.is_empty() && positions.len() == columns.fields().len() {
        return Err(Error::OnlyPartitionColumns);
    }
    Ok(positions)
}

fn column_named(columns: &Schema, name: &str) -> Result<usize, Error> {
    columns.index_of(name).map_err(|_| Error::NoSuchColumn {
        column: name.to_string(),
        known: columns.fields().iter().map(|field| field.name().clone()).collect(),
    })
}
