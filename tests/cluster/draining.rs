//! Stopping on request: what runs is finished, what is needed stays.

use std::time::{Duration, Instant};

use lakegate_tests::cluster::members;
use lakegate_tests::{Cluster, Server, queries, tests, wait, workload};
use libtest_mimic::Trial;

/// How long a query may take with an executor leaving in its middle.
const QUERY_DEADLINE: Duration = Duration::from_secs(120);
/// How long a drained executor may take to end.
const DRAIN_DEADLINE: Duration = Duration::from_secs(120);

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        an_executor_that_leaves_in_mid_query_loses_nothing,
        an_idle_executor_leaves_at_once_and_is_not_active_any_more,
        a_server_that_stops_ends_with_success,
        a_server_that_stops_lets_a_query_finish,
        a_second_signal_ends_the_server_at_once,
    ]
}

fn an_executor_that_leaves_in_mid_query_loses_nothing() {
    let mut cluster = Cluster::start(2);
    workload::create_flights(&cluster.server);
    let expected =
        workload::connect_with_tier(&cluster.server, "local").run(workload::long_query());
    let told = cluster.server.queries();
    let before = told.active();
    let start = Instant::now();
    let query =
        workload::connect_with_tier(&cluster.server, "durable").spawn(workload::long_query());
    let id = told.wait_for_new(&before, Duration::from_secs(30));
    wait::until("a task to be done", QUERY_DEADLINE, || {
        let query = told.of(&id).ok_or("unknown")?;
        if queries::tasks_done(&query) > 0 { Ok(()) } else { Err(query.to_string()) }
    });
    cluster.executors[0].process().terminate();
    let rows = query.join().expect("the query's thread lives").expect("the query is answered");
    assert_eq!(rows, expected);
    assert!(start.elapsed() < QUERY_DEADLINE, "took {:?}", start.elapsed());
    let status = cluster.executors[0].process().wait_for_exit(DRAIN_DEADLINE);
    assert!(status.success(), "the drained executor ended with {status}");
    cluster.wait_for_active(1);
}

fn an_idle_executor_leaves_at_once_and_is_not_active_any_more() {
    let mut cluster = Cluster::start(2);
    cluster.executors[1].process().terminate();
    let status = cluster.executors[1].process().wait_for_exit(Duration::from_secs(20));
    assert!(status.success(), "ended with {status}");
    wait::until("one executor to be left", Duration::from_secs(20), || {
        let members = members(&cluster.server);
        let active = members.iter().filter(|member| member.state == "active").count();
        if active == 1 { Ok(()) } else { Err(format!("{members:?}")) }
    });
}

fn a_server_that_stops_ends_with_success() {
    let mut server = Server::start();
    server.connect().run("SELECT 1");
    let status = server.stop();
    assert!(status.success(), "ended with {status}\n{}", server.process().log_tail());
}

fn a_server_that_stops_lets_a_query_finish() {
    let mut server = Server::start();
    workload::create_flights(&server);
    let told = server.queries();
    let query = server.connect().spawn(workload::long_query());
    told.wait_for_new(&[], Duration::from_secs(30));
    server.process().terminate();
    let rows = query.join().expect("the query's thread lives");
    assert!(rows.is_ok_and(|rows| rows.len() > 100), "the query was cut off");
    let status = server.process().wait_for_exit(Duration::from_secs(60));
    assert!(status.success(), "ended with {status}");
}

fn a_second_signal_ends_the_server_at_once() {
    let mut server = Server::start();
    workload::create_flights(&server);
    let told = server.queries();
    let query = server.connect().spawn(workload::endless_query());
    told.wait_for_new(&[], Duration::from_secs(30));
    server.process().terminate();
    // The port refuses new connections as soon as the first signal is handled.
    wait::until("the first signal to be handled", Duration::from_secs(10), || {
        match server.http().get_without_credentials("/readyz") {
            Ok(answer) if answer.status == 200 => Err("still ready".to_owned()),
            _ => Ok(()),
        }
    });
    server.process().terminate();
    server.process().wait_for_exit(Duration::from_secs(5));
    assert!(query.join().expect("the query's thread lives").is_err());
}
