//! What functions of lists make, in bytes.

use arrow::array::{Array, ArrayRef, AsArray, OffsetSizeTrait, new_null_array};
use arrow::datatypes::DataType;
use datafusion::common::Result;

use super::call::{Call, bytes};

/// What a number of the row that a value comes from takes; `array_repeat` makes one for each value.
const INDEX_BYTES: u64 = 8;
/// What a view of a text takes; the text itself is shared.
const VIEW_BYTES: u64 = 16;
/// The text of a number or a time, about.
const NUMBER_TEXT_BYTES: u64 = 24;

/// `array_repeat(element, count)`.
pub(super) fn repeat(call: &Call<'_>) -> Result<u64> {
    let Some(elements) = call.values(0)? else { return Ok(0) };
    let made = call.sum(|row| {
        let element = span(&elements.array, elements.at(row), 1, INDEX_BYTES);
        element.saturating_mul(call.count(1, row))
    });
    Ok(made.max(call.spread()))
}

/// `array_resize(list, size, fill)`.
pub(super) fn resize(call: &Call<'_>) -> Result<u64> {
    let (Some(lists), fills) = (call.values(0)?, call.values(2)?) else { return Ok(0) };
    let (DataType::List(field) | DataType::LargeList(field)) = lists.array.data_type() else {
        return Ok(0);
    };
    let null = span(&new_null_array(field.data_type(), 1), 0, 1, 0);
    let made = call.sum(|row| {
        let Some(list) = List::at(&lists.array, lists.at(row)) else { return 0 };
        let size = call.count(1, row);
        let kept = usize::try_from(size).unwrap_or(usize::MAX).min(list.length);
        let fill = fills.as_ref().map_or(null, |fills| span(&fills.array, fills.at(row), 1, 0));
        let added = fill.saturating_mul(size - bytes(kept));
        span(list.values, list.start, kept, 0).saturating_add(added)
    });
    Ok(made.max(call.spread()))
}

/// `array_replace_all(list, from, to)` and `array_replace_n`, which replace at most `times` values
/// of a row. What is replaced is not looked at: all of a list may be.
pub(super) fn replace(call: &Call<'_>, times: impl Fn(usize) -> u64) -> Result<u64> {
    let (Some(lists), Some(tos)) = (call.values(0)?, call.values(2)?) else { return Ok(0) };
    if tos.array.data_type().is_primitive() {
        return Ok(0);
    }
    let made = call.sum(|row| {
        let Some(list) = List::at(&lists.array, lists.at(row)) else { return 0 };
        let replaced = times(row).min(bytes(list.length));
        let to = span(&tos.array, tos.at(row), 1, 0);
        span(list.values, list.start, list.length, 0).saturating_add(to.saturating_mul(replaced))
    });
    Ok(made.max(call.spread()))
}

/// `array_to_string(list, delimiter, text of NULL)`.
pub(super) fn to_text(call: &Call<'_>) -> Result<u64> {
    let Some(lists) = call.values(0)? else { return Ok(0) };
    let made = call.sum(|row| {
        let (Some(list), Some(delimiter)) =
            (List::at(&lists.array, lists.at(row)), call.text(1, row))
        else {
            return 0;
        };
        let delimiter = bytes(delimiter.len());
        // Without a text, NULL is left out.
        let null = call.text(2, row).map_or(0, |text| delimiter.saturating_add(bytes(text.len())));
        let joined = text_of(list.values, list.start, list.length, delimiter, null);
        joined.saturating_sub(delimiter)
    });
    Ok(made.max(call.spread()))
}

/// The values of one list.
struct List<'a> {
    values: &'a ArrayRef,
    start: usize,
    length: usize,
}

impl<'a> List<'a> {
    /// `None` for NULL and for what is no list.
    fn at(array: &'a ArrayRef, row: usize) -> Option<Self> {
        if array.is_null(row) {
            return None;
        }
        let (values, (start, length)) = match array.data_type() {
            DataType::List(_) => {
                let lists = array.as_list::<i32>();
                (lists.values(), within(lists.value_offsets(), row, 1))
            }
            DataType::LargeList(_) => {
                let lists = array.as_list::<i64>();
                (lists.values(), within(lists.value_offsets(), row, 1))
            }
            _ => return None,
        };
        Some(Self { values, start, length })
    }
}

/// Where the parts of `length` slots begin, and how many there are.
fn within<O: OffsetSizeTrait>(offsets: &[O], start: usize, length: usize) -> (usize, usize) {
    let first = offsets[start].as_usize();
    (first, offsets[start + length].as_usize() - first)
}

/// What `length` slots of an array take from `start` on, and `each` besides for every slot at any
/// depth.
fn span(array: &ArrayRef, start: usize, length: usize, each: u64) -> u64 {
    let slots = |width: u64| bytes(length).saturating_mul(width.saturating_add(each));
    let text =
        |offset: u64, (_, length): (usize, usize)| slots(offset).saturating_add(bytes(length));
    let list = |offset: u64, values: &ArrayRef, (start, length): (usize, usize)| {
        slots(offset).saturating_add(span(values, start, length, each))
    };
    match array.data_type() {
        DataType::Utf8 => text(4, within(array.as_string::<i32>().value_offsets(), start, length)),
        DataType::LargeUtf8 => {
            text(8, within(array.as_string::<i64>().value_offsets(), start, length))
        }
        DataType::Binary => {
            text(4, within(array.as_binary::<i32>().value_offsets(), start, length))
        }
        DataType::LargeBinary => {
            text(8, within(array.as_binary::<i64>().value_offsets(), start, length))
        }
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            list(4, lists.values(), within(lists.value_offsets(), start, length))
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            list(8, lists.values(), within(lists.value_offsets(), start, length))
        }
        DataType::Map(..) => {
            let maps = array.as_map();
            let (start, length) = within(maps.value_offsets(), start, length);
            let columns = maps.entries().columns().iter();
            columns
                .fold(slots(4), |sum, column| sum.saturating_add(span(column, start, length, each)))
        }
        DataType::FixedSizeList(_, size) => {
            let size = usize::try_from(*size).unwrap_or(0);
            list(1, array.as_fixed_size_list().values(), (start * size, length * size))
        }
        DataType::Struct(_) => array
            .as_struct()
            .columns()
            .iter()
            .fold(slots(1), |sum, column| sum.saturating_add(span(column, start, length, each))),
        DataType::FixedSizeBinary(size) => slots(u64::try_from(*size).unwrap_or(0)),
        DataType::Dictionary(key, _) => slots(key.primitive_width().map_or(VIEW_BYTES, bytes)),
        DataType::Boolean | DataType::Null => slots(1),
        // Views, and what is made of views.
        other => slots(other.primitive_width().map_or(VIEW_BYTES, bytes)),
    }
}

/// The text of `length` slots from `start` on, with a delimiter before each value, and `null` bytes
/// for each NULL.
fn text_of(array: &ArrayRef, start: usize, length: usize, delimiter: u64, null: u64) -> u64 {
    let nulls = array.nulls().map_or(0, |nulls| nulls.slice(start, length).null_count());
    let of_nulls = bytes(nulls).saturating_mul(null);
    let delimiters = bytes(length - nulls).saturating_mul(delimiter);
    let list = |values: &ArrayRef, (start, length): (usize, usize)| {
        text_of(values, start, length, delimiter, null).saturating_add(of_nulls)
    };
    let texts = match array.data_type() {
        DataType::List(_) => {
            let lists = array.as_list::<i32>();
            return list(lists.values(), within(lists.value_offsets(), start, length));
        }
        DataType::LargeList(_) => {
            let lists = array.as_list::<i64>();
            return list(lists.values(), within(lists.value_offsets(), start, length));
        }
        DataType::FixedSizeList(_, size) => {
            let size = usize::try_from(*size).unwrap_or(0);
            return list(array.as_fixed_size_list().values(), (start * size, length * size));
        }
        DataType::Utf8 => bytes(within(array.as_string::<i32>().value_offsets(), start, length).1),
        DataType::LargeUtf8 => {
            bytes(within(array.as_string::<i64>().value_offsets(), start, length).1)
        }
        DataType::Utf8View => {
            let views = array.as_string_view();
            let valid = (start..start + length).filter(|row| views.is_valid(*row));
            valid.fold(0, |sum: u64, row| sum.saturating_add(bytes(views.value(row).len())))
        }
        _ => bytes(length - nulls).saturating_mul(NUMBER_TEXT_BYTES),
    };
    texts.saturating_add(delimiters).saturating_add(of_nulls)
}
