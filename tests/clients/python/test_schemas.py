"""One schema everywhere: FlightInfo, prepared statement, GetSchema and stream."""

import pytest

from conftest import DATA, connect
from wire import Client, command, field, statement

QUERIES = [
    "SELECT 1",
    "SELECT 1 AS a, 'x' AS b, NULL AS c, true AS d",
    "SELECT * FROM schemas_typed",
    "SELECT * FROM schemas_nested",
    "SELECT id, name, price FROM schemas_typed WHERE false",
    "SELECT count(*) AS n, sum(price) AS p, avg(double) AS m, min(name) FROM schemas_typed",
    "SELECT flag, count(*) FROM schemas_typed GROUP BY flag ORDER BY flag",
    "SELECT a.id, b.name FROM schemas_typed a LEFT JOIN schemas_typed b ON a.id = b.id + 1",
    "SELECT row_number() OVER (ORDER BY id) AS r, lag(name) OVER (ORDER BY id) AS l FROM schemas_typed",
    "SELECT id FROM schemas_typed UNION ALL SELECT NULL",
    "SELECT CASE WHEN id > 2 THEN 'a' END AS c, coalesce(name, '-') AS d FROM schemas_typed",
    "SELECT unnest(tags) FROM schemas_nested",
    "SELECT arrow_cast(name, 'Dictionary(Int32, Utf8)') AS d, arrow_cast(name, 'LargeUtf8') AS l FROM schemas_typed",
    "WITH c AS (SELECT id + 1 AS i FROM schemas_typed) SELECT i FROM c ORDER BY i LIMIT 2",
    "VALUES (1, 'a'), (2, NULL)",
    "SHOW TABLES",
    "DESCRIBE schemas_typed",
    "SELECT * FROM information_schema.tables",
    "EXPLAIN SELECT * FROM schemas_typed",
]

COMMANDS = [
    command("CommandGetCatalogs"),
    command("CommandGetDbSchemas"),
    command("CommandGetTables"),
    command("CommandGetTables", field(5, True)),
    command("CommandGetTableTypes"),
    command("CommandGetSqlInfo"),
    command("CommandGetXdbcTypeInfo"),
    command("CommandGetPrimaryKeys", field(3, "schemas_typed")),
    command("CommandGetExportedKeys", field(3, "schemas_typed")),
    command("CommandGetImportedKeys", field(3, "schemas_typed")),
    command("CommandGetCrossReference", field(3, "schemas_typed") + field(6, "schemas_typed")),
]


@pytest.fixture(scope="module", autouse=True)
def datasets():
    with connect() as connection, connection.cursor() as cursor:
        for name in ("typed", "nested"):
            cursor.execute(
                f"CREATE EXTERNAL TABLE IF NOT EXISTS schemas_{name} STORED AS PARQUET LOCATION '{DATA}/{name}.parquet'"
            )


@pytest.fixture(scope="module")
def client():
    with Client() as made:
        yield made


def stream_schema(client, info):
    readers = [client.read(endpoint.ticket) for endpoint in info.endpoints]
    assert readers, "a query without an endpoint"
    schemas = [reader.schema for reader in readers]
    for reader in readers:
        reader.read_all().validate(full=True)
    assert all(schema.equals(schemas[0]) for schema in schemas)
    return schemas[0]


@pytest.mark.parametrize("sql", QUERIES)
def test_the_schema_of_a_query_is_the_same_everywhere(client, sql):
    info = client.info(statement(sql))
    handle, prepared, is_update = client.prepare(sql)
    assert is_update == 0, "is_update is set, and says that rows come"
    by_handle = client.info(command("CommandPreparedStatementQuery", field(1, handle)))
    seen = {
        "FlightInfo": info.schema,
        "GetSchema": client.schema(statement(sql)),
        "stream": stream_schema(client, info),
        "prepared statement": prepared,
        "FlightInfo of the prepared statement": by_handle.schema,
        "GetSchema of the prepared statement": client.schema(command("CommandPreparedStatementQuery", field(1, handle))),
        "stream of the prepared statement": stream_schema(client, by_handle),
    }
    different = {name: str(schema) for name, schema in seen.items() if not schema.equals(info.schema)}
    assert not different, f"FlightInfo: {info.schema}"


@pytest.mark.parametrize("descriptor", COMMANDS, ids=lambda d: d.command[46:76].decode(errors="replace"))
def test_the_schema_of_a_catalog_command_is_the_same_everywhere(client, descriptor):
    info = client.info(descriptor)
    assert stream_schema(client, info).equals(info.schema)
    assert client.schema(descriptor).equals(info.schema)


def test_a_query_tells_its_identifier(client):
    info = client.info(statement("SELECT 1"))
    query_id = info.app_metadata.decode() if isinstance(info.app_metadata, bytes) else info.app_metadata
    assert len(query_id) == 36


def test_locations_are_left_empty_for_the_same_server(client):
    info = client.info(statement("SELECT 1"))
    assert all(not endpoint.locations for endpoint in info.endpoints)


def test_ordered_rows_come_from_one_endpoint_or_are_marked_ordered(client):
    info = client.info(statement("SELECT id FROM schemas_typed ORDER BY id DESC"))
    assert len(info.endpoints) == 1 or info.ordered
    assert client.fetch(info).column(0).to_pylist() == [4, 3, 2, 1]
