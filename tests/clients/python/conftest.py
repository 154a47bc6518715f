"""What all client tests share: the server that the Rust target started, and connections to it."""

import base64
import json
import os
import time
import urllib.error
import urllib.request

import adbc_driver_flightsql.dbapi as flightsql
import adbc_driver_manager
import pytest

ADDRESS = os.environ["LAKEGATE_TEST_ADDRESS"]
USER = os.environ["LAKEGATE_TEST_USER"]
PASSWORD = os.environ["LAKEGATE_TEST_PASSWORD"]
DATA = os.environ["LAKEGATE_TEST_DATA"]
TIER = os.environ.get("LAKEGATE_TEST_TIER", "auto")

URI = f"grpc://{ADDRESS}"


def connect(user: str = USER, password: str = PASSWORD, **options):
    """A connection as the ADBC driver makes it."""
    credentials = {"username": user, "password": password}
    return flightsql.connect(URI, db_kwargs=credentials, autocommit=True, **options)


def http(path: str, method: str = "GET"):
    """Status and JSON (or text) of a request to the HTTP side of the same port."""
    request = urllib.request.Request(f"http://{ADDRESS}{path}", method=method)
    basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    request.add_header("Authorization", f"Basic {basic}")
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            status, body = response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read().decode()
    try:
        return status, json.loads(body)
    except ValueError:
        return status, body


def recent_queries() -> list[dict]:
    status, answer = http("/api/v1/queries")
    assert status == 200, answer
    return answer if isinstance(answer, list) else answer["queries"]


def active_queries() -> set[str]:
    return {q["query_id"] for q in recent_queries() if q["state"] in ("planning", "running")}


def wait_until(what: str, seconds: float, probe):
    """Looks until `probe` answers something true, and hands it on."""
    end = time.monotonic() + seconds
    while True:
        seen = probe()
        if seen:
            return seen
        assert time.monotonic() < end, f"waited {seconds} s for {what}"
        time.sleep(0.02)


def error_text(error: BaseException) -> str:
    """What the server said, without what the driver puts before it."""
    return str(error)


@pytest.fixture
def connection():
    with connect() as made:
        yield made


@pytest.fixture
def cursor(connection):
    with connection.cursor() as made:
        yield made


@pytest.fixture(autouse=True)
def server_is_unharmed():
    """After every test, whatever it did, the server is healthy and answers."""
    yield
    for path in ("/healthz", "/readyz"):
        status, answer = http(path)
        assert status == 200, f"{path}: {answer}"
    with connect() as made, made.cursor() as cursor:
        cursor.execute("SELECT 6 * 7")
        assert cursor.fetchall() == [(42,)]


ProgrammingError = adbc_driver_manager.ProgrammingError
