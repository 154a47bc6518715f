//! Clients that cancel or go away, at every moment of a query.

use std::thread;
use std::time::{Duration, Instant};

use lakegate_tests::sql::Sql;
use lakegate_tests::{Cluster, Server, cluster, queries, tests, wait, workload};
use libtest_mimic::Trial;

/// What a client that went away may still cost.
const FREED_WITHIN: Duration = Duration::from_secs(1);
/// The time over which an executor's use of a core is looked at.
const WINDOW: Duration = Duration::from_millis(400);
/// Deadline for states that the server reaches by itself.
const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        a_client_that_goes_away_frees_a_local_query,
        a_client_that_goes_away_frees_a_distributed_query,
        a_query_cancelled_over_http_ends_at_once_on_both_tiers,
        a_query_cancelled_while_it_is_planned_leaves_nothing,
        a_cancelled_join_that_fans_out_leaves_its_threads_to_others,
        many_clients_that_go_away_leave_nothing,
        cancelling_what_is_not_there_is_told,
    ]
}

/// Rows that come at once and do not end.
const ENDLESS_ROWS: &str = "SELECT a.delay, b.delay FROM flights a, flights b";

fn goes_away(server: &Server, tier: &str) {
    let told = server.queries();
    let mut sql = workload::connect_with_tier(server, tier);
    let running = sql.start(ENDLESS_ROWS).unwrap_or_else(|error| panic!("{error}"));
    let id = running.id().expect("a query tells its identifier");
    let since = Instant::now();
    drop(running);
    drop(sql);
    let query = told.wait_for_state(&id, &["cancelled"], DEADLINE);
    assert!(since.elapsed() < FREED_WITHIN, "freed after {:?}: {query}", since.elapsed());
}

fn a_client_that_goes_away_frees_a_local_query() {
    let mut server = Server::start();
    workload::create_flights(&server);
    goes_away(&server, "local");
    server.assert_unharmed();
}

fn a_client_that_goes_away_frees_a_distributed_query() {
    let mut cluster = Cluster::start(2);
    workload::create_flights(&cluster.server);
    let told = cluster.server.queries();
    let task = workload::connect_with_tier(&cluster.server, "durable")
        .spawn_abandoned(workload::endless_query());
    let id = told.wait_for_new(&[], DEADLINE);
    wait_for_tasks(&cluster, true);
    let since = Instant::now();
    task.abort();
    told.wait_for_state(&id, &["cancelled"], DEADLINE);
    assert!(since.elapsed() < FREED_WITHIN, "freed after {:?}", since.elapsed());
    wait_for_tasks(&cluster, false);
    wait_for_rest(&mut cluster);
    let mut sql = workload::connect_with_tier(&cluster.server, "durable");
    assert_eq!(sql.run("SELECT count(*) FROM flights"), [["3000000"]]);
    cluster.server.assert_unharmed();
}

/// Waits until no executor computes any more, whatever it says of its tasks.
fn wait_for_rest(cluster: &mut Cluster) {
    for executor in &mut cluster.executors {
        wait::until("the executor to rest", FREED_WITHIN * 3, || {
            let before = executor.process().processor_time();
            thread::sleep(WINDOW);
            let used = executor.process().processor_time() - before;
            if used < WINDOW / 4 { Ok(()) } else { Err(format!("{used:?} of {WINDOW:?}")) }
        });
    }
}

/// Waits until tasks run on the executors, or none does.
fn wait_for_tasks(cluster: &Cluster, running: bool) {
    wait::until(&format!("running tasks to be {running}"), DEADLINE, || {
        let members = cluster::members(&cluster.server);
        let busy = members.iter().any(|member| member.running_tasks > 0);
        if busy == running { Ok(()) } else { Err(format!("{members:?}")) }
    });
}

fn a_query_cancelled_over_http_ends_at_once_on_both_tiers() {
    let mut cluster = Cluster::start(2);
    workload::create_flights(&cluster.server);
    let told = cluster.server.queries();
    for tier in ["local", "durable"] {
        let query =
            workload::connect_with_tier(&cluster.server, tier).spawn(workload::endless_query());
        let id = told.wait_for_new(&[], DEADLINE);
        told.wait_for_state(&id, &["running"], DEADLINE);
        let since = Instant::now();
        let answer = told.cancel(&id);
        assert!((200..300).contains(&answer.status), "{tier}: {answer:?}");
        told.wait_for_state(&id, &["cancelled"], DEADLINE);
        assert!(since.elapsed() < FREED_WITHIN, "{tier}: cancelled after {:?}", since.elapsed());
        let error = query.join().expect("the query's thread lives").expect_err("it was cancelled");
        assert_eq!(error.code(), "query_cancelled", "{tier}: {error}");
    }
    cluster.server.assert_unharmed();
}

/// A statement that takes the planner a while: many joins of one table with itself.
fn slow_to_plan() -> String {
    let mut sql = "SELECT count(*) FROM airports t0".to_owned();
    for index in 1..40 {
        sql.push_str(&format!(" JOIN airports t{index} ON t{index}.iata = t{}.iata", index - 1));
    }
    sql
}

fn a_query_cancelled_while_it_is_planned_leaves_nothing() {
    let mut cluster = Cluster::start(2);
    workload::create_flights(&cluster.server);
    let told = cluster.server.queries();
    for tier in ["local", "durable"] {
        let mut planned = 0;
        for _ in 0..10 {
            told.wait_until_idle(DEADLINE);
            let sql = workload::connect_with_tier(&cluster.server, tier);
            let task = sql.spawn_abandoned(&slow_to_plan());
            let id = told.wait_for_new(&[], DEADLINE);
            planned += usize::from(told.of(&id).is_some_and(|q| queries::state(&q) == "planning"));
            task.abort();
            told.wait_for_state(&id, &["cancelled", "finished"], DEADLINE);
        }
        println!("{tier}: {planned} of 10 were cancelled while they were planned");
    }
    wait_for_tasks(&cluster, false);
    let mut sql = workload::connect_with_tier(&cluster.server, "durable");
    assert_eq!(sql.run("SELECT count(*) FROM flights"), [["3000000"]]);
    cluster.server.assert_unharmed();
}

/// One batch of the probe side makes millions of rows that the filter drops: nothing is polled below
/// the join for minutes.
const FANNED_OUT: &str =
    "SELECT count(*) FROM flights a JOIN flights b ON a.origin = b.origin AND a.delay > b.delay";

fn a_cancelled_join_that_fans_out_leaves_its_threads_to_others() {
    let mut server = Server::start();
    workload::create_flights(&server);
    let told = server.queries();
    let task = workload::connect_with_tier(&server, "local").spawn_abandoned(FANNED_OUT);
    let id = told.wait_for_new(&[], DEADLINE);
    told.wait_for_state(&id, &["running"], DEADLINE);
    let answer = told.cancel(&id);
    assert!((200..300).contains(&answer.status), "{answer:?}");
    told.wait_for_state(&id, &["cancelled"], DEADLINE);
    let since = Instant::now();
    assert_eq!(server.connect().run("SELECT count(*) FROM flights"), [["3000000"]]);
    assert!(since.elapsed() < Duration::from_secs(5), "others waited {:?}", since.elapsed());
    task.abort();
    server.assert_unharmed();
}

fn many_clients_that_go_away_leave_nothing() {
    let mut server = Server::start();
    workload::create_flights(&server);
    let told = server.queries();
    for _ in 0..10 {
        let connections: Vec<Sql> = (0..8).map(|_| server.connect()).collect();
        let running: Vec<_> = connections
            .into_iter()
            .map(|mut sql| sql.start(ENDLESS_ROWS).unwrap_or_else(|error| panic!("{error}")))
            .collect();
        drop(running);
    }
    told.wait_until_idle(Duration::from_secs(5));
    server.assert_unharmed();
}

fn cancelling_what_is_not_there_is_told() {
    let mut server = Server::start();
    let told = server.queries();
    for id in ["00000000-0000-0000-0000-000000000000", "nonsense", "%2e%2e%2f"] {
        let answer = told.cancel(id);
        assert!((400..500).contains(&answer.status), "{id}: {answer:?}");
    }
    server.assert_unharmed();
}
