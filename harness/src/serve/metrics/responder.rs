//! The smallest server of one page over HTTP/1.0.
//!
//! **Invariant:** serves one client at a time, each for [`CLIENT_TIME`] at most; keeps no more than
//! [`MAX_REQUEST`] bytes.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::page::page;
use crate::base::wall_clock::WallClock;
use crate::serve::shared::Shared;

/// How long a client may take to send its request, and to take the page.
const CLIENT_TIME: Duration = Duration::from_secs(2);
/// The most bytes of a request that are read.
const MAX_REQUEST: usize = 8 << 10;
/// After a failure to accept, no client is accepted for this time.
const RETRY: Duration = Duration::from_millis(100);

/// Serves the page at `address`, on a thread of its own, until the process ends. Returns the address at
/// which it listens.
///
/// # Errors
///
/// If it cannot listen there.
pub(crate) fn serve(address: SocketAddr, shared: Arc<Shared>) -> Result<SocketAddr, String> {
    let failed = |error: io::Error| format!("--metrics {address}: {error}; choose another port");
    let listener = TcpListener::bind(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let run = move || {
        for client in listener.incoming() {
            match client {
                // A client that goes away early loses its page, and nobody else does.
                Ok(client) => drop(answer(client, &shared)),
                Err(_) => thread::sleep(RETRY),
            }
        }
    };
    thread::Builder::new().name("metrics".to_owned()).spawn(run).map_err(failed)?;
    Ok(bound)
}

fn answer(mut client: TcpStream, shared: &Arc<Shared>) -> io::Result<()> {
    client.set_read_timeout(Some(CLIENT_TIME))?;
    client.set_write_timeout(Some(CLIENT_TIME))?;
    let request = read_head(&mut client)?;
    let (status, body) = match path(&request) {
        Some("/" | "/metrics") => ("200 OK", page(shared)),
        Some(_) => ("404 Not Found", "The page is at /metrics.\n".to_owned()),
        None => ("400 Bad Request", "Write GET /metrics.\n".to_owned()),
    };
    let head = format!(
        "HTTP/1.0 {status}\r\nContent-Type: application/openmetrics-text; version=1.0.0; \
         charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    client.write_all(head.as_bytes())?;
    client.write_all(body.as_bytes())
}

/// Reads a request up to the empty line.
fn read_head(client: &mut impl Read) -> io::Result<Vec<u8>> {
    let (clock, mut head, mut chunk) = (WallClock::start(), Vec::new(), [0; 1024]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = client.read(&mut chunk)?;
        head.extend_from_slice(&chunk[..count]);
        if count == 0 || head.len() > MAX_REQUEST || clock.elapsed() > CLIENT_TIME {
            break;
        }
    }
    Ok(head)
}

/// The path of a `GET`.
fn path(request: &[u8]) -> Option<&str> {
    let line = request.split(|&byte| byte == b'\r').next()?;
    let mut words = str::from_utf8(line).ok()?.split(' ');
    (words.next() == Some("GET")).then(|| words.next()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_get_has_a_path() {
        assert_eq!(path(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"), Some("/metrics"));
        for wrong in [&b"POST / HTTP/1.1\r\n\r\n"[..], b"", b"\xff\xff", b"GET\r\n"] {
            assert_eq!(path(wrong), None);
        }
        let endless = read_head(&mut io::repeat(b'x')).expect("it can be read");
        assert!(endless.len() <= MAX_REQUEST + 1024);
    }
}
