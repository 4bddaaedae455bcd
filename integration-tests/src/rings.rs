//! Stacks that lead to one another, and what stands between them: plain proxies, an attacker's server, and a media proxy of the old kind.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use xtask::http::Response;
use xtask::origin::Origin;
use xtask::stack::{Options, Stack};
use xtask::workspace::target_dir;

use crate::client::exchange;
use crate::harness::LOCAL;
use crate::media::origin::{MediaOrigin, decoded};
use crate::media::{encoded, request};
use crate::plain::plain;
use crate::site::{Answer, Asked, Site};

/// A loop that nothing else ends is ended here: so many requests get through a [`Front`], or through all naive media proxies of a ring.
pub const LIMIT: usize = 64;

/// Below those that the system gives out: each stack has it at an address of its own.
const PORT: u16 = 18080;

/// Where a stack can listen, known before it does. No other process of these tests has the same.
///
/// # Panics
/// When a process wants more than 254.
pub fn address() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(number < 255, "no address left");
    let [.., high, low] = std::process::id().to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, 64 | (high & 63), low, number), PORT))
}

/// A proxy without any thought of loops: it takes fields away, or asks for something else than it was asked for.
pub struct Front {
    site: Site,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    route: Mutex<Route>,
    passed: AtomicUsize,
    answers: Mutex<Vec<u16>>,
}

#[derive(Clone, Default)]
struct Route {
    to: Option<SocketAddr>,
    target: Option<String>,
    without: Vec<&'static str>,
}

impl Front {
    /// Starts one that leads nowhere yet.
    pub fn start() -> Self {
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        Self { site: Site::start(move |asked| serving.answer(asked)), shared }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.site.addr()
    }

    /// From now on it passes everything on to `to`, for another target if one is given, without some fields. A `user-agent` among them is replaced by that of a browser.
    ///
    /// # Panics
    /// When another thread panicked.
    pub fn lead(&self, to: SocketAddr, target: Option<String>, without: &[&'static str]) {
        *self.shared.route.lock().unwrap() = Route { to: Some(to), target, without: without.to_vec() };
    }

    /// The statuses of what it was answered; they are forgotten.
    ///
    /// # Panics
    /// When another thread panicked.
    pub fn take_answers(&self) -> Vec<u16> {
        self.shared.passed.store(0, Ordering::Release);
        std::mem::take(&mut self.shared.answers.lock().unwrap())
    }
}

impl Shared {
    fn answer(&self, asked: &Asked) -> Answer {
        let Route { to: Some(to), target, without } = self.route.lock().unwrap().clone() else {
            return Answer::missing();
        };
        if self.passed.fetch_add(1, Ordering::AcqRel) >= LIMIT {
            return Answer::plain(500, "the limit");
        }
        let target = target.as_ref().unwrap_or(&asked.target);
        let mut head = format!("{} {target} HTTP/1.1\r\nConnection: close\r\n", asked.method);
        for line in asked.head.lines().skip(1).filter(|line| !line.is_empty()) {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            if name != "connection" && !without.contains(&name.as_str()) {
                head += &format!("{line}\r\n");
            }
        }
        if without.contains(&"user-agent") {
            head += "User-Agent: Mozilla/5.0\r\n";
        }
        let answered = exchange(to, &[head.as_bytes(), b"\r\n", &asked.body].concat());
        let status = answered.as_ref().map_or(502, |answer| answer.status);
        self.answers.lock().unwrap().push(status);
        Answer::plain(status, answered.map(|answer| answer.body).unwrap_or_default())
    }
}

/// What a media proxy was before anybody thought of chains: it fetches whatever it is asked for, as a browser would, and follows redirects. `spent` is how often all that share it did.
fn naive(spent: Arc<AtomicUsize>) -> Site {
    Site::start(move |asked| {
        if asked.target == "/healthz" || spent.fetch_add(1, Ordering::AcqRel) >= LIMIT {
            return Answer::of("image/png", "a picture");
        }
        let (path, query) = asked.target.split_once('?').unwrap_or((&asked.target, ""));
        let mut url = query.strip_prefix("url=").map_or_else(|| path.replacen("/proxy/", "http://", 1), decoded);
        for _ in 0..3 {
            let Some(answer) = fetch(&url) else { return Answer::plain(502, "") };
            match answer.field("location") {
                Some(location) => url = location.to_owned(),
                None => return Answer::plain(answer.status, answer.body),
            }
        }
        Answer::plain(502, "")
    })
}

fn fetch(url: &str) -> Option<Response> {
    let (host, path) = url.strip_prefix("http://")?.split_once('/')?;
    let head = format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: Mozilla/5.0\r\nConnection: close\r\n\r\n");
    exchange(host.parse().ok()?, head.as_bytes()).ok()
}

/// Names of the members of a ring, and what else their policies say.
#[derive(Clone, Copy, Default)]
pub struct Names {
    /// `via.pseudonym` of each.
    pub via: &'static [&'static str],
    /// `media.pseudonym` of each.
    pub media: &'static [&'static str],
    /// Further members of the section `via`, each after a comma.
    pub more_via: &'static str,
    /// Further members of the section `media`, each after a comma.
    pub more_media: &'static str,
}

/// Stacks with a media service each, and a [`Front`] before each.
pub struct Ring {
    /// Where pictures come from. It redirects too, but only to itself.
    pub origin: MediaOrigin,
    /// A server whose `/r` leads to the media proxy of the next stack, for the same URL.
    pub attacker: Site,
    /// What leads to the stack of the same number.
    pub fronts: Vec<Front>,
    /// The stacks.
    pub stacks: Vec<Stack>,
    naive: Vec<Site>,
    spent: Arc<AtomicUsize>,
    _upstream: Origin,
}

/// How many requests were received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Count {
    /// By each Envoy.
    pub envoys: Vec<u64>,
    /// By each media service.
    pub media: Vec<u64>,
}

impl Count {
    /// By all Envoys.
    pub fn envoys(&self) -> u64 {
        self.envoys.iter().sum()
    }

    /// By all media services.
    pub fn media(&self) -> u64 {
        self.media.iter().sum()
    }
}

impl Ring {
    /// A ring with the filter and our media service, one member for each name.
    ///
    /// # Panics
    /// When something does not start.
    pub fn start(names: Names) -> Self {
        let mut ring = Self::without_stacks(names.via.len());
        let fronts = ring.fronts.iter().map(|front| front.addr().port());
        let ports: Vec<u16> =
            [PORT, ring.origin.addr().port(), ring.attacker.addr().port()].into_iter().chain(fronts).collect();
        let Names { more_via, more_media, .. } = names;
        for (front, (via, media)) in ring.fronts.iter().zip(names.via.iter().zip(names.media)) {
            let policy = format!(
                r#"{{"via":{{"pseudonym":"{via}"{more_via}}},"media":{{"pseudonym":"{media}","allow_http":true,"allowed_ports":{ports:?},"allowed_networks":["127.0.0.0/8"]{more_media}}}}}"#
            );
            let options = Options::new(ring._upstream.addr()).unwrap().policy(&*policy).media(policy);
            ring.stacks.push(Stack::start(&Options { listen: front.shared.addr(), ..options }).unwrap());
        }
        ring
    }

    /// The same of plain Envoys and media proxies that know nothing of loops.
    ///
    /// # Panics
    /// When something does not start.
    pub fn naive(members: usize) -> Self {
        let mut ring = Self::without_stacks(members);
        for front in &ring.fronts {
            let naive = naive(Arc::clone(&ring.spent));
            let listen = front.shared.addr();
            let options = Options::new(ring._upstream.addr()).unwrap();
            // Where the stack expects a media service if it has none.
            let options = options.edit("port_value: 9\n", format!("port_value: {}\n", naive.addr().port()));
            let folder = target_dir().join(format!("naive/{members}-{}", ring.stacks.len()));
            ring.stacks.push(Stack::start(&Options { listen, ..plain(&options, folder).unwrap() }).unwrap());
            ring.naive.push(naive);
        }
        ring
    }

    fn without_stacks(members: usize) -> Self {
        let fronts: Vec<Front> = (0..members).map(|_| Front::start()).collect();
        let addrs: Vec<SocketAddr> = fronts.iter().map(|_| address()).collect();
        for (front, addr) in fronts.iter().zip(&addrs) {
            front.lead(*addr, None, &[]);
        }
        let asked = AtomicUsize::new(1);
        let attacker = Site::start(move |request| {
            let next = addrs[asked.fetch_add(1, Ordering::AcqRel) % addrs.len()];
            let again = encoded(&format!("http://{}/r", request.field("host").unwrap_or_default()));
            Answer::plain(302, "").with("location", &format!("http://{next}/proxy/x.webp?url={again}"))
        });
        Self {
            origin: MediaOrigin::spawn(),
            attacker,
            fronts,
            stacks: Vec::new(),
            naive: Vec::new(),
            spent: Arc::default(),
            _upstream: Origin::spawn(LOCAL).unwrap(),
        }
    }

    /// The front of each stack asks for a picture that the next front has, by the same path: a loop in which no URL looks like one. Gives the URL at the second.
    pub fn close(&self, without: &[&'static str]) -> String {
        let urls: Vec<String> = self.fronts.iter().map(|front| format!("http://{}/cat.png", front.addr())).collect();
        for (front, next) in self.fronts.iter().zip(urls.iter().cycle().skip(1)) {
            let target = format!("/proxy/x.webp?url={}", encoded(next));
            front.lead(front.shared.addr(), Some(target), without);
        }
        urls.into_iter().nth(1).unwrap_or_default()
    }

    /// The URL of a picture behind so many media proxies, in turn; `nest` puts a URL into one of a stack.
    pub fn nested(&self, depth: usize, nest: impl Fn(&Stack, &str) -> String) -> String {
        let picture = self.origin.url("/data/still.png");
        let stacks: Vec<&Stack> = self.stacks.iter().cycle().take(depth).collect();
        stacks.iter().rev().fold(picture, |url, stack| nest(stack, &url))
    }

    /// Asks the first stack as a browser does; the answer, and what was received by whom for it.
    ///
    /// # Panics
    /// When there is no answer.
    pub fn ask(&self, target: &str) -> (Response, Count) {
        let before = self.count();
        self.spent.store(0, Ordering::Release);
        let request = request("GET", target, "User-Agent: Mozilla/5.0\r\nConnection: close\r\n");
        let answer = exchange(self.stacks[0].addr(), &request).unwrap();
        let after = self.count();
        let less = |after: Vec<u64>, before: Vec<u64>| {
            after.iter().zip(before).map(|(after, before)| after - before).collect()
        };
        (answer, Count { envoys: less(after.envoys, before.envoys), media: less(after.media, before.media) })
    }

    fn count(&self) -> Count {
        let ours = |stack: &Stack| Some(handled(stack.media_addr()?));
        let asked = |site: &Site| site.asked().iter().filter(|asked| asked.target != "/healthz").count() as u64;
        Count {
            envoys: self.stacks.iter().map(received).collect(),
            media: self.stacks.iter().filter_map(ours).chain(self.naive.iter().map(asked)).collect(),
        }
    }
}

impl Shared {
    fn addr(&self) -> SocketAddr {
        self.route.lock().unwrap().to.expect("a front of a ring leads to its stack")
    }
}

/// How many requests Envoy received.
///
/// # Panics
/// When it does not count them.
pub fn received(stack: &Stack) -> u64 {
    stack.admin().stat("http.sekisho.downstream_rq_total").unwrap()
}

/// How many requests for media our service has answered.
fn handled(service: SocketAddr) -> u64 {
    let page = exchange(service, &request("GET", "/metrics", "Connection: close\r\n")).unwrap().text();
    let samples = page.lines().filter(|line| line.starts_with("sekisho_media_requests_total{"));
    samples.map(|sample| sample.rsplit(' ').next().unwrap().parse::<u64>().unwrap()).sum()
}
