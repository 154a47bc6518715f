//! Which files of a version a query has to read.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array,
};
use arrow::buffer::BooleanBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column, Result, ScalarValue, exec_err};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicate;

use super::{FileList, Segment};
use crate::delta::schema::DeltaSchema;

/// Files of a list: for each of its parts the rows.
#[derive(Debug)]
pub(in crate::delta) struct Selection {
    pub(in crate::delta) masks: Vec<BooleanBuffer>,
}

impl Selection {
    /// Number of files.
    pub(in crate::delta) fn len(&self) -> usize {
        self.masks.iter().map(BooleanBuffer::count_set_bits).sum()
    }
}

impl FileList {
    /// The files that may hold rows for which `predicate` is true, and whose partition values make
    /// all of `exact` true, which is over the partition columns alone.
    ///
    /// # Errors
    /// An expression that cannot be evaluated.
    pub(in crate::delta) fn select(
        &self,
        schema: &DeltaSchema,
        exact: &[Arc<dyn PhysicalExpr>],
        predicate: Option<&PruningPredicate>,
    ) -> Result<Selection> {
        let chosen = |(segment, alive): (&Arc<Segment>, &BooleanBuffer)| {
            let mut mask = alive.clone();
            for filter in exact {
                mask = partitions_fit(schema, segment, &mask, filter)?;
            }
            if let Some(predicate) = predicate
                && segment.len() > 0
            {
                let statistics = SegmentStatistics { schema, segment };
                mask = &mask & &BooleanBuffer::from(predicate.prune(&statistics)?);
            }
            Ok(mask)
        };
        Ok(Selection { masks: self.segments().map(chosen).collect::<Result<_>>()? })
    }
}

/// The partition columns alone, in the order of partitioning.
pub(in crate::delta) fn partition_schema(schema: &DeltaSchema) -> SchemaRef {
    let fields =
        schema.partitions().iter().map(|column| Arc::clone(&schema.columns().fields()[*column]));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The rows of `mask` whose partition values make `filter` true.
fn partitions_fit(
    schema: &DeltaSchema,
    segment: &Segment,
    mask: &BooleanBuffer,
    filter: &Arc<dyn PhysicalExpr>,
) -> Result<BooleanBuffer> {
    let columns: Vec<ArrayRef> =
        (0..schema.partitions().len()).map(|place| Arc::clone(segment.partition(place))).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(segment.len()));
    let batch = RecordBatch::try_new_with_options(partition_schema(schema), columns, &options)?;
    // A file that is no longer in the table must not make the filter fail.
    let rows = BooleanArray::new(mask.clone(), None);
    let fits = filter.evaluate_selection(&batch, &rows)?.into_array(segment.len())?;
    let Some(fits) = fits.as_boolean_opt() else {
        return exec_err!("a filter on partition columns is no condition");
    };
    let fits = match fits.nulls() {
        Some(nulls) => fits.values() & nulls.inner(),
        None => fits.values().clone(),
    };
    Ok(&fits & mask)
}

/// Statistics of the files of a part, as pruning asks for them.
struct SegmentStatistics<'a> {
    schema: &'a DeltaSchema,
    segment: &'a Segment,
}

impl SegmentStatistics<'_> {
    fn place(&self, column: usize) -> Option<usize> {
        self.schema.partitions().iter().position(|partition| *partition == column)
    }

    fn bound(&self, column: &Column, largest: bool) -> Option<ArrayRef> {
        let column = self.schema.columns().index_of(&column.name).ok()?;
        if let Some(place) = self.place(column) {
            return Some(Arc::clone(self.segment.partition(place)));
        }
        let bounds = self.segment.bounds(column)?;
        if largest { bounds.max } else { bounds.min }.map(Arc::clone)
    }
}

impl PruningStatistics for SegmentStatistics<'_> {
    fn min_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, false)
    }

    fn max_values(&self, column: &Column) -> Option<ArrayRef> {
        self.bound(column, true)
    }

    fn num_containers(&self) -> usize {
        self.segment.len()
    }

    fn null_counts(&self, column: &Column) -> Option<ArrayRef> {
        let column = self.schema.columns().index_of(&column.name).ok()?;
        if let Some(place) = self.place(column) {
            let values = self.segment.partition(place);
            let records = self.segment.records();
            let nulls = (0..values.len()).map(|row| match values.is_null(row) {
                false => Some(0),
                true => records.is_valid(row).then(|| records.value(row).unsigned_abs()),
            });
            return Some(Arc::new(nulls.collect::<UInt64Array>()));
        }
        cast(self.segment.bounds(column)?.nulls?, &DataType::UInt64).ok()
    }

    /// Rows in the files with the deleted ones: null counts count those too.
    fn row_counts(&self) -> Option<ArrayRef> {
        let records = self.segment.records();
        let counts: UInt64Array = records.unary(i64::unsigned_abs);
        Some(Arc::new(counts))
    }

    fn contained(&self, _column: &Column, _values: &HashSet<ScalarValue>) -> Option<BooleanArray> {
        None
    }
}
