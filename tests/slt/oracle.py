"""Answers the queries of the SQL files with DuckDB, so that what they expect does not come from Lakegate.

    oracle.py FILE...              compares each file's expected answers with DuckDB's
    oracle.py --complete FILE...   writes DuckDB's answers into the files

A query under a comment that begins with `# by hand` is left alone: its syntax or meaning is not
DuckDB's, and its answer was worked out from the data. The text of a value is made as in
`src/render.rs`; change both together. Run with the Python of clients/setup.sh.
"""

import datetime as dt
import decimal
import math
import pathlib
import re
import sys

import duckdb

HERE = pathlib.Path(__file__).parent
DATA = HERE / "data"
DEMO = HERE.parent.parent / "demo" / "data"

VIEWS = {
    "employees": f"""SELECT * FROM read_csv('{DATA}/employees.csv', header = true, columns = {{
        'id': 'BIGINT', 'name': 'VARCHAR', 'department_id': 'BIGINT', 'manager_id': 'BIGINT',
        'salary': 'DECIMAL(10,2)', 'hired': 'DATE'}})""",
    "departments": f"""SELECT * FROM read_csv('{DATA}/departments.csv', header = true, columns = {{
        'id': 'BIGINT', 'name': 'VARCHAR', 'city': 'VARCHAR'}})""",
    "numbers": f"SELECT * FROM read_parquet('{DATA}/parts/*.parquet')",
    "typed": f"SELECT * FROM read_parquet('{DATA}/typed.parquet')",
    "nested": f"SELECT * FROM read_parquet('{DATA}/nested.parquet')",
    "sales": f"""SELECT * REPLACE (year::VARCHAR AS year, month::VARCHAR AS month)
        FROM read_parquet('{DATA}/sales/**/*.parquet', hive_partitioning = true)""",
    "flights": f"SELECT * FROM read_parquet('{DEMO}/flights-3m.parquet')",
    "airports": f"SELECT * FROM read_csv('{DEMO}/airports.csv', header = true)",
    "weather": f"SELECT * FROM read_csv('{DEMO}/weather.csv', header = true)",
    "birdstrikes": f"SELECT * FROM read_csv('{DEMO}/birdstrikes.csv', header = true)",
}


def connect() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    # With more, its answers to some random queries change from run to run.
    connection.execute("SET threads = 1")
    connection.execute("SET default_null_order = 'nulls_last_on_asc_first_on_desc'")
    for name, query in VIEWS.items():
        connection.execute(f"CREATE VIEW {name} AS {query}")
    return connection


def fraction(microseconds: int) -> str:
    if microseconds == 0:
        return ""
    return f".{microseconds // 1000:03d}" if microseconds % 1000 == 0 else f".{microseconds:06d}"


def clock(value: dt.time | dt.datetime) -> str:
    return value.strftime("%H:%M:%S") + fraction(value.microsecond)


def number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    rounded = float(f"{value:.9e}")
    text = format(decimal.Decimal(repr(rounded)), "f")
    return "0" if rounded == 0 else (text.rstrip("0").rstrip(".") if "." in text else text)


def inner(value: object) -> str:
    """A value inside of a list, struct or map."""
    return repr(value) if isinstance(value, float) else text(value, empty="")


def text(value: object, empty: str = "(empty)") -> str:
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case float():
            return number(value)
        case decimal.Decimal():
            return format(value, "f")
        case dt.datetime():
            zone = "" if value.tzinfo is None else "+00:00"
            return f"{value:%Y-%m-%d} {clock(value)}{zone}"
        case dt.date():
            return value.isoformat()
        case dt.time():
            return clock(value)
        case bytes():
            return value.hex() or empty
        case str():
            return value or empty
        case list():
            return "[" + ", ".join(inner(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{key}: {inner(item)}" for key, item in value.items()) + "}"
        case _:
            return str(value)


def answer(connection: duckdb.DuckDBPyConnection, sql: str, sort: str) -> list[str]:
    rows = [[text(value) for value in row] for row in connection.execute(sql).fetchall()]
    if sort == "rowsort":
        rows.sort(key=lambda row: [value.encode() for value in row])
    return [" ".join(row) for row in rows]


def records(lines: list[str]):
    """Yields (first line, end) of each block between empty lines."""
    start = 0
    while start < len(lines):
        if not lines[start].strip():
            start += 1
            continue
        end = start
        while end < len(lines) and lines[end].strip():
            end += 1
        yield start, end
        start = end


def run_file(path: pathlib.Path, complete: bool) -> list[str]:
    connection = connect()
    lines = path.read_text().splitlines()
    faults, written, last = [], [], 0
    for start, end in records(lines):
        block = lines[start:end]
        before = ("#", "connection ", "onlyif ", "skipif ")
        head = next((index for index, line in enumerate(block) if not line.startswith(before)), None)
        if head is None or any(line.startswith("# by hand") for line in block[:head]):
            continue
        words = block[head].split()
        rest = block[head + 1 :]
        if words[0] == "statement" and words[1] == "ok":
            run_statement(connection, "\n".join(rest))
        if words[0] != "query" or words[1] == "error":
            continue
        dashes = rest.index("----") if "----" in rest else len(rest)
        sql = "\n".join(rest[:dashes])
        try:
            found = answer(connection, sql, words[2] if len(words) > 2 else "")
        except duckdb.Error as error:
            faults.append(f"{path.name}:{start + 1}: {error}\n{sql}")
            continue
        expected = rest[dashes + 1 :]
        if complete:
            written += lines[last:start] + block[: head + 1] + rest[:dashes] + ["----"] + found
            last = end
        elif [line.split() for line in found] != [line.split() for line in expected]:
            faults.append(f"{path.name}:{start + 1}: {sql}\nexpected {expected}\nDuckDB   {found}")
    if complete:
        path.write_text("\n".join(written + lines[last:]) + "\n")
    return faults


def run_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """What makes views and tables is taken over where DuckDB reads it; the rest is Lakegate's own."""
    if re.match(r"\s*((CREATE|DROP) (OR REPLACE )?(VIEW|SCHEMA|TABLE)|INSERT)", sql, re.IGNORECASE):
        sql = re.sub(r" PARTITIONED BY \(\w+\)", "", sql)
        sql = re.sub(r"FROM (generate_series\([^)]*\))", r"FROM \1 series(value)", sql)
        try:
            connection.execute(sql)
        except duckdb.Error as error:
            print(f"DuckDB leaves out: {error}".splitlines()[0])


def main() -> int:
    complete = "--complete" in sys.argv
    names = [name for name in sys.argv[1:] if not name.startswith("--")]
    faults = [fault for name in names for fault in run_file(pathlib.Path(name), complete)]
    print("\n\n".join(faults))
    print(f"{len(names)} files, {len(faults)} differences")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
