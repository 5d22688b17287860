//! `hopwise serve` as its clients see it, through the `redis` crate and through plain sockets.
//!
//! **Invariant:** each test starts a server of its own, on a free port, and stops it.

mod accounts;
mod commands;
mod crashes;
mod hostile;
mod order;
mod rolling;
mod stop;
mod target;
mod tools;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use hopwise_harness::base::wall_clock::WallClock;
use redis::{Connection, FromRedisValue, RedisError};

/// Everything takes less time than this.
const PATIENCE: Duration = Duration::from_secs(30);

/// A server, which is killed at the end.
struct Server {
    child: Child,
    address: SocketAddr,
    /// Where its metrics are.
    metrics: SocketAddr,
}

impl Server {
    /// A server with these arguments, separated by spaces.
    fn start(arguments: &str) -> Server {
        Server::start_by(Command::new(env!("CARGO_BIN_EXE_hopwise")), arguments)
    }

    /// A server at this address for clients, which may have been another one's.
    fn start_at(address: SocketAddr, arguments: &str) -> Server {
        Server::start_at_by(Command::new(env!("CARGO_BIN_EXE_hopwise")), address, arguments)
    }

    /// A server that may open so many descriptors.
    fn start_limited(descriptors: u32, arguments: &str) -> Server {
        let mut shell = Command::new("sh");
        let program = env!("CARGO_BIN_EXE_hopwise");
        shell.args(["-c", &format!("ulimit -n {descriptors}; exec {program} \"$@\""), "sh"]);
        Server::start_by(shell, arguments)
    }

    fn start_by(program: Command, arguments: &str) -> Server {
        Server::start_at_by(program, SocketAddr::from(([127, 0, 0, 1], 0)), arguments)
    }

    fn start_at_by(mut program: Command, address: SocketAddr, arguments: &str) -> Server {
        let mut child = program
            .args("serve --metrics 127.0.0.1:0 --listen".split(' '))
            .arg(address.to_string())
            .args(arguments.split_whitespace())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let output = child.stdout.as_mut().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it is text");
        let address_after = |word: &str| -> SocketAddr {
            let rest = line.split_once(word).unwrap_or_else(|| panic!("{line}")).1;
            let end = rest.find(|it: char| !it.is_ascii_digit() && it != '.' && it != ':');
            let address = rest[..end.unwrap_or(rest.len())].trim_end_matches(':');
            address.parse().unwrap_or_else(|why| panic!("{line}: {why}"))
        };
        let (address, metrics) = (address_after("ready at "), address_after("http://"));
        Server { child, address, metrics }
    }

    /// A connection that speaks RESP3.
    fn connect(&self) -> Connection {
        self.open(&format!("redis://{}/?protocol=resp3", self.address)).expect("it accepts")
    }

    /// A connection by this URL.
    fn open(&self, url: &str) -> Result<Connection, RedisError> {
        let connection = redis::Client::open(url)?.get_connection_with_timeout(PATIENCE)?;
        connection.set_read_timeout(Some(PATIENCE))?;
        Ok(connection)
    }

    /// A connection of bytes.
    fn plain(&self) -> Plain {
        let stream = TcpStream::connect(self.address).expect("it accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket has one");
        Plain(BufReader::new(stream))
    }

    /// The metrics page.
    fn metrics_page(&self) -> String {
        let mut stream = TcpStream::connect(self.metrics).expect("it accepts");
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", self.metrics);
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut page = String::new();
        stream.read_to_string(&mut page).expect("it is text");
        assert!(page.starts_with("HTTP/1.1 200 OK\r\n"), "{page}");
        page
    }

    /// Sends a signal.
    fn signal(&self, signal: i32) {
        // SAFETY: the child has not been waited for, so the number is its own.
        unsafe { libc::kill(self.child.id() as i32, signal) };
    }

    /// Waits for the end. Returns the status, and what it has written to standard error.
    fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("it ends");
        let mut errors = String::new();
        let stderr = self.child.stderr.as_mut().expect("it is piped");
        stderr.read_to_string(&mut errors).expect("it is text");
        (status, errors)
    }

    /// The most memory that it has used, in KiB.
    fn peak_kib(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let text = std::fs::read_to_string(status).expect("it runs");
        let line =
            text.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says it");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A connection of bytes.
struct Plain(BufReader<TcpStream>);

impl Plain {
    fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).expect("the server reads");
    }

    /// The next line, without its end; empty at the end.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).expect("the server answers");
        line.trim_end().to_owned()
    }

    /// All that comes until the server closes the connection.
    fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        // A server that closes with input unread resets the connection.
        let _ = self.0.read_to_end(&mut rest);
        String::from_utf8_lossy(&rest).into_owned()
    }
}

/// Sends the words of a line as a command.
fn ask<T: FromRedisValue>(connection: &mut Connection, line: &str) -> Result<T, RedisError> {
    let mut words = line.split(' ');
    let mut command = redis::cmd(words.next().unwrap_or_default());
    words.for_each(|word| {
        command.arg(word);
    });
    command.query(connection)
}

/// Sends a command that must succeed.
fn get<T: FromRedisValue>(connection: &mut Connection, line: &str) -> T {
    ask(connection, line).unwrap_or_else(|why| panic!("{line}: {why}"))
}

/// Sends a command that must fail, and returns how.
fn error(connection: &mut Connection, line: &str) -> String {
    match ask::<redis::Value>(connection, line) {
        Ok(value) => panic!("{line}: {value:?}"),
        Err(why) => why.to_string(),
    }
}

/// Waits until `is_it` holds.
fn wait_until(what: &str, mut is_it: impl FnMut() -> bool) {
    let from = WallClock::start();
    while !is_it() {
        assert!(from.elapsed() < PATIENCE, "{what} does not come about");
        thread::sleep(Duration::from_millis(200));
    }
}

/// A file that is removed at the end.
struct TemporaryFile(PathBuf);

impl TemporaryFile {
    fn new(name: &str) -> TemporaryFile {
        let name = format!("hopwise-serve-{name}-{}", std::process::id());
        TemporaryFile(std::env::temp_dir().join(name))
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a plain name")
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        // It may not have been written.
        let _ = std::fs::remove_file(&self.0);
    }
}
