//! What `range` and `generate_series` make, in bytes: lists of numbers, days or times.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, IntervalMonthDayNano, IntervalMonthDayNanoType, TimeUnit,
    TimestampNanosecondType,
};
use datafusion::common::Result;

use super::call::{Call, Values};

const NUMBER_BYTES: u64 = 8;
const DATE_BYTES: u64 = 4;
const TIME_BYTES: u64 = 8;
/// A day in nanoseconds.
const DAY: i128 = 86_400 * 1_000_000_000;
/// Days from 1970 to the last year that a date can be counted to, and back to the first, or a little
/// more.
const LAST_DAY: i128 = 96_000_000;
/// The most that the clocks of a zone were ever put forward and back.
const ZONE_SHIFT: i128 = 2 * DAY;

/// `range(start, stop, step)`, or `generate_series` where `with_stop` is true.
pub(super) fn size(call: &Call<'_>, with_stop: bool) -> Result<u64> {
    let Some(first) = call.arguments.first() else { return Ok(0) };
    match first.data_type() {
        DataType::Int64 => {
            Ok(call.sum(|row| numbers(call, row, with_stop).saturating_mul(NUMBER_BYTES)))
        }
        DataType::Date32 | DataType::Date64 => dates(call, with_stop),
        DataType::Timestamp(_, zone) => {
            let has_zone = zone.is_some();
            times(call, &DataType::Timestamp(TimeUnit::Nanosecond, zone), has_zone, with_stop)
        }
        _ => Ok(0),
    }
}

fn numbers(call: &Call<'_>, row: usize, with_stop: bool) -> u64 {
    let number = |argument| call.integer(argument, row);
    let (start, stop, step) = match call.arguments.len() {
        1 => (Some(0), number(0), Some(1)),
        2 => (number(0), number(1), Some(1)),
        _ => (number(0), number(1), number(2)),
    };
    match (start, stop, step) {
        (Some(start), Some(stop), Some(step)) => count(start, stop, step, with_stop),
        _ => 0,
    }
}

/// How many numbers there are. A step of 0 is refused by the function itself.
fn count(start: i64, stop: i64, step: i64, with_stop: bool) -> u64 {
    let is_up = step > 0;
    let is_empty = if is_up { start > stop } else { start < stop };
    if step == 0 || is_empty || (!with_stop && start == stop) {
        return 0;
    }
    let distance = start.abs_diff(stop) - u64::from(!with_stop);
    (distance / step.unsigned_abs()).saturating_add(1)
}

fn dates(call: &Call<'_>, with_stop: bool) -> Result<u64> {
    let Some((start, stop, steps)) = bounds(call, &DataType::Date32)? else { return Ok(0) };
    let day = |values: &Values, row| {
        let days = values.array.as_primitive_opt::<Date32Type>()?;
        let at = values.at(row);
        days.is_valid(at).then(|| i128::from(days.value(at)) * DAY)
    };
    Ok(call.sum(|row| {
        let (Some(start), Some(stop), Some(step)) =
            (day(&start, row), day(&stop, row), step_of(&steps, row))
        else {
            return 0;
        };
        let stride = Stride {
            months: step.months.into(),
            days: step.days.into(),
            // Dates take whole days of it.
            rest: i128::from(step.nanoseconds) / DAY * DAY,
        };
        if stride.months == 0 && stride.days == 0 {
            // Refused by the function itself.
            return 0;
        }
        // The function stops at the other side when it takes the step for one of the other direction.
        let seems_up = stride.months >= 0 && stride.days >= 0;
        let is_as_it_seems = stride.least().is_some_and(|least| (least > 0) == seems_up);
        let stop = is_as_it_seems.then_some(stop);
        stride.count(start, stop, LAST_DAY * DAY, with_stop).saturating_mul(DATE_BYTES)
    }))
}

fn times(call: &Call<'_>, to: &DataType, has_zone: bool, with_stop: bool) -> Result<u64> {
    let Some((start, stop, steps)) = bounds(call, to)? else { return Ok(0) };
    let time = |values: &Values, row| {
        let times = values.array.as_primitive_opt::<TimestampNanosecondType>()?;
        let at = values.at(row);
        times.is_valid(at).then(|| i128::from(times.value(at)))
    };
    Ok(call.sum(|row| {
        let (Some(start), Some(stop), Some(step)) =
            (time(&start, row), time(&stop, row), step_of(&steps, row))
        else {
            return 0;
        };
        let stride = Stride {
            months: step.months.into(),
            days: step.days.into(),
            rest: step.nanoseconds.into(),
        };
        if stride.is_nothing() {
            // Refused by the function itself.
            return 0;
        }
        // Days have other lengths where clocks are changed, so that a step may seem to lead to the
        // other side.
        let stop = (!has_zone || !stride.is_mixed()).then(|| match stride.least() {
            Some(least) if has_zone && stride.has_days() => stop + ZONE_SHIFT * least.signum(),
            _ => stop,
        });
        stride.count(start, stop, i64::MAX.into(), with_stop).saturating_mul(TIME_BYTES)
    }))
}

/// Start, stop and step; `None` where one is missing.
fn bounds(call: &Call<'_>, to: &DataType) -> Result<Option<(Values, Values, Values)>> {
    let (Some(start), Some(stop), Some(steps)) =
        (call.values(0)?, call.values(1)?, call.values(2)?)
    else {
        return Ok(None);
    };
    Ok(Some((start.cast_to(to)?, stop.cast_to(to)?, steps)))
}

fn step_of(steps: &Values, row: usize) -> Option<IntervalMonthDayNano> {
    let intervals = steps.array.as_primitive_opt::<IntervalMonthDayNanoType>()?;
    let at = steps.at(row);
    intervals.is_valid(at).then(|| intervals.value(at))
}

/// The way from one day or time to the next.
#[derive(Clone, Copy)]
struct Stride {
    months: i128,
    days: i128,
    /// Nanoseconds.
    rest: i128,
}

impl Stride {
    fn is_nothing(self) -> bool {
        self.months == 0 && self.days == 0 && self.rest == 0
    }

    fn has_days(self) -> bool {
        self.months != 0 || self.days != 0
    }

    /// Whether a part leads back and another one forth.
    fn is_mixed(self) -> bool {
        let parts = [self.months, self.days, self.rest];
        parts.iter().any(|part| *part > 0) && parts.iter().any(|part| *part < 0)
    }

    /// The least way of one step in nanoseconds, negative where it leads back; `None` where one that
    /// leads nowhere is possible, because months have 28 to 31 days.
    fn least(self) -> Option<i128> {
        let (short, long) = if self.months >= 0 { (28, 31) } else { (31, 28) };
        let way = |days_of_month: i128| (self.months * days_of_month + self.days) * DAY + self.rest;
        let (low, high) = (way(short), way(long));
        if low > 0 {
            Some(low)
        } else if high < 0 {
            Some(high)
        } else {
            None
        }
    }

    /// How many steps there are from `start` to `stop`, or a little more; `None` stands for the end
    /// of time, which is `end` away from 1970 on both sides.
    fn count(self, start: i128, stop: Option<i128>, end: i128, with_stop: bool) -> u64 {
        let Some(least) = self.least() else { return u64::MAX };
        let stop = stop.unwrap_or(end * least.signum());
        let distance = (stop - start) * least.signum() - i128::from(!with_stop);
        if distance < 0 {
            return 0;
        }
        u64::try_from(distance / least.abs() + 1).unwrap_or(u64::MAX)
    }
}
