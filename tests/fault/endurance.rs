//! Memory: little when idle, and no more after many queries.

use std::time::Duration;

use lakegate_tests::{Cluster, Server, tests};
use libtest_mimic::Trial;

/// Small queries of one run.
const QUERIES: usize = 10_000;
/// Growth that counts as none: allocators keep what they once had.
const GROWTH_MAX_BYTES: u64 = 64 << 20;
/// Resident memory that an idle process may have, with optimised libraries.
const IDLE_MAX_BYTES: u64 = 150 << 20;

pub(crate) fn tests() -> Vec<Trial> {
    tests![idle_processes_are_small, memory_is_flat_after_many_small_queries]
}

fn idle_processes_are_small() {
    let mut cluster = Cluster::start(1);
    let server = cluster.server.process().resident_bytes();
    let executor = cluster.executors[0].process().resident_bytes();
    println!("idle: server {} MiB, executor {} MiB", server >> 20, executor >> 20);
    assert!(server < IDLE_MAX_BYTES, "server {} MiB", server >> 20);
    assert!(executor < IDLE_MAX_BYTES, "executor {} MiB", executor >> 20);
}

fn memory_is_flat_after_many_small_queries() {
    let mut server = Server::start();
    let mut sql = server.connect();
    let mut run = |count: usize| {
        for number in 0..count {
            assert_eq!(sql.run(&format!("SELECT {number}")), [[number.to_string()]]);
        }
    };
    // The first queries fill caches and the list of recent queries.
    run(QUERIES / 5);
    let before = server.process().resident_bytes();
    run(QUERIES);
    let after = server.process().resident_bytes();
    println!("after {QUERIES} queries: {} MiB, before: {} MiB", after >> 20, before >> 20);
    assert!(after < before + GROWTH_MAX_BYTES, "grew from {before} to {after} bytes");
    server.queries().wait_until_idle(Duration::from_secs(5));
    server.assert_unharmed();
}
