//! One version of a Delta table, as a query sees it.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNode;
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::utils::conjunction;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_optimizer::pruning::{PruningPredicate, PruningPredicateBuilder};
use datafusion::physical_plan::ExecutionPlan;

use super::TableState;
use super::files::{Selection, partition_schema};
use super::plan::ScanPlan;
use super::schema::laid_out;
use crate::StringLayout;
use crate::nan::decided_by_statistics;

/// One version of a Delta table. It reads the same rows whatever is committed meanwhile.
#[derive(Debug)]
pub struct DeltaTable {
    state: Arc<TableState>,
    strings: StringLayout,
    schema: SchemaRef,
}

impl DeltaTable {
    /// The table of a state, with text and bytes laid out as `strings` says.
    pub fn new(state: Arc<TableState>, strings: StringLayout) -> Self {
        let partitions = state.schema.partitions();
        let fields = state.schema.columns().fields().iter().enumerate();
        let fields = fields.map(|(column, field)| match partitions.contains(&column) {
            true => Arc::clone(field),
            false => laid_out(field, strings),
        });
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self { state, strings, schema }
    }

    /// The version that is read.
    pub fn state(&self) -> &Arc<TableState> {
        &self.state
    }

    /// Whether partition values alone decide a filter.
    fn is_about_partitions(&self, filter: &Expr) -> bool {
        let partitions = self.state.schema.partitions();
        let is_partition = |column: &&Column| {
            let column = self.schema.index_of(&column.name);
            column.is_ok_and(|column| partitions.contains(&column))
        };
        let columns = filter.column_refs();
        !columns.is_empty() && columns.iter().all(is_partition) && is_self_contained(filter)
    }

    /// The files that a query with these filters has to read.
    fn select(&self, session: &dyn Session, filters: &[Expr]) -> Result<Selection> {
        let schema = &self.state.schema;
        let (partition_filters, others): (Vec<&Expr>, Vec<&Expr>) =
            filters.iter().partition(|filter| self.is_about_partitions(filter));
        let partitions = DFSchema::try_from(partition_schema(schema))?;
        let exact = partition_filters
            .iter()
            .map(|filter| session.create_physical_expr(Expr::clone(filter), &partitions))
            .collect::<Result<Vec<_>>>()?;
        let others = others.into_iter().filter(|filter| is_self_contained(filter)).cloned();
        let predicate = match conjunction(others) {
            Some(predicate) => self.pruning(session, predicate),
            None => None,
        };
        self.state.files.select(schema, &exact, predicate.as_deref())
    }

    /// What skips files by their statistics; `None` where the filter says nothing that they tell.
    fn pruning(&self, session: &dyn Session, predicate: Expr) -> Option<Arc<PruningPredicate>> {
        let columns = DFSchema::try_from(Arc::clone(&self.schema)).ok()?;
        let predicate = session.create_physical_expr(predicate, &columns).ok()?;
        let predicate = decided_by_statistics(&predicate, &self.schema)?;
        PruningPredicateBuilder::new().with_file_schema(Arc::clone(&self.schema)).build(predicate)
    }

    /// The first files of `selection` that hold `limit` rows, if the log tells how many they hold.
    fn limited(&self, selection: Selection, limit: usize) -> Selection {
        let mut masks = Vec::with_capacity(selection.masks.len());
        let mut rows: i64 = 0;
        let wanted = i64::try_from(limit).unwrap_or(i64::MAX);
        for ((segment, _), mask) in self.state.files.segments().zip(&selection.masks) {
            let mut kept = arrow::buffer::BooleanBuffer::new_unset(mask.len());
            if rows < wanted {
                let mut last = None;
                for row in mask.set_indices() {
                    let records = segment.records().iter().nth(row).flatten();
                    let Some(records) = records else { return selection };
                    rows = rows.saturating_add(records - segment.deleted(row));
                    last = Some(row);
                    if rows >= wanted {
                        break;
                    }
                }
                if let Some(last) = last {
                    let up_to =
                        arrow::buffer::BooleanBuffer::collect_bool(mask.len(), |row| row <= last);
                    kept = mask & &up_to;
                }
            }
            masks.push(kept);
        }
        Selection { masks }
    }
}

#[async_trait]
impl TableProvider for DeltaTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| match self.is_about_partitions(filter) {
            true => TableProviderFilterPushDown::Exact,
            false => TableProviderFilterPushDown::Inexact,
        };
        Ok(filters.iter().map(answer).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut selection = self.select(session, filters)?;
        let all_exact = filters.iter().all(|filter| self.is_about_partitions(filter));
        let limit = limit.filter(|_| all_exact);
        if let Some(limit) = limit {
            selection = self.limited(selection, limit);
        }
        ScanPlan::new(&self.state, self.strings).physical(session, &selection, projection, limit)
    }
}

/// Whether a row alone decides a filter, each time the same way.
fn is_self_contained(filter: &Expr) -> bool {
    let reaches_out = filter.exists(|part| {
        Ok(matches!(
            part,
            Expr::ScalarSubquery(_)
                | Expr::InSubquery(_)
                | Expr::Exists(_)
                | Expr::SetComparison(_)
                | Expr::OuterReferenceColumn(..)
                | Expr::Placeholder(_)
        ))
    });
    !filter.is_volatile() && matches!(reaches_out, Ok(false))
}
