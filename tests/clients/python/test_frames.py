"""Data frames: pandas and polars over ADBC."""

import pandas
import polars
import polars.testing

from conftest import DATA

SQL = "SELECT n, n * 0.5 AS half, CASE WHEN n % 2 = 0 THEN 'even' END AS word FROM generate_series(1, 1000) AS t(n) ORDER BY n"


def test_pandas_reads_a_query(connection):
    frame = pandas.read_sql(SQL, connection)
    assert list(frame.columns) == ["n", "half", "word"]
    assert frame["n"].sum() == 500_500
    assert frame["word"].isna().sum() == 500


def test_pandas_reads_a_file_as_it_is(connection, cursor):
    cursor.execute(f"CREATE EXTERNAL TABLE IF NOT EXISTS frames_typed STORED AS PARQUET LOCATION '{DATA}/typed.parquet'")
    frame = pandas.read_sql("SELECT * FROM frames_typed ORDER BY id", connection, dtype_backend="pyarrow")
    expected = pandas.read_parquet(f"{DATA}/typed.parquet", dtype_backend="pyarrow")
    assert frame.shape == expected.shape
    assert frame["large"].tolist()[:2] == expected["large"].tolist()[:2]


def test_polars_reads_a_query(connection):
    frame = polars.read_database(SQL, connection)
    assert frame.shape == (1000, 3)
    assert frame["n"].sum() == 500_500


def test_polars_reads_a_file_as_it_is(connection, cursor):
    cursor.execute(f"CREATE EXTERNAL TABLE IF NOT EXISTS frames_typed STORED AS PARQUET LOCATION '{DATA}/typed.parquet'")
    columns = "id, flag, large, double, price, name, day, moment"
    frame = polars.read_database(f"SELECT {columns} FROM frames_typed ORDER BY id", connection)
    expected = polars.read_parquet(f"{DATA}/typed.parquet", columns=columns.split(", "))
    polars.testing.assert_frame_equal(frame, expected)
