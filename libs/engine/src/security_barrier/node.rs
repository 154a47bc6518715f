//! The barrier in logical plans.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef, Result, TableReference, internal_err};
use datafusion::logical_expr::{
    Expr, Extension, LogicalPlan, LogicalPlanBuilder, Subquery, UserDefinedLogicalNodeCore,
};

/// The rows of a view whose caller may not read what lies below it.
///
/// Limits and the choice of columns pass, predicates do not: DataFusion keeps those above whose
/// columns are prevented, which by default all are.
#[derive(Debug, Clone)]
pub struct SecurityBarrier {
    view: Arc<str>,
    /// The columns of the view. Rules that move expressions towards tables add some below; what is
    /// no column of the view never comes out, and then those rules leave the plan as it was.
    columns: Arc<Vec<Column>>,
    input: LogicalPlan,
    schema: DFSchemaRef,
}

impl SecurityBarrier {
    fn new(view: &str, input: LogicalPlan) -> Self {
        let columns = Arc::new(input.schema().columns());
        let schema = Arc::clone(input.schema());
        Self { view: view.into(), columns, input, schema }
    }

    /// The view's full name.
    pub fn view(&self) -> &str {
        &self.view
    }

    /// What is planned in place of the view.
    pub fn input(&self) -> &LogicalPlan {
        &self.input
    }

    /// The barrier over another plan of the view's rows.
    ///
    /// # Errors
    /// DataFusion's own.
    pub(super) fn over(&self, input: LogicalPlan) -> Result<Self> {
        let fields = input.schema().iter();
        let own: Vec<_> = fields
            .filter(|field| self.columns.contains(&Column::from(*field)))
            .map(|(qualifier, field)| (qualifier.cloned(), Arc::clone(field)))
            .collect();
        let schema = match own.len() == input.schema().fields().len() {
            true => Arc::clone(input.schema()),
            false => {
                let metadata = input.schema().metadata().clone();
                Arc::new(DFSchema::new_with_metadata(own, metadata)?)
            }
        };
        let (view, columns) = (Arc::clone(&self.view), Arc::clone(&self.columns));
        Ok(Self { view, columns, input, schema })
    }

    /// The barrier that `plan` is, if it is one.
    pub fn of(plan: &LogicalPlan) -> Option<&Self> {
        match plan {
            LogicalPlan::Extension(extension) => extension.node.as_any().downcast_ref(),
            _ => None,
        }
    }
}

/// `plan`, which stands for the rows of `view`, behind a barrier. Its columns are the view's, so
/// that no name from below is told above. Subqueries without a correlation get a barrier each:
/// DataFusion plans them beside the query and not below the view.
///
/// # Errors
/// DataFusion's own.
pub fn guarded(plan: LogicalPlan, view: impl Into<TableReference>) -> Result<LogicalPlan> {
    let view = view.into();
    let name = view.to_string();
    let behind = |plan: LogicalPlan| {
        LogicalPlan::Extension(Extension { node: Arc::new(SecurityBarrier::new(&name, plan)) })
    };
    let guard_subquery = |expression: Expr| {
        Ok(match expression {
            Expr::ScalarSubquery(subquery) if subquery.outer_ref_columns.is_empty() => {
                let columns = subquery.subquery.schema().columns();
                let plan = behind(Arc::unwrap_or_clone(subquery.subquery));
                // DataFusion asks the plan of a subquery for an expression; ours has none.
                let plan = LogicalPlanBuilder::from(plan).project(columns)?.build()?;
                let subquery = Subquery { subquery: Arc::new(plan), ..subquery };
                Transformed::yes(Expr::ScalarSubquery(subquery))
            }
            expression => Transformed::no(expression),
        })
    };
    let guarded = plan.transform_up_with_subqueries(|node| {
        node.map_expressions(|expression| expression.transform_up(guard_subquery))
    })?;
    Ok(behind(LogicalPlanBuilder::from(guarded.data).alias(view)?.build()?))
}

/// The outermost barriers of a plan: views whose inside its caller may not see, with that inside.
pub fn views_in(plan: &LogicalPlan) -> Vec<(String, LogicalPlan)> {
    let mut views = Vec::new();
    // Nothing here fails.
    let _ = plan.apply_with_subqueries(|node| {
        Ok(match SecurityBarrier::of(node) {
            Some(barrier) => {
                views.push((barrier.view.to_string(), barrier.input.clone()));
                TreeNodeRecursion::Jump
            }
            None => TreeNodeRecursion::Continue,
        })
    });
    views
}

impl UserDefinedLogicalNodeCore for SecurityBarrier {
    fn name(&self) -> &str {
        "SecurityBarrier"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        Vec::new()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecurityBarrier: view={}", self.view)
    }

    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, inputs: Vec<LogicalPlan>) -> Result<Self> {
        match <[_; 1]>::try_from(inputs) {
            Ok([input]) => self.over(input),
            Err(inputs) => internal_err!("a security barrier has {} inputs", inputs.len()),
        }
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output_columns.to_vec()])
    }

    fn supports_limit_pushdown(&self) -> bool {
        true
    }
}

impl PartialEq for SecurityBarrier {
    fn eq(&self, other: &Self) -> bool {
        (&self.view, &self.input) == (&other.view, &other.input)
    }
}

impl Eq for SecurityBarrier {}

impl Hash for SecurityBarrier {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.view, &self.input).hash(state);
    }
}

impl PartialOrd for SecurityBarrier {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (&self.view, &self.input).partial_cmp(&(&other.view, &other.input))
    }
}
