//! The server: accepts clients, a thread for each.
//!
//! **Invariant:** only requests that name this machine, and come from no page of another server, are
//! answered by more than a refusal.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::Request;

/// How long a client may take to send its request, and to take each part of the answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most clients at a time.
const CLIENTS_MAX: usize = 16;
/// After a failure to accept, no client is accepted for this time.
const RETRY: Duration = Duration::from_millis(100);

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: &'static str,
    pub(crate) kind: &'static str,
    /// Further header fields, each with its end of line.
    pub(crate) fields: &'static str,
    pub(crate) content: String,
}

impl Reply {
    /// A short text.
    pub(crate) fn text(status: &'static str, text: &str) -> Reply {
        let kind = "text/plain; charset=utf-8";
        Reply { status, kind, fields: "", content: text.to_owned() }
    }

    /// Writes it. There is no other on the same connection.
    pub(crate) fn write(&self, client: &mut TcpStream) -> io::Result<()> {
        let Reply { status, kind, fields, content } = self;
        let length = content.len();
        client.write_all(
            format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\
                 X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n{fields}Connection: close\r\n\r\n"
            )
            .as_bytes(),
        )?;
        client.write_all(content.as_bytes())
    }
}

/// Answers requests at `address`, one of this machine, on threads called `name`, until the process ends.
/// Returns the address at which it listens. `answer` writes the whole answer.
///
/// # Errors
///
/// If it cannot listen there.
pub(crate) fn serve(
    name: &str,
    address: SocketAddr,
    answer: impl Fn(&Request, &mut TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<SocketAddr> {
    if !address.ip().is_loopback() {
        let why = "this is shown to this machine only: write 127.0.0.1 or [::1] before the port";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    }
    let listener = TcpListener::bind(address)?;
    let bound = listener.local_addr()?;
    let (answer, clients) = (Arc::new(answer), Arc::new(AtomicUsize::new(0)));
    let run = move |name: &str| {
        for client in listener.incoming() {
            let Ok(client) = client else {
                thread::sleep(RETRY);
                continue;
            };
            let Some(place) = Place::take(&clients) else { continue };
            let answer = answer.clone();
            let one = move || {
                // A client that goes away early loses its answer, and no other does.
                drop(serve_one(client, bound, &*answer));
                drop(place);
            };
            if thread::Builder::new().name(name.to_owned()).spawn(one).is_err() {
                thread::sleep(RETRY);
            }
        }
    };
    let name = name.to_owned();
    thread::Builder::new().name(name.clone()).spawn(move || run(&name))?;
    Ok(bound)
}

/// A place for a client, free again when it is dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    /// Takes a place if one is free. Otherwise the connection is closed.
    fn take(clients: &Arc<AtomicUsize>) -> Option<Place> {
        let before = clients.fetch_add(1, Ordering::Relaxed);
        let place = Place(clients.clone());
        (before < CLIENTS_MAX).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn serve_one(
    mut client: TcpStream,
    own: SocketAddr,
    answer: &impl Fn(&Request, &mut TcpStream) -> io::Result<()>,
) -> io::Result<()> {
    client.set_read_timeout(Some(PATIENCE))?;
    client.set_write_timeout(Some(PATIENCE))?;
    client.set_nodelay(true)?;
    match Request::read(&mut client, PATIENCE)? {
        None => Reply::text("400 Bad Request", "This is no request.\n").write(&mut client),
        Some(request) if !request.names(own) => {
            let why = format!("Write http://{own}/ to reach this page.\n");
            Reply::text("421 Misdirected Request", &why).write(&mut client)
        }
        Some(request) if !request.may_read() => {
            Reply::text("403 Forbidden", "Pages of other servers may not read this.\n")
                .write(&mut client)
        }
        Some(request) => answer(&request, &mut client),
    }
}
