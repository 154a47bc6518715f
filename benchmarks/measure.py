"""Timing: engines take turns inside one run, so that whatever else the machine does meets all of them alike."""

import json
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks import client, compare
from benchmarks.engines import Lakegate

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
    """Latency of `SELECT 1` in seconds, by how it is asked."""
    if is_served(engine):
        return {f"{engine.name}, {how}": found for how, found in in_client(engine, "select1").items()}
    return {engine.name: client.percentiles(lambda: engine.answer("SELECT 1"))}


def is_served(engine):
    """Whether the engine is a server that is asked over Flight SQL."""
    return hasattr(engine, "url")


def in_client(engine, what):
    """What a client program of its own measures on the engine's server."""
    command = [sys.executable, "-m", "benchmarks.client", engine.url, engine.tier, what]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def fetch(engines, runs):
    """Rows a second and time to the first batch for reading all of `lineitem`, by engine."""
    measured = {engine.name: [] for engine in engines}
    for _ in range(runs):
        for engine in engines:
            found = in_client(engine, "fetch") if is_served(engine) else fetch_here(engine)
            measured[engine.name].append(found)
    keys = ("rows_per_second", "first_batch")
    return {name: {key: summary([found[key] for found in all_runs]) for key in keys} for name, all_runs in measured.items()}


def write(engines, runs):
    """Seconds for writing all of `lineitem` again, by engine."""
    times = {engine.name: [] for engine in engines}
    for _ in range(runs):
        for engine in engines:
            with tempfile.TemporaryDirectory(prefix="lakegate-bench-") as folder:
                times[engine.name].append(timed(lambda: engine.write("SELECT * FROM lineitem", f"{folder}/out"))[1])
            if isinstance(engine, Lakegate):
                engine.forget()
    return {name: summary(seconds) for name, seconds in times.items()}


def fetch_here(engine):
    """Reads all of `lineitem` once, in this process."""
    started = time.perf_counter()
    first, rows = None, 0
    for batch in engine.stream("SELECT * FROM lineitem"):
        if first is None and batch.num_rows:
            first = time.perf_counter() - started
        rows += batch.num_rows
    return {"rows_per_second": rows / (time.perf_counter() - started), "first_batch": first}


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
