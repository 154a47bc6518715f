"""The 22 queries of TPC-H through ADBC, with the answers of DuckDB on the same files."""

import decimal
import os
import pathlib

import duckdb
import duckdb_extension_tpch
import pytest

from conftest import TIER, connect, recent_queries

FOLDER = os.environ["LAKEGATE_TEST_TPCH"]
TABLES = ["region", "nation", "supplier", "customer", "part", "partsupp", "orders", "lineitem"]


@pytest.fixture(scope="module")
def reference():
    with duckdb.connect() as made:
        folder = pathlib.Path(duckdb_extension_tpch.__file__).parent
        made.load_extension(str(next(folder.rglob("tpch.duckdb_extension"))))
        for table in TABLES:
            made.execute(f"CREATE VIEW {table} AS SELECT * FROM read_parquet('{FOLDER}/{table}/*.parquet')")
        yield made


@pytest.fixture(scope="module")
def lakegate():
    with connect() as connection, connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(
                f"CREATE EXTERNAL TABLE IF NOT EXISTS {table} STORED AS PARQUET LOCATION '{FOLDER}/{table}/'"
            )
        cursor.execute(f"SET lakegate.execution.tier = '{TIER}'")
        yield cursor


def plain(value):
    """Values of both engines in one form: decimals, floats and whole numbers are numbers."""
    if isinstance(value, decimal.Decimal):
        return float(value)
    if hasattr(value, "hour"):
        return value.date()
    return value


def query(reference, number: int) -> str:
    return reference.execute("SELECT query FROM tpch_queries() WHERE query_nr = ?", [number]).fetchone()[0]


def equal(left, right) -> bool:
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return left == pytest.approx(right, rel=1e-6, abs=1e-6)
    return left == right


@pytest.mark.parametrize("number", range(1, 23))
def test_query(reference, lakegate, number):
    sql = query(reference, number)
    lakegate.execute(sql)
    table = lakegate.fetch_arrow_table()
    found = [tuple(plain(value) for value in row.values()) for row in table.to_pylist()]
    expected = [tuple(plain(value) for value in row) for row in reference.execute(sql).fetchall()]
    assert len(found) == len(expected)
    for index, (left, right) in enumerate(zip(found, expected)):
        assert len(left) == len(right)
        assert all(map(equal, left, right)), f"row {index}: {left}, DuckDB {right}"


def test_the_queries_ran_on_the_tier_that_was_asked_for():
    tiers = {query["tier"] for query in recent_queries() if query.get("tier") in ("local", "durable")}
    wanted = "durable" if TIER == "durable" else "local"
    assert wanted in tiers
