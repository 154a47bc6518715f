//! The memory, scratch space and caches that plans run with.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use datafusion::error::DataFusionError;
use datafusion::execution::cache::cache_manager::CacheManagerConfig;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::{FairSpillPool, TrackConsumersPool};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use lakegate_common::ByteSize;
use lakegate_lake::store::{QueryStores, Stores};

/// How many of the largest memory consumers an exhausted pool names.
const NAMED_CONSUMERS: NonZeroUsize = NonZeroUsize::MIN.saturating_add(4);

/// Limits of one process' query memory and scratch space.
#[derive(Debug, Clone, Copy)]
pub struct RuntimeLimits {
    /// Memory for operators that account for theirs; past it they spill.
    pub memory: ByteSize,
    /// Disk space for spilled data.
    pub spill: ByteSize,
    /// Memory for Parquet footers and page indexes.
    pub metadata_cache: ByteSize,
}

/// A runtime whose operators share `limits`, spill below `scratch` and reach objects by `stores`.
///
/// File lists are not cached: a table shows the files that lie there when the statement is planned.
///
/// # Errors
/// The scratch folder cannot be used.
pub fn runtime(
    limits: RuntimeLimits,
    scratch: &Path,
    stores: Arc<Stores>,
) -> Result<Arc<RuntimeEnv>, DataFusionError> {
    let pool =
        TrackConsumersPool::new(FairSpillPool::new(limits.memory.as_usize()), NAMED_CONSUMERS);
    let disk = DiskManagerBuilder::default()
        .with_mode(DiskManagerMode::Directories(vec![scratch.to_path_buf()]))
        .with_max_temp_directory_size(limits.spill.bytes());
    let caches = CacheManagerConfig::default()
        .with_list_files_cache_limit(0)
        .with_metadata_cache_limit(limits.metadata_cache.as_usize());
    RuntimeEnvBuilder::new()
        .with_memory_pool(Arc::new(pool))
        .with_disk_manager_builder(disk)
        .with_cache_manager(caches)
        .with_object_store_registry(stores)
        .build_arc()
}

/// `runtime` for one query, which reaches objects by `stores`.
pub fn for_query(runtime: &RuntimeEnv, stores: &Arc<QueryStores>) -> Arc<RuntimeEnv> {
    let mut runtime = runtime.clone();
    runtime.object_store_registry = Arc::clone(stores) as _;
    Arc::new(runtime)
}
