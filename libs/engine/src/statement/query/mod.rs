//! What every query goes through before it is planned, whatever statement it is part of.

mod column_names;
mod counts;
mod distinct_from;
mod distinct_order;
mod fetch;
pub(super) mod literals;
mod multisets;
mod overlooked;
mod row_values;
mod samples;

use datafusion::sql::sqlparser::ast::Statement as Sql;

use super::Error;
use column_names::name_columns;
use counts::count_in_bigint;
use distinct_from::bind_distinct_from;
use distinct_order::order_by_position;
use fetch::limit_rows;
use literals::keep_exact;
use multisets::refuse_counted_set_operations;
use overlooked::refuse_overlooked;
use row_values::seek_rows;
use samples::sample_rows;

/// Makes of a query what the planner reads as its writer means it.
///
/// # Errors
/// The planner would answer it wrongly.
pub(super) fn settle(query: &mut Sql) -> Result<(), Error> {
    refuse_counted_set_operations(query)?;
    refuse_overlooked(query)?;
    sample_rows(query)?;
    limit_rows(query)?;
    bind_distinct_from(query);
    order_by_position(query);
    // From here on expressions are not as they were written.
    name_columns(query);
    seek_rows(query);
    keep_exact(query);
    count_in_bigint(query);
    Ok(())
}
