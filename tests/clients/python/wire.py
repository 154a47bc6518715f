"""Flight SQL messages by hand, so that tests can send what no driver would."""

import base64

import pyarrow as pa
import pyarrow.flight as flight

from conftest import ADDRESS, PASSWORD, USER

PREFIX = "type.googleapis.com/arrow.flight.protocol.sql."


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def field(number: int, value: bytes | str | bool | int) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(int(value))
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def fields(message: bytes) -> dict[int, list[bytes | int]]:
    """The fields of a message: numbers as int, all else as bytes."""
    found, at = {}, 0

    def read() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        key = read()
        number, kind = key >> 3, key & 7
        if kind == 0:
            value = read()
        elif kind == 2:
            length = read()
            value = message[at : at + length]
            at += length
        else:
            length = {1: 8, 5: 4}[kind]
            value = message[at : at + length]
            at += length
        found.setdefault(number, []).append(value)
    return found


def packed(name: str, message: bytes = b"") -> bytes:
    """The message inside of google.protobuf.Any."""
    return field(1, PREFIX + name) + (field(2, message) if message else b"")


def unpacked(message: bytes) -> bytes:
    return fields(message).get(2, [b""])[0]


def command(name: str, message: bytes = b"") -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(packed(name, message))


def statement(sql: str) -> flight.FlightDescriptor:
    return command("CommandStatementQuery", field(1, sql))


class Client:
    """A Flight client with a bearer token, or with whatever credential a test gives it."""

    def __init__(self, user: str = USER, password: str = PASSWORD):
        self.flight = flight.connect(f"grpc://{ADDRESS}")
        token = self.flight.authenticate_basic_token(user, password)
        self.options = flight.FlightCallOptions(headers=[token], timeout=60)

    def info(self, descriptor: flight.FlightDescriptor) -> flight.FlightInfo:
        return self.flight.get_flight_info(descriptor, self.options)

    def schema(self, descriptor: flight.FlightDescriptor) -> pa.Schema:
        return self.flight.get_schema(descriptor, self.options).schema

    def read(self, ticket: flight.Ticket) -> flight.FlightStreamReader:
        return self.flight.do_get(ticket, self.options)

    def fetch(self, info: flight.FlightInfo) -> pa.Table:
        return pa.concat_tables(self.read(endpoint.ticket).read_all() for endpoint in info.endpoints)

    def act(self, kind: str, body: bytes) -> list[bytes]:
        results = self.flight.do_action(flight.Action(kind, body), self.options)
        return [result.body.to_pybytes() for result in results]

    def prepare(self, sql: str) -> tuple[bytes, pa.Schema | None, int | None]:
        """Handle, schema of the result and is_update of a new prepared statement."""
        body = packed("ActionCreatePreparedStatementRequest", field(1, sql))
        found = fields(unpacked(self.act("CreatePreparedStatement", body)[0]))
        ipc = found.get(2, [b""])[0]
        schema = pa.ipc.read_schema(pa.py_buffer(ipc)) if ipc else None
        return found[1][0], schema, found.get(4, [None])[0]

    def close(self) -> None:
        self.flight.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def basic(user: str, password: str, padded: bool = True) -> tuple[bytes, bytes]:
    text = base64.b64encode(f"{user}:{password}".encode())
    return b"authorization", b"Basic " + (text if padded else text.rstrip(b"="))
