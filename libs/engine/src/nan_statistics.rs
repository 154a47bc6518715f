//! Keeps rows of NaN, which statistics of files do not know.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::datasource::physical_plan::{
    FileScanConfig, FileScanConfigBuilder, FileSource, ParquetSource,
};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_expr::expressions::lit;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use lakegate_lake::nan::{decided_by_statistics, may_be_nan};

/// Lets no aggregate take the largest number of a file for the largest value: NaN may be above it.
/// To be run before any rule that answers from statistics.
#[derive(Debug)]
pub struct NanMayBeLargest;

/// Takes from Parquet scans, which only skip parts of files by them, conditions that NaN may fulfil.
/// To be run after every rule that hands conditions to scans.
#[derive(Debug)]
pub struct NanIsNotSkipped;

impl PhysicalOptimizerRule for NanMayBeLargest {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        changed(plan, |scan| {
            let fields = scan.file_source.table_schema().table_schema().fields();
            if !fields.iter().any(|field| may_be_nan(field.data_type())) {
                return None;
            }
            let mut statistics = scan.statistics();
            for (column, field) in statistics.column_statistics.iter_mut().zip(fields) {
                if may_be_nan(field.data_type()) {
                    column.max_value = column.max_value.clone().to_inexact();
                }
            }
            Some(FileScanConfigBuilder::from(scan.clone()).with_statistics(statistics).build())
        })
    }

    fn name(&self) -> &str {
        "nan_may_be_largest"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

impl PhysicalOptimizerRule for NanIsNotSkipped {
    fn optimize(
        &self,
        plan: Arc<dyn ExecutionPlan>,
        _config: &ConfigOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        changed(plan, |scan| {
            let source = scan.file_source.downcast_ref::<ParquetSource>()?;
            let predicate = source.filter()?;
            let columns = source.table_schema().table_schema();
            let left = decided_by_statistics(&predicate, columns);
            if left.as_ref().is_some_and(|left| *left == predicate) {
                return None;
            }
            let source = source.with_predicate(left.unwrap_or_else(|| lit(true)));
            Some(FileScanConfigBuilder::from(scan.clone()).with_source(Arc::new(source)).build())
        })
    }

    fn name(&self) -> &str {
        "nan_is_not_skipped"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// `plan` with the scans of files that `change` makes of some.
fn changed(
    plan: Arc<dyn ExecutionPlan>,
    change: impl Fn(&FileScanConfig) -> Option<FileScanConfig>,
) -> Result<Arc<dyn ExecutionPlan>> {
    let plan = plan.transform_down(|node| {
        let scan = node.downcast_ref::<DataSourceExec>();
        let files = scan.and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>());
        Ok(match files.and_then(&change) {
            Some(files) => {
                Transformed::yes(DataSourceExec::from_data_source(files) as Arc<dyn ExecutionPlan>)
            }
            None => Transformed::no(node),
        })
    });
    plan.map(|plan| plan.data)
}
