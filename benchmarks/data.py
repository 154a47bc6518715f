"""TPC-H data and queries: Parquet files in the cache, made once a scale; the 22 queries as DuckDB ships them."""

import shutil
import subprocess
import sys
from pathlib import Path

import duckdb
import duckdb_extension_tpch

TABLES = ("customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier")


def folder(cache, scale):
    """The folder with `<table>.parquet` of a scale; generates it when it is not there."""
    path = Path(cache) / "tpch" / f"sf{scale:g}"
    if all((path / f"{table}.parquet").is_file() for table in TABLES):
        return path
    print(f"generating TPC-H at scale {scale:g} into {path}", flush=True)
    # Made beside and renamed: a folder that exists is complete.
    made = path.with_name(path.name + ".partial")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    generator = Path(sys.executable).with_name("tpchgen-cli")
    command = [generator, "parquet", "--scale-factor", f"{scale:g}", "--output-dir", made]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    shutil.rmtree(path, ignore_errors=True)
    made.rename(path)
    return path


def queries():
    """The 22 queries by name, `q1` to `q22`."""
    # The extension comes as a wheel of its own, so that nothing is fetched at run time.
    extension = next(Path(duckdb_extension_tpch.__file__).parent.rglob("tpch.duckdb_extension"))
    connection = duckdb.connect()
    connection.execute(f"LOAD '{extension}'")
    rows = connection.execute("SELECT query_nr, query FROM tpch_queries() ORDER BY query_nr").fetchall()
    return {f"q{number}": text.strip().rstrip(";") for number, text in rows}
