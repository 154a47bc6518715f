//! Executors join with the token, and then the same server gives the same answers.

use std::collections::HashSet;
use std::time::Duration;

use lakegate_tests::cluster::{JOIN_DEADLINE, members, wait_for_active};
use lakegate_tests::sql::Sql;
use lakegate_tests::{Cluster, executor, server, tests, wait, workload};
use libtest_mimic::Trial;

pub(crate) fn tests() -> Vec<Trial> {
    tests![
        executors_join_and_are_listed,
        a_wrong_token_is_refused,
        the_cluster_port_serves_no_clients,
        the_list_of_executors_needs_credentials,
        several_executors_need_nothing_but_data_folders,
        both_tiers_give_equal_answers,
        both_executors_take_part,
        an_executor_may_come_before_its_server_is_ready,
    ]
}

fn executors_join_and_are_listed() {
    let cluster = Cluster::start(2);
    let members = members(&cluster.server);
    assert_eq!(members.len(), 2, "{members:?}");
    let ids: HashSet<_> = members.iter().map(|member| &member.id).collect();
    let addresses: HashSet<_> = members.iter().map(|member| &member.address).collect();
    assert_eq!((ids.len(), addresses.len()), (2, 2), "{members:?}");
    for member in &members {
        assert_eq!((member.cores, member.state.as_str()), (1, "active"), "{member:?}");
        assert!(member.memory_bytes > 0, "{member:?}");
        assert_eq!(member.running_tasks, 0, "{member:?}");
    }
}

fn a_wrong_token_is_refused() {
    let mut cluster = Cluster::start(1);
    let options = executor::Options::new(cluster.server.cluster_address());
    let mut stranger = options.with_token("wrong").start("executor with a wrong token");
    wait::until("the stranger to give up or to be told why", Duration::from_secs(30), || {
        let process = stranger.process();
        let told = ["unauthenticated", "token"].iter().any(|word| process.log_contains(word));
        if told || !process.is_running() { Ok(()) } else { Err("nothing said".to_owned()) }
    });
    assert_eq!(members(&cluster.server).len(), 1);
    cluster.server.assert_unharmed();
}

fn the_cluster_port_serves_no_clients() {
    let mut cluster = Cluster::start(1);
    let url = format!("grpc://{}", cluster.server.cluster_address());
    let refused = Sql::connect(&url, server::USER, server::PASSWORD);
    assert!(refused.is_err(), "a client could log in on the cluster port");
    cluster.server.assert_unharmed();
    cluster.wait_for_active(1);
}

fn the_list_of_executors_needs_credentials() {
    let server = server::Options::default().with_cluster().start();
    for path in ["/api/v1/cluster", "/api/v1/queries"] {
        let answer = server.http().get_without_credentials(path).expect("HTTP answers");
        assert_eq!(answer.status, 401, "{path}: {}", answer.body);
        assert_eq!(answer.json()["code"], "unauthenticated", "{path}");
    }
}

fn several_executors_need_nothing_but_data_folders() {
    let mut cluster = Cluster::start(0);
    let scheduler = cluster.server.cluster_address().to_owned();
    for index in 0..4 {
        let name = format!("plain executor {index}");
        cluster.executors.push(executor::Options::new(&scheduler).start(&name));
    }
    cluster.wait_for_active(4);
    workload::create_flights(&cluster.server);
    let mut sql = workload::connect_with_tier(&cluster.server, "durable");
    assert_eq!(sql.run("SELECT count(*) FROM flights"), [["3000000"]]);
}

fn both_tiers_give_equal_answers() {
    let cluster = Cluster::start(2);
    workload::create_flights(&cluster.server);
    let mut local = workload::connect_with_tier(&cluster.server, "local");
    let mut durable = workload::connect_with_tier(&cluster.server, "durable");
    for query in workload::queries() {
        assert_eq!(local.run(query), durable.run(query), "{query}");
        let (left, _) = local.fetch(query).expect("it ran before");
        let (right, _) = durable.fetch(query).expect("it ran before");
        assert_eq!(left, right, "schemas differ: {query}");
    }
}

fn both_executors_take_part() {
    let cluster = Cluster::start(2);
    workload::create_flights(&cluster.server);
    let sql = workload::connect_with_tier(&cluster.server, "durable");
    let query = sql.spawn(workload::long_query());
    wait::until("tasks on both executors at once", Duration::from_secs(60), || {
        let members = members(&cluster.server);
        let busy = members.iter().filter(|member| member.running_tasks > 0).count();
        if busy == 2 { Ok(()) } else { Err(format!("{members:?}")) }
    });
    query.join().expect("the query's thread lives").expect("the query is answered");
}

fn an_executor_may_come_before_its_server_is_ready() {
    let server = server::Options::default().with_cluster().start();
    let scheduler = server.cluster_address().to_owned();
    let mut stopped = server;
    stopped.stop();
    let mut early = executor::Options::new(&scheduler).start("early executor");
    let server = stopped.start_again();
    assert_eq!(server.cluster_address(), scheduler);
    wait_for_active(&server, 1, JOIN_DEADLINE);
    assert!(early.process().is_running());
}
