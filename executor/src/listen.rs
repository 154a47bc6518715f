//! Where an executor listens, and under which address others reach it.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use crate::Error;

/// How long one try to reach the scheduler may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The pause between two tries.
const PAUSE: Duration = Duration::from_secs(1);
/// Tries between two lines about them.
const TRIES_PER_LINE: u32 = 10;

/// An open port and the name it has for others.
pub(crate) struct Port {
    pub(crate) listener: TcpListener,
    /// Host part of a URL; an address of version 6 stands in brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Opens the port. Where no address is given, it is a free port of the address from which this
/// machine reaches the scheduler, so it waits until the scheduler is there.
///
/// # Errors
/// The port cannot be opened.
pub(crate) async fn open(
    scheduler: &str,
    listen: Option<&str>,
    advertise: Option<&str>,
) -> Result<Port, Error> {
    let address = match listen {
        Some(address) => address.to_string(),
        None => SocketAddr::new(local_address(scheduler).await, 0).to_string(),
    };
    let failed = |source| Error::Listen { address: address.clone(), source };
    let listener = TcpListener::bind(&address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let (host, port) = match advertise.map(split_port) {
        Some((host, port)) => (host.to_string(), port.unwrap_or(bound.port())),
        None if bound.ip().is_unspecified() => {
            (in_url(local_address(scheduler).await), bound.port())
        }
        None => (in_url(bound.ip()), bound.port()),
    };
    Ok(Port { listener, host, port })
}

/// The address of this machine on the way to the scheduler.
async fn local_address(scheduler: &str) -> IpAddr {
    let mut tries = 0_u32;
    loop {
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(scheduler));
        let outcome = connecting.await.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        match outcome.and_then(|connection| connection.local_addr()) {
            Ok(address) => return address.ip(),
            Err(error) if tries.is_multiple_of(TRIES_PER_LINE) => {
                tracing::warn!(scheduler, error = %error, "the scheduler cannot be reached yet; trying again");
            }
            Err(_) => {}
        }
        tries += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

fn in_url(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// `HOST` or `HOST:PORT`, where an address of version 6 stands in brackets.
fn split_port(text: &str) -> (&str, Option<u16>) {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => match port.parse() {
            Ok(port) => (host, Some(port)),
            Err(_) => (text, None),
        },
        _ => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advertised_address_may_have_a_port() {
        assert_eq!(split_port("node-3"), ("node-3", None));
        assert_eq!(split_port("node-3:8817"), ("node-3", Some(8817)));
        assert_eq!(split_port("[fe80::1]:8817"), ("[fe80::1]", Some(8817)));
        assert_eq!(split_port("[fe80::1]"), ("[fe80::1]", None));
    }

    #[tokio::test]
    async fn a_free_port_of_the_address_that_reaches_the_scheduler_is_taken() {
        let scheduler = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = scheduler.local_addr().unwrap().to_string();
        let port = open(&address, None, None).await.unwrap();
        assert_eq!(port.host, "127.0.0.1");
        assert_eq!(port.listener.local_addr().unwrap().port(), port.port);
        let port = open(&address, Some("0.0.0.0:0"), None).await.unwrap();
        assert_eq!(port.host, "127.0.0.1");
        let port = open(&address, Some("127.0.0.1:0"), Some("node-3")).await.unwrap();
        assert_eq!(port.host, "node-3");
    }
}
