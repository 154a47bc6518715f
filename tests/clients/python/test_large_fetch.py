"""Many rows, wide rows and a slow reader."""

import time

import pyarrow.compute as pc

from conftest import active_queries, connect, wait_until

ROWS = 3_000_000


def test_millions_of_rows_arrive_complete(cursor):
    cursor.execute(f"SELECT n, n * 2 AS m, CAST(n AS VARCHAR) AS t FROM generate_series(1, {ROWS}) AS t(n)")
    rows = total = 0
    for batch in cursor.fetch_record_batch():
        rows += batch.num_rows
        total += sum(batch.column(0).to_numpy().tolist()) if rows == batch.num_rows else 0
    assert rows == ROWS


def test_the_first_rows_of_a_large_result_come_soon(cursor):
    cursor.execute("SELECT 1")
    cursor.fetchall()
    start = time.monotonic()
    cursor.execute(f"SELECT n FROM generate_series(1, {ROWS * 100}) AS t(n)")
    reader = cursor.fetch_record_batch()
    reader.read_next_batch()
    assert time.monotonic() - start < 2


def test_wide_values_come_in_messages_that_drivers_take(cursor):
    cursor.execute("SELECT repeat('x', 100000) AS wide FROM generate_series(1, 400) AS t(n)")
    table = cursor.fetch_arrow_table()
    assert table.num_rows == 400
    assert all(len(value) == 100_000 for value in table.column(0).to_pylist())


def test_a_hundred_columns_arrive(cursor):
    columns = ", ".join(f"n + {number} AS c{number}" for number in range(100))
    cursor.execute(f"SELECT {columns} FROM generate_series(1, 20000) AS t(n)")
    table = cursor.fetch_arrow_table()
    assert table.shape == (20_000, 100)
    assert pc.min(table.column("c99")).as_py() == 100
    assert pc.max(table.column("c99")).as_py() == 20_099


def test_a_reader_that_waits_holds_up_nobody():
    with connect() as slow, slow.cursor() as waiting:
        waiting.execute(f"SELECT n FROM generate_series(1, {ROWS * 10}) AS t(n)")
        waiting.fetch_record_batch().read_next_batch()
        with connect() as quick, quick.cursor() as cursor:
            for number in range(50):
                cursor.execute(f"SELECT {number}")
                assert cursor.fetchall() == [(number,)]
    wait_until("the slow query to be gone", 5, lambda: not active_queries())
