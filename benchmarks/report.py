"""What a benchmark prints and the JSON it leaves beside: the machine, tables, files."""

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
ROOT = FOLDER.parent
PEERS = ("duckdb", "datafusion", "adbc-driver-flightsql", "pyarrow", "tpchgen-cli")
MIB = 1024 * 1024


def machine():
    """What the figures were measured on and with."""
    model = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "lakegate": commit or "no commit",
        "versions": {name: importlib.metadata.version(name) for name in PEERS},
        "load": os.getloadavg()[0],
    }


def print_machine(facts, scale, runs):
    """The head of the report."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    print(f"machine   {facts['cpu']}, {facts['cores']} cores, {facts['memory_bytes'] / MIB / 1024:.0f} GiB, {facts['system']}")
    print(f"versions  lakegate {facts['lakegate']}, {versions}")
    print(f"data      TPC-H at scale {scale:g}, Parquet; {runs} measured runs after one that checks the answers")
    if facts["load"] > 0.5:
        print(f"NOTE      the machine was busy at the start (load {facts['load']:.1f}): figures are not comparable")


def seconds(value):
    """Median and spread of a time, `0.123 (0.120-0.150)`; a dash when it was not measured."""
    if value is None:
        return "-"
    return f"{value['median']:.3f} ({value['min']:.3f}-{value['max']:.3f})"


def print_tpch(times, engines, base="datafusion"):
    """A row a query: seconds of each engine, and Lakegate's ratio to the base engine."""
    lakegate = [name for name in engines if name.startswith("lakegate")]
    head = ["query", *engines, *(f"{name.removeprefix('lakegate ')}/{base}" for name in lakegate)]
    lines = []
    for query, by_engine in times.items():
        ratios = [ratio(by_engine, name, base) for name in lakegate]
        lines.append([query, *(seconds(by_engine.get(name)) for name in engines), *ratios])
    # A total counts only queries that every engine answered, so that totals can be compared.
    complete = [by_engine for by_engine in times.values() if all(name in by_engine for name in engines)]
    totals = {name: {"median": sum(by_engine[name]["median"] for by_engine in complete)} for name in engines}
    label = "total" if len(complete) == len(times) else f"total of {len(complete)}"
    sums = [f"{totals[name]['median']:.3f}" for name in engines]
    lines.append([label, *sums, *(ratio(totals, name, base) for name in lakegate)])
    print_table("TPC-H, seconds: median (least-most)", head, lines)
    return {name: total["median"] for name, total in totals.items()}


def ratio(by_engine, name, base):
    """How many times as long as the base engine, as text."""
    if name not in by_engine or base not in by_engine or not by_engine[base]["median"]:
        return "-"
    return f"{by_engine[name]['median'] / by_engine[base]['median']:.2f}"


def print_select_1(found):
    """Latency of SELECT 1 in milliseconds."""
    rows = [[name, *(f"{value[key] * 1000:.2f}" for key in ("p50", "p95", "p99"))] for name, value in found.items()]
    print_table("SELECT 1 over a kept connection, milliseconds", ["engine", "p50", "p95", "p99"], rows)


def print_fetch(found):
    """Reading all of lineitem."""
    rows = [
        [
            name,
            f"{value['rows_per_second']['median'] / 1e6:.2f}",
            f"{value['first_batch']['median'] * 1000:.0f}",
        ]
        for name, value in found.items()
    ]
    head = ["engine", "million rows/s", "first batch ms"]
    print_table("SELECT * FROM lineitem, all rows to the client", head, rows)


def print_write(found):
    """Writing all of lineitem."""
    rows = [[name, seconds(value), ratio(found, name, "duckdb")] for name, value in found.items()]
    print_table("lineitem written again, seconds: median (least-most)", ["engine", "seconds", "to duckdb"], rows)


def print_deleted(found):
    """Scans of a table without deleted rows, and with one in a hundred deleted."""
    rows = []
    for case, (whole, left) in ((case, times.values()) for case, times in found.items()):
        rows.append([case, seconds(whole), seconds(left), f"{left['median'] / whole['median']:.2f}"])
    print_table("One row in a hundred deleted, seconds: median (least-most)", ["case", "whole", "deleted", "ratio"], rows)


def print_objects(found):
    """Scans of objects beside a plain download of the same bytes, and beside local files."""
    rows = []
    for case, times in found.items():
        first, again = ratio(times, "first", "download"), ratio(times, "again", "local")
        kinds = [seconds(times[kind]) for kind in ("download", "first", "again", "local")]
        rows.append([case, f"{times['bytes'] / MIB:.0f}", *kinds, first, again])
    head = ["columns", "MiB", "download", "first scan", "second scan", "local files", "first/download", "second/local"]
    print_table("lineitem in a store of objects, seconds: median (least-most)", head, rows)


def print_files(found):
    """A table of many files."""
    rows = [[what, seconds(times)] for what, times in found.items()]
    print_table("A table of 100,000 files and 10,000 commits, seconds: median (least-most)", ["what", "seconds"], rows)


def print_idle(found):
    """Resident memory by process and number of queries asked before."""
    rows = []
    for engine, steps in found.items():
        for process in next(iter(steps.values())):
            rows.append([f"{engine}, {process}", *(f"{sizes[process] / MIB:.0f}" for sizes in steps.values())])
    counts = next(iter(found.values()))
    head = ["process", *("idle" if count == 0 else f"after {count:,}" for count in counts)]
    print_table("Resident memory, MiB, before and after small queries", head, rows)


def print_faults(faults):
    """Queries whose answers were not those of DuckDB."""
    if not faults:
        print("\nanswers   all equal to DuckDB's")
        return
    print("\nWRONG OR FAILED ANSWERS")
    for (query, engine), found in faults.items():
        print(f"  {query} in {engine}:")
        for difference in found:
            print(f"    {difference}")


def print_table(title, head, rows):
    """A title and aligned columns, the first to the left, the others to the right."""
    widths = [max(len(str(row[index])) for row in [head, *rows]) for index in range(len(head))]
    print(f"\n{title}\n")
    for row in [head, ["-" * width for width in widths], *rows]:
        first, *others = (str(text) for text in row)
        print("  ".join([first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(others, widths[1:]))]))


def save(result, scale, name="tpch"):
    """Writes the figures as JSON into `benchmarks/results/`; gives the path."""
    folder = FOLDER / "results"
    folder.mkdir(exist_ok=True)
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    path = folder / f"{name}-sf{scale:g}-{stamp}.json"
    path.write_text(json.dumps(result, indent=2) + "\n")
    return path
