//! The scan of files that a Parquet scan alone would read wrong: rows are deleted, or columns have
//! other names in files.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, exec_datafusion_err, internal_err};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::datasource::physical_plan::{
    FileGroup, FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::lit;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterDescription, FilterPushdownPhase, FilterPushdownPropagation,
};
use datafusion::physical_plan::limit::LimitStream;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::statistics::{ChildStats, StatisticsArgs};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::future::ready;
use futures::{StreamExt, TryStreamExt};
use parking_lot::Mutex;
use tokio::sync::OnceCell;

use super::row_is_left::{FilesLeft, left_of, with_row_is_left};
use super::rows_left::RowsLeft;
use super::{ColumnMapping, DeletionVectors, FileColumns, TableRoot};

/// Deletion vectors that one partition reads at a time.
const VECTORS_AT_ONCE: usize = 8;

/// Reads Parquet files through the Parquet scan that is its child, and leaves out deleted rows.
///
/// The child carries files, columns and filters, so that whatever divides Parquet scans divides
/// this one: a file may even be cut into ranges. What the child cannot carry is put to it when a
/// partition is run: where columns are in a file, and which rows are left. Rows know their number
/// in the file, so that a part of a file, or what skips pages and row groups, changes nothing.
///
/// Deleted rows mostly lie scattered, one here and one there. The reader would need longer to step
/// over each of them than to read it, and it skips no row groups while a query runs once it is told
/// to step over rows. So it reads them, and they are taken out of its batches; it steps over long
/// runs alone.
#[derive(Debug, Clone)]
pub struct DeltaScanExec {
    files: Arc<dyn ExecutionPlan>,
    root: TableRoot,
    columns: Arc<FileColumns>,
    vectors: Arc<DeletionVectors>,
    left: Arc<Read>,
}

/// What was read of deletion vectors, by data file: ranges of one file share it.
type Read = Mutex<HashMap<String, Arc<OnceCell<Arc<RowsLeft>>>>>;

impl DeltaScanExec {
    /// Puts the scan above `files`, a Parquet scan over the names and types of the table.
    pub fn new(
        files: Arc<dyn ExecutionPlan>,
        root: TableRoot,
        columns: Arc<FileColumns>,
        vectors: Arc<DeletionVectors>,
    ) -> Self {
        Self { files, root, columns, vectors, left: Arc::default() }
    }

    /// The table's folder, which locations of deletion vectors are relative to.
    pub fn root(&self) -> &TableRoot {
        &self.root
    }

    /// Where columns are in files.
    pub fn columns(&self) -> &FileColumns {
        &self.columns
    }

    /// The deletion vectors of the files that this scan reads, those of others left out.
    pub fn vectors(&self) -> DeletionVectors {
        let Ok(files) = self.file_scan() else { return DeletionVectors::new() };
        let files = files.file_groups.iter().flat_map(FileGroup::iter);
        files
            .filter_map(|file| self.vectors.get_key_value(file.path().as_ref()))
            .map(|(file, vector)| (file.clone(), vector.clone()))
            .collect()
    }

    fn over(&self, files: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        Arc::new(Self { files, ..self.clone() })
    }

    fn file_scan(&self) -> Result<&FileScanConfig> {
        let scan = self.files.downcast_ref::<DataSourceExec>();
        match scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>()) {
            Some(files) => Ok(files),
            None => internal_err!("{} has no files below it", self.name()),
        }
    }

    /// The child's scan of one partition, with what it cannot carry. Files of other partitions are
    /// left out, so that nothing can be taken from them.
    fn scan_of(
        &self,
        partition: usize,
        files: Vec<PartitionedFile>,
        source: Arc<dyn FileSource>,
        limit: Option<usize>,
    ) -> Result<DataSourceExec> {
        let scan = self.file_scan()?;
        let mut groups = vec![FileGroup::default(); scan.file_groups.len()];
        let Some(group) = groups.get_mut(partition) else {
            return internal_err!("{} has no partition {partition}", self.name());
        };
        *group = FileGroup::new(files);
        let config = FileScanConfigBuilder::new(scan.object_store_url.clone(), source)
            .with_limit(limit)
            .with_preserve_order(scan.preserve_order)
            .with_batch_size(scan.batch_size)
            .with_file_compression_type(scan.file_compression_type)
            .with_file_groups(groups)
            .with_expr_adapter(Some(Arc::clone(&self.columns) as _))
            .build();
        Ok(DataSourceExec::new(Arc::new(config)))
    }

    /// The rows of a partition that are left in its files.
    fn rows_left(
        &self,
        partition: usize,
        files: Vec<PartitionedFile>,
        left: FilesLeft,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let scan = self.file_scan()?;
        // The reader counts deleted rows too.
        let deleted = left.keys().filter_map(|file| self.vectors.get(file));
        let deleted = deleted.map(|vector| usize::try_from(vector.cardinality).unwrap_or(0));
        let limit = scan.limit.map(|limit| deleted.fold(limit, usize::saturating_add));
        let source = self.with_rewriting(scan.file_source());
        let schema = self.schema();
        let options = context.session_config().options();
        let source = with_row_is_left(&source, &schema, left, options)?;
        let read = self.scan_of(partition, files, source, limit)?.execute(partition, context)?;
        let of_schema = Arc::clone(&schema);
        let rows = read.map(move |batch| left_of(&batch?, &of_schema));
        let rows = rows.try_filter(|batch| ready(batch.num_rows() > 0));
        let rows = Box::pin(RecordBatchStreamAdapter::new(schema, rows));
        if scan.limit.is_none() {
            return Ok(rows);
        }
        let metrics = BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), partition);
        Ok(Box::pin(LimitStream::new(rows, 0, scan.limit, metrics)))
    }

    /// The Parquet scan leaves columns alone where file and table seem to have the same and
    /// nothing is filtered; columns that swapped their names seem so. A filter that is always true
    /// makes it look.
    fn with_rewriting(&self, source: &Arc<dyn FileSource>) -> Arc<dyn FileSource> {
        match source.downcast_ref::<ParquetSource>() {
            Some(parquet)
                if self.columns.mapping != ColumnMapping::None && parquet.filter().is_none() =>
            {
                Arc::new(parquet.with_predicate(lit(true)))
            }
            _ => Arc::clone(source),
        }
    }

    /// The rows of `file` that are left; `None` where that is all of them.
    async fn left_in(
        &self,
        file: &PartitionedFile,
        context: &TaskContext,
    ) -> Result<Option<Arc<RowsLeft>>> {
        let Some(vector) = self.vectors.get(file.path().as_ref()) else { return Ok(None) };
        let cell = Arc::clone(self.left.lock().entry(file.path().to_string()).or_default());
        let runtime = context.runtime_env();
        let read = || async {
            let rows = match vector.rows {
                Some(rows) => rows,
                None => self.rows_of(file, context).await?,
            };
            vector.rows_left(&self.root, &runtime, rows).await.map(Arc::new)
        };
        let left = cell.get_or_try_init(read).await;
        let left = left.map_err(|error| {
            error.context(format!("reading the deletion vector of {}", file.path()))
        })?;
        Ok(Some(Arc::clone(left)))
    }

    /// `file` without what the reader steps over, and what is left of its rows.
    async fn selected(
        &self,
        file: PartitionedFile,
        context: &TaskContext,
    ) -> Result<(PartitionedFile, Option<Arc<RowsLeft>>)> {
        let left = self.left_in(&file, context).await?;
        let file = match left.as_ref().and_then(|left| left.selection()) {
            Some(selection) => file.with_extension(selection.clone()),
            None => file,
        };
        Ok((file, left))
    }

    /// Rows of a file of which the log does not say how many it has.
    async fn rows_of(&self, file: &PartitionedFile, context: &TaskContext) -> Result<u64> {
        let runtime = context.runtime_env();
        let store = runtime.object_store(&self.file_scan()?.object_store_url)?;
        let cache = runtime.cache_manager.get_file_metadata_cache();
        let footer = DFParquetMetadata::new(store.as_ref(), &file.object_meta)
            .with_file_metadata_cache(Some(cache))
            .fetch_metadata()
            .await?;
        u64::try_from(footer.file_metadata().num_rows())
            .map_err(|_| exec_datafusion_err!("{} has a broken footer", file.path()))
    }
}

impl DisplayAs for DeltaScanExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match kind {
            DisplayFormatType::TreeRender => Ok(()),
            DisplayFormatType::Default | DisplayFormatType::Verbose => write!(
                f,
                "DeltaScanExec: column_mapping={:?}, deletion_vectors={}",
                self.columns.mapping,
                self.vectors.len()
            ),
        }
    }
}

impl ExecutionPlan for DeltaScanExec {
    fn name(&self) -> &str {
        "DeltaScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.files.properties()
    }

    /// Order goes through, but what makes it must not: a sort would come between this scan and its
    /// files.
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    /// Nothing may come between this scan and its files.
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.files]
    }

    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match <[_; 1]>::try_from(children) {
            Ok([files]) => Ok(self.over(files)),
            Err(children) => internal_err!("{} has {} children", self.name(), children.len()),
        }
    }

    fn repartitioned(
        &self,
        target_partitions: usize,
        config: &ConfigOptions,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let files = self.files.repartitioned(target_partitions, config)?;
        Ok(files.map(|files| self.over(files)))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let Some(group) = self.file_scan()?.file_groups.get(partition).cloned() else {
            return internal_err!("{} has no partition {partition}", self.name());
        };
        if !group.iter().any(|file| self.vectors.contains_key(file.path().as_ref())) {
            let scan = self.file_scan()?;
            let source = self.with_rewriting(scan.file_source());
            let scan = self.scan_of(partition, group.into_inner(), source, scan.limit)?;
            return scan.execute(partition, context);
        }
        let scan = self.clone();
        let opened = async move {
            let files = futures::stream::iter(group.into_inner())
                .map(|file| scan.selected(file, &context))
                .buffered(VECTORS_AT_ONCE)
                .try_collect::<Vec<_>>()
                .await?;
            let left = files.iter().filter_map(|(file, left)| {
                left.as_ref().map(|left| (file.path().to_string(), Arc::clone(left)))
            });
            let left = left.collect();
            let files = files.into_iter().map(|(file, _)| file).collect();
            scan.rows_left(partition, files, left, Arc::clone(&context))
        };
        let rows = futures::stream::once(opened).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }

    fn child_stats_requests(&self, partition: Option<usize>) -> Vec<ChildStats> {
        vec![ChildStats::At(partition)]
    }

    fn statistics_from_inputs(
        &self,
        input_stats: &[Arc<Statistics>],
        _args: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        match input_stats {
            [files] => Ok(Arc::clone(files)),
            _ => Ok(Arc::new(Statistics::new_unknown(&self.schema()))),
        }
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::LowerEqual
    }

    fn with_fetch(&self, limit: Option<usize>) -> Option<Arc<dyn ExecutionPlan>> {
        self.files.with_fetch(limit).map(|files| self.over(files))
    }

    fn fetch(&self) -> Option<usize> {
        self.files.fetch()
    }

    fn try_swapping_with_projection(
        &self,
        projection: &ProjectionExec,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let files = self.files.try_swapping_with_projection(projection)?;
        Ok(files.map(|files| self.over(files)))
    }

    fn gather_filters_for_pushdown(
        &self,
        _phase: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        FilterDescription::from_children(parent_filters, &self.children())
    }

    fn handle_child_pushdown_result(
        &self,
        _phase: FilterPushdownPhase,
        child_pushdown_result: ChildPushdownResult,
        _config: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        Ok(FilterPushdownPropagation::if_all(child_pushdown_result))
    }
}
