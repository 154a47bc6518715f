//! Schemas as the catalog keeps them and as clients see them.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::ipc::convert::{IpcSchemaEncoder, fb_to_schema};
use arrow::ipc::root_as_schema;
use arrow::ipc::writer::DictionaryTracker;

/// The schema as a flatbuffer of the IPC format, as the catalog stores it.
pub fn encode(schema: &Schema) -> Vec<u8> {
    let mut dictionaries = DictionaryTracker::new(false);
    let mut encoder = IpcSchemaEncoder::new().with_dictionary_tracker(&mut dictionaries);
    encoder.schema_to_fb(schema).finished_data().to_vec()
}

/// A schema that [`encode`] wrote.
///
/// # Errors
/// The bytes are no such flatbuffer.
pub fn decode(bytes: &[u8]) -> Result<SchemaRef, ArrowError> {
    let read = root_as_schema(bytes).map_err(|error| ArrowError::ParseError(error.to_string()))?;
    Ok(Arc::new(fb_to_schema(read)))
}

/// The one schema in which a result or a table is shown to clients, everywhere alike.
///
/// Types that shipping drivers cannot take become ones that all can: views, large and
/// dictionary-encoded text become plain text, unsigned integers the next wider signed type,
/// half floats floats. Every field is nullable, because logical and physical plans disagree about
/// nullability and drivers refuse a stream whose schema differs from the announced one.
pub fn canonical(schema: &Schema) -> SchemaRef {
    Arc::new(Schema::new(schema.fields().iter().map(canonical_field).collect::<Vec<_>>()))
}

fn canonical_field(field: &FieldRef) -> FieldRef {
    Arc::new(Field::new(field.name(), canonical_type(field.data_type()), true))
}

fn canonical_type(data_type: &DataType) -> DataType {
    match data_type {
        DataType::Utf8View | DataType::LargeUtf8 => DataType::Utf8,
        DataType::BinaryView | DataType::LargeBinary => DataType::Binary,
        DataType::UInt8 => DataType::Int16,
        DataType::UInt16 => DataType::Int32,
        DataType::UInt32 => DataType::Int64,
        DataType::UInt64 => DataType::Decimal128(20, 0),
        DataType::Float16 => DataType::Float32,
        DataType::Decimal32(precision, scale) | DataType::Decimal64(precision, scale) => {
            DataType::Decimal128(*precision, *scale)
        }
        DataType::Dictionary(_, value) => canonical_type(value),
        DataType::RunEndEncoded(_, value) => canonical_type(value.data_type()),
        // Large lists too: the Flight encoder sends them as plain ones, whatever the schema says.
        DataType::List(item)
        | DataType::ListView(item)
        | DataType::LargeList(item)
        | DataType::LargeListView(item) => DataType::List(canonical_field(item)),
        DataType::FixedSizeList(item, length) => {
            DataType::FixedSizeList(canonical_field(item), *length)
        }
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(canonical_field).collect()),
        DataType::Map(entries, sorted) => DataType::Map(canonical_entries(entries), *sorted),
        other => other.clone(),
    }
}

/// Entries and keys of a map stay non-nullable: the format demands it.
fn canonical_entries(entries: &FieldRef) -> FieldRef {
    let DataType::Struct(fields) = entries.data_type() else { return Arc::clone(entries) };
    let fields = fields.iter().enumerate().map(|(position, field)| {
        let canonical = canonical_field(field);
        if position == 0 {
            Arc::new(Field::clone(&canonical).with_nullable(false))
        } else {
            canonical
        }
    });
    Arc::new(Field::new(entries.name(), DataType::Struct(fields.collect()), false))
}

/// The batch under `schema`, columns by position, cast where the type differs.
///
/// # Errors
/// A column count that differs, or a value that the target type cannot hold.
pub fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    if batch.schema_ref() == schema {
        return Ok(batch.clone());
    }
    if batch.num_columns() != schema.fields().len() {
        let counts = (batch.num_columns(), schema.fields().len());
        return Err(ArrowError::SchemaError(format!(
            "a batch of {} columns for a schema of {}",
            counts.0, counts.1
        )));
    }
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| conform_column(column, field));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(
        Arc::clone(schema),
        columns.collect::<Result<_, _>>()?,
        &options,
    )
}

fn conform_column(column: &ArrayRef, field: &Field) -> Result<ArrayRef, ArrowError> {
    if column.data_type() == field.data_type() {
        return Ok(Arc::clone(column));
    }
    cast_with_options(
        column,
        field.data_type(),
        &CastOptions { safe: false, ..CastOptions::default() },
    )
}

#[cfg(test)]
mod tests {
    use arrow::array::{StringViewArray, UInt64Array};

    use super::*;

    #[test]
    fn a_schema_survives_the_catalog() {
        let schema = Schema::new(vec![
            Field::new("a", DataType::Decimal128(12, 2), false),
            Field::new_list("b", Field::new_list_field(DataType::Utf8, true), true),
        ]);
        assert_eq!(*decode(&encode(&schema)).unwrap(), schema);
    }

    #[test]
    fn bytes_that_are_no_schema_are_refused() {
        assert!(decode(b"not a schema").is_err());
        assert!(decode(b"").is_err());
    }

    #[test]
    fn a_batch_takes_the_types_that_clients_take() {
        let schema = Schema::new(vec![
            Field::new("s", DataType::Utf8View, false),
            Field::new("n", DataType::UInt64, false),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringViewArray::from(vec!["a long enough text for a view"])),
            Arc::new(UInt64Array::from(vec![u64::MAX])),
        ];
        let batch = RecordBatch::try_new(Arc::new(schema.clone()), columns).unwrap();
        let conformed = conform(&batch, &canonical(&schema)).unwrap();
        assert_eq!(conformed.schema_ref().field(0).data_type(), &DataType::Utf8);
        assert_eq!(conformed.schema_ref().field(1).data_type(), &DataType::Decimal128(20, 0));
        assert!(conformed.schema_ref().fields().iter().all(|field| field.is_nullable()));
    }
}
