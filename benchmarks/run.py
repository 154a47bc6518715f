"""The benchmark behind `make bench`: TPC-H, small queries, result delivery and memory, peers in the same run.

Answers are checked against DuckDB before anything is timed. Ends with code 1 when an answer of Lakegate
was wrong; speed alone never fails a run.
"""

import argparse
import contextlib
import sys

from benchmarks import data, measure, report
from benchmarks.engines import DataFusion, DuckDb, Lakegate
from benchmarks.sail import Sail
from demo import fleet

OTHER_ITEMS = ("select1", "fetch", "write", "idle")
# The executors of the durable tier have one core each, whatever the machine has: figures of two executors
# on two cores can be compared between machines.
EXECUTOR_CORES = 1


def arguments():
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", required=True, help="folder for generated data")
    parser.add_argument("--scale", type=float, default=1.0, help="TPC-H scale factor")
    parser.add_argument("--runs", type=int, default=3, help="measured runs")
    parser.add_argument("--executors", type=int, default=2, help="executors of the durable tier")
    parser.add_argument("--sail", help="program of Sail, a peer behind Flight SQL; without it there is none")
    parser.add_argument("--only", default="", help="comma-separated: q1 … q22, tpch, select1, fetch, write, idle")
    return parser.parse_args()


def choose(only, queries):
    """The queries and the other items to run."""
    names = [name.strip().lower() for name in only.split(",") if name.strip()]
    known = {*queries, *OTHER_ITEMS, "tpch"}
    unknown = [name for name in names if name not in known]
    if unknown:
        sys.exit(f"bench: no {', '.join(unknown)}; there are q1 … q22, tpch, {', '.join(OTHER_ITEMS)}")
    if not names:
        return queries, set(OTHER_ITEMS)
    chosen = {name: sql for name, sql in queries.items() if name in names or "tpch" in names}
    return chosen, set(names) & set(OTHER_ITEMS)


def measure_all(options, folder, queries, items):
    """Runs what was chosen, printing as it goes; gives the figures."""
    result = {"machine": report.machine(), "scale": options.scale, "runs": options.runs}
    report.print_machine(result["machine"], options.scale, options.runs)
    with contextlib.ExitStack() as stack:
        embedded = stack.enter_context(fleet.Fleet())
        cluster = stack.enter_context(fleet.Fleet(options.executors, cores=EXECUTOR_CORES))
        local = Lakegate("lakegate local", embedded, "local")
        durable = Lakegate("lakegate durable", cluster, "durable")
        routed = Lakegate("lakegate fleet", cluster, "auto")
        peers = [DuckDb(folder), DataFusion(folder), local]
        engines = [*peers, durable] if options.executors else peers
        for engine in [*peers, durable, routed]:
            stack.callback(engine.close)
        served = [stack.enter_context(Sail(options.sail))] if options.sail and items & {"select1", "fetch"} else []
        faults = {}
        if "idle" in items:
            result["idle"] = {engine.name: measure.flat(engine) for engine in (local, routed)}
            report.print_idle(result["idle"])
        local.create_tables(folder)
        durable.create_tables(folder)
        for peer in served:
            peer.create_tables(folder)
        if queries:
            faults = measure.check(engines, queries)
            report.print_faults(faults)
            result["faults"] = {f"{query} {engine}": found for (query, engine), found in faults.items()}
            result["tpch"] = measure.tpch(engines, queries, options.runs, faults)
            result["total"] = report.print_tpch(result["tpch"], [engine.name for engine in engines])
        if "select1" in items:
            result["select1"] = {}
            for engine in [*peers, *served]:
                result["select1"] |= measure.select_1(engine)
            report.print_select_1(result["select1"])
        if "fetch" in items:
            result["fetch"] = measure.fetch([*engines, *served], options.runs)
            report.print_fetch(result["fetch"])
        if "write" in items:
            result["write"] = measure.write(engines, options.runs)
            report.print_write(result["write"])
    return result


def main():
    """Runs the benchmark."""
    options = arguments()
    queries, items = choose(options.only, data.queries())
    folder = data.folder(options.cache, options.scale)
    try:
        result = measure_all(options, folder, queries, items)
    except fleet.StartError as error:
        sys.exit(f"bench: {error}")
    print(f"\nfigures   {report.save(result, options.scale)}")
    sys.exit(any("lakegate" in name for name in result.get("faults", {})))


if __name__ == "__main__":
    main()
