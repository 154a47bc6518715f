//! Executors on hosts of their own.

use lakegate_tests::network::Network;
use lakegate_tests::{Requirement, cluster, executor, server, tests, workload};
use libtest_mimic::Trial;

pub(crate) fn tests() -> Vec<Trial> {
    tests![needs &[Requirement::Root, Requirement::Tool("ip")]; executors_on_hosts_of_their_own_share_the_work]
}

fn executors_on_hosts_of_their_own_share_the_work() {
    let network = Network::new(2);
    let listen = format!("{}:0", network.server_address());
    let server = server::Options::default().with_cluster_at(&listen).start();
    let executors: Vec<_> = network
        .hosts()
        .iter()
        .map(|host| {
            let options = executor::Options::new(server.cluster_address());
            let options = options.with_wrapper(&host.wrapper()).with_arguments(&["--cores", "1"]);
            options.start(&format!("executor on {}", host.address()))
        })
        .collect();
    cluster::wait_for_active(&server, executors.len(), cluster::JOIN_DEADLINE);
    for member in cluster::members(&server) {
        let known = network.hosts().iter().any(|host| member.address.contains(host.address()));
        assert!(known, "an executor is listed at an address that is not its host's: {member:?}");
    }
    workload::create_flights(&server);
    let mut local = workload::connect_with_tier(&server, "local");
    let mut durable = workload::connect_with_tier(&server, "durable");
    for query in workload::queries() {
        assert_eq!(local.run(query), durable.run(query), "{query}");
    }
}
