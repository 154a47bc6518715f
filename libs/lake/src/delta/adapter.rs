//! Finds a table's columns in a file: by number or by the name that never changes, with types
//! that were narrower when the file was written, and with nulls for columns that came later.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, SchemaRef};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Result, ScalarValue, internal_datafusion_err, internal_err};
use datafusion::parquet::arrow::RowNumber;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{CastExpr, Column, Literal};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};

use super::conform::{ConformedColumn, is_same};
use super::schema::{ColumnMapping, position_in_file};

/// What the log says of the columns that files hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileColumns {
    /// The columns with the numbers and names that files know them by, as field metadata.
    pub columns: SchemaRef,
    /// Which of those counts.
    pub mapping: ColumnMapping,
}

impl PhysicalExprAdapterFactory for FileColumns {
    fn create(
        &self,
        logical_file_schema: SchemaRef,
        physical_file_schema: SchemaRef,
    ) -> Result<Arc<dyn PhysicalExprAdapter>> {
        Ok(Arc::new(FileAdapter {
            logged: self.clone(),
            wanted: logical_file_schema,
            file: physical_file_schema,
        }))
    }
}

#[derive(Debug)]
struct FileAdapter {
    logged: FileColumns,
    wanted: SchemaRef,
    file: SchemaRef,
}

impl PhysicalExprAdapter for FileAdapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        expr.transform_up(|expr| match expr.downcast_ref::<Column>() {
            Some(column) => Ok(Transformed::yes(self.column(column.name())?)),
            None => Ok(Transformed::no(expr)),
        })
        .data()
    }
}

impl FileAdapter {
    /// The number of the row, which no file holds and the reader puts behind the file's columns.
    fn row_number(&self, name: &str) -> Result<Arc<dyn PhysicalExpr>> {
        match self.file.fields().iter().rposition(|field| field.name() == name) {
            Some(position) => Ok(Arc::new(Column::new(name, position))),
            None => internal_err!("the reader does not give the numbers of rows"),
        }
    }

    /// What gives the table's column `name` over the columns of this file.
    fn column(&self, name: &str) -> Result<Arc<dyn PhysicalExpr>> {
        let wanted = self.wanted.field_with_name(name)?;
        if wanted.try_extension_type::<RowNumber>().is_ok() {
            return self.row_number(name);
        }
        let logged = self.logged.columns.field_with_name(name).map_err(|_| {
            internal_datafusion_err!("column {name:?} is not among those that the log describes")
        })?;
        let mapping = self.logged.mapping;
        let Some(position) = position_in_file(self.file.fields().iter(), logged, mapping) else {
            let null = ScalarValue::try_new_null(wanted.data_type())?;
            return Ok(Arc::new(Literal::new(null)));
        };
        let found = self.file.field(position);
        let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(found.name(), position));
        if is_same(found.data_type(), wanted.data_type(), mapping) {
            return Ok(column);
        }
        if found.data_type().is_nested() || wanted.data_type().is_nested() {
            let logged = Arc::new(Field::clone(logged));
            let wanted = Arc::new(Field::clone(wanted));
            return Ok(Arc::new(ConformedColumn::new(column, logged, wanted, mapping)));
        }
        Ok(Arc::new(CastExpr::new(column, DataType::clone(wanted.data_type()), None)))
    }
}
