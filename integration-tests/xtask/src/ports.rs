//! Is a port free, and if not, who has it.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::error::{Error, Result};
use crate::process;

/// Fails with a sentence about the other one if somebody listens there. Envoy would not notice (SO_REUSEPORT).
pub fn check_free(addr: SocketAddr, option: &str) -> Result<()> {
    let Err(error) = TcpListener::bind(addr) else {
        return Ok(());
    };
    let why = match error.kind() {
        ErrorKind::AddrInUse => match owner(addr.port()) {
            Some(owner) => format!("port {} is taken by {owner}", addr.port()),
            None => format!("port {} is taken by a process of another user", addr.port()),
        },
        ErrorKind::PermissionDenied => format!("port {} needs privileges", addr.port()),
        _ => error.to_string(),
    };
    Err(Error::new(format!("cannot listen on {addr}: {why}. Stop it, or choose another with {option} HOST:PORT")))
}

/// Whether somebody answers at `host:port`.
pub fn reachable(host_port: &str) -> std::result::Result<(), String> {
    let addrs = host_port.to_socket_addrs().map_err(|e| e.to_string())?;
    let mut last = "no address".to_owned();
    for addr in addrs {
        match TcpStream::connect_timeout(&addr, Duration::from_secs(2)) {
            Ok(_) => return Ok(()),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

/// `pid 42 (command line)` of the process that listens on a TCP port, where Linux lets us see it.
fn owner(port: u16) -> Option<String> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, port))
        .map(|inode| format!("socket:[{inode}]"))
        .collect();
    for entry in fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse().ok()) else {
            continue;
        };
        let Ok(fds) = fs::read_dir(entry.path().join("fd")) else {
            continue;
        };
        let holds = fds
            .flatten()
            .filter_map(|fd| fs::read_link(fd.path()).ok())
            .any(|link| inodes.iter().any(|inode| link.as_os_str() == inode.as_str()));
        if holds {
            let line: String = process::cmdline(pid)?.chars().take(120).collect();
            return Some(format!("pid {pid} ({line})"));
        }
    }
    None
}

/// The inodes of sockets in state LISTEN (0A) on `port`, from a table such as /proc/net/tcp.
fn listening_inodes(table: &str, port: u16) -> Vec<String> {
    let port = format!(":{port:04X}");
    table
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_whitespace();
            let local = fields.nth(1)?;
            let state = fields.nth(1)?;
            let inode = fields.nth(5)?;
            (local.ends_with(&port) && state == "0A").then(|| inode.to_owned())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::process::wait_until;

    #[test]
    fn a_table_of_linux() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100\n\
            1: 0100007F:1F90 0100007F:9999 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 100\n";
        assert_eq!(listening_inodes(table, 8080), ["4711"]);
        assert_eq!(listening_inodes(table, 80), [""; 0]);
    }

    #[test]
    fn a_taken_port_names_its_owner() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let error = check_free(addr, "--listen").unwrap_err().to_string();
        assert!(error.contains(&format!("pid {}", std::process::id())), "{error}");
        drop(listener);
        // Another test may just be starting a program, which holds all that is open until it is loaded.
        assert!(wait_until(Duration::from_secs(10), || check_free(addr, "--listen").is_ok()));
    }

    #[test]
    fn nobody_there_is_said() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        assert_eq!(reachable(&addr), Ok(()));
        drop(listener);
        assert!(reachable(&addr).is_err());
        assert!(reachable("no port").is_err());
    }
}
