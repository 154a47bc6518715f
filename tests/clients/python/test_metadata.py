"""What exists, asked through ADBC's metadata calls."""

import pyarrow as pa
import pytest

from conftest import DATA, connect


@pytest.fixture(scope="module", autouse=True)
def datasets():
    with connect() as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS meta")
        cursor.execute(f"CREATE EXTERNAL TABLE IF NOT EXISTS meta.typed STORED AS PARQUET LOCATION '{DATA}/typed.parquet'")
        cursor.execute("CREATE OR REPLACE VIEW meta.names AS SELECT id, name FROM meta.typed")


def objects(connection, **filters):
    """{(catalog, schema): {table: (type, [columns])}}"""
    found = {}
    for catalog in connection.adbc_get_objects(**filters).read_all().to_pylist():
        for schema in catalog["catalog_db_schemas"] or []:
            tables = {
                table["table_name"]: (table["table_type"], [c["column_name"] for c in table["table_columns"] or []])
                for table in schema["db_schema_tables"] or []
            }
            found[catalog["catalog_name"], schema["db_schema_name"]] = tables
    return found


def test_objects_hold_datasets_and_views_with_columns(connection):
    found = objects(connection)["lakegate", "meta"]
    assert set(found) == {"typed", "names"}
    assert found["names"][1] == ["id", "name"]
    assert found["names"][0] == "VIEW"
    assert found["typed"][1][:3] == ["id", "flag", "tiny"]


@pytest.mark.parametrize("depth", ["catalogs", "db_schemas", "tables", "columns", "all"])
def test_objects_of_each_depth(connection, depth):
    catalogs = connection.adbc_get_objects(depth=depth).read_all().to_pylist()
    assert "lakegate" in [catalog["catalog_name"] for catalog in catalogs]


def test_filters_are_patterns(connection):
    found = objects(connection, db_schema_filter="met%", table_name_filter="typ_d")
    assert {key: set(tables) for key, tables in found.items() if tables} == {("lakegate", "meta"): {"typed"}}


def test_a_filter_that_fits_nothing_finds_nothing(connection):
    found = objects(connection, table_name_filter="no such thing")
    assert not any(found.values())


def test_the_schema_of_a_table_is_told(connection):
    schema = connection.adbc_get_table_schema("names", db_schema_filter="meta")
    assert schema.names == ["id", "name"]
    assert schema.field("id").type == pa.int32()


def test_table_types_are_told(connection):
    assert {"TABLE", "VIEW"} & set(connection.adbc_get_table_types())
    assert "VIEW" in connection.adbc_get_table_types()


def test_info_names_product_and_version(connection):
    info = connection.adbc_get_info()
    assert info["vendor_name"] == "Lakegate"
    assert info["vendor_version"]


def test_current_catalog_and_schema_can_be_read_and_set(connection):
    assert connection.adbc_current_catalog == "lakegate"
    assert connection.adbc_current_db_schema == "public"
    connection.adbc_current_db_schema = "meta"
    assert connection.adbc_current_db_schema == "meta"
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM names")
        assert cursor.fetchall() == [(4,)]
