//! Text read from Parquet as offsets and bytes, also from files that were written as views.
//!
//! A Parquet file may carry the Arrow schema of its writer. The reader follows it: where it says
//! views, views are made, and a cast makes plain text of them afterwards, which costs more than the
//! reading. Here the reader is told of plain text instead.

use std::ops::Range;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::ParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::arrow::{
    ARROW_SCHEMA_META_KEY, encode_arrow_schema, parquet_to_arrow_schema,
};
use datafusion::parquet::errors::Result as ParquetResult;
use datafusion::parquet::file::metadata::{
    FileMetaData, KeyValue, ParquetMetaData, ParquetMetaDataBuilder,
};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;

use crate::StringLayout;
use crate::parquet_files::FileReaders;
use crate::telling_readers::TellingReaders;

/// A plan that came over the network, with Parquet scans that read as those made here, and make
/// plain text and bytes in top-level columns: who sent it has nothing to read with.
///
/// # Errors
/// As [`with_readers`].
pub fn read_plain_from(
    runtime: &RuntimeEnv,
    plan: Arc<dyn ExecutionPlan>,
) -> Result<Arc<dyn ExecutionPlan>> {
    with_readers(runtime, plan, StringLayout::Plain)
}

/// `plan` with Parquet scans that read by [`FileReaders`], text and bytes in top-level columns in
/// this layout.
///
/// # Errors
/// `runtime` has no store for a scan, or a node refuses its changed child.
pub(crate) fn with_readers(
    runtime: &RuntimeEnv,
    plan: Arc<dyn ExecutionPlan>,
    strings: StringLayout,
) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_down(|node| {
        let scan = node
            .downcast_ref::<DataSourceExec>()
            .and_then(DataSourceExec::downcast_to_file_source::<ParquetSource>);
        let Some((scan, source)) = scan else { return Ok(Transformed::no(node)) };
        let url = &scan.object_store_url;
        let inner = Arc::new(FileReaders::new(runtime, url)?);
        let store = runtime.object_store(url)?;
        let inner = Arc::new(TellingReaders::new(inner, store, url.clone()));
        let readers: Arc<dyn ParquetFileReaderFactory> = match strings {
            StringLayout::Plain => Arc::new(PlainTextReaders { inner }),
            StringLayout::View => inner,
        };
        let source = source.clone().with_parquet_file_reader_factory(readers);
        let scan: FileScanConfig =
            FileScanConfigBuilder::from(scan.clone()).with_source(Arc::new(source)).build();
        Ok(Transformed::yes(DataSourceExec::from_data_source(scan)))
    })
    .data()
}

#[derive(Debug)]
struct PlainTextReaders {
    inner: Arc<TellingReaders>,
}

impl ParquetFileReaderFactory for PlainTextReaders {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let inner = self.inner.create_reader(partition_index, file, metadata_size_hint, metrics)?;
        Ok(Box::new(PlainTextReader { inner }))
    }
}

struct PlainTextReader {
    inner: Box<dyn AsyncFileReader + Send>,
}

impl AsyncFileReader for PlainTextReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<bytes::Bytes>> {
        self.inner.get_bytes(range)
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<bytes::Bytes>>> {
        self.inner.get_byte_ranges(ranges)
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let metadata = self.inner.get_metadata(options);
        async move { without_views(metadata.await?) }.boxed()
    }
}

/// The footer, with the writer's Arrow schema changed where it says views.
fn without_views(metadata: Arc<ParquetMetaData>) -> ParquetResult<Arc<ParquetMetaData>> {
    let file = metadata.file_metadata();
    let Some(notes) = file.key_value_metadata() else { return Ok(metadata) };
    if !notes.iter().any(|note| note.key == ARROW_SCHEMA_META_KEY) {
        return Ok(metadata);
    }
    let written = parquet_to_arrow_schema(file.schema_descr(), Some(notes))?;
    if !written.fields().iter().any(|field| plain_type(field).is_some()) {
        return Ok(metadata);
    }
    let plain = Schema::new(written.fields().iter().map(plain_field).collect::<Vec<_>>());
    let notes = notes.iter().map(|note| match note.key.as_str() {
        ARROW_SCHEMA_META_KEY => KeyValue::new(note.key.clone(), encode_arrow_schema(&plain)),
        _ => note.clone(),
    });
    let file = FileMetaData::new(
        file.version(),
        file.num_rows(),
        file.created_by().map(ToString::to_string),
        Some(notes.collect()),
        file.schema_descr_ptr(),
        file.column_orders().cloned(),
    );
    let changed = ParquetMetaDataBuilder::new(file)
        .set_row_groups(metadata.row_groups().to_vec())
        .set_column_index(metadata.column_index().cloned())
        .set_offset_index(metadata.offset_index().cloned());
    Ok(Arc::new(changed.build()))
}

/// The field with plain text or bytes in place of views.
pub(crate) fn plain_field(field: &FieldRef) -> FieldRef {
    match plain_type(field) {
        Some(data_type) => Arc::new(Field::clone(field).with_data_type(data_type)),
        None => Arc::clone(field),
    }
}

fn plain_type(field: &Field) -> Option<DataType> {
    match field.data_type() {
        DataType::Utf8View => Some(DataType::Utf8),
        DataType::BinaryView => Some(DataType::Binary),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{Array, AsArray, BinaryViewArray, RecordBatch, StringViewArray};
    use datafusion::parquet::arrow::ArrowWriter;
    use datafusion::physical_plan::collect;
    use datafusion::prelude::{SessionConfig, SessionContext};

    use super::*;
    use crate::delta::{DeltaTables, TakenVersions};
    use crate::{Declaration, ExternalTable, Format, Location, table_provider};

    fn write_views(path: &std::path::Path) {
        let text: StringViewArray =
            [Some("short"), None, Some("a text too long to lie in its view")].into_iter().collect();
        let bytes: BinaryViewArray =
            [Some(&b"x"[..]), Some(&b"bytes too long to lie in its view"[..]), None]
                .into_iter()
                .collect();
        let schema = Arc::new(Schema::new(vec![
            Field::new("text", DataType::Utf8View, true),
            Field::new("bytes", DataType::BinaryView, true),
        ]));
        let batch =
            RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(text), Arc::new(bytes)])
                .unwrap();
        let file = std::fs::File::create(path).unwrap();
        let mut writer = ArrowWriter::try_new(file, schema, None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    #[tokio::test]
    async fn text_written_as_views_is_read_as_plain_text_without_a_cast() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("views.parquet");
        write_views(&path);
        let session =
            SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1));
        let declaration = Declaration {
            format: Format::Parquet,
            location: Location::resolve(path.to_str().unwrap()).unwrap(),
            columns: Schema::empty(),
            partition_columns: Vec::new(),
            options: Default::default(),
        };
        let state = session.state();
        let known = Arc::new(DeltaTables::new(0));
        let table = ExternalTable::discover(&state, &known, declaration).await.unwrap();
        let versions = TakenVersions::new(known);
        let table = table_provider(&state, &versions, &table, StringLayout::Plain).await.unwrap();
        let scan = table.scan(&state, None, &[], None).await.unwrap();
        let sent = read_plain_from(&session.runtime_env(), Arc::clone(&scan)).unwrap();
        for scan in [scan, sent] {
            assert!(readers(&scan).starts_with("PlainTextReaders"), "{}", readers(&scan));
            let rows = collect(scan, session.task_ctx()).await.unwrap();
            let text = rows[0].column(0).as_string::<i32>();
            assert_eq!(
                text.iter().collect::<Vec<_>>(),
                [Some("short"), None, Some("a text too long to lie in its view")]
            );
            assert_eq!(rows[0].column(1).as_binary::<i32>().value(1).len(), 33);
            assert!(rows[0].column(1).is_null(2));
        }
    }

    fn readers(scan: &Arc<dyn ExecutionPlan>) -> String {
        let scan = scan.downcast_ref::<DataSourceExec>().unwrap();
        let (_, source) = scan.downcast_to_file_source::<ParquetSource>().unwrap();
        format!("{:?}", source.parquet_file_reader_factory().unwrap())
    }

    #[tokio::test]
    async fn the_footer_of_a_file_without_views_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plain.parquet");
        let schema = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
        let file = std::fs::File::create(&path).unwrap();
        ArrowWriter::try_new(file, schema, None).unwrap().close().unwrap();
        let file = std::fs::File::open(&path).unwrap();
        let reader =
            datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(
                file,
            )
            .unwrap();
        let footer = Arc::clone(reader.metadata());
        assert!(Arc::ptr_eq(&footer, &without_views(Arc::clone(&footer)).unwrap()));
    }
}
