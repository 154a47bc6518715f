"""Every type from SQL to Python, with its exact Arrow type and a null of it."""

import datetime as dt
import decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conftest import DATA

UTC = dt.timezone.utc
D = decimal.Decimal

# SQL expression, Arrow type on the wire, value in Python.
SCALARS = [
    ("CAST(true AS BOOLEAN)", pa.bool_(), True),
    ("CAST(-128 AS TINYINT)", pa.int8(), -128),
    ("CAST(-32768 AS SMALLINT)", pa.int16(), -32768),
    ("CAST(-2147483648 AS INTEGER)", pa.int32(), -(2**31)),
    ("CAST(9223372036854775807 AS BIGINT)", pa.int64(), 2**63 - 1),
    ("CAST(0.5 AS REAL)", pa.float32(), 0.5),
    ("CAST(-1.25e100 AS DOUBLE)", pa.float64(), -1.25e100),
    ("CAST('-12345678.90' AS DECIMAL(10, 2))", pa.decimal128(10, 2), D("-12345678.90")),
    ("CAST('0.000001' AS DECIMAL(38, 6))", pa.decimal128(38, 6), D("0.000001")),
    ("CAST('zwölf' AS VARCHAR)", pa.string(), "zwölf"),
    ("CAST('' AS VARCHAR)", pa.string(), ""),
    ("DATE '2024-02-29'", pa.date32(), dt.date(2024, 2, 29)),
    ("DATE '1969-12-31'", pa.date32(), dt.date(1969, 12, 31)),
    ("CAST('23:59:59.999999' AS TIME)", pa.time64("ns"), dt.time(23, 59, 59, 999999)),
    ("TIMESTAMP '2024-02-29 12:34:56.789012'", pa.timestamp("ns"), dt.datetime(2024, 2, 29, 12, 34, 56, 789012)),
    ("arrow_cast('2024-02-29T12:34:56', 'Timestamp(Second, None)')", pa.timestamp("s"), dt.datetime(2024, 2, 29, 12, 34, 56)),
    ("arrow_cast('2024-02-29T12:34:56.789', 'Timestamp(Millisecond, None)')", pa.timestamp("ms"), dt.datetime(2024, 2, 29, 12, 34, 56, 789000)),
    ("arrow_cast('2024-02-29T12:34:56.789012', 'Timestamp(Microsecond, None)')", pa.timestamp("us"), dt.datetime(2024, 2, 29, 12, 34, 56, 789012)),
    ("arrow_cast('2024-02-29T12:34:56Z', 'Timestamp(Microsecond, Some(\"UTC\"))')", pa.timestamp("us", "UTC"), dt.datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)),
    ("arrow_cast('2024-02-29T12:34:56Z', 'Timestamp(Millisecond, Some(\"+02:00\"))')", pa.timestamp("ms", "+02:00"), dt.datetime(2024, 2, 29, 12, 34, 56, tzinfo=UTC)),
    ("arrow_cast(X'00ff', 'Binary')", pa.binary(), b"\x00\xff"),
    ("[1, 2, NULL]", pa.list_(pa.int64()), [1, 2, None]),
    ("['a', '']", pa.list_(pa.string()), ["a", ""]),
    ("[[1], [2, 3]]", pa.list_(pa.list_(pa.int64())), [[1], [2, 3]]),
    ("named_struct('a', 1, 'b', 'x')", None, {"a": 1, "b": "x"}),
    ("MAP {'k': 1, 'l': 2}", None, [("k", 1), ("l", 2)]),
    ("INTERVAL '1 month 2 days 3 seconds'", pa.month_day_nano_interval(), pa.MonthDayNano([1, 2, 3_000_000_000])),
]

NULLS = [
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "REAL", "DOUBLE", "DECIMAL(10, 2)", "VARCHAR", "DATE", "TIME",
    "TIMESTAMP", "BYTEA",
]


def one_value(cursor, sql):
    cursor.execute(sql)
    table = cursor.fetch_arrow_table()
    assert table.num_rows == 1 and table.num_columns == 1
    table.validate(full=True)
    return table.schema.field(0), table.column(0)[0].as_py()


def same_type(found: pa.DataType, expected: pa.DataType) -> bool:
    """Names of list items differ between makers and mean nothing."""
    if pa.types.is_list(found) and pa.types.is_list(expected):
        return same_type(found.value_type, expected.value_type)
    return found == expected


@pytest.mark.parametrize("expression, arrow, value", SCALARS, ids=[row[0] for row in SCALARS])
def test_a_value_arrives_with_its_type(cursor, expression, arrow, value):
    field, found = one_value(cursor, f"SELECT {expression} AS v")
    assert found == value
    assert field.name == "v"
    assert arrow is None or same_type(field.type, arrow), field.type


@pytest.mark.parametrize("expression, value", [
    ("CAST(255 AS TINYINT UNSIGNED)", 255),
    ("CAST(65535 AS SMALLINT UNSIGNED)", 65535),
    ("CAST(4294967295 AS INTEGER UNSIGNED)", 4294967295),
    ("CAST(18446744073709551615 AS BIGINT UNSIGNED)", 18446744073709551615),
    ("arrow_cast('x', 'LargeUtf8')", "x"),
    ("arrow_cast('x', 'Utf8View')", "x"),
    ("arrow_cast('x', 'Dictionary(Int32, Utf8)')", "x"),
    ("arrow_cast(X'00', 'LargeBinary')", b"\x00"),
    ("arrow_cast(X'00', 'BinaryView')", b"\x00"),
    ("arrow_cast([1], 'LargeList(Int64)')", [1]),
    ("arrow_cast([1, 2], 'FixedSizeList(2, Int64)')", [1, 2]),
    ("arrow_cast('1.50', 'Decimal256(50, 2)')", D("1.50")),
    ("arrow_cast(1000, 'Duration(Millisecond)')", dt.timedelta(seconds=1)),
    ("arrow_cast(0, 'Date64')", dt.date(1970, 1, 1)),
], ids=lambda value: str(value)[:50])
def test_types_that_drivers_lack_arrive_with_their_value(cursor, expression, value):
    _, found = one_value(cursor, f"SELECT {expression} AS v")
    assert found == value


@pytest.mark.parametrize("sql_type", NULLS)
def test_a_null_of_each_type_arrives(cursor, sql_type):
    field, found = one_value(cursor, f"SELECT CAST(NULL AS {sql_type}) AS v")
    assert found is None
    assert field.nullable


def test_a_plain_null_arrives(cursor):
    cursor.execute("SELECT NULL AS v")
    assert cursor.fetchall() == [(None,)]


@pytest.mark.parametrize("name", ["typed", "nested"])
def test_a_file_comes_back_as_it_is(cursor, name):
    path = f"{DATA}/{name}.parquet"
    cursor.execute(f"CREATE EXTERNAL TABLE IF NOT EXISTS {name}_here STORED AS PARQUET LOCATION '{path}'")
    cursor.execute(f"SELECT * FROM {name}_here ORDER BY id")
    found = cursor.fetch_arrow_table()
    expected = pq.read_table(path)
    assert found.column_names == expected.column_names
    assert found.to_pylist() == expected.to_pylist()
    for column in expected.column_names:
        assert same_type(found.schema.field(column).type, expected.schema.field(column).type) or pa.types.is_nested(
            expected.schema.field(column).type
        ), column


def test_columns_of_one_name_arrive_both(cursor):
    cursor.execute("SELECT 1 AS a, 2 AS b")
    assert cursor.fetch_arrow_table().column_names == ["a", "b"]
