"""Cancelling: by the driver, by going away, over HTTP."""

import threading
import time

import adbc_driver_manager
import pytest

from conftest import active_queries, connect, http, wait_until

# Billions of rows into one: nothing comes back for a long time.
LONG = """SELECT count(*) FROM generate_series(1, 200000) AS a(x), generate_series(1, 200000) AS b(y)
WHERE (a.x * b.y) % 7 = 3"""
# Rows come at once and do not end.
ENDLESS = "SELECT a.x, b.y FROM generate_series(1, 1000000) AS a(x), generate_series(1, 1000000) AS b(y)"


def state(query_id):
    status, query = http(f"/api/v1/queries/{query_id}")
    assert status == 200, query
    return query["state"]


def new_query(before):
    return wait_until("the query to run", 10, lambda: active_queries() - before).pop()


def ends_as_cancelled_within_a_second(query_id, since):
    wait_until("the query to be cancelled", 5, lambda: state(query_id) == "cancelled")
    took = time.monotonic() - since
    assert took < 1.0, f"cancelled after {took:.2f} s"


def test_the_driver_cancels_a_query_that_has_not_answered():
    before = active_queries()
    with connect() as connection, connection.cursor() as cursor:
        caught = []

        def run():
            try:
                cursor.execute(LONG)
                cursor.fetchall()
            except (adbc_driver_manager.Error, OSError) as error:
                caught.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        query_id = new_query(before)
        since = time.monotonic()
        cursor.adbc_cancel()
        ends_as_cancelled_within_a_second(query_id, since)
        thread.join(10)
        assert not thread.is_alive()
        assert caught, "the cancelled call failed at the client"


def test_closing_a_half_read_result_cancels_the_query():
    before = active_queries()
    with connect() as connection:
        cursor = connection.cursor()
        cursor.execute(ENDLESS)
        reader = cursor.fetch_record_batch()
        reader.read_next_batch()
        query_id = new_query(before)
        since = time.monotonic()
        reader.close()
        cursor.close()
        ends_as_cancelled_within_a_second(query_id, since)


def test_a_query_is_cancelled_over_http():
    before = active_queries()
    with connect() as connection, connection.cursor() as cursor:
        caught = []

        def run():
            try:
                cursor.execute(LONG)
                cursor.fetchall()
            except (adbc_driver_manager.Error, OSError) as error:
                caught.append(str(error))

        thread = threading.Thread(target=run)
        thread.start()
        query_id = new_query(before)
        since = time.monotonic()
        status, answer = http(f"/api/v1/queries/{query_id}", method="DELETE")
        assert status in (200, 202, 204), answer
        ends_as_cancelled_within_a_second(query_id, since)
        thread.join(10)
        assert not thread.is_alive()
        assert caught and "query_cancelled" in caught[0]


def test_a_query_that_is_over_cannot_be_cancelled():
    status, _ = http("/api/v1/queries/00000000-0000-0000-0000-000000000000", method="DELETE")
    assert status == 404


@pytest.mark.parametrize("_", range(5))
def test_cancelling_again_and_again_leaves_nothing(_):
    test_closing_a_half_read_result_cancels_the_query()
    wait_until("no active query", 5, lambda: not active_queries())
