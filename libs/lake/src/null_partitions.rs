//! Files of Hive folders whose partition values are NULL.
//!
//! Hive and those who write like it name the folder of NULL `column=__HIVE_DEFAULT_PARTITION__`. The
//! engine takes that for a text. So its listing does not get these files; they are scanned beside
//! the others.

use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::datasource::listing::{ListingTable, PartitionedFile, helpers};
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder};
use datafusion::datasource::table_schema::TableSchema;
use datafusion::logical_expr::Expr;
use datafusion::logical_expr::utils::conjunction;
use datafusion::physical_plan::ExecutionPlan;
use object_store::ObjectMeta;
use object_store::path::Path;

/// What stands for NULL in the name of a folder.
const HIVE_NULL: &str = "__HIVE_DEFAULT_PARTITION__";

/// Whether a file lies in a folder of NULL.
pub(crate) fn is_of_null(path: &Path) -> bool {
    path.parts().any(|part| part.as_ref().split_once('=').is_some_and(|(_, v)| v == HIVE_NULL))
}

/// What a scan asks for.
pub(crate) struct Asked<'a> {
    pub(crate) projection: Option<Vec<usize>>,
    pub(crate) filters: &'a [Expr],
    pub(crate) limit: Option<usize>,
}

/// The scan of those of `objects` that belong to a table and that its partition columns do not
/// rule out; `None` where none does. `file_schema` is that of the columns in files.
///
/// # Errors
/// A value that its column cannot have, or a filter that cannot be worked out.
pub(crate) async fn scan(
    session: &dyn Session,
    table: &ListingTable,
    file_schema: SchemaRef,
    objects: Vec<ObjectMeta>,
    asked: Asked<'_>,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(url) = table.table_paths().first() else { return Ok(None) };
    let options = table.options();
    let columns = &options.table_partition_cols;
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let mut files = Vec::new();
    for object in objects {
        let is_of_table = object.size > 0
            && object.location.as_ref().ends_with(&options.file_extension)
            && url.contains(&object.location, false);
        let values = helpers::parse_partitions_for_path(url, &object.location, names.clone());
        let Some(values) = values.filter(|_| is_of_table) else { continue };
        let values = values.iter().zip(columns);
        let values = values.map(|(text, (_, data_type))| value_of(text, data_type));
        let values = values.collect::<Result<Vec<_>>>()?;
        files.push(PartitionedFile::new_from_meta(object).with_partition_values(values));
    }
    let fields: Vec<FieldRef> = columns
        .iter()
        .map(|(name, data_type)| Arc::new(Field::new(name, data_type.clone(), true)))
        .collect();
    let files = pruned(session, &fields, files, asked.filters)?;
    if files.is_empty() {
        return Ok(None);
    }
    let schema = TableSchema::builder(file_schema).with_table_partition_cols(fields).build();
    let config = FileScanConfigBuilder::new(url.object_store(), options.format.file_source(schema))
        .with_file_groups(vec![FileGroup::new(files)])
        .with_projection_indices(asked.projection)?
        .with_limit(asked.limit)
        .build();
    options.format.create_physical_plan(session, config).await.map(Some)
}

fn value_of(text: &str, data_type: &DataType) -> Result<ScalarValue> {
    match text {
        HIVE_NULL => ScalarValue::try_from(data_type),
        _ => ScalarValue::try_from_string(text.to_string(), data_type),
    }
}

/// The files whose partition values fulfil what `filters` say of them alone.
fn pruned(
    session: &dyn Session,
    fields: &[FieldRef],
    files: Vec<PartitionedFile>,
    filters: &[Expr],
) -> Result<Vec<PartitionedFile>> {
    let names: Vec<&str> = fields.iter().map(|field| field.name().as_str()).collect();
    let told = filters.iter().filter(|filter| helpers::expr_applicable_for_cols(&names, filter));
    let Some(filter) = conjunction(told.cloned()).filter(|_| !files.is_empty()) else {
        return Ok(files);
    };
    let schema = Arc::new(Schema::new(fields.to_vec()));
    let columns = (0..fields.len()).map(|column| {
        ScalarValue::iter_to_array(files.iter().map(|file| file.partition_values[column].clone()))
    });
    let values = RecordBatch::try_new(Arc::clone(&schema), columns.collect::<Result<_>>()?)?;
    let filter = session.create_physical_expr(filter, &DFSchema::try_from(schema)?)?;
    let kept = filter.evaluate(&values)?.into_array(values.num_rows())?;
    let kept = kept.as_boolean();
    let is_kept = |row: usize| kept.is_valid(row) && kept.value(row);
    let files = files.into_iter().enumerate();
    Ok(files.filter(|(row, _)| is_kept(*row)).map(|(_, file)| file).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_null_is_told_by_its_value() {
        for (path, is_null) in [
            ("t/p=__HIVE_DEFAULT_PARTITION__/x", true),
            ("t/p=1/q=__HIVE_DEFAULT_PARTITION__/x", true),
            ("t/__HIVE_DEFAULT_PARTITION__/x", false),
            ("t/p=__HIVE_DEFAULT_PARTITION__s/x", false),
        ] {
            assert_eq!(is_of_null(&Path::parse(path).unwrap()), is_null, "{path}");
        }
    }

    #[test]
    fn a_value_has_the_type_of_its_column() {
        let value = |text: &str| value_of(text, &DataType::Int32).unwrap();
        assert_eq!(value(HIVE_NULL), ScalarValue::Int32(None));
        assert_eq!(value("7"), ScalarValue::Int32(Some(7)));
        assert!(value_of("seven", &DataType::Int32).is_err());
    }
}
