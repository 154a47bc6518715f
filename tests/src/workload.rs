//! Queries that run for a while on real data, for tests that need something to be under way.

use crate::data;
use crate::server::Server;
use crate::sql::Sql;

/// Makes flights and airports known on a server.
pub fn create_flights(server: &Server) {
    let folder = data::demo();
    let mut sql = server.connect();
    for (name, format, file, options) in [
        ("flights", "PARQUET", "flights-3m.parquet", ""),
        ("airports", "CSV", "airports.csv", " OPTIONS ('format.has_header' 'true')"),
    ] {
        sql.run(&format!(
            "CREATE EXTERNAL TABLE IF NOT EXISTS {name} STORED AS {format} LOCATION '{}'{options}",
            folder.join(file).display()
        ));
    }
}

/// A connection that asks for a tier.
#[track_caller]
pub fn connect_with_tier(server: &Server, tier: &str) -> Sql {
    let mut sql = server.connect();
    sql.run(&format!("SET lakegate.execution.tier = '{tier}'"));
    sql
}

/// Every flight with each much delayed one of the same route: eighty million pairs, a few seconds
/// of work for two cores, in several stages, with a result that any lost or doubled row changes.
pub fn long_query() -> &'static str {
    "SELECT a.origin, count(*) AS pairs, sum(a.delay - b.delay) AS difference, max(a.distance) AS far
     FROM flights a JOIN flights b ON a.origin = b.origin AND a.destination = b.destination
     WHERE b.delay > 120
     GROUP BY a.origin ORDER BY a.origin"
}

/// Queries of different shapes over the flights, with answers that do not depend on order.
pub fn queries() -> [&'static str; 6] {
    [
        "SELECT count(*), sum(delay), sum(distance), count(DISTINCT origin) FROM flights",
        "SELECT origin, count(*) AS n, avg(delay) FROM flights GROUP BY origin ORDER BY n DESC, origin LIMIT 20",
        "SELECT a.state, count(*), sum(f.delay) FROM flights f JOIN airports a ON f.origin = a.iata \
         GROUP BY a.state ORDER BY a.state",
        "SELECT origin, destination, count(*) AS n FROM flights GROUP BY origin, destination \
         ORDER BY n DESC, origin, destination LIMIT 50",
        "SELECT origin, delay, r FROM (SELECT origin, delay, row_number() OVER (PARTITION BY origin \
         ORDER BY delay DESC) AS r FROM flights) WHERE r = 1 ORDER BY origin",
        "SELECT count(*) FROM flights f LEFT JOIN airports a ON f.destination = a.iata WHERE a.iata IS NULL",
    ]
}

/// A query that never comes to an end by itself, and whose first row never comes.
pub fn endless_query() -> &'static str {
    "SELECT count(*) FROM flights a, flights b WHERE (a.delay * b.delay + a.distance) % 7 = 3"
}
