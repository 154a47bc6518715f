"""Two Delta tables over the same Parquet file: `lineitem_whole`, and `lineitem_left` with one row in a hundred deleted.

The log is written here, as the Delta protocol says, so that a table with a deletion vector needs no other engine.
"""

import base64
import json
import os
import random
import shutil
import string
import struct
import uuid
import zlib

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from pyroaring import BitMap64

from benchmarks import compare
from benchmarks.measure import summary, timed

WHOLE, LEFT = "lineitem_whole", "lineitem_left"
# One row in this many is deleted.
ONE_OF = 100
SEED = 1
VECTOR_MAGIC = 1681511377
FILE_FORMAT = 1
# Delta codes names as Z85, which has the digits of Python's base 85 in another order.
B85 = string.digits + string.ascii_uppercase + string.ascii_lowercase + "!#$%&()*+-;<=>?@^_`{|}~"
Z85 = string.digits + string.ascii_lowercase + string.ascii_uppercase + ".-:+=^!/*?&<>()[]{}@%$#"

# From one column, where telling rows apart weighs most, to whole rows.
CASES = {
    "one integer": "SELECT sum(l_partkey) FROM {table}",
    "one decimal": "SELECT sum(l_extendedprice) FROM {table}",
    "one date": "SELECT max(l_shipdate) FROM {table}",
    "one text": "SELECT max(l_comment) FROM {table}",
    "a filter": "SELECT sum(l_quantity) FROM {table} WHERE l_partkey < 1000",
    "a range": "SELECT count(*) FROM {table} WHERE l_orderkey BETWEEN 1000000 AND 1010000",
    "six columns": "SELECT l_returnflag, l_linestatus, sum(l_quantity), sum(l_extendedprice * (1 - l_discount)), avg(l_tax) "
    "FROM {table} GROUP BY l_returnflag, l_linestatus ORDER BY 1, 2",
    "whole rows": "SELECT * FROM {table} WHERE l_linenumber < 9",
}


def make(folder):
    """Makes both tables beside the file of `lineitem`, once a scale; gives their folders by name."""
    tables = {name: folder / name for name in (WHOLE, LEFT)}
    for name, path in tables.items():
        if path.is_dir():
            continue
        made = path.with_name(path.name + ".partial")
        shutil.rmtree(made, ignore_errors=True)
        (made / "_delta_log").mkdir(parents=True)
        os.link(folder / "lineitem.parquet", made / "part-0.parquet")
        write_log(made, rows_deleted(made / "part-0.parquet") if name == LEFT else None)
        made.rename(path)
    return tables


def rows_deleted(file):
    """The numbers of the rows of a file that are deleted, always the same ones."""
    rows = pq.read_metadata(file).num_rows
    return sorted(random.Random(SEED).sample(range(rows), rows // ONE_OF))


def write_log(table, deleted):
    """Writes version 0: the file, and what is deleted of it."""
    features = ["deletionVectors"]
    file = table / "part-0.parquet"
    schema = {"type": "struct", "fields": [delta_field(field) for field in pq.read_schema(file)]}
    add = {
        "path": file.name,
        "partitionValues": {},
        "size": file.stat().st_size,
        "modificationTime": 0,
        "dataChange": True,
        "stats": json.dumps({"numRecords": pq.read_metadata(file).num_rows}),
    }
    if deleted is not None:
        add["deletionVector"] = write_vector(table, deleted)
    actions = [
        {"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}},
        {
            "metaData": {
                "id": str(uuid.uuid4()),
                "format": {"provider": "parquet", "options": {}},
                "schemaString": json.dumps(schema),
                "partitionColumns": [],
                "configuration": {},
                "createdTime": 0,
            }
        },
        {"add": add},
    ]
    (table / "_delta_log" / f"{0:020}.json").write_text("".join(json.dumps(action) + "\n" for action in actions))


def delta_field(field):
    """A column as the log names it."""
    names = {"int64": "long", "int32": "integer", "date32[day]": "date"}
    kind = str(field.type)
    if kind.startswith("decimal"):
        kind = kind.replace("decimal128", "decimal").replace(" ", "")
    elif kind.startswith(("string", "large_string")):
        kind = "string"
    return {"name": field.name, "type": names.get(kind, kind), "nullable": True, "metadata": {}}


def write_vector(table, deleted):
    """Writes a deletion vector into a file of its own; gives its descriptor."""
    bits = struct.pack("<i", VECTOR_MAGIC) + BitMap64(deleted).serialize()
    name = uuid.uuid4()
    file = table / f"deletion_vector_{name}.bin"
    checksum = struct.pack(">I", zlib.crc32(bits))
    file.write_bytes(bytes([FILE_FORMAT]) + struct.pack(">i", len(bits)) + bits + checksum)
    return {
        "storageType": "u",
        "pathOrInlineDv": base64.b85encode(name.bytes).decode().translate(str.maketrans(B85, Z85)),
        "offset": 1,
        "sizeInBytes": len(bits),
        "cardinality": len(deleted),
    }


def expected(folder, sql):
    """DuckDB's answer over the rows that are left."""
    connection = duckdb.connect()
    file = folder / "lineitem.parquet"
    deleted = pa.table({"row": pa.array(rows_deleted(file), pa.int64())})
    connection.register("deleted", deleted)
    connection.execute(
        f"CREATE VIEW {LEFT} AS SELECT * EXCLUDE (file_row_number) FROM read_parquet('{file}', file_row_number = true) "
        "WHERE file_row_number NOT IN (SELECT row FROM deleted)"
    )
    return connection.execute(sql.format(table=LEFT)).to_arrow_table()


def check(engines, folder):
    """Compares answers over the rows that are left with DuckDB's; gives differences by case and engine."""
    faults = {}
    for name, sql in CASES.items():
        counted = sql if name != "whole rows" else f"SELECT count(*) FROM ({sql})"
        right = expected(folder, counted)
        for engine in engines:
            found = compare.differences(right, engine.answer(counted.format(table=LEFT)), counted)
            if found:
                faults[name, engine.name] = found
    return faults


def measure(engines, runs):
    """Seconds for both tables by case and engine; the tables take turns."""
    found = {}
    for name, sql in CASES.items():
        for engine in engines:
            times = {WHOLE: [], LEFT: []}
            for run in range(runs + 1):
                for table, seconds in times.items():
                    took = timed(lambda: engine.answer(sql.format(table=table)))[1]
                    if run:
                        seconds.append(took)
            found[f"{name}, {engine.tier}"] = {table: summary(seconds) for table, seconds in times.items()}
    return found
