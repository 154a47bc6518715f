//! How scans read Parquet files: footers from memory, and row groups before they are asked for.
//!
//! A footer is kept under the tag of its object. Which version of an object a query reads is settled
//! by its store, once a query ([`crate::store`]), so it is asked for its tag, and not what planned
//! the scan: that was earlier, and elsewhere where the scan has travelled.

mod ahead;
mod row_groups;

#[cfg(test)]
mod tests;

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::parquet::{
    ParquetFileMetrics, ParquetFileReaderFactory,
};
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

use ahead::{Ahead, bytes_ahead};

/// Makes the readers of the files of one scan.
#[derive(Debug)]
pub(crate) struct FileReaders {
    store: Arc<dyn ObjectStore>,
    footers: Arc<FileMetadataCache>,
    is_local: bool,
    bytes_ahead: u64,
}

impl FileReaders {
    /// Readers of the files of `url`, as `runtime` reaches and keeps them.
    ///
    /// # Errors
    /// `runtime` has no store for `url`.
    pub(crate) fn new(runtime: &RuntimeEnv, url: &ObjectStoreUrl) -> Result<Self> {
        Ok(Self {
            store: runtime.object_store(url)?,
            footers: runtime.cache_manager.get_file_metadata_cache(),
            is_local: url.as_str().starts_with("file:"),
            bytes_ahead: bytes_ahead(&runtime.memory_pool.memory_limit()),
        })
    }
}

impl ParquetFileReaderFactory for FileReaders {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let path = file.object_meta.location.as_ref();
        let metrics = ParquetFileMetrics::new(partition_index, path, metrics);
        // The system reads local files ahead by itself.
        let ahead = (!self.is_local).then(|| {
            let path = file.object_meta.location.clone();
            Ahead::new(Arc::clone(&self.store), path, &file.range, self.bytes_ahead)
        });
        Ok(Box::new(FileReader {
            store: Arc::clone(&self.store),
            footers: Arc::clone(&self.footers),
            is_local: self.is_local,
            file,
            metadata_size_hint,
            metrics,
            ahead,
        }))
    }
}

struct FileReader {
    store: Arc<dyn ObjectStore>,
    footers: Arc<FileMetadataCache>,
    is_local: bool,
    file: PartitionedFile,
    metadata_size_hint: Option<usize>,
    metrics: ParquetFileMetrics,
    ahead: Option<Ahead>,
}

impl FileReader {
    /// The file as this query reads it.
    async fn version(&self) -> Result<ObjectMeta> {
        match self.is_local {
            true => Ok(self.file.object_meta.clone()),
            false => Ok(self.store.head(&self.file.object_meta.location).await?),
        }
    }

    async fn footer(&self, options: Option<&ArrowReaderOptions>) -> Result<Arc<ParquetMetaData>> {
        let version = self.version().await?;
        let kept = self.footers.get(&version.location);
        if kept.is_some_and(|kept| !is_same_tag(&kept.meta, &version)) {
            self.footers.remove(&version.location);
        }
        // Without a tag nothing tells this version from the next.
        let can_be_kept = self.is_local || version.e_tag.is_some();
        DFParquetMetadata::new(self.store.as_ref(), &version)
            .with_file_metadata_cache(can_be_kept.then(|| Arc::clone(&self.footers)))
            .with_metadata_size_hint(self.metadata_size_hint)
            .with_page_index_policy(options.map(ArrowReaderOptions::column_index_policy))
            .fetch_metadata()
            .await
    }
}

/// Whether two looks at an object saw the same version, as far as tags tell. Stores do not agree
/// with themselves on the quotes of a tag.
fn is_same_tag(one: &ObjectMeta, other: &ObjectMeta) -> bool {
    let tag = |meta: &ObjectMeta| meta.e_tag.as_ref().map(|tag| tag.trim_matches('"').to_string());
    tag(one) == tag(other)
}

impl AsyncFileReader for FileReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        async move {
            let parts = self.get_byte_ranges(vec![range]).await?;
            Ok(parts.into_iter().next().unwrap_or_default())
        }
        .boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        let bytes: u64 = ranges.iter().map(|range| range.end - range.start).sum();
        self.metrics.bytes_scanned.add(usize::try_from(bytes).unwrap_or(usize::MAX));
        async move {
            let read = match &mut self.ahead {
                Some(ahead) => ahead.read(ranges).await,
                None => self.store.get_ranges(&self.file.object_meta.location, &ranges).await,
            };
            read.map_err(|error| ParquetError::External(Box::new(error)))
        }
        .boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        async move {
            let footer = self.footer(options).await.map_err(|error| {
                let path = &self.file.object_meta.location;
                ParquetError::General(format!("Failed to fetch metadata for file {path}: {error}"))
            })?;
            if let Some(ahead) = &mut self.ahead {
                ahead.follow(&footer);
            }
            Ok(footer)
        }
        .boxed()
    }
}

impl Drop for FileReader {
    fn drop(&mut self) {
        let ratio = &self.metrics.scan_efficiency_ratio;
        ratio.add_part(self.metrics.bytes_scanned.value());
        // Several readers of one file share the metric.
        ratio.set_total(usize::try_from(self.file.object_meta.size).unwrap_or(usize::MAX));
    }
}
