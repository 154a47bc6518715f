//! What tasks carry of a table with many files: each its own, and no more for each.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use ballista_scheduler::state::task_builder::restrict_plan_to_partitions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::object_store::ObjectStoreUrl;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion_proto::physical_plan::AsExecutionPlan;
use datafusion_proto::protobuf::PhysicalPlanNode;
use lakegate_engine::codec::PlanNodes;
use lakegate_lake::delta::{
    ColumnMapping, DeletionVector, DeletionVectors, DeltaScanExec, FileColumns, TableRoot,
};
use prost::Message;

const FILES: usize = 100_000;
const PARTS: usize = 8;
/// Bytes of a file's entry with a path of the usual length.
const ENTRY_MAX: usize = 200;
/// The same with a deletion vector in a file of its own.
const ENTRY_WITH_VECTOR_MAX: usize = 450;

fn path(file: usize) -> String {
    format!(
        "lake/sales/orders/part-{file:05}-0c2d1f6a-7b9e-4d55-9a40-{file:012x}.c000.snappy.parquet"
    )
}

/// A scan of all files, in as many parts as there are.
fn files() -> Arc<dyn ExecutionPlan> {
    let columns = Arc::new(Schema::new(vec![Field::new("n", DataType::Int64, true)]));
    let of_part = |part: usize| {
        let files = (0..FILES).filter(|file| file % PARTS == part);
        FileGroup::new(files.map(|file| PartitionedFile::new(path(file), 1 << 20)).collect())
    };
    let store = ObjectStoreUrl::parse("s3://bucket").unwrap();
    let scan = FileScanConfigBuilder::new(store, Arc::new(ParquetSource::new(columns)))
        .with_file_groups((0..PARTS).map(of_part).collect())
        .build();
    DataSourceExec::from_data_source(scan)
}

/// The same of a Delta table with deleted rows in every file.
fn delta() -> Arc<dyn ExecutionPlan> {
    let files = files();
    let vector = |file: usize| DeletionVector {
        storage: "u".to_string(),
        location: format!("ab^-aqEH.-t@S}}K{{vb{file:06}"),
        offset: Some(1),
        size: 40,
        cardinality: 6,
        rows: Some(10_000),
    };
    let vectors: DeletionVectors = (0..FILES).map(|file| (path(file), vector(file))).collect();
    let columns = FileColumns { columns: files.schema(), mapping: ColumnMapping::None };
    let root = TableRoot::parse("s3://bucket/lake/sales/orders/").unwrap();
    Arc::new(DeltaScanExec::new(files, root, Arc::new(columns), Arc::new(vectors)))
}

fn encoded(plan: Arc<dyn ExecutionPlan>) -> usize {
    let codec = PlanNodes::default();
    PhysicalPlanNode::try_from_physical_plan(plan, &codec).unwrap().encoded_len()
}

#[test]
fn a_task_carries_its_own_files_alone() {
    for (plan, entry_max) in [(files(), ENTRY_MAX), (delta(), ENTRY_WITH_VECTOR_MAX)] {
        let name = plan.name().to_string();
        let whole = encoded(Arc::clone(&plan));
        assert!(whole <= FILES * entry_max, "{name}: {} bytes a file", whole / FILES);
        for parts_of_a_task in [1, 2, 4] {
            let parts: Vec<usize> = (0..PARTS).collect();
            let mut all = 0;
            for parts in parts.chunks(parts_of_a_task) {
                let part = restrict_plan_to_partitions(Arc::clone(&plan), parts).unwrap();
                assert_eq!(part.output_partitioning().partition_count(), parts.len());
                let bytes = encoded(part);
                let share = whole * parts_of_a_task / PARTS;
                assert!(bytes <= share + share / 100, "{name}: {bytes} bytes of {whole}");
                all += bytes;
            }
            assert!(all >= whole - whole / 100, "{name}: files are missing in {all} of {whole}");
        }
    }
}
