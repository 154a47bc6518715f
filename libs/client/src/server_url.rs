//! The address of a server: `grpc://HOST:PORT`.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// The client port of a server that was started without choosing one.
const DEFAULT_PORT: u16 = 8815;

/// Where a server listens for clients.
///
/// Written `grpc://host[:port]`, `grpc+tcp://…` or `http://…`, all of them without TLS; the port is
/// 8815 where none is given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    host: String,
    port: u16,
}

impl ServerUrl {
    /// `host:port`, an IPv6 address in brackets.
    pub fn address(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    /// The address as an HTTP URL without a path.
    pub fn http(&self) -> String {
        format!("http://{}:{}", self.host, self.port)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "grpc://{}:{}", self.host, self.port)
    }
}

impl FromStr for ServerUrl {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let refused = |reason| Error::InvalidUrl { url: text.to_string(), reason };
        let (scheme, rest) =
            text.trim().split_once("://").ok_or_else(|| refused("it has no scheme"))?;
        match scheme.to_ascii_lowercase().as_str() {
            "grpc" | "grpc+tcp" | "http" => {}
            "grpc+tls" | "https" | "flightsql" => {
                return Err(Error::TlsUnsupported { url: text.to_string() });
            }
            _ => return Err(refused("its scheme is not grpc, grpc+tcp or http")),
        }
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(refused("nothing may follow the port, and no user stands before the host"));
        }
        let (host, port) = split_port(authority);
        if host.is_empty() || host.chars().any(char::is_whitespace) {
            return Err(refused("it has no host"));
        }
        let port = match port {
            None => DEFAULT_PORT,
            Some(port) => port.parse().map_err(|_| refused("its port is no number up to 65535"))?,
        };
        Ok(Self { host: host.to_string(), port })
    }
}

/// Parts the port from the host; the colons within the brackets of an IPv6 address belong to it.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_default_port() -> Result<(), Error> {
        assert_eq!("grpc://localhost".parse::<ServerUrl>()?.address(), "localhost:8815");
        assert_eq!("http://127.0.0.1:9/".parse::<ServerUrl>()?.address(), "127.0.0.1:9");
        assert_eq!("grpc://[::1]:7".parse::<ServerUrl>()?.http(), "http://[::1]:7");
        assert_eq!("grpc://[::1]".parse::<ServerUrl>()?.address(), "[::1]:8815");
        Ok(())
    }

    #[test]
    fn tls_is_refused_in_words() {
        let refused = "grpc+tls://host:1".parse::<ServerUrl>();
        assert!(matches!(refused, Err(Error::TlsUnsupported { .. })));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in
            ["localhost:8815", "grpc://", "grpc://h:port", "ftp://h", "grpc://u@h", "grpc://h/x"]
        {
            assert!(text.parse::<ServerUrl>().is_err(), "{text}");
        }
    }
}
