//! An executor whose cable is out for half a minute and then back.

use std::time::{Duration, Instant};

use lakegate_tests::{Requirement, cluster, tests, wait, workload};
use libtest_mimic::Trial;

use crate::hosts::{Hosts, OUTAGE};

/// How long a query may take that begins before the outage.
const QUERY_DEADLINE: Duration = Duration::from_secs(300);

pub(crate) fn tests() -> Vec<Trial> {
    tests![needs &[Requirement::Root, Requirement::Tool("ip")];
        an_executor_cut_off_in_mid_query_changes_no_answer,
        an_executor_that_is_back_takes_work_again,
    ]
}

/// Waits until the outage is over while the query goes on, then puts the cable back.
fn end_outage(hosts: &Hosts, since: Instant) {
    wait::until("the outage to end", OUTAGE * 2, || {
        if since.elapsed() >= OUTAGE { Ok(()) } else { Err("not yet".to_owned()) }
    });
    hosts.network.hosts()[0].restore();
}

fn an_executor_cut_off_in_mid_query_changes_no_answer() {
    let mut hosts = Hosts::start(2);
    workload::create_flights(&hosts.server);
    let local = || workload::connect_with_tier(&hosts.server, "local");
    let expected = local().run(workload::long_query());
    let told = hosts.server.queries();
    let sql = workload::connect_with_tier(&hosts.server, "durable");
    let query = sql.spawn(workload::long_query());
    told.wait_for_new(&[], Duration::from_secs(30));
    wait::until("a task to run", Duration::from_secs(60), || {
        let members = cluster::members(&hosts.server);
        let busy = members.iter().any(|member| member.running_tasks > 0);
        if busy { Ok(()) } else { Err(format!("{members:?}")) }
    });
    let since = Instant::now();
    hosts.network.hosts()[0].cut();
    end_outage(&hosts, since);
    wait::until("the query's answer", QUERY_DEADLINE, || {
        if query.is_finished() { Ok(()) } else { Err(format!("{:?}", told.recent())) }
    });
    let rows = query.join().expect("the query's thread lives");
    let rows = rows.unwrap_or_else(|error| panic!("the query failed: {error}"));
    assert!(rows == expected, "another answer: {rows:?}");
    assert!(hosts.executors.iter_mut().all(|executor| executor.process().is_running()));
    hosts.server.assert_unharmed();
}

fn an_executor_that_is_back_takes_work_again() {
    let mut hosts = Hosts::start(1);
    workload::create_flights(&hosts.server);
    let since = Instant::now();
    hosts.network.hosts()[0].cut();
    hosts.server.assert_unharmed();
    end_outage(&hosts, since);
    let rows = wait::until("a distributed answer after the outage", QUERY_DEADLINE, || {
        let mut sql = workload::connect_with_tier(&hosts.server, "durable");
        sql.rows("SELECT count(*) FROM flights").map_err(|error| error.to_string())
    });
    assert_eq!(rows, [["3000000"]]);
    assert_eq!(cluster::members(&hosts.server).len(), 1, "the same executor, listed once");
    assert!(hosts.executors[0].process().is_running());
    hosts.server.assert_unharmed();
}
