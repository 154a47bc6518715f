"""Columns of `lineitem` in a store that speaks S3: downloaded by a plain client, scanned first, scanned again.

The plain client reads the chunks of the same columns, whole, several at a time, and throws them away.
"""

import time
from concurrent.futures import ThreadPoolExecutor

import pyarrow.parquet as pq
from pyarrow import fs

from benchmarks.engines import Lakegate
from benchmarks.measure import summary, timed
from demo import fleet, load

BUCKET = "bench"
PATH = f"{BUCKET}/tpch/lineitem.parquet"
# Requests of the plain client under way at a time.
REQUESTS = 8
REGION = "us-east-1"

COLUMNS = {
    "two columns": ["l_extendedprice", "l_discount"],
    "six columns": ["l_quantity", "l_extendedprice", "l_discount", "l_tax", "l_returnflag", "l_linestatus"],
    "one text": ["l_comment"],
    "all columns": None,
}


def client(bucket):
    """The plain client of a store."""
    scheme, _, host = bucket.endpoint.partition("://")
    return fs.S3FileSystem(
        access_key=bucket.key,
        secret_key=bucket.secret,
        endpoint_override=host,
        scheme=scheme,
        region=REGION,
        allow_bucket_creation=True,
    )


def upload(bucket, file):
    """Puts the file into the store unless it is there."""
    store = client(bucket)
    if store.get_file_info(PATH).size == file.stat().st_size:
        return
    store.create_dir(BUCKET)
    fs.copy_files(str(file), PATH, destination_filesystem=store)


def scan(schema, columns, table):
    """A query that needs every value of some columns, and little work on them."""
    needed = []
    for name in columns or schema.names:
        kind = str(schema.field(name).type)
        if kind.startswith("date"):
            needed.append(f"sum(CASE WHEN {name} <> DATE '1995-01-01' THEN 1 END)")
        elif "string" in kind:
            needed.append(f"sum(octet_length({name}))")
        else:
            needed.append(f"sum({name})")
    return f"SELECT {', '.join(needed)} FROM {table}"


def chunks(metadata, columns):
    """Where the chunks of some columns are in the file: offset and length, in the order of the file."""
    found = []
    for group in range(metadata.num_row_groups):
        for position in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(position)
            if columns is None or chunk.path_in_schema in columns:
                start = chunk.dictionary_page_offset or chunk.data_page_offset
                found.append((start, chunk.total_compressed_size))
    # What lies together is asked for together, as any client would.
    joined = found[:1]
    for start, length in found[1:]:
        last, size = joined[-1]
        if last + size == start:
            joined[-1] = (last, size + length)
        else:
            joined.append((start, length))
    return joined


def download(bucket, parts):
    """Reads the parts of the file with the plain client; gives seconds."""
    store = client(bucket)

    def read(part):
        with store.open_input_file(PATH) as file:
            return len(file.read_at(part[1], part[0]))

    with ThreadPoolExecutor(REQUESTS) as threads:
        started = time.perf_counter()
        read_bytes = sum(threads.map(read, parts))
        seconds = time.perf_counter() - started
    assert read_bytes == sum(length for _, length in parts)
    return seconds


def measure(bucket, file, runs, executors):
    """Seconds for the plain client and for scans, by columns. Each run has a fleet with empty caches."""
    upload(bucket, file)
    metadata = pq.read_metadata(file)
    schema = metadata.schema.to_arrow_schema()
    found = {name: {"download": [], "first": [], "again": [], "local": []} for name in COLUMNS}
    sizes = {}
    for name, columns in COLUMNS.items():
        parts = chunks(metadata, columns)
        sizes[name] = sum(length for _, length in parts)
        download(bucket, parts)
        for _ in range(runs):
            with fleet.Fleet(executors, cores=1) as running:
                engine = Lakegate("lakegate", running, "durable" if executors else "local")
                prepare(engine, bucket, file)
                found[name]["download"].append(download(bucket, parts))
                remote, local = (scan(schema, columns, table) for table in ("lineitem", "lineitem_local"))
                for kind, sql in (("first", remote), ("again", remote), ("local", local)):
                    # The time of local files is that of a second run, too.
                    if kind == "local":
                        engine.answer(sql)
                    answer, seconds = timed(lambda: engine.answer(sql))
                    found[name][kind].append(seconds)
                    if kind == "first":
                        expected = answer
                    elif answer != expected:
                        raise fleet.StartError(f"{kind} gave another answer than the first scan: {sql}")
                engine.close()
    return {
        name: {"bytes": sizes[name]} | {kind: summary(seconds) for kind, seconds in times.items()}
        for name, times in found.items()
    }


def prepare(engine, bucket, file):
    """Declares the file in the store and the local one as tables."""
    secret = f"access_key_id = '{bucket.key}', secret_access_key = '{bucket.secret}'"
    place = f"endpoint = '{bucket.endpoint}', region = '{REGION}', path_style = true, allow_http = true"
    engine.answer(f"CREATE CREDENTIAL bench TYPE S3 WITH ({secret})")
    engine.answer(f"CREATE LOCATION bench URL 's3://{BUCKET}/' CREDENTIAL bench WITH ({place})")
    engine.answer(f"CREATE EXTERNAL TABLE lineitem STORED AS PARQUET LOCATION 's3://{PATH}'")
    engine.answer(f"CREATE EXTERNAL TABLE lineitem_local STORED AS PARQUET LOCATION '{file}'")
