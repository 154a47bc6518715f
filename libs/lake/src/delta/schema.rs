//! Columns of a table: as clients see them, and as its files name them.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use delta_kernel::Snapshot;
use delta_kernel::engine::arrow_conversion::TryIntoArrow;
use delta_kernel::schema::{DataType as LogType, StructType};
use delta_kernel::table_features::ColumnMappingMode;

use super::{COLUMN_COMMENT, TableRoot};
use crate::{Error, StringLayout};

/// Where a column's number stands that files repeat in column mapping by id.
const COLUMN_ID: &str = "delta.columnMapping.id";
/// Where a column's name in files stands.
const PHYSICAL_NAME: &str = "delta.columnMapping.physicalName";
/// Where the types stand that a column had before.
const TYPE_CHANGES: &str = "delta.typeChanges";
/// One of them, as the log calls it.
const SINGLE_PRECISION: &str = "\"float\"";
/// Where a Parquet file's field has the number.
const FILE_FIELD_ID: &str = "PARQUET:field_id";

/// How a table's columns are found in its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ColumnMapping {
    /// By their own names.
    None,
    /// By a name that never changes.
    Name,
    /// By a number that never changes.
    Id,
}

/// The columns of one version of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeltaSchema {
    columns: SchemaRef,
    logged: SchemaRef,
    partitions: Vec<usize>,
    mapping: ColumnMapping,
}

impl DeltaSchema {
    /// Takes the columns from the log.
    ///
    /// # Errors
    /// [`Error::UnsupportedFeature`] for a type that is not read here, [`Error::CorruptLog`] for a
    /// schema that contradicts itself.
    pub(super) fn of(root: &TableRoot, snapshot: &Snapshot) -> Result<Self, Error> {
        let configuration = snapshot.table_configuration();
        let schema = snapshot.schema();
        if let Some(feature) = unread_type(&schema) {
            return Err(Error::UnsupportedFeature {
                location: root.to_string(),
                feature: feature.to_string(),
            });
        }
        let corrupt =
            |reason: String| Error::CorruptLog { location: root.to_string(), reason, source: None };
        let logged: Schema =
            schema.as_ref().try_into_arrow().map_err(|error| corrupt(error.to_string()))?;
        let partitions = configuration
            .logical_partition_columns()
            .iter()
            .map(|name| {
                let missing = || corrupt(format!("partition column {name:?} is no column"));
                logged.index_of(name).map_err(|_| missing())
            })
            .collect::<Result<_, _>>()?;
        let mapping = match configuration.column_mapping_mode() {
            ColumnMappingMode::None => ColumnMapping::None,
            ColumnMappingMode::Name => ColumnMapping::Name,
            ColumnMappingMode::Id => ColumnMapping::Id,
        };
        let columns = Schema::new(logged.fields().iter().map(shown).collect::<Vec<_>>());
        Ok(Self { columns: Arc::new(columns), logged: Arc::new(logged), partitions, mapping })
    }

    /// All columns in the table's order, as clients see them. Every column is nullable: files
    /// that are older than a column lack it.
    pub fn columns(&self) -> &SchemaRef {
        &self.columns
    }

    /// Positions among the columns of those that partition the table, in the order of
    /// partitioning.
    pub fn partitions(&self) -> &[usize] {
        &self.partitions
    }

    /// The columns as rows that are to be written must be: under their own names, NULL where the
    /// table takes it, at any depth.
    pub fn taken_columns(&self) -> SchemaRef {
        let fields = self.logged.fields().iter().map(|field| bare(field, Nulls::AsLogged));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The same as files are to have them: under the names and numbers that files know them by.
    ///
    /// # Errors
    /// [`Error::UnsupportedFeature`] for nested columns of a table with column mapping.
    pub fn written_columns(&self, root: &TableRoot) -> Result<SchemaRef, Error> {
        if self.mapping == ColumnMapping::None {
            return Ok(self.taken_columns());
        }
        let taken = self.taken_columns();
        let fields = taken.fields().iter().zip(self.logged.fields()).map(|(taken, logged)| {
            if taken.data_type().is_nested() {
                return Err(Error::UnsupportedFeature {
                    location: root.to_string(),
                    feature: "writing nested columns with column mapping".to_string(),
                });
            }
            let number = logged.metadata().get(COLUMN_ID).cloned();
            let metadata = number.map(|number| (FILE_FIELD_ID.to_string(), number));
            let field = Field::clone(taken).with_name(physical_name(logged));
            Ok(Arc::new(field.with_metadata(metadata.into_iter().collect())))
        });
        Ok(Arc::new(Schema::new(fields.collect::<Result<Vec<_>, _>>()?)))
    }

    /// What is written about a column.
    pub fn comment(&self, column: usize) -> Option<&str> {
        let field = self.logged.fields().get(column)?;
        field.metadata().get(COLUMN_COMMENT).map(String::as_str)
    }

    /// How columns are found in files.
    pub fn mapping(&self) -> ColumnMapping {
        self.mapping
    }

    /// Positions among the columns of those that files hold.
    pub(super) fn in_files(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.columns.fields().len()).filter(|column| !self.partitions.contains(column))
    }

    /// The columns that files hold, with the names and numbers that files know them by.
    pub(super) fn logged_file_columns(&self) -> SchemaRef {
        let fields = self.in_files().map(|column| Arc::clone(&self.logged.fields()[column]));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// The name under which the log has statistics and partition values of a column.
    pub(super) fn logged_name(&self, column: usize) -> &str {
        let field = &self.logged.fields()[column];
        match self.mapping {
            ColumnMapping::None => field.name(),
            ColumnMapping::Name | ColumnMapping::Id => physical_name(field),
        }
    }

    /// Whether a column may have been of single precision in files that are older.
    pub(super) fn was_single_precision(&self, column: usize) -> bool {
        let changes = self.logged.fields()[column].metadata().get(TYPE_CHANGES);
        changes.is_some_and(|changes| changes.contains(SINGLE_PRECISION))
    }

    /// Whether DataFusion's own Parquet scan finds every column in every file.
    pub(super) fn is_plain(&self) -> bool {
        let has_map = self.columns.fields().iter().any(|field| holds_map(field.data_type()));
        self.mapping == ColumnMapping::None && !has_map
    }
}

/// The columns as they lie in memory under `strings`: top-level text and bytes only.
pub(super) fn laid_out(field: &FieldRef, strings: StringLayout) -> FieldRef {
    if strings == StringLayout::Plain {
        return Arc::clone(field);
    }
    match field.data_type() {
        DataType::Utf8 => Arc::new(Field::clone(field).with_data_type(DataType::Utf8View)),
        DataType::Binary => Arc::new(Field::clone(field).with_data_type(DataType::BinaryView)),
        _ => Arc::clone(field),
    }
}

/// The name that files have for a field of a table with column mapping.
pub(super) fn physical_name(field: &Field) -> &str {
    field.metadata().get(PHYSICAL_NAME).unwrap_or(field.name())
}

/// Position in a file's fields of the column that the log describes as `logged`.
pub(super) fn position_in_file<'a>(
    file: impl Iterator<Item = &'a FieldRef> + Clone,
    logged: &Field,
    mapping: ColumnMapping,
) -> Option<usize> {
    let by_name = |name: &str| file.clone().position(|field| field.name() == name);
    match mapping {
        ColumnMapping::None => by_name(logged.name()),
        ColumnMapping::Name => by_name(physical_name(logged)),
        ColumnMapping::Id => {
            let numbered = file.clone().any(|field| field.metadata().contains_key(FILE_FIELD_ID));
            match (numbered, logged.metadata().get(COLUMN_ID)) {
                (true, Some(id)) => {
                    file.clone().position(|field| field.metadata().get(FILE_FIELD_ID) == Some(id))
                }
                _ => by_name(physical_name(logged)),
            }
        }
    }
}

/// The feature that a type of this schema belongs to, if it is not read here.
pub(super) fn unread_type(schema: &StructType) -> Option<&'static str> {
    fn of(data_type: &LogType) -> Option<&'static str> {
        match data_type {
            LogType::Primitive(_) => None,
            LogType::Variant(_) => Some("variantType"),
            LogType::Array(array) => of(array.element_type()),
            LogType::Map(map) => of(map.key_type()).or_else(|| of(map.value_type())),
            LogType::Struct(fields) => unread_type(fields),
        }
    }
    schema.fields().find_map(|field| of(field.data_type()))
}

/// The field as clients see it: its own name and type, nullable all through, nothing besides.
pub(super) fn shown(field: &FieldRef) -> FieldRef {
    bare(field, Nulls::Everywhere)
}

/// The type with NULL wherever Arrow allows it.
pub(crate) fn nullable_throughout(data_type: &DataType) -> DataType {
    bare_type(data_type, Nulls::Everywhere)
}

/// Where a type takes NULL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Nulls {
    Everywhere,
    AsLogged,
}

/// The field with its own name and type and nothing besides.
fn bare(field: &FieldRef, nulls: Nulls) -> FieldRef {
    let is_nullable = nulls == Nulls::Everywhere || field.is_nullable();
    Arc::new(Field::new(field.name(), bare_type(field.data_type(), nulls), is_nullable))
}

fn bare_type(data_type: &DataType, nulls: Nulls) -> DataType {
    match data_type {
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| bare(field, nulls)).collect())
        }
        DataType::List(item) => DataType::List(bare(item, nulls)),
        DataType::Map(entries, sorted) => match entries.data_type() {
            DataType::Struct(fields) => {
                let fields = fields.iter().enumerate().map(|(position, field)| {
                    let field = bare(field, nulls);
                    // Keys stay non-nullable: Arrow demands it.
                    match position {
                        0 => Arc::new(Field::clone(&field).with_nullable(false)),
                        _ => field,
                    }
                });
                let entries = Field::new(entries.name(), DataType::Struct(fields.collect()), false);
                DataType::Map(Arc::new(entries), *sorted)
            }
            _ => data_type.clone(),
        },
        other => other.clone(),
    }
}

fn holds_map(data_type: &DataType) -> bool {
    match data_type {
        DataType::Map(..) => true,
        DataType::List(item) => holds_map(item.data_type()),
        DataType::Struct(fields) => fields.iter().any(|field| holds_map(field.data_type())),
        _ => false,
    }
}
