//! Written files as the log reader takes them.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, Int64Array, MapBuilder, MapFieldNames, RecordBatch, StringArray, StringBuilder,
    StructArray,
};
use arrow::datatypes::{Field, Schema};
use arrow::json::ReaderBuilder;
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use delta_kernel::engine::arrow_data::ArrowEngineData;
use delta_kernel::schema::StructType;
use delta_kernel::{EngineData, KernelError, KernelResult};
use object_store::path::Path;

use crate::delta::TableRoot;
use crate::write::WrittenFile;

/// What is told of files where nothing is known of their columns.
const NOTHING_KNOWN: &str = "{}";

/// The files as rows of `add` actions.
///
/// # Errors
/// A file outside the table's folder, or statistics that do not fit the table.
pub(super) fn adds(
    root: &TableRoot,
    partition_names: &[String],
    statistics: &StructType,
    files: &[WrittenFile],
    written_at_ms: i64,
) -> KernelResult<Box<dyn EngineData>> {
    let paths =
        files.iter().map(|file| relative(root, &file.path)).collect::<KernelResult<Vec<_>>>()?;
    let sizes = files.iter().map(|file| i64::try_from(file.bytes).unwrap_or(i64::MAX));
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("path", Arc::new(StringArray::from(paths))),
        ("partitionValues", partition_values(partition_names, files)?),
        ("size", Arc::new(sizes.collect::<Int64Array>())),
        ("modificationTime", Arc::new(Int64Array::from(vec![written_at_ms; files.len()]))),
        ("stats", statistics_of(statistics, files)?),
    ];
    let fields = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), *name == "stats"));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let columns = columns.into_iter().map(|(_, column)| column).collect();
    Ok(Box::new(ArrowEngineData::new(RecordBatch::try_new(Arc::new(schema), columns)?)))
}

/// The file's path below the table's folder. Writers name files so that nothing is to be encoded.
fn relative(root: &TableRoot, path: &str) -> KernelResult<String> {
    let outside =
        || KernelError::internal_error(format!("{path:?} does not lie in the folder of {root}"));
    let path = Path::parse(path).map_err(|_| outside())?;
    // The folder of a table may be a whole bucket.
    let below = path.prefix_match(root.folder()).ok_or_else(outside)?;
    let below = below.map(|part| part.as_ref().to_string()).collect::<Vec<_>>();
    if below.is_empty() { Err(outside()) } else { Ok(below.join("/")) }
}

fn partition_values(names: &[String], files: &[WrittenFile]) -> KernelResult<ArrayRef> {
    let entries = MapFieldNames {
        entry: "key_value".to_string(),
        key: "key".to_string(),
        value: "value".to_string(),
    };
    let mut map = MapBuilder::new(Some(entries), StringBuilder::new(), StringBuilder::new());
    for file in files {
        for (name, value) in names.iter().zip(&file.partition_values) {
            map.keys().append_value(name);
            map.values().append_option(value.as_deref());
        }
        map.append(true)?;
    }
    Ok(Arc::new(map.finish()))
}

/// The statistics of the columns for which the table wants them, typed.
fn statistics_of(wanted: &StructType, files: &[WrittenFile]) -> KernelResult<ArrayRef> {
    let schema: Schema = wanted.try_into_arrow()?;
    let mut decoder = ReaderBuilder::new(Arc::new(schema))
        .with_batch_size(files.len().max(1))
        .with_coerce_primitive(true)
        .build_decoder()?;
    for file in files {
        let text = file.statistics.as_deref().unwrap_or(NOTHING_KNOWN);
        decoder.decode(text.as_bytes())?;
    }
    let rows = decoder.flush()?;
    let rows = rows.filter(|rows| rows.num_rows() == files.len()).ok_or_else(|| {
        KernelError::internal_error("statistics are not one object a file".to_string())
    })?;
    Ok(Arc::new(StructArray::from(rows)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_from_the_table_on() {
        let relative = |root: &str, path: &str| relative(&TableRoot::parse(root).unwrap(), path);
        for (root, path) in [
            ("s3://bucket/lake/t/", "lake/t/statement/part-0.parquet"),
            ("s3://bucket/", "statement/part-0.parquet"),
            ("/lake/t/", "lake/t/statement/part-0.parquet"),
        ] {
            assert_eq!(relative(root, path).unwrap(), "statement/part-0.parquet", "{root}");
        }
        for outside in ["lake/t", "lake/table/x.parquet", "lake/x.parquet"] {
            assert!(relative("s3://bucket/lake/t/", outside).is_err(), "{outside}");
        }
    }
}
