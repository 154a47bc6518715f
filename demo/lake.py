"""A whole Lakegate as plain processes: server, two executors, PostgreSQL for the catalog, MinIO for the data.

Starts them, loads the flights into a bucket, asks every query on both tiers, says how to connect, stays up.
`make lake` calls this; `--once` ends after the queries, with code 0 only when all of them succeeded.
docker-compose.yml starts the same picture where there is a container engine.
"""

import argparse
import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

from demo import fleet, load, run, show

EXECUTORS = 2
READY_SECONDS_MAX = 60


def tool(name):
    """A program on the search path, or one that tests/lake/setup.sh put into the cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lakegate" / "bin" / name
    found = shutil.which(name) or (cache if cache.is_file() else None)
    if found is None:
        raise fleet.StartError(f"there is no {name}: tests/lake/setup.sh tells why")
    return found


def free_address():
    """A free port of the loopback address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


class Postgres(fleet.Process):
    """A PostgreSQL server, which ends with this program."""

    def __init__(self, folder):
        super().__init__("postgres", [run.FOLDER / "postgres"], os.environ, folder, stdin=subprocess.PIPE)
        self.socket = f"/{self.wait_line('/')}"

    @property
    def url(self):
        """The URL of a catalog in it."""
        return f"postgres://catalog@{urllib.parse.quote(self.socket, safe='')}/postgres"

    def stop(self):
        """Ends the server: the script that started it waits for the end of its standard input."""
        try:
            self.child.stdin.close()
            return self.child.wait(fleet.STOP_SECONDS_MAX)
        except (OSError, subprocess.TimeoutExpired):
            return super().stop()


class Minio(fleet.Process):
    """A MinIO server with keys that nobody had before."""

    def __init__(self, folder):
        self.bucket = load.Bucket(f"http://{free_address()}", "lake", secrets.token_urlsafe(16))
        environment = dict(
            os.environ, MINIO_ROOT_USER=self.bucket.key, MINIO_ROOT_PASSWORD=self.bucket.secret, HOME=str(folder)
        )
        address = self.bucket.endpoint.removeprefix("http://")
        command = [tool("minio"), "server", "--quiet", "--address", address, folder / "minio"]
        super().__init__("minio", command, environment, folder)
        self._wait_until_ready()

    def _wait_until_ready(self):
        deadline = time.monotonic() + READY_SECONDS_MAX
        while True:
            try:
                with urllib.request.urlopen(f"{self.bucket.endpoint}/minio/health/ready", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                self.check_alive()
                if time.monotonic() > deadline:
                    raise fleet.StartError(f"MinIO is not ready\n{self.log_tail()}") from None
                time.sleep(fleet.POLL_SECONDS)


def where(postgres, minio):
    """What runs beside Lakegate."""
    return f"""
Catalog   PostgreSQL, psql -h {postgres.socket} -U catalog postgres
Objects   MinIO, {minio.bucket.endpoint}   key {minio.bucket.key}   secret {minio.bucket.secret}
          s3://{load.BUCKET}/{load.FOLDER}/"""


def lake(arguments, folder, parts):
    """Starts everything, in `parts` what must be stopped; gives the exit code."""
    print("starting PostgreSQL and MinIO")
    postgres = Postgres(folder)
    parts.callback(postgres.stop)
    minio = Minio(folder)
    parts.callback(minio.stop)
    print(f"starting the server and {EXECUTORS} executors")
    listen = "127.0.0.1:0" if arguments.once else fleet.default_address()
    variables = {"LAKEGATE_CATALOG_URL": postgres.url}
    with fleet.Fleet(EXECUTORS, listen, variables=variables) as running:
        with run.connect(running) as connection:
            load.load(minio.bucket, connection)
            wrong = run.ask_all(running, connection)
        print(show.how_to_connect(running, fleet.binary()))
        print(where(postgres, minio), flush=True)
        if wrong:
            print(f"\n{wrong} answers were wrong", file=sys.stderr)
            return 1
        if not arguments.once:
            try:
                run.stay([running.server, *running.executors, postgres, minio])
            except KeyboardInterrupt:
                print("\nstopping", flush=True)
    return 0


def started_and_stopped(arguments):
    """The whole life of a lake; gives the exit code."""
    folder = Path(tempfile.mkdtemp(prefix="lakegate-lake-"))
    # What was started last is stopped first, and one that does not stop keeps none of the others.
    with contextlib.ExitStack() as parts:
        parts.callback(print, "stopped")
        parts.callback(shutil.rmtree, folder, ignore_errors=True)
        return lake(arguments, folder, parts)


def main():
    """Reads the arguments and runs the lake."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--once", action="store_true", help="end after the queries instead of staying up")
    arguments = parser.parse_args()
    run.run(lambda: started_and_stopped(arguments))


if __name__ == "__main__":
    main()
