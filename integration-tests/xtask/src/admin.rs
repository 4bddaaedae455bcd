//! The admin interface of Envoy.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::http::{self, Response};
use crate::render::quoted;

/// The longest path of a unix socket (`sun_path` of Linux, with its final NUL, is 108 bytes).
pub const MAX_SOCKET_PATH: usize = 107;

const TIMEOUT: Duration = Duration::from_secs(10);

/// Where the admin interface listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Admin {
    /// On a unix socket, which only our user can open.
    Unix(PathBuf),
    /// On a TCP address, when asked for.
    Tcp(SocketAddr),
}

impl Admin {
    /// Reads `HOST:PORT` or a path.
    pub fn parse(text: &str) -> Result<Self> {
        if let Ok(addr) = text.parse() {
            return Ok(Self::Tcp(addr));
        }
        let path = std::path::absolute(text).map_err(|error| Error::new(error.to_string()))?;
        if path.as_os_str().len() > MAX_SOCKET_PATH {
            return Err(Error::new(format!(
                "{} is too long for a unix socket ({MAX_SOCKET_PATH} bytes at most)",
                path.display()
            )));
        }
        Ok(Self::Unix(path))
    }

    /// The address in Envoy's configuration.
    pub fn to_yaml(&self) -> String {
        match self {
            Self::Unix(path) => format!("{{pipe: {{path: {}, mode: 384}}}}", quoted(&path.to_string_lossy())),
            Self::Tcp(addr) => format!(
                "{{socket_address: {{address: {}, port_value: {}}}}}",
                quoted(&addr.ip().to_string()),
                addr.port()
            ),
        }
    }

    /// The same as the endpoint of a cluster.
    pub fn to_endpoint(&self) -> String {
        match self {
            Self::Unix(path) => format!("{{pipe: {{path: {}}}}}", quoted(&path.to_string_lossy())),
            Self::Tcp(_) => self.to_yaml(),
        }
    }

    /// `GET target`.
    pub fn get(&self, target: &str) -> io::Result<Response> {
        self.request("GET", target)
    }

    /// `POST target`, for example `/runtime_modify?sekisho.inbox.mentions.max=9`.
    pub fn post(&self, target: &str) -> io::Result<Response> {
        self.request("POST", target)
    }

    /// The value of a counter or gauge, if there is one of exactly that name.
    pub fn stat(&self, name: &str) -> Option<u64> {
        let stats = self.get("/stats").ok()?.text();
        stats
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(stat, _)| *stat == name)
            .and_then(|(_, value)| value.parse().ok())
    }

    /// The address that the listener of that name is bound to.
    pub fn listener(&self, name: &str) -> Option<SocketAddr> {
        let listeners = self.get("/listeners").ok()?.text();
        // sekisho::127.0.0.1:8080
        listeners.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("::")?.parse().ok())
    }

    /// How to ask it by hand, as a line of a shell. `options` are those of curl.
    pub fn curl(&self, options: &str, target: &str) -> String {
        match self {
            Self::Unix(path) => {
                format!("curl {options} --unix-socket {} 'http://admin{target}'", crate::workspace::shown(path))
            }
            Self::Tcp(addr) => format!("curl {options} 'http://{addr}{target}'"),
        }
    }

    fn request(&self, method: &str, target: &str) -> io::Result<Response> {
        match self {
            Self::Unix(path) => {
                let mut stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                http::request(&mut stream, method, "admin", target)
            }
            Self::Tcp(addr) => {
                let mut stream = TcpStream::connect_timeout(addr, TIMEOUT)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                http::request(&mut stream, method, &addr.to_string(), target)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_or_a_path() {
        let tcp = Admin::parse("127.0.0.1:9901").unwrap();
        assert_eq!(tcp.to_yaml(), "{socket_address: {address: \"127.0.0.1\", port_value: 9901}}");
        let unix = Admin::parse("/run/x/admin.sock").unwrap();
        assert_eq!(unix.to_yaml(), "{pipe: {path: \"/run/x/admin.sock\", mode: 384}}");
        assert_eq!(unix.to_endpoint(), "{pipe: {path: \"/run/x/admin.sock\"}}");
        assert_eq!(tcp.to_endpoint(), tcp.to_yaml());
        assert_eq!(tcp.curl("-sS", "/stats"), "curl -sS 'http://127.0.0.1:9901/stats'");
        assert!(Admin::parse(&"x".repeat(108)).is_err());
    }
}
