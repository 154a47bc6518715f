"""The engines that a benchmark compares.

`answer(sql)` gives the whole answer as a pyarrow table. `stream(sql)`, of those in this process, gives record
batches as they come; those that are served have a `url` and a `tier` instead. `close()` ends it. Each reads the same Parquet files; none keeps a copy of the data in a format of its own.
"""

import os

import datafusion
import duckdb
import pyarrow as pa
from adbc_driver_flightsql import dbapi

from benchmarks.data import TABLES
from demo import fleet

CORES = os.cpu_count()


class DuckDb:
    """DuckDB in this process; its answers are the reference."""

    name = "duckdb"

    def __init__(self, folder):
        self.connection = duckdb.connect()
        self.connection.execute(f"SET threads = {CORES}")
        for table in TABLES:
            self.connection.execute(f"CREATE VIEW {table} AS FROM '{folder}/{table}.parquet'")

    def answer(self, sql):
        """The whole answer."""
        return self.connection.execute(sql).to_arrow_table()

    def stream(self, sql):
        """Record batches as they come."""
        return iter(self.connection.execute(sql).to_arrow_reader(8192))

    def write(self, sql, folder):
        """Writes the rows of a query to Parquet files below a folder."""
        self.connection.execute(f"COPY ({sql}) TO '{folder}' (FORMAT parquet, PER_THREAD_OUTPUT true)")

    def close(self):
        """Ends the engine."""
        self.connection.close()


class DataFusion:
    """DataFusion in this process, one partition a core."""

    name = "datafusion"

    def __init__(self, folder):
        self.context = datafusion.SessionContext(datafusion.SessionConfig().with_target_partitions(CORES))
        for table in TABLES:
            self.context.register_parquet(table, f"{folder}/{table}.parquet")

    def answer(self, sql):
        """The whole answer."""
        frame = self.context.sql(sql)
        return pa.Table.from_batches(frame.collect(), schema=frame.schema())

    def stream(self, sql):
        """Record batches as they come."""
        return (batch.to_pyarrow() for batch in self.context.sql(sql).execute_stream())

    def write(self, sql, folder):
        """Writes the rows of a query to Parquet files below a folder."""
        self.context.sql(f"COPY ({sql}) TO '{folder}/' STORED AS PARQUET OPTIONS ('compression' 'snappy')").collect()

    def close(self):
        """Ends the engine."""


class Lakegate:
    """Lakegate in one tier, asked through one kept ADBC connection."""

    def __init__(self, name, running, tier):
        self.name = name
        self.running = running
        self.url = running.url
        self.tier = tier
        credentials = {"username": fleet.USER, "password": fleet.PASSWORD}
        self.connection = dbapi.connect(running.url, db_kwargs=credentials, autocommit=True)
        self.answer(f"SET lakegate.execution.tier = '{tier}'")

    def create_tables(self, folder):
        """Creates the TPC-H tables over the files of a folder; once a server."""
        for table in TABLES:
            self.answer(f"CREATE EXTERNAL TABLE {table} STORED AS PARQUET LOCATION '{folder}/{table}.parquet'")

    def answer(self, sql):
        """The whole answer."""
        with self.connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetch_arrow_table()

    def write(self, sql, _folder):
        """Makes a table of the rows of a query, where the server has its tables."""
        self.answer(f"CREATE TABLE written AS {sql}")

    def forget(self):
        """Drops what `write` made."""
        self.answer("DROP TABLE written")

    def close(self):
        """Ends the connection; the processes belong to the fleet."""
        self.connection.close()
