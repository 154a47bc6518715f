//! TPC-H while executors are killed at random moments and replaced, one kill after the other.
//!
//! Unlike the other faults these come at moments that nobody chose; a run tells its seed.

use std::collections::HashSet;
use std::thread;
use std::time::{Duration, Instant};

use lakegate_tests::cluster::{self, members};
use lakegate_tests::random::Random;
use lakegate_tests::{Cluster, Requirement, Server, tests, wait, workload};
use libtest_mimic::Trial;

use crate::tpch::{self, Query};

/// Executors, of one core each.
const EXECUTORS: usize = 2;
/// How often each query loses an executor.
const PASSES: usize = 2;
/// Kills that must meet a query. Some of the others find it answered.
const KILLS_MIN: usize = 20;
/// How long a query may take that loses an executor; undisturbed it takes a second.
const QUERY_DEADLINE: Duration = Duration::from_secs(60);

pub(crate) fn tests() -> Vec<Trial> {
    tests![needs &[Requirement::Tool("python3")];
        every_query_of_tpch_outlives_an_executor_killed_at_a_random_moment,
    ]
}

fn every_query_of_tpch_outlives_an_executor_killed_at_a_random_moment() {
    let mut random = Random::seeded();
    let mut cluster = Cluster::start(EXECUTORS);
    let queries = tpch::run_undisturbed(&cluster.server);
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
    query.assert_answer(&rows);
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
