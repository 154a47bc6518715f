//! Executors on hosts of their own: network namespaces on one bridge, which can be cut off for real.
//!
//! Needs root. Addresses are 10.213.N.0/24 with N from the process number; they exist on this
//! machine only, and all of it is removed on drop.

use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts networks of this process, so that two at once have different names.
static NETWORKS: AtomicU32 = AtomicU32::new(0);

/// A bridge with an address of its own in the main namespace, where the server listens.
pub struct Network {
    bridge: String,
    prefix: String,
    hosts: Vec<Host>,
}

/// One namespace with an address on the network.
#[derive(Debug, Clone)]
pub struct Host {
    namespace: String,
    link: String,
    address: String,
}

impl Network {
    /// Makes a bridge with `count` hosts on it.
    ///
    /// # Panics
    /// When the machine does not allow it.
    pub fn new(count: usize) -> Self {
        let number = process::id().wrapping_add(NETWORKS.fetch_add(1, Ordering::Relaxed)) % 250;
        let mut network = Self {
            bridge: format!("lgbr{number}"),
            prefix: format!("10.213.{number}"),
            hosts: Vec::new(),
        };
        let gateway = format!("{}/24", network.server_address());
        ip(&["link", "add", &network.bridge, "type", "bridge"]);
        ip(&["addr", "add", &gateway, "dev", &network.bridge]);
        ip(&["link", "set", &network.bridge, "up"]);
        for index in 0..count {
            network.add_host(number, index);
        }
        network
    }

    fn add_host(&mut self, number: u32, index: usize) {
        let host = Host {
            namespace: format!("lg-{number}-{index}"),
            link: format!("lgv{number}x{index}"),
            address: format!("{}.{}", self.prefix, index + 11),
        };
        let Host { namespace, link, address } = &host;
        ip(&["netns", "add", namespace]);
        ip(&["link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace]);
        ip(&["link", "set", link, "master", &self.bridge, "up"]);
        ip(&["-n", namespace, "addr", "add", &format!("{address}/24"), "dev", "eth0"]);
        ip(&["-n", namespace, "link", "set", "eth0", "up"]);
        ip(&["-n", namespace, "link", "set", "lo", "up"]);
        self.hosts.push(host);
    }

    /// The address on the bridge, which all hosts reach.
    pub fn server_address(&self) -> String {
        format!("{}.1", self.prefix)
    }

    /// The hosts, in order.
    pub fn hosts(&self) -> &[Host] {
        &self.hosts
    }
}

impl Host {
    /// The host's address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The words that start a program on this host.
    pub fn wrapper(&self) -> Vec<String> {
        ["ip", "netns", "exec", &self.namespace].map(str::to_owned).to_vec()
    }

    /// Takes the cable out: nothing arrives and nothing leaves, and no connection is closed.
    pub fn cut(&self) {
        ip(&["link", "set", &self.link, "down"]);
    }

    /// Puts the cable back.
    pub fn restore(&self) {
        ip(&["link", "set", &self.link, "up"]);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for host in &self.hosts {
            remove(&["netns", "del", &host.namespace]);
            remove(&["link", "del", &host.link]);
        }
        remove(&["link", "del", &self.bridge]);
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output().expect("ip runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {}: {error}", arguments.join(" "));
}

/// Removal goes on whatever fails: a link goes with its namespace, so some are gone already.
fn remove(arguments: &[&str]) {
    let _ = Command::new("ip").args(arguments).stderr(Stdio::null()).status();
}
