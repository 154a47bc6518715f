//! What tells deleted rows apart within a scan: a column more, made from the file's name and the
//! row's number in the file.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch, RecordBatchOptions};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::datasource::physical_plan::FileSource;
use datafusion::functions::core::{file_row_index, input_file_name};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::projection::{ProjectionExpr, ProjectionExprs};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};

use super::rows_left::RowsLeft;

/// What is left of files with deleted rows, by the path of the file in its store.
pub(super) type FilesLeft = HashMap<String, Arc<RowsLeft>>;

/// `source` with one column more, the last: whether the row is left. `schema` is what the source
/// gives without it.
///
/// # Errors
/// A source that does not know the numbers of rows.
pub(super) fn with_row_is_left(
    source: &Arc<dyn FileSource>,
    schema: &Schema,
    files: FilesLeft,
    options: &Arc<ConfigOptions>,
) -> Result<Arc<dyn FileSource>> {
    // The scan puts the file's name and the row's number in the place of these.
    let told_by_scan = |function: Arc<ScalarUDF>, data_type| -> Arc<dyn PhysicalExpr> {
        let name = function.name().to_string();
        let field = Arc::new(Field::new(&name, data_type, true));
        Arc::new(ScalarFunctionExpr::new(&name, function, vec![], field, Arc::clone(options)))
    };
    let is_left = RowIsLeft {
        files: Arc::new(files),
        file: told_by_scan(input_file_name(), DataType::Utf8),
        row: told_by_scan(file_row_index(), DataType::Int64),
    };
    let columns = schema.fields().iter().enumerate().map(|(position, field)| {
        ProjectionExpr::new(Arc::new(Column::new(field.name(), position)), field.name())
    });
    let is_left = ProjectionExpr::new(Arc::new(is_left), free_name(schema));
    match source.try_pushdown_projection(&ProjectionExprs::new(columns.chain([is_left])))? {
        Some(source) => Ok(source),
        None => internal_err!("{} files do not tell the numbers of rows", source.file_type()),
    }
}

/// A name that no column has.
fn free_name(schema: &Schema) -> String {
    let longest = schema.fields().iter().map(|field| field.name().len()).max();
    format!("{:_>1$}", "is_left", longest.unwrap_or_default() + 1)
}

/// The rows of `batch` that are left, without the column that says so.
///
/// # Errors
/// A batch that is not of such a scan.
pub(super) fn left_of(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let Some((is_left, columns)) = batch.columns().split_last() else {
        return internal_err!("a scan did not say which rows are left");
    };
    let Some(is_left) = is_left.as_boolean_opt() else {
        return internal_err!("a scan did not say whether rows are left but {is_left:?}");
    };
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let rows = RecordBatch::try_new_with_options(Arc::clone(schema), columns.to_vec(), &options)?;
    if is_left.true_count() == is_left.len() {
        return Ok(rows);
    }
    Ok(filter_record_batch(&rows, is_left)?)
}

/// Whether a row is left. It is made where a partition is run and never travels in a plan.
#[derive(Debug, Clone)]
struct RowIsLeft {
    files: Arc<FilesLeft>,
    file: Arc<dyn PhysicalExpr>,
    row: Arc<dyn PhysicalExpr>,
}

impl PartialEq for RowIsLeft {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.files, &other.files)
            && self.file.eq(&other.file)
            && self.row.eq(&other.row)
    }
}

impl Eq for RowIsLeft {}

impl Hash for RowIsLeft {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.file.hash(state);
        self.row.hash(state);
    }
}

impl fmt::Display for RowIsLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row_is_left({}, {})", self.file, self.row)
    }
}

impl PhysicalExpr for RowIsLeft {
    fn data_type(&self, _input_schema: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }

    fn nullable(&self, _input_schema: &Schema) -> Result<bool> {
        Ok(false)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let file = match self.file.evaluate(batch)? {
            ColumnarValue::Scalar(ScalarValue::Utf8(Some(file))) => file,
            other => return internal_err!("the name of a file is {other}"),
        };
        let Some(left) = self.files.get(&file) else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))));
        };
        let rows = self.row.evaluate(batch)?.into_array(batch.num_rows())?;
        match rows.as_primitive_opt::<Int64Type>() {
            Some(rows) => Ok(ColumnarValue::Array(Arc::new(left.among(rows)))),
            None => internal_err!("the numbers of rows are {}", rows.data_type()),
        }
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.file, &self.row]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        match <[_; 2]>::try_from(children) {
            Ok([file, row]) => Ok(Arc::new(Self { files: Arc::clone(&self.files), file, row })),
            Err(children) => internal_err!("{self} has {} children", children.len()),
        }
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
