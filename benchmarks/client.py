"""A client program with nothing in it but the ADBC driver: measures small queries and result delivery.

It runs as a process of its own, because the driver shares threads and memory with what else is loaded: beside
DuckDB and DataFusion the same call takes half as long again.

Use: python -m benchmarks.client URL TIER (select1 | fetch); prints JSON. Without a tier, `-`, it asks a peer that
knows neither tiers nor passwords.
"""

import json
import sys
import time

from adbc_driver_flightsql import dbapi

from demo import fleet

WARM_UPS = 300
RUNS = 1000


def new_cursor(connection):
    """Asks `SELECT 1` with a cursor of its own, as most programs do."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetch_arrow_table()


def percentiles(action):
    """Latency of an action in seconds."""
    for _ in range(WARM_UPS):
        action()
    seconds = []
    for _ in range(RUNS):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    seconds.sort()
    at = lambda ratio: seconds[min(len(seconds) - 1, int(len(seconds) * ratio))]
    return {"p50": at(0.50), "p95": at(0.95), "p99": at(0.99), "runs": RUNS}


def select_1(connection):
    """`SELECT 1` over one connection: with a new cursor each time, and with one that is kept.

    The driver keeps the prepared statement of a cursor's last text, so the kept cursor needs two calls, the
    new one four.
    """
    found = {"new cursor": percentiles(lambda: new_cursor(connection))}
    with connection.cursor() as cursor:

        def kept_cursor():
            cursor.execute("SELECT 1")
            cursor.fetch_arrow_table()

        found["kept cursor"] = percentiles(kept_cursor)
    return found


def fetch(connection):
    """Reads all of `lineitem` once."""
    started = time.perf_counter()
    first, rows = None, 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM lineitem")
        for batch in cursor.fetch_record_batch():
            if first is None and batch.num_rows:
                first = time.perf_counter() - started
            rows += batch.num_rows
    return {"rows_per_second": rows / (time.perf_counter() - started), "first_batch": first}


def main():
    """Connects, sets the tier, measures one thing."""
    url, tier, what = sys.argv[1:]
    credentials = {} if tier == "-" else {"username": fleet.USER, "password": fleet.PASSWORD}
    with dbapi.connect(url, db_kwargs=credentials, autocommit=True) as connection:
        if tier != "-":
            with connection.cursor() as cursor:
                cursor.execute(f"SET lakegate.execution.tier = '{tier}'")
        new_cursor(connection)
        print(json.dumps({"select1": select_1, "fetch": fetch}[what](connection)))


if __name__ == "__main__":
    main()
