//! Values that must be there, at any depth of a column.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Field};
use datafusion::common::{Result, exec_err};

/// Checks that `values` has a value wherever `field` takes no NULL. What lies below a NULL is not
/// there and is not looked at.
///
/// # Errors
/// A value is missing; the text says where.
pub(super) fn check_present(field: &Field, values: &ArrayRef) -> Result<()> {
    let all = BooleanBuffer::new_set(values.len());
    match missing(field, values, &all, field.name()) {
        None => Ok(()),
        Some(Missing { path, count }) => {
            exec_err!("column {path:?} takes no NULL, and {count} of the rows to write have none")
        }
    }
}

struct Missing {
    path: String,
    count: usize,
}

/// The first place at which values are missing among those in `there`.
fn missing(field: &Field, values: &ArrayRef, there: &BooleanBuffer, path: &str) -> Option<Missing> {
    let there = match values.nulls() {
        None => there.clone(),
        Some(nulls) => {
            let present = there & nulls.inner();
            let count = there.count_set_bits() - present.count_set_bits();
            if count > 0 && !field.is_nullable() {
                return Some(Missing { path: path.to_string(), count });
            }
            present
        }
    };
    if !has_required(field.data_type()) {
        return None;
    }
    match field.data_type() {
        DataType::Struct(fields) => {
            let columns = values.as_struct_opt()?.columns();
            fields.iter().zip(columns).find_map(|(field, values)| {
                missing(field, values, &there, &format!("{path}.{}", field.name()))
            })
        }
        DataType::List(item) => {
            let list = values.as_list_opt::<i32>()?;
            let there = items_there(list.offsets(), &there, list.values().len());
            missing(item, list.values(), &there, &format!("{path}.element"))
        }
        DataType::Map(entries, _) => {
            let map = values.as_map_opt()?;
            let DataType::Struct(pair) = entries.data_type() else { return None };
            let there = items_there(map.offsets(), &there, map.entries().len());
            let mut columns = pair.iter().zip(map.entries().columns()).zip(["key", "value"]);
            columns.find_map(|((field, values), name)| {
                missing(field, values, &there, &format!("{path}.{name}"))
            })
        }
        _ => None,
    }
}

/// Those items that belong to lists in `there`.
fn items_there(offsets: &[i32], there: &BooleanBuffer, items: usize) -> BooleanBuffer {
    let mut belong = vec![false; items];
    let lists = offsets.windows(2).enumerate().filter(|(list, _)| there.value(*list));
    for (_, bounds) in lists {
        if let [Ok(start), Ok(end)] = [bounds[0], bounds[1]].map(usize::try_from)
            && let Some(own) = belong.get_mut(start..end)
        {
            own.fill(true);
        }
    }
    BooleanBuffer::from(belong)
}

/// Whether a type has a part that takes no NULL, keys of maps aside: Arrow lets none be missing.
fn has_required(data_type: &DataType) -> bool {
    let part = |field: &Field| !field.is_nullable() || has_required(field.data_type());
    match data_type {
        DataType::Struct(fields) => fields.iter().any(|field| part(field)),
        DataType::List(item) => part(item),
        DataType::Map(entries, _) => match entries.data_type() {
            DataType::Struct(pair) if pair.len() == 2 => {
                has_required(pair[0].data_type()) || part(&pair[1])
            }
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int32Array, ListArray, MapArray, StringArray, StructArray};
    use arrow::buffer::{NullBuffer, OffsetBuffer};

    use super::*;

    fn field(name: &str, data_type: DataType, is_nullable: bool) -> Field {
        Field::new(name, data_type, is_nullable)
    }

    fn numbers(values: impl IntoIterator<Item = Option<i32>>) -> ArrayRef {
        Arc::new(values.into_iter().collect::<Int32Array>())
    }

    /// As rows come: with parts that all take NULL.
    fn structs(values: ArrayRef, nulls: Vec<bool>) -> ArrayRef {
        let fields = vec![field("a", DataType::Int32, true)].into();
        Arc::new(StructArray::new(fields, vec![values], Some(NullBuffer::from(nulls))))
    }

    fn lists(values: ArrayRef, lengths: &[usize], nulls: Vec<bool>) -> ArrayRef {
        let item = Arc::new(field("element", values.data_type().clone(), true));
        let offsets = OffsetBuffer::from_lengths(lengths.iter().copied());
        Arc::new(ListArray::new(item, offsets, values, Some(NullBuffer::from(nulls))))
    }

    fn told(field: &Field, values: &ArrayRef) -> String {
        check_present(field, values).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn a_part_of_a_struct_may_lack_only_where_the_struct_does() {
        let part = vec![field("a", DataType::Int32, false)];
        let column = field("s", DataType::Struct(part.into()), true);
        let values = || numbers([Some(1), None]);
        assert_eq!(told(&column, &structs(values(), vec![true, false])), "");
        let told = told(&column, &structs(values(), vec![true, true]));
        assert!(told.contains("\"s.a\" takes no NULL, and 1 of"), "{told}");
    }

    #[test]
    fn items_of_lists_and_what_is_in_them_must_be_there() {
        let item = Arc::new(field("element", DataType::Int32, false));
        let column = field("l", DataType::List(item), true);
        let values = || numbers([Some(1), None, Some(3)]);
        assert_eq!(told(&column, &lists(values(), &[1, 1, 1], vec![true, false, true])), "");
        let all = lists(values(), &[1, 2], vec![true, true]);
        let text = told(&column, &all);
        assert!(text.contains("\"l.element\""), "{text}");
        // A slice looks at its own items alone.
        assert_eq!(told(&column, &all.slice(0, 1)), "");

        let part = vec![field("a", DataType::Int32, false)];
        let item = Arc::new(field("element", DataType::Struct(part.into()), true));
        let column = field("l", DataType::List(item), true);
        let items = structs(numbers([None, None]), vec![false, true]);
        let text = told(&column, &lists(items, &[1, 1], vec![true, true]));
        assert!(text.contains("\"l.element.a\""), "{text}");
    }

    #[test]
    fn values_of_maps_must_be_there() {
        let pair = |is_nullable| {
            let fields = vec![
                field("key", DataType::Utf8, false),
                field("value", DataType::Int32, is_nullable),
            ];
            Arc::new(field("key_value", DataType::Struct(fields.into()), false))
        };
        let keys: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
        let DataType::Struct(fields) = pair(true).data_type().clone() else { unreachable!() };
        let entries = StructArray::new(fields, vec![keys, numbers([Some(1), None])], None);
        let offsets = OffsetBuffer::from_lengths([2]);
        let map: ArrayRef = Arc::new(MapArray::new(pair(true), offsets, entries, None, false));
        assert_eq!(told(&field("m", DataType::Map(pair(true), false), true), &map), "");
        let text = told(&field("m", DataType::Map(pair(false), false), true), &map);
        assert!(text.contains("\"m.value\""), "{text}");
    }
}
