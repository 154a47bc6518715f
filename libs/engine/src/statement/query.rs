//! What every query goes through before it is planned, whatever statement it is part of.

use datafusion::sql::sqlparser::ast::Statement as Sql;

use super::Error;
use super::distinct_from::bind_distinct_from;
use super::literals::keep_exact;
use super::multisets::refuse_counted_set_operations;
use super::repeated_columns::name_repeated;

/// Makes of a query what the planner reads as its writer means it.
///
/// # Errors
/// The planner would answer it wrongly.
pub(super) fn settle(query: &mut Sql) -> Result<(), Error> {
    refuse_counted_set_operations(query)?;
    bind_distinct_from(query);
    keep_exact(query);
    name_repeated(query);
    Ok(())
}
