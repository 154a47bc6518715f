//! The plan node that writes files.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{
    Distribution, EquivalenceProperties, LexRequirement, OrderingRequirements, PhysicalExpr,
    PhysicalSortRequirement,
};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PlanProperties,
};
use futures::stream;

use super::writer::Writer;
use super::{FileLayout, FileWrite, WrittenFile, written_schema};

/// Writes the rows of its input to files, each partition its own, and returns a row for each file:
/// [`WrittenFile`]. A partition that is run twice writes twice, under other names.
#[derive(Debug)]
pub struct FileWriteExec {
    input: Arc<dyn ExecutionPlan>,
    write: Arc<FileWrite>,
    /// The order in which rows must come.
    order: Option<OrderingRequirements>,
    properties: Arc<PlanProperties>,
}

impl FileWriteExec {
    /// Writes what `input` gives, the rows of a partition value after each other and else in the
    /// order in which it gives them now.
    pub fn new(input: Arc<dyn ExecutionPlan>, write: Arc<FileWrite>) -> Self {
        let values = partition_columns(&input, &write).into_iter();
        let values = values.map(|column| PhysicalSortRequirement::new(column, None));
        let order = input.output_ordering().cloned().into_iter().flatten();
        let order = LexRequirement::new(values.chain(order.map(PhysicalSortRequirement::from)));
        Self::ordered(input, write, order.map(OrderingRequirements::from))
    }

    fn ordered(
        input: Arc<dyn ExecutionPlan>,
        write: Arc<FileWrite>,
        order: Option<OrderingRequirements>,
    ) -> Self {
        let partitions = input.output_partitioning().partition_count();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(written_schema()),
            Partitioning::UnknownPartitioning(partitions),
            EmissionType::Final,
            Boundedness::Bounded,
        );
        Self { input, write, order, properties: Arc::new(properties) }
    }

    /// What is written where.
    pub fn write(&self) -> &Arc<FileWrite> {
        &self.write
    }
}

impl DisplayAs for FileWriteExec {
    fn fmt_as(&self, kind: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FileWrite { root, format, partitions, .. } = self.write.as_ref();
        match kind {
            DisplayFormatType::TreeRender => Ok(()),
            DisplayFormatType::Default | DisplayFormatType::Verbose => write!(
                f,
                "FileWriteExec: folder={root}, format={format}, partition_columns={}",
                partitions.len()
            ),
        }
    }
}

impl ExecutionPlan for FileWriteExec {
    fn name(&self) -> &str {
        "FileWriteExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    /// Rows of one partition value go to one writer, so that each value has few files.
    fn required_input_distribution(&self) -> Vec<Distribution> {
        if self.write.layout == FileLayout::Single {
            return vec![Distribution::SinglePartition];
        }
        if self.write.partitions.is_empty() {
            return vec![Distribution::UnspecifiedDistribution];
        }
        vec![Distribution::KeyPartitioned(partition_columns(&self.input, &self.write))]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![self.order.clone()]
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
            Ok([input]) => {
                Ok(Arc::new(Self::ordered(input, Arc::clone(&self.write), self.order.clone())))
            }
            Err(children) => internal_err!("{} has {} children", self.name(), children.len()),
        }
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let memory = reservation(partition, &context);
        // It takes its memory before the operators below begin with theirs.
        let writer = Writer::new(&self.write, partition, &context, memory)?;
        let rows = self.input.execute(partition, context)?;
        let written = async move { WrittenFile::to_batch(&writer.write_all(rows).await?) };
        let written = stream::once(written);
        Ok(Box::pin(RecordBatchStreamAdapter::new(written_schema(), written)))
    }
}

fn partition_columns(
    input: &Arc<dyn ExecutionPlan>,
    write: &FileWrite,
) -> Vec<Arc<dyn PhysicalExpr>> {
    let schema = input.schema();
    let column = |position: &usize| {
        let name = schema.field(*position).name();
        Arc::new(Column::new(name, *position)) as Arc<dyn PhysicalExpr>
    };
    write.partitions.iter().map(column).collect()
}

fn reservation(partition: usize, context: &TaskContext) -> MemoryReservation {
    MemoryConsumer::new(format!("FileWriteExec[{partition}]")).register(context.memory_pool())
}
