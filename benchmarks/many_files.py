"""Opening a Delta table of many files and commits, and going on to its next version.

The data files need not be there: nothing reads them.
"""

import json
import shutil
import uuid

from benchmarks.engines import Lakegate
from benchmarks.measure import summary, timed
from demo import fleet

COMMITS = 10_000
FILES_A_COMMIT = 10
SCHEMA = {
    "type": "struct",
    "fields": [{"name": name, "type": "long", "nullable": True, "metadata": {}} for name in ("id", "amount")],
}
REFRESHES = 20


def make(cache):
    """Makes the table, once."""
    table = cache / "many-files"
    if table.is_dir():
        return table
    made = table.with_name(table.name + ".partial")
    shutil.rmtree(made, ignore_errors=True)
    (made / "_delta_log").mkdir(parents=True)
    for version in range(COMMITS):
        write_commit(made, version)
    made.rename(table)
    return table


def write_commit(table, version):
    """Writes a version that adds some files."""
    actions = [add(version, number) for number in range(FILES_A_COMMIT)]
    if version == 0:
        metadata = {
            "id": str(uuid.uuid4()),
            "format": {"provider": "parquet", "options": {}},
            "schemaString": json.dumps(SCHEMA),
            "partitionColumns": [],
            "configuration": {},
            "createdTime": 0,
        }
        actions = [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}, {"metaData": metadata}, *actions]
    file = table / "_delta_log" / f"{version:020}.json"
    file.write_text("".join(json.dumps(action) + "\n" for action in actions))


def add(version, number):
    """A file that a version adds."""
    first = (version * FILES_A_COMMIT + number) * 1000
    bounds = {
        "minValues": {"id": first, "amount": 0},
        "maxValues": {"id": first + 999, "amount": first},
        "nullCount": {"id": 0, "amount": 0},
    }
    return {
        "add": {
            "path": f"part-{version:05}-{number}-{uuid.UUID(int=first)}.parquet",
            "partitionValues": {},
            "size": 30_000,
            "modificationTime": 0,
            "dataChange": True,
            "stats": json.dumps({"numRecords": 1000} | bounds),
        }
    }


def measure(cache, runs):
    """Seconds until the first answer about the table from a server that has just started, and after a commit."""
    table = make(cache)
    opened, refreshed, still = [], [], []
    for _ in range(runs):
        with fleet.Fleet() as running:
            engine = Lakegate("lakegate", running, "local")
            # One file of all of them: the plan needs the state, and statistics leave out the others.
            ask = "EXPLAIN SELECT sum(amount) FROM many WHERE id = 5"
            _, declared = timed(lambda: engine.answer(f"CREATE EXTERNAL TABLE many STORED AS DELTA LOCATION '{table}'"))
            opened.append(declared + timed(lambda: engine.answer(ask))[1])
            newer = []
            try:
                for version in range(COMMITS, COMMITS + REFRESHES):
                    still.append(timed(lambda: engine.answer(ask))[1])
                    write_commit(table, version)
                    newer.append(table / "_delta_log" / f"{version:020}.json")
                    refreshed.append(timed(lambda: engine.answer(ask))[1])
                version = engine.answer("DESCRIBE HISTORY many LIMIT 1").column("version")[0].as_py()
                assert version == COMMITS + REFRESHES - 1, version
            finally:
                for file in newer:
                    file.unlink()
            engine.close()
    return {"open": summary(opened), "refresh": summary(refreshed), "unchanged": summary(still)}
