//! `--watch`: the live page of a run and of a server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::Workplace;

/// Everything takes less time than this.
const PATIENCE: Duration = Duration::from_secs(60);
/// A small simulation that would take far longer than a test at its own pace.
const SMALL: &str = "run steady --engine sim --nodes 16 --seed 7 --set workload.lookups_per_s=200 --duration 20s \
                     --set phases.warmup=1s --set churn.model=poisson --quiet";

/// A program with a live page, killed at the end.
struct Watched {
    child: Child,
    address: String,
}

impl Watched {
    fn start(work: &Workplace, arguments: &str) -> Watched {
        let mut child = work
            .command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let errors = child.stderr.as_mut().expect("it is piped");
        BufReader::new(errors).read_line(&mut line).expect("it is text");
        let rest = line.split_once("http://").unwrap_or_else(|| panic!("{line}")).1;
        let address = rest.split_once('/').expect("an address ends").0.to_owned();
        Watched { child, address }
    }

    /// Sends a request as it stands. Returns the connection.
    fn open(&self, request: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.address).expect("it accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket has one");
        stream.write_all(request.as_bytes()).expect("it reads");
        BufReader::new(stream)
    }

    /// The answer to a request with these fields of its head and this content.
    fn ask(&self, what: &str, fields: &str, content: &str) -> String {
        let length = content.len();
        let request =
            format!("{what} HTTP/1.1\r\n{fields}Content-Length: {length}\r\n\r\n{content}");
        let mut answer = String::new();
        self.open(&request).read_to_string(&mut answer).expect("it is text");
        answer
    }

    /// The field that names the server.
    fn host(&self) -> String {
        format!("Host: {}\r\n", self.address)
    }

    fn events(&self) -> Events {
        Events(self.open(&format!("GET /events HTTP/1.1\r\n{}\r\n", self.host())))
    }

    /// Asks for a pace, as the page does.
    fn command(&self, command: &str) {
        let fields = format!("{}Origin: http://{}\r\n", self.host(), self.address);
        let answer = self.ask("POST /command", &fields, command);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The events of a feed.
struct Events(BufReader<TcpStream>);

impl Events {
    /// The next event with its data; `None` after the last one.
    fn next(&mut self) -> Option<(String, Value)> {
        let mut name = String::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).expect("in time") == 0 {
                return None;
            }
            if let Some(event) = line.strip_prefix("event: ") {
                event.trim_end().clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((name, serde_json::from_str(data).expect("it is JSON")));
            }
        }
    }

    /// The next event of this name.
    fn until(&mut self, wanted: &str) -> Value {
        loop {
            let (name, data) = self.next().unwrap_or_else(|| panic!("no {wanted}"));
            if name == wanted {
                return data;
            }
        }
    }
}

#[test]
fn a_simulation_waits_for_its_page_and_goes_at_its_pace() {
    let work = Workplace::new("watch");
    let alone = work.hopwise(&format!("{SMALL} --out alone"));
    assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stderr));
    let mut run = Watched::start(&work, &format!("{SMALL} --out watched --watch"));
    let page = run.ask("GET /", &run.host(), "");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
    assert!(page.contains("Content-Security-Policy: default-src 'none'"), "{page}");

    let mut events = run.events();
    let hello = events.until("hello");
    assert_eq!((&hello["title"], &hello["is_simulated"]), (&"steady".into(), &true.into()));
    assert_eq!(hello["members"].as_array().map(Vec::len), Some(16));
    let has_tables = |frame: &Value| frame["tables"].as_array().is_some_and(|it| !it.is_empty());
    let first = loop {
        let frame = events.until("frame");
        if has_tables(&frame) {
            break frame;
        }
    };
    let tables = first["tables"].as_array().expect("a list");
    assert_eq!(tables.len(), 16, "the tables of a small ring");
    // On an exact ring, the first successor is the next member.
    let mut members: Vec<u64> =
        hello["members"].as_array().expect("a list").iter().filter_map(Value::as_u64).collect();
    members.sort_unstable();
    for table in tables {
        let at = members.iter().position(|&it| Some(it) == table["node"].as_u64());
        let next = members[(at.expect("a member") + 1) % members.len()];
        assert_eq!(table["successors"][0].as_u64(), Some(next));
    }

    run.command(r#""pause""#);
    assert_eq!(events.until("pace"), "pause");
    run.command(r#"{"step":{"ms":500}}"#);
    events.until("pace");
    let stopped = |events: &mut Events| {
        let mut before = f64::NAN;
        loop {
            let at = events.until("frame")["at"].as_f64().expect("a number");
            if at == before {
                return at;
            }
            before = at;
        }
    };
    let one = stopped(&mut events);
    run.command(r#"{"step":{"ms":500}}"#);
    events.until("pace");
    let moved = events.until("frame")["at"].as_f64().expect("a number");
    let two = stopped(&mut events);
    assert!(moved > one && (0.45..0.6).contains(&(two - one)), "{one} s, {two} s");

    run.command(r#"{"run":"fastest"}"#);
    let verdict = events.until("end");
    let text = verdict["text"].as_str().expect("a text");
    assert!(text.contains("answered correctly"), "{verdict}");
    assert!(events.next().is_none(), "closed");
    assert!(run.child.wait().expect("it ends").success());
    // Looking changes nothing.
    let digest = |folder: &str| {
        let outcome = work.read(&format!("{folder}/outcome.json"));
        let outcome: Value = serde_json::from_str(&outcome).expect("it is JSON");
        (outcome["engine"]["trace_digest"].clone(), outcome["lookups"]["correct"].clone())
    };
    assert_eq!(digest("alone"), digest("watched"));
}

#[test]
fn lookups_of_real_nodes_hop_from_node_to_node() {
    let work = Workplace::new("watch-udp");
    let run = Watched::start(
        &work,
        "run steady --engine udp --nodes 100 --set workload.lookups_per_s=300 --duration 5s --quiet --watch",
    );
    let mut events = run.events();
    let classes = events.until("hello")["classes"].clone();
    let mut lookups: std::collections::BTreeMap<u64, Vec<(f64, u64, u64)>> = Default::default();
    while let Some((name, data)) = events.next() {
        for message in data["messages"].as_array().filter(|_| name == "frame").into_iter().flatten()
        {
            let class = message[0].as_u64().expect("a class") as usize;
            assert_eq!(classes[class][1], true, "only lookups of a large ring: {message}");
            let [from, to, lookup] = [1, 2, 5].map(|at| message[at].as_u64().expect("a number"));
            let sent = message[3].as_f64().expect("a time");
            lookups.entry(lookup).or_default().push((sent, from, to));
        }
    }
    // Along a path each node but the origin gets a message before it sends one, and the origin gets the last.
    let whole = lookups.values().filter(|steps| {
        let came_back = |&(_, _, to): &(f64, u64, u64)| steps.iter().any(|step| step.1 == to);
        steps.len() >= 2 && steps.iter().all(came_back)
    });
    let (whole, all) = (whole.count(), lookups.len());
    assert!(all >= 20 && whole * 10 >= all * 8, "{whole} of {all} lookups are closed paths");
}

#[test]
fn nodes_of_a_server_are_shown_as_they_die() {
    let work = Workplace::new("watch-serve");
    let mut server = Watched::start(&work, "serve --nodes 20 --listen 127.0.0.1:0 --watch --quiet");
    let mut line = String::new();
    let output = server.child.stdout.as_mut().expect("it is piped");
    BufReader::new(output).read_line(&mut line).expect("it is text");
    let clients = line.split_once("ready at ").expect("it is ready").1;
    let clients = clients.split_once(": ").expect("an address ends").0.to_owned();
    let mut events = server.events();
    let hello = events.until("hello");
    assert_eq!(hello["members"].as_array().map(Vec::len), Some(20));
    assert_eq!(hello["command"], Value::Null, "real nodes have no pace");
    let mut client = TcpStream::connect(clients).expect("it accepts");
    client.write_all(b"HOPWISE.CRASH 5\r\n").expect("it reads");
    let mut crashed = 0;
    while crashed < 5 {
        let frame = events.until("frame");
        let changes = frame["changes"].as_array().expect("a list");
        crashed += changes.iter().filter(|change| change[0] == "crashed").count();
    }
    assert_eq!(crashed, 5);
    let figures = events.until("figures");
    let layout = hello["layout"]["figures"].as_array().map(Vec::len);
    assert_eq!(figures["values"].as_array().map(Vec::len), layout);
    let fields = format!("{}Origin: http://{}\r\n", server.host(), server.address);
    let answer = server.ask("POST /command", &fields, r#""pause""#);
    assert!(answer.starts_with("HTTP/1.1 409 "), "{answer}");
}

#[test]
fn other_hosts_and_pages_are_refused() {
    let work = Workplace::new("watch-others");
    let run = Watched::start(&work, &format!("{SMALL} --watch"));
    let own = run.host();
    for (what, fields, status) in [
        ("GET /", "Host: evil.example\r\n".to_owned(), "421"),
        ("GET /events", "Host: evil.example\r\n".to_owned(), "421"),
        ("GET /", String::new(), "421"),
        ("GET /events", format!("{own}Origin: http://evil.example\r\n"), "403"),
        ("GET /events", format!("{own}Sec-Fetch-Site: cross-site\r\n"), "403"),
        ("POST /command", own.clone(), "403"),
        ("POST /command", format!("{own}Origin: null\r\n"), "403"),
        ("POST /command", format!("{own}Origin: http://{}\r\n", run.address), "400"),
        ("GET /other", own.clone(), "404"),
        ("DELETE /", own.clone(), "404"),
        ("nonsense", own.clone(), "400"),
    ] {
        let answer = run.ask(what, &fields, "");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{what} {fields}: {answer}");
    }
    // Clients that say nothing keep nobody else out for long.
    let silent: Vec<_> = (0..100).map(|_| TcpStream::connect(&run.address)).collect();
    std::thread::sleep(Duration::from_millis(2500));
    assert!(run.ask("GET /", &own, "").starts_with("HTTP/1.1 200 "));
    drop(silent);
}

#[test]
fn only_this_machine_may_look() {
    let work = Workplace::new("watch-address");
    for command in [SMALL, "serve --nodes 4 --listen 127.0.0.1:0"] {
        let output = work.hopwise(&format!("{command} --watch=0.0.0.0:0"));
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("this machine only: write 127.0.0.1"), "{error}");
    }
    let output = work.hopwise(&format!("{SMALL} --watch --seeds 0..3"));
    assert_eq!(output.status.code(), Some(2));
}
