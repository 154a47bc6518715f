"""The benchmark behind `make bench-lake`: deleted rows, objects over the network, tables of many files.

Each figure stands beside what it is compared with, measured in the same run. Ends with code 1 when an answer was
wrong; speed alone never fails a run.
"""

import argparse
import contextlib
import sys
import tempfile
from pathlib import Path

from benchmarks import data, deleted, many_files, objects, report
from benchmarks.engines import Lakegate
from demo import fleet, lake, load

ITEMS = ("deleted", "objects", "files")
EXECUTOR_CORES = 1


def arguments():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", required=True, type=Path, help="folder for generated data")
    parser.add_argument("--scale", type=float, default=1.0, help="TPC-H scale factor of lineitem")
    parser.add_argument("--runs", type=int, default=3, help="measured runs")
    parser.add_argument("--executors", type=int, default=2, help="executors of the durable tier")
    parser.add_argument("--only", default="", help=f"comma-separated: {', '.join(ITEMS)}")
    parser.add_argument("--s3", metavar="ENDPOINT,KEY,SECRET", help="a store that runs already; without it MinIO is started")
    return parser.parse_args()


def choose(only):
    """The items to run."""
    names = [name.strip().lower() for name in only.split(",") if name.strip()]
    unknown = [name for name in names if name not in ITEMS]
    if unknown:
        sys.exit(f"bench: no {', '.join(unknown)}; there are {', '.join(ITEMS)}")
    return names or ITEMS


def measure_deleted(options, folder):
    """The scan of a table with deleted rows beside that of the table without."""
    tables = deleted.make(folder)
    with fleet.Fleet() as embedded, fleet.Fleet(options.executors, cores=EXECUTOR_CORES) as cluster:
        engines = [Lakegate("lakegate local", embedded, "local"), Lakegate("lakegate durable", cluster, "durable")]
        for engine in engines:
            for name, path in tables.items():
                engine.answer(f"CREATE EXTERNAL TABLE {name} STORED AS DELTA LOCATION '{path}'")
        faults = deleted.check(engines, folder)
        report.print_faults(faults)
        times = deleted.measure(engines, options.runs)
        for engine in engines:
            engine.close()
    report.print_deleted(times)
    return {"times": times, "faults": {f"{case} {engine}": found for (case, engine), found in faults.items()}}


def measure_objects(options, folder):
    """Scans of objects beside the download of the same bytes and beside local files."""
    with contextlib.ExitStack() as stack:
        if options.s3:
            bucket = load.Bucket(*options.s3.split(","))
        else:
            made = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lakegate-bench-")))
            minio = lake.Minio(made)
            stack.callback(minio.stop)
            bucket = minio.bucket
        found = objects.measure(bucket, folder / "lineitem.parquet", options.runs, options.executors)
    report.print_objects(found)
    return found


def measure_files(options, _folder):
    """A table of many files, opened and gone on from."""
    found = many_files.measure(options.cache, options.runs)
    report.print_files(found)
    return found


def main():
    """Runs the benchmark."""
    options = arguments()
    items = choose(options.only)
    folder = data.folder(options.cache, options.scale)
    result = {"machine": report.machine(), "scale": options.scale, "runs": options.runs}
    report.print_machine(result["machine"], options.scale, options.runs)
    measures = {"deleted": measure_deleted, "objects": measure_objects, "files": measure_files}
    try:
        for item in items:
            result[item] = measures[item](options, folder)
    except fleet.StartError as error:
        sys.exit(f"bench: {error}")
    print(f"\nfigures   {report.save(result, options.scale, 'lake')}")
    sys.exit(bool(result.get("deleted", {}).get("faults")))


if __name__ == "__main__":
    main()
