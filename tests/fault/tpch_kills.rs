//! TPC-H while executors are killed at random moments and replaced, one kill after the other.
//!
//! Unlike the other faults these come at moments that nobody chose; a run tells its seed.

use std::collections::HashSet;
use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use lakegate_tests::cluster::{self, members};
use lakegate_tests::random::Random;
use lakegate_tests::{Cluster, Requirement, Server, binary, data, tests, wait, workload};
use libtest_mimic::Trial;

/// Small enough for every run, large enough for stages of several tasks.
const SCALE_FACTOR: &str = "0.1";
/// Executors, of one core each.
const EXECUTORS: usize = 2;
/// How often each query loses an executor.
const PASSES: usize = 2;
/// Kills that must meet a query. Some of the others find it answered.
const KILLS_MIN: usize = 20;
/// How long a query may take that loses an executor; undisturbed it takes a second.
const QUERY_DEADLINE: Duration = Duration::from_secs(60);

type Rows = Vec<Vec<String>>;

pub(crate) fn tests() -> Vec<Trial> {
    tests![needs &[Requirement::Tool("python3")];
        every_query_of_tpch_outlives_an_executor_killed_at_a_random_moment,
    ]
}

/// A query with what is known of it before anything breaks.
struct Query {
    name: String,
    sql: String,
    expected: Rows,
    /// How long executors take for it.
    length: Duration,
}

fn every_query_of_tpch_outlives_an_executor_killed_at_a_random_moment() {
    let mut random = Random::seeded();
    let mut cluster = Cluster::start(EXECUTORS);
    let queries = run_undisturbed(&cluster.server);
    let kills = queries.len() * PASSES;
    let mut met = 0;
    for query in queries.iter().cycle().take(kills) {
        let victim = random.index(EXECUTORS);
        let moment = random.moment(query.length);
        met += usize::from(run_with_a_kill(&mut cluster, query, victim, moment));
    }
    println!("{met} of {kills} kills met a query");
    assert!(met >= KILLS_MIN, "only {met} of {kills} kills met a query");
    cluster.wait_for_active(EXECUTORS);
    cluster.server.assert_unharmed();
}

/// Runs each query once on either tier: the answers of one process are those to expect, and the
/// executors show how long the query takes.
///
/// Sums and averages of decimals are exact in any order, so answers are compared to their last digit
/// and in their order, which `ORDER BY` leaves open in no answer over these tables. Of floating
/// point numbers, which only constants such as `7.0` bring in, the first ten digits count.
fn run_undisturbed(server: &Server) -> Vec<Query> {
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

/// Runs a query, kills one executor at a moment after its start and puts another in its place.
/// Answers whether the query was still under way then.
fn run_with_a_kill(cluster: &mut Cluster, query: &Query, victim: usize, moment: Duration) -> bool {
    let known: HashSet<String> = ids(&cluster.server).collect();
    let sql = workload::connect_with_tier(&cluster.server, "durable");
    let begun = Instant::now();
    let answer = sql.spawn(&query.sql);
    thread::sleep(moment);
    let was_under_way = !answer.is_finished();
    cluster.replace_executor(victim);
    let told = cluster.server.queries();
    wait::until(&format!("the answer of {}", query.name), QUERY_DEADLINE, || {
        if answer.is_finished() { Ok(()) } else { Err(format!("{:?}", told.recent())) }
    });
    let rows = answer.join().expect("the query's thread lives");
    let rows = rows.unwrap_or_else(|error| panic!("{} failed: {error}", query.name));
    assert_same(&query.name, &query.expected, &rows);
    println!(
        "{}: executor {victim} killed after {:.2} of {:.2} s, answered after {:.2} s",
        query.name,
        moment.as_secs_f64(),
        query.length.as_secs_f64(),
        begun.elapsed().as_secs_f64()
    );
    wait_for_a_newcomer(&cluster.server, &known);
    was_under_way
}

fn ids(server: &Server) -> impl Iterator<Item = String> {
    members(server).into_iter().map(|member| member.id)
}

/// Waits until the replacement has joined. That the killed one is gone need not be known yet: what
/// comes next may run into it.
fn wait_for_a_newcomer(server: &Server, known: &HashSet<String>) {
    wait::until("the replacement to join", cluster::JOIN_DEADLINE, || {
        let joined = ids(server).any(|id| !known.contains(&id));
        if joined { Ok(()) } else { Err(format!("{:?}", members(server))) }
    });
}

#[track_caller]
fn assert_same(name: &str, expected: &Rows, found: &Rows) {
    let differing = expected.iter().zip(found).position(|(expected, found)| expected != found);
    if let Some(row) = differing {
        panic!("{name}, row {row}: {:?}, expected {:?}", found[row], expected[row]);
    }
    assert_eq!(found.len(), expected.len(), "rows of {name}");
}
