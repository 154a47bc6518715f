//! Readers of Parquet files that tell what keeps a file from being read.
//!
//! The engine's own reader keeps no more than the text of a store's error where a footer cannot be
//! read. Here a file that is gone, and a store that does not serve it, come up as what they are.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::Result;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::parquet::ParquetFileReaderFactory;
use datafusion::parquet::arrow::arrow_reader::ArrowReaderOptions;
use datafusion::parquet::arrow::async_reader::AsyncFileReader;
use datafusion::parquet::errors::{ParquetError, Result as ParquetResult};
use datafusion::parquet::file::metadata::ParquetMetaData;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::FutureExt;
use futures::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use crate::Error;

/// Readers of `inner`, whose files lie in a store.
#[derive(Debug)]
pub(crate) struct TellingReaders {
    inner: Arc<dyn ParquetFileReaderFactory>,
    store: Arc<dyn ObjectStore>,
    /// Such as `s3://bucket/`.
    url: ObjectStoreUrl,
}

impl TellingReaders {
    pub(crate) fn new(
        inner: Arc<dyn ParquetFileReaderFactory>,
        store: Arc<dyn ObjectStore>,
        url: ObjectStoreUrl,
    ) -> Self {
        Self { inner, store, url }
    }
}

impl ParquetFileReaderFactory for TellingReaders {
    fn create_reader(
        &self,
        partition_index: usize,
        file: PartitionedFile,
        metadata_size_hint: Option<usize>,
        metrics: &ExecutionPlanMetricsSet,
    ) -> Result<Box<dyn AsyncFileReader + Send>> {
        let path = file.object_meta.location.clone();
        let inner = self.inner.create_reader(partition_index, file, metadata_size_hint, metrics)?;
        let file = StoredFile { store: Arc::clone(&self.store), url: self.url.clone(), path };
        Ok(Box::new(TellingReader { inner, file }))
    }
}

struct TellingReader {
    inner: Box<dyn AsyncFileReader + Send>,
    file: StoredFile,
}

impl AsyncFileReader for TellingReader {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, ParquetResult<Bytes>> {
        let bytes = self.inner.get_bytes(range);
        let file = &self.file;
        async move { bytes.await.map_err(|error| file.told(error)) }.boxed()
    }

    fn get_byte_ranges(
        &mut self,
        ranges: Vec<Range<u64>>,
    ) -> BoxFuture<'_, ParquetResult<Vec<Bytes>>> {
        let bytes = self.inner.get_byte_ranges(ranges);
        let file = &self.file;
        async move { bytes.await.map_err(|error| file.told(error)) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        options: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, ParquetResult<Arc<ParquetMetaData>>> {
        let metadata = self.inner.get_metadata(options);
        let file = &self.file;
        async move {
            match metadata.await {
                Ok(metadata) => Ok(metadata),
                Err(error) => Err(file.looked_after(error).await),
            }
        }
        .boxed()
    }
}

struct StoredFile {
    store: Arc<dyn ObjectStore>,
    url: ObjectStoreUrl,
    path: Path,
}

impl StoredFile {
    /// The error of a footer, of which only the text is left: the store is asked whether it is to
    /// blame.
    async fn looked_after(&self, error: ParquetError) -> ParquetError {
        match self.store.head(&self.path).await {
            Ok(_) => error,
            Err(cause) => self.of_store(cause),
        }
    }

    fn told(&self, error: ParquetError) -> ParquetError {
        match error {
            ParquetError::External(cause) => match cause.downcast::<object_store::Error>() {
                Ok(cause) => self.of_store(*cause),
                Err(other) => ParquetError::External(other),
            },
            other => other,
        }
    }

    fn of_store(&self, source: object_store::Error) -> ParquetError {
        let file = format!("{}{}", self.url.as_str(), self.path);
        ParquetError::External(Box::new(match source {
            object_store::Error::NotFound { .. } => Error::DataFileGone { file, source },
            source => Error::Store { url: file, source },
        }))
    }
}

#[cfg(test)]
mod tests {
    use datafusion::datasource::physical_plan::parquet::DefaultParquetFileReaderFactory;
    use lakegate_common::{Coded, ErrorCode};
    use object_store::memory::InMemory;

    use super::*;
    use crate::error::code_of_parquet;

    fn reader(store: &Arc<dyn ObjectStore>) -> Box<dyn AsyncFileReader + Send> {
        let inner = Arc::new(DefaultParquetFileReaderFactory::new(Arc::clone(store)));
        let url = ObjectStoreUrl::parse("s3://bucket/").unwrap();
        let readers = TellingReaders::new(inner, Arc::clone(store), url);
        let mut file = PartitionedFile::new("t/x.parquet", 100);
        file.object_meta.location = Path::parse("t/p=a%2Fb/x.parquet").unwrap();
        readers.create_reader(0, file, None, &ExecutionPlanMetricsSet::new()).unwrap()
    }

    #[tokio::test]
    async fn a_file_that_is_gone_is_told_by_its_name() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let mut reader = reader(&store);
        for error in [
            reader.get_metadata(None).await.unwrap_err(),
            reader.get_bytes(0..4).await.unwrap_err(),
            reader.get_byte_ranges(vec![0..4, 4..8]).await.unwrap_err(),
        ] {
            assert_eq!(code_of_parquet(&error), ErrorCode::FileGone);
            let ParquetError::External(inner) = &error else { panic!("{error}") };
            let told = inner.downcast_ref::<Error>().unwrap();
            assert_eq!(told.code(), ErrorCode::FileGone);
            let text = "the data file \"s3://bucket/t/p=a%2Fb/x.parquet\" is gone";
            assert_eq!(told.to_string(), text);
        }
    }

    #[tokio::test]
    async fn a_file_that_is_there_and_no_parquet_file_keeps_its_error() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let path = Path::parse("t/p=a%2Fb/x.parquet").unwrap();
        store.put(&path, vec![b'x'; 100].into()).await.unwrap();
        let error = reader(&store).get_metadata(None).await.unwrap_err();
        assert_eq!(code_of_parquet(&error), ErrorCode::InvalidFile, "{error}");
    }
}
