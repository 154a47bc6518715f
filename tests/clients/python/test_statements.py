"""Statements without rows, empty results and failures, as the DBAPI shows them."""

import adbc_driver_manager
import pytest

from adbc_driver_manager import AdbcStatusCode

from conftest import DATA, recent_queries


def tables(cursor, schema):
    cursor.execute(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}' ORDER BY 1")
    return [row[0] for row in cursor.fetchall()]


def test_a_definition_is_carried_out_once_without_fetching(cursor):
    cursor.execute("CREATE SCHEMA once")
    assert cursor.rowcount in (-1, 0)
    with pytest.raises(adbc_driver_manager.Error) as caught:
        cursor.execute("CREATE SCHEMA once")
    assert "already_exists" in str(caught.value)
    cursor.execute("DROP SCHEMA once")


def test_a_definition_can_be_sent_as_a_script(connection, cursor):
    cursor.executescript("CREATE SCHEMA script")
    cursor.execute(f"CREATE EXTERNAL TABLE script.t STORED AS PARQUET LOCATION '{DATA}/typed.parquet'")
    assert tables(cursor, "script") == ["t"]
    cursor.executescript("DROP SCHEMA script CASCADE")
    assert tables(cursor, "script") == []


@pytest.mark.parametrize("sql, columns", [
    ("SELECT 1 AS a WHERE false", ["a"]),
    ("SELECT n AS a, 'x' AS b FROM generate_series(1, 10) AS t(n) WHERE n > 10", ["a", "b"]),
    ("SELECT 1 AS a LIMIT 0", ["a"]),
])
def test_an_empty_result_has_its_columns(cursor, sql, columns):
    cursor.execute(sql)
    table = cursor.fetch_arrow_table()
    assert (table.num_rows, table.column_names) == (0, columns)
    cursor.execute(sql)
    assert [column[0] for column in cursor.description] == columns
    assert cursor.fetchall() == []


@pytest.mark.parametrize("sql, code, status", [
    ("SELEC 1", "syntax_error", AdbcStatusCode.INVALID_ARGUMENT),
    ("SELECT * FROM nowhere", "table_not_found", AdbcStatusCode.NOT_FOUND),
    ("SELECT nothing FROM (SELECT 1 AS a)", "column_not_found", AdbcStatusCode.INVALID_ARGUMENT),
    ("SELECT no_such_function(1)", "function_not_found", AdbcStatusCode.INVALID_ARGUMENT),
    ("SET lakegate.execution.tier = 'x'", "invalid_setting", AdbcStatusCode.INVALID_ARGUMENT),
    (f"CREATE EXTERNAL TABLE e STORED AS PARQUET LOCATION '{DATA}/only_notes/'", "location_empty", AdbcStatusCode.INVALID_ARGUMENT),
    (f"CREATE EXTERNAL TABLE e STORED AS PARQUET LOCATION '{DATA}/words.parquet'", "invalid_file", AdbcStatusCode.INVALID_ARGUMENT),
    ("DROP SCHEMA nowhere", "schema_not_found", AdbcStatusCode.NOT_FOUND),
    ("SELECT 1 / (n - n) FROM generate_series(1, 2) AS t(n)", "data_error", AdbcStatusCode.INVALID_ARGUMENT),
])
def test_a_failure_has_its_code_and_status(cursor, sql, code, status):
    with pytest.raises(adbc_driver_manager.Error) as caught:
        cursor.execute(sql)
        cursor.fetchall()
    assert f"{code}: " in str(caught.value)
    assert caught.value.status_code == status


def test_a_failed_query_is_listed_with_its_code(cursor):
    with pytest.raises(adbc_driver_manager.Error):
        cursor.execute("SELECT 1 / (n - n) FROM generate_series(1, 3) AS t(n)")
        cursor.fetchall()
    errors = [query["error"]["code"] for query in recent_queries() if query.get("error")]
    assert "data_error" in errors


def test_the_schema_of_a_statement_is_told_without_running_it(cursor):
    schema = cursor.adbc_execute_schema("SELECT 1 AS a, 'x' AS b")
    assert schema.names == ["a", "b"]


def test_partitions_can_be_read_one_by_one(connection, cursor):
    partitions, schema = cursor.adbc_execute_partitions("SELECT n FROM generate_series(1, 1000) AS t(n)")
    rows = 0
    for partition in partitions:
        with connection.cursor() as other:
            other.adbc_read_partition(partition)
            rows += other.fetch_arrow_table().num_rows
    assert rows == 1000
    assert schema.names == ["n"]


def test_a_statement_of_a_megabyte_is_answered_or_refused(cursor):
    sql = "SELECT 1 -- " + "x" * 1_000_000
    try:
        cursor.execute(sql)
        assert cursor.fetchall() == [(1,)]
    except adbc_driver_manager.Error as error:
        assert "limit_exceeded" in str(error)
