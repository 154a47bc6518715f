//! From chosen files to a physical plan that reads them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::config::TableParquetOptions;
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use object_store::ObjectMeta;

use super::files::{ScanColumn, Segment, Selection, file_statistics};
use super::schema::laid_out;
use super::{DeletionVector, DeletionVectors, DeltaScanExec, FileColumns, TableState};
use crate::StringLayout;
use crate::parquet_files::FileReaders;
use crate::telling_readers::TellingReaders;

/// Statistics of single files that a plan carries at most, counted in columns. They order and skip
/// files while a query runs; where there are more files, the plan would be all statistics.
const FILE_STATISTICS_MAX: usize = 20_000;
/// The unit in which times of the old 96-bit kind are read: Delta's own. Nanoseconds would not
/// reach far enough.
const INT96_UNIT: &str = "us";

/// A scan that is being planned.
pub(super) struct ScanPlan<'a> {
    state: &'a TableState,
    file_columns: SchemaRef,
    partition_columns: Vec<FieldRef>,
    columns: Vec<ScanColumn>,
}

impl<'a> ScanPlan<'a> {
    pub(super) fn new(state: &'a TableState, strings: StringLayout) -> Self {
        let fields = state.schema.columns().fields();
        let in_files: Vec<usize> = state.schema.in_files().collect();
        let file_fields: Vec<_> =
            in_files.iter().map(|column| laid_out(&fields[*column], strings)).collect();
        let partitions = state.schema.partitions();
        let partition_columns: Vec<_> =
            partitions.iter().map(|column| Arc::clone(&fields[*column])).collect();
        let columns = in_files
            .iter()
            .chain(partitions)
            .zip(file_fields.iter().chain(&partition_columns))
            .map(|(column, field)| ScanColumn {
                column: *column,
                data_type: field.data_type().clone(),
            })
            .collect();
        Self { state, file_columns: Arc::new(Schema::new(file_fields)), partition_columns, columns }
    }

    /// Positions in the scan, where partition columns come last, of columns of the table.
    fn positions(&self, projection: Option<&Vec<usize>>) -> Vec<usize> {
        let position = |column: usize| self.columns.iter().position(|at| at.column == column);
        match projection {
            Some(columns) => columns.iter().filter_map(|column| position(*column)).collect(),
            None => (0..self.columns.len()).filter_map(position).collect(),
        }
    }

    /// The plan that reads the files of `selection`.
    pub(super) fn physical(
        &self,
        session: &dyn Session,
        selection: &Selection,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let table_schema = TableSchema::builder(Arc::clone(&self.file_columns))
            .with_table_partition_cols(self.partition_columns.clone())
            .build();
        let positions = self.positions(projection);
        if selection.len() == 0 {
            let schema = table_schema.table_schema().project(&positions)?;
            return Ok(Arc::new(EmptyExec::new(Arc::new(schema))));
        }
        let (files, vectors) = self.files(selection)?;
        let partitions = session.config_options().execution.target_partitions;
        let statistics =
            self.state.files.statistics(&self.state.schema, selection, &self.columns)?;
        let store = self.state.root.object_store_url().map_err(external)?;
        let source = parquet_source(session, table_schema, &store)?;
        let config = FileScanConfigBuilder::new(store, Arc::new(source))
            .with_file_groups(balanced(files, partitions))
            .with_statistics(statistics)
            .with_limit(limit)
            .with_projection_indices(Some(positions))?
            .build();
        let scan = DataSourceExec::from_data_source(config);
        if vectors.is_empty() && self.state.schema.is_plain() {
            return Ok(scan);
        }
        let columns = FileColumns {
            columns: self.state.schema.logged_file_columns(),
            mapping: self.state.schema.mapping(),
        };
        let root = self.state.root.clone();
        Ok(Arc::new(DeltaScanExec::new(scan, root, Arc::new(columns), Arc::new(vectors))))
    }

    fn files(&self, selection: &Selection) -> Result<(Vec<PartitionedFile>, DeletionVectors)> {
        let mut files = Vec::with_capacity(selection.len());
        let mut vectors = DeletionVectors::new();
        let with_statistics = selection.len() * self.columns.len() <= FILE_STATISTICS_MAX;
        for ((segment, _), mask) in self.state.files.segments().zip(&selection.masks) {
            for row in mask.set_indices() {
                let mut file = self.file(segment, row)?;
                if with_statistics {
                    let schema = &self.state.schema;
                    let statistics = file_statistics(schema, segment, row, &self.columns)?;
                    file.statistics = Some(Arc::new(statistics));
                }
                if let Some(vector) = segment.vector(row).map_err(external)? {
                    let records = segment.records();
                    let rows = records.iter().nth(row).flatten();
                    let rows = rows.and_then(|rows| u64::try_from(rows).ok());
                    vectors.insert(file.path().to_string(), DeletionVector::of(&vector, rows));
                }
                files.push(file);
            }
        }
        Ok((files, vectors))
    }

    fn file(&self, segment: &Segment, row: usize) -> Result<PartitionedFile> {
        let location = self.state.root.file(segment.paths().value(row)).map_err(external)?;
        let modified = u64::try_from(segment.modified().value(row)).unwrap_or_default();
        let modified = SystemTime::UNIX_EPOCH + Duration::from_millis(modified);
        let size = u64::try_from(segment.sizes().value(row)).unwrap_or_default();
        let file = PartitionedFile::new_from_meta(ObjectMeta {
            location,
            last_modified: modified.into(),
            size,
            e_tag: None,
            version: None,
        });
        let values = (0..self.partition_columns.len())
            .map(|place| ScalarValue::try_from_array(segment.partition(place), row))
            .collect::<Result<_>>()?;
        Ok(file.with_partition_values(values))
    }
}

fn parquet_source(
    session: &dyn Session,
    table_schema: TableSchema,
    store: &datafusion::datasource::object_store::ObjectStoreUrl,
) -> Result<ParquetSource> {
    let runtime = session.runtime_env();
    let mut options = TableParquetOptions {
        global: session.config_options().execution.parquet.clone(),
        ..TableParquetOptions::default()
    };
    options.global.coerce_int96 = Some(INT96_UNIT.to_string());
    let hint = options.global.metadata_size_hint;
    let objects = runtime.object_store(store)?;
    let reader = Arc::new(FileReaders::new(runtime, store)?);
    let reader = TellingReaders::new(reader, objects, store.clone());
    let source = ParquetSource::new(table_schema)
        .with_table_parquet_options(options)
        .with_parquet_file_reader_factory(Arc::new(reader));
    Ok(match hint {
        Some(hint) => source.with_metadata_size_hint(hint),
        None => source,
    })
}

/// Files in as many groups as there are partitions, of about equal size, always the same.
fn balanced(mut files: Vec<PartitionedFile>, partitions: usize) -> Vec<FileGroup> {
    let count = partitions.clamp(1, files.len().max(1));
    files.sort_by(|a, b| {
        let by_size = b.object_meta.size.cmp(&a.object_meta.size);
        by_size.then_with(|| a.path().cmp(b.path()))
    });
    let mut groups = vec![Vec::new(); count];
    let mut lightest: BinaryHeap<_> = (0..count).map(|group| Reverse((0_u64, group))).collect();
    for file in files {
        if let Some(Reverse((bytes, group))) = lightest.pop() {
            lightest.push(Reverse((bytes.saturating_add(file.object_meta.size), group)));
            groups[group].push(file);
        }
    }
    groups.into_iter().map(FileGroup::new).collect()
}

fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_about_equal_size() {
        let sizes = [100, 1, 1, 50, 48, 2];
        let files = sizes.iter().enumerate();
        let files = files.map(|(n, size)| PartitionedFile::new(format!("f{n}"), *size)).collect();
        let groups = balanced(files, 2);
        let bytes: Vec<u64> = groups
            .iter()
            .map(|group| group.iter().map(|file| file.object_meta.size).sum())
            .collect();
        assert_eq!(bytes, [101, 101]);
    }
}
