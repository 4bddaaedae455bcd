//! A name server of a few lines: UDP, one question, one answer (RFC 1035 section 4).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const A: u16 = 1;
pub const CNAME: u16 = 5;
pub const AAAA: u16 = 28;

/// What comes back for a question.
pub enum Reply {
    /// Records: owner, TTL in seconds, data.
    Records(Vec<(String, u32, Data)>),
    /// A status code and nothing else: 0 is "no such records", 2 a failure, 3 "no such name".
    Code(u8),
    /// Cut off: the client has to ask by TCP, where nobody listens.
    Cut,
    /// These bytes, after the question's id.
    Garbage(Vec<u8>),
    /// A well-formed answer to another question: the id is wrong.
    WrongId(IpAddr),
    /// Nothing at all.
    Silence,
}

#[derive(Clone)]
pub enum Data {
    Address(IpAddr),
    Name(String),
}

/// Records of one address for the name asked for.
pub fn address(name: &str, ttl: u32, address: &str) -> Reply {
    Reply::Records(vec![(name.to_owned(), ttl, Data::Address(address.parse().unwrap()))])
}

pub struct Dns {
    pub server: SocketAddr,
    asked: Arc<Mutex<HashMap<(String, u16), usize>>>,
    stop: Arc<AtomicBool>,
}

impl Dns {
    /// Starts a server whose zone is a function of name (lower case, no final dot), type, and how often that was asked before.
    pub fn start(zone: impl Fn(&str, u16, usize) -> Reply + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let server = socket.local_addr().unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        let asked: Arc<Mutex<HashMap<(String, u16), usize>>> = Arc::default();
        let stop = Arc::new(AtomicBool::new(false));
        let (counts, stopped) = (Arc::clone(&asked), Arc::clone(&stop));
        std::thread::spawn(move || {
            let mut packet = [0; 4096];
            while !stopped.load(Ordering::Relaxed) {
                let Ok((length, client)) = socket.recv_from(&mut packet) else { continue };
                let question = Question::read(&packet[..length]);
                let mut counts = counts.lock().unwrap();
                let count = counts.entry((question.name.clone(), question.kind)).or_default();
                let reply = zone(&question.name, question.kind, *count);
                *count += 1;
                drop(counts);
                if let Some(answer) = question.answer(reply) {
                    let _ = socket.send_to(&answer, client);
                }
            }
        });
        Self { server, asked, stop }
    }

    /// How often a name was asked for.
    pub fn asked(&self, name: &str, kind: u16) -> usize {
        self.asked.lock().unwrap().get(&(name.to_owned(), kind)).copied().unwrap_or_default()
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

struct Question {
    id: [u8; 2],
    name: String,
    kind: u16,
    /// The question as it was sent.
    section: Vec<u8>,
}

impl Question {
    fn read(packet: &[u8]) -> Self {
        let (mut at, mut labels) = (12, Vec::new());
        while packet[at] != 0 {
            let length = usize::from(packet[at]);
            labels.push(String::from_utf8_lossy(&packet[at + 1..at + 1 + length]).to_ascii_lowercase());
            at += 1 + length;
        }
        let kind = u16::from_be_bytes([packet[at + 1], packet[at + 2]]);
        Self { id: [packet[0], packet[1]], name: labels.join("."), kind, section: packet[12..at + 5].to_vec() }
    }

    fn answer(&self, reply: Reply) -> Option<Vec<u8>> {
        Some(match reply {
            Reply::Records(records) => self.message(self.id, 0, 0, &records),
            Reply::Code(code) => self.message(self.id, 0, code, &[]),
            Reply::Cut => self.message(self.id, 0x02, 0, &[]),
            Reply::Garbage(bytes) => [&self.id[..], &bytes].concat(),
            Reply::WrongId(address) => {
                let records = [(self.name.clone(), 60, Data::Address(address))];
                self.message([self.id[0] ^ 0xff, self.id[1]], 0, 0, &records)
            }
            Reply::Silence => return None,
        })
    }

    fn message(&self, id: [u8; 2], flags: u8, code: u8, records: &[(String, u32, Data)]) -> Vec<u8> {
        let count = u16::try_from(records.len()).unwrap().to_be_bytes();
        // QR and RD; RA; one question.
        let mut message = vec![id[0], id[1], 0x81 | flags, 0x80 | code, 0, 1, count[0], count[1], 0, 0, 0, 0];
        message.extend(&self.section);
        for (owner, ttl, data) in records {
            if *owner == self.name {
                message.extend([0xc0, 12]);
            } else {
                message.extend(wire(owner));
            }
            let (kind, data) = match data {
                Data::Address(IpAddr::V4(address)) => (A, address.octets().to_vec()),
                Data::Address(IpAddr::V6(address)) => (AAAA, address.octets().to_vec()),
                Data::Name(name) => (CNAME, wire(name)),
            };
            message.extend(kind.to_be_bytes());
            message.extend([0, 1]);
            message.extend(ttl.to_be_bytes());
            message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            message.extend(data);
        }
        message
    }
}

fn wire(name: &str) -> Vec<u8> {
    let label = |label: &str| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat();
    name.split('.').flat_map(label).chain([0]).collect()
}
