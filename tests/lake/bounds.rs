//! Stores that throttle, what queries ask of stores, and the settings that bound it.

use lakegate_tests::server::Options;
use lakegate_tests::sql::Sql;
use lakegate_tests::{Cluster, data, executor, tests};
use libtest_mimic::Trial;

use crate::throttling::Throttling;

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        a_store_that_throttles_slows_queries_down_and_fails_none,
        retries_of_a_store_end_where_the_setting_says,
        a_store_that_goes_away_in_the_middle_of_a_query_is_told_as_such,
    ]
}

fn declare(admin: &mut Sql, store: &Throttling) {
    admin.run(&format!("CREATE LOCATION busy URL '{}/'", store.url()));
    admin.run(&table(store));
}

fn table(store: &Throttling) -> String {
    let url = store.url();
    format!("CREATE EXTERNAL TABLE numbers STORED AS PARQUET LOCATION '{url}/numbers.parquet'")
}

/// The sum of a metric over its labels that contain all of `labels`.
pub(crate) fn metric(cluster: &Cluster, name: &str, labels: &[&str]) -> f64 {
    let told = cluster.server.http().get("/metrics").unwrap().body;
    let lines = told.lines().filter(|line| line.starts_with(&format!("{name}{{")));
    let lines = lines.filter(|line| labels.iter().all(|label| line.contains(label)));
    lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok()).sum()
}

fn a_store_that_throttles_slows_queries_down_and_fails_none() {
    let store = Throttling::start(&data::small().join("parts/numbers-0.parquet"), 3);
    let cluster = Cluster::start(2);
    let mut admin = cluster.server.connect();
    declare(&mut admin, &store);
    for tier in ["local", "durable"] {
        admin.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        let before = store.refused();
        let numbers = admin.run("SELECT count(*), max(n), sum(n) FROM numbers WHERE n >= 0");
        assert_eq!(numbers, [["250", "249", "31125"]], "{tier}");
        assert!(store.refused() > before, "{tier}: nothing was throttled");
        let told = admin.run("EXPLAIN ANALYZE SELECT sum(n) FROM numbers WHERE n >= 1");
        let stores = told.iter().find(|row| row[0] == "object_stores");
        let stores = stores.unwrap_or_else(|| panic!("{tier}: {told:?}"));
        assert!(!stores[1].starts_with("0 requests"), "{tier}: {stores:?}");
    }
    assert!(metric(&cluster, "lakegate_store_attempts_total", &["throttled"]) > 0.0);
    for by in ["by=\"server\"", "by=\"executors\""] {
        assert!(metric(&cluster, "lakegate_store_requests_total", &[by]) > 0.0, "{by}");
    }
}

fn retries_of_a_store_end_where_the_setting_says() {
    let store = Throttling::start(&data::small().join("parts/numbers-0.parquet"), usize::MAX);
    let server = Options::default().with_variable("LAKEGATE_STORE__RETRIES", "2").start();
    let mut admin = server.connect();
    admin.run(&format!("CREATE LOCATION busy URL '{}/'", store.url()));
    let refused = admin.fail(&table(&store));
    assert_eq!(refused.code(), "storage_error", "{refused}");
    assert_eq!(store.refused(), 3, "one attempt and two repeats");
}

fn a_store_that_goes_away_in_the_middle_of_a_query_is_told_as_such() {
    let store = Throttling::start(&data::small().join("parts/numbers-0.parquet"), 1);
    let settings = [
        ("LAKEGATE_STORE__RETRIES", "1"),
        ("LAKEGATE_STORE__CACHE_MEMORY", "0"),
        ("LAKEGATE_STORE__CACHE_DISK", "0"),
    ];
    let mut options = Options::default();
    for (name, value) in settings {
        options = options.with_variable(name, value);
    }
    let mut cluster = Cluster::start_with(options, 0);
    let executor = executor::Options::new(cluster.server.cluster_address());
    let mut executor = executor.with_arguments(&["--cores", "1"]);
    for (name, value) in settings {
        executor = executor.with_variable(name, value);
    }
    cluster.executors.push(executor.start("executor"));
    cluster.wait_for_active(1);
    let mut admin = cluster.server.connect();
    declare(&mut admin, &store);
    for tier in ["local", "durable"] {
        admin.run(&format!("SET lakegate.execution.tier = '{tier}'"));
        let mut failed = 0;
        // Wherever it goes away: while the query is planned, at a footer, among the rows.
        for served in 0.. {
            store.fail_after(served);
            match admin.rows("SELECT count(*), sum(n) FROM numbers WHERE n >= 3") {
                Ok(rows) => {
                    assert_eq!(rows, [["247", "31122"]], "{tier}");
                    break;
                }
                Err(error) => {
                    assert_eq!(error.code(), "storage_error", "{tier}, {served}: {error}")
                }
            }
            failed += 1;
        }
        assert!(failed > 1, "{tier}: one request for all");
        store.fail_after(usize::MAX);
    }
}
