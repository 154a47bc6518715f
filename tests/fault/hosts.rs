//! A fleet whose executors are on hosts of their own, so that their cables can be taken out.

use std::time::Duration;

use lakegate_tests::network::{Host, Network};
use lakegate_tests::{Executor, Server, cluster, executor, server};

/// How long a cable is out.
pub(crate) const OUTAGE: Duration = Duration::from_secs(30);

/// A server and one executor on each host of a network.
pub(crate) struct Hosts {
    // Fields are dropped in this order: processes before the network that they are on.
    pub(crate) executors: Vec<Executor>,
    pub(crate) server: Server,
    pub(crate) network: Network,
}

impl Hosts {
    /// Starts them, each executor with one core, and waits until all have joined.
    pub(crate) fn start(count: usize) -> Self {
        let network = Network::new(count);
        let listen = format!("{}:0", network.server_address());
        let server = server::Options::default().with_cluster_at(&listen).start();
        let start = |host: &Host| {
            let options = executor::Options::new(server.cluster_address());
            let options = options.with_wrapper(&host.wrapper()).with_arguments(&["--cores", "1"]);
            options.start(&format!("executor on {}", host.address()))
        };
        let executors = network.hosts().iter().map(start).collect();
        cluster::wait_for_active(&server, count, cluster::JOIN_DEADLINE);
        Self { executors, server, network }
    }
}
