//! Refuses set operations that the planner would answer wrongly.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Query, SetExpr, SetOperator, SetQuantifier, Statement as Sql, Visit, Visitor,
};

use crate::statement::Error;

/// `INTERSECT ALL` and `EXCEPT ALL` keep as many copies of a row as the standard says; the planner
/// makes semi joins and anti joins of them, which do not count copies.
pub(super) fn refuse_counted_set_operations(sql: &Sql) -> Result<(), Error> {
    match sql.visit(&mut CountedSetOperations) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(operator) => Err(Error::Unsupported {
            what: format!("{operator} ALL"),
            instead: Some("leave ALL out where copies of a row do not count"),
        }),
    }
}

struct CountedSetOperations;

impl Visitor for CountedSetOperations {
    type Break = SetOperator;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Self::Break> {
        find(&query.body)
    }
}

fn find(body: &SetExpr) -> ControlFlow<SetOperator> {
    let SetExpr::SetOperation { op, set_quantifier, left, right } = body else {
        return ControlFlow::Continue(());
    };
    let counts = matches!(set_quantifier, SetQuantifier::All | SetQuantifier::AllByName);
    if counts && matches!(op, SetOperator::Intersect | SetOperator::Except | SetOperator::Minus) {
        return ControlFlow::Break(*op);
    }
    find(left)?;
    find(right)
}
