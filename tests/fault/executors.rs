//! Executors killed in the middle of a query, during a stage and after it.

use std::time::{Duration, Instant};

use lakegate_tests::cluster::members;
use lakegate_tests::queries::{self, Queries};
use lakegate_tests::{Cluster, server, tests, wait, workload};
use libtest_mimic::Trial;
use serde_json::Value;

/// How long a query may take with one executor killed in its middle.
const QUERY_DEADLINE: Duration = Duration::from_secs(180);
/// Kills of each kind, one after the other on the same cluster.
const ROUNDS: usize = 3;

type Rows = Vec<Vec<String>>;

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        an_executor_killed_during_a_stage_changes_no_answer,
        an_executor_killed_after_its_stage_changes_no_answer,
        a_query_outlives_all_its_executors_or_says_why_not,
        an_executor_that_hangs_delays_no_other_query_for_ever,
    ]
}

fn an_executor_killed_during_a_stage_changes_no_answer() {
    kill_in_mid_query(|cluster| {
        wait::until("a task to run", QUERY_DEADLINE, || {
            let members = members(&cluster.server);
            if members.iter().any(|member| member.running_tasks > 0) {
                Ok(())
            } else {
                Err(format!("{members:?}"))
            }
        });
    });
}

fn an_executor_killed_after_its_stage_changes_no_answer() {
    kill_in_mid_query(|cluster| {
        let told = cluster.server.queries();
        let id = told.active().pop().expect("the query is active");
        wait::until("a stage to be done", QUERY_DEADLINE, || {
            let query = told.of(&id).ok_or("unknown")?;
            let over = !matches!(queries::state(&query), "planning" | "running");
            if queries::stages_done(&query) > 0 || over { Ok(()) } else { Err(query.to_string()) }
        });
    });
}

/// Runs the long query several times; each time waits for a moment, kills one executor after the
/// other in turn, starts another in its place, and compares the answer.
fn kill_in_mid_query(wait_for_the_moment: impl Fn(&Cluster)) {
    let mut cluster = Cluster::start(2);
    workload::create_flights(&cluster.server);
    let expected =
        workload::connect_with_tier(&cluster.server, "local").run(workload::long_query());
    let mut retries = 0;
    for round in 0..ROUNDS {
        let told = cluster.server.queries();
        told.wait_until_idle(Duration::from_secs(10));
        let start = Instant::now();
        let sql = workload::connect_with_tier(&cluster.server, "durable");
        let query = sql.spawn(workload::long_query());
        let id = told.wait_for_new(&[], Duration::from_secs(30));
        wait_for_the_moment(&cluster);
        cluster.replace_executor(round % 2);
        wait::until("the query's answer", QUERY_DEADLINE, || {
            if query.is_finished() { Ok(()) } else { Err(describe(&told)) }
        });
        let rows = query.join().expect("the query's thread lives");
        assert_same(&expected, rows.map_err(|error| error.to_string()), round);
        println!("round {round}: {:.1} s", start.elapsed().as_secs_f64());
        retries += retries_of(&cluster, &id);
        wait_for_two_live(&cluster);
    }
    assert!(retries > 0, "what killed executors had done was done again, and nobody says so");
    cluster.server.assert_unharmed();
}

/// How many tasks of a query ran again. It took time on processors in any case.
fn retries_of(cluster: &Cluster, id: &str) -> u64 {
    let sql = format!("SELECT retries, cpu_us > 0 FROM system.queries WHERE query_id = '{id}'");
    let told = workload::connect_with_tier(&cluster.server, "local").run(&sql);
    assert_eq!(told[0][1], "true", "{told:?}");
    told[0][0].parse().expect("a number of retries")
}

#[track_caller]
fn assert_same(expected: &Rows, found: Result<Rows, String>, round: usize) {
    match found {
        Ok(rows) => assert!(rows == *expected, "round {round}: another answer: {rows:?}"),
        Err(error) => panic!("round {round}: the query failed: {error}"),
    }
}

fn describe(told: &Queries) -> String {
    let active: Vec<Value> = told.active().iter().filter_map(|id| told.of(id)).collect();
    format!("{active:?}")
}

/// The killed executor may be listed as active until it has missed its heartbeats; its successor
/// must have joined.
fn wait_for_two_live(cluster: &Cluster) {
    wait::until("two live executors", Duration::from_secs(120), || {
        let members = members(&cluster.server);
        let active = members.iter().filter(|member| member.state == "active").count();
        if active >= 2 { Ok(()) } else { Err(format!("{members:?}")) }
    });
}

fn a_query_outlives_all_its_executors_or_says_why_not() {
    let mut cluster = Cluster::start(2);
    workload::create_flights(&cluster.server);
    let expected =
        workload::connect_with_tier(&cluster.server, "local").run(workload::long_query());
    let told = cluster.server.queries();
    let sql = workload::connect_with_tier(&cluster.server, "durable");
    let query = sql.spawn(workload::long_query());
    let id = told.wait_for_new(&[], Duration::from_secs(30));
    wait::until("a task to be done", QUERY_DEADLINE, || {
        let query = told.of(&id).ok_or("unknown")?;
        if queries::tasks_done(&query) > 0 { Ok(()) } else { Err(query.to_string()) }
    });
    cluster.replace_executor(0);
    cluster.replace_executor(1);
    wait::until("the query to end", QUERY_DEADLINE, || {
        if query.is_finished() { Ok(()) } else { Err(describe(&told)) }
    });
    match query.join().expect("the query's thread lives") {
        Ok(rows) => assert!(rows == expected, "another answer: {rows:?}"),
        Err(error) => {
            let retryable = ["executor_lost", "no_executors", "query_stuck"];
            assert!(retryable.contains(&error.code()), "{error}");
        }
    }
    wait_for_two_live(&cluster);
    let rows = workload::connect_with_tier(&cluster.server, "durable").run(workload::long_query());
    assert!(rows == expected, "another answer afterwards");
    cluster.server.assert_unharmed();
}

fn an_executor_that_hangs_delays_no_other_query_for_ever() {
    let mut cluster = Cluster::start_with(server::Options::default(), 2);
    workload::create_flights(&cluster.server);
    // Stopped, not killed: its connections stay open and nothing is answered on them.
    cluster.executors[0].process().signal("STOP");
    let sql = workload::connect_with_tier(&cluster.server, "durable");
    let query = sql.spawn("SELECT origin, count(*) FROM flights GROUP BY origin ORDER BY origin");
    let told = cluster.server.queries();
    let ended = wait::try_until(QUERY_DEADLINE, || {
        if query.is_finished() { Ok(()) } else { Err(describe(&told)) }
    });
    cluster.executors[0].process().signal("CONT");
    ended.unwrap_or_else(|last| panic!("the query hung with the executor: {last}"));
    match query.join().expect("the query's thread lives") {
        Ok(rows) => assert_eq!(rows.len(), 229),
        Err(error) => {
            assert!(["executor_lost", "query_stuck"].contains(&error.code()), "{error}");
        }
    }
    cluster.server.assert_unharmed();
}
