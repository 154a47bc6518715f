"""Makes random_queries.slt: queries at random over small tables, of one file and of several.

    random_queries.py [--seed 1] [--count 200] > random_queries.slt
    oracle.py --complete random_queries.slt

Joins, subqueries, set operations, groups, windows and limits meet each other here as nobody would
write them down. Other seeds than the one of the committed file find other meetings. Each query has
one answer: what it orders and limits is ordered by all of its columns.
"""

import argparse
import random

TABLES = ["few", "many", "big", "part", "none"]
# Rows, what is added to their numbers, and how many keys they have.
FILES = [
    ("few", 12, 0, 4),
    ("many", 30, 0, 7),
    ("many", 30, 20, 5),
    ("big", 1500, 0, 40),
    ("big", 1000, 1000, 60),
    ("big", 500, 0, 9),
    ("part", 600, 0, 13),
    ("part", 300, 400, 5),
]
JOINS = ["JOIN", "LEFT JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]
LIMITS = ["LIMIT 3", "LIMIT 10", "LIMIT 40", "LIMIT 7 OFFSET 4", "OFFSET 8", "LIMIT 0"]


def statements() -> list[str]:
    """The tables."""
    made = ["CREATE SCHEMA mixed"]
    for table in TABLES:
        parted = " PARTITIONED BY (s)" if table == "part" else ""
        made.append(f"CREATE TABLE mixed.{table} (k INT, n INT, s TEXT){parted}")
    for table, rows, more, keys in FILES:
        made.append(
            f"INSERT INTO mixed.{table} SELECT CASE WHEN value % 11 = 0 THEN NULL "
            f"ELSE CAST(value % {keys} AS INT) END, CAST(value + {more} AS INT), "
            f"CAST(value % 3 AS TEXT) FROM generate_series(1, {rows})"
        )
    made.append("INSERT INTO mixed.many VALUES (NULL, NULL, NULL)")
    made.append("INSERT INTO mixed.part VALUES (1, 1, NULL)")
    return made


class Query:
    """One query after the other."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def one_of(self, *choices: str) -> str:
        return self.random.choice(choices)

    def table(self) -> str:
        often = self.random.random() < 0.95
        return "mixed." + (self.one_of(*TABLES[:-1]) if often else "none")

    def condition(self, a: str, b: str) -> str:
        return self.one_of(
            f"{a}.k = {b}.k",
            f"{a}.n = {b}.n",
            f"{a}.s = {b}.s AND {a}.n = {b}.n",
            f"{a}.k = {b}.k AND {a}.n + 3 < {b}.n",
            f"{a}.n + 5 < {b}.n AND {a}.n + 9 > {b}.n",
            f"{a}.k = {b}.k AND {a}.s <> {b}.s",
            f"{a}.n * 2 < {b}.k",
            f"{a}.k IS NOT DISTINCT FROM {b}.k AND {a}.n % 50 = {b}.n % 50",
            f"{a}.n = {b}.n AND ({a}.s = '1' OR {b}.s = '2')",
            f"{a}.n = {b}.n AND {a}.k > 2",
        )

    def subquery(self, a: str) -> str:
        t = self.table()
        return self.one_of(
            f"{a}.k IN (SELECT k FROM {t} WHERE n > 4)",
            f"{a}.k NOT IN (SELECT k FROM {t} WHERE k IS NOT NULL AND n > 20)",
            f"{a}.n NOT IN (SELECT k FROM {t})",
            f"EXISTS (SELECT 1 FROM {t} y WHERE y.k = {a}.k AND y.n > {a}.n)",
            f"NOT EXISTS (SELECT 1 FROM {t} y WHERE y.n = {a}.n)",
            f"NOT EXISTS (SELECT 1 FROM {t} y WHERE y.n > {a}.n + 10)",
            f"EXISTS (SELECT 1 FROM {t} y WHERE y.n < {a}.k)",
            f"{a}.n > (SELECT avg(n) FROM {t})",
            f"{a}.n = (SELECT max(n) FROM {t} y WHERE y.k = {a}.k)",
            f"({a}.k IN (SELECT k FROM {t} WHERE n < 9) OR {a}.n > 20)",
            f"{a}.s = (SELECT min(s) FROM {t})",
        )

    def ordered(self) -> str:
        return f"SELECT k, n, s FROM {self.table()} ORDER BY n, k, s {self.one_of(*LIMITS)}"

    def joined(self) -> str:
        join = f"{self.table()} p {self.one_of(*JOINS)} {self.table()} q"
        return f"SELECT p.k, q.n, p.s FROM {join} ON {self.condition('p', 'q')}"

    def grouped(self) -> str:
        """Of each key one row."""
        return f"SELECT k, max(n) AS n, min(s) AS s FROM {self.table()} GROUP BY k"

    def multiplied(self) -> str:
        """Of each key several rows again."""
        join = f"({self.grouped()}) p {self.one_of(*JOINS)} {self.table()} q"
        join = f"{join} ON {self.condition('p', 'q')}"
        regrouped = f"SELECT p.k, q.n, min(q.s) AS s FROM {join} GROUP BY p.k, q.n"
        lists = f"SELECT k, array_agg(n) AS l, min(s) AS s FROM {self.table()} GROUP BY k"
        return self.one_of(
            regrouped,
            f"SELECT k, max(n) AS n, s FROM ({regrouped}) g GROUP BY k, s",
            f"SELECT k, CAST(sum(n) OVER (ORDER BY k) % 100 AS INT) AS n, s FROM ({regrouped}) g",
            f"SELECT k, unnest(l) AS n, s FROM ({lists}) g",
        )

    def part(self) -> str:
        """One side of a set operation."""
        return self.one_of(
            f"SELECT k, n, s FROM {self.table()}",
            f"SELECT k, n, s FROM {self.table()} WHERE n % 3 = 1",
            f"SELECT n % 6, n, s FROM {self.table()}",
            self.grouped(),
            f"SELECT k, n, s FROM {self.table()} x WHERE {self.subquery('x')}",
            f"({self.ordered()})",
            self.joined(),
        )

    def relation(self, name: str) -> str:
        operation = self.one_of("UNION ALL", "UNION", "INTERSECT", "EXCEPT")
        inner = self.one_of(
            f"{self.grouped()} HAVING count(*) > 1",
            self.multiplied(),
            f"SELECT k, n, s FROM {self.table()} {operation} {self.part()}",
            self.ordered(),
            f"SELECT DISTINCT k, n % 4 AS n, s FROM {self.table()}",
            f"SELECT k, n, s FROM {self.table()} x WHERE {self.subquery('x')}",
            "SELECT k, CAST(sum(n) OVER (PARTITION BY s ORDER BY n, k) % 100 AS INT) AS n, s "
            f"FROM {self.table()}",
            self.joined(),
        )
        return f"{self.table()} {name}" if self.random.random() < 0.4 else f"({inner}) {name}"

    def source(self) -> tuple[str, str]:
        """What comes after SELECT, and the name of the last relation in it."""
        names, source = ["a"], self.relation("a")
        for name in "bcd"[: self.random.choice([0, 1, 1, 1, 2, 2, 3])]:
            right = f"mixed.{self.one_of('few', 'many')} d" if name == "d" else self.relation(name)
            near = self.one_of(*names)
            simple = name != "b" and self.random.random() < 0.7
            on = f"{near}.n = {name}.n" if simple else self.condition(near, name)
            source += f" {self.one_of(*JOINS)} {right} ON {on}"
            names.append(name)
        wanted = [
            (0.4, f"{self.one_of(*names)}.n % {self.one_of('2', '3', '7')} = 1"),
            (0.4, self.subquery(self.one_of(*names))),
            (0.15, f"{self.one_of(*names)}.k IS NULL"),
            (0.1, f"coalesce(a.k, {names[-1]}.k, 0) < 5"),
        ]
        conditions = [condition for share, condition in wanted if self.random.random() < share]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        return f"FROM {source}{where}", names[-1]

    def query(self) -> tuple[int, str]:
        """The number of its columns, and the query."""
        source, z = self.source()
        order = "ORDER BY " + ", ".join(f"{column} NULLS LAST" for column in range(1, 6))
        limit = self.one_of("LIMIT 2", "LIMIT 1000", "LIMIT 20 OFFSET 5", "OFFSET 3")
        sets = self.one_of(f"ROLLUP (a.k, {z}.s)", f"CUBE (a.k, {z}.s)", f"a.k, {z}.s")
        groups = f"SELECT a.k AS x, {z}.s AS t, count(*) AS y, sum({z}.n) AS z {source} GROUP BY {sets}"
        scalars = (
            f"SELECT a.k AS x, (SELECT count(*) FROM {self.table()} y WHERE y.k = a.k) AS y, "
            f"(SELECT max(n) FROM {self.table()}) AS z, count(*) {source} GROUP BY a.k"
        )
        windows = (
            "SELECT sum(b.n) OVER (PARTITION BY b.k ORDER BY b.n) AS x, count(*) OVER () AS y, "
            f"rank() OVER (ORDER BY b.n) AS z FROM (SELECT a.k, {z}.n {source}) b"
        )
        of_each = (
            "SELECT r AS x, k AS y, 1 AS z FROM (SELECT a.k AS k, row_number() OVER (PARTITION BY "
            f"a.k ORDER BY a.n, {z}.n, {z}.k) AS r {source}) q WHERE r <= 3"
        )
        rows = self.one_of(groups, groups, scalars, windows, of_each)
        return self.random.choice(
            [
                (4, f"SELECT count(*), sum(x), sum(y), sum(z) FROM ({rows}) rows"),
                (4, f"SELECT count(*), sum(x), sum(y), sum(z) FROM ({rows}) rows"),
                (
                    6,
                    f"SELECT count(*), count(a.k), sum(a.n), count({z}.k), sum({z}.n), "
                    f"count(*) FILTER (WHERE a.n > 5) {source}",
                ),
                (5, f"SELECT a.k, {z}.k, a.n, {z}.n, {z}.s {source} {order} {self.one_of(*LIMITS)}"),
                (1, f"SELECT count(*) FROM (SELECT a.k {source} {limit}) q"),
                (2, f"SELECT count(*), min(s) FROM (SELECT DISTINCT a.k, {z}.s {source}) q"),
                (
                    4,
                    f"SELECT count(DISTINCT a.n), count(DISTINCT {z}.k), avg(a.k), "
                    f"sum(DISTINCT a.n % 7) {source}",
                ),
                (
                    2,
                    f"SELECT count(*), sum(k) FROM (SELECT a.k {source} UNION ALL "
                    f"SELECT k FROM {self.table()}) q",
                ),
                (
                    2,
                    f"WITH q AS (SELECT a.k AS k, {z}.n AS n {source}) SELECT count(*), sum(u.n) "
                    "FROM q u JOIN (SELECT k, max(n) AS m FROM q GROUP BY k) v "
                    "ON u.k = v.k AND u.n = v.m",
                ),
                (
                    2,
                    f"(SELECT a.k, a.n {source} ORDER BY 1 NULLS LAST, 2 NULLS LAST LIMIT 5) "
                    f"UNION ALL (SELECT k, n FROM {self.table()} ORDER BY 2, 1 LIMIT 4)",
                ),
            ]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=200)
    chosen = parser.parse_args()
    print(f"# Queries at random, made by random_queries.py --seed {chosen.seed}.\n# reads files\n")
    for statement in statements():
        print(f"statement ok\n{statement}\n")
    queries = Query(chosen.seed)
    for _ in range(chosen.count):
        columns, sql = queries.query()
        mode = "" if columns == 5 else " rowsort"
        print(f"query {'?' * columns}{mode}\n{sql}\n----\n")


if __name__ == "__main__":
    main()
