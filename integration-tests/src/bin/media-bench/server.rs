//! The two servers that are compared, each on one processor.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use xtask::error::{Context, Error, Result};

use crate::peer::Peer;
use crate::process::THEIRS;

/// A server that runs.
pub struct Server {
    child: Child,
    addr: String,
    connection: Option<BufReader<TcpStream>>,
}

impl Server {
    /// `sekisho media`, allowed to fetch from the origin: one worker, no cache, no rate limit.
    pub fn sekisho(binary: &Path, peer: &Peer, origin_port: u16) -> Result<Self> {
        let policy = format!(
            r#"{{"media":{{"allow_http":true,"allowed_ports":[{origin_port}],"allowed_networks":["127.0.0.0/8"],"listen":"127.0.0.1:0","workers":1,"cache_bytes":0,"client_requests_per_minute":0,"client_seconds_per_minute":0}}}}"#
        );
        let path = peer.dir().join("policy.json");
        fs::write(&path, policy).context(|| path.display().to_string())?;
        let mut command = pinned(binary.as_os_str());
        command.args(["media", "--config"]).arg(path);
        Self::start(command)
    }

    /// sharp behind the smallest server.
    pub fn sharp(peer: &Peer) -> Result<Self> {
        let mut command = pinned("node".as_ref());
        command.arg("server.mjs").current_dir(peer.dir());
        Self::start(command)
    }

    fn start(mut command: Command) -> Result<Self> {
        let shown = xtask::process::shown(&command);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().context(|| shown.clone())?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line).context(|| shown.clone())?;
        }
        let addr = line.trim().rsplit_once("http://").map(|(_, addr)| addr.trim_end_matches('/'));
        let addr = addr.ok_or_else(|| Error::new(format!("`{shown}` does not say where it listens")))?;
        Ok(Self { child, addr: addr.to_owned(), connection: None })
    }

    /// Begins a turn: with a new connection, because nobody keeps an idle one for long.
    pub fn connect(&mut self) -> Result<()> {
        let connection = TcpStream::connect(&self.addr).and_then(|connection| {
            connection.set_nodelay(true)?;
            connection.set_read_timeout(Some(Duration::from_secs(30)))?;
            Ok(connection)
        });
        self.connection = Some(BufReader::new(connection.context(|| self.addr.clone())?));
        Ok(())
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The answer to a request.
    pub fn get(&mut self, target: &str) -> Result<Vec<u8>> {
        let Some(connection) = &mut self.connection else { return Err(Error::new("not connected")) };
        let request = format!("GET {target} HTTP/1.1\r\nHost: media.example\r\nUser-Agent: bench\r\n\r\n");
        connection.get_mut().write_all(request.as_bytes()).context(|| target.to_owned())?;
        let (mut status, mut length) = (String::new(), None);
        loop {
            let mut line = String::new();
            connection.read_line(&mut line).context(|| target.to_owned())?;
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            if status.is_empty() {
                line.clone_into(&mut status);
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().ok();
            }
        }
        let length = length.ok_or_else(|| Error::new(format!("{target}: {status}, without a length")))?;
        let mut body = vec![0; length];
        connection.read_exact(&mut body).context(|| target.to_owned())?;
        if status.starts_with("HTTP/1.1 200") { Ok(body) } else { Err(Error::new(format!("{target}: {status}"))) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs on one processor; as the very process that is started, so that its id is the one to ask for.
fn pinned(program: &std::ffi::OsStr) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", &THEIRS.to_string()]).arg(program);
    command
}
