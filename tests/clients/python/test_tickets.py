"""What is not signed by the server for this user is refused, whatever it is; garbage harms nothing."""

import random

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from conftest import URI
from wire import Client, command, field, packed, statement

SQL = "SELECT n FROM generate_series(1, 10) AS t(n)"
REFUSED = (pa.ArrowInvalid, pa.ArrowKeyError, pa.ArrowNotImplementedError, flight.FlightError, pa.ArrowException, OSError)


@pytest.fixture
def client():
    with Client() as made:
        yield made


def changed(data: bytes):
    """The bytes with one bit changed at each of many places, cut short, and longer."""
    for at in range(0, len(data), max(1, len(data) // 40)):
        yield data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    yield data[:-1]
    yield data[: len(data) // 2]
    yield data + b"\0"
    yield b""


def test_an_altered_ticket_is_refused(client):
    info = client.info(statement(SQL))
    ticket = info.endpoints[0].ticket.ticket
    for altered in changed(ticket):
        with pytest.raises(REFUSED):
            client.read(flight.Ticket(altered)).read_all()
    assert client.fetch(client.info(statement(SQL))).num_rows == 10


def test_an_altered_handle_is_refused(client):
    handle, _, _ = client.prepare(SQL)
    for altered in changed(handle):
        if altered == handle:
            continue
        with pytest.raises(REFUSED):
            client.info(command("CommandPreparedStatementQuery", field(1, altered)))
    assert client.fetch(client.info(command("CommandPreparedStatementQuery", field(1, handle)))).num_rows == 10


def test_a_handle_is_printable(client):
    handle, _, _ = client.prepare(SQL)
    assert handle.decode("ascii").isprintable()


def test_a_ticket_without_credentials_is_refused(client):
    info = client.info(statement(SQL))
    stranger = flight.connect(URI)
    with pytest.raises(flight.FlightUnauthenticatedError):
        stranger.do_get(info.endpoints[0].ticket).read_all()
    stranger.close()


def test_a_made_up_token_is_refused():
    stranger = flight.connect(URI)
    for token in (b"Bearer x", b"Bearer ", b"Bearer " + b"a" * 5000, b"Basic !!!", b"Negotiate abc", b""):
        options = flight.FlightCallOptions(headers=[(b"authorization", token)], timeout=10)
        with pytest.raises(flight.FlightUnauthenticatedError):
            stranger.get_flight_info(statement(SQL), options)
    stranger.close()


def test_a_ticket_of_another_connection_of_the_same_user_is_read_or_refused_cleanly(client):
    info = client.info(statement(SQL))
    with Client() as other:
        try:
            assert other.fetch(info).num_rows == 10
        except REFUSED as error:
            assert "ticket_" in str(error)


def test_closing_a_statement_twice_is_no_fault(client):
    handle, _, _ = client.prepare(SQL)
    body = packed("ActionClosePreparedStatementRequest", field(1, handle))
    client.act("ClosePreparedStatement", body)
    try:
        client.act("ClosePreparedStatement", body)
    except REFUSED as error:
        assert "internal" not in str(error).lower()


def bytes_of(generator: random.Random) -> bytes:
    """Random bytes, or a real message with random parts."""
    noise = generator.randbytes(generator.choice([0, 1, 5, 50, 500, 5000]))
    names = ["CommandStatementQuery", "CommandGetTables", "CommandPreparedStatementQuery", "TicketStatementQuery",
             "CommandGetSqlInfo", "CommandStatementIngest", "CommandGetXdbcTypeInfo", "CommandStatementSubstraitPlan",
             "CommandStatementUpdate", "NoSuchMessage", "ActionCreatePreparedStatementRequest"]
    return generator.choice([noise, packed(generator.choice(names), noise), field(1, noise), field(2, noise)])


ACTIONS = ["CreatePreparedStatement", "ClosePreparedStatement", "CreatePreparedSubstraitPlan", "BeginTransaction",
           "EndTransaction", "BeginSavepoint", "EndSavepoint", "CancelQuery", "CancelFlightInfo",
           "RenewFlightEndpoint", "SetSessionOptions", "GetSessionOptions", "NoSuchAction", ""]


@pytest.mark.parametrize("seed", range(8))
def test_garbage_on_every_call_harms_nothing(client, seed):
    generator = random.Random(seed)
    options = client.options

    def put(data):
        writer, reader = client.flight.do_put(flight.FlightDescriptor.for_command(data), pa.schema([]), options)
        writer.done_writing()
        reader.read()
        writer.close()

    calls = [
        lambda data: client.info(flight.FlightDescriptor.for_command(data)),
        lambda data: client.info(flight.FlightDescriptor.for_path(data[:20])),
        lambda data: client.schema(flight.FlightDescriptor.for_command(data)),
        lambda data: client.read(flight.Ticket(data)).read_all(),
        lambda data: client.act(generator.choice(ACTIONS), data),
        lambda data: list(client.flight.list_flights(data, options)),
        put,
    ]
    for _ in range(60):
        try:
            generator.choice(calls)(bytes_of(generator))
        except REFUSED as error:
            assert "panicked" not in str(error)
    assert client.fetch(client.info(statement(SQL))).num_rows == 10


def test_a_raw_statement_as_descriptor_is_answered(client):
    info = client.info(flight.FlightDescriptor.for_command(b"SELECT 1 AS one"))
    assert client.fetch(info).to_pylist() == [{"one": 1}]


def test_the_actions_are_listed(client):
    listed = {action.type for action in client.flight.list_actions(client.options)}
    assert {"CreatePreparedStatement", "ClosePreparedStatement"} <= listed
