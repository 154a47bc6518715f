"""The demo: starts Lakegate on real flights, asks it over Flight SQL, says how to connect, stays up.

With executors each query runs twice, in the server and on the fleet, and the answers must be equal.
`make demo` calls this; `--once` ends after the queries, with code 0 only when all of them succeeded.
"""

import argparse
import signal
import string
import sys
import time
from pathlib import Path

from adbc_driver_flightsql import dbapi

from benchmarks import compare
from demo import fleet, show

FOLDER = Path(__file__).resolve().parent
TIERS = ("local", "durable")


def statements(data=FOLDER / "data"):
    """The statements that create the demo's tables, of files below a folder or URL."""
    text = string.Template((FOLDER / "tables.sql").read_text()).substitute(DATA=data)
    code = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    return [statement.strip() for statement in code.split(";") if statement.strip()]


def queries():
    """Title and text of each query, in file order; the title is the first line, a comment."""
    for path in sorted((FOLDER / "queries").glob("*.sql")):
        text = path.read_text()
        title, _, sql = text.partition("\n")
        yield title.removeprefix("-- "), sql


def ask(connection, sql):
    """Runs one query; gives its answer and the seconds until all of it was there."""
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(sql)
        answer = cursor.fetch_arrow_table()
    return answer, time.perf_counter() - started


def execute(connection, sql):
    """Runs a statement whose answer does not matter."""
    ask(connection, sql)


def tier_of(running, sql):
    """The tier that the server says the newest query of this text ran in."""
    listed = running.api("/api/v1/queries")["queries"]
    return next((query["tier"] for query in listed if query["sql"].strip() == sql.strip()), "unknown")


def ask_all(running, connection):
    """Asks every query in every tier that is there; gives how many answers were wrong."""
    wrong = 0
    tiers = TIERS if running.executor_count else TIERS[:1]
    for number, (title, sql) in enumerate(queries(), 1):
        print(f"\n{number}. {title}\n")
        answers = {}
        for tier in tiers:
            execute(connection, f"SET lakegate.execution.tier = '{tier}'")
            answer, seconds = ask(connection, sql)
            ran_in = tier_of(running, sql)
            if not answers:
                print(show.table(answer))
                print()
            print(f"    {answer.num_rows} rows in {seconds * 1000:,.0f} ms, tier {ran_in}", end="")
            if ran_in != tier:
                wrong += 1
                print(f": WRONG, {tier} was asked for", end="")
            if answers:
                wrong += not same(answers[TIERS[0]], answer, sql)
            print()
            answers[tier] = answer
    execute(connection, "SET lakegate.execution.tier = 'auto'")
    return wrong


def same(local, durable, sql):
    """Whether the fleet answered what the server did; says it."""
    found = compare.differences(local, durable, sql)
    print(": equal" if not found else ": WRONG, differs from the local tier\n      " + "\n      ".join(found), end="")
    return not found


def stay(processes):
    """Waits for Ctrl-C; fails when a process ends before."""
    print("\nCtrl-C stops everything.", flush=True)
    while True:
        for process in processes:
            process.check_alive()
        time.sleep(1)


def interrupt(*_):
    """Makes SIGTERM end the demo as Ctrl-C does, also where a shell starts it with Ctrl-C ignored."""
    raise KeyboardInterrupt


def connect(running):
    """A connection to a running fleet."""
    keywords = {"username": fleet.USER, "password": fleet.PASSWORD}
    return dbapi.connect(running.url, db_kwargs=keywords, autocommit=True)


def demo(arguments):
    """The whole demo; gives the exit code."""
    listen = "127.0.0.1:0" if arguments.once else fleet.default_address()
    count = arguments.executors
    print(f"starting the server{f' and {count} executors' if count else ''}")
    with fleet.Fleet(count, listen) as running:
        with connect(running) as connection:
            for statement in statements():
                execute(connection, statement)
            wrong = ask_all(running, connection)
        print(show.how_to_connect(running, fleet.binary()), flush=True)
        if wrong:
            print(f"\n{wrong} answers were wrong", file=sys.stderr)
            return 1
        if not arguments.once:
            try:
                stay([running.server, *running.executors])
            except KeyboardInterrupt:
                print("\nstopping", flush=True)
    print("stopped")
    return 0


def run(work):
    """Runs the work of a program that Ctrl-C or SIGTERM ends, and leaves with its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        sys.exit(work())
    except KeyboardInterrupt:
        print("\nstopped", flush=True)
        sys.exit(130)
    except (fleet.StartError, dbapi.Error) as error:
        print(f"{Path(sys.argv[0]).stem}: {error}", file=sys.stderr)
        sys.exit(1)


def main():
    """Reads the arguments and runs the demo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executors", type=int, default=0, help="how many executors to start beside the server")
    parser.add_argument("--once", action="store_true", help="end after the queries instead of staying up")
    arguments = parser.parse_args()
    run(lambda: demo(arguments))


if __name__ == "__main__":
    main()
