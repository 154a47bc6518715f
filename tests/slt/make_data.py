"""Makes the small files in data/ that are not text. Run with the Python of clients/setup.sh.

The files are committed; this says how they came to be.
"""

import datetime as dt
import decimal
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

DATA = pathlib.Path(__file__).parent / "data"
UTC = dt.timezone.utc


def typed() -> pa.Table:
    """One column of each type, with a null in each, over four rows."""
    when = dt.datetime(2024, 2, 29, 12, 34, 56, 789012)
    columns = {
        "id": pa.array([1, 2, 3, 4], pa.int32()),
        "flag": pa.array([True, False, None, True], pa.bool_()),
        "tiny": pa.array([-128, 127, None, 0], pa.int8()),
        "small": pa.array([-32768, 32767, None, 0], pa.int16()),
        "medium": pa.array([-(2**31), 2**31 - 1, None, 0], pa.int32()),
        "large": pa.array([-(2**63), 2**63 - 1, None, 0], pa.int64()),
        "single": pa.array([-1.5, 0.25, None, 0.0], pa.float32()),
        "double": pa.array([-1.5e10, 1e-3, None, 0.0], pa.float64()),
        "price": pa.array(
            [decimal.Decimal("-12345678.90"), decimal.Decimal("0.01"), None, decimal.Decimal("0")],
            pa.decimal128(10, 2),
        ),
        "huge": pa.array(
            [decimal.Decimal("12345678901234567890123456789012.123456"), None, None, decimal.Decimal("0")],
            pa.decimal128(38, 6),
        ),
        "name": pa.array(["zwölf Boxkämpfer", "", None, "plain"], pa.string()),
        "bytes": pa.array([b"\x00\xff", b"", None, b"abc"], pa.binary()),
        "day": pa.array([dt.date(2024, 2, 29), dt.date(1969, 12, 31), None, dt.date(1970, 1, 1)], pa.date32()),
        "clock": pa.array([dt.time(23, 59, 59, 999999), dt.time(0), None, dt.time(12)], pa.time64("us")),
        "moment": pa.array([when, dt.datetime(1969, 12, 31, 23, 59, 59), None, dt.datetime(1970, 1, 1)], pa.timestamp("us")),
        "instant": pa.array(
            [when.replace(tzinfo=UTC), dt.datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC), None, dt.datetime(1970, 1, 1, tzinfo=UTC)],
            pa.timestamp("us", tz="UTC"),
        ),
    }
    return pa.table(columns)


def nested() -> pa.Table:
    """Lists, structs, maps and lists of structs, empty and null ones among them."""
    item = pa.struct([("product", pa.string()), ("count", pa.int64())])
    columns = {
        "id": pa.array([1, 2, 3, 4], pa.int64()),
        "tags": pa.array([["red", "blue"], [], None, ["green", None]], pa.list_(pa.string())),
        "scores": pa.array([[1, 2, 3], [10], None, []], pa.list_(pa.int64())),
        "place": pa.array(
            [{"city": "Oslo", "zip": 150}, {"city": "Bergen", "zip": None}, None, {"city": None, "zip": 7010}],
            pa.struct([("city", pa.string()), ("zip", pa.int64())]),
        ),
        "labels": pa.array([[("a", 1), ("b", 2)], [], None, [("c", None)]], pa.map_(pa.string(), pa.int64())),
        "orders": pa.array(
            [[{"product": "pen", "count": 3}, {"product": "ink", "count": 1}], [], None, [{"product": "pad", "count": None}]],
            pa.list_(item),
        ),
    }
    return pa.table(columns)


def sales(year: int, month: int) -> pa.Table:
    """Ten rows of one month, without the partition columns."""
    rows = range(10)
    return pa.table(
        {
            "id": pa.array([year * 10000 + month * 100 + row for row in rows], pa.int64()),
            "shop": pa.array([("north", "south", None)[row % 3] for row in rows], pa.string()),
            "amount": pa.array([decimal.Decimal(row * month) / 4 for row in rows], pa.decimal128(10, 2)),
        }
    )


def commit(table: pathlib.Path, version: int, *actions: dict) -> None:
    """One version of a Delta table's log."""
    log = table / "_delta_log"
    log.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(action, separators=(",", ":")) + "\n" for action in actions)
    (log / f"{version:020}.json").write_text(lines)


def column(name: str, kind: str, **metadata: object) -> dict:
    return {"name": name, "type": kind, "nullable": True, "metadata": metadata}


def metadata(columns: list, partitions: list, **configuration: str) -> dict:
    schema = json.dumps({"type": "struct", "fields": columns})
    return {
        "metaData": {
            "id": "5fba94ed-9794-4965-ba6e-6ee3c0d22af9",
            "format": {"provider": "parquet", "options": {}},
            "schemaString": schema,
            "partitionColumns": partitions,
            "configuration": configuration,
            "createdTime": 0,
        }
    }


def add(table: pathlib.Path, name: str, rows: pa.Table, partition: dict, **more: object) -> dict:
    """Writes a data file and gives its action."""
    path = table / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows, path)
    return {
        "add": {
            "path": name,
            "partitionValues": partition,
            "size": path.stat().st_size,
            "modificationTime": 0,
            "dataChange": True,
            "stats": json.dumps({"numRecords": rows.num_rows}),
            **more,
        }
    }


def delta_visits() -> None:
    """Partitioned by day and shop; a file was removed, and a column came with the third version."""
    table = DATA / "delta" / "visits"
    columns = [column("id", "long"), column("day", "date"), column("shop", "string")]

    def rows(first: int, **more: pa.Array) -> pa.Table:
        return pa.table({"id": pa.array(range(first, first + 5), pa.int64()), **more})

    def file(name: str, data: pa.Table, day: str, shop: str) -> dict:
        return add(table, name, data, {"day": day, "shop": shop})

    protocol = {"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}
    commit(
        table,
        0,
        protocol,
        metadata(columns, ["day", "shop"]),
        file("day=2024-02-28/shop=north/a.parquet", rows(0), "2024-02-28", "north"),
        file("day=2024-02-29/shop=north/b.parquet", rows(10), "2024-02-29", "north"),
    )
    removed = {"path": "day=2024-02-28/shop=north/a.parquet", "deletionTimestamp": 1, "dataChange": True}
    commit(table, 1, {"remove": removed}, file("day=2024-02-29/c.parquet", rows(20), "2024-02-29", ""))
    amounts = pa.array([1.5, None, 2.5, 0.0, 4.0], pa.float64())
    commit(
        table,
        2,
        metadata([*columns, column("amount", "double")], ["day", "shop"]),
        file("day=2024-03-01/d.parquet", rows(30, amount=amounts), "2024-03-01", "a=b/c d"),
    )


def delta_measured() -> None:
    """Columns under other names in the files, and rows 3, 4, 7, 11, 18 and 29 of one of two files
    deleted: the deletion vector is the example of the protocol's text."""
    table = DATA / "delta" / "measured"
    features = ["columnMapping", "deletionVectors"]
    protocol = {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features, "writerFeatures": features}

    def mapped(name: str, kind: str, number: int, physical: str) -> dict:
        more = {"delta.columnMapping.id": number, "delta.columnMapping.physicalName": physical}
        return column(name, kind, **more)

    def rows(first: int) -> pa.Table:
        numbers = range(first, first + 31)
        return pa.table({"col-1": pa.array(numbers, pa.int64()), "n": pa.array([f"w{n % 3}" for n in numbers])})

    vector = {
        "storageType": "i",
        "pathOrInlineDv": "^Bg9^0rr910000000000iXQKl0rr91000f55c8Xg0@@D72lkbi5=-{L",
        "sizeInBytes": 44,
        "cardinality": 6,
    }
    commit(
        table,
        0,
        {"protocol": protocol},
        metadata(
            [mapped("n", "long", 1, "col-1"), mapped("word", "string", 2, "n")],
            [],
            **{"delta.columnMapping.mode": "name", "delta.columnMapping.maxColumnId": "2"},
        ),
        add(table, "a.parquet", rows(0), {}, deletionVector=vector),
        add(table, "b.parquet", rows(100), {}),
    )


def delta_ledger() -> None:
    """Four versions, each at noon of a day from 2024-01-01 on by the log's own word, with a change data
    feed: rows added, rows added, one row changed and one deleted as a file of changes tells, and rows
    deleted as nothing but the removed file tells."""
    table = DATA / "delta" / "ledger"
    features = ["inCommitTimestamp", "changeDataFeed"]
    protocol = {"minReaderVersion": 1, "minWriterVersion": 7, "writerFeatures": features}
    feed = {"delta.enableInCommitTimestamps": "true", "delta.enableChangeDataFeed": "true"}

    def rows(ids: list, amounts: list, kinds: list | None = None) -> pa.Table:
        columns = {"id": pa.array(ids, pa.int64()), "amount": pa.array(amounts, pa.int64())}
        return pa.table(columns if kinds is None else {**columns, "_change_type": pa.array(kinds)})

    def told(day: int, operation: str) -> dict:
        noon = dt.datetime(2024, 1, day, 12, tzinfo=UTC)
        return {
            "commitInfo": {
                "inCommitTimestamp": int(noon.timestamp() * 1000),
                "timestamp": 0,
                "operation": operation,
                "operationParameters": {"mode": "Append"} if operation == "WRITE" else {},
                "engineInfo": "make_data",
                "isBlindAppend": operation == "WRITE",
            }
        }

    def gone(name: str) -> dict:
        path = table / name
        return {
            "remove": {
                "path": name,
                "deletionTimestamp": 1,
                "dataChange": True,
                "extendedFileMetadata": True,
                "partitionValues": {},
                "size": path.stat().st_size,
            }
        }

    first = add(table, "a.parquet", rows([1, 2, 3], [10, 20, 30]), {})
    commit(
        table,
        0,
        told(1, "WRITE"),
        {"protocol": protocol},
        metadata([column("id", "long"), column("amount", "long")], [], **feed),
        first,
    )
    commit(table, 1, told(2, "WRITE"), add(table, "b.parquet", rows([4, 5], [40, 50]), {}))
    kinds = ["update_preimage", "update_postimage", "delete"]
    changed = table / "_change_data" / "c.parquet"
    changed.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(rows([2, 2, 3], [20, 21, 30], kinds), changed)
    cdc = {
        "cdc": {
            "path": "_change_data/c.parquet",
            "partitionValues": {},
            "size": changed.stat().st_size,
            "dataChange": False,
        }
    }
    changed_rows = add(table, "c.parquet", rows([1, 2], [10, 21]), {})
    commit(table, 2, told(3, "MERGE"), gone("a.parquet"), changed_rows, cdc)
    commit(table, 3, told(4, "DELETE"), gone("b.parquet"))


def main() -> None:
    delta_visits()
    delta_measured()
    delta_ledger()
    pq.write_table(typed(), DATA / "typed.parquet")
    pq.write_table(nested(), DATA / "nested.parquet")
    for year, month in [(2023, 11), (2023, 12), (2024, 1), (2024, 2)]:
        folder = DATA / "sales" / f"year={year}" / f"month={month}"
        folder.mkdir(parents=True, exist_ok=True)
        pq.write_table(sales(year, month), folder / "part-0.parquet")
    parts = DATA / "parts"
    parts.mkdir(exist_ok=True)
    for part in range(4):
        numbers = range(part * 250, (part + 1) * 250)
        table = pa.table(
            {
                "n": pa.array(numbers, pa.int64()),
                "k": pa.array([n % 7 if n % 11 else None for n in numbers], pa.int64()),
                "x": pa.array([n / 8 for n in numbers], pa.float64()),
                "word": pa.array([f"w{n % 13}" for n in numbers], pa.string()),
            }
        )
        pq.write_table(table, parts / f"numbers-{part}.parquet")


if __name__ == "__main__":
    main()
