//! A nested column as the table has it, made from what a file has.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, ListArray, MapArray, RecordBatch, StructArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, FieldRef, Fields, Schema};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;

use super::schema::{ColumnMapping, position_in_file};

/// Reads a file's column as a column of the table. It is made where a file is opened and never
/// travels in a plan.
#[derive(Debug, Clone)]
pub(super) struct ConformedColumn {
    column: Arc<dyn PhysicalExpr>,
    logged: FieldRef,
    wanted: FieldRef,
    mapping: ColumnMapping,
}

impl ConformedColumn {
    pub(super) fn new(
        column: Arc<dyn PhysicalExpr>,
        logged: FieldRef,
        wanted: FieldRef,
        mapping: ColumnMapping,
    ) -> Self {
        Self { column, logged, wanted, mapping }
    }
}

impl PartialEq for ConformedColumn {
    fn eq(&self, other: &Self) -> bool {
        self.column.eq(&other.column)
            && self.logged == other.logged
            && self.wanted == other.wanted
            && self.mapping == other.mapping
    }
}

impl Eq for ConformedColumn {}

impl Hash for ConformedColumn {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.column.hash(state);
        self.wanted.hash(state);
        self.mapping.hash(state);
    }
}

impl fmt::Display for ConformedColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conformed({} as {})", self.column, self.wanted.name())
    }
}

impl PhysicalExpr for ConformedColumn {
    fn data_type(&self, _input_schema: &Schema) -> Result<DataType> {
        Ok(self.wanted.data_type().clone())
    }

    fn nullable(&self, _input_schema: &Schema) -> Result<bool> {
        Ok(true)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        let column = self.column.evaluate(batch)?.into_array(batch.num_rows())?;
        let logged = self.logged.data_type();
        conformed(&column, logged, self.wanted.data_type(), self.mapping).map(ColumnarValue::Array)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.column]
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn PhysicalExpr>>,
    ) -> Result<Arc<dyn PhysicalExpr>> {
        let Some(column) = children.into_iter().next() else {
            return exec_err!("a conformed column lost its column");
        };
        Ok(Arc::new(Self { column, ..Self::clone(&self) }))
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// `found` as a value of type `wanted`, which the log describes as `logged`.
pub(super) fn conformed(
    found: &ArrayRef,
    logged: &DataType,
    wanted: &DataType,
    mapping: ColumnMapping,
) -> Result<ArrayRef> {
    match (found.data_type(), logged, wanted) {
        (found_type, _, _) if is_same(found_type, wanted, mapping) => Ok(Arc::clone(found)),
        (DataType::Struct(_), DataType::Struct(logged), DataType::Struct(wanted)) => {
            conformed_struct(found.as_struct(), logged, wanted, mapping)
        }
        (DataType::List(_), DataType::List(logged), DataType::List(wanted)) => {
            let list = found.as_list::<i32>();
            let items = conformed(list.values(), logged.data_type(), wanted.data_type(), mapping)?;
            let (offsets, nulls) = (list.offsets().clone(), list.nulls().cloned());
            Ok(Arc::new(ListArray::try_new(Arc::clone(wanted), offsets, items, nulls)?))
        }
        (DataType::Map(..), DataType::Map(logged, _), DataType::Map(wanted, sorted)) => {
            conformed_map(found.as_map(), logged, wanted, *sorted, mapping)
        }
        _ => {
            let strict = CastOptions { safe: false, ..CastOptions::default() };
            Ok(cast_with_options(found, wanted, &strict)?)
        }
    }
}

/// Whether a column can be taken as it is. Equal names inside a nested column prove nothing where
/// names are mapped: fields may have swapped theirs.
pub(super) fn is_same(found: &DataType, wanted: &DataType, mapping: ColumnMapping) -> bool {
    found == wanted && (mapping == ColumnMapping::None || !found.is_nested())
}

fn conformed_struct(
    found: &StructArray,
    logged: &Fields,
    wanted: &Fields,
    mapping: ColumnMapping,
) -> Result<ArrayRef> {
    let child = |(logged, wanted): (&FieldRef, &FieldRef)| match position_in_file(
        found.fields().iter(),
        logged,
        mapping,
    ) {
        Some(position) => {
            conformed(found.column(position), logged.data_type(), wanted.data_type(), mapping)
        }
        None => Ok(new_null_array(wanted.data_type(), found.len())),
    };
    let children = logged.iter().zip(wanted).map(child).collect::<Result<Vec<_>>>()?;
    let nulls = found.nulls().cloned();
    let whole = StructArray::try_new_with_length(wanted.clone(), children, nulls, found.len())?;
    Ok(Arc::new(whole))
}

/// Keys and values have places and no names of their own.
fn conformed_map(
    found: &MapArray,
    logged: &FieldRef,
    wanted: &FieldRef,
    sorted: bool,
    mapping: ColumnMapping,
) -> Result<ArrayRef> {
    let (DataType::Struct(logged), DataType::Struct(fields)) =
        (logged.data_type(), wanted.data_type())
    else {
        return exec_err!("a map whose entries are no struct");
    };
    let entries = found.entries();
    let child = |place: usize| {
        conformed(
            entries.column(place),
            logged[place].data_type(),
            fields[place].data_type(),
            mapping,
        )
    };
    let children = vec![child(0)?, child(1)?];
    let entries = StructArray::try_new(fields.clone(), children, None)?;
    let (offsets, nulls) = (found.offsets().clone(), found.nulls().cloned());
    Ok(Arc::new(MapArray::try_new(Arc::clone(wanted), offsets, entries, nulls, sorted)?))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use arrow::array::{Int32Array, Int64Array};
    use arrow::datatypes::Field;

    use super::*;

    fn logged(name: &str, physical: &str, data_type: DataType) -> Field {
        let metadata =
            HashMap::from([("delta.columnMapping.physicalName".to_string(), physical.to_string())]);
        Field::new(name, data_type, true).with_metadata(metadata)
    }

    #[test]
    fn nested_fields_are_found_by_their_physical_names_and_widened() {
        let found = StructArray::from(vec![
            (
                Arc::new(Field::new("col-2", DataType::Int32, true)),
                Arc::new(Int32Array::from(vec![1, 2])) as ArrayRef,
            ),
            (
                Arc::new(Field::new("a", DataType::Int32, true)),
                Arc::new(Int32Array::from(vec![8, 9])) as ArrayRef,
            ),
        ]);
        let found: ArrayRef = Arc::new(found);
        let described = DataType::Struct(
            vec![logged("a", "col-2", DataType::Int64), logged("b", "col-3", DataType::Utf8)]
                .into(),
        );
        let wanted = DataType::Struct(
            vec![Field::new("a", DataType::Int64, true), Field::new("b", DataType::Utf8, true)]
                .into(),
        );
        let made = conformed(&found, &described, &wanted, ColumnMapping::Name).unwrap();
        assert_eq!(made.data_type(), &wanted);
        let made = made.as_struct();
        let numbers = made.column(0).as_any().downcast_ref::<Int64Array>().unwrap();
        assert_eq!(numbers.values(), &[1, 2]);
        assert_eq!(made.column(1).null_count(), 2);
    }
}
