//! The part of the history that a condition asks for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};
use lakegate_catalog::HistoryFilter;

/// The catalog keeps whole milliseconds.
const TICK: Duration = Duration::from_millis(1);

/// When the statements ended that can fulfil a condition. More than those may be in it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Period {
    since: Option<SystemTime>,
    until: Option<SystemTime>,
}

impl Period {
    /// The period of one condition: a comparison of `finished_at` or `submitted_at` with a time.
    /// `None` where it says nothing of when a statement ended.
    pub(super) fn of(condition: &Expr) -> Option<Self> {
        let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else { return None };
        let (Expr::Column(column), Expr::Literal(time, _)) = (left.as_ref(), right.as_ref()) else {
            return None;
        };
        let time = time_of(time)?;
        let since = Self { since: Some(time), until: None };
        let until = Self { since: None, until: Some(time.checked_add(TICK)?) };
        match (column.name(), op) {
            // Nothing ends before it comes.
            ("finished_at" | "submitted_at", Operator::Gt | Operator::GtEq) => Some(since),
            ("finished_at", Operator::Lt | Operator::LtEq) => Some(until),
            ("finished_at", Operator::Eq) => Some(Self { until: until.until, ..since }),
            _ => None,
        }
    }

    /// The period of all conditions together.
    pub(super) fn of_all(conditions: &[Expr]) -> Self {
        conditions.iter().filter_map(Self::of).fold(Self::default(), |all, one| Self {
            since: all.since.max(one.since),
            until: all.until.into_iter().chain(one.until).min(),
        })
    }

    /// `filter` within this period.
    pub(super) fn within(self, filter: HistoryFilter) -> HistoryFilter {
        HistoryFilter { since: self.since, until: self.until, ..filter }
    }
}

fn time_of(time: &ScalarValue) -> Option<SystemTime> {
    let ScalarValue::TimestampMicrosecond(Some(microseconds), _) = time else { return None };
    UNIX_EPOCH.checked_add(Duration::from_micros(u64::try_from(*microseconds).ok()?))
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

    use super::*;

    fn at(microseconds: i64) -> Expr {
        lit(ScalarValue::TimestampMicrosecond(Some(microseconds), Some("UTC".into())))
    }

    fn time(microseconds: u64) -> Option<SystemTime> {
        Some(UNIX_EPOCH + Duration::from_micros(microseconds))
    }

    #[test]
    fn times_of_conditions_narrow_the_period_and_others_do_not() {
        let conditions = [
            col("finished_at").gt_eq(at(2_000)),
            col("submitted_at").gt(at(3_000)),
            col("submitted_at").lt(at(4_000)),
            col("finished_at").lt(at(9_000)),
            col("finished_at").lt_eq(at(8_000)),
            col("principal").eq(lit("ann")),
            col("finished_at").gt(at(-1)),
        ];
        let period = Period::of_all(&conditions);
        assert_eq!(period, Period { since: time(3_000), until: time(9_000) });
        assert_eq!(Period::of(&conditions[2]), None);
        assert_eq!(Period::of_all(&[]), Period::default());
    }
}
