//! The shipped Prometheus rules and Grafana dashboard, with a real Prometheus that reads a real Envoy: a wave comes, the alert fires,
//! the command that it gives works, and every query of the dashboard returns data.

use std::collections::HashSet;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use integration_tests::client::{ACTIVITY_JSON, delivery, exchange};
use integration_tests::harness::{FORGED, LIKE};
use integration_tests::media::Media;
use serde_json::Value;
use xtask::process::{tail, wait_until};
use xtask::pypi::on_path;
use xtask::stack::Stack;
use xtask::supervised::Supervised;
use xtask::workspace::root;

/// Longer than anything may take: Envoy alone gives its histograms out every 5 s, and the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// One rule in shadow, and runtime keys that are read at once.
const POLICY: &str = r#"{"inbox":{"recipients":{"mode":"shadow","max":2}},"runtime":{"poll_seconds":1}}"#;

/// Debian's Prometheus and its promtool, or `None` with the reason printed.
fn installed() -> Option<(PathBuf, PathBuf)> {
    let found = on_path("prometheus").zip(on_path("promtool"));
    if found.is_none() {
        println!("skipped: prometheus and promtool are not on PATH (Debian: apt-get install prometheus)");
    }
    found
}

fn folder() -> PathBuf {
    root().join("envoy/prometheus")
}

fn dashboard() -> Value {
    let file = root().join("envoy/grafana/sekisho.json");
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn panels(dashboard: &Value) -> &[Value] {
    dashboard["panels"].as_array().unwrap()
}

/// A running Prometheus. It is stopped when dropped.
struct Prometheus {
    addr: SocketAddr,
    log: PathBuf,
    _process: Supervised,
}

impl Prometheus {
    /// With the shipped configuration, in which only the targets and the intervals are others.
    fn start(program: &Path, media: &Media) -> Self {
        let stack = &media.stack;
        let dir = stack.dir().join("prometheus");
        fs::create_dir(&dir).unwrap();
        let mut config = fs::read_to_string(folder().join("prometheus.yml")).unwrap();
        let (target, service) = (stack.metrics_addr().to_string(), media.addr().to_string());
        for (from, to) in [
            ("127.0.0.1:9902", target.as_str()),
            ("127.0.0.1:3001", service.as_str()),
            ("scrape_interval: 15s", "scrape_interval: 1s"),
            ("evaluation_interval: 15s", "evaluation_interval: 1s"),
        ] {
            assert!(config.contains(from), "nothing to edit: {from}");
            config = config.replace(from, to);
        }
        fs::write(dir.join("prometheus.yml"), config).unwrap();
        fs::copy(folder().join("alerts.yml"), dir.join("alerts.yml")).unwrap();

        let log = dir.join("log");
        fs::write(&log, "").unwrap();
        let args = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0"];
        let process = Supervised::spawn(program, &args.map(Into::into), &log, &dir).unwrap();
        let mut addr = None;
        wait_until(PATIENCE, || {
            addr = listening(&fs::read_to_string(&log).unwrap_or_default());
            addr.is_some()
        });
        let addr = addr.unwrap_or_else(|| panic!("Prometheus does not listen: {}", tail(&log, 15)));
        Self { addr, log, _process: process }
    }

    /// `GET /api/v1/..`: the data of a good answer, `None` while there is none.
    fn api(&self, target: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(self.addr).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        let answer = xtask::http::request(&mut stream, "GET", "localhost", target).ok()?;
        let mut answer: Value = serde_json::from_slice(&answer.body).ok()?;
        assert_ne!(answer["errorType"], "bad_data", "{target}: {answer}");
        (answer["status"] == "success").then(|| answer["data"].take())
    }

    /// The values of an expression now. What has no value (NaN, a quantile of nothing) is left out.
    fn query(&self, expression: &str) -> Vec<f64> {
        let data = self.api(&format!("/api/v1/query?query={}", percent_encoded(expression)));
        let series = data.as_ref().and_then(|data| data["result"].as_array()).into_iter().flatten();
        let values = series.map(|one| one["value"][1].as_str().unwrap().parse::<f64>().unwrap());
        values.filter(|value| !value.is_nan()).collect()
    }

    /// The alert that fires for a rule.
    fn firing(&self, name: &str, rule: &str) -> Option<Value> {
        let alerts = self.api("/api/v1/alerts")?;
        let is_it = |alert: &&Value| {
            alert["labels"]["alertname"] == name && alert["labels"]["rule"] == rule && alert["state"] == "firing"
        };
        alerts["alerts"].as_array()?.iter().find(is_it).cloned()
    }

    fn wait_for(&self, what: &str, done: impl FnMut() -> bool) {
        assert!(wait_until(PATIENCE, done), "{what}: not within {PATIENCE:?}. The log: {}", tail(&self.log, 15));
    }
}

/// The address of `msg="Listening on" address=127.0.0.1:40123`.
fn listening(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("\"Listening on\""))?;
    line.split_once("address=")?.1.split_whitespace().next()?.trim_matches('"').parse().ok()
}

fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

/// The delivery of a note that mentions so many people, by a server that runs Misskey.
fn mentioning(people: usize) -> Vec<u8> {
    let tags: Vec<String> =
        (0..people).map(|n| format!(r#"{{"type":"Mention","href":"https://b.example/{n}"}}"#)).collect();
    note(&format!(r#""tag":[{}]"#, tags.join(",")))
}

/// The delivery of a note with a further member.
fn note(member: &str) -> Vec<u8> {
    let note = format!(
        r#"{{"type":"Create","id":"https://a.example/1","actor":"https://a.example/u",
        "object":{{"type":"Note","id":"https://a.example/2","attributedTo":"https://a.example/u",{member}}}}}"#
    );
    delivery("/inbox", &format!("{ACTIVITY_JSON}User-Agent: Misskey/2026.10.0\r\n"), note.as_bytes())
}

fn request(method: &str, path: &str) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: sekisho.example\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

/// Whether a delivery reaches the server; what is dropped has the same status.
fn passes(stack: &Stack, request: &[u8]) -> bool {
    let answer = exchange(stack.addr(), request).unwrap();
    assert_eq!(answer.status, 202, "{}", answer.text());
    answer.text().contains("origin")
}

/// Forty posts that mention too many people, and beside them what a server sees on every day.
fn wave(stack: &Stack) {
    let recipients = note(r#""to":["https://b.example/1","https://b.example/2","https://b.example/3"]"#);
    for _ in 0..40 {
        assert!(!passes(stack, &mentioning(30)));
    }
    for _ in 0..10 {
        for request in [&delivery("/inbox", ACTIVITY_JSON, LIKE), &mentioning(6), &recipients] {
            assert!(passes(stack, request));
        }
        assert_eq!(exchange(stack.addr(), &delivery("/inbox", ACTIVITY_JSON, FORGED)).unwrap().status, 403);
        for (method, path) in
            [("GET", "/notes/1"), ("GET", "/vite/app.js"), ("POST", "/api/i"), ("POST", "/api/signin")]
        {
            exchange(stack.addr(), &request(method, path)).unwrap();
        }
    }
}

/// A picture for one, and too many at once for a service of one worker and no queue.
fn pictures(media: &Media) {
    let target = |n: usize| media.target(&format!("/data/moving.gif?{n}"), "emoji=1");
    assert_eq!(media.get(&target(0)).status, 200);
    let mut next = 0;
    let turned_away = wait_until(PATIENCE, || {
        next += 16;
        thread::scope(|scope| {
            let asked: Vec<_> = (0..16).map(|n| scope.spawn(move || media.get(&target(next + n)).status)).collect();
            asked.into_iter().any(|status| status.join().unwrap() == 503)
        })
    });
    assert!(turned_away);
}

/// The command of an alert: what follows `http://admin` in `curl .. -X POST 'http://admin/runtime_modify?..'`.
fn command(alert: &Value) -> String {
    let description = alert["annotations"]["description"].as_str().unwrap();
    let (_, rest) = description.split_once("-X POST 'http://admin").unwrap();
    rest.split_once('\'').unwrap().0.to_owned()
}

/// The queries of a panel, or of the annotations, as Grafana would send them.
fn expressions(queries: &Value) -> Vec<String> {
    let queries = queries.as_array().into_iter().flatten().filter_map(|query| query["expr"].as_str());
    queries
        .map(|query| {
            let variables = [("$__rate_interval", "30s"), ("$__range", "5m"), ("$instance", ".+")];
            let query = variables.iter().fold(query.to_owned(), |query, (name, value)| query.replace(name, value));
            assert!(!query.contains('$'), "an unknown variable: {query}");
            query
        })
        .collect()
}

#[test]
fn promtool_accepts_the_files_and_every_alert_is_tested() {
    let Some((_, promtool)) = installed() else { return };
    for args in
        [["check", "config", "prometheus.yml"], ["check", "rules", "alerts.yml"], ["test", "rules", "alerts.test.yml"]]
    {
        let output = Command::new(&promtool).args(args).current_dir(folder()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "promtool {}: {}", args.join(" "), String::from_utf8_lossy(&said));
    }
    let read = |name: &str| fs::read_to_string(folder().join(name)).unwrap();
    let (alerts, tests) = (read("alerts.yml"), read("alerts.test.yml"));
    let names: Vec<&str> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 10);
    for name in names {
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "{name} has no test");
    }
}

#[test]
fn the_alert_fires_on_a_wave_its_command_works_and_the_dashboard_has_data() {
    let Some((program, _)) = installed() else { return };
    let media = Media::start(r#","workers":1,"queue":0"#, |options| options.policy(POLICY));
    let stack = &media.stack;
    let prometheus = Prometheus::start(&program, &media);
    // A wave is seen by its difference to what was before.
    let quiet = "sekisho_decisions{rule=\"inbox.mentions\",mode=\"enforce\"}";
    prometheus.wait_for("the target is up", || prometheus.query("up{job=\"sekisho\"}") == [1.0]);
    prometheus.wait_for("the media service is up", || prometheus.query("up{job=\"sekisho-media\"}") == [1.0]);
    prometheus.wait_for("the counter is read at 0", || prometheus.query(quiet) == [0.0]);
    assert_eq!(prometheus.firing("SpamWave", "inbox.mentions"), None);

    wave(stack);
    pictures(&media);
    let mut alert = None;
    prometheus.wait_for("SpamWave fires", || {
        alert = prometheus.firing("SpamWave", "inbox.mentions");
        alert.is_some()
    });
    let alert = alert.unwrap();
    println!("{}\n{}", alert["annotations"]["summary"], alert["annotations"]["description"]);

    // What the alert says to type: five at most, where twenty were allowed.
    let command = command(&alert);
    assert_eq!(command, "/runtime_modify?sekisho.inbox.mentions.max=5");
    assert_eq!(stack.admin().post(&command).unwrap().status, 200);
    prometheus.wait_for("the limit is in force", || (0..8).all(|_| !passes(stack, &mentioning(6))));
    prometheus.wait_for("the graph shows it", || {
        prometheus.query("sekisho_runtime_keys{state=\"applied\"}") == [1.0]
            && prometheus.query("changes(sekisho_policy_fingerprint[1m])").iter().any(|changes| *changes > 0.0)
    });

    // Rates look back half a minute, and on a busy machine all this took longer.
    pictures(&media);
    every_query_returns_data(&prometheus);
}

fn every_query_returns_data(prometheus: &Prometheus) {
    let dashboard = dashboard();
    let mut wanted = Vec::new();
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap();
        wanted.extend(expressions(&panel["targets"]).into_iter().map(|expression| (title.to_owned(), expression)));
    }
    let annotations = expressions(&dashboard["annotations"]["list"]);
    assert_eq!(annotations.len(), 2);
    wanted.extend(annotations.into_iter().map(|expression| ("annotations".to_owned(), expression)));
    println!("{} queries of the dashboard", wanted.len());
    assert!(wanted.len() > 40);

    // Histograms come every 5 s, and each needs two values.
    wait_until(PATIENCE, || {
        wanted.retain(|(_, expression)| prometheus.query(expression).is_empty());
        wanted.is_empty()
    });
    assert!(wanted.is_empty(), "no data: {wanted:#?}");
}

#[test]
fn every_panel_of_the_dashboard_has_its_place_and_its_words() {
    let dashboard = dashboard();
    let (mut ids, mut titles, mut taken) = (HashSet::new(), HashSet::new(), HashSet::new());
    for panel in panels(&dashboard) {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()) && titles.insert(title), "{title} is there twice");
        let side = |name: &str| panel["gridPos"][name].as_u64().unwrap();
        assert!(side("x") + side("w") <= 24, "{title} is too wide");
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "{title} lies over another");
            }
        }
        if panel["type"] == "row" {
            continue;
        }
        assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{title} is not described");
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{title} has no unit");
        for target in panel["targets"].as_array().unwrap() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
        }
    }
}
