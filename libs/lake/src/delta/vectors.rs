//! Deletion vectors: which rows of a file are deleted.

use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::{DataFusionError, Result, exec_datafusion_err};
use datafusion::execution::runtime_env::RuntimeEnv;
use delta_kernel::actions::deletion_vector::{DeletionVectorDescriptor, DeletionVectorStorageType};
use delta_kernel::{
    FileMeta, FileSlice, KernelError, KernelResult, KernelResultIteratorStatic, StorageHandler,
};
use object_store::{ObjectStore, ObjectStoreExt};
use url::Url;

use super::TableRoot;
use super::failure::failure;
use super::rows_left::RowsLeft;

/// Bytes of one deletion vector at most: two thousand million rows, each one's bit set.
const VECTOR_BYTES_MAX: usize = 256 << 20;
/// Version, length, and checksum round a vector in its file.
const LENGTH_BYTES: u64 = 4;
const CHECKSUM_BYTES: u64 = 4;
/// Version of the format of vectors in files.
const FORMAT_VERSION: u8 = 1;
/// Where the vector begins in a file that holds one alone, after the format's version.
const FIRST_OFFSET: i32 = 1;

/// Where the deleted rows of one data file are written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionVector {
    /// How to read `location`: `u`, `i` or `p`, as the protocol has them.
    pub storage: String,
    /// The vector itself, or what names its file.
    pub location: String,
    /// Where in its file it begins.
    pub offset: Option<i32>,
    /// Its length in bytes.
    pub size: i32,
    /// How many rows it deletes.
    pub cardinality: i64,
    /// How many rows the data file has with the deleted ones, where the log says so.
    pub rows: Option<u64>,
}

/// Deletion vectors by the path of the data file in its store.
pub type DeletionVectors = HashMap<String, DeletionVector>;

impl DeletionVector {
    /// What the log says of a file with `rows` rows.
    pub(super) fn of(descriptor: &DeletionVectorDescriptor, rows: Option<u64>) -> Self {
        Self {
            storage: descriptor.storage_type.to_string(),
            location: descriptor.path_or_inline_dv.clone(),
            offset: descriptor.offset,
            size: descriptor.size_in_bytes,
            cardinality: descriptor.cardinality,
            rows,
        }
    }

    /// The rows of a file with `rows` rows that are not deleted.
    ///
    /// # Errors
    /// A vector that cannot be read, or that is not what the log says.
    pub(super) async fn rows_left(
        &self,
        root: &TableRoot,
        runtime: &Arc<RuntimeEnv>,
        rows: u64,
    ) -> Result<RowsLeft> {
        let damaged = |error| external(failure(root.url().as_str(), error));
        let descriptor = self.descriptor().map_err(damaged)?;
        let file = descriptor.absolute_path(root.url()).map_err(damaged)?;
        let written = match file {
            Some(file) => self.fetch(root, runtime, &file).await?,
            None => Bytes::new(),
        };
        let alone = match descriptor.storage_type {
            DeletionVectorStorageType::Inline => descriptor,
            _ => DeletionVectorDescriptor { offset: Some(FIRST_OFFSET), ..descriptor },
        };
        let deleted = alone.read(Arc::new(OneFile(written)), root.url()).map_err(damaged)?;
        if u64::try_from(self.cardinality).ok() != Some(deleted.len()) {
            let told = self.cardinality;
            let reason = format!("a deletion vector has {} rows, not {told}", deleted.len());
            return Err(corrupt(root, reason));
        }
        RowsLeft::without(deleted.iter(), rows).map_err(|reason| corrupt(root, reason))
    }

    fn descriptor(&self) -> KernelResult<DeletionVectorDescriptor> {
        let storage = self.storage.parse()?;
        let (offset, size) = (self.offset, self.size);
        DeletionVectorDescriptor::try_new(storage, &self.location, offset, size, self.cardinality)
    }

    /// The vector's own bytes, in the form of a file that holds it alone.
    async fn fetch(
        &self,
        root: &TableRoot,
        runtime: &Arc<RuntimeEnv>,
        file: &Url,
    ) -> Result<Bytes> {
        let path = root.file(file.as_str()).map_err(external)?;
        let store_url = root.object_store_url().map_err(external)?;
        let store: Arc<dyn ObjectStore> = runtime.object_store(&store_url)?;
        let size = usize::try_from(self.size).unwrap_or(usize::MAX);
        if size > VECTOR_BYTES_MAX {
            return Err(exec_datafusion_err!(
                "a deletion vector of {size} bytes is over the limit VECTOR_BYTES_MAX"
            ));
        }
        let start = u64::try_from(self.offset.unwrap_or(FIRST_OFFSET)).unwrap_or_default();
        let end = start + LENGTH_BYTES + size as u64 + CHECKSUM_BYTES;
        let vector = store
            .get_range(&path, start..end)
            .await
            .map_err(|error| DataFusionError::ObjectStore(Box::new(error)))?;
        Ok([&[FORMAT_VERSION], vector.as_ref()].concat().into())
    }
}

fn corrupt(root: &TableRoot, reason: String) -> DataFusionError {
    external(crate::Error::CorruptLog { location: root.to_string(), reason, source: None })
}

fn external(error: impl Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// A store for the log reader in which every file is this one.
struct OneFile(Bytes);

impl OneFile {
    fn refused<T>() -> KernelResult<T> {
        Err(KernelError::unsupported("a deletion vector is only read"))
    }
}

impl StorageHandler for OneFile {
    fn read_files(
        &self,
        _files: Vec<FileSlice>,
    ) -> KernelResult<KernelResultIteratorStatic<Bytes>> {
        Ok(Box::new(std::iter::once(Ok(self.0.clone()))))
    }

    fn list_from(&self, _path: &Url) -> KernelResult<KernelResultIteratorStatic<FileMeta>> {
        Self::refused()
    }

    fn copy_atomic(&self, _source: &Url, _target: &Url) -> KernelResult<()> {
        Self::refused()
    }

    fn put(&self, _path: &Url, _data: Bytes, _overwrite: bool) -> KernelResult<()> {
        Self::refused()
    }

    fn head(&self, _path: &Url) -> KernelResult<FileMeta> {
        Self::refused()
    }

    fn delete(&self, _path: &Url) -> KernelResult<()> {
        Self::refused()
    }
}
