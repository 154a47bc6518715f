"""Sail behind its own Flight SQL server: a peer for what a client waits for, small queries and large results."""

import socket
import tempfile
import time
from pathlib import Path

from adbc_driver_flightsql import dbapi

from demo import fleet


class Sail:
    """A server of Sail in a process of its own; use it in a `with` statement."""

    name = "sail"
    tier = "-"

    def __init__(self, program):
        self.program = program
        self.process = None
        self.url = None

    def __enter__(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.folder = tempfile.TemporaryDirectory(prefix="lakegate-bench-")
        command = [self.program, "flight", "server", "--port", port]
        self.process = fleet.Process("sail", command, fleet.without_settings(), Path(self.folder.name))
        self.url = f"grpc://127.0.0.1:{port}"
        self._wait(port)
        return self

    def _wait(self, port):
        deadline = time.monotonic() + fleet.READY_SECONDS_MAX
        while time.monotonic() < deadline:
            self.process.check_alive()
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                time.sleep(fleet.POLL_SECONDS)
        self.__exit__()
        raise fleet.StartError(f"sail did not open its port within {fleet.READY_SECONDS_MAX} s")

    def create_tables(self, folder):
        """Makes `lineitem` known; all connections share one session."""
        view = "CREATE OR REPLACE TEMPORARY VIEW lineitem USING parquet"
        with dbapi.connect(self.url, autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute(f"{view} OPTIONS (path '{folder}/lineitem.parquet')")
            cursor.fetch_arrow_table()

    def __exit__(self, *_):
        self.process.stop()
        self.folder.cleanup()
