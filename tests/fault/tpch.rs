//! The 22 queries of TPC-H with their answers, for tests that break something meanwhile.

use std::fs;
use std::time::{Duration, Instant};

use lakegate_tests::{Server, binary, data, workload};

/// Small enough for every run, large enough for stages of several tasks.
const SCALE_FACTOR: &str = "0.1";

type Rows = Vec<Vec<String>>;

/// A query with what is known of it before anything breaks.
pub(crate) struct Query {
    pub(crate) name: String,
    pub(crate) sql: String,
    expected: Rows,
    /// How long executors take for it.
    pub(crate) length: Duration,
}

impl Query {
    /// # Panics
    /// When these are not the rows that the query has undisturbed.
    #[track_caller]
    pub(crate) fn assert_answer(&self, rows: &Rows) {
        assert_same(&self.name, &self.expected, rows);
    }
}

/// Runs each query once on either tier: the answers of one process are those to expect, and the
/// executors show how long the query takes.
///
/// Sums and averages of decimals are exact in any order, so answers are compared to their last digit
/// and in their order, which `ORDER BY` leaves open in no answer over these tables. Of floating
/// point numbers, which only constants such as `7.0` bring in, the first ten digits count.
pub(crate) fn run_undisturbed(server: &Server) -> Vec<Query> {
    for statement in data::tpch_statements(&data::tpch(SCALE_FACTOR)) {
        server.connect().run(&statement);
    }
    let mut local = workload::connect_with_tier(server, "local");
    let mut durable = workload::connect_with_tier(server, "durable");
    let measure = |(name, sql): (String, String)| {
        let expected = local.run(&sql);
        let begun = Instant::now();
        let found = durable.run(&sql);
        let length = begun.elapsed();
        assert_same(&name, &expected, &found);
        Query { name, sql, expected, length }
    };
    texts().into_iter().map(measure).collect()
}

/// The queries of the specification with its validation parameters, by name.
fn texts() -> Vec<(String, String)> {
    let folder = binary::workspace().join("tests/fault/tpch");
    let entries = fs::read_dir(folder).expect("the folder of queries can be read");
    let mut texts: Vec<(String, String)> = entries
        .map(|entry| entry.expect("an entry can be read").path())
        .map(|path| {
            let name = path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("a query can be read"))
        })
        .collect();
    texts.sort();
    texts
}

#[track_caller]
fn assert_same(name: &str, expected: &Rows, found: &Rows) {
    let differing = expected.iter().zip(found).position(|(expected, found)| expected != found);
    if let Some(row) = differing {
        panic!("{name}, row {row}: {:?}, expected {:?}", found[row], expected[row]);
    }
    assert_eq!(found.len(), expected.len(), "rows of {name}");
}
