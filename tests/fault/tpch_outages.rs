//! TPC-H while executors are cut off from the network at random moments, one after the other.

use std::env;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use lakegate_tests::random::Random;
use lakegate_tests::sql::Sql;
use lakegate_tests::{Requirement, cluster, tests, wait, workload};
use libtest_mimic::Trial;

use crate::hosts::{Hosts, OUTAGE};
use crate::tpch::{self, Query};

/// Executors, of one core each.
const EXECUTORS: usize = 2;
/// Holds how many outages a run makes. Each takes its half minute, so a run makes few unless told.
const OUTAGES_VARIABLE: &str = "LAKEGATE_TEST_OUTAGES";
const OUTAGES_DEFAULT: usize = 2;
/// The longest time between a host's return and the next outage.
const PAUSE_MAX: Duration = Duration::from_secs(3);
/// How long a query may take that loses an executor; undisturbed it takes a second.
const QUERY_DEADLINE: Duration = Duration::from_secs(120);

pub(crate) fn tests() -> Vec<Trial> {
    tests![needs &[Requirement::Root, Requirement::Tool("ip"), Requirement::Tool("python3")];
        tpch_goes_on_with_right_answers_while_executors_are_cut_off_at_random_moments,
    ]
}

/// What the thread that asks and the one that breaks know of each other.
#[derive(Default)]
struct Shared {
    answers: AtomicUsize,
    is_over: AtomicBool,
}

fn tpch_goes_on_with_right_answers_while_executors_are_cut_off_at_random_moments() {
    let mut random = Random::seeded();
    let mut hosts = Hosts::start(EXECUTORS);
    let queries = tpch::run_undisturbed(&hosts.server);
    let shared = Shared::default();
    let sql = workload::connect_with_tier(&hosts.server, "durable");
    thread::scope(|scope| {
        let end = End(&shared);
        let asking = scope.spawn(|| ask_until_over(sql, &queries, &shared));
        for number in 1..=outages() {
            make_outage(&hosts, number, &mut random, &shared);
        }
        drop(end);
        wait_for_an_answer(&shared, || asking.is_finished());
    });
    assert!(hosts.executors.iter_mut().all(|executor| executor.process().is_running()));
    hosts.server.assert_unharmed();
}

/// Ends the asking, also when an outage ends in a panic.
struct End<'a>(&'a Shared);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Release);
    }
}

fn outages() -> usize {
    let told = env::var(OUTAGES_VARIABLE).ok();
    told.map_or(OUTAGES_DEFAULT, |told| told.parse().expect("a number of outages"))
}

/// Asks one query after the other on the executors, each of whose answers must be right.
fn ask_until_over(mut sql: Sql, queries: &[Query], shared: &Shared) {
    for query in queries.iter().cycle() {
        if shared.is_over.load(Ordering::Acquire) {
            return;
        }
        let begun = Instant::now();
        let rows = sql.rows(&query.sql);
        let rows = rows.unwrap_or_else(|error| panic!("{} failed: {error}", query.name));
        query.assert_answer(&rows);
        let took = begun.elapsed();
        if took > query.length * 2 + Duration::from_secs(1) {
            println!("{} took {:.1} s", query.name, took.as_secs_f64());
        }
        shared.answers.fetch_add(1, Ordering::AcqRel);
    }
}

/// Cuts one host off for [`OUTAGE`], during which answers go on coming, and waits until it is a
/// member again.
fn make_outage(hosts: &Hosts, number: usize, random: &mut Random, shared: &Shared) {
    thread::sleep(random.moment(PAUSE_MAX));
    let victim = random.index(EXECUTORS);
    let host = &hosts.network.hosts()[victim];
    let before = shared.answers.load(Ordering::Acquire);
    host.cut();
    thread::sleep(OUTAGE);
    let answered = shared.answers.load(Ordering::Acquire) - before;
    host.restore();
    println!("outage {number}: executor {victim} cut off, {answered} answers meanwhile");
    wait_for_an_answer(shared, || shared.answers.load(Ordering::Acquire) > before);
    cluster::wait_for_active(&hosts.server, EXECUTORS, cluster::JOIN_DEADLINE);
}

fn wait_for_an_answer(shared: &Shared, has_come: impl Fn() -> bool) {
    wait::until("an answer", QUERY_DEADLINE, || {
        let answers = shared.answers.load(Ordering::Acquire);
        if has_come() { Ok(()) } else { Err(format!("{answers} answers")) }
    });
}
