"""Compares the answers of two engines to the same statement.

Rows are compared as a multiset, because engines may order what a query leaves open. What a query does
order is compared as a sequence besides: the values of the `ORDER BY` columns, in result order.

Numbers are equal when they differ by at most `ABSOLUTE`, or by at most `RELATIVE` of the larger one.
`ABSOLUTE` is two units in the sixth decimal place: an average of DECIMAL(15,2) has six places in DataFusion,
where the last is cut, and is a floating-point number in DuckDB. `RELATIVE` covers sums of floating-point
numbers, which depend on the order of addition. All other values must be the same.
"""

import datetime
import decimal
import math
import re

ABSOLUTE = 2e-6
RELATIVE = 1e-9

# Differences named in a report; more of them say nothing new.
DIFFERENCES_MAX = 5

NUMBER = (int, float, decimal.Decimal)


def same_value(left, right):
    """Whether two values of a row are equal."""
    if left is None or right is None:
        return left is right
    if isinstance(left, bool) or isinstance(right, bool):
        return left == right
    if isinstance(left, NUMBER) and isinstance(right, NUMBER):
        return same_number(left, right)
    return plain(left) == plain(right)


def same_number(left, right):
    """Whether two numbers are equal within the tolerance; NaN equals NaN."""
    if left == right:
        return True
    one, other = float(left), float(right)
    if math.isnan(one) or math.isnan(other):
        return math.isnan(one) and math.isnan(other)
    if isinstance(left, int) and isinstance(right, int):
        return False
    return math.isclose(one, other, rel_tol=RELATIVE, abs_tol=ABSOLUTE)


def plain(value):
    """A value in the form both engines share: midnight as its date."""
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date()
    return value


def sort_key(row):
    """Sorts rows alike in both engines: exact columns first, numbers that may differ a little last."""
    exact, inexact = [], []
    for value in row:
        if value is None:
            exact.append((0, ""))
        elif isinstance(value, (float, decimal.Decimal)):
            inexact.append(float(value))
        elif isinstance(value, int):
            inexact.append(value)
        else:
            exact.append((1, str(plain(value))))
    return (exact, inexact)


def order_columns(sql, names):
    """Indexes of the result columns that the outermost `ORDER BY` of `sql` names, in its order.

    Ends at the first key that is not a plain column of the result: what follows it cannot be checked.
    """
    found = re.search(r"order\s+by\s+((?:(?!order\s+by)[^()])*)$", sql, re.IGNORECASE)
    if not found:
        return []
    keys = re.split(r"\blimit\b", found[1], flags=re.IGNORECASE)[0]
    lower = [name.lower() for name in names]
    columns = []
    for key in keys.rstrip("; \n").split(","):
        words = key.split()
        name = words[0].split(".")[-1].strip('"').lower() if words else ""
        if name not in lower:
            break
        columns.append(lower.index(name))
    return columns


def differences(expected, actual, sql=""):
    """What differs between two pyarrow tables, as sentences; empty when the answers are equal."""
    if expected.num_columns != actual.num_columns:
        return [f"{actual.num_columns} columns instead of {expected.num_columns}"]
    if expected.num_rows != actual.num_rows:
        return [f"{actual.num_rows} rows instead of {expected.num_rows}"]
    expected_rows, actual_rows = rows(expected), rows(actual)
    found = []
    for index, (left, right) in enumerate(
        zip(sorted(expected_rows, key=sort_key), sorted(actual_rows, key=sort_key))
    ):
        if not all(map(same_value, left, right)):
            found.append(f"row {index} of the sorted answer: {right} instead of {left}")
    keys = order_columns(sql, expected.column_names)
    for index, (left, right) in enumerate(zip(expected_rows, actual_rows)):
        if not all(same_value(left[key], right[key]) for key in keys):
            found.append(f"row {index} is out of order: {right} instead of {left}")
    if len(found) > DIFFERENCES_MAX:
        found[DIFFERENCES_MAX:] = [f"and {len(found) - DIFFERENCES_MAX} more"]
    return found


def rows(table):
    """The rows of a pyarrow table as tuples of Python values."""
    columns = [column.to_pylist() for column in table.columns]
    return list(zip(*columns)) if columns else []
