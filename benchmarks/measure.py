"""Timing: engines take turns inside one run, so that whatever else the machine does meets all of them alike."""

import statistics
import time

from benchmarks import compare

SELECT_1_WARM_UPS = 100
SELECT_1_RUNS = 1000
FLAT_STEPS = (1000, 10000)


def summary(seconds):
    """Median, least and most of a list of times, in seconds."""
    return {"median": statistics.median(seconds), "min": min(seconds), "max": max(seconds)}


def timed(action):
    """What an action gives, and the seconds it took."""
    started = time.perf_counter()
    result = action()
    return result, time.perf_counter() - started


def check(engines, queries):
    """Compares every engine's answers with the first one's; gives differences by query and engine.

    Runs each query once, unmeasured, in every engine: this is the warm-up as well.
    """
    reference, others = engines[0], engines[1:]
    faults = {}
    for name, sql in queries.items():
        expected = reference.answer(sql)
        for engine in others:
            try:
                found = compare.differences(expected, engine.answer(sql), sql)
            except Exception as error:  # Any engine may refuse any query; that is a result, not an end.
                found = [f"failed: {error}"]
            if found:
                faults[name, engine.name] = found
    return faults


def tpch(engines, queries, runs, faults):
    """Times per query and engine; an engine whose answer was wrong is not timed for that query."""
    times = {name: {engine.name: [] for engine in engines if (name, engine.name) not in faults} for name in queries}
    for _ in range(runs):
        for name, sql in queries.items():
            for engine in engines:
                if engine.name in times[name]:
                    times[name][engine.name].append(timed(lambda: engine.answer(sql))[1])
    return {
        name: {engine: summary(seconds) for engine, seconds in by_engine.items()} for name, by_engine in times.items()
    }


def select_1(engine):
    """Latency of `SELECT 1` over a kept connection, in seconds."""
    for _ in range(SELECT_1_WARM_UPS):
        engine.answer("SELECT 1")
    seconds = sorted(timed(lambda: engine.answer("SELECT 1"))[1] for _ in range(SELECT_1_RUNS))
    at = lambda ratio: seconds[min(len(seconds) - 1, int(len(seconds) * ratio))]
    return {"p50": at(0.50), "p95": at(0.95), "p99": at(0.99), "runs": len(seconds)}


def fetch(engines, runs):
    """Rows a second and time to the first batch for reading all of `lineitem`, by engine."""
    found = {engine.name: {"rows_per_second": [], "first_batch": []} for engine in engines}
    for _ in range(runs):
        for engine in engines:
            started = time.perf_counter()
            first, rows = None, 0
            for batch in engine.stream("SELECT * FROM lineitem"):
                if first is None and batch.num_rows:
                    first = time.perf_counter() - started
                rows += batch.num_rows
            seconds = time.perf_counter() - started
            found[engine.name]["rows_per_second"].append(rows / seconds)
            found[engine.name]["first_batch"].append(first)
    return {name: {what: summary(values) for what, values in measured.items()} for name, measured in found.items()}


def resident(running):
    """Resident bytes of each process of a fleet, by its name."""
    return {process.name: process.resident_bytes() for process in [running.server, *running.executors]}


def flat(engine):
    """Resident bytes of the engine's processes before and after many small queries."""
    steps = {0: resident(engine.running)}
    asked = 0
    for count in FLAT_STEPS:
        while asked < count:
            engine.answer(f"SELECT {asked} AS n")
            asked += 1
        steps[count] = resident(engine.running)
    return steps
