//! What is there again after the server was stopped or killed.

use std::time::Duration;

use lakegate_tests::cluster::{members, wait_for_active};
use lakegate_tests::{Cluster, Server, tests, wait, workload};
use libtest_mimic::Trial;

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        datasets_survive_a_restart,
        datasets_survive_a_kill,
        executors_come_back_to_a_restarted_server,
        a_killed_executor_and_its_successor_work_on,
    ]
}

fn define(server: &Server) {
    workload::create_flights(server);
    let mut sql = server.connect();
    sql.run("CREATE SCHEMA kept");
    sql.run("CREATE VIEW kept.late AS SELECT origin, delay FROM flights WHERE delay > 300");
    sql.run("CREATE VIEW kept.gone AS SELECT 1 AS one");
    sql.run("DROP VIEW kept.gone");
}

#[track_caller]
fn assert_kept(server: &Server) {
    let mut sql = server.connect();
    assert_eq!(sql.run("SELECT count(*) FROM flights"), [["3000000"]]);
    let late = sql.run("SELECT count(*) FROM kept.late");
    assert_eq!(late, sql.run("SELECT count(*) FROM flights WHERE delay > 300"));
    assert_eq!(sql.fail("SELECT * FROM kept.gone").code(), "table_not_found");
}

fn datasets_survive_a_restart() {
    let server = Server::start();
    define(&server);
    assert_kept(&server.restart());
}

fn datasets_survive_a_kill() {
    let mut server = Server::start();
    define(&server);
    server.process().kill();
    assert_kept(&server.start_again());
}

fn executors_come_back_to_a_restarted_server() {
    let Cluster { server, mut executors } = Cluster::start(2);
    workload::create_flights(&server);
    let server = server.restart();
    wait_for_active(&server, 2, Duration::from_secs(60));
    assert!(executors.iter_mut().all(|executor| executor.process().is_running()));
    let mut sql = workload::connect_with_tier(&server, "durable");
    assert_eq!(sql.run("SELECT count(*) FROM flights"), [["3000000"]]);
}

fn a_killed_executor_and_its_successor_work_on() {
    let mut cluster = Cluster::start(2);
    workload::create_flights(&cluster.server);
    cluster.replace_executor(0);
    // The server may list the killed one as active until it misses its heartbeats.
    wait::until("two live executors", Duration::from_secs(120), || {
        let members = members(&cluster.server);
        let active = members.iter().filter(|member| member.state == "active").count();
        if active >= 2 { Ok(()) } else { Err(format!("{members:?}")) }
    });
    let mut sql = workload::connect_with_tier(&cluster.server, "durable");
    assert_eq!(
        sql.run("SELECT count(*), count(DISTINCT origin) FROM flights"),
        [["3000000", "229"]]
    );
}
